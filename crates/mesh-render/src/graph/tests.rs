use mesh_model::finding::Code;
use mesh_model::name::Host;

use super::fixture::{EVIL, finding, graph, hostile};
use super::*;

/// Every form of a drawing, with its name.
fn forms(drawing: &Drawing<'_>) -> [(&'static str, String); 4] {
    [
        ("dot", dot::render(drawing)),
        ("mermaid", mermaid::render(drawing)),
        ("svg", svg::render(drawing)),
        ("html", html::render(drawing)),
    ]
}

#[test]
fn every_form_tells_names_clusters_clients_weights_gateways_and_findings() {
    let mut graph = graph(2, 3);
    graph.clusters[2].findings = vec![finding(Code::NoRegion, None, "it has no region")];
    for (form, text) in forms(&Drawing::of(&graph)) {
        for part in [
            "stage.checkout-000.global",
            "stage.checkout-001.global",
            "cluster-01",
            "storefront",
            "50%",
            "gw.cluster-01.example.:15443",
            "us-west-2",
            "! error MESH-C033 host-taken",
            "! warning MESH-C024 no-region",
            "no caller seen",
        ] {
            assert!(text.contains(part), "{form} lacks {part}:\n{text}");
        }
    }
}

#[test]
fn a_finding_is_red_in_every_form() {
    let healthy = graph(1, 1);
    let mut ill = healthy.clone();
    ill.names[0].findings.clear();
    let red = ["color=\"#c4001a\"", ":::bad", "class=\"node name bad\"", "class=\"node name bad\""];
    for ((form, with), red) in forms(&Drawing::of(&healthy)).into_iter().zip(red) {
        assert!(with.contains(red), "{form}: {with}");
    }
    for ((form, without), red) in forms(&Drawing::of(&ill)).into_iter().zip(red) {
        assert!(!without.contains(red), "{form}: {without}");
    }
}

#[test]
fn what_is_unseen_is_dashed_and_says_so() {
    let graph = hostile();
    for ((form, text), dashed) in
        forms(&Drawing::of(&graph)).into_iter().zip(["style=dashed", "-.->", "edge held", "edge held"])
    {
        assert!(text.contains(dashed) && text.contains("? held"), "{form}: {text}");
    }
}

#[test]
fn no_text_of_a_cluster_gets_out_of_its_place() {
    let graph = hostile();
    for (form, text) in forms(&Drawing::of(&graph)) {
        assert!(!text.contains(|c: char| c != '\n' && crate::escape::is_unsafe(c)), "{form} has hidden characters");
        assert!(!text.contains("<script>alert"), "{form} has a foreign script");
        assert!(!text.contains(EVIL), "{form}");
    }
    // A quote that is neither written by us nor spelled out would end a text early.
    let dot = dot::render(&Drawing::of(&graph));
    for line in dot.lines() {
        let quotes = line.replace("\\\\", "").replace("\\\"", "").matches('"').count();
        assert!(quotes.is_multiple_of(2), "{line}");
    }
    let mermaid = mermaid::render(&Drawing::of(&graph));
    for line in mermaid.lines() {
        assert!(line.matches('"').count() <= 2 && !line.contains("%%{"), "{line}");
    }
}

#[test]
fn svg_and_html_are_well_formed() {
    for graph in [graph(0, 0), graph(12, 5), hostile()] {
        let drawing = Drawing::of(&graph);
        for (form, text) in [("svg", svg::render(&drawing)), ("html", html::render(&drawing))] {
            balanced(form, &text);
        }
    }
}

/// Whether every element that is opened is closed, in order; scripts and styles are no markup.
fn balanced(form: &str, text: &str) {
    const VOID: [&str; 4] = ["meta", "input", "br", "!doctype"];
    let mut open: Vec<&str> = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let end = rest.find('>').expect("a tag ends");
        let (tag, after) = (&rest[..end], &rest[end + 1..]);
        rest = after;
        let name = tag.trim_start_matches('/').split([' ', '/', '\n']).next().unwrap();
        if let Some(closed) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(closed), "{form}: {closed} closes nothing");
        } else if !tag.ends_with('/') && !tag.starts_with('?') && !VOID.contains(&name) {
            open.push(name);
            if matches!(name, "script" | "style") {
                rest = &rest[rest.find("</").expect("it ends")..];
            }
        }
        assert!(tag.matches('"').count().is_multiple_of(2), "{form}: <{tag}>");
    }
    assert!(open.is_empty(), "{form}: {open:?} are not closed");
}

