//! A graph for Graphviz.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use mesh_model::finding::Finding;
use mesh_plan::graph::{ClientEdge, ClusterNode, NameNode, SourceEdge, Tie};

use super::{
    Drawing, about_cluster, about_name, about_source, callers, finding_details, finding_lines, fleet_lines,
    further_hosts, is_bad, state, why_client, without_edge,
};
use crate::escape;

/// What every node and edge has.
const HEAD: &str = "digraph mesh {
  rankdir=LR; ranksep=1.4; nodesep=0.2; labelloc=t; fontname=\"monospace\"; fontsize=10; tooltip=\" \";
  node [shape=box, style=\"rounded,filled\", fillcolor=\"#ffffff\", color=\"#57606a\", fontname=\"monospace\", fontsize=10, tooltip=\" \"];
  edge [color=\"#57606a\", fontname=\"monospace\", fontsize=9, tooltip=\" \"];
";
/// What a node with a problem has; its text says so too.
const BAD: &str = ", color=\"#c4001a\", fontcolor=\"#c4001a\", penwidth=2";
/// What has a cluster that is not seen at its end.
const HELD: &str = ", style=dashed";

/// The whole text.
pub fn render(drawing: &Drawing<'_>) -> String {
    let mut text = String::from(HEAD);
    let _ = writeln!(
        text,
        "  label={};",
        quoted(&[drawing.summary()].into_iter().chain(drawing.note()).collect::<Vec<_>>())
    );
    column(&mut text, &clients(drawing));
    column(&mut text, &drawing.names.iter().map(name).collect::<Vec<_>>());
    column(&mut text, &sources(drawing));
    for node in drawing.apart() {
        text += &cluster("apart", &node.status.cluster, Some(node), &node.findings);
    }
    if !drawing.graph.findings.is_empty() {
        let bad = if is_bad(&drawing.graph.findings) { BAD } else { "" };
        let lines = fleet_lines(&drawing.graph.findings);
        let details = quoted(&finding_details(&drawing.graph.findings));
        let _ = writeln!(text, "  \"fleet\" [shape=note, label={}, tooltip={details}{bad}];", quoted(&lines));
    }
    for name in drawing.names {
        for edge in &name.clients {
            text += &client_edge(name, edge);
        }
        for edge in &name.sources {
            text += &source_edge(name, edge);
        }
    }
    text + "}\n"
}

/// Nodes one below the other.
fn column(text: &mut String, nodes: &[String]) {
    if !nodes.is_empty() {
        *text += "  {\n    rank=same;\n";
        text.extend(nodes.iter().flat_map(|node| ["  ", node]));
        *text += "  }\n";
    }
}

fn clients(drawing: &Drawing<'_>) -> Vec<String> {
    let clusters = drawing.names.iter().flat_map(|name| &name.clients).map(|edge| edge.cluster.as_str());
    let clusters: BTreeSet<&str> = clusters.collect();
    let card = |name| {
        let node = drawing.cluster(name);
        cluster("client", name, node, node.map_or(&[], |node| drawing.findings_of_client(node)))
    };
    clusters.into_iter().map(card).collect()
}

fn sources(drawing: &Drawing<'_>) -> Vec<String> {
    let clusters = drawing.names.iter().flat_map(|name| &name.sources).map(|edge| edge.cluster.as_str());
    let clusters: BTreeSet<&str> = clusters.collect();
    let card = |name| {
        let node = drawing.cluster(name);
        cluster("source", name, node, node.map_or(&[], |node| &node.findings))
    };
    clusters.into_iter().map(card).collect()
}

fn name(name: &NameNode) -> String {
    let mut lines = vec![name.name.to_string(), about_name(name)];
    lines.extend(further_hosts(name));
    lines.extend(without_edge(name));
    lines.extend(finding_lines(&name.findings));
    let bad = if is_bad(&name.findings) { BAD } else { "" };
    let details = quoted(&finding_details(&name.findings));
    format!("  {} [label={}, tooltip={details}{bad}];\n", id("name", &name.name), quoted(&lines))
}

fn cluster(column: &str, name: &str, node: Option<&ClusterNode>, findings: &[Finding]) -> String {
    let mut lines = vec![name.to_owned()];
    let mut looks = String::new();
    if let Some(node) = node {
        if column != "client" {
            lines.extend(about_cluster(&node.status));
        }
        if let Some(state) = state(&node.status) {
            lines.push(state);
            looks += ", style=\"rounded,filled,dashed\"";
        }
    }
    lines.extend(finding_lines(findings));
    looks += if is_bad(findings) { BAD } else { "" };
    let details = quoted(&finding_details(findings));
    format!("  {} [label={}, tooltip={details}{looks}];\n", id(column, name), quoted(&lines))
}

fn client_edge(name: &NameNode, edge: &ClientEdge) -> String {
    let (from, to) = (id("client", &edge.cluster), id("name", &name.name));
    let style = if edge.tie == Tie::Held { HELD } else { "" };
    let (label, why) = (quoted(&[callers(edge)]), quoted(&why_client(edge)));
    format!("  {from} -> {to} [label={label}, tooltip={why}{style}];\n")
}

fn source_edge(name: &NameNode, edge: &SourceEdge) -> String {
    let (from, to) = (id("name", &name.name), id("source", &edge.cluster));
    let style = if edge.held { HELD } else { "" };
    format!("  {from} -> {to} [label={}{style}];\n", quoted(&[about_source(edge)]))
}

/// A cluster that calls and runs names has a node for each.
fn id(column: &str, name: &str) -> String {
    quoted(&[format!("{column} {name}")])
}

/// Lines as one quoted text. In a label, backslashes begin escapes, and ampersands entities.
fn quoted(lines: &[String]) -> String {
    let mut text = String::from("\"");
    for (at, line) in lines.iter().enumerate() {
        if at > 0 {
            text += "\\n";
        }
        for c in escape::line(line).chars() {
            match c {
                '"' => text += "\\\"",
                '\\' => text += "\\\\",
                '&' => text += "&amp;",
                '<' => text += "&lt;",
                '>' => text += "&gt;",
                c => text.push(c),
            }
        }
    }
    text + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stays_inside_its_quotes() {
        for (text, want) in [
            ("prod.tax.global", r#""prod.tax.global""#),
            (r#"a"];evil ["#, r#""a\"];evil [""#),
            (r"ends in \", r#""ends in \\""#),
            (r"\N \G", r#""\\N \\G""#),
            ("a&lt;b", r#""a&amp;lt;b""#),
            ("<b>a\nb\u{202e}", r#""&lt;b&gt;a\\u{a}b\\u{202e}""#),
        ] {
            assert_eq!(quoted(&[text.to_owned()]), want);
        }
        assert_eq!(quoted(&["a".into(), "b".into()]), r#""a\nb""#);
    }
}
