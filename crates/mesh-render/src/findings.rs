//! Findings as a person reads them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use mesh_model::finding::{Code, Finding, Severity};
use mesh_plan::suppress::Suppressed;

use crate::escape;
use crate::limits::SUMMARY_FINDINGS;
use crate::style::{Styling, Tone};
use crate::table::{NONE, Table};

/// Every finding: one row each, with what is wrong and what to do below it.
pub fn table(findings: &[Finding], styling: Styling) -> String {
    let mut sorted: Vec<&Finding> = findings.iter().collect();
    sorted.sort_by(|a, b| worst_first(a, b));
    with_next_steps(&sorted, styling)
}

/// What the policy suppresses, as [`table`] has it, but with reason and date instead of what to do.
pub fn suppressed(suppressed: &[Suppressed], styling: Styling) -> String {
    let mut sorted: Vec<&Suppressed> = suppressed.iter().collect();
    sorted.sort_by(|a, b| worst_first(&a.finding, &b.finding));
    let why = |Suppressed { reason, until, .. }: &Suppressed| format!("suppressed until {until}: {reason}");
    with_details(sorted.into_iter().map(|of| (&of.finding, why(of))).collect(), styling)
}

/// One row a code and severity, worst first: how often, in how many clusters, and its first place as an example.
pub fn short(findings: &[Finding], styling: Styling) -> String {
    let mut groups: BTreeMap<(Reverse<Severity>, Code), Vec<&Finding>> = BTreeMap::new();
    for finding in findings {
        groups.entry((Reverse(finding.severity), finding.code)).or_default().push(finding);
    }
    let mut table = Table::new(&["SEVERITY", "CODE", "NAME", "COUNT", "CLUSTERS", "EXAMPLE"]);
    for ((Reverse(severity), code), group) in groups {
        let cells = [
            severity.to_string(),
            code.to_string(),
            code.name().to_owned(),
            group.len().to_string(),
            number_of_clusters(&group),
            group.iter().min().map(|finding| example(finding)).unwrap_or_default(),
        ];
        table.row(Some(tone(severity)), cells);
    }
    table.render(styling)
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
        text += &with_next_steps(&shown, styling);
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

/// The clusters of some findings, counted; the fleet is none.
fn number_of_clusters(findings: &[&Finding]) -> String {
    match findings.iter().filter_map(|finding| finding.cluster.as_ref()).collect::<BTreeSet<_>>().len() {
        0 => NONE.to_owned(),
        clusters => clusters.to_string(),
    }
}

fn example(finding: &Finding) -> String {
    match &finding.cluster {
        // Of a finding about a cluster, that is the place.
        Some(cluster) if **cluster != *finding.place => format!("{cluster}: {}", finding.place),
        _ => finding.place.to_string(),
    }
}

fn with_next_steps(findings: &[&Finding], styling: Styling) -> String {
    with_details(findings.iter().map(|finding| (*finding, format!("→ {}", finding.next))).collect(), styling)
}

/// A row each, with what is wrong and a last line of less interest below it.
fn with_details(findings: Vec<(&Finding, String)>, styling: Styling) -> String {
    let mut table = Table::new(&["SEVERITY", "CODE", "CLUSTER", "PLACE", "NAME"]);
    for (finding, _) in &findings {
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
    for (line, (finding, last)) in lines.zip(findings) {
        let _ = writeln!(text, "{line}\n         {}", escape::line(&finding.message));
        let _ = writeln!(text, "         {}", styling.paint(Tone::Quiet, &escape::line(&last)));
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
    fn the_short_form_has_one_row_a_code_and_severity_and_counts_places_and_clusters() {
        let of_fleet = Finding::new(Code::NoServerIdentity, None, "policy.sans", "x".into());
        let in_c2 = Finding { cluster: ClusterName::parse("c2").ok(), ..finding(Code::NoRegion, "a\u{202e}") };
        let worse = Finding { severity: Severity::Error, ..in_c2.clone() };
        let of_cluster = finding(Code::NoGateway, "c1");
        let of_c1 = |place| finding(Code::NoRegion, place);
        let findings = [of_fleet, in_c2, of_c1("z"), of_c1("y"), worse, of_cluster];
        assert_eq!(
            short(&findings, Styling::PLAIN),
            "SEVERITY  CODE       NAME                COUNT  CLUSTERS  EXAMPLE\n\
             error     MESH-C024  no-region           1      1         c2: a\\u{202e}\n\
             error     MESH-C025  no-gateway          1      1         c1\n\
             warning   MESH-C024  no-region           3      2         c1: y\n\
             info      MESH-C043  no-server-identity  1      -         policy.sans\n"
        );
    }

    #[test]
    fn what_is_suppressed_says_why_and_until_when_instead_of_what_to_do() {
        let of = |code| {
            let until = jiff::civil::date(2027, 1, 31);
            Suppressed { finding: finding(code, "Service a/b"), reason: "TICKET-1 \u{1b}[31m".into(), until }
        };
        assert_eq!(
            suppressed(&[of(Code::NoRegion), of(Code::NoGateway)], Styling::PLAIN),
            "SEVERITY  CODE       CLUSTER  PLACE        NAME\n\
             error     MESH-C025  c1       Service a/b  no-gateway\n         \
                      is \\u{1b}[31mwrong\n         \
                      suppressed until 2027-01-31: TICKET-1 \\u{1b}[31m\n\
             warning   MESH-C024  c1       Service a/b  no-region\n         \
                      is \\u{1b}[31mwrong\n         \
                      suppressed until 2027-01-31: TICKET-1 \\u{1b}[31m\n"
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
