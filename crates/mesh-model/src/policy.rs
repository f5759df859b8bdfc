//! The policy of a fleet: `mesh.yaml`, kind `MeshPolicy`.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::name::{ClusterName, Namespace};

mod admiral_flags;
#[cfg(test)]
mod arb;
mod check;
pub mod edit;
mod emit;
mod forms;
mod gateway;
mod label;
mod locate;
mod message;
mod parse;
mod range;
mod schema;
mod validate;

pub use admiral_flags::{FlagsError, ImportedPolicy, import_admiral_flags};
pub use check::{CheckPolicy, Suppression};
pub use emit::{minimal_yaml, to_yaml};
pub use gateway::GATEWAY_PORT;
pub use parse::{PolicyError, parse};
pub use schema::schema;
pub use validate::Problem;

/// `apiVersion` of a policy.
pub const API_VERSION: &str = "kubectl-mesh.io/v1alpha1";
/// `kind` of a policy.
pub const KIND: &str = "MeshPolicy";

/// Everything that the planner may be told. Unknown fields are errors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct MeshPolicy {
    /// Always [`API_VERSION`].
    pub api_version: String,
    /// Always [`KIND`].
    pub kind: String,
    /// The highest among the seen clusters counts.
    pub revision: u64,
    /// Last labels of every global host.
    pub suffix: String,
    /// Namespace of generated objects in every cluster.
    pub sync_namespace: Namespace,
    /// Whether Admiral's mark counts as ours.
    pub adopt: Adopt,
    /// Label and annotation keys.
    pub keys: Keys,
    /// Where the owner of a namespace is found, first present wins.
    pub owner_from: Vec<OwnerFrom>,
    /// What counts as injected.
    pub injection: Injection,
    /// How the east-west gateway is found.
    pub gateway: GatewayPolicy,
    /// Virtual addresses.
    pub vip: VipPolicy,
    /// Which identities clients accept of servers.
    pub sans: SanPolicy,
    /// Which namespaces see a generated object.
    pub export_to: ExportToPolicy,
    /// Defaults of traffic policy.
    pub traffic: TrafficPolicy,
    /// Identities that are neither created, changed nor deleted.
    pub exclude: Vec<String>,
    /// Claims.
    pub claims: ClaimPolicy,
    /// What `check` leaves out.
    pub check: CheckPolicy,
    /// The members.
    pub fleet: FleetPolicy,
}

/// Whether Admiral's objects are adopted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Adopt {
    /// Admiral's objects are somebody else's.
    #[default]
    Off,
    /// Admiral's mark counts as ours.
    Admiral,
}

/// Label and annotation keys (`reference/admiral.md` §2.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Keys {
    /// Identity of a workload.
    pub identity: String,
    /// Identity that a traffic policy governs.
    pub policy_identity: String,
    /// Env of a workload.
    pub env: String,
    /// Priority of a GlobalTrafficPolicy.
    pub priority: String,
    /// Template label that ignores a workload.
    pub ignore: String,
    /// Template label or annotation that injects a sidecar.
    pub inject: String,
    /// Partition of an identity.
    pub partition: String,
}

/// Where the owner of a namespace is found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum OwnerFrom {
    /// A label of the namespace.
    NamespaceLabel(String),
    /// The name of the namespace.
    NamespaceName,
}

/// What counts as injected (deviation D13).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Injection {
    /// Template label, else template annotation, else the namespace's labels.
    #[default]
    Istio,
    /// The template annotation only.
    Admiral,
}

/// How the east-west gateway is found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct GatewayPolicy {
    /// Its namespace.
    pub namespace: Namespace,
    /// Values of label `app`, in order of preference.
    pub apps: Vec<String>,
    /// Whether gateway host names are written with a trailing dot.
    pub trailing_dot: bool,
}

/// Virtual addresses (deviation D3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VipPolicy {
    /// New hosts get none.
    Off,
    /// New hosts get one of this range.
    Range {
        /// The IPv4 range.
        range: Ipv4Range,
        /// Whether an IPv6 address is allotted too.
        ipv6: bool,
    },
}

/// An IPv4 range in CIDR form; at least a /24 (256 addresses).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Ipv4Range {
    /// First address.
    pub network: Ipv4Addr,
    /// Length of the prefix in bits, 1 to 24.
    pub prefix: u8,
}

/// Which identities clients accept (deviation D10).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum SanPolicy {
    /// Any of the mesh.
    #[default]
    Off,
    /// The service accounts of the workloads that serve.
    ServiceAccounts,
    /// A template with `{identity}`.
    Template(String),
}

/// Which namespaces see a generated object (`reference/admiral.md` §5.2.5).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ExportToPolicy {
    /// All.
    #[default]
    Off,
    /// Those of clients and sources.
    Limited {
        /// Parts of hosts that this is for; `*` is every host.
        hosts: Vec<String>,
        /// More namespaces than this become `*`.
        max_namespaces: usize,
    },
}

