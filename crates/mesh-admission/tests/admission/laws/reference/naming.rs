//! Names, and who holds them.

use mesh_model::claim::{Claim, Phase};
use mesh_model::facts::NamespaceFacts;
use mesh_model::host::identity_label;
use mesh_model::name::is_invisible;
use serde_json::Value;

use super::super::scene::{PARTITION, Served, World};

/// The name that a workload asks for.
pub(super) struct Name<'v> {
    pub(super) identity: &'v str,
    pub(super) env: &'v str,
    pub(super) partition: Option<&'v str>,
    /// As marks say it.
    pub(super) host: String,
}

pub(super) fn name<'v>(object: &'v Value, namespace: &'v str, kind: &str) -> Result<Option<Name<'v>>, ()> {
    let metadata = &template(object, kind)["metadata"];
    let get = |map: &str, key: &str| metadata[map][key].as_str().filter(|text| !text.is_empty());
    let Some(identity) = get("labels", "identity").or(get("annotations", "identity")) else { return Ok(None) };
    let env = [get("annotations", "admiral.io/env"), get("labels", "admiral.io/env"), get("labels", "env")];
    let last = namespace.rsplit_once('-').map(|(_, last)| last);
    let env = env.into_iter().flatten().next().or(last).unwrap_or("default");
    let partition = get("annotations", PARTITION).or(get("labels", PARTITION));
    let keeps_case = get("annotations", "admiral.io/cname-case-sensitive") == Some("true");
    let host = format!("{env}.{identity}.global");
    let host = if keeps_case { host } else { host.to_lowercase() };
    (is_shown(identity) && is_shown(env) && is_legal(&host))
        .then_some(Some(Name { identity, env, partition, host }))
        .ok_or(())
}

pub(super) fn is_shown(text: &str) -> bool {
    text.len() <= 253 && !text.chars().any(|c| c.is_control() || c.is_whitespace() || is_invisible(c))
}

pub(super) fn is_legal(host: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !(label.starts_with('-') || label.ends_with('-'))
    };
    host.len() <= 242 && host.split('.').all(label)
}

pub(super) fn template<'v>(object: &'v Value, kind: &str) -> &'v Value {
    if kind == "CronJob" { &object["spec"]["jobTemplate"]["spec"]["template"] } else { &object["spec"]["template"] }
}

pub(super) fn wanted(name: Option<&Name<'_>>) -> [Option<String>; 2] {
    [name.map(|name| name.host.clone()), name.map(|name| identity_label(name.identity))]
}

pub(super) fn is_ignored(object: &Value, kind: &str) -> bool {
    template(object, kind)["metadata"]["labels"]["admiral-ignore"] == "true"
        || object["metadata"]["annotations"]["admiral.io/ignore"] == "true"
}

pub(super) fn host_of(served: &Served) -> String {
    format!("{}.{}.global", served.env, served.identity).to_lowercase()
}

pub(super) fn facts<'w>(world: &'w World, namespace: &str) -> Option<&'w NamespaceFacts> {
    world.namespaces.iter().find(|(name, _)| *name == namespace).map(|(_, facts)| facts)
}

/// The claim by which a host is held: the strongest of all, if it is no tombstone.
pub(super) fn held<'w>(world: &'w World, host: &str) -> Option<&'w Claim> {
    let strength = |claim: &&Claim| {
        let weaker = std::cmp::Reverse((claim.claimed_at, claim.claimed_in.clone()));
        (claim.epoch, claim.phase == Phase::Released, claim.confirmed_at.is_some(), weaker)
    };
    let all = world.claims.iter().filter(|claim| *claim.host == *host);
    all.max_by_key(strength).filter(|claim| claim.phase == Phase::Bound)
}

pub(super) fn is_of(claim: &Claim, owner: &str) -> bool {
    *claim.owner == *owner || claim.also_owners.iter().any(|also| **also == *owner)
}
