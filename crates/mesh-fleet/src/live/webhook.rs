//! The admission webhook of each member: how its API server is told to ask it, its Deployment, and what its replicas say of
//! themselves. Four small lists, and of a cluster without a webhook three.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use http::Uri;
use jiff::Timestamp;
use mesh_model::kind::Kind;
use mesh_model::mesh::Certificate;
use mesh_model::name::ClusterName;
use mesh_model::webhook::{
    COMPONENT_LABEL, DeploymentFacts, HookFacts, RELEASE_LABEL, ReplicaFacts, ReplicaReport, STATE_CONFIG_MAP,
    WEBHOOK_DOMAIN, WebhookFacts,
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::Value;
use tokio::time::Instant;
use webpki::EndEntityCert;

use super::LiveFleet;
use super::crowd::each;
use super::members::Place;
use super::named::selector;
use super::rest::{Rest, RestError};
use super::rule::missing_rule;
use crate::decode::certificate;
use crate::limits::MAX_REPLICAS;
use crate::probe::vouch;
use crate::run::Run;

mod trial;

pub use trial::{Closed, Trial};

/// The group of webhook configurations, and where they are.
const ADMISSION: &str = "admissionregistration.k8s.io";
const VALIDATING: &str = "validatingwebhookconfigurations";
const MUTATING: &str = "mutatingwebhookconfigurations";

/// The webhooks of members: what was found, or why the member was not reached.
pub type Webhooks = BTreeMap<ClusterName, Result<WebhookFacts, String>>;

impl LiveFleet {
    /// Reads the webhook of every member, at the time `now`.
    pub fn webhooks(&self, now: Timestamp, run: Run<'_>) -> Webhooks {
        let places: Vec<&Place> = self.places.iter().collect();
        self.in_each(&places, "looking at webhooks", run, |rest| async move { Ok(read(&rest, now).await) })
    }

    /// Does something with the API server of each of these members, at most so many at once.
    fn in_each<R: Send, F: Future<Output = Result<R, String>>>(
        &self,
        places: &[&Place],
        doing: &'static str,
        run: Run<'_>,
        work: impl Fn(Rest) -> F + Sync,
    ) -> BTreeMap<ClusterName, Result<R, String>> {
        let end = Instant::now() + self.limits.run_timeout;
        let name = |place: &&Place| place.name.to_string();
        let work = &work;
        let done = each(places, self.limits.parallel, doing, run, name, |index| async move {
            let contact = places[index].contact.as_ref().map_err(Clone::clone)?;
            work(contact.rest.until(end.min(Instant::now() + self.limits.cluster_timeout))).await
        });
        let done = self.runtime.block_on(done);
        let result = |(place, done): (&&Place, Option<Result<R, String>>)| {
            (place.name.clone(), done.unwrap_or_else(|| Err("interrupted".to_owned())))
        };
        places.iter().zip(done).map(result).collect()
    }
}

/// An entry of a configuration, and by what API servers check who answers.
struct Hook {
    facts: HookFacts,
    /// Why nobody could be checked, else the roots and the name of the server.
    check: Result<(Vec<Arc<Certificate>>, String), String>,
}

async fn read(rest: &Rest, now: Timestamp) -> WebhookFacts {
    let mut facts = WebhookFacts::default();
    let named = format!("?{}", selector(STATE_CONFIG_MAP));
    let (validating, mutating, states) = tokio::join!(
        list(rest, ADMISSION, VALIDATING, ""),
        list(rest, ADMISSION, MUTATING, ""),
        list(rest, "", Kind::ConfigMap.plural(), &named),
    );
    let mut seen = |list: Result<Vec<Value>, String>| list.map_err(|why| facts.unseen.push(why)).unwrap_or_default();
    let (validating, mutating, states) = (seen(validating), seen(mutating), seen(states));
    let configurations = validating.iter().map(|one| (true, one)).chain(mutating.iter().map(|one| (false, one)));
    let ours: Vec<(bool, &Value)> = configurations.filter(|(_, one)| hooks_of(one).any(is_ours)).collect();
    let hooks: Vec<Hook> = ours
        .iter()
        .flat_map(|(validates, one)| {
            hooks_of(one).filter(|hook| is_ours(hook)).map(|hook| entry(*validates, one, hook))
        })
        .collect();
    let is_state = |one: &&Value| one["metadata"]["labels"][COMPONENT_LABEL.0] == COMPONENT_LABEL.1;
    let states: Vec<&Value> = states.iter().filter(is_state).collect();
    let objects = ours.iter().map(|(_, one)| *one).chain(states.iter().copied());
    let release = objects.into_iter().find_map(|one| one["metadata"]["labels"][RELEASE_LABEL].as_str());
    if let Some(release) = release {
        match deployment(rest, release).await {
            Ok(found) => facts.deployment = found,
            Err(why) => facts.unseen.push(why),
        }
    }
    let said = states.iter().filter_map(|one| one["data"].as_object()).flatten().take(MAX_REPLICAS);
    facts.replicas = said.map(|(replica, text)| (replica.clone(), replica_of(text, &hooks, now))).collect();
    facts.hooks = hooks.into_iter().map(|hook| hook.facts).collect();
    facts
}

/// The objects of a list, or why they are not seen.
async fn list(rest: &Rest, group: &str, plural: &str, query: &str) -> Result<Vec<Value>, String> {
    let base = if group.is_empty() { "/api/v1".to_owned() } else { format!("/apis/{group}/v1") };
    match rest.get(&format!("{base}/{plural}{query}")).await {
        Ok(mut list) => match list["items"].take() {
            Value::Array(items) => Ok(items),
            _ => Err(format!("{plural} cannot be read: the answer is no list; is a proxy in the way?")),
        },
        Err(error) => Err(in_words(&error, group, plural, "read", "list")),
    }
}

fn in_words(error: &RestError, group: &str, plural: &str, done: &str, verb: &str) -> String {
    if error.is_forbidden() {
        format!("{plural} may not be {done}; {} ({error})", missing_rule(group, plural, &[verb]))
    } else {
        format!("{plural} cannot be {done}: {error}")
    }
}

/// The Deployment of the webhook of a release.
async fn deployment(rest: &Rest, release: &str) -> Result<Option<DeploymentFacts>, String> {
    let (component, webhook) = COMPONENT_LABEL;
    let labels = format!("{component}={webhook},{RELEASE_LABEL}={release}");
    let query = format!("?labelSelector={}", utf8_percent_encode(&labels, NON_ALPHANUMERIC));
    let found = list(rest, Kind::Deployment.group(), Kind::Deployment.plural(), &query).await?;
    let number = |value: &Value, default| value.as_u64().and_then(|n| u32::try_from(n).ok()).unwrap_or(default);
    Ok(found.first().map(|one| DeploymentFacts {
        name: format!("{}/{}", text(&one["metadata"]["namespace"]), text(&one["metadata"]["name"])).into(),
        wanted: number(&one["spec"]["replicas"], 1),
        ready: number(&one["status"]["readyReplicas"], 0),
    }))
}

fn hooks_of(configuration: &Value) -> impl Iterator<Item = &Value> {
    configuration["webhooks"].as_array().into_iter().flatten()
}

fn is_ours(hook: &Value) -> bool {
    text(&hook["name"]).ends_with(WEBHOOK_DOMAIN)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn entry(validates: bool, configuration: &Value, hook: &Value) -> Hook {
    let check = roots(hook).and_then(|roots| Ok((roots, server(hook)?)));
    let facts = HookFacts {
        validates,
        configuration: text(&configuration["metadata"]["name"]).into(),
        name: text(&hook["name"]).into(),
        fails_closed: hook["failurePolicy"] != "Ignore",
        has_authority: check.is_ok(),
        created: asked_about(hook, "CREATE"),
        changed: asked_about(hook, "UPDATE"),
    };
    Hook { facts, check }
}

/// `group/resource` of the rules for an operation.
fn asked_about(hook: &Value, operation: &str) -> Vec<Arc<str>> {
    let texts = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let rules = hook["rules"].as_array().into_iter().flatten();
    let rules = rules.filter(|rule| texts(&rule["operations"]).iter().any(|one| one == operation || one == "*"));
    let mut all: Vec<Arc<str>> = rules
        .flat_map(|rule| {
            let resources = texts(&rule["resources"]);
            let of_group = move |group: String| {
                let named = resources.iter().map(|resource| Arc::from(format!("{group}/{resource}")));
                named.collect::<Vec<Arc<str>>>()
            };
            texts(&rule["apiGroups"]).into_iter().flat_map(of_group)
        })
        .collect();
    all.sort();
    all.dedup();
    all
}

/// Whom API servers trust to vouch for who answers.
fn roots(hook: &Value) -> Result<Vec<Arc<Certificate>>, String> {
    let bundle = text(&hook["clientConfig"]["caBundle"]);
    if bundle.is_empty() {
        return Err("it has no caBundle".to_owned());
    }
    let pem = BASE64_STANDARD.decode(bundle).ok().and_then(|pem| String::from_utf8(pem).ok());
    let bundle = certificate::bundle(&pem.ok_or("its caBundle is no text in base64")?);
    match bundle.problem {
        Some(problem) if bundle.roots.is_empty() => Err(format!("its caBundle {problem}")),
        _ => Ok(bundle.roots),
    }
}

/// The name that the certificate of who answers must have.
fn server(hook: &Value) -> Result<String, String> {
    let config = &hook["clientConfig"];
    if config["service"].is_object() {
        return Ok(format!("{}.{}.svc", text(&config["service"]["name"]), text(&config["service"]["namespace"])));
    }
    let uri: Option<Uri> = text(&config["url"]).parse().ok();
    let uri = uri.filter(|uri| uri.scheme_str() == Some("https"));
    let host = uri.as_ref().and_then(Uri::host).ok_or("it has neither a Service nor a URL with a host")?;
    Ok(host.trim_start_matches('[').trim_end_matches(']').to_owned())
}

/// What a replica says of itself, and whether API servers would take its certificate.
fn replica_of(said: &Value, hooks: &[Hook], now: Timestamp) -> Result<ReplicaFacts, String> {
    let report: ReplicaReport =
        serde_json::from_str(text(said)).map_err(|error| format!("what it says does not read: {error}"))?;
    let shown = report.certificates.as_deref().map(chain).transpose()?;
    let leaf = shown.as_ref().and_then(|chain| chain.first());
    let ends = leaf.map(|leaf| certificate::read(leaf)).transpose()?.map(|leaf| leaf.not_after);
    let mut distrusted = Vec::new();
    for Hook { facts, check } in hooks {
        let Some(chain) = &shown else { break };
        let verdict = check.as_ref().map_err(Clone::clone);
        if let Err(why) = verdict.and_then(|(roots, server)| is_taken(chain, roots, server, now)) {
            distrusted.push(format!("{} of {}: {why}", facts.name, facts.configuration));
        }
    }
    Ok(ReplicaFacts { report, ends, distrusted })
}

fn chain(pem: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let blocks = pem::parse_many(pem).map_err(|error| format!("its certificates do not read: {error}"))?;
    if blocks.is_empty() {
        return Err("its certificates do not read: there is none in them".to_owned());
    }
    Ok(blocks.into_iter().map(|block| CertificateDer::from(block.into_contents())).collect())
}

fn is_taken(
    chain: &[CertificateDer<'_>],
    roots: &[Arc<Certificate>],
    server: &str,
    now: Timestamp,
) -> Result<(), String> {
    vouch(chain, roots, now)?;
    let name = ServerName::try_from(server).map_err(|_| format!("{server:?} is no name of a server"))?;
    let leaf = chain.first().ok_or("no certificate")?;
    let leaf = EndEntityCert::try_from(leaf).map_err(|error| error.to_string())?;
    leaf.verify_is_valid_for_subject_name(&name).map_err(|_| format!("its certificate is not for {server}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_server_that_is_asked_is_named_by_a_service_or_a_url() {
        let of = |config: Value| server(&json!({"clientConfig": config}));
        assert_eq!(of(json!({"service": {"name": "mesh", "namespace": "sys"}})).as_deref(), Ok("mesh.sys.svc"));
        assert_eq!(of(json!({"url": "https://127.0.0.1:10250/validate"})).as_deref(), Ok("127.0.0.1"));
        assert_eq!(of(json!({"url": "https://[::1]:10250/validate"})).as_deref(), Ok("::1"));
        for bad in [json!({}), json!({"url": "nonsense"}), json!({"url": 7}), json!(null)] {
            assert!(of(bad.clone()).is_err(), "{bad}");
        }
    }

    #[test]
    fn rules_are_sorted_out_by_what_is_done() {
        let hook = json!({"rules": [
            {"operations": ["CREATE", "UPDATE"], "apiGroups": ["apps"], "resources": ["deployments", "daemonsets"]},
            {"operations": ["UPDATE"], "apiGroups": ["apps"], "resources": ["deployments/status"]},
            {"operations": ["*"], "apiGroups": ["batch", "apps"], "resources": ["jobs"]},
            {"operations": "nonsense", "apiGroups": ["x"], "resources": ["y"]},
        ]});
        let created = asked_about(&hook, "CREATE");
        let created: Vec<&str> = created.iter().map(|rule| &**rule).collect();
        assert_eq!(created, ["apps/daemonsets", "apps/deployments", "apps/jobs", "batch/jobs"]);
        assert!(asked_about(&hook, "UPDATE").contains(&"apps/deployments/status".into()));
    }

    #[test]
    fn whom_to_trust_is_told_or_it_is_said_why_not() {
        let of = |bundle: &str| roots(&json!({"clientConfig": {"caBundle": bundle}})).map(|roots| roots.len());
        assert_eq!(of(""), Err("it has no caBundle".to_owned()));
        assert!(of("?").unwrap_err().contains("no text in base64"));
        let no_certificate = of(&BASE64_STANDARD.encode("nobody"));
        assert!(no_certificate.unwrap_err().contains("has no certificate"));
    }

    #[test]
    fn what_a_replica_says_must_read() {
        let now = Timestamp::UNIX_EPOCH;
        for bad in [json!("{"), json!({}), json!("{\"version\":\"1\"}")] {
            assert!(replica_of(&bad, &[], now).unwrap_err().contains("does not read"), "{bad}");
        }
        let said = json!({"version": "1", "at": now, "certificates": "-----BEGIN CERTIFICATE-----"}).to_string();
        assert!(replica_of(&said.into(), &[], now).unwrap_err().contains("certificates do not read"));
        let said = json!({"version": "1", "at": now}).to_string();
        let read = replica_of(&said.into(), &[], now).unwrap();
        assert_eq!((read.ends, read.distrusted.len()), (None, 0));
    }
}
