//! What takes bytes from outside, each as a function that says what it must not do. A panic is one of these things.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use mesh_admission::wire::{self, Hook, Malformed};
use mesh_admission::{NamePolicy, PlainIndex, Use, decide};
use mesh_fleet::decode::{ClusterDecoder, Decoded, Interner, Place, json_documents, yaml_documents};
use mesh_fleet::live::{Source, SourceForm};
use mesh_model::claim::record_name;
use mesh_model::claim::{Claim, Phase};
use mesh_model::facts::NamespaceFacts;
use mesh_model::finding::Code;
use mesh_model::fleet::{ClusterView, FleetSnapshot};
use mesh_model::host::{base_host, destination_rule_name, prefix_host, service_entry_name};
use mesh_model::limits::MAX_HOST;
use mesh_model::name::{ClusterName, Env, Host, Identity, Namespace};
use mesh_model::policy::{self, MeshPolicy};
use mesh_plan::laws::Planner;
use mesh_plan::scope::Scope;
use serde_json::Value;

/// Something that takes bytes from outside.
pub(super) struct Target {
    /// Also its folder.
    pub(super) name: &'static str,
    /// Takes them; an error is what went wrong.
    pub(super) take: fn(&[u8]) -> Result<(), String>,
}

pub(super) const TARGETS: [Target; 6] = [
    Target { name: "reviews", take: review },
    Target { name: "manifests", take: manifests },
    Target { name: "claims", take: claims },
    Target { name: "policies", take: a_policy },
    Target { name: "names", take: names },
    Target { name: "kubeconfigs", take: kubeconfig },
];

fn so(is_so: bool, what: &str) -> Result<(), String> {
    if is_so { Ok(()) } else { Err(what.to_owned()) }
}

