//! Every environment variable that the program reads.

/// The fleet, where `--fleet` is not given.
pub(crate) const MESH_FLEET: &str = "MESH_FLEET";
/// The shell whose completion script asks for candidates. Set by the script only, hence in no help.
pub(crate) const MESH_COMPLETE: &str = "MESH_COMPLETE";
/// The time that counts as now, RFC 3339. For tests only, hence in no help.
pub(crate) const MESH_NOW: &str = "MESH_NOW";
/// A program that shows differences between two folders, as `kubectl diff` runs it.
pub(crate) const KUBECTL_EXTERNAL_DIFF: &str = "KUBECTL_EXTERNAL_DIFF";
/// Where users' configuration is.
pub(crate) const XDG_CONFIG_HOME: &str = "XDG_CONFIG_HOME";
/// Where users' caches are; the home's `.cache` where it is not set.
pub(crate) const XDG_CACHE_HOME: &str = "XDG_CACHE_HOME";
/// The user's home, whose `.config` is the configuration folder where [`XDG_CONFIG_HOME`] is not set.
pub(crate) const HOME: &str = "HOME";
