//! Which endpoints a proxy prefers, and how requests are shared among them (Istio, locality load balancing).

use std::sync::Arc;

use mesh_istio::service_entry::Endpoint;
use mesh_istio::{DestinationRule, ServiceEntry};

use crate::check::is_region;

/// An endpoint with its priority and its share in percent, where shares are given. Those that get no requests at all are
/// left out.
pub(super) type Share<'e> = (&'e Endpoint, u32, Option<u32>);

/// The endpoints of an entry for a client in `region`.
pub(super) fn shares<'e>(
    entry: &'e ServiceEntry,
    rule: Option<&DestinationRule>,
    region: Option<&str>,
) -> Vec<Share<'e>> {
    let policy = rule.map(|rule| &rule.traffic_policy);
    let balancer = policy.and_then(|policy| policy.load_balancer.as_ref());
    let setting = balancer.and_then(|balancer| balancer.locality_lb_setting.as_ref());
    let here = |pattern: &str| region.is_some_and(|region| is_region(pattern, region));
    if let Some(distribute) = setting.and_then(|setting| setting.distribute.iter().find(|one| here(&one.from))) {
        let of = |endpoint: &Endpoint| {
            let locality = endpoint.locality.as_deref().unwrap_or_default();
            distribute
                .to
                .iter()
                .find(|(pattern, _)| is_region(pattern, locality))
                .map(|(pattern, weight)| (pattern, *weight))
        };
        let shared = entry.endpoints.iter().filter_map(|endpoint| Some((endpoint, of(endpoint)?)));
        let shared: Vec<(&Endpoint, (&Arc<str>, u32))> = shared.filter(|(_, (_, weight))| *weight > 0).collect();
        let count = |pattern: &Arc<str>| shared.iter().filter(|(_, (other, _))| *other == pattern).count();
        return shared
            .iter()
            .map(|(endpoint, (pattern, weight))| {
                (*endpoint, 0, Some(weight / u32::try_from(count(pattern)).unwrap_or(1)))
            })
            .collect();
    }
    let has_order = policy.is_some_and(|policy| policy.outlier_detection.is_some());
    let is_near = |endpoint: &Endpoint| endpoint.locality.as_deref() == region && region.is_some();
    let has_near = entry.endpoints.iter().any(is_near);
    let priority = |endpoint: &Endpoint| u32::from(has_order && has_near && !is_near(endpoint));
    let mut shares: Vec<Share<'e>> =
        entry.endpoints.iter().map(|endpoint| (endpoint, priority(endpoint), None)).collect();
    shares.sort_by_key(|(_, priority, _)| *priority);
    shares
}
