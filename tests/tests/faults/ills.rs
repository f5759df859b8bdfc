//! The ills, as data: what happens, what is unseen by it, what the screen must say.

use std::time::Duration;

use mesh_model::kind::Kind;
use mesh_testkit::apiserver::{Door, Fault, Ill as Of, Verb};

/// What is unknown while an ill lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unseen {
    /// Nothing: it was overcome.
    Nothing,
    /// The cluster.
    Cluster,
    /// This kind of it.
    Kind(Kind),
}

/// An ill of one cluster, from the first request of a run on.
pub(super) struct Ill {
    /// For the table.
    pub(super) name: &'static str,
    /// How the cluster is reached.
    pub(super) door: Door,
    /// What its server does.
    pub(super) faults: fn() -> Vec<Fault>,
    /// What is unknown by it.
    pub(super) unseen: Unseen,
    /// What every verb says of it: the reason, and the next step.
    pub(super) says: [&'static str; 2],
    /// How often a run sends the request that is struck: first this text of its path, then how often.
    pub(super) sent: Option<(&'static str, usize)>,
}

/// The path that tells a cluster's UID: the first thing that it is asked for.
const UID: &str = "/namespaces?fieldSelector=metadata.name%3Dkube-system";
/// Lists of Services.
const SERVICES: &str = "/api/v1/services";
const CONTINUED: &str = "continue=";

const AGAIN: &str = "run again";
const RECOVERED: &str = "run again when its API server has recovered";
const LONGER: &str = "run again, or allow more with --cluster-timeout";
const CHECK: &str = "check its server and certificates in the kubeconfig";
const PROXY: &str = "is a proxy in the way?";
const LOG_IN: &str = "log in again, or renew them";

const fn ill(name: &'static str, faults: fn() -> Vec<Fault>, unseen: Unseen, says: [&'static str; 2]) -> Ill {
    Ill { name, door: Door::Tls, faults, unseen, says, sent: None }
}

const fn behind(name: &'static str, door: Door, says: [&'static str; 2]) -> Ill {
    Ill { door, ..ill(name, Vec::new, Unseen::Cluster, says) }
}

impl Ill {
    const fn sends(self, path: &'static str, times: usize) -> Self {
        Self { sent: Some((path, times)), ..self }
    }
}

fn everything(of: Of) -> Vec<Fault> {
    vec![Fault::new(Verb::Any, of)]
}

fn services(of: Of) -> Vec<Fault> {
    vec![Fault::new(Verb::List, of).of(Kind::Service)]
}