#[test]
fn the_page_loads_nothing_and_runs_only_its_own_script() {
    let graph = hostile();
    let page = html::render(&Drawing::of(&graph));
    assert!(page.contains("default-src 'none'; style-src 'sha256-") && page.contains("script-src 'sha256-"), "{page}");
    let addresses = page.replace("http://www.w3.org/2000/svg", "");
    for loading in ["http:", "https:", "src=", "@import", "url(h", " style=\"", " onclick"] {
        assert!(!addresses.contains(loading), "{loading}");
    }
    assert_eq!(page.matches("<script").count(), 1);
    for name in ["row-n0", "n0", "cluster-cluster-01"] {
        assert!(page.contains(&format!("id=\"{name}\"")) && page.contains(&format!("href=\"#{name}\"")), "{name}");
    }
}

#[test]
fn what_is_too_much_to_draw_is_left_out_and_counted() {
    let small = graph(5, 2);
    assert_eq!(Drawing::of(&small).note(), None);
    let big = graph(DRAWN_NAMES + 7, 2);
    let drawing = Drawing::of(&big);
    assert_eq!((drawing.names.len(), drawing.left_out), (DRAWN_NAMES, 7));
    for (form, text) in forms(&drawing) {
        assert!(text.contains("7 names of 2007 left out"), "{form}");
        assert!(!text.contains("checkout-2000.global"), "{form}");
    }
    let dense = graph(400, 100);
    let drawing = Drawing::of(&dense);
    let edges: usize = drawing.names.iter().map(|name| name.clients.len() + name.sources.len()).sum();
    assert!(drawing.left_out > 0 && edges <= DRAWN_EDGES, "{edges}");
    assert_eq!(document(&dense)["names"].as_array().unwrap().len(), 400, "a document has all");
}

#[test]
fn who_asks_for_more_than_mermaid_draws_is_told() {
    let refuses = |graph: &Graph| {
        let drawing = Drawing::of(graph);
        mermaid_refuses(&drawing, &mermaid::render(&drawing))
    };
    assert_eq!(refuses(&graph(5, 2)), None);
    assert!(refuses(&graph(300, 12)).unwrap().contains("500 edges"));
}

#[test]
fn many_findings_and_hosts_are_counted() {
    let mut graph = graph(1, 1);
    let name = &mut graph.names[0];
    name.findings = Code::ALL.iter().map(|code| finding(*code, None, "x")).collect();
    let further = |at| HostReport { host: Host::parse(&format!("p{at}.global")).unwrap(), ..name.hosts[0].clone() };
    let hosts: Vec<HostReport> = (0..DRAWN_HOSTS + 2).map(further).collect();
    name.hosts.extend(hosts);
    let lines = further_hosts(name);
    assert_eq!(lines.last().map(String::as_str), Some("+ 2 more hosts"), "{lines:?}");
    let lines = finding_lines(&name.findings);
    assert_eq!(lines.len(), DRAWN_FINDINGS + 1);
    assert!(lines[0].starts_with("! error ") && lines[DRAWN_FINDINGS].starts_with("! and "), "{lines:?}");
}

#[test]
fn a_document_names_the_codes_of_its_findings() {
    let graph = hostile();
    let document = document(&graph);
    assert_eq!(document["kind"], "Graph");
    assert_eq!(document["names"][0]["findings"][0]["name"], "host-taken");
    assert_eq!(document["clusters"][2]["findings"][0]["name"], "no-gateway");
    assert_eq!(document["findings"][0]["name"], "no-server-identity");
    assert_eq!(document["names"][0]["clients"][2]["tie"], "held");
}
