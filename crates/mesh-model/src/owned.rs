//! Generated objects as they were found in a cluster.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::kind::Kind;
use crate::name::Namespace;
use crate::origin::Origins;

/// Annotation that marks a generated object as ours, or as Admiral's.
pub const CREATED_BY: &str = "app.kubernetes.io/created-by";
/// The value of [`CREATED_BY`] on our objects.
pub const OUR_MARK: &str = "kubectl-mesh";
/// The value of [`CREATED_BY`] on Admiral's objects.
pub const ADMIRAL_MARK: &str = "admiral";
/// Label of every object of ours.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Label by which the objects of an identity are found.
pub const IDENTITY_LABEL: &str = "kubectl-mesh.io/identity";
/// Annotation that records where each value came from.
pub const FROM: &str = "kubectl-mesh.io/from";
/// Annotation of an ex-source: the RFC 3339 time of the first plan that found it to be one (deviation D18).
pub const EX_SOURCE: &str = "kubectl-mesh.io/ex-source";
/// Annotation of a `GlobalNameSet`: SHA-256 over its entries, in hex.
pub const DIGEST: &str = "kubectl-mesh.io/digest";
/// Annotation with the prefix of the governing traffic-policy item.
pub const DNS_PREFIX: &str = "dns-prefix";
/// Annotation with the name of the governing traffic policy.
pub const ASSOCIATED_GTP: &str = "associated-gtp";

/// Which object, inside one cluster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObjectKey {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace; [`Namespace::none`] of a cluster-scoped kind.
    pub namespace: Namespace,
    /// Its name.
    pub name: Arc<str>,
}

impl ObjectKey {
    /// The key of an object of a cluster-scoped kind.
    pub fn of_cluster(kind: Kind, name: Arc<str>) -> Self {
        Self { kind, namespace: Namespace::none(), name }
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_none() {
            return write!(f, "{} {}", self.kind, self.name);
        }
        write!(f, "{} {}/{}", self.kind, self.namespace, self.name)
    }
}

/// Whose mark an object carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mark {
    /// `kubectl-mesh`.
    Ours,
    /// `admiral`: ours while the policy says `adopt: admiral`.
    Admiral,
}

/// Labels or annotations. Objects of one name mostly have the same, and then share one copy.
pub type Pairs = BTreeMap<Arc<str>, Arc<str>>;

/// A generated object as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedObject {
    /// `metadata.uid`, where the source has one.
    pub uid: Option<Arc<str>>,
    /// `metadata.creationTimestamp`; missing counts as newest.
    pub created: Option<Timestamp>,
    /// The version that a write must find: `metadata.resourceVersion`, or the digest of a file.
    pub version: Arc<str>,
    /// Whose mark it carries.
    pub mark: Mark,
    /// Its whole `spec` as canonical JSON; equal specs share one text.
    pub spec: Arc<str>,
    /// Its labels.
    pub labels: Arc<Pairs>,
    /// Its annotations, but for [`FROM`].
    pub annotations: Arc<Pairs>,
    /// Annotation [`FROM`]; empty on adopted objects and where it cannot be read.
    pub origins: Arc<Origins>,
    /// Annotation [`FROM`] as it was found.
    pub from_text: Option<Arc<str>>,
    /// Who wrote it last, where the source tells and it was not us: a field manager, with the time.
    pub changed_by: Option<Arc<str>>,
}
