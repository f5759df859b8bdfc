//! The fields of a generated object: their values, and the rules that no fact changes.

use std::sync::Arc;

use mesh_model::kind::Kind;
use mesh_model::origin::{Origin, Part};
use mesh_model::owned::{ASSOCIATED_GTP, CREATED_BY, DNS_PREFIX, EX_SOURCE, IDENTITY_LABEL, MANAGED_BY};
use mesh_model::policy::{ExportToPolicy, MeshPolicy, OutlierProfile, SanPolicy, VipPolicy};
use serde_json::Value;

use super::facts::{self, About};
use super::{FieldExplanation, Holder, Reason, reasons};
use crate::desired::{Body, DesiredObject};

/// The fields that a person may ask for, beside parts of them.
pub const KNOWN_FIELDS: [&str; 14] = [
    "addresses",
    "endpoints",
    "exportTo",
    "host",
    "hosts",
    "location",
    "metadata",
    "ports",
    "resolution",
    "subjectAltNames",
    "trafficPolicy",
    "trafficPolicy/connectionPool",
    "trafficPolicy/localityLbSetting",
    "trafficPolicy/outlierDetection",
];

/// The parts of a traffic policy, which may be asked for without `trafficPolicy/`.
const TRAFFIC_PARTS: [&str; 5] = ["connectionPool", "loadBalancer", "localityLbSetting", "outlierDetection", "tls"];

/// Whether `text` can be meant as a field.
pub fn is_known_field(text: &str) -> bool {
    FieldFilter::parse(text).is_some()
}

/// Which fields are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FieldFilter {
    /// Every field.
    All,
    /// This one and what is in it.
    Only(String),
}

impl FieldFilter {
    /// Parses a field as a person writes it: any case, dots or slashes, with or without `spec.`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix("spec.").or_else(|| text.strip_prefix("spec/")).unwrap_or(text);
        let (head, rest) = match text.find(['/', '.']) {
            Some(at) => (&text[..at], Some(&text[at + 1..])),
            None => (text, None),
        };
        if let Some(part) = TRAFFIC_PARTS.iter().find(|part| part.eq_ignore_ascii_case(head)) {
            return Some(Self::Only(format!("trafficPolicy/{part}")));
        }
        let known = KNOWN_FIELDS.iter().find(|known| !known.contains('/') && known.eq_ignore_ascii_case(head))?;
        match (*known, rest) {
            ("trafficPolicy", Some(rest)) => {
                // `loadBalancer.localityLbSetting` is where Istio has it.
                let last = rest
                    .split(['/', '.'])
                    .rev()
                    .find_map(|word| TRAFFIC_PARTS.iter().find(|part| part.eq_ignore_ascii_case(word)))?;
                Some(Self::Only(format!("trafficPolicy/{last}")))
            }
            ("endpoints" | "metadata", Some(rest)) => Some(Self::Only(format!("{known}/{rest}"))),
            (_, Some(_)) => None,
            (known, None) => Some(Self::Only(known.to_owned())),
        }
    }

    /// Whether `field`, something in it or something around it, is asked for.
    pub(super) fn shows(&self, field: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(only) => is_in(field, only) || is_in(only, field),
        }
    }
}

