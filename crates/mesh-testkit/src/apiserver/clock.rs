//! Time as Kubernetes writes it.

use jiff::Timestamp;

/// Now, to the second.
pub(crate) fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
