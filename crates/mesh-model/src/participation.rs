//! Who takes part in the mesh: ignore rules, then sidecar injection (deviation D13).

use crate::facts::{MeshWish, NamespaceFacts};
use crate::policy::{Injection, MeshPolicy};

/// Whether a workload takes part in the mesh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Participation {
    /// It has a sidecar: it serves its name, and may call others.
    Serves,
    /// It, or its namespace, asks to be ignored.
    Ignored,
    /// It gets no sidecar.
    NotInjected,
    /// It is in ambient mode, where global names are not known.
    Ambient,
    /// Its namespace could not be read.
    Unknown,
}

/// Whether a workload with such a wish takes part, in a namespace that is known or, where all were read, not there.
pub fn participation(
    wish: MeshWish,
    namespace: Option<&NamespaceFacts>,
    are_namespaces_seen: bool,
    policy: &MeshPolicy,
) -> Participation {
    if wish.ignored || namespace.is_some_and(|ns| ns.ignored) {
        return Participation::Ignored;
    }
    if namespace.is_none() && !are_namespaces_seen {
        return Participation::Unknown;
    }
    let injected = match policy.injection {
        Injection::Istio => wish.inject_label.or(wish.inject_annotation),
        Injection::Admiral => Some(wish.inject_annotation == Some(true)),
    };
    match injected {
        Some(true) => Participation::Serves,
        _ if wish.ambient || namespace.is_some_and(|ns| ns.ambient) => Participation::Ambient,
        None if namespace.is_some_and(|ns| ns.injected) => Participation::Serves,
        _ => Participation::NotInjected,
    }
}
