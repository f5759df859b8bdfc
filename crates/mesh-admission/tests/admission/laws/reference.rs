//! The rules of product.md §7 once more, over plain values and as naively as they are written: what is expected of every review.
//! Nothing of mesh-admission is called.

use mesh_admission::wire::Hook;
use mesh_admission::{Mode, OnStale};
use mesh_model::claim::{Claim, Phase};
use mesh_model::facts::NamespaceFacts;
use mesh_model::host::identity_label;
use mesh_model::name::is_invisible;
use serde_json::{Value, json};

use super::scene::{EXCLUDED, PARTITION, Scene, Served, World};
use crate::fixture::{GLOBAL_NAME, IDENTITY};

const MARKS: [(&str, &str); 2] = [("annotations", GLOBAL_NAME), ("labels", IDENTITY)];

/// What is to be answered.
#[derive(Debug, PartialEq)]
pub(super) struct Said {
    /// The code of the refusal.
    pub(super) refusal: Option<u16>,
    /// The codes of warnings, as many as an answer has.
    pub(super) warnings: Vec<u16>,
    /// The object as it goes on.
    pub(super) object: Value,
}

/// What is to be answered to a review.
pub(super) fn expected(scene: &Scene) -> Said {
    let (request, world) = (&scene.review.request, &scene.world);
    let (new, old) = (&request["object"], &request["oldObject"]);
    let namespace = request["namespace"].as_str().unwrap();
    let kind = new["kind"].as_str().unwrap();
    let is_status = request["subResource"] == "status";
    let mut said = Said { refusal: None, warnings: vec![], object: new.clone() };
    match (scene.review.hook, kind) {
        (Hook::Mutate, "GlobalTrafficPolicy" | "ServiceEntry" | "VirtualService") => {}
        (Hook::Mutate, _) if is_status => {}
        (Hook::Mutate, _) => mark(&mut said.object, old, namespace, kind),
        (_, "GlobalTrafficPolicy") => said.refusal = traffic(new, old, world),
        (_, "ServiceEntry" | "VirtualService") => said.refusal = hosts(new, old, namespace, world),
        _ if is_status => {
            let is_changed = MARKS.iter().any(|(map, key)| new["metadata"][*map][*key] != old["metadata"][*map][*key]);
            said.refusal = is_changed.then_some(106);
        }
        _ => match workload(new, old, namespace, kind, world) {
            Err(code) => said.refusal = Some(code),
            Ok(warnings) => said.warnings = warnings.into_iter().take(2).collect(),
        },
    }
    said
}

/// The name that a workload asks for.
struct Name<'v> {
    identity: &'v str,
    env: &'v str,
    partition: Option<&'v str>,
    /// As marks say it.
    host: String,
}

fn name<'v>(object: &'v Value, namespace: &'v str, kind: &str) -> Result<Option<Name<'v>>, ()> {
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

fn is_shown(text: &str) -> bool {
    text.len() <= 253 && !text.chars().any(|c| c.is_control() || c.is_whitespace() || is_invisible(c))
}

fn is_legal(host: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !(label.starts_with('-') || label.ends_with('-'))
    };
    host.len() <= 242 && host.split('.').all(label)
}

fn template<'v>(object: &'v Value, kind: &str) -> &'v Value {
    if kind == "CronJob" { &object["spec"]["jobTemplate"]["spec"]["template"] } else { &object["spec"]["template"] }
}

fn wanted(name: Option<&Name<'_>>) -> [Option<String>; 2] {
    [name.map(|name| name.host.clone()), name.map(|name| identity_label(name.identity))]
}

/// Marks that are missing are written, those that the old object had follow the name, and others stay.
fn mark(new: &mut Value, old: &Value, namespace: &str, kind: &str) {
    let before = new.clone();
    let wanted = wanted(name(&before, namespace, kind).unwrap_or_default().as_ref());
    let at = if kind == "CronJob" { "/spec/jobTemplate/spec/template" } else { "/spec/template" };
    let is_template_changed = template(&before, kind) != template(old, kind);
    for (place, counts) in [("", true), (at, is_template_changed)] {
        for ((map, key), wanted) in MARKS.into_iter().zip(&wanted).filter(|_| counts) {
            let there = |object: &Value| object.pointer(place).map(|part| part["metadata"][map][key].clone());
            let (now, then) = (there(&before).unwrap_or_default(), there(old).unwrap_or_default());
            let metadata = &mut new.pointer_mut(place).unwrap()["metadata"];
            match wanted {
                Some(wanted) if now.is_null() || now == then => metadata[map][key] = json!(wanted),
                None if !now.is_null() && now == then => drop(metadata[map].as_object_mut().unwrap().remove(key)),
                _ => {}
            }
        }
    }
}

