//! How the admission webhook of each member is, from what was read of it. What is not known is said to be unknown, and never
//! counts as fine.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use mesh_model::kind::Kind;
use mesh_model::name::ClusterName;
use mesh_model::webhook::{HookFacts, NAMES_WEBHOOK, ReplicaFacts, WebhookFacts};
use serde::Serialize;

use crate::limits::{CERTIFICATE_ENDS_SOON, REPORT_AGE, VIEW_AGE};

/// What names are judged of: created and changed.
const JUDGED: [Kind; 9] = [
    Kind::Deployment,
    Kind::StatefulSet,
    Kind::DaemonSet,
    Kind::Rollout,
    Kind::Job,
    Kind::CronJob,
    Kind::GlobalTrafficPolicy,
    Kind::ServiceEntry,
    Kind::VirtualService,
];

/// How the webhook of one member is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WebhookStatus {
    /// The member.
    pub cluster: ClusterName,
    /// All in all.
    pub state: WebhookState,
    /// Ready and wanted replicas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<Replicas>,
    /// Whole days until the first certificate of a replica ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_days: Option<i64>,
    /// Whether API servers trust what replicas show.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authority_matches: Option<bool>,
    /// What becomes of a deploy that is not answered: `Fail` or `Ignore`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_policy: Option<&'static str>,
    /// How many seconds ago the replica that is worst off reached its API server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub view_age_seconds: Option<i64>,
    /// Whether every replica answers as its configuration says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub self_test_passed: Option<bool>,
    /// How many workloads with a name bear no label of their identity, or a wrong one: none in an indexed cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unlabelled: Option<u32>,
    /// Kinds that nobody is asked about.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unjudged: Vec<Kind>,
    /// What is wrong, each with a next step.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
    /// What could not be learnt, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<String>,
}

/// Ready and wanted replicas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Replicas {
    pub ready: u32,
    pub wanted: u32,
}

/// How a webhook is, all in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum WebhookState {
    /// There is none.
    None,
    /// Nothing is wrong, and everything is known.
    Ok,
    /// Something is wrong.
    Ill,
    /// Nothing is known to be wrong, but not everything is known.
    Unknown,
}

impl WebhookState {
    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Ok => "ok",
            Self::Ill => "ill",
            Self::Unknown => "unknown",
        }
    }
}

/// How the webhook of `cluster` is at the time `now`, by what was read, or why nothing was.
pub fn judge(cluster: &ClusterName, read: &Result<WebhookFacts, String>, now: Timestamp) -> WebhookStatus {
    let mut status = WebhookStatus {
        cluster: cluster.clone(),
        state: WebhookState::Unknown,
        replicas: None,
        certificate_days: None,
        authority_matches: None,
        failure_policy: None,
        view_age_seconds: None,
        self_test_passed: None,
        unlabelled: None,
        unjudged: Vec::new(),
        problems: Vec::new(),
        unknown: Vec::new(),
    };
    match read {
        Ok(facts) => {
            status.unknown.clone_from(&facts.unseen);
            if facts.hooks.is_empty() && facts.deployment.is_none() && facts.replicas.is_empty() {
                let is_known = facts.unseen.is_empty();
                status.state = if is_known { WebhookState::None } else { WebhookState::Unknown };
                return status;
            }
            configurations(&mut status, facts);
            deployment(&mut status, facts);
            replicas(&mut status, facts, now);
        }
        Err(why) => status.unknown.push(why.clone()),
    }
    status.state = match (status.problems.is_empty(), status.unknown.is_empty()) {
        (false, _) => WebhookState::Ill,
        (true, false) => WebhookState::Unknown,
        (true, true) => WebhookState::Ok,
    };
    status
}

