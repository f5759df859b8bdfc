//! Traffic policies, and hosts that are taken by hand.

use serde_json::Value;

use super::super::scene::World;
use super::naming::{held, host_of, is_legal, is_of, is_shown};

/// What stands against a traffic policy: no prefix host of it is legal, a name, or a prefix host of another name.
pub(super) fn traffic(new: &Value, old: &Value, world: &World) -> Option<u16> {
    let (base, env) = governed(new)?;
    if !old.is_null() && new["spec"] == old["spec"] && governed(old).as_ref() == Some(&(base.clone(), env.clone())) {
        return None;
    }
    let items = new["spec"]["policy"].as_array().unwrap().iter().map(|item| item["dnsPrefix"].as_str().unwrap());
    let mut hosts =
        items.filter(|prefix| *prefix != "default" && *prefix != env).map(|prefix| format!("{prefix}.{base}"));
    hosts.find_map(|host| {
        let is_name = held(world, &host).is_some() || world.serving.iter().any(|one| host_of(one) == host);
        let is_prefix = world.prefixes.iter().any(|(prefix, other)| *prefix == host && *other != base);
        if is_legal(&host) { (is_name || is_prefix).then_some(111) } else { Some(105) }
    })
}

/// The base host and the env that a traffic policy governs.
fn governed(policy: &Value) -> Option<(String, String)> {
    let get = |map: &Value, key: &str| map[key].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let (metadata, selector) = (&policy["metadata"], &policy["spec"]["selector"]);
    let (labels, annotations) = (&metadata["labels"], &metadata["annotations"]);
    let is_ignored = [labels, annotations].iter().any(|map| map["admiral.io/ignore"] == "true");
    let identity = get(labels, "identity").or(get(selector, "identity")).filter(|_| !is_ignored)?;
    let env = get(annotations, "admiral.io/env").or(get(labels, "admiral.io/env")).or(get(selector, "admiral.io/env"));
    let env = env.or(get(labels, "env")).or(get(selector, "env")).unwrap_or("default".to_owned());
    let base = format!("{env}.{identity}.global").to_lowercase();
    (is_shown(&identity) && is_shown(&env) && is_legal(&base)).then_some((base, env))
}

/// What stands against hosts that are taken by hand: a claim of another owner on one of them, or on what it is a prefix host of.
pub(super) fn hosts(new: &Value, old: &Value, namespace: &str, world: &World) -> Option<u16> {
    if namespace == "mesh-sync" || !old.is_null() && new["spec"] == old["spec"] {
        return None;
    }
    let facts = world.namespaces.iter().find(|(name, _)| *name == namespace);
    let owner = facts.and_then(|(_, facts)| facts.owner.as_deref());
    let others = world.claims.iter().filter_map(|claim| held(world, &claim.host));
    let mut others = others.filter(|claim| owner.is_none_or(|owner| !is_of(claim, owner)));
    let hosts: Vec<String> = new["spec"]["hosts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|host| host.as_str().unwrap().trim_end_matches('.').to_lowercase())
        .collect();
    let is_taken = others.any(|claim| {
        let beneath = format!(".{}", claim.host);
        hosts.iter().any(|host| match host.strip_prefix('*') {
            Some(tail) => beneath.ends_with(tail) || tail.ends_with(&beneath),
            None => **host == *claim.host || host.ends_with(&beneath),
        })
    });
    is_taken.then_some(110)
}
