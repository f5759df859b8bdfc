//! Connections to an API server: HTTP/2 where it offers that, so that one carries all requests and watches.
//!
//! kube's own client speaks HTTP/1.1, where each watch is a connection of its own: 5,700 for 300 clusters, with a TLS
//! session and buffers each. Credentials, certificates and headers are kube's here as there.

use hyper_rustls::{FixedServerNameResolver, HttpsConnectorBuilder};
use hyper_timeout::TimeoutConnector;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use kube::client::{ConfigExt, RustlsTlsError};
use kube::{Client, Config, Error};
use tower::ServiceBuilder;
use tower_http::decompression::DecompressionLayer;

use crate::limits::{CONNECTION_WINDOW, HTTP1_BUFFER, IDLE_CONNECTIONS, PING, PING_TIMEOUT, STREAM_WINDOW};

/// A client of the API server that `config` describes.
pub(super) fn client(config: Config) -> kube::Result<Client> {
    // Which proxies there are and how they take credentials is kube's business.
    if config.proxy_url.is_some() {
        return Client::try_from(config);
    }
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    let mut https = HttpsConnectorBuilder::new().with_tls_config(config.rustls_client_config()?).https_or_http();
    if let Some(name) = &config.tls_server_name {
        let name = name.clone().try_into();
        let name = name.map_err(|error| Error::RustlsTls(RustlsTlsError::InvalidServerName(error)))?;
        https = https.with_server_name_resolver(FixedServerNameResolver::new(name));
    }
    let mut connector = TimeoutConnector::new(https.enable_all_versions().wrap_connector(http));
    connector.set_connect_timeout(config.connect_timeout);
    connector.set_read_timeout(config.read_timeout);
    connector.set_write_timeout(config.write_timeout);
    connector.set_reset_reader_on_write(config.reset_reader_on_write);
    let client = legacy::Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_max_idle_per_host(IDLE_CONNECTIONS)
        .http1_max_buf_size(HTTP1_BUFFER)
        .http2_initial_stream_window_size(STREAM_WINDOW)
        .http2_initial_connection_window_size(CONNECTION_WINDOW)
        .http2_keep_alive_interval(PING)
        .http2_keep_alive_timeout(PING_TIMEOUT)
        .build(connector);
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .layer(DecompressionLayer::new().gzip(!config.disable_compression))
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_err(tower::BoxError::from)
        .service(client);
    Ok(Client::new(service, config.default_namespace))
}