/// How API servers are told to ask it.
fn configurations(status: &mut WebhookStatus, facts: &WebhookFacts) {
    let validating: Vec<&HookFacts> = facts.hooks.iter().filter(|hook| hook.validates).collect();
    if validating.is_empty() {
        if facts.unseen.is_empty() {
            let next = "`helm upgrade` puts it back, if it was deleted in an emergency";
            status
                .problems
                .push(format!("there is no ValidatingWebhookConfiguration, so that nothing is refused; {next}"));
        }
        return;
    }
    let is_open = |hook: &&HookFacts| !hook.fails_closed;
    status.failure_policy = Some(if validating.iter().any(is_open) { "Ignore" } else { "Fail" });
    let untold = facts.hooks.iter().filter(|hook| !hook.has_authority);
    status.problems.extend(untold.map(|hook| {
        format!(
            "{} of {} has no authority in caBundle, so that API servers trust nobody; look at the webhook's log",
            hook.name, hook.configuration
        )
    }));
    let names = || validating.iter().filter(|hook| hook.name.starts_with(NAMES_WEBHOOK));
    let is_judged = |kind: &Kind| names().any(|hook| covers(&hook.created, *kind) && covers(&hook.changed, *kind));
    status.unjudged = JUDGED.into_iter().filter(|kind| !is_judged(kind)).collect();
    if !status.unjudged.is_empty() {
        let kinds: Vec<&str> = status.unjudged.iter().map(|kind| kind.plural()).collect();
        status.problems.push(format!("nobody is asked about {}; run `helm upgrade`", kinds.join(", ")));
    }
}

/// Whether rules of `group/resource` are about a kind.
fn covers(rules: &[Arc<str>], kind: Kind) -> bool {
    let is = |wanted: &str, given: &str| given == "*" || given == wanted;
    let mut rules = rules.iter().filter_map(|rule| rule.split_once('/'));
    rules.any(|(group, resource)| is(kind.group(), group) && is(kind.plural(), resource))
}

fn deployment(status: &mut WebhookStatus, facts: &WebhookFacts) {
    let Some(deployment) = &facts.deployment else {
        if facts.unseen.is_empty() {
            status.problems.push("its Deployment is not there; run `helm upgrade`".to_owned());
        }
        return;
    };
    let Replicas { ready, wanted } =
        *status.replicas.insert(Replicas { ready: deployment.ready, wanted: deployment.wanted });
    if ready < wanted || wanted == 0 {
        let name = &deployment.name;
        status.problems.push(format!("{ready} of {wanted} replicas are ready; look at the pods of Deployment {name}"));
    }
}

/// What the replicas say of themselves. What one said a while ago says nothing of now.
fn replicas(status: &mut WebhookStatus, facts: &WebhookFacts, now: Timestamp) {
    let mut current: Vec<(&str, &ReplicaFacts)> = Vec::new();
    for (replica, read) in &facts.replicas {
        match read {
            Ok(facts) if now.duration_since(facts.report.at) < REPORT_AGE => current.push((replica, facts)),
            Ok(_) => {}
            Err(why) => status.unknown.push(format!("{replica}: {why}")),
        }
    }
    let ready = usize::try_from(status.replicas.map_or(0, |replicas| replicas.ready)).unwrap_or(usize::MAX);
    if current.len() < ready.max(1) {
        let minutes = REPORT_AGE.as_mins();
        let said = current.len();
        status
            .unknown
            .push(format!("{said} of {} replicas said how they are in the last {minutes} minutes", ready.max(1)));
    }
    for (replica, ReplicaFacts { report, .. }) in &current {
        if !report.missing.is_empty() {
            status.problems.push(format!("{replica} is not ready: it lacks {}", report.missing.join(", ")));
        }
    }
    certificates(status, &current, !facts.hooks.is_empty(), now);
    views(status, &current, now);
    self_tests(status, &current);
    labels(status, &current);
    for (replica, ReplicaFacts { report, .. }) in &current {
        let told = [
            (report.certificates.is_some(), "which certificate it shows"),
            (report.reached.is_some(), "how old its view is"),
            (report.self_test.is_some(), "what its self-test says"),
        ];
        let untold = told.iter().filter(|(is_told, _)| !is_told);
        status.unknown.extend(untold.map(|(_, what)| format!("{replica} does not say {what}")));
    }
}

