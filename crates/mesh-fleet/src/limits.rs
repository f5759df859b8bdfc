//! Every bound on what is read from a fleet. What is over a bound is a finding, and unknown: never cut, never dropped.

/// Largest manifest file, in bytes. A dump of a cluster with thousands of Services has a tenth of it.
pub const MAX_FILE: u64 = 32 << 20;
/// Largest `.unseen`, in bytes.
pub const MAX_UNSEEN: u64 = 16 << 10;
/// Largest single object, in bytes: an API server takes requests of at most 3 MiB.
pub const MAX_OBJECT: usize = 3 << 20;
/// Most objects that are read of one cluster.
pub const MAX_OBJECTS: usize = 500_000;
/// Most files that are read of one cluster.
pub const MAX_FILES: usize = 200_000;
/// Deepest folder below a cluster's.
pub const MAX_FOLDER_DEPTH: usize = 32;
/// Most findings that are kept of one cluster; the rest is counted.
pub const MAX_FINDINGS: usize = 1_000;

/// Most clusters that are read at once, where the machine has that many cores.
pub const MAX_READERS: usize = 16;

/// Longest name of an object, in bytes (RFC 1123 subdomain).
pub const MAX_NAME: usize = 253;
/// Longest text that is kept of an object, in bytes, where nothing narrower is said: identities, hosts, regions, …
pub const MAX_TEXT: usize = 4 << 10;
/// Longest annotation value that is kept, in bytes: Kubernetes allows 256 KiB of annotations an object.
pub const MAX_ANNOTATION: usize = 256 << 10;
/// Most entries of one list that is kept (ports, hosts, destinations, policy items).
pub const MAX_ENTRIES: usize = 20_000;

/// Deepest nesting of a YAML document.
pub const MAX_YAML_DEPTH: usize = 64;
/// Most nodes of a YAML document: one for each four bytes of the largest file.
pub const MAX_YAML_NODES: usize = 8 << 20;
/// Most nodes that aliases may add to a YAML document.
pub const MAX_YAML_ALIAS_NODES: usize = 100_000;
/// Most aliases in a YAML document.
pub const MAX_YAML_ALIASES: usize = 10_000;

/// Longest file name that is written, in bytes; longer names are cut there and get a digest.
pub const MAX_FILE_NAME: usize = 200;
