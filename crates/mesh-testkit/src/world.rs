//! A fleet that lives: edited, written to, partly out of sight.
//!
//! A [`World`] knows everything; a run sees [`World::view`] of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mesh_istio::ServiceEntry;
use mesh_istio::service_entry::is_cluster_local;
use mesh_model::facts::{ClusterFacts, ForeignObject};
use mesh_model::fleet::{ClusterView, FleetSnapshot};
use mesh_model::kind::Kind;
use mesh_model::name::ClusterName;
use mesh_model::owned::{ADMIRAL_MARK, Mark, ObjectKey, OwnedObject};
use mesh_model::policy::{Adopt, Member, MemberState, MeshPolicy};
use mesh_plan::apply_model::Store;
use mesh_plan::laws::{Lost, unsee};
use mesh_plan::plan::{Plan, Step};
use serde_json::Value;

use crate::build;

mod drift;
mod item;

pub use drift::Drift;
pub use item::{Item, Sort};

/// Everything there is, seen or not.
#[derive(Debug, Clone, Default)]
pub struct World {
    /// What every cluster holds.
    pub clusters: BTreeMap<ClusterName, ClusterFacts>,
    /// The policy, its members left out.
    pub policy: MeshPolicy,
    /// What the policy says of members; those without an entry are listed by name only.
    pub members: BTreeMap<ClusterName, Member>,
    /// Whether the policy lists the members at all; it does once something is said of one or one is retired.
    pub listed: bool,
    /// Members that are retired.
    pub retired: BTreeSet<ClusterName>,
    /// What a run cannot see.
    pub lost: Lost,
}

/// One thing that happens to a world. Clusters and objects are counted modulo how many there are, so that every edit means
/// something in every world.
#[derive(Debug, Clone)]
pub enum Edit {
    /// An object appears, or replaces the one of its name.
    Put(usize, Box<Item>),
    /// An object goes.
    Drop(usize, Sort, usize),
    /// Somebody changes a generated object by hand.
    Drift(usize, usize, Drift),
    /// A cluster joins.
    Join(ClusterName, Box<ClusterFacts>),
    /// A cluster is no member any more and was never retired.
    Leave(usize),
    /// A member is retired.
    Retire(usize),
    /// A cluster gets out of sight.
    LoseCluster(usize),
    /// A kind gets out of sight in a cluster; `true`: some of it can still be read.
    LoseKind(usize, Kind, bool),
    /// Everything can be seen again.
    Recover,
    /// The policy says something of a member.
    Member(usize, Box<Member>),
    /// The policy changes.
    Policy(Box<MeshPolicy>),
}

/// How much of a plan is written before something interrupts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    /// Everything.
    All,
    /// The first so many steps, counted modulo their number.
    Some(usize),
    /// Nothing.
    Nothing,
}

impl World {
    /// What a run sees.
    pub fn view(&self) -> FleetSnapshot {
        unsee(&self.truth(), &self.lost)
    }

    /// What a run would see that could see everything. Admiral's objects are somebody's until they are adopted.
    pub fn truth(&self) -> FleetSnapshot {
        let view = |(name, facts): (&ClusterName, &ClusterFacts)| {
            let mut facts = facts.clone();
            if self.policy.adopt == Adopt::Off {
                for (key, object) in facts.owned.extract_if(.., |_, object| object.mark == Mark::Admiral) {
                    facts.foreign.push(foreign(key, &object));
                }
                build::sort(&mut facts);
            }
            let facts = Arc::new(facts);
            let retired = self.retired.contains(name);
            (name.clone(), if retired { ClusterView::Retired(Some(facts)) } else { ClusterView::Seen(facts) })
        };
        FleetSnapshot { members: self.clusters.iter().map(view).collect(), ..FleetSnapshot::default() }
    }

    /// The policy, members included.
    pub fn policy(&self) -> MeshPolicy {
        let mut policy = self.policy.clone();
        if self.listed || !self.members.is_empty() || !self.retired.is_empty() {
            policy.fleet.members = self.clusters.keys().map(|name| self.member(name)).collect();
        }
        policy
    }