fn certificates(status: &mut WebhookStatus, current: &[(&str, &ReplicaFacts)], is_asked: bool, now: Timestamp) {
    let first = current.iter().filter_map(|(_, facts)| facts.ends).min();
    if let Some(ends) = first {
        let left = ends.duration_since(now);
        status.certificate_days = Some(left.as_hours().div_euclid(24));
        if left < CERTIFICATE_ENDS_SOON {
            let when = if left.is_negative() { "ended" } else { "ends" };
            status.problems.push(format!("a certificate {when} at {ends}; look at whoever renews it"));
        }
    }
    for (replica, facts) in current {
        let why = facts.distrusted.iter();
        let next = "API servers get no answer from it";
        status
            .problems
            .extend(why.map(|why| format!("{replica} shows a certificate that is not trusted by {why}; {next}")));
    }
    let is_shown = is_asked && !current.is_empty() && current.iter().all(|(_, facts)| facts.ends.is_some());
    let is_distrusted = current.iter().any(|(_, facts)| !facts.distrusted.is_empty());
    status.authority_matches = (is_shown || is_distrusted).then_some(!is_distrusted);
}

fn views(status: &mut WebhookStatus, current: &[(&str, &ReplicaFacts)], now: Timestamp) {
    let ages: Option<Vec<SignedDuration>> =
        current.iter().map(|(_, facts)| Some(now.duration_since(facts.report.reached?))).collect();
    let Some(oldest) = ages.and_then(|ages| ages.into_iter().max()) else { return };
    // Clocks differ.
    status.view_age_seconds = Some(oldest.as_secs().max(0));
    if oldest > VIEW_AGE {
        let minutes = oldest.as_mins();
        status.problems.push(format!("a replica did not reach its API server for {minutes} minutes; look at its log"));
    }
}

fn self_tests(status: &mut WebhookStatus, current: &[(&str, &ReplicaFacts)]) {
    let tested = |facts: &ReplicaFacts| facts.report.self_test.clone();
    for (replica, facts) in current {
        if let Some(problem) = tested(facts).and_then(|test| test.problem) {
            status.problems.push(format!("{replica} does not pass its self-test: {problem}"));
        }
    }
    let failed = current.iter().any(|(_, facts)| tested(facts).is_some_and(|test| test.problem.is_some()));
    let all = !current.is_empty() && current.iter().all(|(_, facts)| tested(facts).is_some());
    status.self_test_passed = (failed || all).then_some(!failed);
}

