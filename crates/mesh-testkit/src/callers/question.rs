//! What is asked, and what must be answered.

use std::net::SocketAddr;

use hyper::StatusCode;
use hyper::body::Bytes;
use mesh_model::host::identity_label;
use mesh_model::owned::IDENTITY_LABEL;
use serde_json::{Value, json};

use super::caller::{Answer, Caller, Protocol};
use crate::runtime::runtime;
use crate::tls;

/// A review, sent as it is again and again.
#[derive(Debug, Clone)]
pub struct Question {
    /// Where to: `/validate?timeout=3s`.
    pub path: String,
    /// The review.
    pub body: Bytes,
}

/// The uid of every review.
const UID: &str = "705ab4f5-6393-11e8-b7cc-42010a800002";

impl Question {
    /// Whether somebody may create a Deployment of an identity in an env.
    pub fn of_deployment(namespace: &str, identity: &str, env: &str) -> Self {
        Self::of(namespace, &deployment(namespace, identity, env))
    }

    /// The same of a Deployment as the mutating webhook leaves it, under the usual suffix.
    pub fn of_marked_deployment(namespace: &str, identity: &str, env: &str) -> Self {
        let mut deployment = deployment(namespace, identity, env);
        let host = format!("{env}.{identity}.global");
        for at in ["/metadata", "/spec/template/metadata"] {
            let metadata = deployment.pointer_mut(at).expect("it was written so");
            metadata["annotations"]["kubectl-mesh.io/global-name"] = host.as_str().into();
            metadata["labels"][IDENTITY_LABEL] = identity_label(identity).into();
        }
        Self::of(namespace, &deployment)
    }

    fn of(namespace: &str, deployment: &Value) -> Self {
        let review = json!({
            "apiVersion": "admission.k8s.io/v1",
            "kind": "AdmissionReview",
            "request": {
                "uid": UID,
                "kind": {"group": "apps", "version": "v1", "kind": "Deployment"},
                "resource": {"group": "apps", "version": "v1", "resource": "deployments"},
                "namespace": namespace,
                "name": "web",
                "operation": "CREATE",
                "userInfo": {"username": "deployer", "groups": ["system:authenticated"]},
                "object": deployment,
                "oldObject": null,
                "dryRun": false,
                "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"},
            },
        });
        Self { path: "/validate?timeout=3s".to_owned(), body: review.to_string().into() }
    }

    /// The same, asked of the webhook that writes.
    #[must_use]
    pub fn to_mutate(self) -> Self {
        Self { path: self.path.replace("/validate", "/mutate"), ..self }
    }

    /// What is answered to it, asked once over a connection of its own.
    ///
    /// # Errors
    /// If there is no trust, nobody listens, or the answer does not read.
    pub fn asked_of(&self, address: SocketAddr, ca_pem: &str) -> Result<Value, String> {
        let tls = Protocol::Http2.offered(tls::trusting(ca_pem));
        runtime().block_on(async {
            let connected = Caller::connect(address, &tls, Protocol::Http2).await;
            let answer = connected.map_err(|error| error.to_string())?.ask(self).await;
            let answer = answer.map_err(|error| format!("{error:?}"))?;
            serde_json::from_slice(&answer.body).map_err(|error| format!("{}: {error}", answer.status))
        })
    }

    /// Whether an answer is one to such a question, and lets it pass.
    pub(super) fn judge(answer: &Answer) -> Result<(), String> {
        // Not read as JSON: who measures should do little besides.
        let text = String::from_utf8_lossy(&answer.body);
        let is_let_pass = answer.status == StatusCode::OK && text.contains(UID) && text.contains(r#""allowed":true"#);
        if is_let_pass { Ok(()) } else { Err(format!("{}: {text}", answer.status)) }
    }
}

fn deployment(namespace: &str, identity: &str, env: &str) -> Value {
    let labels = json!({"app": "web", "identity": identity, "admiral.io/env": env});
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": namespace},
        "spec": {
        "replicas": 3,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": labels},
            "spec": {"containers": [{
                "name": "app",
                "image": "registry.example/app:1",
                "ports": [{"containerPort": 8080}],
                "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}},
            }]},
        },
        },
    })
}
