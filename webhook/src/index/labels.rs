//! How workloads bear the label of their identity: once all of them do, a cluster can be asked for those of an identity.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use mesh_model::host::identity_label;
use mesh_model::kind::Kind;
use mesh_model::name::Identity;
use mesh_model::webhook::{LabelReport, MAX_IDENTITIES_TOLD};

use super::source::{Source, Uid};
use super::watched::SERVING;

/// How one workload bears it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Label {
    /// It bears that of its own identity.
    Right(Identity),
    /// It bears one that is not its own, or has none to bear.
    Wrong,
    /// It has a name, and no label.
    Missing,
    /// It has neither.
    Nameless,
}

impl Label {
    /// By the label that a workload has, and its identity.
    pub(super) fn of(has: Option<&str>, identity: Option<&Identity>) -> Self {
        match (has, identity) {
            (Some(has), Some(identity)) if *has == identity_label(identity) => Self::Right(identity.clone()),
            (Some(_), _) => Self::Wrong,
            (None, Some(_)) => Self::Missing,
            (None, None) => Self::Nameless,
        }
    }

    /// Where it is counted.
    fn place(&self) -> usize {
        match self {
            Self::Right(_) => 0,
            Self::Wrong => 1,
            Self::Missing => 2,
            Self::Nameless => 3,
        }
    }
}

/// The labels of every workload that serves.
#[derive(Default)]
pub(super) struct Labels(Mutex<Known>);

#[derive(Default)]
struct Known {
    /// What identities are read by.
    key: String,
    workloads: BTreeMap<Source, Label>,
    /// The kinds of which every workload is known.
    kinds: BTreeSet<Kind>,
    /// How many bear it in each way.
    counts: [u32; 4],
    /// How many rightly bear that of each identity.
    identities: BTreeMap<Identity, u32>,
}

impl Labels {
    /// Begins anew: identities are read by `key` from now on.
    pub(super) fn begin(&self, key: &str) {
        *self.known() = Known { key: key.to_owned(), ..Known::default() };
    }

    /// How a workload bears it from now on; none where it is gone.
    pub(super) fn set(&self, source: &Source, label: Option<Label>) {
        self.known().set(source, label);
    }

    /// Every workload of a kind is known: those that are not `there` are gone.
    pub(super) fn keep_only(&self, kind: Kind, there: &BTreeSet<Uid>) {
        let mut known = self.known();
        let gone = known.workloads.keys().filter(|(of, uid)| *of == kind && !there.contains(uid));
        let gone: Vec<Source> = gone.cloned().collect();
        for source in gone {
            known.set(&source, None);
        }
        known.kinds.insert(kind);
    }

