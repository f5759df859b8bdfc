//! A graph as a page that stands alone: the picture, and the same as tables, which say more.
//!
//! The page loads nothing. Its policy lets only its own styles and its own script run, each by its digest, so that no text
//! of a cluster could, even if it became markup.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mesh_model::finding::Finding;
use mesh_plan::desired::Place;
use mesh_plan::graph::{ClientEdge, ClusterNode, NameNode, SourceEdge};
use sha2::{Digest, Sha256};

use super::svg::{self, Links, cluster_row};
use super::{Drawing, callers, finding_line, place, split, state, why_client, without_edge, xml};
use crate::table::NONE;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
/// Shown by the script, since without it there is nothing to type into.
const FILTER: &str = "<div id=\"search\" role=\"search\" hidden>\n<label for=\"filter\">Filter</label>\n\
    <input id=\"filter\" type=\"search\" autocomplete=\"off\" spellcheck=\"false\" \
    placeholder=\"name, cluster, region, code …\" aria-describedby=\"keys\">\n\
    <output id=\"matches\" for=\"filter\"></output>\n\
    <span id=\"keys\"><kbd>/</kbd> filter <kbd>Enter</kbd> to the first match <kbd>Esc</kbd> all again</span>\n</div>\n";

/// The whole page.
pub fn render(drawing: &Drawing<'_>) -> String {
    let summary = xml::text(&drawing.summary());
    let policy = format!(
        "default-src 'none'; style-src '{}' '{}'; script-src '{}'; base-uri 'none'; form-action 'none'",
        digest(STYLE),
        digest(svg::STYLE),
        digest(SCRIPT)
    );
    let mut text = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>Mesh: {summary}</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#names\">Skip the picture</a>\n\
         <header>\n<h1>Mesh</h1>\n<p>{summary}</p>\n"
    );
    if let Some(note) = drawing.note() {
        let _ = writeln!(text, "<p class=\"bad\">! {}</p>", xml::text(&note));
    }
    let picture = svg::element(drawing, Links::Rows);
    let _ = write!(
        text,
        "{FILTER}</header>\n<main>\n<section aria-labelledby=\"picture\">\n<h2 id=\"picture\">Picture</h2>\n\
         <div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-labelledby=\"picture\">\n{picture}</div>\n</section>\n"
    );
    names(&mut text, drawing);
    findings(&mut text, drawing);
    clusters(&mut text, drawing);
    let _ = write!(text, "</main>\n<script>{SCRIPT}</script>\n</body>\n</html>\n");
    text
}

fn names(text: &mut String, drawing: &Drawing<'_>) {
    table(
        text,
        ("names", "Names"),
        &["Name", "Hosts", "Called from", "Runs in", "Findings"],
        drawing.names,
        |at, name| {
            let id = format!("n{at}");
            let port = name.port.as_ref().map(|port| format!("{} {}", port.protocol, port.number));
            let owners: Vec<&str> = name.owners.iter().map(|owner| &**owner).collect();
            let about = [
                Some(format!("{}, env {}", name.identity, name.env)),
                port,
                (!owners.is_empty()).then(|| format!("owner {}", owners.join(", "))),
            ];
            let about = about.into_iter().flatten().chain(without_edge(name));
            let about: Vec<String> = about.map(|line| xml::text(&line)).collect();
            let first = format!(
                "<a href=\"#{id}\">{}</a><br><span class=\"quiet\">{}</span>",
                xml::text(&name.name),
                about.join("<br>")
            );
            let cells = [
                first,
                list(&hosts(name)),
                list(&name.clients.iter().map(client).collect::<Vec<_>>()),
                list(&name.sources.iter().map(source).collect::<Vec<_>>()),
                codes(&name.findings),
            ];
            (format!("id=\"row-{id}\" data-name=\"{id}\""), cells)
        },
    );
}

fn hosts(name: &NameNode) -> Vec<String> {
    let host = |host: &mesh_plan::whereis::HostReport| {
        let split = if host.split.is_empty() { "each client's own region first".to_owned() } else { split(host) };
        let vip = host.vip.as_deref().unwrap_or("no address");
        format!("{}<br><span class=\"quiet\">{} · {}</span>", xml::text(&host.host), xml::text(vip), xml::text(&split))
    };
    name.hosts.iter().map(host).collect()
}

fn client(edge: &ClientEdge) -> String {
    let title = xml::lines(&why_client(edge));
    let callers = xml::text(&callers(edge));
    format!("<span title=\"{title}\">{} <span class=\"quiet\">{callers}</span></span>", cluster_link(&edge.cluster))
}

fn source(edge: &SourceEdge) -> String {
    let weight = edge.weight.map(|weight| format!(" <b>{weight}%</b>")).unwrap_or_default();
    let held = if edge.held { " <b>? held: unseen now</b>" } else { "" };
    let region = edge.places.iter().find_map(|place| place.region.as_deref());
    let region = region.map(|region| format!(" {}", xml::text(region))).unwrap_or_default();
    let places: Vec<String> = edge.places.iter().map(about_place).collect();
    let places = places.join("<br>");
    format!("{}{region}{weight}{held}<br><span class=\"quiet\">{places}</span>", cluster_link(&edge.cluster))
}

