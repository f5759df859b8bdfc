//! Losing sight of clusters and kinds.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use mesh_model::facts::ClusterFacts;
use mesh_model::fleet::{ClusterView, FleetSnapshot, Unseen};
use mesh_model::kind::Kind;
use mesh_model::name::ClusterName;

/// What cannot be seen any more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lost {
    /// Whole clusters.
    pub clusters: BTreeSet<ClusterName>,
    /// Kinds, by cluster, and whether every second object of the kind can still be read.
    pub kinds: BTreeMap<ClusterName, BTreeMap<Kind, bool>>,
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clusters = self.clusters.iter().map(ToString::to_string);
        let kinds = self.kinds.iter().map(|(cluster, kinds)| {
            let kinds = kinds.iter().map(|(kind, partly)| format!("{}{kind}", if *partly { "some " } else { "" }));
            format!("{cluster}: {}", kinds.collect::<Vec<_>>().join(", "))
        });
        f.write_str(&clusters.chain(kinds).collect::<Vec<_>>().join("; "))
    }
}

/// What a run sees of `fleet` when it loses sight of `lost`.
pub fn unsee(fleet: &FleetSnapshot, lost: &Lost) -> FleetSnapshot {
    let mut fleet = fleet.clone();
    for (cluster, view) in &mut fleet.members {
        if lost.clusters.contains(cluster) {
            *view = match view {
                ClusterView::Retired(_) => ClusterView::Retired(None),
                ClusterView::Seen(_) | ClusterView::Unseen(_) => {
                    ClusterView::Unseen(Unseen { why: "marked by .unseen".into() })
                }
            };
        } else if let ClusterView::Seen(facts) | ClusterView::Retired(Some(facts)) = view {
            for (kind, partly) in lost.kinds.get(cluster).into_iter().flatten() {
                unsee_kind(Arc::make_mut(facts), *kind, *partly);
            }
        }
    }
    fleet
}

/// Takes away what was read of one kind; `partly` leaves every second object.
fn unsee_kind(facts: &mut ClusterFacts, kind: Kind, partly: bool) {
    facts.unseen.insert(kind);
    let mut count = 0_usize;
    let mut stays = || {
        count += 1;
        partly && count.is_multiple_of(2)
    };
    facts.workloads.retain(|workload| workload.kind.kind() != kind || stays());
    facts.owned.retain(|key, _| key.kind != kind || stays());
    facts.foreign.retain(|object| object.key.kind != kind || stays());
    match kind {
        Kind::Namespace => facts.namespaces.retain(|_, _| stays()),
        Kind::Service => {
            facts.gateways.retain(|_| stays());
            for services in facts.services.values_mut() {
                services.retain(|_| stays());
            }
            facts.services.retain(|_, services| !services.is_empty());
        }
        Kind::Deployment => facts.admiral = None,
        Kind::Node => facts.node_regions.retain(|_, _| stays()),
        Kind::ConfigMap => facts.vip_store.clear(),
        Kind::Dependency => facts.dependencies.retain(|_| stays()),
        Kind::GlobalTrafficPolicy => facts.traffic_policies.retain(|_| stays()),
        Kind::OutlierDetection => facts.outlier_detections.retain(|_| stays()),
        Kind::ClientConnectionConfig => facts.connection_configs.retain(|_| stays()),
        Kind::GlobalName => facts.claims.retain(|_, _| stays()),
        _ => {}
    }
}
