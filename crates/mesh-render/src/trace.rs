//! The path from a client to a global name, as a person or a program reads it.

use std::fmt::Write as _;

use mesh_plan::trace::{Hop, State, Trace, Verdict, Way};
use serde_json::{Value, json};

use crate::document::{findings_of, headed};
use crate::escape;
use crate::style::{Styling, Tone};
use crate::table::{NONE, Table};

/// `traces` as a versioned document (`docs/schemas/trace.schema.json`).
pub fn document(traces: &[Trace]) -> Value {
    let mut document = headed("TraceList", json!({ "traces": traces }));
    for (at, trace) in traces.iter().enumerate() {
        let value = &mut document["traces"][at];
        name_findings(&mut value["hops"], &trace.hops);
        for (at, way) in trace.ways.iter().enumerate() {
            name_findings(&mut value["ways"][at]["hops"], &way.hops);
        }
    }
    document
}

/// Findings as every document has them: with the names of their codes.
fn name_findings(value: &mut Value, hops: &[Hop]) {
    for (at, hop) in hops.iter().enumerate().filter(|(_, hop)| !hop.findings.is_empty()) {
        value[at]["findings"] = findings_of(&hop.findings).into();
    }
}

/// `traces` for a person.
pub fn render(traces: &[Trace], styling: Styling) -> String {
    traces.iter().map(|trace| one(trace, styling)).collect::<Vec<_>>().join("\n")
}

fn one(trace: &Trace, styling: Styling) -> String {
    let client = &trace.client;
    let heading = format!("{}/{}/{} → {}", client.cluster, client.namespace, client.workload, trace.host);
    let mut text = styling.paint(Tone::Heading, &escape::line(&heading)) + "\n";
    let (tone, word) = match trace.verdict {
        Verdict::Ok => (Tone::Add, "ok"),
        Verdict::Unknown => (Tone::Hold, "unknown"),
        Verdict::Degraded => (Tone::Change, "degraded"),
        Verdict::Broken => (Tone::Remove, "broken"),
    };
    let _ = writeln!(text, "{}: {}.", styling.paint(tone, word), escape::line(&trace.says));
    text.push('\n');
    text += &hops(&trace.hops, "", styling);
    for way in &trace.ways {
        text.push('\n');
        text += &styling.paint(Tone::Heading, &escape::line(&way_heading(way)));
        text.push('\n');
        text += &hops(&way.hops, "  ", styling);
    }
    text
}

fn way_heading(way: &Way) -> String {
    let place = way.cluster.as_ref().map_or("somewhere", |cluster| cluster.as_str());
    let region = way.region.as_deref().unwrap_or("no region");
    let share = match (way.weight, way.priority) {
        (Some(weight), _) => format!("{weight} %"),
        (None, 0) => "first choice".to_owned(),
        (None, _) => "when the others fail".to_owned(),
    };
    format!("→ {place} ({region}, {share}) at {}", way.address)
}

fn hops(hops: &[Hop], indent: &str, styling: Styling) -> String {
    let mut table = Table::new(&["HOP", "STATE", "BY"]);
    for hop in hops {
        let (tone, word) = match hop.state {
            State::Ok => (None, "ok"),
            State::Unknown => (Some(Tone::Hold), "unknown"),
            State::Broken => (Some(Tone::Remove), "broken"),
        };
        table.row(tone, [hop.step.as_str(), word, hop.by.as_deref().unwrap_or(NONE)]);
    }
    let mut lines = table.lines(styling).into_iter();
    let mut text = String::new();
    if let Some(heading) = lines.next() {
        let _ = writeln!(text, "{indent}{heading}");
    }
    for (line, hop) in lines.zip(hops) {
        let _ = writeln!(text, "{indent}{line}");
        let mut detail = |what: &str| {
            let _ = writeln!(text, "{indent}    {}", styling.paint(Tone::Quiet, &escape::line(what)));
        };
        detail(&hop.says);
        for finding in &hop.findings {
            // Mostly it says what the hop says, about the host of all of this.
            let more =
                if finding.message.ends_with(&hop.says) { String::new() } else { format!(": {}", finding.message) };
            detail(&format!("{} {}{more} → {}", finding.code, finding.code.name(), finding.next));
        }
    }
    text
}
