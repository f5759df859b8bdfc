//! Manifests to facts: one decoder for files and for pages of an API server.
//!
//! A [`ClusterDecoder`] takes in the documents of one cluster, one at a time, and keeps of each only what some rule uses.
//! What does not read becomes a finding, and unknown: the kind if it can be told, else the whole cluster.

use std::sync::Arc;

use mesh_model::facts::ClusterFacts;
use mesh_model::finding::{Code, Finding};
use mesh_model::kind::Kind;
use mesh_model::name::ClusterName;
use mesh_model::policy::MeshPolicy;
use serde::de::IgnoredAny;

use crate::fleet::Depth;
use crate::limits::{MAX_FINDINGS, MAX_TEXT};

pub(crate) mod certificate;
mod claims;
mod cluster;
mod documents;
mod intern;
mod istio;
mod items;
pub(crate) mod mesh;
mod objects;
mod page;
mod part;
mod places;
mod policies;
mod problem;
mod services;
mod single;
mod source;
mod text;
mod whole;
mod wire;
mod workloads;

pub(crate) use claims::may_hold_claims;
pub(crate) use cluster::KUBE_SYSTEM;
pub use documents::{FileDocument, json_documents, yaml_documents};
pub use intern::Interner;
pub(crate) use page::PageEnd;
pub(crate) use part::Part;
pub(crate) use single::{RawPage, Slim, Slims};
pub use source::Source;
pub(crate) use source::yaml_options;
pub(crate) use whole::Whole;

use items::each_item;
use objects::{Item, Job, Shape};
use places::Places;
use problem::ReadError;
use wire::{Object, PageHead};

/// Takes in the documents of one cluster.
pub struct ClusterDecoder<'p> {
    cluster: ClusterName,
    policy: &'p MeshPolicy,
    depth: Depth,
    interner: &'p mut Interner,
    facts: ClusterFacts,
    /// Where each object was first seen.
    places: Places,
    /// Positions of the gateways' labels in `policy.gateway.apps`, parallel to `facts.gateways`.
    gateway_ranks: Vec<usize>,
    findings: Vec<Finding>,
    findings_left_out: usize,
    objects: usize,
    unreadable: Option<String>,
}

/// Where a document lies.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The file, relative to the fleet, or the request.
    pub file: &'a str,
    /// The line it begins on, from 1.
    pub line: usize,
    /// The version of the objects in it: the digest of the file. None where each has its own, `metadata.resourceVersion`.
    pub version: Option<&'a Arc<str>>,
}

/// What came of the documents of a cluster.
#[derive(Debug)]
pub struct Decoded {
    /// The facts, sorted.
    pub facts: ClusterFacts,
    /// What was found on the way.
    pub findings: Vec<Finding>,
    /// How many objects were read, of any kind.
    pub objects: usize,
    /// Why the cluster as a whole must count as unseen, if it must.
    pub unreadable: Option<String>,
}

impl<'p> ClusterDecoder<'p> {
    /// A decoder without documents yet, which keeps what decides what is generated.
    pub fn new(cluster: ClusterName, policy: &'p MeshPolicy, interner: &'p mut Interner) -> Self {
        Self {
            cluster,
            policy,
            depth: Depth::Plan,
            interner,
            facts: ClusterFacts::default(),
            places: Places::default(),
            gateway_ranks: Vec::new(),
            findings: Vec::new(),
            findings_left_out: 0,
            objects: 0,
            unreadable: None,
        }
    }

    /// The same, which keeps as much as `depth` says.
    #[must_use]
    pub fn to(self, depth: Depth) -> Self {
        Self { depth, ..self }
    }

    /// Takes in one document: an object, or a list of objects.
    pub fn take(&mut self, source: Source<'_>, place: Place<'_>) {
        let guess = source.guess_head();
        let head;
        let (api_version, kind) = if let Some(guess) = guess {
            guess
        } else {
            match source.head() {
                Ok(read) => head = read,
                Err(error) => return self.unreadable_document(place, &error),
            }
            match (&head.api_version, &head.kind) {
                (Some(api_version), Some(kind)) => (&**api_version, &**kind),
                _ => return self.unreadable_document(place, &ReadError::new("has no apiVersion and kind")),
            }
        };
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        if let Some(known) = Kind::of(group, kind) {
            self.take_known(known, source, Shape::One, place, guess.is_some());
        } else if let Some(known) = kind.strip_suffix("List").and_then(|item| Kind::of(group, item)) {
            self.take_known(known, source, Shape::Many, place, guess.is_some());
        } else if kind == "List" && group.is_empty() {
            self.take_list(source, place);
        } else {
            self.objects += 1;
            // Of a kind that nobody reads; but a person should know that it is broken.
            if let Some(Err(error)) = guess.map(|_| source.head()) {
                self.note_unreadable(None, place, &error);
            }
        }
    }

    /// Notes what stands where a document should, and does not parse.
    pub fn broken_document(&mut self, place: Place<'_>, problem: &str) {
        self.unreadable_document(place, &ReadError::new(problem));
    }

