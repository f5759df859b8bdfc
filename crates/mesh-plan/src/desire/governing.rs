//! Which GlobalTrafficPolicy, OutlierDetection and ClientConnectionConfig govern a name, and why the others lost.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mesh_istio::connection_pool::ConnectionPool;
use mesh_istio::destination_rule::OutlierDetection as OutlierBlock;
use mesh_istio::duration::parse_seconds;
use mesh_model::facts::{
    ClientConnectionConfig, GlobalTrafficPolicy, OutlierDetection, OutlierValues, PolicyMeta, TrafficItem,
};
use mesh_model::fleet::FleetSnapshot;
use mesh_model::kind::Kind;
use mesh_model::name::ClusterName;
use mesh_model::origin::{Origin, Part};
use mesh_model::owned::{ASSOCIATED_GTP, DNS_PREFIX};
use mesh_model::policy::MeshPolicy;

use super::live::{LiveName, LiveRule};
use super::site::Site;
use super::sources::Pair;
use crate::desired::PolicyChoice;

/// Policy objects by identity and env.
pub(super) struct PolicyIndex<'a> {
    traffic: ByPair<'a, GlobalTrafficPolicy>,
    outlier: ByPair<'a, OutlierDetection>,
    connection: ByPair<'a, ClientConnectionConfig>,
}

type ByPair<'a, T> = BTreeMap<(&'a str, &'a str), Vec<(&'a ClusterName, &'a T)>>;

/// What governs one name.
#[derive(Default)]
pub(super) struct Governing {
    pub(super) traffic: Option<Traffic>,
    pub(super) outlier: Option<Governed<OutlierValues>>,
    pub(super) connection: Option<Governed<ConnectionPool>>,
    pub(super) choices: Vec<PolicyChoice>,
}

/// The active GlobalTrafficPolicy.
pub(super) struct Traffic {
    pub(super) name: Arc<str>,
    pub(super) items: Vec<TrafficItem>,
    pub(super) origins: BTreeSet<Origin>,
    /// Why it is what live objects say rather than what is seen.
    pub(super) held: Option<String>,
}

/// A value with where it came from.
pub(super) struct Governed<T> {
    pub(super) value: T,
    pub(super) origins: BTreeSet<Origin>,
    pub(super) held: Option<String>,
}

/// Where policy objects of a name count: namespaces by source cluster.
pub(super) type Eligible<'s> = BTreeMap<&'s str, BTreeSet<&'s str>>;

impl<'a> PolicyIndex<'a> {
    pub(super) fn read(fleet: &'a FleetSnapshot, policy: &MeshPolicy) -> Self {
        let mut index = Self { traffic: BTreeMap::new(), outlier: BTreeMap::new(), connection: BTreeMap::new() };
        for (cluster, facts) in fleet.seen() {
            for object in &facts.traffic_policies {
                index.traffic.entry(object.pair()).or_default().push((cluster, object));
            }
            for object in &facts.outlier_detections {
                index.outlier.entry(object.pair()).or_default().push((cluster, object));
            }
            for object in facts.connection_configs.iter().filter(|_| policy.traffic.client_connection_configs) {
                index.connection.entry(object.pair()).or_default().push((cluster, object));
            }
        }
        index
    }

    /// Chooses what governs `pair`.
    pub(super) fn governing(
        &self,
        pair: &Pair,
        eligible: &Eligible<'_>,
        live: Option<&LiveName<'_>>,
        sites: &BTreeMap<&'a ClusterName, Site<'a>>,
    ) -> Governing {
        let mut choices = Vec::new();
        let traffic = match unseen_origin(live, Kind::GlobalTrafficPolicy, sites) {
            Some((origins, why)) => held_traffic(live, origins, why),
            None => match choose(&self.traffic, pair, eligible, &mut choices) {
                Some((origin, object)) => Some(Traffic {
                    name: Arc::clone(&object.meta.name),
                    items: object.items.clone(),
                    origins: BTreeSet::from([origin]),
                    held: None,
                }),
                None => unseen_mark(live, sites).and_then(|why| held_traffic(live, BTreeSet::new(), why)),
            },
        };
        let outlier = match unseen_origin(live, Kind::OutlierDetection, sites) {
            Some((origins, why)) => {
                let rules = live.into_iter().flat_map(LiveName::rules).map(|(_, rule)| rule);
                let value = held_values(rules, Kind::OutlierDetection).unwrap_or_default();
                Some(Governed { value, origins, held: Some(why) })
            }
            None => choose(&self.outlier, pair, eligible, &mut choices).map(|(origin, object)| Governed {
                value: object.values,
                origins: BTreeSet::from([origin]),
                held: None,
            }),
        };
        let connection = match unseen_origin(live, Kind::ClientConnectionConfig, sites) {
            Some((origins, why)) => held_pool(live).map(|value| Governed { value, origins, held: Some(why) }),
            None => choose(&self.connection, pair, eligible, &mut choices).map(|(origin, object)| Governed {
                value: serde_json::from_str(&object.connection_pool).unwrap_or_default(),
                origins: BTreeSet::from([origin]),
                held: None,
            }),
        };
        choices.sort();
        Governing { traffic, outlier, connection, choices }
    }

