//! `kubectl mesh permissions`: the least ClusterRole for a verb, from one table of what each verb reads and writes.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use clap::{Args, ValueEnum};
use mesh_model::kind::Kind;
use mesh_model::webhook::STATE_CONFIG_MAP;

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
    /// For `sync --watch`: also watch what is listed
    #[arg(long)]
    watch: bool,
}

/// The verbs that reach clusters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Verb {
    Check,
    Diff,
    Explain,
    FleetAdd,
    FleetInit,
    FleetList,
    FleetRetire,
    Graph,
    Names,
    Plan,
    PolicyPush,
    Render,
    Status,
    Sync,
    Trace,
    WebhookPromote,
    WebhookStatus,
    Whereis,
}

impl Verb {
    /// Whether it works out what clusters should hold.
    fn plans(self) -> bool {
        !matches!(self, Self::WebhookPromote | Self::WebhookStatus)
    }

    /// Whether it looks at webhooks.
    fn looks_at_webhooks(self) -> bool {
        !self.plans() || self == Self::Status
    }

    /// Whether it goes by what webhooks say of themselves.
    fn hears_webhooks(self) -> bool {
        self.looks_at_webhooks() || matches!(self, Self::Sync | Self::Whereis)
    }

    /// Whether it may find a member whose sync namespace is missing, and makes it, with the Role of its writers.
    fn prepares(self) -> bool {
        matches!(self, Self::FleetAdd | Self::FleetInit | Self::PolicyPush)
    }

    /// Whether it looks at what becomes of traffic.
    fn judges(self) -> bool {
        matches!(self, Self::Check | Self::Graph | Self::Plan | Self::Trace)
    }

    /// Whether it writes claims.
    fn claims(self) -> bool {
        matches!(self, Self::Names | Self::Sync)
    }

    /// Whether it stores the policy.
    fn stores(self) -> bool {
        self.prepares() || matches!(self, Self::FleetRetire | Self::Sync)
    }
}

/// Whether a run can do without a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Need {
    /// Without it the cluster is unseen.
    Required,
    /// Without it only the facts of these kinds are held.
    Optional,
    /// Without it nothing else is different.
    Courtesy,
}

/// What runs do with a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Access {
    Read,
    /// Only objects of these names.
    ReadNamed(&'static [&'static str]),
    Write,
    /// Only objects of these names.
    UpdateNamed(&'static [&'static str]),
    /// Nothing is deleted.
    Record,
    /// A name cannot be told while an object is created (Kubernetes' page on RBAC), so such a rule has none.
    Create,
}

impl Access {
    /// Everything is read by lists; who updates an object gets it first.
    fn verbs(self, watch: bool) -> &'static str {
        match self {
            Self::Read | Self::ReadNamed(_) if watch => r#""list", "watch""#,
            Self::Read | Self::ReadNamed(_) => r#""list""#,
            Self::Write => r#""create", "get", "update", "delete""#,
            Self::Record => r#""create", "get", "update", "claim", "transfer""#,
            Self::UpdateNamed(_) => r#""get", "update""#,
            Self::Create => r#""create""#,
        }
    }

    fn names(self) -> Option<&'static [&'static str]> {
        match self {
            Self::ReadNamed(names) | Self::UpdateNamed(names) => Some(names),
            _ => None,
        }
    }
}

/// One line of the table.
struct Row {
    /// Which verbs need it.
    who: fn(Verb) -> bool,
    access: Access,
    need: Need,
    what: What,
    why: &'static str,
}

