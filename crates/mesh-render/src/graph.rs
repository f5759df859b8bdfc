//! A fleet as a picture: clusters that call on the left, names in the middle, clusters that run them on the right.
//!
//! The same words stand in every form. Each form escapes what came from clusters in its own way, after
//! [`crate::escape`] has spelled out what a terminal would act on.

use std::collections::BTreeSet;

use mesh_model::finding::{Finding, Severity};
use mesh_model::name::ClusterName;
use mesh_plan::desired::Place;
use mesh_plan::graph::{Caller, ClientEdge, ClusterNode, Graph, NameNode, SourceEdge, Tie};
use mesh_plan::status::{MemberState, MemberStatus};
use mesh_plan::whereis::HostReport;
use serde_json::{Value, json};

use crate::document::{findings_of, headed};
use crate::findings::counts;
use crate::limits::{DRAWN_EDGES, DRAWN_FINDINGS, DRAWN_HOSTS, DRAWN_NAMES, MERMAID_EDGES, MERMAID_TEXT};
use crate::plan::count;

mod cards;
pub mod dot;
#[cfg(test)]
mod fixture;
pub mod html;
mod layout;
mod measure;
pub mod mermaid;
pub mod svg;
mod xml;

/// What of a graph is drawn. A document has all of it.
pub struct Drawing<'a> {
    pub(crate) graph: &'a Graph,
    pub(crate) names: &'a [NameNode],
    /// The clusters that run a drawn name: what is wrong in one is told there, and not where it calls.
    sources: BTreeSet<&'a ClusterName>,
    /// Names beyond the limits.
    pub left_out: usize,
}

impl<'a> Drawing<'a> {
    /// As many names of `graph` as can be drawn, in their order.
    pub fn of(graph: &'a Graph) -> Self {
        let mut edges = 0;
        let fits = |name: &&NameNode| {
            edges += name.clients.len() + name.sources.len();
            edges <= DRAWN_EDGES
        };
        let drawn = graph.names.iter().take(DRAWN_NAMES).take_while(fits).count().max(1).min(graph.names.len());
        let names = &graph.names[..drawn];
        let sources = names.iter().flat_map(|name| &name.sources).map(|edge| &edge.cluster).collect();
        Self { graph, names, sources, left_out: graph.names.len() - drawn }
    }

    /// What is left out, and how to see it.
    pub fn note(&self) -> Option<String> {
        (self.left_out > 0).then(|| {
            let names = count(self.left_out, "name");
            format!("{names} of {} left out; draw fewer at once with NAME, -n or --cluster", self.graph.names.len())
        })
    }

    /// `7 names in 4 clusters. Findings: 1 warning.`
    fn summary(&self) -> String {
        let (names, clusters) = (self.graph.names.len(), self.graph.clusters.len());
        let found: Vec<Finding> = self.graph.all_findings().cloned().collect();
        let found = if found.is_empty() { "none".to_owned() } else { counts(&found) };
        format!("{} in {}. Findings: {found}.", count(names, "name"), count(clusters, "cluster"))
    }

    /// The clusters that no drawn name leads to or from.
    fn apart(&self) -> impl Iterator<Item = &'a ClusterNode> {
        let drawn: BTreeSet<_> = self.names.iter().flat_map(NameNode::clusters).collect();
        self.graph.clusters.iter().filter(move |node| !drawn.contains(&node.status.cluster))
    }

    /// The problems to tell where a cluster calls.
    fn findings_of_client(&self, node: &'a ClusterNode) -> &'a [Finding] {
        if self.sources.contains(&node.status.cluster) { &[] } else { &node.findings }
    }

    fn cluster(&self, name: &str) -> Option<&'a ClusterNode> {
        let at = self.graph.clusters.binary_search_by(|node| node.status.cluster.as_str().cmp(name)).ok()?;
        Some(&self.graph.clusters[at])
    }
}

/// The graph as a versioned document (`docs/schemas/graph.schema.json`).
pub fn document(graph: &Graph) -> Value {
    let mut document = headed("Graph", graph);
    document["findings"] = json!(findings_of(&graph.findings));
    for (at, cluster) in graph.clusters.iter().enumerate() {
        document["clusters"][at]["findings"] = json!(findings_of(&cluster.findings));
    }
    for (at, name) in graph.names.iter().enumerate() {
        document["names"][at]["findings"] = json!(findings_of(&name.findings));
    }
    document
}

/// Why Mermaid may refuse what it is given, if it may.
pub fn mermaid_refuses(drawing: &Drawing<'_>, text: &str) -> Option<String> {
    let edges: usize = drawing.names.iter().map(|name| name.clients.len() + name.sources.len()).sum();
    let length = text.chars().count();
    (edges > MERMAID_EDGES || length > MERMAID_TEXT).then(|| {
        format!(
            "Mermaid draws at most {MERMAID_EDGES} edges and {MERMAID_TEXT} characters unless maxEdges and maxTextSize of \
             its configuration say more; these are {edges} and {length}. Draw fewer names, or use -o svg or html"
        )
    })
}

/// `! warning MESH-C035 dead-dependency`: the mark is for who sees no red.
fn finding_line(finding: &Finding) -> String {
    let mark = if finding.severity == Severity::Info { "i" } else { "!" };
    format!("{mark} {} {} {}", finding.severity, finding.code, finding.code.name())
}

/// The lines of the worst of `findings`, and how many others there are.
fn finding_lines(findings: &[Finding]) -> Vec<String> {
    worst(findings, finding_line)
}

/// The same of the fleet's, with their places: nothing else says where they are.
fn fleet_lines(findings: &[Finding]) -> Vec<String> {
    let lines = worst(findings, |finding| format!("{}: {}", finding_line(finding), finding.place));
    std::iter::once("The fleet".to_owned()).chain(lines).collect()
}

