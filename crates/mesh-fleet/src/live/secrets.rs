//! `secrets:CONTEXT[/NAMESPACE]`: remote secrets of Istio and of Admiral, which hold a kubeconfig a key; the key is the
//! cluster's name.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mesh_model::name::Namespace;
use serde::Deserialize;

use super::credentials;
use super::found::{self, Kind};
use super::rest::Rest;
use super::target::Target;

/// Who labels such Secrets how, and where they keep them.
const OWNERS: [(&str, &str); 2] = [("istio/multiCluster=true", "istio-system"), ("admiral/sync=true", "admiral")];

const SECRETS: Kind = Kind { group: "", plural: "secrets", list: "SecretList" };

/// What counts of a Secret. It has no `Debug`.
#[derive(Deserialize)]
struct Secret {
    metadata: Metadata,
    #[serde(default)]
    data: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    namespace: String,
    name: String,
}

/// The clusters of the Secrets in `namespace`, or where their owners keep them.
pub(crate) async fn find(rest: &Rest, namespace: Option<&Namespace>) -> Result<Vec<Target>, String> {
    let mut secrets = Vec::new();
    let hint = if namespace.is_none() { "; secrets:CONTEXT/NAMESPACE looks in one namespace only" } else { "" };
    for (label, usual) in OWNERS {
        let namespace = namespace.map_or(usual, Namespace::as_str);
        let label = label.replace('/', "%2F").replace('=', "%3D");
        let path = format!("/api/v1/namespaces/{namespace}/secrets?labelSelector={label}");
        let found = found::list::<Secret>(rest, SECRETS, &path).await;
        secrets.extend(found.map_err(|why| format!("in namespace {namespace}, {why}{hint}"))?);
    }
    Ok(targets(&secrets))
}

/// A cluster a key. A name that two Secrets give different kubeconfigs is nobody's.
fn targets(secrets: &[Secret]) -> Vec<Target> {
    let mut claims: BTreeMap<&str, Vec<(String, &str)>> = BTreeMap::new();
    for secret in secrets {
        let named = format!("{}/{}", secret.metadata.namespace, secret.metadata.name);
        for (key, data) in secret.data.iter().flatten() {
            let claims = claims.entry(key).or_default();
            // One Secret with both labels is listed twice.
            if !claims.iter().any(|(known, _)| *known == named) {
                claims.push((named.clone(), data));
            }
        }
    }
    claims.into_iter().map(|(name, claims)| target(name, &claims)).collect()
}

