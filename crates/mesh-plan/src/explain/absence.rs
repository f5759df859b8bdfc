//! Why a cluster holds nothing of a name, and why a source is not among the endpoints.

use std::collections::BTreeSet;
use std::sync::Arc;

use mesh_model::facts::ClusterFacts;
use mesh_model::finding::{Code, Finding};
use mesh_model::fleet::{ClusterView, FleetSnapshot};
use mesh_model::kind::Kind;
use mesh_model::name::{ClusterName, Host};
use mesh_model::origin::Origin;
use mesh_model::policy::MeshPolicy;

use super::is_object_of;
use crate::desired::{Desired, Name};
use crate::idle::why_idle;
use crate::limits::NAMED_ABSENCES;

/// The reason, and the objects that led to it.
type Why = (String, Vec<Origin>);

/// Why `cluster` holds nothing of the name: the first reason that applies, from the outside in.
pub(super) fn why_nothing(
    cluster: &str,
    base: &Host,
    name: &Name,
    fleet: &FleetSnapshot,
    policy: &MeshPolicy,
    desired: &Desired,
) -> Why {
    let Some((member, view)) = fleet.members.get_key_value(cluster) else {
        let is_stranger = fleet.strangers.iter().any(|stranger| &**stranger == cluster);
        let known = if is_stranger { "it is there, but " } else { "" };
        return (format!("{known}it is not a member of the fleet; `kubectl mesh fleet add` makes it one"), Vec::new());
    };
    let facts = match view {
        ClusterView::Unseen(unseen) => {
            return (format!("unseen ({}): nothing is written there, what it holds stays", unseen.why), Vec::new());
        }
        ClusterView::Retired(_) => return ("retired: it is to hold nothing".into(), Vec::new()),
        ClusterView::Seen(facts) => facts,
    };
    if facts.unseen.contains(&Kind::ServiceEntry) || facts.unseen.contains(&Kind::DestinationRule) {
        return ("its generated objects are unseen: nothing is written there, what it holds stays".into(), Vec::new());
    }
    if policy.excludes(&name.identity) {
        return (format!("the policy excludes identity {}", name.identity), Vec::new());
    }
    if let Some(finding) = taken(member, name, desired) {
        return (explained(finding), Vec::new());
    }
    if let Some(why) = idle_source(member, facts, name, policy, desired) {
        return why;
    }
    if let Some(because) = desired.gone.iter().find(|((c, key), _)| c == member && is_object_of(key, name)) {
        return (because.1.rule.to_string(), because.1.sources.clone());
    }
    if let Some(because) = name.clients.get(member) {
        let why = format!("it is a client ({}), but {}", because.rule, unreachable(base, name, desired));
        return (why, because.sources.clone());
    }
    no_client(facts, member, name, fleet, desired)
}

/// Why the endpoint of source cluster `source` is not given to others.
pub(super) fn why_left_out(source: &ClusterName, name: &Name, desired: &Desired) -> String {
    const CODES: [Code; 7] = [
        Code::NoGateway,
        Code::GatewayGone,
        Code::ClaimedByAnother,
        Code::HostTaken,
        Code::SharedGatewayAddress,
        Code::SeveralNamespaces,
        Code::OneHostTwoIdentities,
    ];
    let mentions = |finding: &&Finding| {
        let of_cluster = matches!(finding.code, Code::NoGateway | Code::GatewayGone | Code::SharedGatewayAddress);
        of_cluster || name.hosts.keys().any(|host| *finding.place == **host || finding.message.contains(&**host))
    };
    CODES
        .into_iter()
        .find_map(|code| {
            let of_source = desired.findings.iter().filter(|f| f.code == code && f.cluster.as_ref() == Some(source));
            of_source.into_iter().find(mentions)
        })
        .map_or_else(|| "it has no gateway that others can reach".into(), explained)
}

fn explained(finding: &Finding) -> String {
    format!("{} ({} {})", finding.message, finding.code, finding.code.name())
}

/// Somebody else's object on a host of the name.
fn taken<'a>(cluster: &ClusterName, name: &Name, desired: &'a Desired) -> Option<&'a Finding> {
    desired
        .findings
        .iter()
        .filter(|f| f.code == Code::HostTaken && f.cluster.as_ref() == Some(cluster))
        .find(|f| name.hosts.keys().any(|host| f.place.contains(&**host) || f.message.contains(&**host)))
}

