//! What an object adds to the index: facts about hosts.

use std::sync::Arc;

use jiff::Timestamp;
use mesh_admission::Use;
use mesh_model::claim::Claim;
use mesh_model::facts::{MeshWish, NamespaceFacts};
use mesh_model::host::{base_host, prefix_hosts};
use mesh_model::name::{Env, Host, Identity, Namespace};
use mesh_model::naming::{Meta, NamespaceNaming, WorkloadNaming, policy_env, policy_identity};
use mesh_model::owned::{ADMIRAL_MARK, CREATED_BY, IDENTITY_LABEL, OUR_MARK};
use mesh_model::policy::{Adopt, MeshPolicy};
use serde::Deserialize;

use super::labels::Label;
use super::watched_object::{Pairs, WatchedObject};

/// One fact about a host. Claims are packed where they are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fact<C = Claim> {
    /// It is claimed.
    Claimed(C),
    /// A workload here serves it, if its namespace takes part.
    Used {
        /// Who.
        used: Use,
        /// What the workload asks of the mesh.
        wish: MeshWish,
        /// When the workload was made; missing counts as newest.
        created: Option<Timestamp>,
    },
    /// It is a prefix host of this base host.
    PrefixOf(Arc<str>),
    /// Callers accept these identities of who serves it.
    Accepted(Arc<[Arc<str>]>),
}

/// Facts by host in lower case.
pub(crate) type Facts = Vec<(Arc<str>, Fact)>;

/// `spec` of a workload that serves.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct WorkloadSpec {
    template: Template,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Template {
    metadata: TemplateMetadata,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct TemplateMetadata {
    labels: Option<Pairs>,
    annotations: Option<Pairs>,
}

/// `spec` of a GlobalNameSet.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct ClaimSet {
    entries: Vec<Claim>,
}

/// `spec` of a ServiceEntry, as far as it says who is accepted.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct EntrySpec {
    hosts: Option<Vec<String>>,
    subject_alt_names: Option<Vec<Arc<str>>>,
}

/// `spec` of a GlobalTrafficPolicy, as far as it makes hosts.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct TrafficSpec {
    selector: Option<Pairs>,
    policy: Option<Vec<TrafficItem>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct TrafficItem {
    dns_prefix: Option<String>,
    dns: Option<String>,
}

/// Does something with the look-ups of labels and annotations.
fn with_meta<'a, R>(
    labels: Option<&'a Pairs>,
    annotations: Option<&'a Pairs>,
    work: impl FnOnce(&Meta<'_, 'a>) -> R,
) -> R {
    let look_up = |pairs: Option<&'a Pairs>, key: &str| pairs.and_then(|pairs| pairs.get(key)).map(String::as_str);
    let (label, annotation) = (|key: &str| look_up(labels, key), |key: &str| look_up(annotations, key));
    work(&Meta { label: &label, annotation: &annotation })
}

/// What a namespace says of itself.
pub(crate) fn namespace(
    labels: Option<&Pairs>,
    annotations: Option<&Pairs>,
    name: &str,
    policy: &MeshPolicy,
) -> NamespaceFacts {
    with_meta(labels, annotations, |meta| {
        let read = NamespaceNaming::read(meta, name, policy);
        NamespaceFacts {
            injected: read.injected,
            ambient: read.ambient,
            ignored: read.ignored,
            network: None,
            owner: read.owner.map(Into::into),
        }
    })
}

/// That a workload serves its name, if it has one, and how it bears the label of its identity.
pub(crate) fn of_workload(object: &WatchedObject, policy: &MeshPolicy) -> (Facts, Label) {
    let named = named(object, policy);
    let has = object.metadata.labels.as_ref().and_then(|labels| labels.get(IDENTITY_LABEL));
    let label = Label::of(has.map(String::as_str), named.as_ref().map(|(_, used, _)| &used.identity));
    let created = object.metadata.creation_timestamp.as_ref().map(|time| time.0);
    let serving = named.filter(|(_, used, _)| !policy.excludes(&used.identity));
    let facts = serving.map(|(host, used, wish)| (host.to_lowercase().into(), Fact::Used { used, wish, created }));
    (facts.into_iter().collect(), label)
}

