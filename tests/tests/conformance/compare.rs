//! Two objects compared: equal but for the deviations that touch every object.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use mesh_model::origin::Origins;
use mesh_model::owned::{ADMIRAL_MARK, CREATED_BY, EX_SOURCE, FROM, IDENTITY_LABEL, MANAGED_BY, OUR_MARK};
use serde_json::{Map, Value, json};

/// One field that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) field: String,
    pub(super) theirs: String,
    pub(super) ours: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: Admiral {}, ours {}", self.field, self.theirs, self.ours)
    }
}

/// How addresses are compared (deviation D3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Addresses {
    /// Their number only: new hosts have other addresses than Admiral's.
    New,
    /// As they are.
    Kept,
}

/// Compares an object that Admiral left with ours.
pub(super) fn compare(theirs: Option<&Value>, ours: Option<&Value>, addresses: Addresses) -> Vec<Difference> {
    let mut differences = Vec::new();
    match (theirs, ours) {
        (None, None) => {}
        (Some(_), None) => push(&mut differences, "object", "holds it", "we hold nothing"),
        (None, Some(_)) => push(&mut differences, "object", "holds nothing", "we hold it"),
        (Some(theirs), Some(ours)) if is_generated(theirs) && is_generated(ours) => {
            check_marks(ours, &mut differences);
            let (theirs, mut ours) = (shape(theirs, addresses), shape(ours, addresses));
            check_networks(&mut ours, &mut differences);
            walk("", &theirs, &ours, &mut differences);
        }
        (Some(theirs), Some(ours)) => {
            let mark =
                |object: &Value| object.pointer("/metadata/annotations").map_or(Value::Null, |a| a[CREATED_BY].clone());
            if is_generated(theirs) || is_generated(ours) {
                push(&mut differences, "mark", &mark(theirs).to_string(), &mark(ours).to_string());
            }
            // Somebody else's object: untouched, to the byte of its content.
            walk("", &shape(theirs, Addresses::Kept), &shape(ours, Addresses::Kept), &mut differences);
        }
    }
    differences
}

/// Virtual addresses that two of `objects` have.
pub(super) fn repeated_addresses(objects: &[Value]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    objects
        .iter()
        .filter(|object| is_generated(object))
        .flat_map(|object| object.pointer("/spec/addresses").and_then(Value::as_array).cloned().unwrap_or_default())
        .filter_map(|address| (!seen.insert(address.to_string())).then(|| address.to_string()))
        .collect()
}

fn is_generated(object: &Value) -> bool {
    let mark = object.pointer("/metadata/annotations").and_then(|annotations| annotations[CREATED_BY].as_str());
    mark == Some(OUR_MARK) || mark == Some(ADMIRAL_MARK)
}

/// D2 and D5: our marks, the label that selects, the origins, the API version.
fn check_marks(ours: &Value, differences: &mut Vec<Difference>) {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    let labels = &ours["metadata"]["labels"];
    let annotations = &ours["metadata"]["annotations"];
    if annotations[CREATED_BY] != OUR_MARK {
        push(differences, "mark", "adopted", &annotations[CREATED_BY].to_string());
    }
    if ours["apiVersion"] != mesh_istio::API_VERSION {
        push(differences, "apiVersion", mesh_istio::API_VERSION, &ours["apiVersion"].to_string());
    }
    if labels[MANAGED_BY] != OUR_MARK {
        push(differences, MANAGED_BY, OUR_MARK, &labels[MANAGED_BY].to_string());
    }
    let label = text(labels.get(IDENTITY_LABEL));
    if label.len() != 16 || !label.bytes().all(|b| b.is_ascii_hexdigit()) {
        push(differences, IDENTITY_LABEL, "16 hex digits", &label);
    }
    match Origins::parse(&text(annotations.get(FROM)), |text| text.into()) {
        Ok(origins) if !origins.is_empty() => {}
        Ok(_) => push(differences, FROM, "some origin", "none"),
        Err(error) => push(differences, FROM, "origins", &error.to_string()),
    }
}

/// D12: remote endpoints carry a network, local ones do not. Takes them away for the comparison.
fn check_networks(ours: &mut Value, differences: &mut Vec<Difference>) {
    let Some(endpoints) = ours.pointer_mut("/spec/endpoints").and_then(Value::as_object_mut) else { return };
    for (address, endpoint) in endpoints {
        let network = endpoint.as_object_mut().and_then(|endpoint| endpoint.remove("network"));
        let is_local = address.trim_end_matches('.').ends_with(".svc.cluster.local");
        if is_local != network.is_none() {
            let wanted = if is_local { "no network, being local" } else { "a network, being remote" };
            push(differences, &format!("/spec/endpoints/{address}/network"), wanted, &json!(network).to_string());
        }
    }
}

/// What is compared of an object: labels, annotations and spec, without marks (D2), sorted (D4).
fn shape(object: &Value, addresses: Addresses) -> Value {
    let without = |part: &str, keys: &[&str]| {
        let mut map = object["metadata"][part].as_object().cloned().unwrap_or_default();
        map.retain(|key, _| !keys.contains(&key.as_str()));
        map
    };
    let mut spec = object["spec"].clone();
    if let Some(endpoints) = spec.get_mut("endpoints") {
        *endpoints = by_address(endpoints);
    }
    for set in ["exportTo", "subjectAltNames"] {
        if let Some(items) = spec.get_mut(set).and_then(Value::as_array_mut) {
            items.sort_by_key(ToString::to_string);
        }
    }
    if let (Addresses::New, Some(list)) = (addresses, spec.get_mut("addresses").and_then(Value::as_array_mut)) {
        list.fill(json!("new"));
    }
    json!({
        "labels": without("labels", &[MANAGED_BY, IDENTITY_LABEL]),
        "annotations": without("annotations", &[CREATED_BY, FROM, EX_SOURCE]),
        "spec": spec,
    })
}

