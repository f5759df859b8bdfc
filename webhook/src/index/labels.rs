//! How workloads bear the label of their identity: once all of them do, a cluster can be asked for those of an identity.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use mesh_model::kind::Kind;
use mesh_model::webhook::LabelReport;

use super::source::{Source, Uid};
use super::watched::SERVING;

/// How one workload bears it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Label {
    /// It bears its own.
    Right,
    /// It bears one that is not its own, or has none to bear.
    Wrong,
    /// It has a name, and no label.
    Missing,
    /// It has neither.
    Nameless,
}

impl Label {
    /// By the label that a workload has, and the one that it should have.
    pub(super) fn of(has: Option<&str>, wanted: Option<&str>) -> Self {
        match (has, wanted) {
            (Some(has), Some(wanted)) if has == wanted => Self::Right,
            (Some(_), _) => Self::Wrong,
            (None, Some(_)) => Self::Missing,
            (None, None) => Self::Nameless,
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
        let count = |label: Label| known.counts[label as usize];
        SERVING.iter().all(|kind| known.kinds.contains(kind)).then(|| LabelReport {
            identity_key: known.key.clone(),
            right: count(Label::Right),
            wrong: count(Label::Wrong),
            missing: count(Label::Missing),
            nameless: count(Label::Nameless),
        })
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn set(&mut self, source: &Source, label: Option<Label>) {
        let before = match label {
            Some(label) => self.workloads.insert(source.clone(), label),
            None => self.workloads.remove(source),
        };
        if let Some(before) = before {
            self.counts[before as usize] -= 1;
        }
        if let Some(label) = label {
            self.counts[label as usize] += 1;
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

    #[test]
    fn a_label_is_right_where_it_is_the_workloads_own() {
        for (has, wanted, label) in [
            (Some("a"), Some("a"), Label::Right),
            (Some("a"), Some("b"), Label::Wrong),
            (Some("a"), None, Label::Wrong),
            (None, Some("a"), Label::Missing),
            (None, None, Label::Nameless),
        ] {
            assert_eq!(Label::of(has, wanted), label, "{has:?} {wanted:?}");
        }
    }

    #[test]
    fn nothing_is_said_before_every_workload_of_every_kind_is_known() {
        let labels = Labels::default();
        labels.begin("identity");
        labels.set(&source(Kind::Deployment, "a"), Some(Label::Right));
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
        labels.set(&a, Some(Label::Right));
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
