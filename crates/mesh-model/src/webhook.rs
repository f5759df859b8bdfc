//! The admission webhook of a cluster, as it is seen from outside: what its replicas say of themselves, how API servers are told
//! to ask it, and how many of it are ready.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The ConfigMap in which each replica says how it is, in the namespace of the release: a key a replica, a [`ReplicaReport`] in
/// JSON each.
pub const STATE_CONFIG_MAP: &str = "mesh-webhook";
/// How often a replica says it, in seconds.
pub const STATE_SECONDS: u32 = 60;
/// The identity of what a webhook must refuse in a test, since it gives no legal host; and the code that it is refused by.
pub const TEST_IDENTITY: &str = "not_a_name";
/// See [`TEST_IDENTITY`].
pub const TEST_REFUSAL: &str = "MESH-E105";
/// What the names of webhooks in our configurations end in.
pub const WEBHOOK_DOMAIN: &str = ".kubectl-mesh.io";
/// How the name of the webhook begins that judges names.
pub const NAMES_WEBHOOK: &str = "names";
/// The label of a release that all of its objects bear.
pub const RELEASE_LABEL: &str = "app.kubernetes.io/instance";
/// The label of the release's part that is the webhook: its key and its value.
pub const COMPONENT_LABEL: (&str, &str) = ("app.kubernetes.io/component", "webhook");

/// Of more identities than this a replica does not say which they are: each replica's word has to fit in a ConfigMap.
pub const MAX_IDENTITIES_TOLD: usize = 500;

/// What one replica says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplicaReport {
    /// Its version.
    pub version: String,
    /// When it said this.
    pub at: Timestamp,
    /// What it lacks to be ready, as `/readyz?verbose` names it; nothing where it is ready.
    #[serde(default)]
    pub missing: Vec<String>,
    /// When it last reached its API server: how old its view may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reached: Option<Timestamp>,
    /// The certificates that it shows, its own first, in PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificates: Option<String>,
    /// What came of asking itself, over TLS, as its configuration says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub self_test: Option<SelfTest>,
    /// How the workloads of its cluster bear their labels; nothing where it does not know all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<LabelReport>,
}

/// How the workloads of a cluster bear the label of their identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LabelReport {
    /// What workloads carry their identity by: `keys.identity` of the policy that counts there.
    pub identity_key: String,
    /// How many bear the label of their identity.
    pub right: u32,
    /// How many bear one that is not theirs.
    pub wrong: u32,
    /// How many have a name, and no label.
    pub missing: u32,
    /// How many have neither.
    pub nameless: u32,
    /// The identities whose label is borne by a workload of theirs; nothing where they are more than
    /// [`MAX_IDENTITIES_TOLD`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identities: Option<BTreeSet<String>>,
}

impl LabelReport {
    /// Whether the cluster is *indexed*: every workload that has a name bears the label of its identity.
    pub fn is_indexed(&self) -> bool {
        self.wrong == 0 && self.missing == 0
    }
}

/// What came of a self-test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SelfTest {
    /// What is not as it should be; none where it passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// What a cluster holds of its webhook.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WebhookFacts {
    /// The entries of our webhook configurations, in their order; the validating ones first.
    pub hooks: Vec<HookFacts>,
    /// The Deployment, where one is there and was seen.
    pub deployment: Option<DeploymentFacts>,
    /// What replicas say of themselves, or why that does not read.
    pub replicas: BTreeMap<String, Result<ReplicaFacts, String>>,
    /// What could not be read, and why.
    pub unseen: Vec<String>,
}

/// One entry of a webhook configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookFacts {
    /// Whether it is of a ValidatingWebhookConfiguration.
    pub validates: bool,
    /// The name of the configuration.
    pub configuration: Arc<str>,
    /// Its own name.
    pub name: Arc<str>,
    /// `failurePolicy`; `Fail` where it is not given, as Kubernetes has it.
    pub fails_closed: bool,
    /// Whether it has a `caBundle` with a certificate in it.
    pub has_authority: bool,
    /// What it is asked about, created or changed: `deployments`, `deployments/status`, …
    pub created: Vec<Arc<str>>,
    /// The same of what is changed.
    pub changed: Vec<Arc<str>>,
}

/// The Deployment of a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeploymentFacts {
    /// `namespace/name`.
    pub name: Arc<str>,
    /// Wanted replicas.
    pub wanted: u32,
    /// Ready replicas.
    pub ready: u32,
}

/// What one replica says of itself, judged by what API servers are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicaFacts {
    /// What it says.
    pub report: ReplicaReport,
    /// When its certificate ends, where it says which.
    pub ends: Option<Timestamp>,
    /// Why API servers would not take its certificate, hook by hook.
    pub distrusted: Vec<String>,
}
