//! Whose a pod is: the workload that controls it, or that controls what controls it.

use std::sync::Arc;

use mesh_model::kind::Kind;
use mesh_model::name::{ClusterName, Namespace};
use serde_json::Value;
use tokio::time::Instant;

use super::LiveFleet;
use super::crowd::each;
use super::members::Place;
use super::named::selector;
use super::rest::{Rest, RestError};
use super::rule::missing_rule;
use crate::limits::{MAX_NAME, MAX_POD_OWNERS};
use crate::run::Run;

/// The workload of a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodOwner {
    /// Its cluster.
    pub cluster: ClusterName,
    /// Its namespace.
    pub namespace: Namespace,
    /// Its name.
    pub name: Arc<str>,
}

/// The workloads of the pods of one name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PodOwners {
    /// In the order of their clusters.
    pub owners: Vec<PodOwner>,
    /// Why clusters that were reached could not be asked.
    pub problems: Vec<(ClusterName, String)>,
}

/// A pod as a person names it: `pod`, `pod/name`, `namespace/name` or `cluster/namespace/name`.
#[derive(Debug, PartialEq, Eq)]
struct Wanted<'k> {
    cluster: Option<&'k str>,
    namespace: Option<Namespace>,
    name: &'k str,
}

/// Asks every cluster that was reached, or the one that `key` names, for the pod. None where `key` cannot be that of one.
pub(super) async fn owners(fleet: &LiveFleet, key: &str, run: Run<'_>) -> Option<PodOwners> {
    let wanted = Wanted::parse(key)?;
    let is_wanted = |place: &&Place| wanted.cluster.is_none_or(|cluster| *place.name == *cluster);
    let places: Vec<&Place> = fleet.places.iter().filter(is_wanted).collect();
    let end = Instant::now() + fleet.limits.run_timeout;
    let name = |place: &&Place| place.name.to_string();
    let found = each(&places, fleet.limits.parallel, "asking for the pod", run, name, |index| {
        let (place, wanted) = (places[index], &wanted);
        async move {
            // Who was not reached is unseen already.
            let Ok(contact) = &place.contact else { return Ok(Vec::new()) };
            let rest = contact.rest.until(end.min(Instant::now() + contact.left));
            in_cluster(&place.name, &rest, wanted).await
        }
    });
    let mut owners = PodOwners::default();
    for (place, found) in places.iter().zip(found.await) {
        match found.unwrap_or_else(|| Ok(Vec::new())) {
            Ok(found) => owners.owners.extend(found),
            Err(why) => owners.problems.push((place.name.clone(), why)),
        }
    }
    owners.owners.truncate(MAX_POD_OWNERS);
    Some(owners)
}

async fn in_cluster(cluster: &ClusterName, rest: &Rest, wanted: &Wanted<'_>) -> Result<Vec<PodOwner>, String> {
    let within = wanted.namespace.as_ref().map(|namespace| format!("/namespaces/{namespace}")).unwrap_or_default();
    // What the server remembers is enough; it then need not read all pods for one.
    let path = format!(
        "/api/v1{within}/pods?fieldSelector=metadata.name%3D{}&resourceVersion=0&limit={MAX_POD_OWNERS}",
        wanted.name
    );
    let pods = rest.get(&path).await.map_err(|error| in_words(&error, "", "pods", "list"))?;
    let mut owners = Vec::new();
    for pod in pods["items"].as_array().into_iter().flatten() {
        let namespace = pod["metadata"]["namespace"].as_str().and_then(|namespace| Namespace::parse(namespace).ok());
        let Some(namespace) = namespace else { continue };
        if let Some(name) = owner(rest, &namespace, pod).await? {
            owners.push(PodOwner { cluster: cluster.clone(), namespace, name });
        }
    }
    Ok(owners)
}