/// `Deployment tax/tax · Service tax:80 · 2/2 ready`.
fn about_place(at: &Place) -> String {
    let number = |value: Option<u32>| value.map_or("?".to_owned(), |value| value.to_string());
    let kind = at.kind.map(|kind| format!("{kind} ")).unwrap_or_default();
    let service = at.service.as_ref().zip(at.port).map(|(service, port)| format!("Service {service}:{port}"));
    let ready = (at.ready.is_some() || at.replicas.is_some())
        .then(|| format!("{}/{} ready", number(at.ready), number(at.replicas)));
    let parts: Vec<String> = [Some(format!("{kind}{}", place(at))), service, ready].into_iter().flatten().collect();
    xml::text(&parts.join(" · "))
}

fn findings(text: &mut String, drawing: &Drawing<'_>) {
    let mut found: Vec<&Finding> = drawing.graph.all_findings().collect();
    found.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.cmp(b)));
    found.dedup();
    let headings = ["Finding", "Cluster", "Place", "What is wrong", "Next step"];
    table(text, ("findings", "Findings"), &headings, &found, |_, finding| {
        let cells = [
            code(finding),
            finding.cluster.as_deref().map_or(NONE.to_owned(), cluster_link),
            xml::text(&finding.place),
            xml::text(&finding.message),
            xml::text(&finding.next),
        ];
        (String::new(), cells)
    });
}

fn clusters(text: &mut String, drawing: &Drawing<'_>) {
    let headings = ["Cluster", "State", "Region", "Network", "Gateway", "Serves", "Uses", "To write", "Findings"];
    table(text, ("clusters", "Clusters"), &headings, &drawing.graph.clusters, |_, node: &ClusterNode| {
        let status = &node.status;
        let or_none = |value: &Option<String>| xml::text(value.as_deref().unwrap_or(NONE));
        let cells = [
            format!("<span class=\"code\">{}</span>", xml::text(&status.cluster)),
            xml::text(&state(status).unwrap_or_else(|| status.state.as_str().to_owned())),
            or_none(&status.region),
            xml::text(&status.network),
            or_none(&status.gateway),
            status.served.to_string(),
            status.used.to_string(),
            status.drift.to_string(),
            codes(&node.findings),
        ];
        (format!("id=\"{}\"", xml::text(&cluster_row(&status.cluster))), cells)
    });
}

/// A section with a table, or a sentence where it would have no rows. `row` gives the attributes of a row and its cells.
fn table<T, const N: usize>(
    text: &mut String,
    (id, title): (&str, &str),
    headings: &[&str; N],
    items: &[T],
    row: impl Fn(usize, &T) -> (String, [String; N]),
) {
    let _ = writeln!(text, "<section aria-labelledby=\"{id}\">\n<h2 id=\"{id}\" tabindex=\"-1\">{title}</h2>");
    if items.is_empty() {
        *text += "<p>None.</p>\n</section>\n";
        return;
    }
    let headings: String = headings.iter().flat_map(|heading| ["<th scope=\"col\">", heading, "</th>"]).collect();
    let _ = writeln!(text, "<div class=\"scroll\">\n<table>\n<thead><tr>{headings}</tr></thead>\n<tbody>");
    for (at, item) in items.iter().enumerate() {
        let (attributes, cells) = row(at, item);
        let space = if attributes.is_empty() { "" } else { " " };
        let cells = cells.iter().enumerate();
        let cells = cells.flat_map(|(at, cell)| match at {
            0 => ["<th scope=\"row\">", cell, "</th>"],
            _ => ["<td>", cell, "</td>"],
        });
        let cells: String = cells.collect();
        let _ = writeln!(text, "<tr{space}{attributes}>{cells}</tr>");
    }
    *text += "</tbody>\n</table>\n</div>\n</section>\n";
}

fn cluster_link(cluster: &str) -> String {
    format!("<a href=\"#{}\">{}</a>", xml::text(&cluster_row(cluster)), xml::text(cluster))
}

fn codes(findings: &[Finding]) -> String {
    if findings.is_empty() {
        return NONE.to_owned();
    }
    let lines = findings.iter().map(code);
    list(&lines.collect::<Vec<_>>())
}

fn code(finding: &Finding) -> String {
    format!("<span class=\"code bad\">{}</span>", xml::text(&finding_line(finding)))
}

/// `items` are markup.
fn list(items: &[String]) -> String {
    if items.is_empty() {
        return NONE.to_owned();
    }
    let items: String = items.iter().flat_map(|item| ["<li>", item, "</li>"]).collect();
    format!("<ul>{items}</ul>")
}

/// As a Content-Security-Policy names what may run.
fn digest(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text.as_bytes())))
}