/// The name of a workload: its base host, whose it is, and what the workload asks of the mesh.
fn named(object: &WatchedObject, policy: &MeshPolicy) -> Option<(Host, Use, MeshWish)> {
    let namespace = Namespace::parse(object.metadata.namespace.as_deref()?).ok()?;
    let WorkloadSpec { template: Template { metadata } } = object.spec()?;
    let TemplateMetadata { labels, annotations } = &metadata;
    let (own_labels, own_annotations) = (object.metadata.labels.as_ref(), object.metadata.annotations.as_ref());
    with_meta(labels.as_ref(), annotations.as_ref(), |template| {
        with_meta(own_labels, own_annotations, |own| {
            let naming = WorkloadNaming::read(template, own, &namespace, &policy.keys);
            let (identity, env) = (Identity::parse(naming.identity?).ok()?, Env::parse(naming.env).ok()?);
            let host = base_host(&env, &identity, &policy.suffix, naming.keep_case).ok()?;
            let partition = naming.partition.map(Into::into);
            Some((host, Use { identity, env, partition, namespace: namespace.clone() }, naming.wish))
        })
    })
}

/// The claim of a GlobalName.
pub(crate) fn of_name(object: &WatchedObject) -> Facts {
    object.spec().into_iter().map(claimed).collect()
}

/// The claims of a set.
pub(crate) fn of_set(object: &WatchedObject) -> Facts {
    let set: Option<ClaimSet> = object.spec();
    set.into_iter().flat_map(|set| set.entries).map(claimed).collect()
}

fn claimed(claim: Claim) -> (Arc<str>, Fact) {
    (claim.host.to_lowercase().into(), Fact::Claimed(claim))
}

/// Whom callers accept, by an entry that was generated. What somebody else wrote tells nothing of it.
pub(crate) fn of_entry(object: &WatchedObject, policy: &MeshPolicy) -> Facts {
    let mark = object.metadata.annotations.as_ref().and_then(|annotations| annotations.get(CREATED_BY));
    if !mark.is_some_and(|mark| is_ours(mark, policy)) {
        return Facts::new();
    }
    let Some(EntrySpec { hosts, subject_alt_names }) = object.spec() else { return Facts::new() };
    let accepted: Arc<[Arc<str>]> = subject_alt_names.unwrap_or_default().into();
    let hosts = hosts.unwrap_or_default().into_iter();
    hosts.map(|host| (host.to_lowercase().into(), Fact::Accepted(Arc::clone(&accepted)))).collect()
}

fn is_ours(mark: &str, policy: &MeshPolicy) -> bool {
    mark == OUR_MARK || mark == ADMIRAL_MARK && policy.adopt == Adopt::Admiral
}

/// The prefix hosts of a traffic policy.
pub(crate) fn of_traffic_policy(object: &WatchedObject, policy: &MeshPolicy) -> Facts {
    let Some(spec) = object.spec::<TrafficSpec>() else { return Facts::new() };
    let (labels, annotations) = (object.metadata.labels.as_ref(), object.metadata.annotations.as_ref());
    let governed = with_meta(labels, annotations, |meta| {
        if meta.is_ignored() {
            return None;
        }
        let selected = |key: &str| spec.selector.as_ref().and_then(|pairs| pairs.get(key)).map(String::as_str);
        let identity = Identity::parse(policy_identity(meta, &selected, &policy.keys)?).ok()?;
        let env = Env::parse(policy_env(meta, &selected, &policy.keys)).ok()?;
        Some((base_host(&env, &identity, &policy.suffix, false).ok()?, env))
    });
    let Some((base, env)) = governed else { return Facts::new() };
    let items = spec.policy.iter().flatten();
    let items =
        items.map(|item| (item.dns_prefix.as_deref().unwrap_or_default(), item.dns.as_deref().unwrap_or_default()));
    let hosts: Vec<Host> = prefix_hosts(items, &base, &env).filter_map(Result::ok).collect();
    let base: Arc<str> = base.to_lowercase().into();
    hosts.into_iter().map(|host| (host.to_lowercase().into(), Fact::PrefixOf(Arc::clone(&base)))).collect()
}