fn target(name: &str, claims: &[(String, &str)]) -> Target {
    let (secret, data) = &claims[0];
    if claims.iter().any(|(_, other)| other != data) {
        let names: Vec<&str> = claims.iter().map(|(secret, _)| secret.as_str()).collect();
        let why =
            format!("Secrets {} claim its name with different kubeconfigs; remove all but one", names.join(" and "));
        return Target::unusable(name, why);
    }
    let refused = |why: &str| Target::unusable(name, format!("the kubeconfig in Secret {secret} is refused: {why}"));
    match STANDARD.decode(data).map(|bytes| credentials::harmless(&bytes)) {
        Ok(Ok((kubeconfig, context))) => Target::of_kubeconfig(name, kubeconfig, &context),
        Ok(Err(refusal)) => refused(&refusal.to_string()),
        Err(_) => refused("it is not base64"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::hub_of_tests::{self, Answer};

    const CANARY: &str = "c4n4ry";

    fn kubeconfig(token: &str) -> String {
        let authority = STANDARD.encode(pem::encode(&pem::Pem::new("CERTIFICATE", "no certificate")));
        STANDARD.encode(format!(
            "contexts: [{{name: x, context: {{cluster: c, user: u}}}}]\nusers: [{{name: u, user: {{token: {token}}}}}]\n\
             clusters: [{{name: c, cluster: {{server: \"https://a\", certificate-authority-data: {authority}}}}}]\n"
        ))
    }

    fn secret(name: &str, data: &[(&str, &str)]) -> Secret {
        let data = data.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Secret { metadata: Metadata { namespace: "istio-system".into(), name: name.into() }, data: Some(data) }
    }

    fn reasons(targets: Vec<Target>) -> Vec<(String, String)> {
        let shown = |target: Target| (target.name, target.access.err().unwrap_or_else(|| "usable".to_owned()));
        targets.into_iter().map(shown).collect()
    }

    #[test]
    fn a_key_is_a_cluster_and_a_name_that_two_secrets_fill_differently_is_nobodys() {
        let (one, other) = (kubeconfig(CANARY), kubeconfig("c4n4ry2"));
        let secrets = [
            secret("s1", &[("a", &one), ("b", &one), ("broken", &STANDARD.encode(CANARY)), ("garbage", CANARY)]),
            secret("s2", &[("b", &other), ("same", &one)]),
            secret("s3", &[("same", &one)]),
            secret("s2", &[("b", &other), ("same", &one)]),
        ];
        let seen = reasons(targets(&secrets));
        let named = |name: &str| seen.iter().find(|(seen, _)| seen == name).unwrap().1.as_str();
        assert_eq!((named("a"), named("same")), ("usable", "usable"));
        assert!(named("b").starts_with("Secrets istio-system/s1 and istio-system/s2 claim its name"));
        assert_eq!(
            named("broken"),
            "the kubeconfig in Secret istio-system/s1 is refused: it does not read as a kubeconfig"
        );
        assert!(named("garbage").ends_with("is refused: it is not base64"));
        assert!(seen.iter().all(|(_, why)| !why.contains(CANARY)));
    }

    #[tokio::test]
    async fn secrets_are_read_page_by_page_where_their_owners_keep_them() {
        let page = |name: &str, key: &str, next: &str| {
            let item =
                serde_json::json!({"metadata": {"namespace": "n", "name": name}, "data": {key: kubeconfig(CANARY)}});
            serde_json::json!({"kind": "SecretList", "metadata": {"continue": next}, "items": [item]}).to_string()
        };
        let istio = "/api/v1/namespaces/istio-system/secrets?labelSelector=istio%2FmultiCluster%3Dtrue&limit=500";
        let admiral = "/api/v1/namespaces/admiral/secrets?labelSelector=admiral%2Fsync%3Dtrue&limit=500";
        let answers: Vec<Answer> = vec![
            (istio.to_owned(), 200, page("s1", "a", "n/1")),
            (format!("{istio}&continue=n%2F1"), 200, page("s2", "b", "")),
            (admiral.to_owned(), 200, page("s3", "c", "")),
        ];
        let rest = hub_of_tests::rest(answers.clone()).await;
        let names: Vec<String> = find(&rest, None).await.ok().unwrap().into_iter().map(|target| target.name).collect();
        assert_eq!(names, ["a", "b", "c"]);

        let forbidden = r#"{"kind":"Status","code":403,"reason":"Forbidden","message":"no"}"#.to_owned();
        let rest =
            hub_of_tests::rest(vec![answers[0].clone(), answers[1].clone(), (admiral.to_owned(), 403, forbidden)])
                .await;
        let why = find(&rest, None).await.err().unwrap();
        assert!(why.starts_with("in namespace admiral, secrets may not be listed; the missing rule is"), "{why}");

        for strange in
            [format!("{{\"{CANARY}\": 1}}"), format!("{{\"kind\": \"SecretList\", \"items\": [\"{CANARY}\"]}}")]
        {
            let rest = hub_of_tests::rest(vec![(istio.to_owned(), 200, strange)]).await;
            let why = find(&rest, None).await.err().unwrap();
            assert!(
                why.contains("the answer is no SecretList; secrets:CONTEXT/NAMESPACE") && !why.contains(CANARY),
                "{why}"
            );
        }
    }
}
