//! Findings as a person reads them.

use std::fmt::Write as _;

use mesh_model::finding::{Finding, Severity};

use crate::escape;
use crate::limits::SUMMARY_FINDINGS;
use crate::style::{Styling, Tone};
use crate::table::{NONE, Table};

/// Every finding: one row each, with what is wrong and what to do below it.
pub fn table(findings: &[Finding], styling: Styling) -> String {
    let mut sorted: Vec<&Finding> = findings.iter().collect();
    sorted.sort_by(|a, b| worst_first(a, b));
    with_details(&sorted, styling)
}

/// The errors and warnings, worst first, at most [`SUMMARY_FINDINGS`] of them, and how many others there are.
pub fn summary(findings: &[Finding], styling: Styling) -> String {
    if findings.is_empty() {
        return String::new();
    }
    let mut shown: Vec<&Finding> = findings.iter().filter(|finding| finding.severity > Severity::Info).collect();
    shown.sort_by(|a, b| worst_first(a, b));
    shown.truncate(SUMMARY_FINDINGS);
    let mut text = styling.paint(Tone::Heading, &format!("Findings: {}", counts(findings)));
    if shown.len() < findings.len() {
        text += " (`kubectl mesh check` shows all)";
    }
    text.push('\n');
    if !shown.is_empty() {
        text += &with_details(&shown, styling);
    }
    text
}

/// `1 error, 2 warnings, 3 notes`.
pub fn counts(findings: &[Finding]) -> String {
    let of = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    [(Severity::Error, "error"), (Severity::Warning, "warning"), (Severity::Info, "note")]
        .into_iter()
        .map(|(severity, word)| (of(severity), word))
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}{}", if count == 1 { "" } else { "s" }))
        .collect::<Vec<_>>()
        .join(", ")
}

fn with_details(findings: &[&Finding], styling: Styling) -> String {
    let mut table = Table::new(&["SEVERITY", "CODE", "CLUSTER", "PLACE", "NAME"]);
    for finding in findings {
        let cells = [
            finding.severity.to_string(),
            finding.code.to_string(),
            finding.cluster.as_deref().unwrap_or(NONE).to_owned(),
            finding.place.to_string(),
            finding.code.name().to_owned(),
        ];
        table.row(Some(tone(finding.severity)), cells);
    }
    let mut lines = table.lines(styling).into_iter();
    let mut text = lines.next().unwrap_or_default() + "\n";
    for (line, finding) in lines.zip(findings) {
        let _ = writeln!(text, "{line}\n         {}", escape::line(&finding.message));
        let next = format!("→ {}", escape::line(&finding.next));
        let _ = writeln!(text, "         {}", styling.paint(Tone::Quiet, &next));
    }
    text
}

fn worst_first(a: &Finding, b: &Finding) -> std::cmp::Ordering {
    b.severity.cmp(&a.severity).then_with(|| a.cmp(b))
}

fn tone(severity: Severity) -> Tone {
    match severity {
        Severity::Error => Tone::Remove,
        Severity::Warning => Tone::Change,
        Severity::Info => Tone::Quiet,
    }
}

#[cfg(test)]
mod tests {
    use mesh_model::finding::Code;
    use mesh_model::name::ClusterName;

    use super::*;

    fn finding(code: Code, place: &str) -> Finding {
        let cluster = ClusterName::parse("c1").unwrap();
        Finding::new(code, Some(&cluster), place, "is \u{1b}[31mwrong".to_owned())
    }

    #[test]
    fn the_worst_comes_first_each_with_its_next_step_and_nothing_unescaped() {
        let findings = [finding(Code::NoService, "Deployment a/b"), finding(Code::NoUsablePort, "Service a/b\u{202e}")];
        assert_eq!(
            table(&findings, Styling::PLAIN),
            "SEVERITY  CODE       CLUSTER  PLACE                NAME\n\
             error     MESH-C020  c1       Service a/b\\u{202e}  no-usable-port\n         \
                      is \\u{1b}[31mwrong\n         \
                      → name a TCP port of the Service, or correct includeInboundPorts\n\
             info      MESH-C021  c1       Deployment a/b       no-service\n         \
                      is \\u{1b}[31mwrong\n         \
                      → create a Service whose selector is part of the workload's matchLabels, if it is to be called\n"
        );
    }

    #[test]
    fn a_summary_leaves_notes_out_and_says_how_many_there_are() {
        let findings = [finding(Code::NoService, "x"), finding(Code::NoRegion, "y"), finding(Code::NoRegion, "z")];
        let text = summary(&findings, Styling::PLAIN);
        assert!(text.starts_with("Findings: 2 warnings, 1 note (`kubectl mesh check` shows all)\n"), "{text}");
        assert!(!text.contains("MESH-C021"), "{text}");
        assert_eq!(summary(&[], Styling::PLAIN), "");
        let many: Vec<Finding> = (0..50).map(|n| finding(Code::NoRegion, &n.to_string())).collect();
        assert_eq!(summary(&many, Styling::PLAIN).matches("MESH-C024").count(), SUMMARY_FINDINGS);
    }
}