/// A review is answered with its uid, in JSON, with a patch that can be applied; or there is nobody to answer to.
fn review(body: &[u8]) -> Result<(), String> {
    let policy = NamePolicy::new(Arc::new(MeshPolicy::default()));
    let index = cluster();
    for hook in [Hook::Mutate, Hook::Validate] {
        let (answer, uid) = match wire::read(body) {
            Ok(request) => {
                let answer = wire::answer(&request.uid, &decide(hook, &request, &index, &policy));
                (answer, request.uid.0.into_owned())
            }
            Err(error) => match (error.answer(hook), error) {
                (Some(answer), Malformed::NoRequest { uid, .. }) => (answer, uid),
                (None, Malformed::NoReview(_)) => continue,
                (_, error) => return Err(format!("answered or not: {error}")),
            },
        };
        let answer: Value = serde_json::from_slice(&answer).map_err(|error| error.to_string())?;
        so(answer["response"]["uid"] == *uid, "another uid")?;
        so(hook == Hook::Validate || answer["response"]["allowed"] == true, "the mutating webhook refuses")?;
        let Some(patch) = answer["response"]["patch"].as_str() else { continue };
        let patch = BASE64_STANDARD.decode(patch).map_err(|error| error.to_string())?;
        let patch: json_patch::Patch = serde_json::from_slice(&patch).map_err(|error| error.to_string())?;
        // What is too deep for a value is nothing that API servers patch.
        let Ok(mut review) = serde_json::from_slice::<Value>(body) else { continue };
        let mut object = review["request"]["object"].take();
        so(object.is_object(), "a patch of nothing")?;
        json_patch::patch(&mut object, &patch).map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// A cluster where a name is held, and one runs.
fn cluster() -> PlainIndex {
    let mut index = PlainIndex::default();
    for namespace in ["shop", "pay"] {
        let owner = Some(format!("team-{namespace}").into());
        let facts = NamespaceFacts { injected: true, ambient: false, ignored: false, network: None, owner };
        index.namespaces.insert(Namespace::parse(namespace).unwrap(), Arc::new(facts));
    }
    index.add_claim(&Claim {
        host: "stage.checkout.global".into(),
        owner: "team-shop".into(),
        also_owners: vec![],
        identity: "checkout".into(),
        env: "stage".into(),
        epoch: 1,
        phase: Phase::Bound,
        claimed_at: "2026-01-01T00:00:00Z".parse().unwrap(),
        confirmed_at: None,
        claimed_in: "uid".into(),
    });
    let (identity, env) = (Identity::parse("payments").unwrap(), Env::parse("stage").unwrap());
    let uses = vec![Use { identity, env, namespace: Namespace::parse("pay").unwrap(), partition: None }];
    index.uses.insert("stage.payments.global".into(), uses);
    index
}

fn decoded(text: &str, policy: &MeshPolicy, is_backwards: bool) -> Decoded {
    let mut interner = Interner::default();
    let mut decoder = ClusterDecoder::new(ClusterName::parse("c1").unwrap(), policy, &mut interner);
    let (mut documents, broken) =
        if text.trim_start().starts_with('{') { json_documents(text) } else { (yaml_documents(text), None) };
    if is_backwards {
        documents.reverse();
    }
    let version = Arc::from("1");
    let place = |line| Place { file: "c1/a.yaml", line, version: Some(&version) };
    for document in documents {
        decoder.take(document.source, place(document.line));
    }
    if let Some((line, problem)) = broken {
        decoder.broken_document(place(line), &problem);
    }
    decoder.finish()
}

/// Manifests are planned for, the same every time, and what is written reads again.
fn manifests(bytes: &[u8]) -> Result<(), String> {
    let Ok(text) = std::str::from_utf8(bytes) else { return Ok(()) };
    let policy = MeshPolicy::default();
    let [once, twice] = [(); 2].map(|()| {
        let mut fleet = FleetSnapshot::default();
        let facts = decoded(text, &policy, false).facts;
        fleet.members.insert(ClusterName::parse("c1").unwrap(), ClusterView::Seen(facts.into()));
        (Planner::REAL.plan)(&fleet, &policy, &Scope::default(), jiff::Timestamp::UNIX_EPOCH)
    });
    so(format!("{once:?}") == format!("{twice:?}"), "two plans for one fleet")
}

/// Claims count in any order in which they come. Of two objects of one name the first counts, and there is a finding.
fn claims(bytes: &[u8]) -> Result<(), String> {
    let Ok(text) = std::str::from_utf8(bytes) else { return Ok(()) };
    let policy = MeshPolicy::default();
    let [one, other] = [false, true].map(|is_backwards| decoded(text, &policy, is_backwards));
    let is_doubled = one.findings.iter().any(|finding| finding.code == Code::DuplicateObject);
    so(is_doubled || one.facts.claims == other.facts.claims, "the order of claims counts")?;
    so(one.facts.claims.iter().all(|(name, claim)| *name == record_name(&claim.host)), "a claim on another host")
}

/// A policy that reads is written so that it reads again as the same.
fn a_policy(bytes: &[u8]) -> Result<(), String> {
    let Ok(text) = std::str::from_utf8(bytes) else { return Ok(()) };
    let policy = match policy::parse(text, "mesh.yaml") {
        Ok(policy) => policy,
        Err(error) => {
            let is_shown = |c: char| c == '\n' || !c.is_control();
            return so(error.to_string().chars().all(is_shown), "a message with control characters");
        }
    };
    for written in [policy::to_yaml(&policy), policy::minimal_yaml(&policy)] {
        let again = policy::parse(&written, "mesh.yaml").map_err(|error| format!("{error}\n{written}"))?;
        so(again == policy, &format!("written otherwise: {written}"))?;
    }
    Ok(())
}

/// Env, identity and prefix, a line each: a host that they give is legal, and so are the names that are made from it.
fn names(bytes: &[u8]) -> Result<(), String> {
    let Ok(text) = std::str::from_utf8(bytes) else { return Ok(()) };
    let mut lines = text.lines();
    let mut next = || lines.next().unwrap_or_default();
    let (env, identity, prefix) = (Env::parse(next()), Identity::parse(next()), next());
    let (Ok(env), Ok(identity)) = (env, identity) else { return Ok(()) };
    for keep_case in [false, true] {
        let Ok(host) = base_host(&env, &identity, "global", keep_case) else { continue };
        so(keep_case || host.as_str() == host.to_lowercase(), "upper case that nobody asked for")?;
        for host in [Some(host.clone()), prefix_host(prefix, &host).ok()].into_iter().flatten() {
            so(Host::parse(&host).as_ref() == Ok(&host) && host.len() <= MAX_HOST && host.is_ascii(), "no legal host")?;
            let names =
                [service_entry_name(&host), destination_rule_name(&host, true), destination_rule_name(&host, false)];
            so(names.iter().all(|name| name.len() <= 253 && *name == name.to_lowercase()), "no name of an object")?;
        }
    }
    Ok(())
}

/// A kubeconfig names a cluster or says why not; no cluster is asked, and no plugin is run.
fn kubeconfig(bytes: &[u8]) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let file = folder.path().join("config");
    fs::write(&file, bytes).map_err(|error| error.to_string())?;
    let source = Source { form: SourceForm::CurrentContext, kubeconfig: Some(file), providers: BTreeMap::new() };
    so(source.fingerprint() == source.fingerprint(), "two readings of one file")
}