/// The workload that `pod` is of; none where nothing controls it.
async fn owner(rest: &Rest, namespace: &Namespace, pod: &Value) -> Result<Option<Arc<str>>, String> {
    let Some((kind, name)) = controller(pod) else { return Ok(None) };
    let (group, plural) = match kind {
        "ReplicaSet" => ("apps", "replicasets"),
        "Job" => (Kind::Job.group(), Kind::Job.plural()),
        _ => return Ok(Some(name.into())),
    };
    let path = format!("/apis/{group}/v1/namespaces/{namespace}/{plural}?{}", selector(name));
    let found = rest.get(&path).await.map_err(|error| in_words(&error, group, plural, "list"))?;
    let Some(between) = found["items"].get(0) else { return Ok(None) };
    match controller(between) {
        Some((_, workload)) => Ok(Some(workload.into())),
        None => Ok((kind == "Job").then(|| name.into())),
    }
}

/// Kind and name of what controls an object, where it is a name that can stand in a path.
fn controller(object: &Value) -> Option<(&str, &str)> {
    let mut owners = object["metadata"]["ownerReferences"].as_array()?.iter();
    let controller = owners.find(|owner| owner["controller"] == true)?;
    Some((controller["kind"].as_str()?, controller["name"].as_str().filter(|name| is_name(name))?))
}

fn in_words(error: &RestError, group: &str, plural: &str, verb: &str) -> String {
    if error.is_forbidden() {
        format!("{plural} may not be read; {} ({error})", missing_rule(group, plural, &[verb]))
    } else {
        format!("{plural} cannot be read: {error}")
    }
}

impl<'k> Wanted<'k> {
    /// A pod's name is its workload's, with something after a dash, and has no dots but by hand.
    fn parse(key: &'k str) -> Option<Self> {
        let (path, name) = key.trim().rsplit_once('/').map_or((None, key.trim()), |(path, name)| (Some(path), name));
        let (cluster, group) = match path.map(|path| (path, path.rsplit_once('/'))) {
            Some((_, Some((cluster, group)))) => (Some(cluster), Some(group)),
            Some((group, None)) => (None, Some(group)),
            None => (None, None),
        };
        let is_kind = |group: &&str| cluster.is_none() && matches!(*group, "pod" | "pods");
        let namespace = match group.filter(|group| !is_kind(group)) {
            Some(group) => Some(Namespace::parse(group).ok()?),
            None => None,
        };
        (is_name(name) && name.contains('-') && !name.contains('.')).then_some(Self { cluster, namespace, name })
    }
}

/// Whether `text` is a DNS subdomain, which needs no escaping in a path.
fn is_name(text: &str) -> bool {
    let fine = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
    (1..=MAX_NAME).contains(&text.len())
        && text.bytes().all(fine)
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pods_are_named_as_kubectl_names_them() {
        let wanted = |cluster, namespace: Option<&str>, name| {
            Some(Wanted { cluster, namespace: namespace.map(|n| Namespace::parse(n).unwrap()), name })
        };
        for (key, want) in [
            ("a-1", wanted(None, None, "a-1")),
            (" pod/a-1 ", wanted(None, None, "a-1")),
            ("shop/a-1", wanted(None, Some("shop"), "a-1")),
            ("c1/shop/a-1", wanted(Some("c1"), Some("shop"), "a-1")),
            ("arn:x/c1/pods/a-1", wanted(Some("arn:x/c1"), Some("pods"), "a-1")),
            ("orders", None),
            ("prod.pay-ments.global", None),
            ("Shop/a-1", None),
            ("a-1?limit=1", None),
            ("../a-1", None),
            ("-", None),
            ("", None),
        ] {
            assert_eq!(Wanted::parse(key), want, "{key:?}");
        }
    }

    #[test]
    fn only_a_controller_with_a_name_counts() {
        let owned = |owner: Value| json!({"metadata": {"ownerReferences": [owner]}});
        assert_eq!(controller(&owned(json!({"controller": true, "kind": "Job", "name": "a"}))), Some(("Job", "a")));
        for owner in [
            json!({"kind": "Job", "name": "a"}),
            json!({"controller": true, "kind": "Job", "name": "../a"}),
            json!({"controller": true, "name": "a"}),
            json!("a"),
        ] {
            assert_eq!(controller(&owned(owner.clone())), None, "{owner}");
        }
        assert_eq!(controller(&json!({})), None);
    }
}
