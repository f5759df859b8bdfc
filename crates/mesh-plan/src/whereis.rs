//! Where a service runs, who owns it, who calls it, and how traffic splits: the answer to one key.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use mesh_istio::DestinationRule;
use mesh_model::claim::{Claim, Phase, merge};
use mesh_model::facts::Workload;
use mesh_model::fleet::FleetSnapshot;
use mesh_model::kind::Kind;
use mesh_model::name::{ClusterName, Env, Host, Identity, Namespace};
use mesh_model::policy::MeshPolicy;
use serde::Serialize;

use crate::because::Because;
use crate::desired::{Desired, Name, Place, PolicyChoice};
use crate::idle::why_idle;
use crate::lookup::{Found, KeySort, NotFound, find};

/// The answer to one key.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Whereis {
    /// The key as given.
    pub key: String,
    /// How the fleet was asked.
    pub lookup: Lookup,
    /// Every name that the key means, by base host.
    pub names: Vec<NameReport>,
    /// Workloads that the key means and that serve no name.
    pub idle: Vec<IdleWorkload>,
    /// Members that could not be read, with the reason: the service may run there too.
    pub unseen: BTreeMap<ClusterName, String>,
    /// Kinds that could not be read completely, by cluster.
    pub unseen_kinds: BTreeMap<ClusterName, BTreeSet<Kind>>,
}

/// How the fleet was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lookup {
    /// Everything was listed: always so in directory fleets.
    FullListing,
}

impl Lookup {
    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FullListing => "full listing",
        }
    }
}

/// The claim that counts on a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClaimReport {
    /// Since when its owner holds it.
    pub since: Timestamp,
    /// The member that it was claimed in, or its UID where it is none any more.
    pub claimed_in: String,
    /// Whether more than half of the members were seen to hold it.
    pub confirmed: bool,
}

/// One global name.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NameReport {
    /// Its base host.
    pub name: Host,
    /// What the key was.
    pub found_by: BTreeSet<KeySort>,
    /// The identity.
    pub identity: Identity,
    /// The env.
    pub env: Arc<str>,
    /// Who holds the name: by claim, else the owners of the namespaces that serve it.
    pub owners: BTreeSet<Arc<str>>,
    /// Whether a claim says so.
    pub claimed: bool,
    /// That claim.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claim: Option<ClaimReport>,
    /// Protocol and number of the published port.
    pub port: Option<PublishedPort>,
    /// Every host of the name with its address and split.
    pub hosts: Vec<HostReport>,
    /// Where it runs.
    pub places: Vec<Place>,
    /// Clusters that call it.
    pub clients: Vec<ClientReport>,
    /// Clusters that it left and that keep the host for callers there (deviation D18).
    pub ex_sources: BTreeSet<ClusterName>,
    /// Policies that were considered: those that count first.
    pub policies: Vec<PolicyChoice>,
}

/// The published port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PublishedPort {
    /// As Istio's port names spell it.
    pub protocol: Arc<str>,
    /// Its number.
    pub number: u16,
}

/// One host of a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HostReport {
    /// The host.
    pub host: Host,
    /// Its virtual address.
    pub vip: Option<Arc<str>>,
    /// Weight by region, where a policy distributes; else clients prefer their own region.
    pub split: BTreeMap<Arc<str>, u32>,
}

/// A cluster that calls a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClientReport {
    /// The cluster.
    pub cluster: ClusterName,
    /// Why it is a client.
    pub because: Arc<Because>,
}

/// A workload that carries the identity but serves no name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IdleWorkload {
    /// Its cluster.
    pub cluster: ClusterName,
    /// Its namespace.
    pub namespace: Namespace,
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub workload: Arc<str>,
    /// Its identity.
    pub identity: Identity,
    /// Its env.
    pub env: Env,
    /// Why it serves nothing.
    pub why: String,
}

/// Where everything is that `key` means.
pub fn whereis(key: &str, fleet: &FleetSnapshot, policy: &MeshPolicy, desired: &Desired) -> Result<Whereis, NotFound> {
    let found = find(key, desired, fleet)?;
    let idle = idle_workloads(&found, fleet, policy, desired);
    let splits = Splits::of(&found.names.keys().copied().collect(), desired);
    let names = found.names.into_iter().map(|(base, sorts)| report(base, sorts, fleet, desired, &splits)).collect();
    Ok(Whereis {
        key: key.to_owned(),
        lookup: Lookup::FullListing,
        names,
        idle,
        unseen: fleet.unseen().map(|(cluster, unseen)| (cluster.clone(), unseen.why.clone())).collect(),
        unseen_kinds: fleet
            .seen()
            .filter(|(_, facts)| !facts.unseen.is_empty())
            .map(|(cluster, facts)| (cluster.clone(), facts.unseen.clone()))
            .collect(),
    })
}

