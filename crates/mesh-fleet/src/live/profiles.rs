//! `profiles:CONTEXT[/NAMESPACE]`: `ClusterProfile`s of SIG Multicluster (KEP-4322). They say where a cluster is and who
//! gives access to it; which program gets the credentials is for the user to configure, by the name of the provider.

use std::collections::BTreeMap;
use std::fmt;

use kube::config::{AuthInfo, Cluster, ExecConfig, ExecInteractiveMode, NamedExtension};
use mesh_model::name::Namespace;
use serde::Deserialize;
use serde_json::Value;

use super::credentials;
use super::found::{self, Kind};
use super::rest::Rest;
use super::target::Target;

/// A credential plugin for the access providers of one name: `providers` in fleet.yaml.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Provider {
    /// A program in `PATH`, or a path.
    pub command: String,
    /// Its arguments.
    #[serde(default)]
    pub args: Vec<String>,
    /// What is added to its environment.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// The version of `ExecCredential` that it speaks; v1 when it is not given.
    #[serde(default = "newest")]
    pub api_version: String,
    /// Whether it is told which cluster it is about. Without it, it runs once for all.
    #[serde(default)]
    pub provide_cluster_info: bool,
}

fn newest() -> String {
    "client.authentication.k8s.io/v1".to_owned()
}

/// Arguments and environment may hold secrets.
impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider").field("command", &self.command).finish_non_exhaustive()
    }
}

const PROFILES: Kind = Kind { group: "multicluster.x-k8s.io", plural: "clusterprofiles", list: "ClusterProfileList" };
/// The extension of a cluster that is meant for credential plugins.
const PLUGIN_EXTENSION: &str = "client.authentication.k8s.io/exec";

#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    namespace: String,
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Profile {
    metadata: Metadata,
    #[serde(default)]
    status: Status,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    #[serde(default)]
    access_providers: Vec<AccessProvider>,
    /// What `accessProviders` was called at first.
    #[serde(default)]
    credential_providers: Vec<AccessProvider>,
}

#[derive(Deserialize)]
struct AccessProvider {
    name: String,
    #[serde(default)]
    cluster: Cluster,
}

/// The clusters of the ClusterProfiles in `namespace`, or in all.
pub(crate) async fn find(
    rest: &Rest,
    namespace: Option<&Namespace>,
    providers: &BTreeMap<String, Provider>,
) -> Result<Vec<Target>, String> {
    let within = namespace.map(|namespace| format!("/namespaces/{namespace}")).unwrap_or_default();
    let path = format!("/apis/{}/v1alpha1{within}/{}?", PROFILES.group, PROFILES.plural);
    let found: Vec<Value> = found::list(rest, PROFILES, &path).await?;
    Ok(targets(&found, providers))
}

/// A cluster a profile, named as it is; with its namespace where two have one name.
fn targets(found: &[Value], providers: &BTreeMap<String, Provider>) -> Vec<Target> {
    let named: Vec<(Metadata, &Value)> =
        found.iter().filter_map(|value| Some((Metadata::deserialize(value.get("metadata")?).ok()?, value))).collect();
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    for (metadata, _) in &named {
        *times.entry(&metadata.name).or_default() += 1;
    }
    let target = |(metadata, value): &(Metadata, &Value)| {
        let whole = format!("{}/{}", metadata.namespace, metadata.name);
        let name = if times[metadata.name.as_str()] > 1 { &whole } else { &metadata.name };
        match Profile::deserialize(*value) {
            Ok(profile) => target(name, &profile, providers),
            Err(_) => Target::unusable(name, format!("ClusterProfile {whole} does not read as one")),
        }
    };
    named.iter().map(target).collect()
}

fn target(name: &str, profile: &Profile, providers: &BTreeMap<String, Provider>) -> Target {
    let whole = format!("{}/{}", profile.metadata.namespace, profile.metadata.name);
    let offered = || profile.status.access_providers.iter().chain(&profile.status.credential_providers);
    let Some((access, provider)) = offered().find_map(|access| Some((access, providers.get(&access.name)?))) else {
        let names: Vec<&str> = offered().map(|access| access.name.as_str()).filter(|name| is_plain(name)).collect();
        let why = match names.first() {
            None => format!("ClusterProfile {whole} names no access provider"),
            Some(first) => format!(
                "no access provider of ClusterProfile {whole} is configured ({}); \
                 write `providers: {{{first}: {{command: PLUGIN}}}}` into your fleet.yaml",
                names.join(", ")
            ),
        };
        return Target::unusable(name, why);
    };
    match credentials::harmless_cluster(&access.cluster) {
        Ok(mut cluster) => {
            // What the object says of the cluster is data for a program that the user chose, if the user wants so.
            if provider.provide_cluster_info {
                cluster.extensions = extension(&access.cluster).map(|extension| vec![extension]);
            }
            let user = AuthInfo { exec: Some(exec(provider)), ..AuthInfo::default() };
            Target::of_kubeconfig(name, credentials::kubeconfig(name, cluster, user), name)
        }
        Err(refusal) => Target::unusable(
            name,
            format!("access provider {} of ClusterProfile {whole} is refused: {refusal}", access.name),
        ),
    }
}

fn exec(provider: &Provider) -> ExecConfig {
    let pair = |(name, value): (&String, &String)| {
        [("name".to_owned(), name.clone()), ("value".to_owned(), value.clone())].into_iter().collect()
    };
    ExecConfig {
        api_version: Some(provider.api_version.clone()),
        command: Some(provider.command.clone()),
        args: Some(provider.args.clone()),
        env: Some(provider.env.iter().map(pair).collect()),
        interactive_mode: Some(ExecInteractiveMode::Never),
        provide_cluster_info: provider.provide_cluster_info,
        ..ExecConfig::default()
    }
}

