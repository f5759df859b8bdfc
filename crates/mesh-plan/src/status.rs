//! How each member of a fleet is: what was seen of it, how others reach it, what it serves and uses, how far it drifts.

use mesh_model::fleet::{ClusterView, FleetSnapshot};
use mesh_model::host::host_and_port;
use mesh_model::kind::Kind;
use mesh_model::name::ClusterName;
use mesh_model::policy::MeshPolicy;
use serde::Serialize;

use crate::desire::site::{Gateway, Site};
use crate::desired::Desired;
use crate::plan::Plan;
use crate::webhook::WebhookStatus;

/// One member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MemberStatus {
    /// The member.
    pub cluster: ClusterName,
    /// What was seen of it.
    pub state: MemberState,
    /// Why it is unseen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Kinds that could not be read completely.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unseen_kinds: Vec<Kind>,
    /// Its region, as far as it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Its network.
    pub network: String,
    /// Address and port by which other clusters reach it; none where it has none or none was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway: Option<String>,
    /// Names that it serves, those included that it is held to serve while it is unseen.
    pub served: usize,
    /// Names that it calls.
    pub used: usize,
    /// Objects that would be written.
    pub drift: usize,
    /// Objects that are held.
    pub held: usize,
    /// Its admission webhook, where it was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<WebhookStatus>,
}

/// What was seen of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MemberState {
    /// Everything.
    Seen,
    /// Not every kind.
    Partial,
    /// Nothing.
    Unseen,
    /// It takes part no more.
    Retired,
}

impl MemberState {
    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Seen => "seen",
            Self::Partial => "partial",
            Self::Unseen => "unseen",
            Self::Retired => "retired",
        }
    }
}

/// Every member, by name.
pub fn status(fleet: &FleetSnapshot, policy: &MeshPolicy, desired: &Desired, plan: &Plan) -> Vec<MemberStatus> {
    fleet.members.iter().map(|(cluster, view)| member(cluster, view, fleet, policy, desired, plan)).collect()
}

fn member(
    cluster: &ClusterName,
    view: &ClusterView,
    fleet: &FleetSnapshot,
    policy: &MeshPolicy,
    desired: &Desired,
    plan: &Plan,
) -> MemberStatus {
    let site = Site::new(cluster, fleet, policy);
    let (state, why, unseen_kinds) = match view {
        ClusterView::Seen(facts) if facts.unseen.is_empty() => (MemberState::Seen, None, Vec::new()),
        ClusterView::Seen(facts) => (MemberState::Partial, None, facts.unseen.iter().copied().collect()),
        ClusterView::Unseen(unseen) => (MemberState::Unseen, Some(unseen.why.clone()), Vec::new()),
        ClusterView::Retired(_) => (MemberState::Retired, None, Vec::new()),
    };
    let steps = |is_write: bool| {
        plan.steps.iter().filter(|step| step.cluster == *cluster && step.is_write() == is_write).count()
    };
    MemberStatus {
        cluster: cluster.clone(),
        state,
        why,
        unseen_kinds,
        region: site.region.as_deref().map(str::to_owned),
        network: site.network.to_string(),
        gateway: match &site.gateway {
            Gateway::At { address, port, .. } => Some(host_and_port(address, *port)),
            Gateway::None | Gateway::Missing => None,
        },
        served: desired.names.values().filter(|name| name.places.iter().any(|place| place.cluster == *cluster)).count(),
        used: desired.names.values().filter(|name| name.clients.contains_key(cluster)).count(),
        drift: steps(true),
        held: steps(false),
        webhook: None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::sync::Arc;

    use mesh_model::facts::{ClusterFacts, GatewayService};
    use mesh_model::fleet::Unseen;

    use super::*;
    use crate::lookup::fixture::{cluster, desired};

    #[test]
    fn every_member_has_a_row_whatever_was_seen_of_it() {
        let gateway = GatewayService {
            name: "istio-eastwestgateway".into(),
            hostname: Some("gw.example".into()),
            ip: None,
            external_ip: None,
            node_port: None,
            ingresses: 1,
            network: None,
        };
        let facts = ClusterFacts { gateways: vec![gateway], ..ClusterFacts::default() };
        let partial = ClusterFacts { unseen: BTreeSet::from([Kind::Node]), ..facts.clone() };
        let fleet = FleetSnapshot {
            members: BTreeMap::from([
                (cluster("c1"), ClusterView::Seen(Arc::new(facts))),
                (cluster("c2"), ClusterView::Seen(Arc::new(partial))),
                (cluster("c3"), ClusterView::Unseen(Unseen { why: "gone".into() })),
                (cluster("c4"), ClusterView::Retired(None)),
            ]),
            ..FleetSnapshot::default()
        };
        let rows = status(&fleet, &MeshPolicy::default(), &desired(), &Plan::default());
        let states: Vec<&str> = rows.iter().map(|row| row.state.as_str()).collect();
        assert_eq!(states, ["seen", "partial", "unseen", "retired"]);
        assert_eq!(rows[0].gateway.as_deref(), Some("gw.example.:15443"));
        assert_eq!(rows[1].unseen_kinds, [Kind::Node]);
        assert_eq!(rows[2].why.as_deref(), Some("gone"));
        assert!(rows.iter().any(|row| row.served > 0) && rows.iter().any(|row| row.used > 0), "{rows:?}");
    }
}
