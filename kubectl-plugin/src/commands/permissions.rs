//! `kubectl mesh permissions`: the least ClusterRole for a verb, from one table of what each verb reads and writes.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use clap::{Args, ValueEnum};
use mesh_model::kind::Kind;

use crate::error::CommandError;
use crate::exit::Exit;
use crate::output::Output;

/// Print the least `ClusterRole` that a verb needs in each cluster
#[derive(Debug, Args)]
pub(crate) struct PermissionsArgs {
    /// The verb
    #[arg(value_enum, value_name = "VERB")]
    verb: Verb,
    /// Leave out what the verb can do without
    #[arg(long)]
    required_only: bool,
}

/// The verbs that reach clusters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Verb {
    Check,
    Diff,
    Explain,
    Plan,
    Render,
    Status,
    Sync,
    Whereis,
}

/// Whether a run can do without a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Need {
    /// Without it the cluster is unseen.
    Required,
    /// Without it only the facts of these kinds are held.
    Optional,
}

/// What runs do with a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Access {
    Read,
    /// Only objects of these names.
    ReadNamed(&'static [&'static str]),
    Write,
}

/// The stored policy (product contract §5), and Admiral's addresses (`reference/admiral.md` §3.5).
const CONFIG_MAPS: [&str; 2] = ["mesh-policy", "se-address-configmap"];

/// What is read and written, and why. Every reading verb reads the same: what a cluster should hold depends on all of it.
const TABLE: [(Access, Need, &[Kind], &str); 8] = [
    (
        Access::Read,
        Need::Required,
        &[Kind::Namespace, Kind::Service, Kind::Deployment, Kind::StatefulSet, Kind::DaemonSet, Kind::Rollout],
        "Who serves, and where",
    ),
    (
        Access::Read,
        Need::Required,
        &[Kind::ServiceEntry, Kind::DestinationRule],
        "What the cluster holds, and what others put on the same hosts",
    ),
    (Access::Read, Need::Optional, &[Kind::Node], "Regions; a member's region in the policy does as well"),
    (
        Access::Read,
        Need::Optional,
        &[Kind::Job, Kind::CronJob, Kind::VirtualService],
        "Further clients, diverted hosts",
    ),
    (
        Access::Read,
        Need::Optional,
        &[
            Kind::Dependency,
            Kind::GlobalTrafficPolicy,
            Kind::OutlierDetection,
            Kind::ClientConnectionConfig,
            Kind::RoutingPolicy,
            Kind::TrafficConfig,
            Kind::DependencyProxy,
        ],
        "Who calls whom, and traffic policies",
    ),
    (Access::Read, Need::Optional, &[Kind::GlobalName, Kind::GlobalNameSet], "Claims"),
    (
        Access::ReadNamed(&CONFIG_MAPS),
        Need::Optional,
        &[Kind::ConfigMap],
        "The stored policy, and Admiral's addresses: another name here, if Admiral's --se_address_configmap gives one",
    ),
    (
        Access::Write,
        Need::Required,
        &[Kind::ServiceEntry, Kind::DestinationRule],
        "What is generated; a RoleBinding in the sync namespace is enough for this rule",
    ),
];

/// Prints the role; no fleet is read.
pub(crate) fn run(args: &PermissionsArgs, output: &mut Output) -> Result<Exit, CommandError> {
    output.data(&cluster_role(args.verb, args.required_only))?;
    Ok(Exit::Success)
}

fn cluster_role(verb: Verb, required_only: bool) -> String {
    let value = verb.to_possible_value().expect("no verb is skipped");
    let mut text = format!(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata:\n  name: kubectl-mesh-{}\nrules:\n",
        value.get_name()
    );
    for (access, need, kinds, why) in TABLE {
        if (access == Access::Write && verb != Verb::Sync) || (required_only && need == Need::Optional) {
            continue;
        }
        let verbs = match access {
            Access::Read => r#""get", "list""#,
            Access::ReadNamed(_) => r#""get""#,
            Access::Write => r#""create", "update", "delete""#,
        };
        let need = match need {
            Need::Required => "Required",
            Need::Optional => "Optional: when forbidden, only what came from these kinds is held",
        };
        let _ = writeln!(text, "  # {need}. {why}.");
        for (group, resources) in by_group(kinds) {
            let _ = writeln!(text, "  - apiGroups: [{group:?}]");
            let _ = writeln!(text, "    resources: [{}]", quoted(&resources));
            if let Access::ReadNamed(names) = access {
                let _ = writeln!(text, "    resourceNames: [{}]", quoted(names));
            }
            let _ = writeln!(text, "    verbs: [{verbs}]");
        }
    }
    text
}

fn quoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(", ")
}

/// A rule has one group: kinds of several need several rules.
fn by_group(kinds: &[Kind]) -> BTreeMap<&'static str, Vec<&'static str>> {
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for kind in kinds {
        groups.entry(kind.group()).or_default().push(kind.plural());
    }
    groups
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_kind_that_is_read_is_in_the_table() {
        let read: BTreeSet<Kind> =
            TABLE.iter().filter(|row| row.0 != Access::Write).flat_map(|row| row.2).copied().collect();
        assert_eq!(read, Kind::ALL.into_iter().collect());
    }

    #[test]
    fn only_sync_may_write_and_only_generated_kinds() {
        for verb in Verb::value_variants() {
            let text = cluster_role(*verb, false);
            assert_eq!(text.contains("\"delete\""), *verb == Verb::Sync, "{verb:?}");
            assert!(!text.contains('*'), "no wildcard");
            let read_only = cluster_role(*verb, true);
            assert!(!read_only.contains("nodes") && read_only.contains("\"namespaces\""));
        }
        let sync = cluster_role(Verb::Sync, true);
        let rule = sync.split("  - ").find(|rule| rule.contains("\"delete\"")).unwrap();
        assert!(rule.contains(r#"resources: ["serviceentries", "destinationrules"]"#), "{rule}");
    }
}