fn extension(cluster: &Cluster) -> Option<NamedExtension> {
    cluster.extensions.iter().flatten().find(|extension| extension.name == PLUGIN_EXTENSION).cloned()
}

/// Whether a provider's name can stand in a message and in YAML as it is.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.len() <= 63 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use serde_json::json;

    use super::*;
    use crate::live::hub_of_tests;

    fn providers() -> BTreeMap<String, Provider> {
        let text = r#"{"google": {"command": "gke-auth", "args": ["--x"], "env": {"A": "s3cret"}},
                       "told": {"command": "told", "provideClusterInfo": true}}"#;
        serde_json::from_str(text).unwrap()
    }

    fn cluster() -> Value {
        let authority = STANDARD.encode(pem::encode(&pem::Pem::new("CERTIFICATE", "no certificate")));
        json!({"server": "https://a", "certificate-authority-data": authority,
            "extensions": [{"name": PLUGIN_EXTENSION, "extension": {"clusterName": "a"}},
                           {"name": "multicluster.x-k8s.io/clusterprofiles/auth/exec/additional-args", "extension": ["--evil"]}]})
    }

    fn profile(namespace: &str, name: &str, status: &Value) -> Value {
        json!({"metadata": {"namespace": namespace, "name": name}, "spec": {}, "status": status})
    }

    fn access(name: &str) -> Value {
        json!({"accessProviders": [{"name": name, "cluster": cluster()}]})
    }

    #[test]
    fn the_program_comes_from_the_user_and_never_from_the_object() {
        let mut evil = access("google");
        evil["accessProviders"][0]["cluster"]["exec"] = json!({"command": "evil"});
        evil["accessProviders"][0]["exec"] = json!({"command": "evil"});
        let seen = targets(&[profile("n", "a", &evil), profile("n", "b", &access("told"))], &providers());
        for (target, command, extensions) in [(&seen[0], "gke-auth", 0), (&seen[1], "told", 1)] {
            let kubeconfig = target.access.as_ref().ok().unwrap().kubeconfig();
            let exec = kubeconfig.auth_infos[0].auth_info.as_ref().unwrap().exec.as_ref().unwrap();
            assert_eq!(exec.command.as_deref(), Some(command));
            assert!(!format!("{kubeconfig:?}").contains("evil"));
            let cluster = kubeconfig.clusters[0].cluster.as_ref().unwrap();
            assert_eq!(cluster.extensions.iter().flatten().count(), extensions);
        }
        assert!(!format!("{:?}", providers()).contains("s3cret"));
    }

    #[test]
    fn a_profile_that_cannot_be_used_says_what_to_do() {
        let unverified = json!({"accessProviders": [{"name": "google", "cluster": {"server": "https://a", "insecure-skip-tls-verify": true}}]});
        let older = json!({"credentialProviders": access("google")["accessProviders"].clone()});
        let found = [
            profile("n", "older", &older),
            profile("n", "none", &json!({})),
            json!({"metadata": {"namespace": "n", "name": "without-status"}}),
            profile("n", "unknown", &json!({"accessProviders": [{"name": "azure"}, {"name": "a\nb"}]})),
            profile("n", "unverified", &unverified),
            profile("n", "strange", &json!({"accessProviders": "x"})),
            profile("n", "twice", &access("google")),
            profile("m", "twice", &access("google")),
        ];
        let seen: BTreeMap<String, String> = targets(&found, &providers())
            .into_iter()
            .map(|target| (target.name, target.access.err().unwrap_or_else(|| "usable".to_owned())))
            .collect();
        assert_eq!(seen["older"], "usable");
        assert_eq!(seen["none"], "ClusterProfile n/none names no access provider");
        assert_eq!(seen["without-status"], "ClusterProfile n/without-status names no access provider");
        assert_eq!(
            seen["unknown"],
            "no access provider of ClusterProfile n/unknown is configured (azure); write `providers: {azure: {command: PLUGIN}}` into your fleet.yaml"
        );
        assert!(seen["unverified"].ends_with("is refused: it does not verify the server (insecure-skip-tls-verify)"));
        assert_eq!(seen["strange"], "ClusterProfile n/strange does not read as one");
        assert_eq!((seen["n/twice"].as_str(), seen["m/twice"].as_str()), ("usable", "usable"));
        assert!(!seen.contains_key("twice"));
    }

    #[tokio::test]
    async fn profiles_are_listed_in_all_namespaces_or_in_one() {
        let list = |name: &str| {
            json!({"kind": "ClusterProfileList", "items": [profile("n", name, &access("google"))]}).to_string()
        };
        let base = "/apis/multicluster.x-k8s.io/v1alpha1";
        let rest = hub_of_tests::rest(vec![
            (format!("{base}/clusterprofiles?&limit=500"), 200, list("a")),
            (format!("{base}/namespaces/n/clusterprofiles?&limit=500"), 200, list("b")),
        ])
        .await;
        let names = async |namespace: Option<&Namespace>| {
            let found = find(&rest, namespace, &providers()).await.ok().unwrap();
            found.into_iter().map(|target| target.name).collect::<Vec<_>>()
        };
        assert_eq!(names(None).await, ["a"]);
        assert_eq!(names(Some(&Namespace::parse("n").unwrap())).await, ["b"]);
        let missing = Namespace::parse("m").unwrap();
        let why = find(&rest, Some(&missing), &providers()).await.err().unwrap();
        assert!(why.starts_with("clusterprofiles cannot be listed"), "{why}");
    }
}
