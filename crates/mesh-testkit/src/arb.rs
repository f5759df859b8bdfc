//! Generated fleets: small, with few names, so that collisions, migrations and everything odd happen often.
//!
//! A [`Story`] is a world and what happens to it: rounds of edits, each followed by a run that writes. Laws are asked about
//! the fleet at its end. Everything shrinks: rounds, edits, clusters and objects go away, choices become the first one.

use std::collections::BTreeMap;

use jiff::Timestamp;
use mesh_model::facts::ClusterFacts;
use mesh_model::fleet::FleetSnapshot;
use mesh_model::kind::Kind;
use mesh_model::name::ClusterName;
use mesh_model::policy::MeshPolicy;
use mesh_plan::laws::{Given, Lost, Planner};
use mesh_plan::scope::Scope;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::build::{at, cluster_name};
use crate::world::{Drift, Edit, Sort, World, Write};

mod items;
mod policies;
mod words;

pub use items::item;
pub use policies::{member, policy};

/// A world and what happens to it.
#[derive(Debug, Clone)]
pub struct Story {
    /// How it starts: nothing generated yet.
    pub start: World,
    /// What happens before each run that writes.
    pub rounds: Vec<(Vec<Edit>, Write)>,
    /// What happens after the last run.
    pub last: Vec<Edit>,
}

/// The fleet at the end of a story.
#[derive(Debug, Clone)]
pub struct Ending {
    /// The world with everything in it.
    pub world: World,
    /// What a run sees of it.
    pub fleet: FleetSnapshot,
    /// The policy that counts.
    pub policy: MeshPolicy,
    /// When the story ended.
    pub now: Timestamp,
}

impl Story {
    /// Plays the story with `planner`; each round is a day.
    pub fn play(&self, planner: Planner) -> Ending {
        let mut world = self.start.clone();
        let mut now = at(1_700_000_000);
        for (edits, write) in &self.rounds {
            world.edit_all(edits);
            let plan = planner.all(&world.view(), &world.policy(), now);
            world.write(&plan, *write);
            now += jiff::SignedDuration::from_hours(24);
        }
        world.edit_all(&self.last);
        Ending { fleet: world.view(), policy: world.policy(), world, now }
    }
}

impl Ending {
    /// What a law is asked about.
    pub fn given(&self) -> Given<'_> {
        Given { fleet: &self.fleet, policy: &self.policy, now: self.now }
    }
}

/// Stories of up to three runs.
pub fn story() -> impl Strategy<Value = Story> {
    let round = (vec(edit(), 0..4), write());
    (world(), vec(round, 0..4), vec(edit(), 0..8)).prop_map(|(start, rounds, last)| Story { start, rounds, last })
}

/// Worlds of one to five clusters.
pub fn world() -> impl Strategy<Value = World> {
    (vec(cluster(), 1..=5), policy(), any::<bool>()).prop_map(|(clusters, policy, listed)| World {
        clusters: words::CLUSTERS.iter().map(|name| cluster_name(name)).zip(clusters).collect(),
        policy,
        listed,
        ..World::default()
    })
}

/// What one cluster holds at the start. Most have a region and a gateway.
pub fn cluster() -> impl Strategy<Value = ClusterFacts> {
    let usual = (prop::option::weighted(0.9, items::region()), prop::option::weighted(0.9, items::gateway()));
    (usual, vec(item(), 0..10)).prop_map(|((region, gateway), items)| {
        let mut facts = ClusterFacts::default();
        region.iter().chain(&gateway).chain(&items).for_each(|item| item.put(&mut facts));
        crate::build::sort(&mut facts);
        facts
    })
}

/// Something that happens.
pub fn edit() -> impl Strategy<Value = Edit> {
    let index = 0..12_usize;
    prop_oneof![
        8 => (0..5_usize, item()).prop_map(|(at, item)| Edit::Put(at, Box::new(item))),
        6 => (0..5_usize, sort(), index.clone()).prop_map(|(at, sort, index)| Edit::Drop(at, sort, index)),
        2 => (0..5_usize, index, select(Drift::ALL.to_vec())).prop_map(|(at, index, drift)| Edit::Drift(at, index, drift)),
        2 => (0..5_usize).prop_map(Edit::LoseCluster),
        3 => (0..5_usize, kind(), any::<bool>()).prop_map(|(at, kind, partly)| Edit::LoseKind(at, kind, partly)),
        2 => Just(Edit::Recover),
        1 => (0..5_usize).prop_map(Edit::Retire),
        1 => (0..5_usize).prop_map(Edit::Leave),
        1 => (select(words::CLUSTERS.to_vec()), cluster()).prop_map(|(name, facts)| {
            Edit::Join(cluster_name(name), Box::new(facts))
        }),
        1 => (0..5_usize, member()).prop_map(|(at, member)| Edit::Member(at, Box::new(member))),
        1 => policy().prop_map(|policy| Edit::Policy(Box::new(policy))),
    ]
}

