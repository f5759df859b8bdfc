//! What stands between a client's sidecar and a host: whether it is told of it, and what else it is told.

use mesh_istio::{DestinationRule, ServiceEntry, VirtualService};
use mesh_model::facts::LabelSet;
use mesh_model::finding::{Code, Severity};
use mesh_model::name::Namespace;

use super::mesh::{Held, Mesh};
use super::problem::Problem;

/// Why clients of a namespace, with such labels, are not told of the host, if they are not.
pub(crate) fn hidden(mesh: &Mesh<'_>, (namespace, labels): (&Namespace, &LabelSet), host: &str) -> Option<Problem> {
    let on_host = mesh.entries_on(host);
    let Some(entry) = mesh.entry_for(namespace, host) else {
        let entry = on_host.first()?;
        let what = format!("its exportTo leaves out {namespace}, where a client runs: the name does not resolve there");
        return Some(Problem::of_object(Code::NotExported, mesh.cluster, entry.key, what));
    };
    let sidecar = mesh.sidecar_for(namespace, labels)?;
    if sidecar.spec.shows(host, &entry.key.namespace, namespace) {
        return None;
    }
    let what = format!(
        "its egress hosts leave out {}/*, so that the name does not resolve for clients in {namespace}",
        entry.key.namespace
    );
    Some(Problem::of_object(Code::SidecarHides, mesh.cluster, sidecar.key, what))
}

/// That the agent of the client at `place` answers no DNS, if that is set so.
pub(crate) fn deaf(mesh: &Mesh<'_>, dns_capture: Option<bool>, place: impl FnOnce() -> String) -> Option<Problem> {
    (dns_capture == Some(false)).then(|| {
        let what =
            "its annotation proxy.istio.io/config turns DNS capture off: the name does not resolve for it".to_owned();
        Problem::new(Code::NoDnsCapture, Some(mesh.cluster), place(), what).with_severity(Severity::Error)
    })
}

/// What VirtualServices do with requests of clients in a namespace.
pub(crate) fn routed(mesh: &Mesh<'_>, namespace: &Namespace, host: &str) -> Vec<Problem> {
    let routes = mesh.routes_for(namespace, host);
    routes.into_iter().map(|held| route(mesh, held, host)).collect()
}

fn route(mesh: &Mesh<'_>, held: &Held<'_, VirtualService>, host: &str) -> Problem {
    let problem = |code, what| Problem::of_object(code, mesh.cluster, held.key, what);
    let destinations = || held.spec.routes().flat_map(|route| &route.route).map(|route| &route.destination);
    if let Some(other) = destinations().find(|destination| !destination.host.eq_ignore_ascii_case(host)) {
        let what = format!("it sends requests to {}, and a client gets the answers of that", other.host);
        return problem(Code::HostDiverted, what);
    }
    if held.spec.routes().any(|route| route.redirect.is_some() || route.direct_response.is_some()) {
        return problem(Code::HostDiverted, "it answers requests in place of the service".to_owned());
    }
    if !held.spec.http.is_empty() && held.spec.http.iter().all(|route| !route.matches.is_empty()) {
        let what = "it has routes for some requests only: 404 NR for all others";
        return problem(Code::HostDiverted, what.to_owned());
    }
    if held.spec.routes().any(|route| route.fault.is_some()) {
        return problem(Code::HostDiverted, "it delays requests or lets them fail on purpose".to_owned());
    }
    if held.spec.routes().any(|route| route.delegate.is_some()) {
        let what = "it hands requests on to another VirtualService, which may send them anywhere";
        return problem(Code::HostRouted, what.to_owned());
    }
    if let Some(subset) = destinations().find_map(|destination| destination.subset.as_deref()) {
        let what = format!("it asks for subset {subset:?}, which our DestinationRule does not have: 503 NC");
        return problem(Code::HostDiverted, what);
    }
    problem(Code::HostRouted, "it is on the host and leads to it".to_owned())
}

/// What it means that the client follows somebody else's DestinationRule.
pub(crate) fn ruled(
    mesh: &Mesh<'_>,
    entry: &Held<'_, ServiceEntry>,
    rule: Option<&Held<'_, DestinationRule>>,
) -> Option<Problem> {
    let rule = rule.filter(|rule| !rule.is_ours)?;
    Some(tls_problem(mesh, entry, rule).unwrap_or_else(|| {
        let what = "clients follow it in place of ours: our load balancing and outlier detection do not count for them";
        Problem::of_object(Code::RuleReplaced, mesh.cluster, rule.key, what.to_owned())
    }))
}

/// That clients that follow a DestinationRule speak no mutual TLS, if they do not.
pub(crate) fn tls_problem(
    mesh: &Mesh<'_>,
    entry: &Held<'_, ServiceEntry>,
    rule: &Held<'_, DestinationRule>,
) -> Option<Problem> {
    let tls = rule.spec.traffic_policy.tls.as_ref();
    let what = match tls.map(|tls| &*tls.mode) {
        Some("ISTIO_MUTUAL") => {
            let sni = tls.map(|tls| &tls.sni).filter(|sni| !sni.is_empty())?;
            format!("clients follow it, and ask for SNI {sni:?}, which no gateway passes on: 503 UF")
        }
        Some(mode) => format!("clients follow it, and its tls mode {mode} is not ISTIO_MUTUAL: 503 UC"),
        None if super::entry::has_mutual_tls(&entry.spec) => return None,
        None => "clients follow it, and neither it nor the endpoints ask for mutual TLS: 503 UC".to_owned(),
    };
    Some(Problem::of_object(Code::RuleTls, mesh.cluster, rule.key, what))
}
