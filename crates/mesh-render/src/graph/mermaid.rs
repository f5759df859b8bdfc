//! A graph for Mermaid, which forges and wikis draw from text.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use mesh_model::finding::Finding;
use mesh_plan::graph::{ClusterNode, NameNode, Tie};

use super::{
    Drawing, about_cluster, about_name, about_source, callers, finding_lines, fleet_lines, further_hosts, is_bad,
    state, without_edge,
};
use crate::escape;

/// The looks of nodes; the text of a bad one says so too.
const CLASSES: &str = "  classDef bad stroke:#c4001a,stroke-width:3px,color:#c4001a
  classDef dim stroke-dasharray:5 5
";

/// The whole text.
pub fn render(drawing: &Drawing<'_>) -> String {
    let mut text = String::from("flowchart LR\n");
    let _ = writeln!(text, "  %% {}", comment(&drawing.summary()));
    if let Some(note) = drawing.note() {
        let _ = writeln!(text, "  %% {}", comment(&note));
        let _ = writeln!(text, "  note[{}]", quoted(&[note]));
    }
    let clients = numbered(drawing.names.iter().flat_map(|name| &name.clients).map(|edge| edge.cluster.as_str()));
    let sources = numbered(drawing.names.iter().flat_map(|name| &name.sources).map(|edge| edge.cluster.as_str()));
    for (cluster, number) in &clients {
        let node = drawing.cluster(cluster);
        let findings = node.map_or(&[][..], |node| drawing.findings_of_client(node));
        cluster_node(&mut text, &format!("c{number}"), cluster, node, false, findings);
    }
    for (number, name) in drawing.names.iter().enumerate() {
        name_node(&mut text, number, name);
    }
    for (cluster, number) in &sources {
        let node = drawing.cluster(cluster);
        let findings = node.map_or(&[][..], |node| &node.findings);
        cluster_node(&mut text, &format!("s{number}"), cluster, node, true, findings);
    }
    for (number, node) in drawing.apart().enumerate() {
        cluster_node(&mut text, &format!("a{number}"), &node.status.cluster, Some(node), true, &node.findings);
    }
    if !drawing.graph.findings.is_empty() {
        let lines = fleet_lines(&drawing.graph.findings);
        let class = if is_bad(&drawing.graph.findings) { ":::bad" } else { "" };
        let _ = writeln!(text, "  fleet[{}]{class}", quoted(&lines));
    }
    for (number, name) in drawing.names.iter().enumerate() {
        for edge in &name.clients {
            let arrow = if edge.tie == Tie::Held { "-.->" } else { "-->" };
            let _ = writeln!(text, "  c{} {arrow}{} n{number}", clients[edge.cluster.as_str()], label(&callers(edge)));
        }
        for edge in &name.sources {
            let arrow = if edge.held { "-.->" } else { "-->" };
            let to = sources[edge.cluster.as_str()];
            let _ = writeln!(text, "  n{number} {arrow}{} s{to}", label(&about_source(edge)));
        }
    }
    text + CLASSES
}

/// Texts by number, since an identifier of Mermaid's may not have every character.
fn numbered<'a>(texts: impl Iterator<Item = &'a str>) -> BTreeMap<&'a str, usize> {
    let texts: BTreeSet<&str> = texts.collect();
    texts.into_iter().enumerate().map(|(number, text)| (text, number)).collect()
}

fn name_node(text: &mut String, number: usize, name: &NameNode) {
    let mut lines = vec![name.name.to_string(), about_name(name)];
    lines.extend(further_hosts(name));
    lines.extend(without_edge(name));
    lines.extend(finding_lines(&name.findings));
    let class = if is_bad(&name.findings) { ":::bad" } else { "" };
    let _ = writeln!(text, "  n{number}({}){class}", quoted(&lines));
}

fn cluster_node(
    text: &mut String,
    id: &str,
    name: &str,
    node: Option<&ClusterNode>,
    about: bool,
    findings: &[Finding],
) {
    let mut lines = vec![name.to_owned()];
    let mut class = "";
    if let Some(node) = node {
        if about {
            lines.extend(about_cluster(&node.status));
        }
        if let Some(state) = state(&node.status) {
            lines.push(state);
            class = ":::dim";
        }
    }
    lines.extend(finding_lines(findings));
    if is_bad(findings) {
        class = ":::bad";
    }
    let _ = writeln!(text, "  {id}[{}]{class}", quoted(&lines));
}

fn label(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("|{}|", quoted(&[text.to_owned()])) }
}

/// Lines as one quoted text. Mermaid reads HTML, Markdown and entities of its own in it: whatever could begin one is
/// written as an entity.
fn quoted(lines: &[String]) -> String {
    let mut text = String::from("\"");
    for (at, line) in lines.iter().enumerate() {
        if at > 0 {
            text += "<br/>";
        }
        for c in escape::line(line).chars() {
            if c.is_alphanumeric() || " .,:/-+()%!?·→…=@".contains(c) {
                text.push(c);
            } else {
                let _ = write!(text, "#{};", u32::from(c));
            }
        }
    }
    text + "\""
}

/// A comment ends with its line; braces in one would be read as a directive.
fn comment(text: &str) -> String {
    escape::line(text).replace(['{', '}'], "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stays_inside_its_quotes() {
        for (text, want) in [
            ("prod.tax.global", "\"prod.tax.global\""),
            ("a\"]; click n0", "\"a#34;#93;#59; click n0\""),
            ("<img src=x>&amp;", "\"#60;img src=x#62;#38;amp#59;\""),
            ("`**a**`#35;", "\"#96;#42;#42;a#42;#42;#96;#35;35#59;\""),
            ("a\nb\u{202e}", "\"a#92;u#123;a#125;b#92;u#123;202e#125;\""),
        ] {
            assert_eq!(quoted(&[text.to_owned()]), want);
        }
        assert_eq!(quoted(&["a".into(), "b".into()]), "\"a<br/>b\"");
        assert_eq!(label(""), "");
        assert_eq!(comment("a%%{init}\nb"), "a%%init\\ua\u{b}".replace('\u{b}', "b"));
    }
}
