//! What stands around a name.

use mesh_plan::graph::{ClientEdge, NameNode, SourceEdge, Tie};

use super::{CLIENT_COLUMNS, Card, EDGE_COLUMNS, Lines, Look, NAME_COLUMNS, Port, Says, cluster};
use crate::escape;
use crate::graph::measure::cut;
use crate::graph::{
    Drawing, about_name, about_source, callers, finding_details, further_hosts, is_bad, state, why_client, without_edge,
};
use crate::limits::DRAWN_CLIENTS;
use crate::plan::count;

/// Most clients of a name that have a box each.
const OWN_BOXES: usize = 4;

/// A name and what stands beside it.
pub(in crate::graph) struct Cards {
    pub(in crate::graph) name: Card,
    pub(in crate::graph) clients: Vec<Card>,
    /// One for each cluster that runs it.
    pub(in crate::graph) ports: Vec<Port>,
}

/// The cards of `node`.
pub(in crate::graph) fn cards(drawing: &Drawing<'_>, node: &NameNode) -> Cards {
    let clients = match &node.clients[..] {
        few if few.len() <= OWN_BOXES => few.iter().map(|client| client_card(drawing, client)).collect(),
        many => vec![clients_card(drawing, many)],
    };
    Cards { name: name_card(node), clients, ports: node.sources.iter().map(|source| port(node, source)).collect() }
}

fn name_card(node: &NameNode) -> Card {
    let mut lines = Lines::new(&node.name, NAME_COLUMNS);
    lines.add(Look::Plain, [about_name(node)]);
    lines.add(Look::Plain, further_hosts(node));
    lines.add(Look::Plain, without_edge(node));
    lines.add_findings(&node.findings);
    let mut details = vec![node.name.to_string(), about_name(node)];
    details.extend(further_hosts(node));
    details.extend(finding_details(&node.findings));
    Card { lines: lines.lines, bad: is_bad(&node.findings), dim: false, details }
}

fn client_card(drawing: &Drawing<'_>, client: &ClientEdge) -> Card {
    let node = drawing.cluster(&client.cluster);
    let findings = node.map_or(&[][..], |node| drawing.findings_of_client(node));
    let mut card = cluster(&client.cluster, node, Says::Callers(callers(client)), findings);
    card.dim |= client.tie == Tie::Held;
    card.details.extend(why_client(client));
    card
}

/// Clients that are too many for a box each: a line each.
fn clients_card(drawing: &Drawing<'_>, clients: &[ClientEdge]) -> Card {
    let mut lines = Lines::new(&count(clients.len(), "cluster"), CLIENT_COLUMNS);
    let mut bad = false;
    let mut details = Vec::new();
    for (at, client) in clients.iter().enumerate() {
        let node = drawing.cluster(&client.cluster);
        let findings = node.map_or(&[][..], |node| drawing.findings_of_client(node));
        let state = node.and_then(|node| state(&node.status));
        let texts = [Some(client.cluster.to_string()), Some(callers(client)), state];
        let text = texts.into_iter().flatten().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" · ");
        bad |= is_bad(findings);
        if at < DRAWN_CLIENTS {
            lines.add(Look::Plain, [text.clone()]);
            lines.add_findings(findings);
        }
        details.push(text);
        details.extend(finding_details(findings));
    }
    if let Some(more @ 1..) = clients.len().checked_sub(DRAWN_CLIENTS) {
        lines.add(Look::Plain, [format!("and {more} more")]);
    }
    Card { lines: lines.lines, bad, dim: false, details }
}

fn port(node: &NameNode, source: &SourceEdge) -> Port {
    let label = about_source(source);
    let places = source.places.iter().map(|place| {
        let number = |value: Option<u32>| value.map_or("?".to_owned(), |value| value.to_string());
        let kind = place.kind.map(|kind| format!("{kind} ")).unwrap_or_default();
        let ready = format!("{}/{} ready", number(place.ready), number(place.replicas));
        format!("{kind}{}: {ready}", super::super::place(place))
    });
    let details = [format!("{} in {}: {label}", node.name, source.cluster)];
    Port {
        label: cut(&escape::line(&label), EDGE_COLUMNS),
        held: source.held,
        details: details.into_iter().chain(places).collect::<Vec<_>>().join("\n"),
    }
}