    /// Every policy object, with the pair that it is for.
    pub(super) fn all(&self) -> impl Iterator<Item = (Kind, &'a ClusterName, &'a PolicyMeta)> + use<'_, 'a> {
        let traffic = self.traffic.values().flatten().map(|(c, o)| (Kind::GlobalTrafficPolicy, *c, &o.meta));
        let outlier = self.outlier.values().flatten().map(|(c, o)| (Kind::OutlierDetection, *c, &o.meta));
        let connection = self.connection.values().flatten().map(|(c, o)| (Kind::ClientConnectionConfig, *c, &o.meta));
        traffic.chain(outlier).chain(connection)
    }
}

/// A policy object that competes with others of its kind.
trait Candidate {
    const KIND: Kind;
    fn meta(&self) -> &PolicyMeta;
    fn pair(&self) -> (&str, &str) {
        (&self.meta().identity, &self.meta().env)
    }
    /// Why `self` beats `other`, if it does by its content; ties are broken by place.
    fn beats(&self, other: &Self) -> Option<String>;
}

impl Candidate for GlobalTrafficPolicy {
    const KIND: Kind = Kind::GlobalTrafficPolicy;
    fn meta(&self) -> &PolicyMeta {
        &self.meta
    }
    fn beats(&self, other: &Self) -> Option<String> {
        if self.priority != other.priority {
            return (self.priority > other.priority)
                .then(|| format!("higher priority ({} over {})", self.priority, other.priority));
        }
        if let (Some(mine), Some(theirs)) = (&self.last_updated, &other.last_updated)
            && mine != theirs
        {
            return (mine > theirs).then(|| format!("later lastUpdatedAt ({mine} over {theirs})"));
        }
        newer(&self.meta, &other.meta)
    }
}

impl Candidate for OutlierDetection {
    const KIND: Kind = Kind::OutlierDetection;
    fn meta(&self) -> &PolicyMeta {
        &self.meta
    }
    fn beats(&self, other: &Self) -> Option<String> {
        newer(&self.meta, &other.meta)
    }
}

impl Candidate for ClientConnectionConfig {
    const KIND: Kind = Kind::ClientConnectionConfig;
    fn meta(&self) -> &PolicyMeta {
        &self.meta
    }
    fn beats(&self, other: &Self) -> Option<String> {
        newer(&self.meta, &other.meta)
    }
}

/// Newest wins; a missing creationTimestamp counts as newest.
fn newer(mine: &PolicyMeta, other: &PolicyMeta) -> Option<String> {
    match (mine.created, other.created) {
        (None, Some(_)) => Some("newer (no creationTimestamp counts as newest)".into()),
        (Some(a), Some(b)) if a > b => Some(format!("newer (created {a} over {b})")),
        _ => None,
    }
}

/// The candidate that counts, and what was said of each.
fn choose<'a, T: Candidate>(
    index: &ByPair<'a, T>,
    pair: &Pair,
    eligible: &Eligible<'_>,
    choices: &mut Vec<PolicyChoice>,
) -> Option<(Origin, &'a T)> {
    let mut candidates: Vec<_> = index
        .get(&(pair.0.as_str(), pair.1.as_str()))
        .into_iter()
        .flatten()
        .filter(|(cluster, object)| {
            eligible
                .get(cluster.as_str())
                .is_some_and(|namespaces| namespaces.contains(object.meta().namespace.as_str()))
        })
        .collect();
    candidates.sort_by(|(a, x), (b, y)| {
        (a, &x.meta().namespace, &x.meta().name).cmp(&(b, &y.meta().namespace, &y.meta().name))
    });
    let (winner_cluster, winner) = *candidates.iter().copied().reduce(|best, next| {
        // Sorted by place: on a tie the earlier one stays.
        if next.1.beats(best.1).is_some() { next } else { best }
    })?;
    let name = |meta: &PolicyMeta| Arc::<str>::from(format!("{}/{}", meta.namespace, meta.name));
    for (cluster, object) in &candidates {
        let active = std::ptr::eq(*object, winner);
        let why = if active {
            match candidates.len() {
                1 => "the only one".into(),
                n => format!("wins over {} other(s)", n - 1),
            }
        } else {
            let by =
                winner.beats(object).unwrap_or_else(|| "equal; the smaller cluster, namespace and name counts".into());
            format!("lost to {winner_cluster}: {}: {by}", name(winner.meta()))
        };
        choices.push(PolicyChoice {
            kind: T::KIND,
            cluster: (*cluster).clone(),
            name: name(object.meta()),
            active,
            why,
        });
    }
    let origin = Origin { cluster: winner_cluster.clone(), kind: T::KIND, name: name(winner.meta()) };
    Some((origin, winner))
}

