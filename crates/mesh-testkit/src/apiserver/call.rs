//! A request, understood: verb, resource, name and query.

use std::collections::BTreeMap;

use axum::extract::Query;
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, header};

use super::resource::{self, Resource};
use super::status::{Place, Refusal};

/// What a request wants, in the words of RBAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// In a fault: every verb. No request has it.
    Any,
    /// One object.
    Get,
    /// A list, or one page of it.
    List,
    /// A stream of changes.
    Watch,
    /// POST.
    Create,
    /// PUT.
    Update,
    /// PATCH, server-side apply included.
    Patch,
    /// DELETE.
    Delete,
    /// Everything that is not about objects: `/version`, `/readyz`, `/api`, `/apis`, and paths that lead nowhere.
    Discovery,
}

impl Verb {
    /// As RBAC and error texts write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Any => "*",
            Self::Get | Self::Discovery => "get",
            Self::List => "list",
            Self::Watch => "watch",
            Self::Create => "create",
            Self::Update => "update",
            Self::Patch => "patch",
            Self::Delete => "delete",
        }
    }
}

/// One request.
#[derive(Debug)]
pub(crate) struct Call {
    pub verb: Verb,
    pub method: Method,
    pub path: String,
    /// Path and query, as they came.
    pub target: String,
    pub query: BTreeMap<String, String>,
    pub headers: HeaderMap,
    pub group: String,
    pub version: String,
    /// The plural that the path names, whether or not it is served.
    pub plural: String,
    pub resource: Option<&'static Resource>,
    pub namespace: String,
    pub name: String,
    pub subresource: String,
}

impl Call {
    pub(crate) fn of(parts: &Parts) -> Self {
        let query = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri).map(|query| query.0).unwrap_or_default();
        let mut call = Self {
            verb: Verb::Discovery,
            method: parts.method.clone(),
            path: parts.uri.path().to_owned(),
            target: parts.uri.path_and_query().map_or_else(String::new, ToString::to_string),
            query: query.into_iter().collect(),
            headers: parts.headers.clone(),
            group: String::new(),
            version: String::new(),
            plural: String::new(),
            resource: None,
            namespace: String::new(),
            name: String::new(),
            subresource: String::new(),
        };
        call.read_path();
        if !call.plural.is_empty() {
            call.verb = call.verb_of_method();
        }
        call
    }

    fn read_path(&mut self) {
        let path = self.path.clone();
        let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
        let rest = match segments.as_slice() {
            ["api", version, rest @ ..] => {
                (*version).clone_into(&mut self.version);
                rest
            }
            ["apis", group, version, rest @ ..] => {
                (*group).clone_into(&mut self.group);
                (*version).clone_into(&mut self.version);
                rest
            }
            _ => return,
        };
        let rest = match rest {
            // The status of a namespace is no resource inside it.
            ["namespaces", _, "status" | "finalize"] => rest,
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() => {
                (*namespace).clone_into(&mut self.namespace);
                rest
            }
            rest => rest,
        };
        let part = |at: usize| rest.get(at).copied().unwrap_or_default().to_owned();
        (self.plural, self.name, self.subresource) = (part(0), part(1), rest.get(2..).unwrap_or_default().join("/"));
        self.resource = resource::ALL.iter().find(|one| {
            one.group == self.group && one.plural == self.plural && one.versions.contains(&self.version.as_str())
        });
    }

    fn verb_of_method(&self) -> Verb {
        match self.method {
            Method::POST => Verb::Create,
            Method::PUT => Verb::Update,
            Method::PATCH => Verb::Patch,
            Method::DELETE => Verb::Delete,
            _ if matches!(self.parameter("watch"), "true" | "1") => Verb::Watch,
            _ if self.name.is_empty() => Verb::List,
            _ => Verb::Get,
        }
    }

    /// A query parameter, empty if it is not there.
    pub(crate) fn parameter(&self, name: &str) -> &str {
        self.query.get(name).map_or("", String::as_str)
    }

    /// A header, empty if it is not there.
    pub(crate) fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    pub(crate) fn takes_gzip(&self) -> bool {
        self.header(header::ACCEPT_ENCODING).split(',').any(|one| one.trim().starts_with("gzip"))
    }

    /// An answer in JSON, and no other view of the object, must be among what the client takes.
    pub(crate) fn accepts_json(&self) -> bool {
        let accepted = self.header(header::ACCEPT);
        accepted.is_empty()
            || accepted.split(',').any(|one| {
                let mut parts = one.split(';').map(str::trim);
                let json = matches!(parts.next(), Some("application/json" | "*/*" | "application/*"));
                json && !parts.any(|parameter| parameter.starts_with("as="))
            })
    }

    pub(crate) fn dry_run(&self) -> bool {
        self.parameter("dryRun") == "All"
    }

    /// Who writes: the parameter, else the program's name, as for the real server.
    pub(crate) fn manager(&self) -> &str {
        let agent = self.header(header::USER_AGENT).split('/').next().unwrap_or_default();
        Some(self.parameter("fieldManager")).filter(|manager| !manager.is_empty()).unwrap_or(agent)
    }

    pub(crate) fn place(&self) -> Place<'_> {
        Place {
            resource: self.resource,
            path: &self.path,
            namespace: &self.namespace,
            name: &self.name,
            subresource: &self.subresource,
        }
    }

    /// The resource, if the path is one of it.
    pub(crate) fn target(&self) -> Result<&'static Resource, Refusal> {
        let builtin = resource::ALL
            .iter()
            .any(|one| !one.custom && one.group == self.group && one.versions.contains(&self.version.as_str()));
        let nothing = || if builtin { Refusal::no_such_resource() } else { Refusal::no_such_path() };
        let resource = self.resource.ok_or_else(nothing)?;
        let subresource = self.subresource.is_empty() || self.subresource == "status" && resource.status;
        let scope = if resource.namespaced {
            self.name.is_empty() || !self.namespace.is_empty()
        } else {
            self.namespace.is_empty()
        };
        if subresource && scope { Ok(resource) } else { Err(nothing()) }
    }
}
