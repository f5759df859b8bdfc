//! What is behind one endpoint: a gateway, the SNI, the Service, and the pods that serve.

use std::sync::Arc;

use mesh_istio::ServiceEntry;
use mesh_istio::authorization_policy::Caller as Principal;
use mesh_istio::peer_authentication::Mode;
use mesh_istio::service_entry::{Endpoint, Port, is_cluster_local};
use mesh_model::facts::LabelSet;
use mesh_model::finding::Code;
use mesh_model::host::host_and_port;
use mesh_model::kind::Kind;
use mesh_model::name::{ClusterName, Host};

use super::client::{Call, foreign, sni};
use super::share::Share;
use super::{Hop, Step, Way};
use crate::check::{Access, EastWest, Held, Mesh, Problem, Server, entry, server, trust};

/// Requests of a client that leave its proxy.
pub(super) struct Route<'r, 'c, 'a> {
    pub(super) call: &'r Call<'c, 'a>,
    pub(super) mesh: &'r Mesh<'a>,
    pub(super) port: Option<&'r Port>,
    /// Accepted identities, and what says so.
    pub(super) accepted: (Vec<Arc<str>>, String),
}

impl<'a> Route<'_, '_, 'a> {
    pub(super) fn way(&self, (endpoint, priority, weight): Share<'_>) -> Way {
        let number = self.port.and_then(|port| endpoint.ports.get(&port.name)).or(self.port.map(|port| &port.number));
        let address = endpoint.address.trim_end_matches('.');
        let shown = number.map_or_else(|| address.to_owned(), |number| host_and_port(address, *number));
        let is_local = is_cluster_local(&endpoint.address);
        let cluster = if is_local { Some(self.mesh.cluster) } else { self.call.scene.cluster_at(address) };
        let sni = self.port.filter(|_| !is_local).map(|port| sni(self.call.host, port.number));
        let hops = match cluster {
            Some(cluster) => self.behind(cluster, endpoint, is_local),
            None => vec![Hop::unknown(Step::Gateway, format!("{address} is no gateway of a member that was seen"))],
        };
        Way {
            address: shown,
            sni,
            accepts: self.accepted.0.clone(),
            cluster: cluster.cloned(),
            region: endpoint.locality.clone(),
            priority,
            weight,
            hops,
        }
    }

    fn behind(&self, cluster: &'a ClusterName, endpoint: &Endpoint, is_local: bool) -> Vec<Hop> {
        let scene = self.call.scene;
        let Some(mesh) = scene.meshes.get(cluster) else {
            return vec![Hop::unknown(Step::Gateway, format!("{cluster} was not seen"))];
        };
        let mut hops = Vec::new();
        let local: Option<String> = if is_local {
            Some(endpoint.address.trim_end_matches('.').to_owned())
        } else {
            let gateway = EastWest::of(mesh, &scene.sites[cluster]);
            hops.push(self.gateway(&gateway, cluster));
            let (hop, local) = self.sni(mesh, &gateway);
            hops.push(hop);
            local
        };
        let servers = self.servers(mesh, local.as_deref());
        hops.push(service(mesh, local.as_deref(), &servers));
        hops.insert(0, self.trust(mesh, &servers));
        if !servers.is_empty() {
            hops.push(self.authentication(mesh, &servers));
            hops.push(self.authorization(mesh, &servers));
            hops.push(self.pods(mesh, &servers));
        }
        hops
    }

