//! Why a workload that carries an identity serves no global name.

use mesh_model::facts::{ClusterFacts, Workload, WorkloadKind};
use mesh_model::finding::Code;
use mesh_model::kind::Kind;
use mesh_model::name::ClusterName;
use mesh_model::policy::MeshPolicy;

use crate::desired::Desired;

/// The codes that say why a workload or its Service does not serve.
const REASONS: [Code; 9] = [
    Code::NoService,
    Code::NoUsablePort,
    Code::NotInjected,
    Code::Ambient,
    Code::IllegalHost,
    Code::ClaimedByAnother,
    Code::OneHostTwoIdentities,
    Code::PortNotPublished,
    Code::RolloutNotSupported,
];

/// Why `workload` of `cluster` serves nothing: lower case, no final period. Rules without a finding come first, then
/// what `desire` found.
pub fn why_idle(
    cluster: &ClusterName,
    facts: &ClusterFacts,
    workload: &Workload,
    policy: &MeshPolicy,
    desired: &Desired,
) -> String {
    if policy.excludes(&workload.identity) {
        return "the policy excludes its identity".into();
    }
    if !workload.kind.serves() {
        return format!("a {} calls, it never serves", workload.kind.kind());
    }
    if workload.wish.ignored {
        return "it asks to be ignored, by a label or an annotation".into();
    }
    if facts.namespaces.get(&workload.namespace).is_some_and(|namespace| namespace.ignored) {
        return format!("namespace {} asks to be ignored (annotation admiral.io/ignore)", workload.namespace);
    }
    if let Some(message) = finding_about(cluster, facts, workload, desired) {
        return message;
    }
    if workload.kind == WorkloadKind::Rollout {
        return "Rollouts are not supported yet".into();
    }
    if facts.unseen.contains(&Kind::Service) {
        return "Services of the cluster are unseen".into();
    }
    "it makes its cluster no source; `kubectl mesh check` lists what was found".into()
}

fn finding_about(
    cluster: &ClusterName,
    facts: &ClusterFacts,
    workload: &Workload,
    desired: &Desired,
) -> Option<String> {
    let own = format!("{} {}/{}", workload.kind.kind(), workload.namespace, workload.name);
    let of_service = |place: &str| {
        place.strip_prefix("Service ").and_then(|path| path.split_once('/')).is_some_and(|(namespace, name)| {
            namespace == &*workload.namespace
                && facts.services.get(&workload.namespace).is_some_and(|services| {
                    services.iter().any(|service| {
                        &*service.name == name
                            && !service.selector.is_empty()
                            && service.selector.iter().all(|pair| workload.match_labels.contains(pair))
                    })
                })
        })
    };
    let about = |code: Code, place: &str| place == own || (code == Code::NoUsablePort && of_service(place));
    desired
        .findings
        .iter()
        .filter(|finding| REASONS.contains(&finding.code) && finding.cluster.as_ref() == Some(cluster))
        .find(|finding| about(finding.code, &finding.place))
        .map(|finding| format!("{} ({} {})", finding.message, finding.code, finding.code.name()))
}
