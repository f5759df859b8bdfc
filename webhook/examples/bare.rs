//! A server that gives every review the same answer: what the webhook's speed is measured against
//! (`cargo xtask bench webhook`). Connections are as the webhook has them.

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use std::{env, fs};

use axum::Router;
use axum::body::Bytes;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::post;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tracing::Level;

/// That the review passes, to the uid that the bench's reviews have.
const ANSWER: &str = r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"allowed":true,"uid":"705ab4f5-6393-11e8-b7cc-42010a800002"}}"#;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // As any server has it: where nobody takes what libraries tell, they make texts of it.
    tracing_subscriber::fmt().with_max_level(Level::INFO).init();
    let mut arguments = env::args().skip(1);
    let address: SocketAddr = arguments.next().ok_or("an address")?.parse()?;
    let folder: PathBuf = arguments.next().ok_or("a folder with tls.crt and tls.key")?.into();
    let chain = CertificateDer::pem_slice_iter(&fs::read(folder.join("tls.crt"))?).collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_slice(&fs::read(folder.join("tls.key"))?)?;
    let tls = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let mut tls = tls.with_safe_default_protocol_versions()?.with_no_client_auth().with_single_cert(chain, key)?;
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = RustlsAcceptor::new(RustlsConfig::from_config(Arc::new(tls)));
    let mut server = axum_server::bind(address).acceptor(acceptor).first_request_timeout(Duration::from_secs(5));
    let builder = server.http_builder();
    builder.http1().header_read_timeout(Duration::from_secs(5));
    builder.http2().max_concurrent_streams(256);
    let routes = Router::new().route("/mutate", post(answer)).route("/validate", post(answer));
    server.serve(routes.into_make_service()).await?;
    Ok(())
}

async fn answer(_whole: Bytes) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], ANSWER)
}
