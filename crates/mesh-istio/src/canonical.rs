//! Canonical JSON: keys sorted, no white space. Equal values are equal texts.

use serde::Serialize;

use crate::{DestinationRule, ServiceEntry};

/// A spec whose fields, and those of its parts, are declared in the order of their JSON names, so that serializing it
/// gives sorted keys without sorting. A test keeps it so.
pub trait Canonical: Serialize {}

impl Canonical for ServiceEntry {}
impl Canonical for DestinationRule {}

/// The canonical JSON of `value`.
///
/// # Panics
/// Never: strings, numbers, sequences and maps with text keys always serialize.
pub fn to_canonical_json<T: Canonical>(value: &T) -> String {
    serde_json::to_string(value).expect("plain data always serializes")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn keys_are_sorted_in_every_part_of_a_spec() {
        // Every field that there is, so that none can be declared out of order.
        let entry = json!({
            "addresses": ["240.64.0.1"],
            "endpoints": [{
                "address": "a", "labels": {"b": "c", "a": "b"}, "locality": "l", "network": "n", "ports": {"http": 1},
                "weight": 1,
            }],
            "exportTo": ["*"], "hosts": ["h"], "location": "MESH_INTERNAL",
            "ports": [{"name": "http", "number": 80, "protocol": "http"}],
            "resolution": "DNS", "subjectAltNames": ["s"],
        });
        sorted::<ServiceEntry>(&entry);
        let rule = json!({
            "exportTo": ["*"], "host": "h",
            "trafficPolicy": {
                "connectionPool": {
                    "http": {
                        "h2UpgradePolicy": "UPGRADE", "http1MaxPendingRequests": 1, "http2MaxRequests": 2,
                        "idleTimeout": "1s", "maxRequestsPerConnection": 3, "maxRetries": 4, "useClientProtocol": true,
                    },
                    "tcp": {
                        "connectTimeout": "1s", "maxConnectionDuration": "2s", "maxConnections": 5,
                        "tcpKeepalive": {"interval": "1s", "probes": 2, "time": "3s"},
                    },
                },
                "loadBalancer": {
                    "localityLbSetting": {"distribute": [{"from": "a/*", "to": {"b": 70, "a": 30}}]},
                    "simple": "LEAST_REQUEST", "warmupDurationSecs": "45s",
                },
                "outlierDetection": {
                    "baseEjectionTime": "1s", "consecutive5xxErrors": 0, "consecutiveGatewayErrors": 1,
                    "interval": "2s", "maxEjectionPercent": 3,
                },
                "tls": {"mode": "ISTIO_MUTUAL"},
            },
        });
        sorted::<DestinationRule>(&rule);
    }

    /// `value` is whole, and both ways of writing it agree: maps of [`Value`] are sorted.
    fn sorted<T: Canonical + serde::de::DeserializeOwned>(value: &Value) {
        let spec: T = serde_json::from_value(value.clone()).expect("a spec");
        assert_eq!(to_canonical_json(&spec), value.to_string());
    }
}
