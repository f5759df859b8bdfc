//! What is wrong with a ServiceEntry of a global name and the DestinationRule over it, as one proxy follows them.

use std::collections::BTreeSet;

use mesh_istio::destination_rule::{DestinationRule, Distribute};
use mesh_istio::service_entry::{Endpoint, ServiceEntry, TLS_MODE, is_cluster_local};
use mesh_model::finding::{Code, Severity};

use super::mesh::{Held, Mesh, is_ip};
use super::problem::Problem;

const MUTUAL: &str = "ISTIO_MUTUAL";

/// Whether every endpoint is marked as one that takes mutual TLS.
pub(crate) fn has_mutual_tls(entry: &ServiceEntry) -> bool {
    !entry.endpoints.is_empty() && entry.endpoints.iter().all(is_marked)
}

/// Whether it leads to workloads of the cluster that holds it.
pub(crate) fn leads_home(entry: &ServiceEntry) -> bool {
    entry.endpoints.iter().any(|endpoint| is_cluster_local(&endpoint.address))
}

fn is_marked(endpoint: &Endpoint) -> bool {
    endpoint.labels.get(TLS_MODE).is_some_and(|mode| &**mode == "istio") || endpoint.service_account.is_some()
}

/// What is wrong with an entry, for whoever follows it.
pub(crate) fn entry_problems(
    mesh: &Mesh<'_>,
    entry: &Held<'_, ServiceEntry>,
    rule: Option<&DestinationRule>,
) -> Vec<Problem> {
    let mut problems = gateway_problems(mesh, entry, None);
    problems.extend(client_problems(mesh, entry, rule));
    problems
}

/// That the gateway is not told of an entry, if it is not.
pub(crate) fn hidden_from_gateway(mesh: &Mesh<'_>, entry: &Held<'_, ServiceEntry>) -> Option<Problem> {
    let root = mesh.root;
    (!entry.is_visible_from(root)).then(|| {
        let what = format!("its exportTo leaves out {root}, so that the gateway has no way to it: 503 UF");
        Problem::of_object(Code::NotExported, mesh.cluster, entry.key, what)
    })
}

/// What keeps the gateway from handing on to the endpoints of its own cluster.
pub(crate) fn gateway_problems(
    mesh: &Mesh<'_>,
    entry: &Held<'_, ServiceEntry>,
    rule: Option<&Held<'_, DestinationRule>>,
) -> Vec<Problem> {
    let spec = &*entry.spec;
    let problem = |code, what: String| Problem::of_object(code, mesh.cluster, entry.key, what);
    let mut problems = Vec::new();
    let tls = rule.and_then(|rule| Some((rule, rule.spec.traffic_policy.tls.as_ref()?)));
    if let Some((rule, tls)) = tls.filter(|(_, tls)| &*tls.mode != MUTUAL) {
        let what = format!("with tls mode {} the gateway passes nothing on: 503 UF for other clusters", tls.mode);
        problems.push(Problem::of_object(Code::RuleTls, mesh.cluster, rule.key, what));
    }
    if leads_home(spec) {
        problems.extend(resolution(spec).map(|what| problem(Code::EntryLeadsNowhere, what)));
    }
    if is_external(spec) && leads_home(spec) {
        let what = "it is MESH_EXTERNAL, so that the gateway has no way to it: 503 UF for other clusters";
        problems.push(problem(Code::EntryExternal, what.to_owned()));
    }
    for endpoint in spec.endpoints.iter().filter(|one| is_cluster_local(&one.address) && !is_marked(one)) {
        let address = &endpoint.address;
        let what = format!("the gateway passes nothing on to {address}, which has no label {TLS_MODE}: 503 UF");
        problems.push(problem(Code::EntryPlaintext, what));
    }
    problems
}

/// What keeps clients that follow `rule` with an entry from reaching its endpoints.
pub(crate) fn client_problems(
    mesh: &Mesh<'_>,
    entry: &Held<'_, ServiceEntry>,
    rule: Option<&DestinationRule>,
) -> Vec<Problem> {
    let spec = &*entry.spec;
    let problem = |code, what: String| Problem::of_object(code, mesh.cluster, entry.key, what);
    let asks_for_tls = rule.and_then(|rule| rule.traffic_policy.tls.as_ref()).is_some_and(|tls| &*tls.mode == MUTUAL);
    let mut problems = Vec::new();
    if is_external(spec) && !leads_home(spec) {
        let (severity, what) = if asks_for_tls {
            (Severity::Warning, "it is MESH_EXTERNAL; only the DestinationRule makes clients speak mutual TLS")
        } else {
            (Severity::Error, "it is MESH_EXTERNAL, so that clients speak plaintext to the gateway: 503 UC")
        };
        problems.push(problem(Code::EntryExternal, what.to_owned()).with_severity(severity));
    }
    let plain = spec.endpoints.iter().filter(|one| !is_cluster_local(&one.address) && !is_marked(one));
    for endpoint in plain.filter(|_| !asks_for_tls) {
        let what = format!("clients speak plaintext to {}, which has no label {TLS_MODE}: 503 UC", endpoint.address);
        problems.push(problem(Code::EntryPlaintext, what));
    }
    problems.extend(resolution(spec).map(|what| problem(Code::EntryLeadsNowhere, what)));
    problems.extend(ports(spec).map(|what| problem(Code::EntryPorts, what)));
    for endpoint in spec.endpoints.iter().filter(|endpoint| endpoint.weight == Some(0)) {
        let what = format!("endpoint {} has weight 0, which is not zero: it still gets requests", endpoint.address);
        problems.push(problem(Code::EntryWeight, what));
    }
    problems
}