/// Defaults of traffic policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TrafficPolicy {
    /// `connectionPool.http.maxRequestsPerConnection`.
    pub max_requests_per_connection: u32,
    /// `loadBalancer.warmupDurationSecs`, in seconds.
    pub warmup_seconds: u32,
    /// Outlier detection where no object says otherwise.
    pub outlier: OutlierProfile,
    /// Whether ClientConnectionConfigs are read.
    pub client_connection_configs: bool,
    /// Whether local endpoints are written with a trailing dot.
    pub local_trailing_dot: bool,
}

/// Outlier detection where no object says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OutlierProfile {
    /// Admiral's: 50 gateway errors in 60 s eject for 300 s.
    #[default]
    Admiral,
    /// 5 gateway errors in a row eject for 300 s: docs/reliability.md has what each of the two costs.
    Swift,
    /// None (Admiral's `--disable_default_automatic_failover`).
    Off,
}

/// Claims.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ClaimPolicy {
    /// Envs whose claims are released with their last workload.
    pub ephemeral_envs: Vec<String>,
}

/// The members.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct FleetPolicy {
    /// In the order written; names and UIDs are unique.
    pub members: Vec<Member>,
}

/// One member of a fleet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Member {
    /// Its name.
    pub name: ClusterName,
    /// UID of its `kube-system` namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// The kubeconfig context that reaches it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// Its region; wins over its nodes' labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Its network; wins over labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// Its gateway; wins over Services.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<MemberGateway>,
    /// Its SPIFFE trust domain, `cluster.local` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust_domain: Option<String>,
    /// Whether it takes part.
    #[serde(default)]
    pub state: MemberState,
}

/// Whether a member takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MemberState {
    /// It does.
    #[default]
    Active,
    /// It does not any more: what came from it may go.
    Retired,
}

/// A member's gateway as the policy gives it: `none` or `host[:port]`, IPv6 addresses in brackets when a port follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum MemberGateway {
    /// It has none, on purpose: endpoints that went through one may go.
    None,
    /// Its address.
    At {
        /// Host name or IP.
        host: String,
        /// Port.
        port: u16,
    },
}

impl MeshPolicy {
    /// The member of this name.
    pub fn member(&self, cluster: &str) -> Option<&Member> {
        self.fleet.members.iter().find(|member| &*member.name == cluster)
    }

    /// Who owns a namespace with these labels: the first of `ownerFrom` that is there.
    pub fn owner_of<'a>(&self, namespace: &'a str, label: impl Fn(&str) -> Option<&'a str>) -> Option<&'a str> {
        self.owner_from.iter().find_map(|from| match from {
            OwnerFrom::NamespaceLabel(key) => label(key).filter(|owner| !owner.is_empty()),
            OwnerFrom::NamespaceName => Some(namespace),
        })
    }

    /// Whether `identity` is excluded: neither created, changed nor deleted.
    pub fn excludes(&self, identity: &str) -> bool {
        self.exclude.iter().any(|excluded| excluded == identity)
    }
}

impl Default for MeshPolicy {
    fn default() -> Self {
        Self {
            api_version: API_VERSION.into(),
            kind: KIND.into(),
            revision: 1,
            suffix: "global".into(),
            sync_namespace: Namespace::parse("mesh-sync").expect("a legal namespace"),
            adopt: Adopt::Off,
            keys: Keys::default(),
            owner_from: vec![OwnerFrom::NamespaceLabel("kubectl-mesh.io/owner".into()), OwnerFrom::NamespaceName],
            injection: Injection::Istio,
            gateway: GatewayPolicy::default(),
            vip: VipPolicy::default(),
            sans: SanPolicy::Off,
            export_to: ExportToPolicy::Off,
            traffic: TrafficPolicy::default(),
            exclude: Vec::new(),
            claims: ClaimPolicy::default(),
            check: CheckPolicy::default(),
            fleet: FleetPolicy::default(),
        }
    }
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            identity: "identity".into(),
            policy_identity: "identity".into(),
            env: "admiral.io/env".into(),
            priority: "priority".into(),
            ignore: "admiral-ignore".into(),
            inject: "sidecar.istio.io/inject".into(),
            partition: "admiral.io/identityPartition".into(),
        }
    }
}

impl Default for GatewayPolicy {
    fn default() -> Self {
        Self {
            namespace: Namespace::parse("istio-system").expect("a legal namespace"),
            apps: vec!["istio-eastwestgateway".into(), "istio-ingressgateway".into()],
            trailing_dot: true,
        }
    }
}

impl Default for VipPolicy {
    fn default() -> Self {
        Self::Range { range: Ipv4Range { network: Ipv4Addr::new(240, 64, 0, 0), prefix: 10 }, ipv6: false }
    }
}

impl Default for TrafficPolicy {
    fn default() -> Self {
        Self {
            max_requests_per_connection: 100,
            warmup_seconds: 45,
            outlier: OutlierProfile::Admiral,
            client_connection_configs: true,
            local_trailing_dot: false,
        }
    }
}
