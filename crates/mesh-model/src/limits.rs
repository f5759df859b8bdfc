//! Every bound on names and annotations that the model enforces.
/// Longest global host, in bytes: a host plus `-default-dr` must fit an object name of 253 bytes (deviation D19).
pub const MAX_HOST: usize = 242;
/// Longest label of a host, in bytes (RFC 1035).
pub const MAX_HOST_LABEL: usize = 63;
/// Longest cluster name, in bytes.
pub const MAX_CLUSTER_NAME: usize = 253;
/// Longest identity or env, in bytes, as read from a label or an annotation.
pub const MAX_IDENTITY: usize = 253;
/// Longest `kubectl-mesh.io/from` annotation that is read, in bytes: Kubernetes allows 256 KiB of annotations an object.
pub const MAX_ORIGINS: usize = 256 * 1024;
/// Most members that a policy may list.
pub const MAX_MEMBERS: usize = 5_000;
/// Most suppressions that a policy may list: each finding is compared with all of them.
pub const MAX_SUPPRESSIONS: usize = 1_000;
/// Longest `mesh.yaml` that is read, in bytes: a ConfigMap holds no more.
pub const MAX_POLICY: usize = 1024 * 1024;
/// Most events that the YAML aliases of a policy may stand for: several times what [`MAX_MEMBERS`] members need.
pub const MAX_POLICY_ALIAS_EVENTS: usize = 200_000;
/// Deepest nesting of a policy's YAML; its own is 4.
pub const MAX_POLICY_DEPTH: usize = 16;
/// Highest revision of a policy: the greatest integer that every JSON reader keeps exact (2^53 - 1).
pub const MAX_REVISION: u64 = 9_007_199_254_740_991;
/// Highest epoch of a claim: as for [`MAX_REVISION`].
pub const MAX_EPOCH: u64 = MAX_REVISION;
/// Most claims in one `GlobalNameSet`: its schema's `maxItems`, which keeps the object well under etcd's 1.5 MiB.
pub const MAX_SET_ENTRIES: usize = 2_000;
/// Longest warm-up, in seconds: a day.
pub const MAX_WARMUP_SECONDS: u32 = 86_400;
/// Highest `maxRequestsPerConnection`: Istio's field is an `int32`.
pub const MAX_REQUESTS_PER_CONNECTION: u32 = i32::MAX as u32;
/// Longest UID of a member, in bytes; Kubernetes' own have 36.
pub const MAX_UID: usize = 253;
/// Longest suffix, in bytes: `e.i.` must fit before it in [`MAX_HOST`].
pub const MAX_SUFFIX: usize = MAX_HOST - 4;
/// Smallest and largest prefix length of a range of virtual addresses: at least 256 addresses.
pub const VIP_PREFIXES: std::ops::RangeInclusive<u8> = 1..=24;
/// Longest `exportTo` list by default (Admiral's `--exportto_max_namespaces`).
pub const MAX_NAMESPACES: usize = 35;
