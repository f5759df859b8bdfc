//! How complete a run was, and how much of that is tolerated.

use mesh_model::finding::{Code, Finding};
use mesh_model::kind::Kind;
use mesh_plan::plan::{Action, Coverage, Plan, Step};

use crate::cli::Allowance;
use crate::exit::Exit;

/// 4 when no cluster was seen; 3 when more is unseen than `allowed`, or anything is held for another reason; else 0.
/// Holds that come from what is tolerated as unseen are tolerated with it.
pub(crate) fn exit_of(plan: &Plan, allowed: Allowance) -> Exit {
    let exit = exit_by_coverage(&plan.coverage, allowed);
    let tolerated = exit == Exit::Success;
    let mut holds = plan.steps.iter().filter(|step| !step.is_write());
    let held = holds.any(|step| !tolerated || !is_from_unseen(step, &plan.coverage));
    if held { exit.merge(Exit::Partial) } else { exit }
}

/// As [`exit_of`], for verbs that hold nothing.
pub(crate) fn exit_by_coverage(coverage: &Coverage, allowed: Allowance) -> Exit {
    let unseen = coverage.unseen.len() + coverage.unseen_kinds.len();
    if coverage.seen == 0 && unseen > 0 {
        Exit::NothingDone
    } else if allowed.allows(unseen, coverage.members) {
        Exit::Success
    } else {
        Exit::Partial
    }
}

/// The same for verbs that look at traffic: kinds that could not be read count although nothing that is generated depends on
/// them. What nobody asked a cluster for does not.
pub(crate) fn with_traffic(coverage: &Coverage, findings: &[Finding]) -> Coverage {
    let mut coverage = coverage.clone();
    for finding in findings.iter().filter(|finding| finding.code == Code::KindUnseen) {
        if let Some(cluster) = &finding.cluster {
            coverage.unseen_kinds.entry(cluster.clone()).or_insert_with(|| vec![finding.place.to_string()]);
        }
    }
    coverage
}

/// Lines for stderr, where stdout has a document.
pub(crate) fn warnings(coverage: &Coverage) -> Vec<String> {
    let clusters = coverage.unseen.iter().map(|(cluster, why)| format!("{cluster} is unseen: {why}"));
    let kinds =
        coverage.unseen_kinds.iter().map(|(cluster, kinds)| format!("unseen in {cluster}: {}", kinds.join(", ")));
    clusters.chain(kinds).collect()
}

/// Whether a hold names something unseen as its cause.
fn is_from_unseen(step: &Step, coverage: &Coverage) -> bool {
    matches!(step.action, Action::Hold { .. })
        && step.because.iter().flat_map(|because| &because.sources).any(|origin| {
            coverage.unseen.contains_key(&origin.cluster)
                || coverage
                    .unseen_kinds
                    .get(&origin.cluster)
                    .is_some_and(|kinds| kinds.iter().any(|kind| Kind::parse(kind) == Some(origin.kind)))
        })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use mesh_model::name::{ClusterName, Namespace};
    use mesh_model::origin::Origin;
    use mesh_model::owned::ObjectKey;
    use mesh_plan::because::Because;
    use mesh_plan::plan::Class;

    use super::*;

    fn cluster(name: &str) -> ClusterName {
        ClusterName::parse(name).unwrap()
    }

    fn plan(unseen: &[&str], hold_from: Option<&str>) -> Plan {
        let hold = hold_from.map(|from| Step {
            cluster: cluster("c1"),
            key: ObjectKey {
                kind: Kind::ServiceEntry,
                namespace: Namespace::parse("mesh-sync").unwrap(),
                name: "a-se".into(),
            },
            host: None,
            base: None,
            identity: None,
            role: None,
            is_called: true,
            action: Action::Hold { instead_of: "delete".into() },
            class: Class::Neutral,
            because: vec![Because::whole(
                "x",
                vec![Origin { cluster: cluster(from), kind: Kind::Service, name: "a/b".into() }],
            )],
        });
        let unseen: BTreeMap<_, _> = unseen.iter().map(|name| (cluster(name), "gone".to_owned())).collect();
        let coverage = Coverage { members: 10, seen: 10 - unseen.len(), unseen, ..Coverage::default() };
        Plan { steps: hold.into_iter().collect(), coverage, ..Plan::default() }
    }

    #[test]
    fn what_is_unseen_or_held_is_partial_unless_it_is_tolerated() {
        let none = Allowance::Count(0);
        let one = Allowance::Count(1);
        for (plan, allowed, want) in [
            (plan(&[], None), none, Exit::Success),
            (plan(&["c9"], None), none, Exit::Partial),
            (plan(&["c9"], None), one, Exit::Success),
            (plan(&["c8", "c9"], None), one, Exit::Partial),
            (plan(&["c9"], Some("c9")), one, Exit::Success),
            (plan(&["c9"], Some("c9")), none, Exit::Partial),
            (plan(&["c9"], Some("c1")), one, Exit::Partial),
            (plan(&[], Some("c1")), one, Exit::Partial),
        ] {
            assert_eq!(exit_of(&plan, allowed), want, "{plan:?} {allowed:?}");
        }
    }

    #[test]
    fn a_fleet_of_which_nothing_was_seen_is_nothing_done() {
        let mut plan = plan(&["c9"], None);
        plan.coverage.seen = 0;
        assert_eq!(exit_of(&plan, Allowance::Percent(100)), Exit::NothingDone);
    }
}