/// What a rule is about.
enum What {
    Kinds(&'static [Kind]),
    /// How API servers are told to ask webhooks.
    Webhooks,
    /// Those of them that refuse.
    Validating,
    /// Roles of RBAC, which nobody reads.
    Roles,
    /// Pods, and what stands between them and their workloads.
    Pods,
    /// Events, which nobody reads either.
    Events,
}

impl What {
    /// A rule has one group: kinds of several need several rules.
    fn by_group(&self) -> BTreeMap<&'static str, Vec<&'static str>> {
        let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        match self {
            Self::Kinds(kinds) => {
                for kind in *kinds {
                    groups.entry(kind.group()).or_default().push(kind.plural());
                }
            }
            Self::Pods => {
                groups.entry("").or_default().push("pods");
                groups.entry("apps").or_default().push("replicasets");
            }
            Self::Webhooks => groups.entry(ADMISSION).or_default().extend([MUTATING, VALIDATING]),
            Self::Validating => groups.entry(ADMISSION).or_default().push(VALIDATING),
            Self::Roles => groups.entry("rbac.authorization.k8s.io").or_default().push("roles"),
            Self::Events => groups.entry("").or_default().push("events"),
        }
        groups
    }
}

/// The stored policy (product contract §5), and Admiral's addresses (`reference/admiral.md` §3.5).
const CONFIG_MAPS: [&str; 2] = ["mesh-policy", "se-address-configmap"];
/// The roots that istiod gives namespaces, and the settings of the mesh.
const MESH_CONFIG_MAPS: [&str; 2] = ["istio-ca-root-cert", "istio"];
/// Where webhooks say how they are.
const WEBHOOK_CONFIG_MAPS: [&str; 1] = [STATE_CONFIG_MAP];
/// The group of webhook configurations, and its kinds.
const ADMISSION: &str = "admissionregistration.k8s.io";
const MUTATING: &str = "mutatingwebhookconfigurations";
const VALIDATING: &str = "validatingwebhookconfigurations";
/// The webhook configuration of a release of the chart's own name.
const RELEASE: [&str; 1] = ["kubectl-mesh"];
/// The one that is written.
const POLICY: [&str; 1] = ["mesh-policy"];

/// What is read and written, and why. Every reading verb reads the same, since what a cluster should hold depends on all of
/// it; but for pods.
const TABLE: [Row; 25] = [
    Row {
        who: Verb::plans,
        access: Access::Read,
        need: Need::Required,
        what: What::Kinds(&[
            Kind::Namespace,
            Kind::Service,
            Kind::Deployment,
            Kind::StatefulSet,
            Kind::DaemonSet,
            Kind::Rollout,
        ]),
        why: "Who serves, and where",
    },
    Row {
        who: Verb::plans,
        access: Access::Read,
        need: Need::Required,
        what: What::Kinds(&[Kind::ServiceEntry, Kind::DestinationRule]),
        why: "What the cluster holds, and what others put on the same hosts",
    },
    Row {
        who: Verb::plans,
        access: Access::Read,
        need: Need::Optional,
        what: What::Kinds(&[Kind::Node]),
        why: "Regions; a member's region in the policy does as well",
    },
    Row {
        who: Verb::plans,
        access: Access::Read,
        need: Need::Optional,
        what: What::Kinds(&[Kind::Job, Kind::CronJob, Kind::VirtualService]),
        why: "Further clients, diverted hosts",
    },
    Row {
        who: Verb::plans,
        access: Access::Read,
        need: Need::Optional,
        what: What::Kinds(&[
            Kind::Dependency,
            Kind::GlobalTrafficPolicy,
            Kind::OutlierDetection,
            Kind::ClientConnectionConfig,
            Kind::RoutingPolicy,
            Kind::TrafficConfig,
            Kind::DependencyProxy,
        ]),
        why: "Who calls whom, and traffic policies",
    },
    Row {
        who: Verb::plans,
        access: Access::Read,
        need: Need::Optional,
        what: What::Kinds(&[Kind::GlobalName, Kind::GlobalNameSet]),
        why: "Claims",
    },
    Row {
        who: Verb::plans,
        access: Access::ReadNamed(&CONFIG_MAPS),
        need: Need::Optional,
        what: What::Kinds(&[Kind::ConfigMap]),
        why: "The stored policy, and Admiral's addresses: another name here, if Admiral's --se_address_configmap gives one",
    },
    Row {
        who: Verb::judges,
        access: Access::Read,
        need: Need::Courtesy,
        what: What::Kinds(&[Kind::Gateway, Kind::Sidecar, Kind::PeerAuthentication, Kind::AuthorizationPolicy]),
        why: "What becomes of traffic; without it that is unknown",
    },
    Row {
        who: Verb::judges,
        access: Access::ReadNamed(&MESH_CONFIG_MAPS),
        need: Need::Courtesy,
        what: What::Kinds(&[Kind::ConfigMap]),
        why: "The roots and settings of the mesh; without it nothing is said of trust",
    },
    Row {
        who: |verb| verb == Verb::Whereis,
        access: Access::Read,
        need: Need::Optional,
        what: What::Pods,
        why: "The workload of a pod whose name does not tell it",
    },
    Row {
        who: |verb| verb == Verb::Sync,
        access: Access::Write,
        need: Need::Required,
        what: What::Kinds(&[Kind::ServiceEntry, Kind::DestinationRule]),
        why: "What is generated; a RoleBinding in the sync namespace is enough for this rule",
    },
    Row {
        who: Verb::claims,
        access: Access::Record,
        need: Need::Optional,
        what: What::Kinds(&[Kind::GlobalName, Kind::GlobalNameSet]),
        why: "Claims, where the cluster has the kinds of them; the chart's guards ask for its verbs besides",
    },
    Row {
        who: Verb::stores,
        access: Access::UpdateNamed(&POLICY),
        need: Need::Required,
        what: What::Kinds(&[Kind::ConfigMap]),
        why: "The stored policy, where a member has an older one; a RoleBinding in the sync namespace is enough for this rule",
    },
    Row {
        who: Verb::stores,
        access: Access::Create,
        need: Need::Required,
        what: What::Kinds(&[Kind::ConfigMap]),
        why: "The stored policy, where a member has none; a RoleBinding in the sync namespace is enough for this rule",
    },
    Row {
        who: Verb::prepares,
        access: Access::Create,
        need: Need::Required,
        what: What::Kinds(&[Kind::Namespace]),
        why: "The sync namespace, where it is missing",
    },
    Row {
        who: Verb::prepares,
        access: Access::Create,
        need: Need::Required,
        what: What::Roles,
        why: "The Role kubectl-mesh-writer in the sync namespace",
    },
    Row {
        who: Verb::prepares,
        access: Access::Write,
        need: Need::Required,
        what: What::Kinds(&[Kind::ServiceEntry, Kind::DestinationRule]),
        why: "Nothing is written here: nobody may make a Role that lets others do what they may not do themselves",
    },
    Row {
        who: |verb| verb == Verb::Sync,
        access: Access::Create,
        need: Need::Courtesy,
        what: What::Events,
        why: "Who wrote what, for `kubectl get events`; a RoleBinding in the sync namespace is enough for this rule",
    },
    Row {
        who: |verb| !verb.plans(),
        access: Access::Read,
        need: Need::Required,
        what: What::Kinds(&[Kind::Namespace]),
        why: "Which cluster it is",
    },
    Row {
        who: |verb| !verb.plans(),
        access: Access::Read,
        need: Need::Courtesy,
        what: What::Kinds(&[Kind::Deployment]),
        why: "How many webhooks are ready",
    },
    Row {
        who: |verb| !verb.plans(),
        access: Access::ReadNamed(&POLICY),
        need: Need::Courtesy,
        what: What::Kinds(&[Kind::ConfigMap]),
        why: "The stored policy, which says who the members are",
    },
    Row {
        who: Verb::looks_at_webhooks,
        access: Access::Read,
        need: Need::Courtesy,
        what: What::Webhooks,
        why: "How webhooks are asked; without it they are unknown",
    },
    Row {
        who: Verb::hears_webhooks,
        access: Access::ReadNamed(&WEBHOOK_CONFIG_MAPS),
        need: Need::Courtesy,
        what: What::Kinds(&[Kind::ConfigMap]),
        why: "What webhooks say of themselves; without it they are unknown, and workloads are listed whole",
    },
    Row {
        who: |verb| verb == Verb::WebhookPromote,
        access: Access::Create,
        need: Need::Required,
        what: What::Kinds(&[Kind::Deployment]),
        why: "The trial, a dry run; a RoleBinding in the namespace of the trial is enough for this rule",
    },
    Row {
        who: |verb| verb == Verb::WebhookPromote,
        access: Access::UpdateNamed(&RELEASE),
        need: Need::Courtesy,
        what: What::Validating,
        why: "What --write changes: another name here, if the release has another one",
    },
];

/// Prints the role; no fleet is read.
pub(crate) fn run(args: &PermissionsArgs, output: &mut Output) -> Result<Exit, CommandError> {
    if args.watch && args.verb != Verb::Sync {
        return Err(CommandError::usage("only `sync` watches").hint("`kubectl mesh permissions sync --watch`"));
    }
    output.data(&cluster_role(args.verb, args.required_only, args.watch))?;
    Ok(Exit::Success)
}

fn cluster_role(verb: Verb, required_only: bool, watch: bool) -> String {
    let value = verb.to_possible_value().expect("no verb is skipped");
    let mut text = format!(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata:\n  name: kubectl-mesh-{}\nrules:\n",
        value.get_name()
    );
    for row in &TABLE {
        // Who watches lists every workload, whatever webhooks say.
        let is_in_vain = watch && matches!(row.access, Access::ReadNamed(names) if *names == WEBHOOK_CONFIG_MAPS);
        if !(row.who)(verb) || is_in_vain || (required_only && row.need != Need::Required) {
            continue;
        }
        let need = match row.need {
            Need::Required => "Required",
            Need::Optional => "Optional: when forbidden, only what came from these kinds is held",
            Need::Courtesy => "Optional: when forbidden, nothing else is different",
        };
        let _ = writeln!(text, "  # {need}. {}.", row.why);
        for (group, resources) in row.what.by_group() {
            let _ = writeln!(text, "  - apiGroups: [{group:?}]");
            let _ = writeln!(text, "    resources: [{}]", quoted(&resources));
            if let Some(names) = row.access.names() {
                let _ = writeln!(text, "    resourceNames: [{}]", quoted(names));
            }
            let _ = writeln!(text, "    verbs: [{}]", row.access.verbs(watch));
        }
    }
    text
}

fn quoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_kind_that_is_read_is_in_the_table() {
        let mut read = BTreeSet::new();
        for row in TABLE.iter().filter(|row| matches!(row.access, Access::Read | Access::ReadNamed(_))) {
            if let What::Kinds(kinds) = &row.what {
                read.extend(kinds.iter().copied());
            }
        }
        assert_eq!(read, Kind::ALL.into_iter().collect());
    }