fn worst(findings: &[Finding], line: impl Fn(&Finding) -> String) -> Vec<String> {
    let mut sorted: Vec<&Finding> = findings.iter().collect();
    sorted.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.cmp(b)));
    let mut lines: Vec<String> = sorted.into_iter().map(line).collect();
    lines.dedup();
    let more = lines.len().saturating_sub(DRAWN_FINDINGS);
    lines.truncate(DRAWN_FINDINGS);
    if more > 0 {
        lines.push(format!("! and {}", count(more, "more finding")));
    }
    lines
}

/// Everything that `findings` say, a line each, for who asks.
fn finding_details(findings: &[Finding]) -> Vec<String> {
    let text = |finding: &Finding| {
        let cluster = finding.cluster.as_ref().map(|cluster| format!("{cluster}: ")).unwrap_or_default();
        format!("{}: {cluster}{}: {} → {}", finding_line(finding), finding.place, finding.message, finding.next)
    };
    findings.iter().map(text).collect()
}

/// Whether something is not as it should be.
fn is_bad(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.severity > Severity::Info)
}

/// What a name is, below its host.
fn about_name(name: &NameNode) -> String {
    let port = name.port.as_ref().map(|port| format!(" · {} {}", port.protocol, port.number)).unwrap_or_default();
    format!("{} · env {}{port}", name.identity, name.env)
}

/// The further hosts of a name, each with its split.
fn further_hosts(name: &NameNode) -> Vec<String> {
    let hosts = name.hosts.iter().filter(|host| host.host != name.name);
    let text = |host: &HostReport| {
        let split = split(host);
        if split.is_empty() { format!("+ {}", host.host) } else { format!("+ {}  {split}", host.host) }
    };
    let mut lines: Vec<String> = hosts.map(text).collect();
    let more = lines.len().saturating_sub(DRAWN_HOSTS);
    lines.truncate(DRAWN_HOSTS);
    if more > 0 {
        lines.push(format!("+ {}", count(more, "more host")));
    }
    lines
}

/// `us-east-2 20%, us-west-2 80%`.
fn split(host: &HostReport) -> String {
    host.split.iter().map(|(region, weight)| format!("{region} {weight}%")).collect::<Vec<_>>().join(", ")
}

/// What no edge of a name tells: that it has none on a side, or that there are more in clusters that were not asked for.
fn without_edge(name: &NameNode) -> Vec<String> {
    if name.elsewhere > 0 {
        return vec![format!("and {} not shown", count(name.elsewhere, "more cluster"))];
    }
    let nobody = |is_empty: bool, text: &str| is_empty.then(|| text.to_owned());
    let texts = [nobody(name.clients.is_empty(), "no caller seen"), nobody(name.sources.is_empty(), "seen nowhere")];
    texts.into_iter().flatten().collect()
}

/// Region and gateway of a cluster. What is not known of one that was not seen completely may be there all the same.
fn about_cluster(status: &MemberStatus) -> [String; 2] {
    let is_unseen = matches!(status.state, MemberState::Partial | MemberState::Unseen);
    let or_none = |value: &Option<String>, what: &str| match value {
        Some(value) => value.clone(),
        None if is_unseen => format!("{what} unknown"),
        None => format!("no {what}"),
    };
    [or_none(&status.region, "region"), or_none(&status.gateway, "gateway")]
}

/// How a cluster is, where it is not simply seen.
fn state(status: &MemberStatus) -> Option<String> {
    let why = status.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    let kinds: Vec<&str> = status.unseen_kinds.iter().map(|kind| kind.as_str()).collect();
    match status.state {
        MemberState::Seen => None,
        MemberState::Partial => Some(format!("? unseen: {}", kinds.join(", "))),
        MemberState::Unseen => Some(format!("? unseen{why}")),
        MemberState::Retired => Some("retired".to_owned()),
    }
}

/// Who calls from a cluster.
fn callers(client: &ClientEdge) -> String {
    let names: Vec<&str> = client.callers.iter().map(|caller| &*caller.identity).collect();
    match client.tie {
        Tie::Calls => names.join(", "),
        Tie::Ran => "ran it once; callers here go on".to_owned(),
        Tie::Held => "? held: whether it calls is unseen".to_owned(),
    }
}

/// Why a cluster has a name, for who asks: who calls, else the reason that was found.
fn why_client(client: &ClientEdge) -> Vec<String> {
    let caller = |caller: &Caller| {
        let Caller { identity, workload, dependency } = caller;
        format!("{identity} runs here ({} {}) and depends on it ({dependency})", workload.kind, workload.name)
    };
    let callers: Vec<String> = client.callers.iter().map(caller).collect();
    let because = client.because.iter().filter(|_| callers.is_empty());
    let because = because.map(|because| crate::reason::because(&because.rule, &because.sources)).collect();
    [callers, because].concat()
}

/// What leads from a name to a cluster: the share of its region, and what runs there.
fn about_source(source: &SourceEdge) -> String {
    let weight = source.weight.map(|weight| format!("{weight}%"));
    let held = source.held.then(|| "? held".to_owned());
    let mut places: Vec<String> = source.places.iter().map(place).filter(|place| !place.is_empty()).collect();
    places.dedup();
    weight.into_iter().chain(held).chain(places).collect::<Vec<_>>().join(" · ")
}

/// `tax/tax`, namespace and workload, or what is known of them.
fn place(place: &Place) -> String {
    let name = place.workload.as_deref().or(place.service.as_deref());
    [place.namespace.as_deref(), name].into_iter().flatten().collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests;
