//! What istiod's admission webhook says of an object. Nothing in a cluster refers to the webhook: it is asked directly, so
//! that an object gets in whatever it says.

use http::Method;
use serde_json::{Value, json};

use crate::servers::client::{Client, json};

/// What it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing.
    Accepts,
    /// It lets the object in, with these warnings.
    Warns(Vec<String>),
    /// It keeps the object out, for this reason.
    Refuses(String),
}

/// Asks.
pub(super) fn ask(port: u16, object: &Value) -> Verdict {
    let (group, version) = object["apiVersion"].as_str().and_then(|it| it.split_once('/')).expect("a kind of Istio");
    let review = json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "1",
            "operation": "CREATE",
            "namespace": object["metadata"]["namespace"],
            "name": object["metadata"]["name"],
            "kind": {"group": group, "version": version, "kind": object["kind"]},
            "resource": {"group": group, "version": version, "resource": "any"},
            "object": object,
        },
    });
    let client = Client::of_anybody(&format!("https://127.0.0.1:{port}"));
    let answer = client.send(&Method::POST, "/validate", "", Some(("application/json", review.to_string())));
    let (status, text) = answer.unwrap_or_else(|error| panic!("istiod's webhook: {error}"));
    assert_eq!(status, 200, "istiod's webhook: {text}");
    verdict(&json(text)["response"])
}

fn verdict(response: &Value) -> Verdict {
    if response["allowed"] != true {
        return Verdict::Refuses(text(&response["status"]["message"]));
    }
    let warnings: Vec<String> = response["warnings"].as_array().into_iter().flatten().map(text).collect();
    if warnings.is_empty() { Verdict::Accepts } else { Verdict::Warns(warnings) }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
