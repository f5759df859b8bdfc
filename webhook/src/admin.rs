//! The port for kubelets and Prometheus: plain HTTP, nothing that is secret.

use std::sync::Arc;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;

use crate::index::LiveIndex;
use crate::metrics::Metrics;
use crate::ready::Readiness;

/// What is told there.
#[derive(Clone)]
pub(crate) struct Admin {
    pub(crate) readiness: Arc<Readiness>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) index: Arc<LiveIndex>,
}

pub(crate) fn router(admin: Admin) -> Router {
    Router::new()
        // That it is answered is all there is to it: what else is wrong does not go away by a new start.
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(admin)
}

async fn readyz(State(admin): State<Admin>, RawQuery(query): RawQuery) -> (StatusCode, String) {
    let is_ready = admin.readiness.is_ready();
    let code = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let is_verbose = query.is_some_and(|query| query.split('&').any(|word| word == "verbose" || word == "verbose="));
    let text = match (is_verbose || !is_ready, is_ready) {
        (true, _) => admin.readiness.lines(),
        (false, _) => "ok\n".to_owned(),
    };
    (code, text)
}

async fn metrics(State(admin): State<Admin>) -> impl IntoResponse {
    use mesh_admission::Index as _;
    admin.metrics.view_age.set(admin.index.age().as_secs_f64());
    admin.metrics.names.set(i64::try_from(admin.index.hosts()).unwrap_or(i64::MAX));
    ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], admin.metrics.text())
}
