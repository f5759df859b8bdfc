//! Where everything of a picture goes: three columns that grow downwards. Names that the same clusters run stand together
//! before one box for each of these; what calls a name stands beside it, so that no edge is long and none crosses text.

use std::collections::BTreeMap;

use mesh_plan::graph::NameNode;

use super::Drawing;
use super::cards::{Card, Port, apart, fleet, name, sources};
use super::measure::{columns, pixels};

/// Around everything, and between sections.
pub(super) const MARGIN: usize = 24;
/// Height of a line of text.
pub(super) const LINE: usize = 16;
/// Between the border of a box and its text.
pub(super) const PADDING: usize = 8;
/// Between two boxes of a column.
const GAP: usize = 10;
/// Between two names.
const ROW_GAP: usize = 22;
/// Where edges bend, between two columns.
const LANE: usize = 70;
/// Between two edges that leave a name, the text of each above it.
const PORT: usize = 24;
/// What stands above the first section: the summary, the legend, the headings.
const HEAD: usize = 116;
/// Above the headings of further sections.
const HEADING: usize = 30;
/// Most edges to the right of a section, most names, and the height that is enough.
const SECTION_EDGES: usize = 12;
const SECTION_NAMES: usize = 8;
const SECTION_HEIGHT: usize = 420;
/// Least width: that of the legend.
const LEAST_WIDTH: usize = 760;

/// A picture.
pub(super) struct Picture {
    pub(super) width: usize,
    pub(super) height: usize,
    /// Left edges of the three columns.
    pub(super) columns: [usize; 3],
    pub(super) sections: Vec<Section>,
    /// Clusters that no name leads to or from, with the place of their heading.
    pub(super) apart: Option<(usize, Vec<Spot>)>,
    /// Problems of the fleet.
    pub(super) fleet: Option<Spot>,
}

/// Names that the same clusters run.
pub(super) struct Section {
    pub(super) top: usize,
    pub(super) rows: Vec<Row>,
    pub(super) sources: Vec<Spot>,
}

/// A name with what leads to it and from it.
pub(super) struct Row {
    /// Which name of the drawing it is.
    pub(super) number: usize,
    pub(super) name: Spot,
    pub(super) clients: Vec<Spot>,
    /// Beside `clients`.
    pub(super) incoming: Vec<Edge>,
    pub(super) outgoing: Vec<(Edge, Port)>,
}

/// A box in its place.
pub(super) struct Spot {
    pub(super) x: usize,
    pub(super) y: usize,
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) card: Card,
}

/// An edge from left to right: straight as far as `bend`, then to its end.
pub(super) struct Edge {
    pub(super) from: (usize, usize),
    pub(super) bend: usize,
    pub(super) to: (usize, usize),
}

/// Names that the same clusters run, before they have a place.
struct Part {
    rows: Vec<(usize, name::Cards)>,
    sources: Vec<Card>,
}

/// Widths of what stands side by side.
struct Widths {
    clients: usize,
    names: usize,
    ports: usize,
    sources: usize,
}

impl Picture {
    /// The picture of a drawing.
    pub(super) fn of(drawing: &Drawing<'_>) -> Self {
        let parts = parts(drawing);
        let widths = Widths::of(&parts);
        let names = MARGIN + widths.clients + LANE;
        let runs = names + widths.names + widths.ports + LANE;
        let columns = [MARGIN, names, runs];
        let mut picture = Self {
            width: (runs + widths.sources + MARGIN).max(LEAST_WIDTH),
            height: if parts.is_empty() { HEAD - HEADING } else { HEAD },
            columns,
            sections: Vec::new(),
            apart: None,
            fleet: None,
        };
        for part in parts {
            let section = section(part, picture.height, columns, &widths);
            picture.height = section.bottom() + MARGIN;
            picture.sections.push(section);
        }
        picture.place_apart(apart(drawing));
        if let Some(card) = fleet(drawing) {
            let spot = Spot::new(MARGIN, picture.height, picture.width - 2 * MARGIN, card);
            picture.height = spot.bottom() + MARGIN;
            picture.fleet = Some(spot);
        }
        picture
    }

    /// Boxes of one width, as many beside each other as there is room for.
    fn place_apart(&mut self, cards: Vec<Card>) {
        let Some(width) = cards.iter().map(Card::width).max() else { return };
        let heading = self.height;
        self.height += HEADING;
        let in_row = ((self.width - 2 * MARGIN + GAP) / (width + GAP)).max(1);
        let mut spots: Vec<Spot> = Vec::new();
        for (at, card) in cards.into_iter().enumerate() {
            if at > 0 && at % in_row == 0 {
                self.height = spots.iter().map(Spot::bottom).max().unwrap_or_default() + GAP;
            }
            spots.push(Spot::new(MARGIN + at % in_row * (width + GAP), self.height, width, card));
        }
        self.height = spots.iter().map(Spot::bottom).max().unwrap_or_default() + MARGIN;
        self.width = self.width.max(width + 2 * MARGIN);
        self.apart = Some((heading, spots));
    }
}

