//! Live fleets: clusters that are asked over the network, each by the credentials that a source brings.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use mesh_model::fleet::FleetSnapshot;
use mesh_model::name::{ClusterName, Namespace};
use mesh_model::policy::MeshPolicy;
use mesh_plan::plan::Plan;

use crate::fleet::Depth;
use crate::limits::{CLUSTER_TIMEOUT, PARALLEL, RUN_TIMEOUT};
use crate::report::ApplyReport;
use crate::run::Run;

mod apply;
mod background;
mod client;
mod contact;
mod credentials;
mod crowd;
mod discovery;
mod error;
mod events;
mod folder;
mod found;
#[cfg(test)]
mod hub_of_tests;
mod indexed;
mod kubeconfig;
mod labels;
mod members;
mod named;
mod observe;
mod open;
mod pages;
mod plugins;
mod pods;
mod policy;
mod profiles;
mod quotes;
mod rest;
mod rule;
mod secrets;
mod select;
mod services;
mod source;
mod target;
mod turns;
mod unpack;
pub mod watch;
mod webhook;
mod write;

pub use contact::{POLICY_CONFIG_MAP, POLICY_KEY};
pub use error::LiveError;
pub use observe::Observed;
pub use pods::{PodOwner, PodOwners};
pub use policy::{PolicyOutcome, PolicyResult, WRITER_ROLE};
pub use profiles::Provider;
pub use select::{Selected, Untold};
pub use source::{Source, SourceForm};
pub use webhook::{Closed, Trial, Webhooks};

use background::Background;
use contact::Contact;
use members::{Place, Unreached};
use observe::About;
use plugins::Plugins;
use target::Target;

/// How much a run may take, and how much it does at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Clusters at once.
    pub parallel: usize,
    /// What one cluster may take to be read.
    pub cluster_timeout: Duration,
    /// What the whole run may take to read.
    pub run_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { parallel: PARALLEL, cluster_timeout: CLUSTER_TIMEOUT, run_timeout: RUN_TIMEOUT }
    }
}

/// A live fleet that was opened: its clusters were asked who they are, and its policy is known.
pub struct LiveFleet {
    runtime: Background,
    source: Source,
    /// The clusters that the source named.
    targets: Vec<Target>,
    /// Credential plugins that ran, and what they gave.
    plugins: Arc<Plugins>,
    limits: Limits,
    policy: MeshPolicy,
    /// What of the policies in the clusters stands in the way of writing.
    policy_state: PolicyState,
    /// Every cluster that answered, and those that did not.
    contacts: Vec<Contact>,
    unreached: Vec<Unreached>,
    /// The members, reached or not.
    places: Vec<Place>,
    strangers: Vec<ClusterName>,
    /// Where policies are looked for.
    policy_namespaces: Vec<Namespace>,
    /// Members whose sync namespace is going to be made.
    prepared: BTreeSet<ClusterName>,
    /// Who we are for the clusters that said it.
    users: Mutex<BTreeMap<ClusterName, String>>,
}

/// What the clusters store as policy.
#[derive(Debug, Clone, Default)]
pub struct PolicyState {
    /// The revision that each member stores, with its namespace.
    pub stored: BTreeMap<ClusterName, (Namespace, u64)>,
    /// The text that counts; none when no member stores a policy.
    pub text: Option<String>,
    /// Members whose stored policy has the highest revision and another content.
    pub contested: BTreeSet<ClusterName>,
    /// Policies that could not be read, or do not parse.
    pub problems: BTreeMap<ClusterName, String>,
}

impl LiveFleet {
    /// Reaches the clusters of `source`. `given` stands for the policy that they store.
    pub fn open(
        source: Source,
        given: Option<MeshPolicy>,
        sync_namespace: Option<Namespace>,
        limits: Limits,
        run: Run<'_>,
    ) -> Result<Self, LiveError> {
        open::open(source, given, sync_namespace, limits, run)
    }

    /// As it was given, for messages.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The policy that counts.
    pub fn policy(&self) -> &MeshPolicy {
        &self.policy
    }

    /// What the clusters store as policy.
    pub fn policy_state(&self) -> &PolicyState {
        &self.policy_state
    }

    /// Reads every member. Problems are findings and unseen clusters or kinds, never an error.
    pub fn observe(&self, depth: Depth, run: Run<'_>) -> FleetSnapshot {
        self.runtime.block_on(observe::observe(self, depth, None, run)).snapshot
    }

    /// The same for a plan of `names` alone, identities and hosts without globs, at the time `now`: workloads that cannot matter
    /// to them are left out where they can be told by their label.
    pub fn observe_for(&self, names: &[String], now: Timestamp, run: Run<'_>) -> Observed {
        self.runtime.block_on(observe::observe(self, Depth::Plan, Some(About { names, now }), run))
    }

    /// Reads what generated objects tell of `key`, and what they lead to, at the time `now`; or says why they do not tell.
    pub fn select(&self, key: &str, now: Timestamp, run: Run<'_>) -> Result<Selected, Untold> {
        self.runtime.block_on(select::select(self, key, now, run))
    }

    /// The workloads of the pods that `key` means; none where it cannot mean a pod.
    pub fn pod_owners(&self, key: &str, run: Run<'_>) -> Option<PodOwners> {
        self.runtime.block_on(pods::owners(self, key, run))
    }

    /// Writes the steps of `plan`, ordered per name.
    pub fn apply(&self, plan: &Plan, run: Run<'_>) -> ApplyReport {
        self.runtime.block_on(apply::apply(self, plan, run, &|_, _| {}))
    }

    /// Asks every server what it would say to the steps of `plan`, each by itself. Nothing is stored.
    pub fn rehearse(&self, plan: &Plan, run: Run<'_>) -> ApplyReport {
        self.runtime.block_on(apply::rehearse(self, plan, run))
    }

    /// The cluster of a member, or why it was not reached.
    fn contact(&self, cluster: &str) -> Result<&Contact, String> {
        let place = self.places.iter().find(|place| &*place.name == cluster);
        let place = place.ok_or_else(|| "is no member".to_owned())?;
        place.contact.as_ref().map_err(Clone::clone)
    }

    /// The clusters that did not answer, and why: what the source calls each.
    pub fn unreached(&self) -> impl Iterator<Item = (&str, &str)> {
        self.unreached.iter().map(|cluster| (cluster.name.as_str(), cluster.why.as_str()))
    }

    /// The clusters that answered: what the source calls each, and the UID of its `kube-system` namespace.
    pub fn reached(&self) -> impl Iterator<Item = (&str, &str)> {
        self.contacts.iter().map(|contact| (contact.target.name.as_str(), &*contact.uid))
    }
}