/// Whether `field` is `around` or lies in it.
fn is_in(field: &str, around: &str) -> bool {
    field.strip_prefix(around).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The fields of `object` that are asked for, each with its value and reasons; a field that is asked for and not set is
/// there without a value.
pub(super) fn fields_of(
    object: &DesiredObject,
    holders: &[Holder],
    filter: &FieldFilter,
    about: &About<'_>,
) -> Vec<FieldExplanation> {
    let spec: Value = serde_json::from_str(&object.body.spec).unwrap_or(Value::Null);
    let mut fields: Vec<FieldExplanation> = values(&object.body, &spec)
        .into_iter()
        .filter(|(field, _)| filter.shows(field))
        .map(|(field, value)| {
            let because = reasons_of(&field, object, holders, about);
            FieldExplanation { field, value: Some(value), because }
        })
        .collect();
    if let (FieldFilter::Only(only), true) = (filter, fields.is_empty())
        && let Some(rule) = why_unset(only, object.body.key.kind, about.policy)
    {
        let mut because = reasons(object, |field| field == only);
        if because.is_empty() {
            because.push(Reason { rule: rule.into(), sources: Vec::new(), held: false });
        }
        fields.push(FieldExplanation { field: only.clone(), value: None, because });
    }
    fields
}

/// Field and value, in the order of the object: metadata last.
fn values(body: &Body, spec: &Value) -> Vec<(String, Value)> {
    let mut values = Vec::new();
    for (field, value) in spec.as_object().into_iter().flatten() {
        match (field.as_str(), value) {
            ("endpoints", Value::Array(endpoints)) => {
                for endpoint in endpoints {
                    let address = endpoint.get("address").and_then(Value::as_str).unwrap_or_default();
                    values.push((format!("endpoints/{address}"), endpoint.clone()));
                }
            }
            ("trafficPolicy", Value::Object(parts)) => {
                for (part, value) in parts {
                    let mut value = value.clone();
                    let locality = value.as_object_mut().and_then(|parts| parts.remove("localityLbSetting"));
                    values.push((format!("trafficPolicy/{part}"), value));
                    values.extend(locality.map(|setting| ("trafficPolicy/localityLbSetting".to_owned(), setting)));
                }
            }
            _ => values.push((field.clone(), value.clone())),
        }
    }
    let labels = body.labels.iter().map(|(key, value)| ("labels", key, value));
    let annotations = body.annotations.iter().map(|(key, value)| ("annotations", key, value));
    for (map, key, value) in labels.chain(annotations) {
        values.push((format!("metadata/{map}/{key}"), Value::String(value.to_string())));
    }
    values
}

/// The recorded reasons of a field, or of what is around it; else the rule that is the same in every fleet.
fn reasons_of(field: &str, object: &DesiredObject, holders: &[Holder], about: &About<'_>) -> Vec<Reason> {
    let exact = reasons(object, |recorded| !recorded.is_empty() && is_in(recorded, field));
    if !exact.is_empty() {
        return exact;
    }
    let around = reasons(object, |recorded| !recorded.is_empty() && is_in(field, recorded));
    if !around.is_empty() {
        return around;
    }
    if let Some(reason) = facts::reason(field, object, holders, about) {
        return vec![reason];
    }
    let sources = sources_of(field, &object.body);
    vec![Reason { rule: constant_rule(field, object, about.policy), sources, held: false }]
}

fn sources_of(field: &str, body: &Body) -> Vec<Origin> {
    let part = match field.split_once('/') {
        Some(("endpoints", address)) => Part::Endpoint(address.into()),
        Some(("trafficPolicy", part)) => Part::TrafficPolicy(part.into()),
        _ => match field {
            "ports" => Part::Ports,
            _ => return Vec::new(),
        },
    };
    body.origins.of(&part).cloned().collect()
}

/// What decides a field when no fact of the fleet does.
fn constant_rule(field: &str, object: &DesiredObject, policy: &MeshPolicy) -> Arc<str> {
    let path = field.split_once('/').map_or(field, |(head, _)| head);
    match (path, field) {
        ("host" | "hosts", _) if object.host == object.base => {
            format!("the global name: env.identity.suffix (policy.suffix is {})", policy.suffix).into()
        }
        ("host" | "hosts", _) => format!("a further host of {}", object.base).into(),
        ("location", _) => "always MESH_INTERNAL: both ends are workloads of the mesh".into(),
        ("resolution", _) => "always DNS: endpoints are addressed by host names".into(),
        ("ports", _) => "the HTTP family is published as 80, others under the Service's own number".into(),
        ("endpoints", _) => "one endpoint a source: the Service where it runs, the gateway everywhere else".into(),
        (_, "trafficPolicy/tls") => "always ISTIO_MUTUAL: from workload to workload".into(),
        (_, "trafficPolicy/loadBalancer") => {
            format!("always LEAST_REQUEST; policy.traffic.warmupSeconds is {}", policy.traffic.warmup_seconds).into()
        }
        (_, "trafficPolicy/connectionPool") => {
            let most = policy.traffic.max_requests_per_connection;
            format!("policy.traffic.maxRequestsPerConnection is {most}, and HTTP/2 is not asked for").into()
        }
        (_, "trafficPolicy/outlierDetection") => match policy.traffic.outlier {
            OutlierProfile::Admiral => "policy.traffic.outlier is admiral, and no object says otherwise".into(),
            OutlierProfile::Swift => "policy.traffic.outlier is swift, and no object says otherwise".into(),
            OutlierProfile::Off => "by the object that governs the host".into(),
        },
        (_, "trafficPolicy/localityLbSetting") => "by the traffic policy that governs the host".into(),
        ("metadata", _) => metadata_rule(field).into(),
        _ => "the same in every fleet".into(),
    }
}

fn metadata_rule(field: &str) -> &'static str {
    let key = field.splitn(3, '/').nth(2).unwrap_or_default();
    match key {
        CREATED_BY => "the mark: only objects that carry it are ever changed or deleted",
        MANAGED_BY | IDENTITY_LABEL => "labels by which objects of ours are found",
        DNS_PREFIX => "the prefix of the governing item of the traffic policy",
        ASSOCIATED_GTP => "the traffic policy that governs the host",
        EX_SOURCE => "since when the cluster serves the name no more",
        _ => "the pair that the object is for, under the policy's keys",
    }
}

