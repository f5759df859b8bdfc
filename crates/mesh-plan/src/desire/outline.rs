//! What is read of every ServiceEntry that a cluster holds: whose it is and where it leads. A big fleet holds a hundred
//! thousand of them, so an outline borrows from their text and leaves out what is looked at only where something is kept.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Deref;

use serde::{Deserialize, Deserializer};

/// The outline of a `spec`. It can be read wherever [`mesh_istio::ServiceEntry`] can, and nowhere else.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Outline<'a> {
    /// Virtual addresses.
    #[serde(borrow)]
    pub(super) addresses: Vec<Text<'a>>,
    /// Where it leads.
    #[serde(borrow)]
    pub(super) endpoints: Vec<EndpointOutline<'a>>,
    /// Namespaces that see it.
    #[serde(borrow)]
    pub(super) export_to: Vec<Text<'a>>,
    /// What it is for.
    #[serde(borrow)]
    pub(super) hosts: Vec<Text<'a>>,
    /// What it publishes.
    #[serde(borrow)]
    pub(super) ports: Vec<PortOutline<'a>>,
    /// Identities that clients accept.
    #[serde(borrow)]
    pub(super) subject_alt_names: Vec<Text<'a>>,
    #[serde(deserialize_with = "is_text")]
    location: (),
    #[serde(deserialize_with = "is_text")]
    resolution: (),
}

/// The outline of an endpoint.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct EndpointOutline<'a> {
    /// Host name or IP.
    #[serde(borrow)]
    pub(super) address: Text<'a>,
    /// Network.
    #[serde(borrow)]
    pub(super) network: Option<Text<'a>>,
    #[serde(deserialize_with = "is::<BTreeMap<Text<'_>, Text<'_>>, _>")]
    labels: (),
    #[serde(deserialize_with = "is::<Option<Text<'_>>, _>")]
    locality: (),
    #[serde(deserialize_with = "is::<BTreeMap<Text<'_>, u16>, _>")]
    ports: (),
    #[serde(deserialize_with = "is::<Option<u32>, _>")]
    weight: (),
}

/// The outline of a port.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct PortOutline<'a> {
    /// Its name.
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    /// Its number.
    pub(super) number: u16,
    #[serde(deserialize_with = "is_text")]
    protocol: (),
}

/// A text, borrowed where it has no escapes.
#[derive(Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(transparent)]
pub(super) struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// Reads a value only to know that it is one.
fn is<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
    T::deserialize(deserializer).map(drop)
}

fn is_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
    is::<Text<'de>, D>(deserializer)
}

#[cfg(test)]
mod tests {
    use mesh_istio::ServiceEntry;
    use serde_json::{Value, json};

    use super::*;

    /// A spec with this value in this place.
    fn spec(pointer: &str, value: Value) -> String {
        let mut spec = json!({
            "addresses": ["240.64.0.9"], "hosts": ["h\u{e9}\"x"], "exportTo": ["a"], "subjectAltNames": ["s"],
            "endpoints": [{"address": "gw", "network": "n", "labels": {"a": "b"}, "locality": "r", "ports": {"http": 80}, "weight": 1}],
            "location": "MESH_INTERNAL", "resolution": "DNS", "ports": [{"name": "http", "number": 80, "protocol": "http"}],
        });
        *spec.pointer_mut(pointer).unwrap() = value;
        spec.to_string()
    }

    #[test]
    fn an_outline_can_be_read_wherever_the_whole_can() {
        let places =
            ["", "/addresses", "/hosts", "/hosts/0", "/exportTo", "/subjectAltNames", "/endpoints", "/endpoints/0"];
        let endpoint = ["address", "network", "labels", "labels/a", "locality", "ports", "ports/http", "weight"];
        let port = ["name", "number", "protocol"];
        let places = places.map(str::to_owned).into_iter();
        let places = places.chain(endpoint.map(|field| format!("/endpoints/0/{field}")));
        let places = places.chain(["/location", "/resolution", "/ports", "/ports/0"].map(str::to_owned));
        let places = places.chain(port.map(|field| format!("/ports/0/{field}")));
        let mut read = 0;
        for place in places {
            for value in
                [Value::Null, json!(true), json!(7), json!(-1), json!(70_000), json!("a\"b"), json!([]), json!({})]
            {
                let text = spec(&place, value);
                let whole = serde_json::from_str::<ServiceEntry>(&text);
                let outline = serde_json::from_str::<Outline<'_>>(&text);
                assert_eq!(outline.is_ok(), whole.is_ok(), "{text}");
                let (Ok(whole), Ok(outline)) = (whole, outline) else { continue };
                read += 1;
                let texts = |list: &[Text<'_>]| list.iter().map(|text| text.to_string()).collect::<Vec<_>>();
                let whole_texts =
                    |list: &[std::sync::Arc<str>]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
                assert_eq!(texts(&outline.addresses), whole_texts(&whole.addresses));
                assert_eq!(texts(&outline.hosts), whole_texts(&whole.hosts));
                assert_eq!(texts(&outline.export_to), whole_texts(&whole.export_to));
                assert_eq!(texts(&outline.subject_alt_names), whole_texts(&whole.subject_alt_names));
                let ends: Vec<_> = outline.endpoints.iter().map(|e| (&*e.address, e.network.as_deref())).collect();
                let whole_ends: Vec<_> = whole.endpoints.iter().map(|e| (&*e.address, e.network.as_deref())).collect();
                assert_eq!(ends, whole_ends);
                let ports: Vec<_> = outline.ports.iter().map(|port| (&*port.name, port.number)).collect();
                let whole_ports: Vec<_> = whole.ports.iter().map(|port| (&*port.name, port.number)).collect();
                assert_eq!(ports, whole_ports);
            }
        }
        assert!(read > 20, "{read}");
    }
}