/// The origins of `kind` that live objects name, if one of them cannot be seen now, and why it cannot.
fn unseen_origin(
    live: Option<&LiveName<'_>>,
    kind: Kind,
    sites: &BTreeMap<&ClusterName, Site<'_>>,
) -> Option<(BTreeSet<Origin>, String)> {
    let origins = live?.origins_of_kind(kind);
    let why = origins.iter().find_map(|origin| match sites.get(&origin.cluster) {
        None => Some(format!("{origin} governs it, and {} is no member", origin.cluster)),
        Some(site) if site.retired || site.sees(kind) => None,
        Some(_) => Some(format!("{origin} governs it and cannot be seen now")),
    })?;
    Some((origins, why))
}

/// Why a traffic policy may govern that only a mark names: adopted objects do not say which cluster it is in.
fn unseen_mark(live: Option<&LiveName<'_>>, sites: &BTreeMap<&ClusterName, Site<'_>>) -> Option<String> {
    let live = live.filter(|live| live.origins_of_kind(Kind::GlobalTrafficPolicy).is_empty())?;
    let name = live.entries().find_map(|(_, entry)| entry.object.annotations.get(ASSOCIATED_GTP))?;
    let blind = sites.values().find(|site| site.may_have(Kind::GlobalTrafficPolicy))?;
    Some(format!("GlobalTrafficPolicy {name} governs it, and may be in {}, which could not be read", blind.name))
}

/// What live objects say of the active traffic policy.
fn held_traffic(live: Option<&LiveName<'_>>, origins: BTreeSet<Origin>, why: String) -> Option<Traffic> {
    let mut items: BTreeMap<Arc<str>, TrafficItem> = BTreeMap::new();
    let mut name = None;
    for (host, held) in &live?.hosts {
        let marked = held.entries.values().filter_map(|entry| {
            let annotations = &entry.object.annotations;
            Some((annotations.get(ASSOCIATED_GTP)?, annotations.get(DNS_PREFIX)))
        });
        let Some((gtp, prefix)) = marked.min() else { continue };
        name.get_or_insert_with(|| Arc::clone(gtp));
        let mut item = TrafficItem {
            dns_prefix: prefix.cloned().unwrap_or_default(),
            dns: Arc::clone(host),
            ..Default::default()
        };
        item.outlier = held_values(held.rules.values(), Kind::GlobalTrafficPolicy);
        for rule in held.rules.values().filter_map(LiveRule::spec) {
            let setting = rule.traffic_policy.load_balancer.as_ref().and_then(|lb| lb.locality_lb_setting.as_ref());
            match setting.map(|setting| setting.distribute.first()) {
                // Any target makes a topology item one.
                Some(None) if item.targets.is_empty() => item.targets.push((Arc::from(""), 0)),
                Some(Some(distribute)) => {
                    item.failover = true;
                    item.targets = distribute.to.iter().map(|(r, w)| (Arc::clone(r), i64::from(*w))).collect();
                    break;
                }
                Some(None) | None => {}
            }
        }
        items.insert(Arc::clone(host), item);
    }
    // A policy may govern without any item: then no host carries its name.
    Some(Traffic { name: name.unwrap_or_default(), items: items.into_values().collect(), origins, held: Some(why) })
}

/// What live rules say of the outlier detection that an object of `kind` decided: none where none did.
fn held_values<'r>(rules: impl Iterator<Item = &'r LiveRule<'r>>, kind: Kind) -> Option<OutlierValues> {
    let part = Part::TrafficPolicy("outlierDetection".into());
    let decided = rules.filter(|rule| rule.object.origins.of(&part).any(|origin| origin.kind == kind));
    // Where nothing is ejected there is no block; another cluster's may tell more.
    let values = decided.filter_map(|rule| Some(rule.spec()?.traffic_policy.outlier_detection.as_ref().map(values_of)));
    Some(values.max_by_key(|values| (values.is_some(), format!("{values:?}")))?.unwrap_or_default())
}

/// The values of a block that was written.
pub(super) fn values_of(block: &OutlierBlock) -> OutlierValues {
    OutlierValues {
        base_ejection_time: block.base_ejection_time.as_deref().and_then(parse_seconds),
        consecutive_gateway_errors: block.consecutive_gateway_errors,
        interval: block.interval.as_deref().and_then(parse_seconds),
    }
}

/// What live objects say of connection pools.
fn held_pool(live: Option<&LiveName<'_>>) -> Option<ConnectionPool> {
    let pools = live?.rules().filter_map(|(_, rule)| rule.spec()?.traffic_policy.connection_pool.as_ref());
    pools.min_by_key(|pool| format!("{pool:?}")).cloned()
}