/// The cluster runs a workload of the pair, which serves nothing.
fn idle_source(
    cluster: &ClusterName,
    facts: &ClusterFacts,
    name: &Name,
    policy: &MeshPolicy,
    desired: &Desired,
) -> Option<Why> {
    let workload = facts.workloads.iter().find(|w| w.identity == name.identity && *w.env == *name.env)?;
    let path: Arc<str> = format!("{}/{}", workload.namespace, workload.name).into();
    let kind = workload.kind.kind();
    let why = format!("its {kind} {path} serves nothing: {}", why_idle(cluster, facts, workload, policy, desired));
    Some((why, vec![Origin { cluster: cluster.clone(), kind, name: path }]))
}

fn unreachable(base: &Host, name: &Name, desired: &Desired) -> String {
    let sources: BTreeSet<&ClusterName> = name.places.iter().map(|place| &place.cluster).collect();
    match sources.first() {
        None => format!("nobody serves {base}"),
        Some(first) => {
            let reasons = sources.iter().map(|source| format!("{source}: {}", why_left_out(source, name, desired)));
            let all: Vec<String> = reasons.take(NAMED_ABSENCES).collect();
            let more = sources.len().saturating_sub(NAMED_ABSENCES);
            let tail = if more > 0 { format!(", and {more} more") } else { String::new() };
            let whom = if sources.len() == 1 {
                format!("{first} cannot be reached")
            } else {
                "no source can be reached".into()
            };
            format!("{whom}: {}{tail}", all.join("; "))
        }
    }
}

/// No workload there belongs to an identity whose Dependency names this one.
fn no_client(
    facts: &ClusterFacts,
    cluster: &ClusterName,
    name: &Name,
    fleet: &FleetSnapshot,
    desired: &Desired,
) -> Why {
    let mut dependents: BTreeSet<&str> = BTreeSet::new();
    let mut sources = Vec::new();
    for (at, facts) in fleet.seen() {
        for dependency in &facts.dependencies {
            if dependency.destinations.iter().any(|destination| **destination == *name.identity) {
                dependents.insert(&dependency.source);
                let path = format!("{}/{}", dependency.namespace, dependency.name).into();
                sources.push(Origin { cluster: at.clone(), kind: Kind::Dependency, name: path });
            }
        }
    }
    sources.sort();
    let gap = unseen_dependencies(fleet);
    if dependents.is_empty() {
        return (format!("it runs no workload of the name, and no Dependency names {}{gap}", name.identity), sources);
    }
    let here = facts.workloads.iter().find(|workload| dependents.contains(&*workload.identity));
    if let Some(workload) = here {
        let place = format!("{} {}/{}", workload.kind.kind(), workload.namespace, workload.name);
        let finding = desired.findings.iter().find(|f| {
            f.cluster.as_ref() == Some(cluster)
                && *f.place == *place
                && matches!(f.code, Code::NotInjected | Code::Ambient | Code::RolloutNotSupported)
        });
        let why = match finding {
            Some(finding) => explained(finding),
            None if workload.wish.ignored => "it asks to be ignored".to_owned(),
            None => format!("nobody serves {}.{}", name.env, name.identity),
        };
        return (format!("its {place} depends on it, but {why}"), sources);
    }
    let some: Vec<&str> = dependents.iter().copied().take(NAMED_ABSENCES).collect();
    let more = dependents.len() - some.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let why = format!(
        "it runs no workload of the name, nor of an identity whose Dependency names it ({}{more}){gap}",
        some.join(", ")
    );
    (why, sources)
}

/// Whose Dependencies could not be read: one of them might make the cluster a client.
fn unseen_dependencies(fleet: &FleetSnapshot) -> String {
    let kinds = fleet.seen().filter(|(_, facts)| facts.unseen.contains(&Kind::Dependency)).map(|(cluster, _)| cluster);
    let blind: BTreeSet<&ClusterName> = fleet.unseen().map(|(cluster, _)| cluster).chain(kinds).collect();
    if blind.is_empty() {
        return String::new();
    }
    let some: Vec<&str> = blind.iter().take(NAMED_ABSENCES).map(|cluster| cluster.as_str()).collect();
    format!("; Dependencies of {} could not be read", some.join(", "))
}
