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