/// The warnings with which a workload goes on, or the first code that stands against it.
fn workload(new: &Value, old: &Value, namespace: &str, kind: &str, world: &World) -> Result<Vec<u16>, u16> {
    let asked = name(new, namespace, kind);
    let wanted = wanted(asked.as_ref().ok().and_then(Option::as_ref));
    for part in [|object: &Value, _: &str| object.clone(), |object: &Value, kind: &str| template(object, kind).clone()]
    {
        for ((map, key), wanted) in MARKS.into_iter().zip(&wanted) {
            let [now, then] = [new, old].map(|object| part(object, kind)["metadata"][map][key].clone());
            // Brought by the request, and wrong.
            refuse(!now.is_null() && now.as_str() != wanted.as_deref() && now != then, 106)?;
        }
    }
    let is_deployed =
        old.is_null() || template(new, kind) != template(old, kind) || is_ignored(new, kind) != is_ignored(old, kind);
    if !is_deployed {
        return Ok(vec![]);
    }
    let Some(name) = asked.map_err(|()| 105_u16)? else { return Ok(vec![]) };
    if matches!(kind, "Job" | "CronJob") || name.identity == EXCLUDED {
        return Ok(vec![]);
    }
    let here = facts(world, namespace).ok_or(109_u16)?;
    if !serves(new, kind, here) {
        return Ok(vec![]);
    }
    refuse(["preview", "canary"].contains(&&*name.env.split('.').next().unwrap().to_lowercase()), 112)?;
    let owner = here.owner.as_deref().ok_or(104_u16)?;
    let host = name.host.to_lowercase();
    let claim = held(world, &host);
    refuse(claim.is_some_and(|claim| !is_of(claim, owner)), 101)?;
    let mut serving: Vec<&Served> = world.serving.iter().filter(|one| host_of(one) == host).collect();
    // What it served itself until now stands against nothing.
    let before = name_of_served(old, namespace, kind, here);
    if let Some(own) = before.and_then(|before| serving.iter().position(|one| is_use(one, &before, namespace))) {
        serving.remove(own);
    }
    let is_own = |identity: &str, env: &str| (identity, env) == (name.identity, name.env);
    refuse(claim.is_some_and(|claim| !is_own(&claim.identity, &claim.env)), 112)?;
    refuse(serving.iter().any(|one| !is_own(one.identity, one.env) || one.partition != name.partition), 112)?;
    refuse(world.prefixes.iter().any(|(prefix, base)| *prefix == host && *base != host), 111)?;
    let owner_of = |namespace: &str| facts(world, namespace).and_then(|facts| facts.owner.as_deref());
    let is_elsewhere = |is_own: bool| {
        let mut elsewhere = serving.iter().filter(|one| one.namespace != namespace);
        elsewhere.any(|one| (owner_of(one.namespace) == Some(owner)) == is_own)
    };
    let is_stale = world.age.as_secs() > 300;
    if claim.is_none() {
        refuse(is_elsewhere(false), 101)?;
        refuse(is_stale && world.on_stale == OnStale::Refuse, 108)?;
        refuse(world.mode == Mode::Strict, 102)?;
    }
    let is_unmarked = MARKS.iter().any(|(map, key)| new["metadata"][*map][*key].is_null());
    let account = template(new, kind)["spec"]["serviceAccountName"].as_str().filter(|name| !name.is_empty());
    let who = format!("/ns/{namespace}/sa/{}", account.unwrap_or("default"));
    let ends = world.accepted.iter().find(|(accepted, _)| world.has_sans && *accepted == host).map(|(_, ends)| *ends);
    let is_unaccepted = ends.is_some_and(|ends| !ends.is_empty() && !ends.contains(&&*who));
    let warnings =
        [(claim.is_none(), 201), (is_stale, 202), (is_elsewhere(true), 206), (is_unaccepted, 205), (is_unmarked, 203)];
    Ok(warnings.into_iter().filter(|(is_so, _)| *is_so).map(|(_, code)| code).collect())
}

fn facts<'w>(world: &'w World, namespace: &str) -> Option<&'w NamespaceFacts> {
    world.namespaces.iter().find(|(name, _)| *name == namespace).map(|(_, facts)| facts)
}

fn serves(object: &Value, kind: &str, here: &NamespaceFacts) -> bool {
    let metadata = &template(object, kind)["metadata"];
    let injects = ["labels", "annotations"].map(|map| metadata[map]["sidecar.istio.io/inject"].as_str());
    let injects = injects.into_iter().flatten().find(|text| !text.is_empty()).map(|text| text == "true");
    let is_ambient = here.ambient || metadata["labels"]["istio.io/dataplane-mode"] == "ambient";
    !is_ignored(object, kind) && !here.ignored && injects.unwrap_or(here.injected && !is_ambient)
}

fn is_ignored(object: &Value, kind: &str) -> bool {
    template(object, kind)["metadata"]["labels"]["admiral-ignore"] == "true"
        || object["metadata"]["annotations"]["admiral.io/ignore"] == "true"
}

/// What a workload, as it was, serves.
fn name_of_served<'v>(old: &'v Value, namespace: &'v str, kind: &str, here: &NamespaceFacts) -> Option<Name<'v>> {
    if old.is_null() || !serves(old, kind, here) { None } else { name(old, namespace, kind).ok()? }
}

fn is_use(served: &Served, name: &Name<'_>, namespace: &str) -> bool {
    (served.identity, served.env, served.partition) == (name.identity, name.env, name.partition)
        && served.namespace == namespace
}

fn host_of(served: &Served) -> String {
    format!("{}.{}.global", served.env, served.identity).to_lowercase()
}

fn refuse(is_so: bool, code: u16) -> Result<(), u16> {
    if is_so { Err(code) } else { Ok(()) }
}

/// The claim by which a host is held: the strongest of all, if it is no tombstone.
fn held<'w>(world: &'w World, host: &str) -> Option<&'w Claim> {
    let strength = |claim: &&Claim| {
        let weaker = std::cmp::Reverse((claim.claimed_at, claim.claimed_in.clone()));
        (claim.epoch, claim.phase == Phase::Released, claim.confirmed_at.is_some(), weaker)
    };
    let all = world.claims.iter().filter(|claim| *claim.host == *host);
    all.max_by_key(strength).filter(|claim| claim.phase == Phase::Bound)
}

fn is_of(claim: &Claim, owner: &str) -> bool {
    *claim.owner == *owner || claim.also_owners.iter().any(|also| **also == *owner)
}

/// What stands against a traffic policy: no prefix host of it is legal, a name, or a prefix host of another name.
fn traffic(new: &Value, old: &Value, world: &World) -> Option<u16> {
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
fn hosts(new: &Value, old: &Value, namespace: &str, world: &World) -> Option<u16> {
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