    /// Writes the first steps of a plan, as far as clusters let themselves be written.
    pub fn write(&mut self, plan: &Plan, write: Write) {
        let steps: Vec<&Step> = plan.steps.iter().filter(|step| step.is_write()).collect();
        let count = match write {
            Write::All => steps.len(),
            Write::Some(count) => count % (steps.len() + 1),
            Write::Nothing => 0,
        };
        let mut store = Store::new(&self.truth());
        for step in steps.into_iter().take(count) {
            store.write(step);
        }
        for (name, after) in store.snapshot().reached() {
            if let Some(facts) = self.clusters.get_mut(name) {
                let adopting = self.policy.adopt == Adopt::Admiral;
                facts.owned.retain(|_, object| object.mark == Mark::Admiral && !adopting);
                facts.owned.extend(after.owned.clone());
            }
        }
    }

    /// Lets all of `edits` happen, in order.
    pub fn edit_all(&mut self, edits: &[Edit]) {
        for edit in edits {
            self.edit(edit);
        }
    }

    /// Lets `edit` happen.
    pub fn edit(&mut self, edit: &Edit) {
        let names: Vec<ClusterName> = self.clusters.keys().cloned().collect();
        let name = |index: usize| names.get(index % names.len().max(1)).cloned();
        match edit {
            Edit::Put(at, item) => self.in_cluster(name(*at), |facts| item.put(facts)),
            Edit::Drop(at, sort, index) => self.in_cluster(name(*at), |facts| sort.drop_one(facts, *index)),
            Edit::Drift(at, index, drift) => self.in_cluster(name(*at), |facts| drift.happen(facts, *index)),
            Edit::Join(name, facts) => {
                if !self.clusters.contains_key(name) {
                    self.clusters.insert(name.clone(), (**facts).clone());
                }
            }
            Edit::Leave(at) => {
                if let Some(name) = name(*at).filter(|_| names.len() > 1) {
                    self.clusters.remove(&name);
                    self.retired.remove(&name);
                    self.lost.clusters.remove(&name);
                    self.lost.kinds.remove(&name);
                }
            }
            Edit::Retire(at) => self.retired.extend(name(*at)),
            Edit::LoseCluster(at) => self.lost.clusters.extend(name(*at)),
            Edit::LoseKind(at, kind, partly) => {
                if let Some(name) = name(*at) {
                    self.lost.kinds.entry(name).or_default().insert(*kind, *partly);
                }
            }
            Edit::Recover => self.lost = Lost::default(),
            Edit::Member(at, member) => {
                if let Some(name) = name(*at) {
                    self.members.insert(name.clone(), Member { name, ..(**member).clone() });
                }
            }
            Edit::Policy(policy) => self.policy = (**policy).clone(),
        }
    }

    fn member(&self, name: &ClusterName) -> Member {
        let member = self.members.get(name).cloned().unwrap_or_else(|| build::member(name));
        let retired = self.retired.contains(name);
        Member { state: if retired { MemberState::Retired } else { MemberState::Active }, ..member }
    }

    fn in_cluster(&mut self, name: Option<ClusterName>, change: impl FnOnce(&mut ClusterFacts)) {
        if let Some(facts) = name.and_then(|name| self.clusters.get_mut(&name)) {
            change(facts);
            build::sort(facts);
        }
    }
}

/// A generated object as one sees it who does not own it.
fn foreign(key: ObjectKey, object: &OwnedObject) -> ForeignObject {
    let spec: Value = serde_json::from_str(&object.spec).unwrap_or_default();
    let texts = |field: &str| -> Vec<Arc<str>> {
        spec[field].as_array().into_iter().flatten().filter_map(Value::as_str).map(Arc::from).collect()
    };
    let hosts = texts("hosts").into_iter().chain(spec["host"].as_str().map(Arc::from)).collect();
    let entry: ServiceEntry = serde_json::from_str(&object.spec).unwrap_or_default();
    let leads_home = entry.endpoints.iter().any(|endpoint| is_cluster_local(&endpoint.address));
    let home_ports = entry.ports.iter().filter(|_| leads_home).map(|port| port.number).collect();
    let addresses = texts("addresses");
    ForeignObject { key, hosts, addresses, home_ports, made_by: Some(ADMIRAL_MARK.into()), created: None }
}