/// Names by the clusters that run them, in parts that are small enough to follow edges with the eye.
fn parts(drawing: &Drawing<'_>) -> Vec<Part> {
    let mut by_sources: BTreeMap<Vec<&str>, Vec<(usize, &NameNode)>> = BTreeMap::new();
    for (number, node) in drawing.names.iter().enumerate() {
        let clusters = node.sources.iter().map(|edge| edge.cluster.as_str()).collect();
        by_sources.entry(clusters).or_default().push((number, node));
    }
    let mut parts = Vec::new();
    for (clusters, names) in by_sources {
        let most = (SECTION_EDGES / clusters.len().max(1)).clamp(1, SECTION_NAMES);
        let mut height = SECTION_HEIGHT;
        let mut in_part = most;
        for (number, node) in names {
            let cards = name::cards(drawing, node);
            if in_part >= most || height >= SECTION_HEIGHT {
                parts.push(Part { rows: Vec::new(), sources: sources(drawing, &clusters) });
                (height, in_part) = (0, 0);
            }
            height += row_height(&cards) + ROW_GAP;
            in_part += 1;
            parts.last_mut().expect("the first name begins a part").rows.push((number, cards));
        }
    }
    parts
}

impl Widths {
    fn of(parts: &[Part]) -> Self {
        let rows = || parts.iter().flat_map(|part| &part.rows).map(|(_, cards)| cards);
        let widest = rows().flat_map(|cards| &cards.ports).map(|port| columns(&port.label)).max().unwrap_or_default();
        Self {
            clients: rows().flat_map(|cards| &cards.clients).map(Card::width).max().unwrap_or_default(),
            names: rows().map(|cards| cards.name.width()).max().unwrap_or_default(),
            ports: pixels(widest) + 2 * PADDING,
            sources: parts.iter().flat_map(|part| &part.sources).map(Card::width).max().unwrap_or_default(),
        }
    }
}

fn section(part: Part, top: usize, columns: [usize; 3], widths: &Widths) -> Section {
    let heights: Vec<usize> = part.rows.iter().map(|(_, cards)| row_height(cards)).collect();
    let left = heights.iter().sum::<usize>() + ROW_GAP * heights.len().saturating_sub(1);
    let right = stack_height(&part.sources);
    let height = left.max(right);
    let sources = stack(part.sources, columns[2], top + (height - right) / 2, widths.sources);
    let names = part.rows.len();
    let mut y = top + (height - left) / 2;
    let mut rows = Vec::new();
    for (at, ((number, cards), height)) in part.rows.into_iter().zip(heights).enumerate() {
        rows.push(row((number, cards), y, height, columns, widths, &sources, (at, names)));
        y += height + ROW_GAP;
    }
    Section { top, rows, sources }
}

/// `(at, of)`: which of how many names that lead to `sources` it is.
fn row(
    (number, cards): (usize, name::Cards),
    top: usize,
    height: usize,
    columns: [usize; 3],
    widths: &Widths,
    sources: &[Spot],
    (at, of): (usize, usize),
) -> Row {
    let name::Cards { name, clients, ports } = cards;
    let name_height = name_height(&name, &ports);
    let mut name = Spot::new(columns[1], top + (height - name_height) / 2, widths.names, name);
    name.height = name_height;
    let clients_height = stack_height(&clients);
    let clients = stack(clients, columns[0], top + (height - clients_height) / 2, widths.clients);
    let callers = clients.len();
    let incoming = clients.iter().enumerate().map(|(at, client)| {
        let from = (client.x + client.width, client.y + client.height / 2);
        Edge { from, bend: from.0, to: (name.x, share(name.y, name.height, at, callers)) }
    });
    let right = name.x + name.width;
    let outgoing_ports = ports.len();
    let outgoing = ports.into_iter().zip(sources).enumerate().map(|(port_at, (port, source))| {
        let from = (right, share(name.y, name.height, port_at, outgoing_ports));
        let to = (source.x, share(source.y, source.height, at, of));
        (Edge { from, bend: right + widths.ports, to }, port)
    });
    let (incoming, outgoing) = (incoming.collect(), outgoing.collect());
    Row { number, name, clients, incoming, outgoing }
}

fn row_height(cards: &name::Cards) -> usize {
    name_height(&cards.name, &cards.ports).max(stack_height(&cards.clients))
}

/// A name is as high as the edges that leave it need.
fn name_height(name: &Card, ports: &[Port]) -> usize {
    name.height().max((ports.len() + 1) * PORT)
}

/// Where the `at`-th of `of` edges meets a side.
fn share(top: usize, height: usize, at: usize, of: usize) -> usize {
    top + height * (at + 1) / (of + 1)
}

fn stack_height(cards: &[Card]) -> usize {
    cards.iter().map(Card::height).sum::<usize>() + GAP * cards.len().saturating_sub(1)
}

fn stack(cards: Vec<Card>, x: usize, top: usize, width: usize) -> Vec<Spot> {
    let mut y = top;
    let mut spots = Vec::new();
    for card in cards {
        let spot = Spot::new(x, y, width, card);
        y = spot.bottom() + GAP;
        spots.push(spot);
    }
    spots
}

impl Section {
    fn bottom(&self) -> usize {
        let spots = self.rows.iter().flat_map(|row| row.clients.iter().chain([&row.name]));
        spots.chain(&self.sources).map(Spot::bottom).max().unwrap_or(self.top)
    }
}

impl Spot {
    fn new(x: usize, y: usize, width: usize, card: Card) -> Self {
        Self { x, y, width, height: card.height(), card }
    }

    fn bottom(&self) -> usize {
        self.y + self.height
    }
}

impl Card {
    fn width(&self) -> usize {
        pixels(self.lines.iter().map(|line| columns(&line.text)).max().unwrap_or_default()) + 2 * PADDING
    }

    fn height(&self) -> usize {
        self.lines.len() * LINE + 2 * PADDING
    }
}

#[cfg(test)]
mod tests;
