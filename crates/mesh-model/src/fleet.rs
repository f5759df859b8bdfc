//! A fleet as one run saw it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;

use crate::facts::ClusterFacts;
use crate::finding::Finding;
use crate::name::ClusterName;

/// Everything that one run saw. Two sources make one (directory fleets, live clusters); no later step knows which.
#[derive(Debug, Clone, Default)]
pub struct FleetSnapshot {
    /// The members, by name. Every member of the policy is here, seen or not.
    pub members: BTreeMap<ClusterName, ClusterView>,
    /// Clusters that were reached but are not members: reported, neither read for sources nor written.
    pub strangers: Vec<ClusterName>,
    /// Names, as their records are called, whose claim a person enforces: live endpoints of others go.
    pub enforced: BTreeSet<Arc<str>>,
    /// Problems found while reading (malformed objects, clusters that could not be read, …).
    pub findings: Vec<Finding>,
}

/// One member as a run saw it. *Unseen* is a variant: it cannot be mistaken for empty.
#[derive(Debug, Clone)]
pub enum ClusterView {
    /// Read; kinds that could not be read completely are in [`ClusterFacts::unseen`].
    Seen(Arc<ClusterFacts>),
    /// Could not be read: nothing is known about it, nothing is written to it.
    Unseen(Unseen),
    /// Retired by the policy: what came from it may go. Facts when it was reached all the same.
    Retired(Option<Arc<ClusterFacts>>),
}

/// Why a cluster is unseen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unseen {
    /// Lower case, no period: `no folder of that name`, `marked by .unseen`, …
    pub why: String,
}

impl FleetSnapshot {
    /// The members that were read and are active, in order.
    pub fn seen(&self) -> impl Iterator<Item = (&ClusterName, &ClusterFacts)> {
        self.members.iter().filter_map(|(name, view)| match view {
            ClusterView::Seen(facts) => Some((name, &**facts)),
            ClusterView::Unseen(_) | ClusterView::Retired(_) => None,
        })
    }

    /// The facts of a member that was read and is active.
    pub fn facts(&self, cluster: &str) -> Option<&ClusterFacts> {
        match self.members.get(cluster)? {
            ClusterView::Seen(facts) => Some(facts),
            ClusterView::Unseen(_) | ClusterView::Retired(_) => None,
        }
    }

    /// The facts of a member that was read, active or retired: what a write may touch.
    pub fn reached(&self) -> impl Iterator<Item = (&ClusterName, &ClusterFacts)> {
        self.members.iter().filter_map(|(name, view)| match view {
            ClusterView::Seen(facts) | ClusterView::Retired(Some(facts)) => Some((name, &**facts)),
            ClusterView::Unseen(_) | ClusterView::Retired(None) => None,
        })
    }

    /// The members that could not be read, with the reason.
    pub fn unseen(&self) -> impl Iterator<Item = (&ClusterName, &Unseen)> {
        self.members.iter().filter_map(|(name, view)| match view {
            ClusterView::Unseen(unseen) => Some((name, unseen)),
            ClusterView::Seen(_) | ClusterView::Retired(_) => None,
        })
    }

    /// The same fleet as if no cluster held a generated object: what a plan from scratch starts from.
    #[must_use]
    pub fn without_owned(&self) -> Self {
        let mut fleet = self.clone();
        for view in fleet.members.values_mut() {
            if let ClusterView::Seen(facts) | ClusterView::Retired(Some(facts)) = view {
                Arc::make_mut(facts).owned.clear();
            }
        }
        fleet
    }

    /// Whether everything of every active member was read.
    pub fn is_complete(&self) -> bool {
        self.members.values().all(|view| match view {
            ClusterView::Seen(facts) => facts.unseen.is_empty(),
            ClusterView::Unseen(_) => false,
            ClusterView::Retired(_) => true,
        })
    }
}
