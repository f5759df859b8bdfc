//! A graph as a picture that stands alone.

use std::fmt::Write as _;

use super::layout::{Edge, LINE, MARGIN, PADDING, Picture, Row, Section, Spot};
use super::{Drawing, xml};
use crate::graph::cards::{Card, Look};

/// Colours, light and dark.
pub(super) const STYLE: &str = include_str!("picture.css");
/// What edges end in.
const DEFINITIONS: &str = "<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"7\" \
    markerHeight=\"7\" orient=\"auto\"><path class=\"tip\" d=\"M0 0L8 4L0 8z\"/></marker></defs>\n";
/// What marks mean.
const LEGEND: &str = "An arrow leads from who calls over the name to where it runs. ! and red: a finding. ? and dashes: \
    unseen now, and held.";
/// From the top of a line of text to its baseline.
const BASELINE: usize = 12;

/// Where nodes lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Links {
    /// Nowhere; they can be focused all the same.
    None,
    /// To the rows of the tables below the picture.
    Rows,
}

/// The whole text.
pub fn render(drawing: &Drawing<'_>) -> String {
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{}", element(drawing, Links::None))
}

/// The element alone.
pub(super) fn element(drawing: &Drawing<'_>, links: Links) -> String {
    let picture = Picture::of(drawing);
    let (width, height) = (picture.width, picture.height);
    let summary = xml::text(&drawing.summary());
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         role=\"group\" aria-label=\"{summary}\">\n<title>{summary}</title>\n<style>{STYLE}</style>\n{DEFINITIONS}\
         <rect class=\"paper\" width=\"{width}\" height=\"{height}\"/>\n"
    );
    head(&mut text, drawing, &picture);
    for (at, section) in picture.sections.iter().enumerate() {
        if at > 0 {
            let (y, right) = (section.top - MARGIN / 2, picture.width - MARGIN);
            let _ = writeln!(text, "<path class=\"rule\" d=\"M{MARGIN} {y}H{right}\"/>");
        }
        draw_section(&mut text, section, links);
    }
    if let Some((y, spots)) = &picture.apart {
        line(&mut text, "heading", MARGIN, y + LINE, "OTHER CLUSTERS");
        for spot in spots {
            node(&mut text, "cluster", spot, &cluster_id(spot, links), links);
        }
    }
    if let Some(spot) = &picture.fleet {
        node(&mut text, "fleet", spot, "", links);
    }
    text + "</svg>\n"
}

fn head(text: &mut String, drawing: &Drawing<'_>, picture: &Picture) {
    let mut y = MARGIN + BASELINE;
    line(text, "summary", MARGIN, y, &drawing.summary());
    y += LINE + 4;
    line(text, "quiet", MARGIN, y, LEGEND);
    if let Some(note) = drawing.note() {
        line(text, "bad", MARGIN, y + LINE, &format!("! {note}"));
    }
    if !picture.sections.is_empty() {
        for (x, heading) in picture.columns.iter().zip(["CALLED FROM", "NAME", "RUNS IN"]) {
            line(text, "heading", *x, y + 3 * LINE - 4, heading);
        }
    }
}

fn draw_section(text: &mut String, section: &Section, links: Links) {
    // Boxes are painted over the ends of edges.
    for row in &section.rows {
        draw_row(text, row, links);
    }
    for spot in &section.sources {
        node(text, "cluster", spot, &cluster_id(spot, links), links);
    }
}

fn draw_row(text: &mut String, row: &Row, links: Links) {
    let number = row.number;
    let _ = writeln!(text, "<g class=\"row\" data-name=\"n{number}\">");
    for (edge, client) in row.incoming.iter().zip(&row.clients) {
        let title = client.card.details.join("\n");
        draw_edge(text, edge, client.card.dim, &title);
    }
    for (edge, port) in &row.outgoing {
        draw_edge(text, edge, port.held, &port.details);
        line(text, "label", edge.from.0 + PADDING, edge.from.1 - 4, &port.label);
    }
    for client in &row.clients {
        node(text, "client", client, "", links);
    }
    let (id, target) = (format!("n{number}"), format!("row-n{number}"));
    let attributes = match links {
        Links::None => format!("id=\"{id}\""),
        Links::Rows => format!("id=\"{id}\" href=\"#{target}\""),
    };
    node(text, "name", &row.name, &attributes, links);
    *text += "</g>\n";
}

/// The rows of clusters are found by the clusters' names.
fn cluster_id(spot: &Spot, links: Links) -> String {
    match (links, spot.card.details.first()) {
        (Links::Rows, Some(name)) => format!("href=\"#{}\"", xml::text(&cluster_row(name))),
        _ => String::new(),
    }
}

/// The identifier of the row of a cluster, in which only some characters of its name may stand.
pub(super) fn cluster_row(cluster: &str) -> String {
    let mut id = String::from("cluster-");
    for c in cluster.chars() {
        match c {
            'a'..='z' | '0'..='9' | '-' => id.push(c),
            c => {
                let _ = write!(id, "_{:x}_", u32::from(c));
            }
        }
    }
    id
}

fn draw_edge(text: &mut String, edge: &Edge, is_held: bool, title: &str) {
    let ((x1, y1), (x2, y2)) = (edge.from, edge.to);
    let (bend, middle) = (edge.bend, usize::midpoint(edge.bend, x2));
    let held = if is_held { " held" } else { "" };
    let title = lines(title);
    let _ = writeln!(
        text,
        "<path class=\"edge{held}\" marker-end=\"url(#tip)\" d=\"M{x1} {y1}H{bend}C{middle} {y1} {middle} {y2} {x2} {y2}\">\
         <title>{title}</title></path>"
    );
}

/// A box: a link where `attributes` say where to, focusable where they say what it is.
fn node(text: &mut String, class: &str, spot: &Spot, attributes: &str, links: Links) {
    let Card { lines: card_lines, bad, dim, details } = &spot.card;
    let is_link = attributes.contains("href=");
    let is_focusable = !is_link && links == Links::None && class != "client";
    let element = if is_link { "a" } else { "g" };
    let bad = if *bad { " bad" } else { "" };
    let dim = if *dim { " held" } else { "" };
    let focus = if is_focusable { " tabindex=\"0\" role=\"img\"" } else { "" };
    let label = if is_link || is_focusable {
        format!(" aria-label=\"{}\"", xml::text(&details.join(". ")))
    } else {
        String::new()
    };
    let space = if attributes.is_empty() { "" } else { " " };
    let _ = writeln!(text, "<{element} class=\"node {class}{bad}{dim}\"{space}{attributes}{focus}{label}>");
    let _ = writeln!(text, "<title>{}</title>", xml::lines(details));
    let Spot { x, y, width, height, .. } = spot;
    let round = if class == "name" { 14 } else { 4 };
    let _ = writeln!(text, "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"{round}\"/>");
    let top = y + (height - card_lines.len() * LINE) / 2;
    for (at, card_line) in card_lines.iter().enumerate() {
        let class = match card_line.look {
            Look::Title => "title",
            Look::Plain => "quiet",
            Look::Bad => "bad",
        };
        line(text, class, x + PADDING, top + at * LINE + BASELINE, &card_line.text);
    }
    let _ = writeln!(text, "</{element}>");
}

fn line(text: &mut String, class: &str, x: usize, y: usize, content: &str) {
    let _ = writeln!(text, "<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{}</text>", xml::text(content));
}

/// Lines of one text.
fn lines(text: &str) -> String {
    xml::lines(&text.split('\n').collect::<Vec<_>>())
}
