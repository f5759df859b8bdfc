//! How a workload's identity, env and rules are read from its manifest (`reference/admiral.md` §2.1, §3, §4.2).
//!
//! Pure functions over label and annotation look-ups, so that every source of facts (files, API, admission reviews) asks
//! the same question the same way.

use crate::facts::MeshWish;
use crate::policy::{Keys, MeshPolicy};

/// Annotation that ignores an object.
const IGNORE_ANNOTATION: &str = "admiral.io/ignore";
/// Template annotation that keeps the case of a host.
const KEEP_CASE: &str = "admiral.io/cname-case-sensitive";
/// Label of a pod or a namespace in ambient mode.
const DATAPLANE_MODE: &str = "istio.io/dataplane-mode";
/// Template annotation that chooses the mesh port.
pub const INBOUND_PORTS: &str = "traffic.sidecar.istio.io/includeInboundPorts";

/// Label and annotation look-up of one object, whose texts are borrowed from it.
pub struct Meta<'f, 'a> {
    /// Value of a label.
    pub label: &'f dyn Fn(&str) -> Option<&'a str>,
    /// Value of an annotation.
    pub annotation: &'f dyn Fn(&str) -> Option<&'a str>,
}

impl<'a> Meta<'_, 'a> {
    fn label_or_annotation(&self, key: &str) -> Option<&'a str> {
        (self.label)(key)
            .filter(|text| !text.is_empty())
            .or_else(|| (self.annotation)(key).filter(|text| !text.is_empty()))
    }

    fn annotation_or_label(&self, key: &str) -> Option<&'a str> {
        (self.annotation)(key)
            .filter(|text| !text.is_empty())
            .or_else(|| (self.label)(key).filter(|text| !text.is_empty()))
    }

    /// Whether `admiral.io/ignore` is `true` in an annotation.
    pub fn is_ignored_by_annotation(&self) -> bool {
        (self.annotation)(IGNORE_ANNOTATION) == Some("true")
    }

    /// Whether `admiral.io/ignore` is `true` in an annotation or a label.
    pub fn is_ignored(&self) -> bool {
        self.is_ignored_by_annotation() || (self.label)(IGNORE_ANNOTATION) == Some("true")
    }
}

/// The name that a workload asks for, as it is written, and what it asks of the mesh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkloadNaming<'a> {
    /// Its identity; whether it is a name is not looked at.
    pub identity: Option<&'a str>,
    /// Its env; whether it is a name is not looked at.
    pub env: &'a str,
    /// Its partition, which its host does not tell.
    pub partition: Option<&'a str>,
    /// Whether the host keeps the identity's case.
    pub keep_case: bool,
    /// What it asks of the mesh.
    pub wish: MeshWish,
}

impl<'a> WorkloadNaming<'a> {
    /// Reads a workload: the metadata of its pod template, and its own.
    pub fn read(template: &Meta<'_, 'a>, own: &Meta<'_, 'a>, namespace: &'a str, keys: &Keys) -> Self {
        // What is neither `true` nor empty is no.
        let wish = |value: Option<&str>| value.filter(|value| !value.is_empty()).map(|value| value == "true");
        Self {
            identity: workload_identity(template, keys),
            env: workload_env(template, namespace, keys),
            partition: template.annotation_or_label(&keys.partition),
            keep_case: (template.annotation)(KEEP_CASE) == Some("true"),
            wish: MeshWish {
                inject_label: wish((template.label)(&keys.inject)),
                inject_annotation: wish((template.annotation)(&keys.inject)),
                ambient: (template.label)(DATAPLANE_MODE) == Some("ambient"),
                ignored: (template.label)(&keys.ignore) == Some("true") || own.is_ignored_by_annotation(),
            },
        }
    }
}

/// What a namespace's metadata says of the mesh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NamespaceNaming<'a> {
    /// `istio-injection=enabled` or a revision label.
    pub injected: bool,
    /// `istio.io/dataplane-mode=ambient`.
    pub ambient: bool,
    /// Annotation `admiral.io/ignore` is `true`.
    pub ignored: bool,
    /// Who owns it.
    pub owner: Option<&'a str>,
}

