//! What stands in the boxes of a picture and beside its edges, cut to its room.

use mesh_model::finding::Finding;
use mesh_plan::graph::ClusterNode;

use super::measure::cut;
use super::{Drawing, about_cluster, finding_details, finding_lines, fleet_lines, is_bad, state};
use crate::escape;

pub(super) mod name;

/// Most columns of a line in the boxes of each column, and of the text of an edge.
const CLIENT_COLUMNS: usize = 36;
const NAME_COLUMNS: usize = 52;
const SOURCE_COLUMNS: usize = 46;
const EDGE_COLUMNS: usize = 34;
const FLEET_COLUMNS: usize = 90;

/// What stands in a box.
pub(super) struct Card {
    pub(super) lines: Vec<Line>,
    /// Something is not as it should be.
    pub(super) bad: bool,
    /// It cannot be seen now.
    pub(super) dim: bool,
    /// Everything, for who asks: a line each.
    pub(super) details: Vec<String>,
}

/// A line of text.
pub(super) struct Line {
    pub(super) text: String,
    pub(super) look: Look,
}

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// What the box is.
    Title,
    /// What else it is.
    Plain,
    /// A problem.
    Bad,
}

/// Where an edge leaves a name.
pub(super) struct Port {
    pub(super) label: String,
    pub(super) held: bool,
    pub(super) details: String,
}

/// Lines for a box of so many columns.
struct Lines {
    lines: Vec<Line>,
    max: usize,
}

impl Lines {
    fn new(title: &str, max: usize) -> Self {
        let mut lines = Self { lines: Vec::new(), max };
        lines.add(Look::Title, [title.to_owned()]);
        lines
    }

    /// What a terminal would act on is spelled out before it is measured.
    fn add(&mut self, look: Look, texts: impl IntoIterator<Item = String>) {
        for text in texts.into_iter().filter(|text| !text.is_empty()) {
            self.lines.push(Line { text: cut(&escape::line(&text), self.max), look });
        }
    }

    fn add_findings(&mut self, findings: &[Finding]) {
        self.add(Look::Bad, finding_lines(findings));
    }
}

/// The clusters that run names, in this order.
pub(super) fn sources(drawing: &Drawing<'_>, clusters: &[&str]) -> Vec<Card> {
    let card = |name: &&str| {
        let node = drawing.cluster(name);
        cluster(name, node, Says::What, node.map_or(&[], |node| &node.findings))
    };
    clusters.iter().map(card).collect()
}

/// The clusters that no name leads to or from.
pub(super) fn apart(drawing: &Drawing<'_>) -> Vec<Card> {
    let card = |node: &ClusterNode| cluster(&node.status.cluster, Some(node), Says::What, &node.findings);
    drawing.apart().map(card).collect()
}

/// Problems of the fleet.
pub(super) fn fleet(drawing: &Drawing<'_>) -> Option<Card> {
    let found = &drawing.graph.findings;
    if found.is_empty() {
        return None;
    }
    let [title, texts @ ..] = &fleet_lines(found)[..] else { return None };
    let mut lines = Lines::new(title, FLEET_COLUMNS);
    lines.add(Look::Bad, texts.iter().cloned());
    Some(Card { lines: lines.lines, bad: is_bad(found), dim: false, details: finding_details(found) })
}

/// What a box of a cluster is there to say.
enum Says {
    /// What the cluster is.
    What,
    /// Who calls from it.
    Callers(String),
}

/// A cluster with `findings`.
fn cluster(name: &str, node: Option<&ClusterNode>, says: Says, findings: &[Finding]) -> Card {
    let max = if matches!(says, Says::What) { SOURCE_COLUMNS } else { CLIENT_COLUMNS };
    let mut lines = Lines::new(name, max);
    let mut details = vec![name.to_owned()];
    let about = node.map(|node| about_cluster(&node.status)).into_iter().flatten();
    details.extend(about.clone());
    match says {
        Says::What => lines.add(Look::Plain, about),
        Says::Callers(who) => lines.add(Look::Plain, [who]),
    }
    let state = node.and_then(|node| state(&node.status));
    details.extend(state.clone());
    details.extend(finding_details(findings));
    let dim = state.is_some();
    lines.add(Look::Plain, state);
    lines.add_findings(findings);
    Card { lines: lines.lines, bad: is_bad(findings), dim, details }
}