/// Edits of the world outside the planner's reach: what may happen while a run is under way.
pub fn fact_edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        (0..5_usize, items::fact()).prop_map(|(at, item)| Edit::Put(at, Box::new(item))),
        (0..5_usize, fact_sort(), 0..12_usize).prop_map(|(at, sort, index)| Edit::Drop(at, sort, index)),
    ]
}

/// What a run that watches may hear of: such edits, and what somebody does to generated objects.
pub fn watched_edit() -> impl Strategy<Value = Edit> {
    let index = 0..12_usize;
    prop_oneof![
        4 => fact_edit(),
        2 => (0..5_usize, index.clone()).prop_map(|(at, index)| Edit::Drop(at, Sort::Owned, index)),
        2 => (0..5_usize, index, select(Drift::ALL.to_vec())).prop_map(|(at, index, drift)| Edit::Drift(at, index, drift)),
    ]
}

/// What gets out of sight: clusters `c1` to `c5` or kinds of theirs.
pub fn lost() -> impl Strategy<Value = Lost> {
    let one = prop_oneof![
        2 => cluster_named().prop_map(|name| (name, None)),
        3 => (cluster_named(), kind(), any::<bool>()).prop_map(|(name, kind, partly)| (name, Some((kind, partly)))),
    ];
    vec(one, 1..5).prop_map(|all| {
        let mut lost = Lost { kinds: BTreeMap::new(), ..Lost::default() };
        for (name, kind) in all {
            match kind {
                Some((kind, partly)) => drop(lost.kinds.entry(name).or_default().insert(kind, partly)),
                None => drop(lost.clusters.insert(name)),
            }
        }
        lost
    })
}

/// Scopes by names, globs of names, and sometimes by clusters too.
pub fn scope() -> impl Strategy<Value = Scope> {
    let names = select(vec!["a", "b", "stage.a.global", "*.b.global", "*.a.*", "A", "prod.*", "b.a", "nobody"]);
    let clusters = prop::option::weighted(0.2, select(words::CLUSTERS.to_vec()));
    (vec(names, 1..3), clusters).prop_map(|(names, cluster)| Scope {
        names: names.into_iter().map(String::from).collect(),
        namespace: None,
        clusters: cluster.into_iter().map(String::from).collect(),
    })
}

fn write() -> impl Strategy<Value = Write> {
    prop_oneof![6 => Just(Write::All), 2 => (0..20_usize).prop_map(Write::Some), 1 => Just(Write::Nothing)]
}

fn cluster_named() -> impl Strategy<Value = ClusterName> {
    select(words::CLUSTERS.to_vec()).prop_map(cluster_name)
}

/// The kinds that a planner reads.
fn kind() -> impl Strategy<Value = Kind> {
    select(vec![
        Kind::Deployment,
        Kind::Service,
        Kind::Dependency,
        Kind::GlobalTrafficPolicy,
        Kind::OutlierDetection,
        Kind::ClientConnectionConfig,
        Kind::Namespace,
        Kind::Node,
        Kind::Rollout,
        Kind::StatefulSet,
        Kind::DaemonSet,
        Kind::Job,
        Kind::CronJob,
        Kind::GlobalName,
        Kind::ConfigMap,
        Kind::ServiceEntry,
        Kind::DestinationRule,
        Kind::VirtualService,
    ])
}

fn sort() -> impl Strategy<Value = Sort> {
    prop_oneof![8 => fact_sort(), 1 => Just(Sort::Owned)]
}

fn fact_sort() -> impl Strategy<Value = Sort> {
    prop_oneof![
        6 => Just(Sort::Workload),
        4 => Just(Sort::Service),
        4 => Just(Sort::Dependency),
        3 => Just(Sort::TrafficPolicy),
        2 => Just(Sort::Gateway),
        2 => Just(Sort::Region),
        1 => Just(Sort::OutlierDetection),
        1 => Just(Sort::ConnectionConfig),
        1 => Just(Sort::Foreign),
        1 => Just(Sort::Claim),
        1 => Just(Sort::StoredVip),
        1 => Just(Sort::Namespace),
        1 => Just(Sort::Admiral),
    ]
}
