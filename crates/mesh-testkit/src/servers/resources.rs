//! Which path an object of a kind has, as the server itself tells it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::api_server::ApiServer;

/// What is known of the resources of one server.
pub(super) struct Resources<'s> {
    server: &'s ApiServer,
    /// By API version, then by kind.
    known: BTreeMap<String, BTreeMap<String, Resource>>,
}

/// The resource of one kind.
#[derive(Debug, Clone)]
pub(super) struct Resource {
    /// `/api/v1` or `/apis/GROUP/VERSION`.
    root: String,
    plural: String,
    namespaced: bool,
    /// Whether its status is written apart from the rest.
    pub(super) has_status: bool,
}

impl<'s> Resources<'s> {
    /// Nothing is known yet.
    pub(super) fn new(server: &'s ApiServer) -> Self {
        Self { server, known: BTreeMap::new() }
    }

    /// The resource of a kind, if it is served.
    pub(super) fn of(&mut self, api_version: &str, kind: &str) -> Option<Resource> {
        let kinds = self.known.entry(api_version.to_owned()).or_insert_with(|| ask(self.server, api_version));
        kinds.get(kind).cloned()
    }
}

impl Resource {
    /// Where objects of the namespace are; of `default` if none is named.
    pub(super) fn collection(&self, namespace: Option<&str>) -> String {
        let Self { root, plural, .. } = self;
        if self.namespaced {
            format!("{root}/namespaces/{}/{plural}", namespace.unwrap_or("default"))
        } else {
            format!("{root}/{plural}")
        }
    }
}

fn ask(server: &ApiServer, api_version: &str) -> BTreeMap<String, Resource> {
    let root = if api_version.contains('/') { format!("/apis/{api_version}") } else { format!("/api/{api_version}") };
    let (_, list) = server.get(&root);
    let resources = list["resources"].as_array().map(Vec::as_slice).unwrap_or_default();
    let names: Vec<&str> = resources.iter().filter_map(|resource| resource["name"].as_str()).collect();
    let resource = |resource: &Value| {
        let plural = resource["name"].as_str().filter(|name| !name.contains('/'))?;
        let status = format!("{plural}/status");
        let found = Resource {
            root: root.clone(),
            plural: plural.to_owned(),
            namespaced: resource["namespaced"] == true,
            has_status: names.contains(&status.as_str()),
        };
        Some((resource["kind"].as_str()?.to_owned(), found))
    };
    resources.iter().filter_map(resource).collect()
}
