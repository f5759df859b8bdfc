//! What a cluster says that it serves, and the paths that are about no object.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::call::Call;
use super::resource::Resource;
use super::status::Refusal;

/// The version that is reported.
const VERSION: &str = "v1.37.2";

/// An answer to a path of this module.
pub(crate) enum Said {
    Json(Value),
    Text(&'static str),
}

/// Answers what is about no object. `served` says what this cluster has.
pub(crate) fn answer(call: &Call, served: impl Fn(&Resource) -> bool) -> Result<Said, Refusal> {
    let resources: Vec<&Resource> = super::resource::ALL.iter().filter(|resource| served(resource)).collect();
    let segments: Vec<&str> = call.path.trim_matches('/').split('/').collect();
    let said = match segments.as_slice() {
        ["readyz" | "livez" | "healthz", ..] => return Ok(Said::Text("ok")),
        ["version"] => json!({
            "major": "1", "minor": "37", "emulationMajor": "1", "emulationMinor": "37",
            "gitVersion": VERSION, "gitTreeState": "clean", "platform": "linux/amd64",
        }),
        ["api"] => json!({
            "kind": "APIVersions", "versions": ["v1"],
            "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": "127.0.0.1"}],
        }),
        ["apis"] => {
            let groups: Vec<Value> = groups(&resources).iter().map(|(name, versions)| group(name, versions)).collect();
            json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
        }
        ["apis", name] => {
            let groups = groups(&resources);
            let versions = groups.get(name).ok_or_else(Refusal::no_such_path)?;
            let mut group = group(name, versions);
            group["kind"] = "APIGroup".into();
            group["apiVersion"] = "v1".into();
            group
        }
        ["api", _] | ["apis", _, _] => return version(call, &resources),
        _ => return Err(Refusal::no_such_path()),
    };
    Ok(Said::Json(said))
}

/// The groups but the core one, with their versions.
fn groups<'a>(resources: &[&'a Resource]) -> BTreeMap<&'a str, &'a [&'a str]> {
    resources.iter().filter(|one| !one.group.is_empty()).map(|one| (one.group, one.versions)).collect()
}

fn group(name: &str, versions: &[&str]) -> Value {
    let all: Vec<Value> = versions
        .iter()
        .map(|version| json!({"groupVersion": format!("{name}/{version}"), "version": version}))
        .collect();
    json!({"name": name, "versions": all, "preferredVersion": all[0]})
}

fn version(call: &Call, resources: &[&Resource]) -> Result<Said, Refusal> {
    let of_version: Vec<&&Resource> = resources
        .iter()
        .filter(|one| one.group == call.group && one.versions.contains(&call.version.as_str()))
        .collect();
    let first = of_version.first().ok_or_else(Refusal::no_such_path)?;
    let group_version = first.api_version(&call.version);
    let mut listed = Vec::new();
    for one in of_version {
        listed.push(json!({
            "name": one.plural, "singularName": one.kind.to_lowercase(), "namespaced": one.namespaced, "kind": one.kind,
            "verbs": ["create", "delete", "get", "list", "patch", "update", "watch"],
        }));
        if one.status {
            listed.push(json!({
                "name": format!("{}/status", one.plural), "singularName": "", "namespaced": one.namespaced,
                "kind": one.kind, "verbs": ["get", "patch", "update"],
            }));
        }
    }
    Ok(Said::Json(json!({
        "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": listed,
    })))
}