    /// What is known; none while not all of it is.
    pub(super) fn report(&self) -> Option<LabelReport> {
        let known = self.known();
        let [right, wrong, missing, nameless] = known.counts;
        let all = &known.identities;
        let identities = || all.keys().map(|identity| identity.as_str().to_owned()).collect();
        SERVING.iter().all(|kind| known.kinds.contains(kind)).then(|| LabelReport {
            identity_key: known.key.clone(),
            right,
            wrong,
            missing,
            nameless,
            identities: (all.len() <= MAX_IDENTITIES_TOLD).then(identities),
        })
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn set(&mut self, source: &Source, label: Option<Label>) {
        if let Some(label) = &label {
            self.counts[label.place()] += 1;
            if let Label::Right(identity) = label {
                *self.identities.entry(identity.clone()).or_default() += 1;
            }
        }
        let before = match label {
            Some(label) => self.workloads.insert(source.clone(), label),
            None => self.workloads.remove(source),
        };
        let Some(before) = before else { return };
        self.counts[before.place()] -= 1;
        if let Label::Right(identity) = before
            && let Entry::Occupied(mut bearers) = self.identities.entry(identity)
        {
            *bearers.get_mut() -= 1;
            if *bearers.get() == 0 {
                bearers.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(kind: Kind, uid: &str) -> Source {
        (kind, Uid::of(uid))
    }

    fn counted(labels: &Labels) -> Option<[u32; 4]> {
        labels.report().map(|report| [report.right, report.wrong, report.missing, report.nameless])
    }

    fn right(identity: &str) -> Label {
        Label::Right(Identity::parse(identity).unwrap())
    }

    #[test]
    fn a_label_is_right_where_it_is_the_workloads_own() {
        let [a, b] = ["a", "b"].map(|identity| Identity::parse(identity).unwrap());
        let label = identity_label(&a);
        let has = Some(label.as_str());
        for (has, identity, label) in [
            (has, Some(&a), right("a")),
            (has, Some(&b), Label::Wrong),
            (has, None, Label::Wrong),
            (None, Some(&a), Label::Missing),
            (None, None, Label::Nameless),
        ] {
            assert_eq!(Label::of(has, identity), label, "{has:?} {identity:?}");
        }
    }

    fn told(labels: &Labels) -> Option<Vec<String>> {
        labels.report().unwrap().identities.map(|identities| identities.into_iter().collect())
    }

    #[test]
    fn identities_are_told_for_as_long_as_somebody_bears_their_labels_and_they_are_not_too_many() {
        let labels = Labels::default();
        for kind in SERVING {
            labels.keep_only(kind, &BTreeSet::new());
        }
        let [a, b, c] = ["a", "b", "c"].map(|uid| source(Kind::Deployment, uid));
        for (source, identity) in [(&a, "web"), (&b, "web"), (&c, "orders")] {
            labels.set(source, Some(right(identity)));
        }
        assert_eq!(told(&labels).unwrap(), ["orders", "web"]);
        labels.set(&a, Some(right("web")));
        labels.set(&c, Some(Label::Wrong));
        labels.set(&b, None);
        assert_eq!(told(&labels).unwrap(), ["web"]);
        labels.keep_only(Kind::Deployment, &BTreeSet::new());
        assert_eq!(told(&labels).unwrap(), [""; 0]);
        let many = |number: usize| (source(Kind::Rollout, &number.to_string()), right(&format!("i{number}")));
        for (source, label) in (0..=MAX_IDENTITIES_TOLD).map(many) {
            labels.set(&source, Some(label));
        }
        assert_eq!(told(&labels), None);
        labels.set(&many(0).0, None);
        assert_eq!(told(&labels).unwrap().len(), MAX_IDENTITIES_TOLD);
    }

    #[test]
    fn nothing_is_said_before_every_workload_of_every_kind_is_known() {
        let labels = Labels::default();
        labels.begin("identity");
        labels.set(&source(Kind::Deployment, "a"), Some(right("web")));
        for kind in SERVING {
            assert_eq!(counted(&labels), None, "{kind}");
            labels.keep_only(kind, &BTreeSet::from([Uid::of("a")]));
        }
        assert_eq!(counted(&labels), Some([1, 0, 0, 0]));
        labels.begin("app");
        assert_eq!(counted(&labels), None, "another key is another question");
    }

    #[test]
    fn each_workload_counts_once_and_one_that_is_gone_no_more() {
        let labels = Labels::default();
        for kind in SERVING {
            labels.keep_only(kind, &BTreeSet::new());
        }
        let [a, b] = ["a", "b"].map(|uid| source(Kind::Rollout, uid));
        labels.set(&a, Some(Label::Missing));
        labels.set(&b, Some(Label::Wrong));
        assert_eq!(counted(&labels), Some([0, 1, 1, 0]));
        assert!(!labels.report().unwrap().is_indexed());
        labels.set(&a, Some(right("web")));
        labels.set(&b, None);
        labels.set(&b, None);
        assert_eq!(counted(&labels), Some([1, 0, 0, 0]));
        assert!(labels.report().unwrap().is_indexed());
        labels.set(&b, Some(Label::Nameless));
        // A list that tells what is there tells what is gone, of its own kind.
        labels.keep_only(Kind::Deployment, &BTreeSet::new());
        assert_eq!(counted(&labels), Some([1, 0, 0, 1]));
        labels.keep_only(Kind::Rollout, &BTreeSet::from([Uid::of("b")]));
        assert_eq!(counted(&labels), Some([0, 0, 0, 1]));
    }
}