/// Endpoints as a map: their order means nothing (D4), and a difference names the endpoint.
fn by_address(endpoints: &Value) -> Value {
    let mut sorted: Vec<&Value> = endpoints.as_array().map(|list| list.iter().collect()).unwrap_or_default();
    sorted.sort_by_cached_key(|endpoint: &&Value| Value::to_string(endpoint));
    let mut map = Map::new();
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for endpoint in sorted {
        let address = endpoint["address"].as_str().unwrap_or_default().to_owned();
        let time = times.entry(address.clone()).or_default();
        *time += 1;
        map.insert(if *time == 1 { address } else { format!("{address}#{time}") }, endpoint.clone());
    }
    Value::Object(map)
}

fn walk(path: &str, theirs: &Value, ours: &Value, differences: &mut Vec<Difference>) {
    if let (Value::Object(theirs), Value::Object(ours)) = (theirs, ours) {
        let keys: BTreeSet<&String> = theirs.keys().chain(ours.keys()).collect();
        for key in keys {
            let (theirs, ours) = (theirs.get(key), ours.get(key));
            walk(&format!("{path}/{key}"), theirs.unwrap_or(&Value::Null), ours.unwrap_or(&Value::Null), differences);
        }
    } else if theirs != ours {
        push(differences, path, &theirs.to_string(), &ours.to_string());
    }
}

fn push(differences: &mut Vec<Difference>, field: &str, theirs: &str, ours: &str) {
    differences.push(Difference { field: field.to_owned(), theirs: theirs.to_owned(), ours: ours.to_owned() });
}

/// Admiral's object as we would write it if nothing else were different.
#[cfg(test)]
fn adopted(theirs: &Value) -> Value {
    let mut ours = theirs.clone();
    let from = r#"{"from":[{"cluster":"c1","for":["ports"],"kind":"Service","name":"shop/checkout"}],"v":1}"#;
    ours["apiVersion"] = json!(mesh_istio::API_VERSION);
    ours["metadata"]["annotations"][CREATED_BY] = json!(OUR_MARK);
    ours["metadata"]["annotations"][FROM] = json!(from);
    ours["metadata"]["labels"][MANAGED_BY] = json!(OUR_MARK);
    ours["metadata"]["labels"][IDENTITY_LABEL] = json!("0123456789abcdef");
    if let Some(endpoints) = ours.pointer_mut("/spec/endpoints").and_then(Value::as_array_mut) {
        endpoints.reverse();
        for endpoint in endpoints {
            if !endpoint["address"].as_str().unwrap().contains(".svc.cluster.local") {
                endpoint["network"] = json!("n");
            }
        }
    }
    ours
}

#[test]
fn only_the_deviations_of_every_object_are_forgiven() {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance");
    let mut compared = 0;
    for case in super::case::Case::load_all(&dir) {
        let all = case.steps.iter().flat_map(|step| step.expected.values().flatten());
        for theirs in all.filter(|object| super::folder::is_compared(object) && is_generated(object)) {
            compared += 1;
            let ours = adopted(theirs);
            assert_eq!(compare(Some(theirs), Some(&ours), Addresses::Kept), [], "{}", case.name);
            let mut elsewhere = ours.clone();
            if let Some(address) = elsewhere.pointer_mut("/spec/addresses/0") {
                *address = json!("240.99.0.1");
                assert_eq!(compare(Some(theirs), Some(&elsewhere), Addresses::New), [], "{}", case.name);
                assert_eq!(compare(Some(theirs), Some(&elsewhere), Addresses::Kept).len(), 1, "{}", case.name);
            }
        }
    }
    assert!(compared > 500, "{compared}");
}

#[test]
fn our_own_marks_are_checked() {
    let theirs = json!({"kind": "ServiceEntry", "metadata": {"annotations": {CREATED_BY: ADMIRAL_MARK}, "labels": {}},
        "spec": {"endpoints": [{"address": "c2-gw.bank.example."}, {"address": "checkout.shop.svc.cluster.local"}]}});
    let good = adopted(&theirs);
    let changes: [(&str, Value); 7] = [
        ("/apiVersion", json!("networking.istio.io/v1alpha3")),
        ("/metadata/annotations/app.kubernetes.io~1created-by", json!(ADMIRAL_MARK)),
        ("/metadata/annotations/kubectl-mesh.io~1from", json!("{}")),
        ("/metadata/labels/app.kubernetes.io~1managed-by", json!("somebody")),
        ("/metadata/labels/kubectl-mesh.io~1identity", json!("checkout")),
        ("/spec/endpoints/0", json!({"address": "checkout.shop.svc.cluster.local", "network": "n"})),
        ("/spec/endpoints/1", json!({"address": "c2-gw.bank.example."})),
    ];
    for (place, value) in changes {
        let mut bad = good.clone();
        *bad.pointer_mut(place).unwrap() = value;
        assert_eq!(compare(Some(&theirs), Some(&bad), Addresses::New).len(), 1, "{place}");
    }
}
