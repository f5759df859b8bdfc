//! Live objects that nobody wants any more: which must stay all the same, and why the others go.

use std::collections::BTreeSet;
use std::sync::Arc;

use mesh_model::kind::Kind;
use mesh_model::name::ClusterName;
use mesh_model::owned::{ObjectKey, OwnedObject};

use super::held::{Knowledge, Owners};
use super::live::{LiveEntry, LiveHost, LiveName};
use super::name::NamePlan;
use super::{Context, keep};
use crate::because::Because;
use crate::desired::Desired;

/// Judges what clusters hold of one host and should not. `of_base` are the plans of the name's base host.
pub(super) fn judge(
    name: &LiveName<'_>,
    host: &str,
    held: &LiveHost<'_>,
    of_base: &[&NamePlan<'_>],
    context: &Context<'_>,
    desired: &mut Desired,
) {
    let excluded = held
        .entries
        .values()
        .find_map(|entry| entry.identity(context.policy).filter(|identity| context.policy.excludes(identity)));
    let planned = of_base.iter().find(|plan| plan.hosts.iter().any(|h| h.host.eq_ignore_ascii_case(host)));
    for (cluster, key, object) in objects(held) {
        if desired.objects.get(cluster).is_none_or(|objects| objects.contains_key(key)) {
            continue;
        }
        let at = (cluster.clone(), key.clone());
        if excluded.is_some() {
            desired.excluded.insert(at);
            continue;
        }
        if let Some(because) = context.foreign.taken(cluster, host, &format!("{host}-se")) {
            keep(desired, cluster, key.clone(), because);
            continue;
        }
        let origins = object.origins.iter().map(|(origin, _)| origin.clone()).collect();
        if of_base.is_empty() {
            match unproven(held.entries.get(cluster), object, cluster, &context.owners) {
                Some(why) => keep(desired, cluster, key.clone(), Because::whole(why, origins)),
                None => {
                    desired.gone.insert(at, Because::whole(format!("nothing serves {host} any more"), origins));
                }
            }
            continue;
        }
        let because = match planned {
            None => {
                let mut sources = name.origins_of_kind(Kind::GlobalTrafficPolicy);
                for plan in of_base {
                    sources.extend(plan.governing.traffic.iter().flat_map(|traffic| traffic.origins.clone()));
                }
                let sources = if sources.is_empty() { origins } else { sources.into_iter().collect() };
                Because::whole("no item of an active traffic policy has this prefix any more", sources)
            }
            Some(plan) if !plan.roles.contains_key(cluster) => {
                let identity = &plan.pair.0;
                Because::whole(format!("{cluster} neither runs {identity} nor depends on it any more"), origins)
            }
            Some(_) => Because::whole("it would have no endpoint, or cannot be published", origins),
        };
        desired.gone.entry(at).or_insert(because);
    }
}

fn objects<'h, 'a>(
    held: &'h LiveHost<'a>,
) -> impl Iterator<Item = (&'a ClusterName, &'a ObjectKey, &'a OwnedObject)> + use<'h, 'a> {
    let entries = held.entries.iter().map(|(cluster, entry)| (*cluster, entry.key, entry.object));
    entries.chain(held.rules.iter().map(|(cluster, rule)| (*cluster, rule.key, rule.object)))
}

/// Why it is not proven that nothing serves the host of an object any more.
fn unproven(
    entry: Option<&LiveEntry<'_>>,
    object: &OwnedObject,
    cluster: &ClusterName,
    owners: &Owners<'_>,
) -> Option<String> {
    let mut clusters: BTreeSet<&ClusterName> = object.origins.iter().map(|(origin, _)| &origin.cluster).collect();
    if let Some(entry) = entry {
        for (endpoint, owner) in owners.endpoints(cluster, entry) {
            match owner {
                Some(owner) => {
                    clusters.insert(owner);
                }
                None if owners.keeps_nobodys() => {
                    let address: &Arc<str> = &endpoint.address;
                    return Some(format!("{address} may be the gateway of a member that was not read completely"));
                }
                None => {}
            }
        }
    }
    clusters.into_iter().find_map(|cluster| match owners.knowledge(cluster, None) {
        Knowledge::Unknown(why) => Some(why),
        Knowledge::Known | Knowledge::Gone => None,
    })
}
