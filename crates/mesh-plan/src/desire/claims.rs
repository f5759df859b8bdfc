//! Claims: endpoints of namespaces that may not serve a claimed name are withheld, never taken away (deviation D14).
//!
//! A cluster's endpoints are judged by that cluster's own view: it holds its claims, and sets of everybody else's.

use std::sync::Arc;

use mesh_model::claim::record_name;
use mesh_model::finding::{Code, Finding};
use mesh_model::fleet::FleetSnapshot;
use mesh_model::kind::Kind;
use mesh_model::name::ClusterName;
use mesh_model::origin::Origin;
use mesh_model::policy::MeshPolicy;

use super::live::{Live, LiveHost};
use super::site::Site;
use super::sources::{Local, Serving};

/// Takes the endpoints that a claim forbids, or may forbid, out of `serving`, but for those that are live.
pub(super) fn withhold(
    serving: &mut Serving<'_>,
    live: &Live<'_>,
    sites: &std::collections::BTreeMap<&ClusterName, Site<'_>>,
    fleet: &FleetSnapshot,
    policy: &MeshPolicy,
    findings: &mut Vec<Finding>,
) {
    for (base, pairs) in serving.iter_mut() {
        let name = record_name(base);
        let is_enforced = fleet.enforced.contains(&name);
        let host = live.names.get(base).and_then(|name| name.hosts.get(base));
        for (cluster, source) in pairs.values_mut().flat_map(|served| &mut served.sources) {
            let Some(facts) = fleet.facts(cluster) else { continue };
            let sees_claims = sites[cluster].sees(Kind::GlobalName) && sites[cluster].sees(Kind::GlobalNameSet);
            let claim = facts.claims.get(&name);
            if claim.is_none() && sees_claims {
                continue;
            }
            source.endpoints.retain(|address, local| {
                let live = host.is_some_and(|host| is_live(host, cluster, address, local));
                let owner = owner(local, facts, policy);
                let problem = match (claim, &owner) {
                    (Some(claim), Some(owner)) if claim.admits(owner) => return true,
                    (Some(claim), _) => {
                        let who = owner.as_deref().unwrap_or("anybody known here");
                        format!("{base} is claimed by {} since {}, not by {who}", claim.owner, claim.claimed_at)
                    }
                    (None, _) if live => return true,
                    (None, _) => format!("the claims of {cluster} are unseen, so that {base} may be another's"),
                };
                let stays = live && !is_enforced;
                let consequence = match (live, stays) {
                    (_, true) => "its endpoint stays",
                    (true, false) => "its endpoint goes",
                    (false, false) => "its endpoint is withheld",
                };
                let place = format!("Service {}/{}", local.namespace, local.service.name);
                let message = format!("{problem}: {consequence}");
                findings.push(Finding::new(Code::ClaimedByAnother, Some(cluster), place, message));
                stays
            });
        }
    }
}

/// Whether some cluster is sent to an endpoint already: its own by the address, another by the origin.
fn is_live(host: &LiveHost<'_>, cluster: &ClusterName, address: &str, local: &Local<'_>) -> bool {
    let own = host.entries.get(cluster).and_then(|entry| entry.spec());
    let name = format!("{}/{}", local.namespace, local.service.name);
    let is_its = |origin: &Origin| origin.cluster == *cluster && origin.kind == Kind::Service && *origin.name == *name;
    own.is_some_and(|spec| spec.endpoints.iter().any(|endpoint| *endpoint.address == *address))
        || host.entries.values().flat_map(|entry| entry.object.origins.iter()).any(|(origin, _)| is_its(origin))
}

/// Who owns the namespace of an endpoint.
fn owner(local: &Local<'_>, facts: &mesh_model::facts::ClusterFacts, policy: &MeshPolicy) -> Option<Arc<str>> {
    let known = facts.namespaces.get(local.namespace).and_then(|namespace| namespace.owner.clone());
    known.or_else(|| policy.owner_of(local.namespace, |_| None).map(Into::into))
}
