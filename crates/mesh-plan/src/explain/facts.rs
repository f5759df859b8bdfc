//! Fields that facts decide and for which `desire` records no reason: the address, the namespaces, the accepted servers.
//! What is named here stands in the objects that were read; nothing is decided again.

use std::collections::BTreeSet;

use mesh_model::fleet::FleetSnapshot;
use mesh_model::kind::Kind;
use mesh_model::name::ClusterName;
use mesh_model::origin::{Origin, Part};
use mesh_model::policy::{ExportToPolicy, MeshPolicy, SanPolicy, VipPolicy};
use serde_json::Value;

use super::{Holder, Reason};
use crate::desired::{DesiredObject, Name, Role};

/// What a reason may be found in.
pub(super) struct About<'a> {
    /// What was read.
    pub(super) fleet: &'a FleetSnapshot,
    /// The policy.
    pub(super) policy: &'a MeshPolicy,
    /// The name that is explained.
    pub(super) name: &'a Name,
}

/// Why `field`, which is set, has the value that it has in the clusters of `holders`; none for fields of another sort.
pub(super) fn reason(field: &str, object: &DesiredObject, holders: &[Holder], about: &About<'_>) -> Option<Reason> {
    let (rule, sources): (String, Vec<Origin>) = match field {
        "addresses" => address(object, about),
        "exportTo" => namespaces(object, holders, about),
        "subjectAltNames" => servers(object, about),
        _ => return None,
    };
    Some(Reason { rule: rule.into(), sources, held: false })
}

fn address(object: &DesiredObject, about: &About<'_>) -> (String, Vec<Origin>) {
    let wanted = texts(&object.body.spec, "addresses");
    let key = &object.body.key;
    let of = |cluster: &ClusterName, kind, name: &str| Origin { cluster: cluster.clone(), kind, name: name.into() };
    let live: Vec<Origin> = about
        .fleet
        .seen()
        .filter(|(_, facts)| {
            let live = facts.owned.get(key);
            live.is_some_and(|live| !texts(&live.spec, "addresses").is_disjoint(&wanted))
        })
        .map(|(cluster, _)| of(cluster, Kind::ServiceEntry, &format!("{}/{}", key.namespace, key.name)))
        .collect();
    if !live.is_empty() {
        return ("kept: the host has this address already".into(), live);
    }
    let stored: Vec<&str> = about
        .fleet
        .seen()
        .filter(|(_, facts)| facts.vip_store.get(&key.name).is_some_and(|address| wanted.contains(&**address)))
        .map(|(cluster, _)| cluster.as_str())
        .collect();
    if !stored.is_empty() {
        return (format!("Admiral's ConfigMap of addresses in {} has it", stored.join(", ")), Vec::new());
    }
    let rule = match &about.policy.vip {
        VipPolicy::Range { range, .. } => {
            format!("new: made from the sha-256 of the host, inside policy.vip.range ({range})")
        }
        VipPolicy::Off => "kept: an object of the host has this address already".into(),
    };
    (rule, Vec::new())
}

fn namespaces(object: &DesiredObject, holders: &[Holder], about: &About<'_>) -> (String, Vec<Origin>) {
    let identity = &about.name.identity;
    let roles: BTreeSet<Role> = holders.iter().map(|holder| holder.role).collect();
    // A source may call itself: its callers count too.
    let callers = holders.iter().filter_map(|holder| about.name.clients.get(&holder.cluster));
    let because = holders.iter().map(|holder| &holder.because).chain(callers);
    let sources: BTreeSet<Origin> = because.flat_map(|because| because.sources.iter().cloned()).collect();
    let rule = if texts(&object.body.spec, "exportTo").contains("*") {
        let most = match &about.policy.export_to {
            ExportToPolicy::Limited { max_namespaces, .. } => *max_namespaces,
            ExportToPolicy::Off => 0,
        };
        format!("every namespace: more than {most} would be named (policy.exportTo.maxNamespaces)")
    } else if roles.contains(&Role::ExSource) {
        "as the live object has it: where the service ran once, local callers go on".into()
    } else if roles.contains(&Role::Source) {
        let gateway = &about.policy.gateway.namespace;
        format!("policy.exportTo: {gateway}, for the gateway, and where {identity} and its callers of this cluster run")
    } else {
        format!("policy.exportTo: where the callers of {identity} run in this cluster")
    };
    (rule, sources.into_iter().collect())
}

fn servers(object: &DesiredObject, about: &About<'_>) -> (String, Vec<Origin>) {
    let rule = match &about.policy.sans {
        SanPolicy::Template(template) => format!("policy.sans is the template {template}"),
        SanPolicy::ServiceAccounts => {
            "policy.sans is serviceAccounts: those of the workloads that the endpoints lead to".into()
        }
        SanPolicy::Off => "by policy.sans".into(),
    };
    (rule, object.body.origins.of(&Part::SubjectAltNames).cloned().collect())
}

/// The texts of one list of a spec.
fn texts(spec: &str, field: &str) -> BTreeSet<String> {
    let spec: Value = serde_json::from_str(spec).unwrap_or_default();
    let list = spec[field].as_array().into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}