    fn base(&self) -> Option<&'a Host> {
        let names = &self.call.desired.names;
        names.iter().find(|(_, name)| name.hosts.contains_key(self.call.host)).map(|(base, _)| base)
    }

    /// Those who serve behind a local endpoint: all of the cluster where the endpoint is not known.
    fn servers(&self, mesh: &Mesh<'a>, local: Option<&str>) -> Vec<Server<'a>> {
        let Some(base) = self.base() else { return Vec::new() };
        let all = self.call.scene.servers_in(mesh.cluster, base).iter().copied();
        let named = local.and_then(|address| address.strip_suffix(".svc.cluster.local")?.split_once('.'));
        all.filter(|server| {
            named.is_none_or(|(service, namespace)| {
                server.workload.namespace.as_str() == namespace
                    && server.service.is_some_and(|(name, _)| name == service)
            })
        })
        .collect()
    }

    fn broken(&self, step: Step, problem: Problem) -> Hop {
        let says = problem.what.clone();
        Hop::broken(step, says, vec![self.call.finding(problem)])
    }

    fn trust(&self, mesh: &Mesh<'a>, servers: &[Server<'a>]) -> Hop {
        let (ours, theirs) = (trust::roots_of(self.mesh), trust::roots_of(mesh));
        let (accepted, place) = &self.accepted;
        for server in servers.iter().filter(|_| !accepted.is_empty()) {
            let id = self.call.scene.spiffe_id(mesh.cluster, server.workload);
            if !accepted.iter().any(|one| **one == id) {
                let what = format!("the client does not accept {id}: 503 UF CERTIFICATE_VERIFY_FAILED");
                return self
                    .broken(Step::Trust, Problem::new(Code::WrongSans, Some(self.mesh.cluster), place.as_str(), what));
            }
        }
        if self.mesh.cluster == mesh.cluster {
            return Hop::ok(Step::Trust, None, "one mesh, one root");
        }
        if ours.is_empty() || theirs.is_empty() {
            return Hop::unknown(Step::Trust, "no ConfigMap istio-ca-root-cert was seen on both sides");
        }
        if ours.keys().any(|root| theirs.contains_key(root)) {
            return Hop::ok(
                Step::Trust,
                Some("ConfigMap istio-ca-root-cert".to_owned()),
                "both sides have a root in common",
            );
        }
        let what = format!(
            "{} and {} have no root in common: 503 UF CERTIFICATE_VERIFY_FAILED",
            self.mesh.cluster, mesh.cluster
        );
        self.broken(Step::Trust, Problem::new(Code::DifferentRoots, Some(mesh.cluster), mesh.cluster.to_string(), what))
    }

    fn gateway(&self, gateway: &EastWest<'_, 'a>, cluster: &ClusterName) -> Hop {
        if let Some(problem) = gateway.not_ready() {
            return self.broken(Step::Gateway, problem);
        }
        if gateway.proxies.is_empty() {
            return Hop::unknown(Step::Gateway, format!("the proxies of {cluster}'s gateway were not found"));
        }
        let by = gateway.proxies.iter().map(|proxy| format!("gateway {}/{}", gateway.namespace(), proxy.name)).next();
        Hop::ok(Step::Gateway, by, format!("the gateway of {cluster}"))
    }

    /// Whether the gateway passes the SNI on, and to which local endpoint.
    fn sni(&self, mesh: &Mesh<'a>, gateway: &EastWest<'_, 'a>) -> (Hop, Option<String>) {
        let host = self.call.host;
        let visible = mesh.entry_for(mesh.root, host);
        let Some(entry) = visible else {
            return (self.unserved(mesh), None);
        };
        if let Some(problem) = gateway.closed(host).or_else(|| self.unfit(mesh, entry)) {
            return (self.broken(Step::Sni, problem), None);
        }
        if !entry.is_ours && !self.call.leads_to_servers(entry) {
            return (self.broken(Step::Sni, foreign(mesh, entry)), None);
        }
        let mut local = entry.spec.endpoints.iter().filter(|endpoint| is_cluster_local(&endpoint.address));
        let Some(endpoint) = local.next() else {
            let what =
                "it has no endpoint of the cluster itself, so that the gateway hands to nobody: 503 UF".to_owned();
            return (
                self.broken(Step::Sni, Problem::of_object(Code::EntryMissing, mesh.cluster, entry.key, what)),
                None,
            );
        };
        let address = endpoint.address.trim_end_matches('.').to_owned();
        let by = Some(entry.key.to_string());
        if !mesh.knows(Kind::Gateway) {
            return (Hop { by, ..Hop::unknown(Step::Sni, "Gateways of the cluster were not seen") }, Some(address));
        }
        let found = gateway.problems(true).into_iter().filter(|problem| problem.code == Code::NetworkView);
        let found: Vec<_> = found.map(|problem| self.call.finding(problem)).collect();
        (Hop::ok(Step::Sni, by, format!("the gateway hands it to {address}")).with(found), Some(address))
    }

    /// Why the gateway knows nothing of the host.
    fn unserved(&self, mesh: &Mesh<'a>) -> Hop {
        let hidden = mesh.entries_on(self.call.host).iter().find_map(|entry| entry::hidden_from_gateway(mesh, entry));
        if let Some(problem) = hidden {
            return self.broken(Step::Sni, problem);
        }
        if !mesh.knows(Kind::ServiceEntry) {
            return Hop::unknown(Step::Sni, "ServiceEntries of the cluster were not seen completely");
        }
        let place = format!("ServiceEntry of {}", self.call.host);
        let what = format!("{} has no entry for it, so that its gateway resets connections: 503 UF", mesh.cluster);
        self.broken(Step::Sni, Problem::new(Code::EntryMissing, Some(mesh.cluster), place, what))
    }

    /// What is wrong with the entry of the serving cluster, for its gateway.
    fn unfit(&self, mesh: &Mesh<'a>, entry: &Held<'a, ServiceEntry>) -> Option<Problem> {
        let no_labels = LabelSet::default();
        let rule = mesh.rule_for((mesh.root, &no_labels), self.call.host, &entry.key.namespace);
        let wrong = entry::gateway_problems(mesh, entry, rule).into_iter().next();
        wrong.or_else(|| {
            let wanted = self.port?.number;
            let has = entry.spec.ports.iter().any(|port| port.number == wanted);
            (!has).then(|| {
                let what = format!("it has no port {wanted}, which clients ask for: connections are reset, 503 UF");
                Problem::of_object(Code::EntryPorts, mesh.cluster, entry.key, what)
            })
        })
    }

    fn authentication(&self, mesh: &Mesh<'a>, servers: &[Server<'a>]) -> Hop {
        if let Some(problem) = servers.iter().find_map(|one| server::disabled(mesh, *one)) {
            return self.broken(Step::Authentication, problem);
        }
        if !mesh.knows(Kind::PeerAuthentication) {
            return Hop::unknown(Step::Authentication, "PeerAuthentications of the cluster were not seen");
        }
        let (mode, by) = server::mutual_tls(mesh, servers[0]);
        let says = match mode {
            Mode::Strict => "it takes mutual TLS only",
            _ => "it takes mutual TLS, and plaintext as well",
        };
        Hop::ok(Step::Authentication, by.map(|held| held.key.to_string()), says)
    }

    fn authorization(&self, mesh: &Mesh<'a>, servers: &[Server<'a>]) -> Hop {
        let call = self.call;
        let principal = Principal {
            trust_domain: call.scene.trust_domain(call.cluster),
            namespace: &call.client.namespace,
            service_account: &call.client.service_account,
        };
        let mut depends = None;
        for server in servers {
            match server::access(mesh, server.workload, principal) {
                Access::Denied(problem) => return self.broken(Step::Authorization, problem),
                Access::Depends(why) => depends = Some(why),
                Access::Allowed => {}
            }
        }
        if let Some(why) = depends {
            return Hop::unknown(Step::Authorization, why);
        }
        if !mesh.knows(Kind::AuthorizationPolicy) {
            return Hop::unknown(Step::Authorization, "AuthorizationPolicies of the cluster were not seen");
        }
        Hop::ok(Step::Authorization, None, "nothing keeps the client out")
    }

    fn pods(&self, mesh: &Mesh<'a>, servers: &[Server<'a>]) -> Hop {
        let down: Vec<_> = servers.iter().filter_map(|one| server::nobody_ready(mesh, one.workload)).collect();
        if down.len() == servers.len()
            && let Some(problem) = down.into_iter().next()
        {
            return self.broken(Step::Pods, problem);
        }
        let ready: Vec<u32> = servers.iter().filter_map(|one| one.workload.ready).collect();
        if ready.is_empty() {
            return Hop::unknown(Step::Pods, "how many are ready is not told");
        }
        Hop::ok(Step::Pods, None, format!("{} ready", ready.iter().sum::<u32>()))
    }
}

/// Who is behind an endpoint.
fn service(mesh: &Mesh<'_>, local: Option<&str>, servers: &[Server<'_>]) -> Hop {
    let Some(server) = servers.first() else {
        let says = match local {
            Some(address) => format!("nobody is seen to serve behind {address}"),
            None => format!("nobody is seen to serve it in {}", mesh.cluster),
        };
        return Hop::unknown(Step::Service, says);
    };
    let workload = server.workload;
    let says = format!("it leads to {} {}/{}", workload.kind.kind(), workload.namespace, workload.name);
    let by = server.service.map(|(service, _)| format!("Service {}/{service}", workload.namespace));
    Hop::ok(Step::Service, by, says)
}
