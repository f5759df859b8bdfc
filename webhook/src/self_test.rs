//! The webhook is asked as API servers ask it: where the configuration says, verified by what it says. A review that must be
//! refused is refused, and one that is nobody's business goes through.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, Uri, header};
use http_body_util::{BodyExt as _, Limited};
use hyper_util::rt::TokioIo;
use k8s_openapi::api::admissionregistration::v1::{ValidatingWebhookConfiguration, WebhookClientConfig};
use kube::Api;
use mesh_model::webhook::{TEST_IDENTITY, TEST_REFUSAL};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::args::SelfTestArgs;
use crate::certificates::provider;
use crate::index;

/// How long one review may take.
const REVIEW: Duration = Duration::from_secs(10);
/// The largest answer.
const MAX_ANSWER: usize = 1 << 20;

/// Tests it; an error says what is not as it should be.
pub(crate) fn run(args: &SelfTestArgs) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| error.to_string())?.block_on(test_named(args))
}

async fn test_named(args: &SelfTestArgs) -> Result<(), String> {
    let name = &args.validating_configuration;
    let client = index::client(args.kubeconfig.as_deref()).await?;
    let api: Api<ValidatingWebhookConfiguration> = Api::all(client);
    let configuration = api.get(name).await.map_err(|error| format!("webhook configuration {name}: {error}"))?;
    test(&configuration, None).await
}

/// Tests the webhook that a configuration leads to; at this address, if one is given, as who it should be.
pub(crate) async fn test(configuration: &ValidatingWebhookConfiguration, at: Option<SocketAddr>) -> Result<(), String> {
    let webhook = configuration.webhooks.as_ref().and_then(|webhooks| webhooks.first());
    let webhook = webhook.ok_or("the webhook configuration has no webhooks")?;
    for (identity, is_allowed) in [(TEST_IDENTITY, false), ("", true)] {
        let answer = timeout(REVIEW, ask(&webhook.client_config, at, &review(identity))).await;
        let answer = answer.map_err(|_| "the webhook does not answer in time".to_owned())??;
        let response = &answer["response"];
        if response["uid"] != UID || response["allowed"] != is_allowed {
            return Err(format!(
                "a review that must be {} is not: {answer}",
                if is_allowed { "allowed" } else { "refused" }
            ));
        }
        if !is_allowed
            && !response["status"]["message"].as_str().unwrap_or_default().contains(&format!("[{TEST_REFUSAL}]"))
        {
            return Err(format!("a review is refused for another reason than it should be: {answer}"));
        }
    }
    Ok(())
}

const UID: &str = "self-test";

/// A review of a Deployment with this identity.
fn review(identity: &str) -> Value {
    let template = json!({"metadata": {"labels": {"identity": identity}}, "spec": {}});
    json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": UID,
            "kind": {"group": "apps", "version": "v1", "kind": "Deployment"},
            "namespace": "default",
            "operation": "CREATE",
            "object": {"metadata": {"name": UID}, "spec": {"template": template}},
        },
    })
}

/// The answer of the webhook that a configuration leads to.
async fn ask(config: &WebhookClientConfig, at: Option<SocketAddr>, review: &Value) -> Result<Value, String> {
    let (host, port, path) = place(config)?;
    let bundle = config.ca_bundle.as_ref().ok_or("the configuration is told of no authority yet")?;
    let connection = match at {
        Some(address) => TcpStream::connect(address).await,
        None => TcpStream::connect((host.as_str(), port)).await,
    };
    let connection = connection.map_err(|error| format!("{host}:{port}: {error}"))?;
    let server = ServerName::try_from(host.clone()).map_err(|_| format!("{host} is no name of a server"))?;
    let tls = TlsConnector::from(trusting(&bundle.0)?).connect(server, connection).await;
    let tls = tls.map_err(|error| format!("{host}:{port}: {error}"))?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(tls)).await.map_err(|error| error.to_string())?;
    tokio::spawn(connection);
    let request = Request::post(path)
        .header(header::HOST, &host)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(review.to_string()))
        .map_err(|error| error.to_string())?;
    let answer = sender.send_request(request).await.map_err(|error| error.to_string())?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await.map_err(|error| error.to_string())?;
    serde_json::from_slice(&body.to_bytes())
        .map_err(|_| format!("the webhook answers with status {status} and no review"))
}

/// Host, port and path of a webhook.
fn place(config: &WebhookClientConfig) -> Result<(String, u16, String), String> {
    if let Some(service) = &config.service {
        let host = format!("{}.{}.svc", service.name, service.namespace);
        let port = u16::try_from(service.port.unwrap_or(443)).map_err(|_| "the Service's port is none".to_owned())?;
        return Ok((host, port, service.path.clone().unwrap_or_else(|| "/".to_owned())));
    }
    let url = config.url.as_deref().ok_or("the configuration has neither a Service nor a URL")?;
    let uri: Uri = url.parse().map_err(|_| format!("{url} is no URL"))?;
    let host = uri.host().ok_or(format!("{url} has no host"))?;
    Ok((host.to_owned(), uri.port_u16().unwrap_or(443), uri.path().to_owned()))
}

fn trusting(bundle: &[u8]) -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(bundle) {
        let certificate = certificate.map_err(|_| "caBundle is not PEM".to_owned())?;
        roots.add(certificate).map_err(|error| format!("caBundle: {error}"))?;
    }
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let builder = builder.expect("the provider knows both versions");
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}
