//! Whether a workload may have its name.

use mesh_admission::{Mode, OnStale};
use mesh_model::facts::NamespaceFacts;
use serde_json::Value;

use super::super::scene::{EXCLUDED, Served, World};
use super::MARKS;
use super::naming::{Name, facts, held, host_of, is_ignored, is_of, name, template, wanted};

/// The warnings with which a workload goes on, or the first code that stands against it.
pub(super) fn workload(new: &Value, old: &Value, namespace: &str, kind: &str, world: &World) -> Result<Vec<u16>, u16> {
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

fn serves(object: &Value, kind: &str, here: &NamespaceFacts) -> bool {
    let metadata = &template(object, kind)["metadata"];
    let injects = ["labels", "annotations"].map(|map| metadata[map]["sidecar.istio.io/inject"].as_str());
    let injects = injects.into_iter().flatten().find(|text| !text.is_empty()).map(|text| text == "true");
    let is_ambient = here.ambient || metadata["labels"]["istio.io/dataplane-mode"] == "ambient";
    !is_ignored(object, kind) && !here.ignored && injects.unwrap_or(here.injected && !is_ambient)
}

/// What a workload, as it was, serves.
fn name_of_served<'v>(old: &'v Value, namespace: &'v str, kind: &str, here: &NamespaceFacts) -> Option<Name<'v>> {
    if old.is_null() || !serves(old, kind, here) { None } else { name(old, namespace, kind).ok()? }
}

fn is_use(served: &Served, name: &Name<'_>, namespace: &str) -> bool {
    (served.identity, served.env, served.partition) == (name.identity, name.env, name.partition)
        && served.namespace == namespace
}

fn refuse(is_so: bool, code: u16) -> Result<(), u16> {
    if is_so { Err(code) } else { Ok(()) }
}