impl<'a> NamespaceNaming<'a> {
    /// Reads the metadata of the namespace of this name.
    pub fn read(meta: &Meta<'_, 'a>, name: &'a str, policy: &MeshPolicy) -> Self {
        let injection = (meta.label)("istio-injection");
        let revision = (meta.label)("istio.io/rev").is_some_and(|rev| !rev.is_empty());
        Self {
            injected: injection == Some("enabled") || (revision && injection != Some("disabled")),
            ambient: (meta.label)(DATAPLANE_MODE) == Some("ambient"),
            ignored: meta.is_ignored_by_annotation(),
            owner: policy.owner_of(name, meta.label),
        }
    }
}

/// The identity of a workload, from its pod template: the label, else the annotation. `None` when it has none. Whether it
/// is a name is not looked at.
fn workload_identity<'a>(template: &Meta<'_, 'a>, keys: &Keys) -> Option<&'a str> {
    template.label_or_annotation(&keys.identity)
}

/// The env of a workload: template annotation, template label, label `env`, what follows the namespace's last dash,
/// `default`. Whether it is a name is not looked at.
fn workload_env<'a>(template: &Meta<'_, 'a>, namespace: &'a str, keys: &Keys) -> &'a str {
    template
        .annotation_or_label(&keys.env)
        .or_else(|| (template.label)("env").filter(|text| !text.is_empty()))
        .or_else(|| namespace.rsplit_once('-').map(|(_, last)| last).filter(|text| !text.is_empty()))
        .unwrap_or("default")
}

/// The identity that a GlobalTrafficPolicy or OutlierDetection governs: label, else selector. `None` when it has none.
pub fn policy_identity<'a>(
    meta: &Meta<'_, 'a>,
    selector: &dyn Fn(&str) -> Option<&'a str>,
    keys: &Keys,
) -> Option<&'a str> {
    (meta.label)(&keys.policy_identity)
        .filter(|text| !text.is_empty())
        .or_else(|| selector(&keys.policy_identity).filter(|text| !text.is_empty()))
}

/// The env that a GlobalTrafficPolicy or OutlierDetection governs: annotation, label, selector, label `env`, selector
/// `env`, `default`.
pub fn policy_env<'a>(meta: &Meta<'_, 'a>, selector: &dyn Fn(&str) -> Option<&'a str>, keys: &Keys) -> &'a str {
    meta.annotation_or_label(&keys.env)
        .or_else(|| selector(&keys.env).filter(|text| !text.is_empty()))
        .or_else(|| (meta.label)("env").filter(|text| !text.is_empty()))
        .or_else(|| selector("env").filter(|text| !text.is_empty()))
        .unwrap_or("default")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look_up<'a>(pairs: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<&'a str> {
        move |key| pairs.iter().find(|(k, _)| *k == key).map(|(_, v)| *v)
    }

    #[test]
    fn env_falls_back_as_admiral_does() {
        type Pairs<'a> = &'a [(&'a str, &'a str)];
        let keys = Keys::default();
        let cases: [(Pairs<'_>, Pairs<'_>, &str, &str); 6] = [
            (&[("admiral.io/env", "label"), ("env", "x")], &[("admiral.io/env", "note")], "my-app", "note"),
            (&[("admiral.io/env", "label"), ("env", "x")], &[], "my-app", "label"),
            (&[("env", "x")], &[], "my-app", "x"),
            (&[], &[], "my-app", "app"),
            (&[], &[], "shop", "default"),
            (&[], &[("admiral.io/env", "")], "shop", "default"),
        ];
        for (labels, annotations, namespace, want) in cases {
            let (label, annotation) = (look_up(labels), look_up(annotations));
            let env = workload_env(&Meta { label: &label, annotation: &annotation }, namespace, &keys);
            assert_eq!(env, want);
        }
    }

    #[test]
    fn identity_is_the_template_label_then_the_annotation() {
        let keys = Keys::default();
        let (label, annotation) = (look_up(&[("identity", "a")]), look_up(&[("identity", "b")]));
        let none = look_up(&[]);
        let both = Meta { label: &label, annotation: &annotation };
        assert_eq!(workload_identity(&both, &keys), Some("a"));
        let noted = Meta { label: &none, annotation: &annotation };
        assert_eq!(workload_identity(&noted, &keys), Some("b"));
        assert!(workload_identity(&Meta { label: &none, annotation: &none }, &keys).is_none());
    }
}