/// Every replica knows the same sooner or later; until then the one that knows of most counts.
fn labels(status: &mut WebhookStatus, current: &[(&str, &ReplicaFacts)]) {
    let told = current.iter().map(|(_, facts)| facts.report.labels.as_ref());
    let told: Option<Vec<u32>> = told.map(|labels| Some(labels?.wrong.saturating_add(labels?.missing))).collect();
    status.unlabelled = told.and_then(|told| told.into_iter().max());
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use mesh_model::webhook::{DeploymentFacts, LabelReport, ReplicaReport, SelfTest};

    use super::*;

    fn now() -> Timestamp {
        "2026-06-01T12:00:00Z".parse().unwrap()
    }

    fn ago(seconds: i64) -> Timestamp {
        now() - SignedDuration::from_secs(seconds)
    }

    fn hook(name: &str) -> HookFacts {
        let rules: Vec<Arc<str>> = JUDGED.map(|kind| format!("{}/{}", kind.group(), kind.plural()).into()).into();
        HookFacts {
            validates: true,
            configuration: "mesh".into(),
            name: format!("{name}.kubectl-mesh.io").into(),
            fails_closed: true,
            has_authority: true,
            created: rules.clone(),
            changed: rules,
        }
    }

    fn replica() -> ReplicaFacts {
        ReplicaFacts {
            report: ReplicaReport {
                version: "1".into(),
                at: ago(30),
                missing: Vec::new(),
                reached: Some(ago(32)),
                certificates: Some("pem".into()),
                self_test: Some(SelfTest { problem: None }),
                labels: Some(labels(0, 0)),
            },
            ends: Some(now() + SignedDuration::from_hours(6 * 24 + 1)),
            distrusted: Vec::new(),
        }
    }

    fn labels(wrong: u32, missing: u32) -> LabelReport {
        LabelReport { identity_key: "identity".into(), right: 7, wrong, missing, nameless: 3, identities: None }
    }

    /// One replica, and everything as it should be.
    fn good() -> WebhookFacts {
        WebhookFacts {
            hooks: vec![hook("names"), hook("marks")],
            deployment: Some(DeploymentFacts { name: "mesh-system/mesh".into(), wanted: 1, ready: 1 }),
            replicas: BTreeMap::from([("a".to_owned(), Ok(replica()))]),
            unseen: Vec::new(),
        }
    }

    fn judged(facts: WebhookFacts) -> WebhookStatus {
        judge(&ClusterName::parse("c1").unwrap(), &Ok(facts), now())
    }

    #[test]
    fn a_webhook_of_which_all_is_known_and_nothing_wrong_is_ok() {
        let status = judged(good());
        assert_eq!((status.state, &status.problems, &status.unknown), (WebhookState::Ok, &vec![], &vec![]));
        assert_eq!((status.certificate_days, status.view_age_seconds), (Some(6), Some(32)));
        assert_eq!((status.authority_matches, status.self_test_passed), (Some(true), Some(true)));
        assert_eq!(status.failure_policy, Some("Fail"));
    }

    #[test]
    fn where_nothing_of_it_is_there_is_none_and_where_nothing_is_seen_nobody_knows() {
        assert_eq!(judged(WebhookFacts::default()).state, WebhookState::None);
        let unseen = WebhookFacts { unseen: vec!["forbidden".into()], ..WebhookFacts::default() };
        assert_eq!(judged(unseen).state, WebhookState::Unknown);
        let unreached = judge(&ClusterName::parse("c1").unwrap(), &Err("gone".into()), now());
        assert_eq!((unreached.state, unreached.unknown), (WebhookState::Unknown, vec!["gone".to_owned()]));
    }

    #[test]
    fn whatever_is_wrong_is_said() {
        let of_replica = |change: &dyn Fn(&mut ReplicaFacts)| {
            let mut one = replica();
            change(&mut one);
            WebhookFacts { replicas: BTreeMap::from([("a".to_owned(), Ok(one))]), ..good() }
        };
        let of_hook = |change: &dyn Fn(&mut HookFacts)| {
            let mut one = hook("names");
            change(&mut one);
            WebhookFacts { hooks: vec![one], ..good() }
        };
        let cases: Vec<(WebhookFacts, &str)> = vec![
            (WebhookFacts { hooks: Vec::new(), ..good() }, "no ValidatingWebhookConfiguration"),
            (WebhookFacts { deployment: None, ..good() }, "its Deployment is not there"),
            (
                WebhookFacts {
                    deployment: Some(DeploymentFacts { name: "mesh-system/mesh".into(), wanted: 3, ready: 1 }),
                    ..good()
                },
                "1 of 3 replicas are ready",
            ),
            (of_hook(&|hook| hook.has_authority = false), "no authority in caBundle"),
            (of_hook(&|hook| hook.created.retain(|rule| &**rule != "argoproj.io/rollouts")), "asked about rollouts"),
            (of_hook(&|hook| hook.changed.clear()), "asked about deployments, statefulsets"),
            (of_replica(&|one| one.report.missing = vec!["tls-loaded".into()]), "it lacks tls-loaded"),
            (of_replica(&|one| one.ends = Some(now() + SignedDuration::from_hours(23))), "a certificate ends"),
            (of_replica(&|one| one.ends = Some(ago(1))), "a certificate ended"),
            (of_replica(&|one| one.distrusted = vec!["names of mesh: UnknownIssuer".into()]), "not trusted by names"),
            (of_replica(&|one| one.report.reached = Some(ago(400))), "did not reach its API server"),
            (
                of_replica(&|one| one.report.self_test = Some(SelfTest { problem: Some("no answer".into()) })),
                "does not pass its self-test: no answer",
            ),
        ];
        for (facts, words) in cases {
            let status = judged(facts);
            assert_eq!(status.state, WebhookState::Ill, "{words}: {status:?}");
            assert!(status.problems.iter().any(|problem| problem.contains(words)), "{words}: {:?}", status.problems);
        }
    }

    #[test]
    fn what_a_replica_said_a_while_ago_or_not_at_all_is_unknown() {
        let mut old = replica();
        old.report.at = ago(181);
        let mut silent = replica();
        (silent.report.certificates, silent.ends, silent.report.self_test, silent.report.reached) =
            (None, None, None, None);
        for replicas in [
            BTreeMap::new(),
            BTreeMap::from([("a".to_owned(), Ok(old))]),
            BTreeMap::from([("a".to_owned(), Err("what it says does not read".to_owned()))]),
        ] {
            let status = judged(WebhookFacts { replicas, ..good() });
            assert_eq!(status.state, WebhookState::Unknown, "{status:?}");
            assert_eq!((status.certificate_days, status.authority_matches), (None, None), "{status:?}");
            assert_eq!((status.view_age_seconds, status.self_test_passed), (None, None), "{status:?}");
        }
        let replicas = BTreeMap::from([("a".to_owned(), Ok(silent)), ("b".to_owned(), Ok(replica()))]);
        let status = judged(WebhookFacts { replicas, ..good() });
        assert_eq!((status.authority_matches, status.view_age_seconds, status.self_test_passed), (None, None, None));
        assert_eq!(status.state, WebhookState::Unknown, "{status:?}");
        // Where nobody is seen to ask, nobody is known to trust.
        let unseen = WebhookFacts { hooks: Vec::new(), unseen: vec!["forbidden".into()], ..good() };
        assert_eq!(judged(unseen).authority_matches, None);
    }

    #[test]
    fn an_indexed_cluster_lacks_no_label_and_what_a_replica_does_not_tell_nobody_knows() {
        let with = |labels: [Option<LabelReport>; 2]| {
            let replicas = ["a", "b"].into_iter().zip(labels).map(|(name, labels)| {
                let mut one = replica();
                one.report.labels = labels;
                (name.to_owned(), Ok(one))
            });
            judged(WebhookFacts { replicas: replicas.collect(), ..good() })
        };
        assert_eq!(with([Some(labels(0, 0)), Some(labels(0, 0))]).unlabelled, Some(0));
        assert_eq!(with([Some(labels(0, 0)), Some(labels(2, 3))]).unlabelled, Some(5));
        assert_eq!(with([Some(labels(0, 0)), None]).unlabelled, None);
        assert_eq!(judged(WebhookFacts { replicas: BTreeMap::new(), ..good() }).unlabelled, None);
        // It is nothing that is wrong with the webhook.
        let status = with([None, Some(labels(1, 1))]);
        assert_eq!((status.state, &status.problems), (WebhookState::Ok, &vec![]));
    }

    #[test]
    fn fewer_words_than_ready_replicas_are_not_all() {
        let deployment = Some(DeploymentFacts { name: "mesh-system/mesh".into(), wanted: 3, ready: 3 });
        let status = judged(WebhookFacts { deployment, ..good() });
        assert_eq!((status.state, status.unknown.len()), (WebhookState::Unknown, 1), "{status:?}");
    }
}