/// All of them, in the order of the table.
pub(super) const ILLS: &[Ill] = &[
    behind("nobody listens", Door::Shut, ["cannot be reached", CHECK]),
    behind("connections are taken and nothing is said", Door::Mute, ["no answer within", LONGER]),
    behind("plain HTTP instead of TLS", Door::PlainHttp, ["cannot be reached", CHECK]),
    behind("the server's certificate has expired", Door::ExpiredCertificate, ["cannot be reached", CHECK]),
    behind("the server's certificate is of another CA", Door::WrongCa, ["cannot be reached", CHECK]),
    ill("no request is answered", || everything(Of::Hang), Unseen::Cluster, ["no answer within", LONGER]).sends(UID, 1),
    ill("every answer takes 0.1 s", || everything(Of::Slow(Duration::from_millis(100))), Unseen::Nothing, ["", ""]),
    ill("every connection is reset", || everything(Of::Reset), Unseen::Cluster, ["connection broke", AGAIN])
        .sends(UID, 3),
    ill("the first connection is reset", || vec![Fault::new(Verb::Any, Of::Reset).first(1)], Unseen::Nothing, ["", ""])
        .sends(UID, 2),
    ill(
        "401: the credentials are refused",
        || everything(Of::Unauthorized),
        Unseen::Cluster,
        ["credentials are refused", LOG_IN],
    )
    .sends(UID, 1),
    ill(
        "403 for everything",
        || everything(Of::Forbidden),
        Unseen::Cluster,
        [r#"{apiGroups: [""], resources: ["namespaces"], verbs: ["list"]}"#, "kubectl mesh permissions"],
    )
    .sends(UID, 1),
    ill("500 for everything", || everything(Of::Status(500)), Unseen::Cluster, ["InternalError", RECOVERED])
        .sends(UID, 3),
    ill("503 for everything", || everything(Of::Status(503)), Unseen::Cluster, ["ServiceUnavailable", RECOVERED])
        .sends(UID, 3),
    ill("503 twice", || vec![Fault::new(Verb::Any, Of::Status(503)).first(2)], Unseen::Nothing, ["", ""]).sends(UID, 3),
    ill(
        "429 once, with Retry-After of 1 s",
        || vec![Fault::new(Verb::Any, Of::RetryAfter(1)).first(1)],
        Unseen::Nothing,
        ["", ""],
    )
    .sends(UID, 2),
    ill(
        "429 with a Retry-After beyond the cluster's time",
        || everything(Of::RetryAfter(600)),
        Unseen::Cluster,
        ["Too Many Requests", RECOVERED],
    )
    .sends(UID, 1),
    ill("502, with the page of a proxy", || everything(Of::Html), Unseen::Cluster, ["502", PROXY]).sends(UID, 1),
    ill(
        "200, with half of the JSON",
        || everything(Of::Garbage),
        Unseen::Cluster,
        ["something else than a list of namespaces", PROXY],
    )
    .sends(UID, 1),
    ill(
        "403 for Services",
        || services(Of::Forbidden),
        Unseen::Kind(Kind::Service),
        [
            "services may not be read",
            r#"the missing rule is {apiGroups: [""], resources: ["services"], verbs: ["list"]}"#,
        ],
    )
    .sends(SERVICES, 1),
    ill(
        "403 for Nodes",
        || vec![Fault::new(Verb::List, Of::Forbidden).of(Kind::Node)],
        Unseen::Kind(Kind::Node),
        ["nodes may not be read", r#"the missing rule is {apiGroups: [""], resources: ["nodes"], verbs: ["list"]}"#],
    ),
    ill(
        "403 for the generated ServiceEntries",
        || vec![Fault::new(Verb::List, Of::Forbidden).of(Kind::ServiceEntry)],
        Unseen::Kind(Kind::ServiceEntry),
        ["serviceentries may not be read", r#"resources: ["serviceentries"]"#],
    ),
    ill("the list of Services hangs", || services(Of::Hang), Unseen::Kind(Kind::Service), ["no answer within", LONGER])
        .sends(SERVICES, 1),
    ill(
        "the list of Services trickles, 50 bytes a second",
        || services(Of::Trickle(50)),
        Unseen::Kind(Kind::Service),
        ["no answer within", LONGER],
    )
    .sends(SERVICES, 1),
    ill(
        "503 for Services",
        || services(Of::Status(503)),
        Unseen::Kind(Kind::Service),
        ["ServiceUnavailable", RECOVERED],
    )
    .sends(SERVICES, 3),
    ill(
        "the list of Services breaks off",
        || services(Of::CutBody),
        Unseen::Kind(Kind::Service),
        ["in the middle of the answer", AGAIN],
    )
    .sends(SERVICES, 3),
    ill(
        "half of the list of Services, as if it were all",
        || services(Of::Garbage),
        Unseen::Kind(Kind::Service),
        ["services", PROXY],
    )
    .sends(SERVICES, 1),
    ill(
        "410 for the second page, once",
        || vec![Fault::new(Verb::List, Of::Gone).of(Kind::Service).at(CONTINUED).first(1)],
        Unseen::Nothing,
        ["", ""],
    )
    .sends(CONTINUED, 2),
    ill(
        "410 for the second page, always",
        || vec![Fault::new(Verb::List, Of::Gone).of(Kind::Service).at(CONTINUED)],
        Unseen::Kind(Kind::Service),
        ["services", AGAIN],
    )
    .sends(CONTINUED, 2),
    ill(
        "503 for the second page",
        || vec![Fault::new(Verb::List, Of::Status(503)).of(Kind::Service).at(CONTINUED)],
        Unseen::Kind(Kind::Service),
        ["ServiceUnavailable", RECOVERED],
    )
    .sends(CONTINUED, 3),
    ill(
        "what it serves (`/apis`) cannot be asked for",
        || vec![Fault::new(Verb::Discovery, Of::Status(503))],
        Unseen::Cluster,
        ["what it serves cannot be read", RECOVERED],
    ),
    ill(
        "half of what it serves, as if it were all",
        || vec![Fault::new(Verb::Discovery, Of::Garbage)],
        Unseen::Cluster,
        ["what it serves cannot be read", PROXY],
    ),
    ill(
        "403 for the stored policy",
        || vec![Fault::new(Verb::List, Of::Forbidden).at("metadata.name%3Dmesh-policy")],
        Unseen::Kind(Kind::ConfigMap),
        ["configmaps may not be read", r#"resources: ["configmaps"], verbs: ["list"]}"#],
    ),
];