/// Why a field is not set, if objects of `kind` may have it.
fn why_unset(field: &str, kind: Kind, policy: &MeshPolicy) -> Option<String> {
    let text = match (kind, field) {
        (_, "exportTo") => match &policy.export_to {
            ExportToPolicy::Off => "policy.exportTo is off: every namespace sees it".to_owned(),
            ExportToPolicy::Limited { .. } => {
                "policy.exportTo does not reach this host: every namespace sees it".into()
            }
        },
        (Kind::ServiceEntry, "addresses") => match policy.vip {
            VipPolicy::Off => "policy.vip is off, and no live object has an address to keep".into(),
            VipPolicy::Range { .. } => "no address was left in policy.vip.range".into(),
        },
        (Kind::ServiceEntry, "subjectAltNames") => match policy.sans {
            SanPolicy::Off => "policy.sans is off: any identity of the mesh is accepted".into(),
            _ => "no workload that serves is known: any identity of the mesh is accepted".into(),
        },
        (Kind::ServiceEntry, "endpoints") => "no source can be reached from here".into(),
        (Kind::DestinationRule, "trafficPolicy/localityLbSetting") => {
            "no item of a traffic policy governs the host: clients prefer their own region".into()
        }
        (Kind::DestinationRule, "trafficPolicy/outlierDetection") => {
            "policy.traffic.outlier is off, and no object sets it".into()
        }
        (Kind::DestinationRule, "trafficPolicy/connectionPool") => "no object sets it".into(),
        _ => return None,
    };
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_understood_as_people_write_them() {
        for (text, want) in [
            ("endpoints", Some("endpoints")),
            ("ENDPOINTS", Some("endpoints")),
            ("spec.endpoints", Some("endpoints")),
            ("endpoints/c1-gw.example.", Some("endpoints/c1-gw.example.")),
            ("exportto", Some("exportTo")),
            ("trafficPolicy", Some("trafficPolicy")),
            ("trafficPolicy/outlierDetection", Some("trafficPolicy/outlierDetection")),
            ("spec.trafficPolicy.outlierDetection", Some("trafficPolicy/outlierDetection")),
            ("outlierDetection", Some("trafficPolicy/outlierDetection")),
            ("trafficPolicy.loadBalancer.localityLbSetting", Some("trafficPolicy/localityLbSetting")),
            ("trafficPolicy/nonsense", None),
            ("ports/x", None),
            ("nonsense", None),
            ("", None),
        ] {
            let want = want.map(|field| FieldFilter::Only(field.to_owned()));
            assert_eq!(FieldFilter::parse(text), want, "{text}");
        }
    }

    #[test]
    fn a_filter_shows_the_field_and_what_is_in_it_or_around_it() {
        let only = FieldFilter::Only("endpoints".into());
        assert!(only.shows("endpoints/a"));
        assert!(!only.shows("endpointsx"));
        assert!(FieldFilter::Only("trafficPolicy/tls".into()).shows("trafficPolicy"));
        assert!(!FieldFilter::Only("trafficPolicy/tls".into()).shows("trafficPolicy/connectionPool"));
    }
}