/// Istio takes what says nothing for external.
fn is_external(spec: &ServiceEntry) -> bool {
    &*spec.location != "MESH_INTERNAL"
}

fn resolution(spec: &ServiceEntry) -> Option<String> {
    match &*spec.resolution {
        "STATIC" => {
            let named = spec.endpoints.iter().find(|endpoint| !is_ip(&endpoint.address))?;
            Some(format!("its resolution is STATIC, and {} is no IP address: 503 UH", named.address))
        }
        "DNS" | "DNS_ROUND_ROBIN" if spec.endpoints.is_empty() => {
            Some("it has no endpoints, so that the host itself is asked for in DNS: 503 UH".to_owned())
        }
        "" | "NONE" => {
            Some("its resolution is NONE, so that requests go to the virtual address itself: 503 UF".to_owned())
        }
        _ => None,
    }
}

fn ports(spec: &ServiceEntry) -> Option<String> {
    let port = spec.ports.first()?;
    let lost = spec
        .endpoints
        .iter()
        .find(|endpoint| !endpoint.ports.contains_key(&port.name) && !is_cluster_local(&endpoint.address))?;
    Some(format!(
        "endpoint {} has no port {:?}, so that {} is asked for there: 503 UF",
        lost.address, port.name, port.number
    ))
}

/// What is wrong with a rule over an entry, for clients in `region`.
pub(crate) fn rule_problems(
    mesh: &Mesh<'_>,
    rule: &Held<'_, DestinationRule>,
    entry: &ServiceEntry,
    region: Option<&str>,
) -> Vec<Problem> {
    let problem = |code, what: String| Problem::of_object(code, mesh.cluster, rule.key, what);
    let policy = &rule.spec.traffic_policy;
    let setting = policy.load_balancer.as_ref().and_then(|balancer| balancer.locality_lb_setting.as_ref());
    let mut problems = Vec::new();
    if let Some(setting) = setting {
        let mine = setting.distribute.iter().find(|one| region.is_some_and(|region| is_region(&one.from, region)));
        let nowhere = mine.and_then(|one| nowhere(one, entry));
        problems.extend(nowhere.map(|(bad, what)| problem(Code::DistributionToNowhere, what).with_severity(bad)));
    }
    let regions: BTreeSet<&str> = entry.endpoints.iter().filter_map(|endpoint| endpoint.locality.as_deref()).collect();
    let asks_for_failover = setting.is_some_and(|one| !one.failover.is_empty() || !one.failover_priority.is_empty());
    let distributes = setting.is_some_and(|setting| !setting.distribute.is_empty());
    match &policy.outlier_detection {
        None if asks_for_failover => {
            let what =
                "it sets failover without outlierDetection: the order is ignored, and nothing that fails is left";
            problems.push(problem(Code::NoFailover, what.to_owned()).with_severity(Severity::Error));
        }
        None if regions.len() > 1 && !distributes => {
            let what = "without outlierDetection requests go to every region alike, and go on to one that fails";
            problems.push(problem(Code::NoFailover, what.to_owned()));
        }
        Some(outlier) if entry.endpoints.len() > 1 => {
            let percent = outlier.max_ejection_percent.unwrap_or(10);
            let count = entry.endpoints.len();
            if (percent as usize).saturating_mul(count) < 100 {
                let what = format!("{percent} % of {count} endpoints are none: whatever fails gets requests for ever");
                problems.push(problem(Code::EjectionLimited, what));
            }
        }
        _ => {}
    }
    problems
}

/// Why a rule of distribution leads nowhere, if it does.
fn nowhere(one: &Distribute, entry: &ServiceEntry) -> Option<(Severity, String)> {
    let is_there = |region: &str| {
        let mut localities = entry.endpoints.iter().filter_map(|endpoint| endpoint.locality.as_deref());
        localities.any(|locality| is_region(region, locality))
    };
    let wanted: Vec<_> = one.to.iter().filter(|(_, weight)| **weight > 0).map(|(region, _)| &**region).collect();
    if wanted.iter().all(|region| !is_there(region)) {
        let what = format!("requests from {} go to {}, where no endpoint is: 503 UH", one.from, wanted.join(", "));
        return Some((Severity::Error, what));
    }
    let lost = wanted.into_iter().find(|region| !is_there(region))?;
    Some((Severity::Warning, format!("requests from {} go to {lost} as well, where no endpoint is", one.from)))
}

/// Whether a pattern of localities (`region/zone/subzone`, `*` at its end) means a locality.
pub(crate) fn is_region(pattern: &str, locality: &str) -> bool {
    let mut wanted = pattern.split('/');
    let mut parts = locality.split('/');
    loop {
        match (wanted.next(), parts.next()) {
            (Some("*") | None, _) => return true,
            // `region/*` means the region itself, too.
            (Some(_), None) => return wanted.next().is_none() && pattern.ends_with('*'),
            (Some(one), Some(other)) if one == other => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_of_localities_means_what_it_begins_with() {
        for (pattern, locality, want) in [
            ("us-east-1", "us-east-1", true),
            ("us-east-1", "us-east-1/a", true),
            ("us-east-1/*", "us-east-1", true),
            ("us-east-1/*", "us-east-1/a", true),
            ("us-east-1/a", "us-east-1", false),
            ("us-east-1/a/*", "us-east-1/b", false),
            ("*", "us-east-1", true),
            ("us-west-2/*", "us-east-1", false),
        ] {
            assert_eq!(is_region(pattern, locality), want, "{pattern} {locality}");
        }
    }
}