/// The idle workloads of `found`, each with its reason.
pub(crate) fn idle_workloads(
    found: &Found<'_>,
    fleet: &FleetSnapshot,
    policy: &MeshPolicy,
    desired: &Desired,
) -> Vec<IdleWorkload> {
    let reason = |(cluster, workload): &(&ClusterName, &Workload)| {
        let facts = fleet.facts(cluster).expect("found in a seen cluster");
        IdleWorkload {
            cluster: (*cluster).clone(),
            namespace: workload.namespace.clone(),
            kind: workload.kind.kind(),
            workload: workload.name.clone(),
            identity: workload.identity.clone(),
            env: workload.env.clone(),
            why: why_idle(cluster, facts, workload, policy, desired),
        }
    };
    found.idle.iter().map(reason).collect()
}

/// What is known of the name whose base host is `base`.
pub(crate) fn report(
    base: &Host,
    found_by: BTreeSet<KeySort>,
    fleet: &FleetSnapshot,
    desired: &Desired,
    splits: &Splits<'_>,
) -> NameReport {
    let name = &desired.names[base];
    let claim = claim_of(base, fleet);
    let owners = match claim {
        Some(claim) => std::iter::once(&claim.owner).chain(&claim.also_owners).cloned().collect(),
        None => name.places.iter().filter_map(|place| place.owner.clone()).collect(),
    };
    let mut places = name.places.clone();
    places.sort();
    let mut policies = name.policies.clone();
    policies.sort_by(|a, b| b.active.cmp(&a.active).then_with(|| a.cmp(b)));
    NameReport {
        name: base.clone(),
        found_by,
        identity: name.identity.clone(),
        env: name.env.clone(),
        owners,
        claimed: claim.is_some(),
        claim: claim.map(|claim| ClaimReport {
            since: claim.claimed_at,
            claimed_in: member_of(&claim.claimed_in, fleet),
            confirmed: claim.confirmed_at.is_some(),
        }),
        port: name.port.clone().map(|(protocol, number)| PublishedPort { protocol, number }),
        hosts: hosts_of(base, name, splits),
        places,
        clients: name
            .clients
            .iter()
            .map(|(cluster, because)| ClientReport { cluster: cluster.clone(), because: because.clone() })
            .collect(),
        ex_sources: name.ex_sources.clone(),
        policies,
    }
}

/// The claim that counts, if the name is held.
fn claim_of<'a>(base: &Host, fleet: &'a FleetSnapshot) -> Option<&'a Claim> {
    let key = base.to_lowercase();
    fleet
        .seen()
        .filter_map(|(_, facts)| facts.claims.get(key.as_str()))
        .reduce(merge)
        .filter(|claim| claim.phase == Phase::Bound)
}

/// The name of the member of this UID, if it was seen.
fn member_of(uid: &str, fleet: &FleetSnapshot) -> String {
    let member = fleet.reached().find(|(cluster, facts)| match &facts.uid {
        Some(known) => **known == *uid,
        None => cluster.as_str() == uid,
    });
    member.map_or(uid, |(cluster, _)| cluster.as_str()).to_owned()
}

/// The base host first, then the others in order.
fn hosts_of(base: &Host, name: &Name, splits: &Splits<'_>) -> Vec<HostReport> {
    let split = |host: &Host| if host == base { name.split.clone() } else { splits.of_host(host) };
    let report = |(host, vip): (&Host, &Option<Arc<str>>)| HostReport {
        host: host.clone(),
        vip: vip.clone(),
        split: split(host),
    };
    let mut hosts: Vec<HostReport> = name.hosts.iter().map(report).collect();
    hosts.sort_by_key(|report| report.host != *base);
    hosts
}

/// How traffic to the further hosts of some names splits.
pub(crate) struct Splits<'a>(BTreeMap<&'a Host, BTreeMap<Arc<str>, u32>>);

impl<'a> Splits<'a> {
    /// What the DestinationRules of those hosts distribute by: one of each is read, since the weights are the same in
    /// every cluster.
    pub(crate) fn of(bases: &BTreeSet<&Host>, desired: &'a Desired) -> Self {
        let mut splits = BTreeMap::new();
        for object in desired.objects.values().flat_map(BTreeMap::values) {
            let is_rule = object.body.key.kind == Kind::DestinationRule;
            if is_rule && object.host != object.base && bases.contains(&object.base) {
                splits.entry(&object.host).or_insert_with(|| split_of(&object.body.spec).unwrap_or_default());
            }
        }
        Self(splits)
    }

    fn of_host(&self, host: &Host) -> BTreeMap<Arc<str>, u32> {
        self.0.get(host).cloned().unwrap_or_default()
    }
}

/// The weights that the `spec` of a DestinationRule distributes by.
fn split_of(spec: &str) -> Option<BTreeMap<Arc<str>, u32>> {
    let rule: DestinationRule = serde_json::from_str(spec).ok()?;
    let setting = rule.traffic_policy.load_balancer?.locality_lb_setting?;
    setting.distribute.into_iter().next().map(|distribute| distribute.to)
}

#[cfg(test)]
mod tests;
