//! Live objects that nobody wants any more: which must stay all the same, and why the others go.

use std::collections::BTreeMap;
use std::sync::Arc;

use mesh_model::host::identity_label;
use mesh_model::kind::Kind;
use mesh_model::name::ClusterName;
use mesh_model::origin::Origin;
use mesh_model::owned::{IDENTITY_LABEL, ObjectKey, OwnedObject};

use super::hosts::illegal_prefix;
use super::live::{Live, LiveHost, LiveName};
use super::name::NamePlan;
use super::{Context, keep};
use crate::because::Because;
use crate::desired::Desired;

/// Why a live object stays as it is although nobody wants it, or although somebody wants another.
enum Stay {
    /// Its identity is excluded by the policy.
    Excluded,
    /// Somebody else holds the host, or it is not proven that nothing serves it.
    Held(Because),
}

/// The addresses that live ServiceEntries keep whatever is planned: by address, where and for which host.
pub(super) fn kept_addresses<'a>(
    live: &'a Live<'_>,
    plans: &[NamePlan<'_>],
    context: &Context<'_>,
) -> BTreeMap<&'a str, Vec<(&'a ClusterName, &'a Arc<str>)>> {
    let mut by_base: BTreeMap<String, Vec<&NamePlan<'_>>> = BTreeMap::new();
    for plan in plans {
        by_base.entry(plan.base.to_lowercase()).or_default().push(plan);
    }
    let mut kept: BTreeMap<&str, Vec<(&ClusterName, &Arc<str>)>> = BTreeMap::new();
    for (base, name) in &live.names {
        let of_base = by_base.get(&**base).map(Vec::as_slice).unwrap_or_default();
        for (host, held) in &name.hosts {
            for (cluster, entry) in &held.entries {
                let Some(spec) = entry.spec().filter(|spec| !spec.addresses.is_empty()) else { continue };
                if stay((base, host), held, cluster, entry.object, of_base, context).is_some() {
                    for address in &spec.addresses {
                        kept.entry(address).or_default().push((cluster, host));
                    }
                }
            }
        }
    }
    kept
}

/// Judges what clusters hold of one host of the name `base` and should not. `of_base` are the plans of the name's base host.
pub(super) fn judge(
    name: &LiveName<'_>,
    (base, host): (&str, &str),
    held: &LiveHost<'_>,
    of_base: &[&NamePlan<'_>],
    context: &Context<'_>,
    desired: &mut Desired,
) {
    let planned = of_base.iter().find(|plan| plan.has_host(host));
    for (cluster, key, object) in objects(held) {
        if desired.objects.get(cluster).is_none_or(|objects| objects.contains_key(key)) {
            continue;
        }
        let at = (cluster.clone(), key.clone());
        match stay((base, host), held, cluster, object, of_base, context) {
            Some(Stay::Excluded) => {
                desired.excluded.insert(at);
                continue;
            }
            Some(Stay::Held(because)) => {
                keep(desired, cluster, key.clone(), because);
                continue;
            }
            None => {}
        }
        let origins = origins_of(object);
        let because = match planned {
            _ if of_base.is_empty() => Because::whole(format!("nothing serves {host} any more"), origins),
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

/// Why an object on `host`, which is `base` or has a prefix before it, stays as it is in `cluster`.
fn stay(
    (base, host): (&str, &str),
    held: &LiveHost<'_>,
    cluster: &ClusterName,
    object: &OwnedObject,
    of_base: &[&NamePlan<'_>],
    context: &Context<'_>,
) -> Option<Stay> {
    if is_excluded(held, cluster, object, context) {
        return Some(Stay::Excluded);
    }
    if let Some(because) = context.foreign.taken(cluster, host, &format!("{host}-se")) {
        return Some(Stay::Held(because));
    }
    let is_planned = is_planned(held, cluster, of_base);
    let is_given = host == base || is_planned && of_base.iter().any(|plan| plan.has_host(host));
    let unproven = if is_planned { None } else { context.owners.unproven(cluster, held.entries.get(cluster), object) };
    let why = unproven.or_else(|| {
        let may_be_given = || may_have_policy(host, object, context).or_else(|| may_be_misspelled(host, of_base));
        if is_given { None } else { may_be_given() }
    });
    Some(Stay::Held(Because::whole(why?, origins_of(object))))
}

/// Why it is not proven that no traffic policy gives the prefix of `host`: the object does not say which one did, and some
/// member's could not be read.
fn may_have_policy(host: &str, object: &OwnedObject, context: &Context<'_>) -> Option<String> {
    if object.origins.iter().any(|(origin, _)| origin.kind == Kind::GlobalTrafficPolicy) {
        return None;
    }
    let blind = context.sites.values().find(|site| site.may_have(Kind::GlobalTrafficPolicy))?;
    Some(format!("a traffic policy in {}, which could not be read, may give {host}", blind.name))
}

/// Why `host` may be what a traffic policy means: an item of it has a prefix that gives no legal host.
fn may_be_misspelled(host: &str, of_base: &[&NamePlan<'_>]) -> Option<String> {
    let of = |plan: &&NamePlan<'_>| {
        let traffic = plan.governing.traffic.as_ref()?;
        illegal_prefix(&plan.base, &plan.pair, traffic).map(str::to_owned)
    };
    let prefix = of_base.iter().find_map(of)?;
    Some(format!("the active traffic policy has the prefix {prefix:?}, which gives no host: it may mean {host}"))
}

/// Whether somebody is planned to serve what `cluster` holds.
fn is_planned(held: &LiveHost<'_>, cluster: &ClusterName, of_base: &[&NamePlan<'_>]) -> bool {
    let pair = held.entries.get(cluster).and_then(|entry| entry.pair.as_ref());
    of_base.iter().any(|plan| pair.is_none_or(|pair| plan.pair == *pair))
}

/// Whether an object is of an excluded identity: by its own mark, else its cluster's entry, else any entry of the host.
fn is_excluded(held: &LiveHost<'_>, cluster: &ClusterName, object: &OwnedObject, context: &Context<'_>) -> bool {
    let policy = context.policy;
    if policy.exclude.is_empty() {
        return false;
    }
    let own = object.annotations.get(policy.keys.identity.as_str());
    if let Some(identity) = own.or_else(|| held.entries.get(cluster)?.identity(policy)) {
        return policy.excludes(identity);
    }
    if let Some(label) = object.labels.get(IDENTITY_LABEL) {
        return policy.exclude.iter().any(|identity| identity_label(identity) == **label);
    }
    let mut identities = held.entries.values().filter_map(|entry| entry.identity(policy));
    identities.any(|identity| policy.excludes(identity))
}

fn origins_of(object: &OwnedObject) -> Vec<Origin> {
    object.origins.iter().map(|(origin, _)| origin.clone()).collect()
}

fn objects<'h, 'a>(
    held: &'h LiveHost<'a>,
) -> impl Iterator<Item = (&'a ClusterName, &'a ObjectKey, &'a OwnedObject)> + use<'h, 'a> {
    let entries = held.entries.iter().map(|(cluster, entry)| (*cluster, entry.key, entry.object));
    entries.chain(held.rules.iter().map(|(cluster, rule)| (*cluster, rule.key, rule.object)))
}
