//! The few names that generated fleets are made of.

/// Clusters, in the order in which a world takes them.
pub(super) const CLUSTERS: [&str; 5] = ["c1", "c2", "c3", "c4", "c5"];

/// Namespaces of workloads.
pub(super) const NAMESPACES: [&str; 3] = ["shop", "pay", "web-stage"];

/// Names of workloads and Services.
pub(super) const WORKLOADS: [&str; 3] = ["w1", "w2", "w3"];

/// Identities with their weights: `A` and `a` are one host, `b.a` in env `stage` is the host of `a` in env `stage.b`, and
/// `stage.a` in env `west` is a prefix host of `a`.
pub(super) const IDENTITIES: [(u32, &str); 7] =
    [(8, "a"), (8, "b"), (4, "c"), (2, "A"), (1, "b.a"), (1, "stage.a"), (1, "no_host")];

/// Envs with their weights.
pub(super) const ENVS: [(u32, &str); 4] = [(9, "stage"), (2, "prod"), (1, "west"), (1, "stage.b")];

/// Regions; the last is where nobody runs.
pub(super) const REGIONS: [&str; 3] = ["west", "east", "north"];

/// Hosts on which others put objects.
pub(super) const HOSTS: [&str; 5] =
    ["stage.a.global", "stage.b.global", "stage.c.global", "west.stage.a.global", "prod.a.global"];
