//! What comes to the port of the webhook that is no review, and what its admin port tells.

use super::running::{Certificates, Installed};

#[test]
fn what_is_no_review_is_refused_and_counted() {
    let Some(installed) = Installed::start("input", Certificates::Folder) else { return };
    let webhook = &installed.webhook;
    assert_eq!(webhook.admin("/livez"), (200, "ok\n".to_owned()));
    let (code, text) = webhook.admin("/readyz?verbose");
    assert_eq!(code, 200);
    for token in ["tls-loaded", "listener-bound", "index-synced", "not-stopping"] {
        assert!(text.contains(&format!("[+] {token}")), "{text}");
    }
    let (_, metrics) = webhook.admin("/metrics");
    for name in ["mesh_admission_reviews_total{", "mesh_tls_not_after_timestamp", "mesh_index_hosts"] {
        assert!(metrics.contains(name), "{name}: {metrics}");
    }
}
