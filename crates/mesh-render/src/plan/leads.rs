//! Where the traffic of an object goes: to whom a ServiceEntry leads, how a DestinationRule splits calls.

use std::collections::BTreeSet;
use std::sync::Arc;

use mesh_istio::service_entry::{Endpoint, is_cluster_local};
use mesh_istio::{DestinationRule, ServiceEntry};
use mesh_model::host::host_and_port;
use mesh_model::kind::Kind;
use mesh_model::origin::{Origin, Part};
use mesh_plan::desired::Body;
use mesh_plan::plan::{Action, Step};

use crate::limits::NAMED_LEADS;

/// What is said of the object that `step` writes: nothing where it does not change where calls go.
pub(super) fn of(step: &Step, whole: bool) -> Option<String> {
    let (body, is_new) = match &step.action {
        Action::Create { body } => (body, true),
        Action::Update { body, .. } => (body, false),
        Action::Delete { .. } | Action::Hold { .. } => return None,
    };
    let concerns = |field: &str| is_new || step.changes().iter().any(|change| change.field.starts_with(field));
    let most = if whole { usize::MAX } else { NAMED_LEADS };
    match body.key.kind {
        Kind::ServiceEntry if concerns("endpoints/") => leads(body, most),
        Kind::DestinationRule if concerns("trafficPolicy/localityLbSetting") => splits(body, most),
        _ => None,
    }
}

/// `leads to Service shop/checkout:8080 in the same cluster; c2 (us-west-2, gateway gw.c2.example:15443)`.
fn leads(body: &Body, most: usize) -> Option<String> {
    let entry: ServiceEntry = serde_json::from_str(&body.spec).ok()?;
    // What is near comes first.
    let targets: BTreeSet<(bool, String)> =
        entry.endpoints.iter().map(|endpoint| (!is_cluster_local(&endpoint.address), target(endpoint, body))).collect();
    let targets: Vec<String> = targets.into_iter().map(|(_, target)| target).collect();
    (!targets.is_empty()).then(|| format!("leads to {}", some(targets, most, "; ")))
}

fn target(endpoint: &Endpoint, body: &Body) -> String {
    let port = endpoint.ports.values().next();
    let with_port = |name: &str| port.map_or_else(|| name.to_owned(), |port| host_and_port(name, *port));
    let address = endpoint.address.trim_end_matches('.');
    let field = Part::Endpoint(Arc::clone(&endpoint.address));
    let origins = || body.origins.of(&field);
    if is_cluster_local(address) {
        let service = origins().find(|origin| origin.kind == Kind::Service);
        let service = service.map_or_else(|| address.to_owned(), |origin: &Origin| format!("Service {}", origin.name));
        let region = endpoint.locality.as_ref().map(|region| format!(" ({region})")).unwrap_or_default();
        return format!("{} in the same cluster{region}", with_port(&service));
    }
    let clusters: BTreeSet<&str> = origins().map(|origin| origin.cluster.as_str()).collect();
    if clusters.is_empty() {
        return with_port(address);
    }
    let clusters: Vec<&str> = clusters.into_iter().collect();
    let region = endpoint.locality.as_ref().map(|region| format!("{region}, ")).unwrap_or_default();
    format!("{} ({region}gateway {})", clusters.join(" and "), with_port(address))
}

/// `sends 80 % of calls to us-west-2, 20 % to us-east-2`.
fn splits(body: &Body, most: usize) -> Option<String> {
    let rule: DestinationRule = serde_json::from_str(&body.spec).ok()?;
    let setting = rule.traffic_policy.load_balancer?.locality_lb_setting?;
    let mut shares: Vec<(u32, Arc<str>)> = setting
        .distribute
        .iter()
        .flat_map(|distribute| &distribute.to)
        .map(|(region, weight)| (*weight, Arc::clone(region)))
        .collect();
    if shares.is_empty() {
        return Some("sends calls to the caller's own region while it serves there".to_owned());
    }
    shares.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let shares = shares.iter().enumerate().map(|(at, (weight, region))| {
        let of = if at == 0 { " of calls" } else { "" };
        format!("{weight} %{of} to {region}")
    });
    Some(format!("sends {}", some(shares.collect(), most, ", ")))
}

/// The first few, and how many others there are.
fn some(mut texts: Vec<String>, most: usize, between: &str) -> String {
    let more = texts.len().saturating_sub(most);
    texts.truncate(most);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    texts.join(between) + &rest
}