    /// The trial of a webhook is a dry run, which needs the right to write all the same.
    fn writes(verb: Verb) -> bool {
        verb.stores() || verb.claims() || verb == Verb::WebhookPromote
    }

    #[test]
    fn a_verb_that_reads_may_not_write() {
        for verb in Verb::value_variants() {
            let text = cluster_role(*verb, false, false);
            assert_eq!(text.contains("\"create\""), writes(*verb), "{verb:?}");
            assert_eq!(text.contains("\"delete\""), verb.prepares() || *verb == Verb::Sync, "{verb:?}");
            assert!(!text.contains('*'), "no wildcard");
            let required = cluster_role(*verb, true, false);
            assert!(!required.contains("nodes") && required.contains("\"namespaces\""));
        }
    }

    #[test]
    fn what_is_read_is_listed_and_watched_where_that_is_asked_for() {
        for verb in Verb::value_variants() {
            let text = cluster_role(*verb, false, false);
            let gets = text.lines().filter(|line| line.contains("\"get\""));
            assert!(gets.clone().all(|line| line.contains("\"update\"")), "{verb:?}: {text}");
            assert_eq!(gets.count() > 0, writes(*verb), "{verb:?}: {text}");
            assert!(!text.contains("watch"), "{verb:?}");
        }
        let watched = cluster_role(Verb::Sync, false, true);
        let (listed, once) =
            (watched.replace(r#""list", "watch""#, r#""list""#), cluster_role(Verb::Sync, false, false));
        let only_once: Vec<&str> = once.lines().filter(|line| !listed.contains(line)).collect();
        assert!(listed.lines().all(|line| once.contains(line)), "{watched}");
        assert_eq!(only_once.len(), 2, "what webhooks say of themselves, and why it is read: {only_once:?}");
        assert!(only_once[1].contains(STATE_CONFIG_MAP) && !watched.contains(r#"["list"]"#), "{only_once:?}");
    }

    #[test]
    fn only_generated_kinds_are_deleted_and_only_the_policy_is_updated() {
        let rules = |verb: Verb, word: &str| {
            let text = cluster_role(verb, false, false);
            text.split("  - ").filter(|rule| rule.contains(word)).map(str::to_owned).collect::<Vec<_>>()
        };
        let [rule] = &rules(Verb::Sync, "\"delete\"")[..] else { panic!("one rule deletes") };
        assert!(rule.contains(r#"resources: ["serviceentries", "destinationrules"]"#), "{rule}");
        let [rule] = &rules(Verb::FleetRetire, "\"update\"")[..] else { panic!("one rule updates") };
        assert!(rule.contains(r#"resourceNames: ["mesh-policy"]"#), "{rule}");
    }
}
