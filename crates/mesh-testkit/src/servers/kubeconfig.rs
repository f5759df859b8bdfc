//! Kubeconfig files.

use k8s_openapi::ByteString;
use serde_json::{Value, json};

/// One context.
pub(super) struct Entry<'a> {
    /// The name of the context, its cluster and its user.
    pub(super) name: &'a str,
    /// `https://…`
    pub(super) url: &'a str,
    /// The certificate authority.
    pub(super) ca_pem: &'a str,
    /// The user's bearer token.
    pub(super) token: &'a str,
}

/// A file with these contexts, the first of them the current one.
pub(super) fn text(entries: &[Entry<'_>]) -> String {
    let list = |body: &dyn Fn(&Entry<'_>) -> Value| -> Vec<Value> { entries.iter().map(body).collect() };
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": list(&|entry| json!({
            "name": entry.name,
            // A ByteString is written in base64.
            "cluster": {"server": entry.url, "certificate-authority-data": ByteString(entry.ca_pem.into())},
        })),
        "users": list(&|entry| json!({"name": entry.name, "user": {"token": entry.token}})),
        "contexts": list(&|entry| json!({
            "name": entry.name,
            "context": {"cluster": entry.name, "user": entry.name},
        })),
        "current-context": entries.first().map(|entry| entry.name),
    });
    serde_saphyr::to_string(&config).expect("JSON is YAML")
}
