//! What stands between the gateway of a cluster and the pods that serve: mutual TLS, authorization, readiness.

use mesh_istio::authorization_policy::{Caller, Holds};
use mesh_istio::peer_authentication::{Mode, Mtls, PeerAuthentication};
use mesh_model::facts::{LabelSet, TargetPort, Workload};
use mesh_model::finding::Code;
use mesh_model::name::Namespace;

use super::mesh::{Held, Mesh};
use super::people::Server;
use super::problem::Problem;

/// Whether a caller is let in.
pub(crate) enum Access {
    /// Yes.
    Allowed,
    /// That depends on the request, or on what only a server knows.
    Depends(String),
    /// No.
    Denied(Problem),
}

/// Which mutual TLS a server takes, and by which object; none where nothing is said.
pub(crate) fn mutual_tls<'m, 'a>(
    mesh: &'m Mesh<'a>,
    server: Server<'_>,
) -> (Mode, Option<&'m Held<'a, PeerAuthentication>>) {
    let port = server.service.and_then(|(service, port)| target_port(mesh, server.workload, service, port));
    let server = server.workload;
    for held in mesh.peers_of(&server.namespace, &server.labels) {
        let by_port = port.and_then(|port| held.spec.port_level_mtls.get(port.to_string().as_str()));
        let of_port = by_port.and_then(Mtls::mode);
        if let Some(mode) = of_port.or_else(|| held.spec.mtls.as_ref().and_then(Mtls::mode)) {
            return (mode, Some(held));
        }
    }
    (Mode::Permissive, None)
}

/// That a server takes no mutual TLS, if it takes none.
pub(crate) fn disabled(mesh: &Mesh<'_>, server: Server<'_>) -> Option<Problem> {
    let (Mode::Disable, Some(held)) = mutual_tls(mesh, server) else { return None };
    let server = server.workload;
    let what =
        format!("it takes mutual TLS away from {}/{}: 503 UF WRONG_VERSION_NUMBER", server.namespace, server.name);
    Some(Problem::of_object(Code::MtlsDisabled, mesh.cluster, held.key, what))
}

/// The port of a workload's pods that a Service's port leads to; none where it cannot be told.
fn target_port(mesh: &Mesh<'_>, server: &Workload, service: &str, port: u16) -> Option<u16> {
    let services = mesh.facts.services.get(&server.namespace)?;
    let service = services.iter().find(|one| &*one.name == service)?;
    let port = service.ports.iter().find(|one| one.number == port)?;
    match &port.target {
        TargetPort::Unset => Some(port.number),
        TargetPort::Number(number) => Some(*number),
        TargetPort::Name(name) => {
            server.container_ports.iter().find(|(known, _)| known == name).map(|(_, number)| *number)
        }
    }
}

/// Whether `caller` may call `server`.
pub(crate) fn access<'a>(mesh: &Mesh<'a>, server: &'a Workload, caller: Caller<'_>) -> Access {
    let Caller { trust_domain, namespace, service_account } = caller;
    let who = format!("{trust_domain}/ns/{namespace}/sa/{service_account}");
    let of = |action: &'static str| {
        let all = mesh.authorizations_of(&server.namespace, &server.labels);
        all.filter(move |held| held.spec.action() == action).map(move |held| (held, held.spec.matches(caller)))
    };
    let mut depends = of("CUSTOM").next().map(|(held, _)| format!("{} asks an external authorizer", held.key));
    for (held, holds) in of("DENY") {
        match holds {
            Holds::Yes => {
                let what = format!("it denies {who} the call: 403 RBAC: access denied");
                return Access::Denied(Problem::of_object(Code::CallerDenied, mesh.cluster, held.key, what));
            }
            Holds::Maybe => depends = depends.or_else(|| Some(format!("{} denies some requests", held.key))),
            Holds::No => {}
        }
    }
    let mut first = None;
    let mut allowed = Holds::No;
    for (held, holds) in of("ALLOW") {
        first = first.or(Some(held));
        allowed = allowed.or(holds);
    }
    match (first, allowed) {
        (Some(held), Holds::No) => {
            let what = format!("it does not allow {who}: 403 RBAC: access denied");
            Access::Denied(Problem::of_object(Code::CallerDenied, mesh.cluster, held.key, what))
        }
        (Some(held), Holds::Maybe) => {
            Access::Depends(depends.unwrap_or_else(|| format!("{} allows some requests only", held.key)))
        }
        _ => depends.map_or(Access::Allowed, Access::Depends),
    }
}

/// That nobody is ready although somebody should be.
pub(crate) fn nobody_ready(mesh: &Mesh<'_>, server: &Workload) -> Option<Problem> {
    let what = match (server.replicas, server.ready) {
        (Some(0), _) => "it is scaled to no pod at all: 503 UF".to_owned(),
        (Some(wanted), Some(0)) => format!("none of its {wanted} pods is ready: 503 UF"),
        _ => return None,
    };
    let place = format!("{} {}/{}", server.kind.kind(), server.namespace, server.name);
    Some(Problem::new(Code::NobodyReady, Some(mesh.cluster), place, what))
}

/// Whether servers of a namespace take plaintext as well, for all that is said of all of them.
pub(crate) fn is_strict(mesh: &Mesh<'_>, namespace: &Namespace) -> bool {
    let no_labels = LabelSet::default();
    let peers = mesh.peers_of(namespace, &no_labels);
    let modes = peers.iter().filter_map(|held| held.spec.mtls.as_ref()?.mode());
    modes.into_iter().next() == Some(Mode::Strict)
}