    /// Marks a kind as not completely read.
    pub fn mark_unseen(&mut self, kind: Kind, place: &str, message: String) {
        self.facts.unseen.insert(kind);
        self.find(Finding::new(Code::KindUnseen, Some(&self.cluster.clone()), place, message));
    }

    /// Marks the whole cluster as unreadable; the first reason counts.
    pub fn mark_unreadable(&mut self, why: String) {
        self.unreadable.get_or_insert(why);
    }

    /// Adds a finding, within bounds.
    pub fn find(&mut self, finding: Finding) {
        if self.findings.len() < MAX_FINDINGS {
            self.findings.push(finding);
        } else {
            self.findings_left_out += 1;
        }
    }

    /// The facts of everything that was taken in.
    pub fn finish(self) -> Decoded {
        let cluster = self.cluster.clone();
        self.into_part().finish(&cluster)
    }

    /// Everything that was taken in, to be put together with what other decoders of this cluster took in.
    pub(crate) fn into_part(self) -> Part {
        Part {
            facts: self.facts,
            gateway_ranks: self.gateway_ranks,
            findings: self.findings,
            findings_left_out: self.findings_left_out,
            objects: self.objects,
            unreadable: self.unreadable,
        }
    }

    /// Takes in an object, or a list of objects, of a kind that is read.
    fn take_known(&mut self, kind: Kind, source: Source<'_>, shape: Shape, place: Place<'_>, check: bool) {
        self.take_job(Job { kind, source, shape, place, check });
    }

    /// Takes in what the job says; what a page says of itself, where it is one and reads.
    fn take_job<'a>(&mut self, job: Job<'a>) -> Option<PageHead<'a>> {
        match job.kind {
            Kind::Namespace => self.each(job, Self::namespace),
            Kind::Node => self.each(job, Self::node),
            Kind::ConfigMap => self.each(job, Self::config_map),
            Kind::Service => self.each(job, Self::service),
            Kind::Deployment | Kind::StatefulSet | Kind::DaemonSet | Kind::Rollout | Kind::Job | Kind::CronJob => {
                self.each(job, Self::workload)
            }
            Kind::ServiceEntry | Kind::DestinationRule => self.each(job, Self::generated),
            Kind::VirtualService => self.each(job, Self::virtual_service),
            Kind::Gateway | Kind::Sidecar | Kind::PeerAuthentication | Kind::AuthorizationPolicy => {
                self.each(job, Self::traffic_object)
            }
            Kind::Dependency => self.each(job, Self::dependency),
            Kind::GlobalTrafficPolicy => self.each(job, Self::global_traffic_policy),
            Kind::OutlierDetection => self.each(job, Self::outlier_detection),
            Kind::ClientConnectionConfig => self.each(job, Self::connection_config),
            Kind::GlobalName => self.each(job, Self::global_name),
            Kind::GlobalNameSet => self.each(job, Self::global_name_set),
            // No rule reads them yet; that they read at all matters, since they can be unseen.
            Kind::RoutingPolicy | Kind::TrafficConfig | Kind::DependencyProxy => {
                self.each(job, |_, _: &Item<'a>, _: Object<'a, IgnoredAny>| Ok(()))
            }
        }
    }

    /// Takes in a list of objects of several kinds, item by item.
    fn take_list(&mut self, source: Source<'_>, place: Place<'_>) {
        if let Err(error) = each_item(source, &mut |item| self.take(Source::Item(item), place)) {
            self.unreadable_document(place, &error);
        }
    }

    /// The text, shared, if it is within the usual bound.
    fn text(&mut self, what: &str, text: &str) -> Result<Arc<str>, String> {
        if text.len() > MAX_TEXT {
            return Err(format!("{what} is longer than {MAX_TEXT} bytes"));
        }
        Ok(self.interner.text(text))
    }

    fn unreadable_document(&mut self, place: Place<'_>, error: &ReadError) {
        let at = place_of(place, error);
        self.mark_unreadable(format!("{at} cannot be read"));
        let message = format!("cannot be read: {}", error.problem);
        self.find(Finding::new(Code::UnreadableDocument, Some(&self.cluster.clone()), at, message));
    }

    /// Notes an object that does not read; its kind, if it is one that is read, becomes unseen.
    fn note_unreadable(&mut self, kind: Option<Kind>, place: Place<'_>, error: &ReadError) {
        let message = match kind {
            Some(kind) => {
                self.facts.unseen.insert(kind);
                format!("cannot be read as a {kind}: {}", error.problem)
            }
            None => format!("cannot be read: {}", error.problem),
        };
        let at = place_of(place, error);
        self.find(Finding::new(Code::UnreadableObject, Some(&self.cluster.clone()), at, message));
    }
}

fn place_of(place: Place<'_>, error: &ReadError) -> String {
    format!("{}:{}", place.file, place.line + error.line.map_or(0, |line| line - 1))
}

fn shorten(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests;
