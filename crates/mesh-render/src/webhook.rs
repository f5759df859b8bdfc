//! The webhooks of a fleet: a row for each member, and what is wrong below.

use std::fmt::Write as _;

use mesh_plan::webhook::{WebhookState, WebhookStatus};
use serde_json::{Value, json};

use crate::document::headed;
use crate::escape;
use crate::style::{Styling, Tone};
use crate::table::{NONE, Table};

/// The text of a cell for something that could not be learnt.
const UNKNOWN: &str = "?";

/// The rows, and after them what is wrong; `wide` adds what could not be learnt, and why.
pub fn render(members: &[WebhookStatus], wide: bool, styling: Styling) -> String {
    let headings = [
        "CLUSTER",
        "WEBHOOK",
        "READY",
        "CERTIFICATE",
        "AUTHORITY",
        "UNANSWERED",
        "VIEW",
        "SELF-TEST",
        "RULES",
        "INDEXED",
    ];
    let mut table = Table::new(&headings);
    for member in members {
        table.row(tone(member.state), cells(member));
    }
    let mut text = table.render(styling);
    let problems = members.iter().map(|member| (member, &member.problems, "problem", Tone::Remove));
    let unknown = members.iter().filter(|_| wide).map(|member| (member, &member.unknown, "unknown", Tone::Hold));
    for (member, lines, label, tone) in problems.chain(unknown) {
        for line in lines {
            let said = format!("{}: {line}", member.cluster);
            let _ = writeln!(text, "{}: {}", styling.paint(tone, label), escape::line(&said));
        }
    }
    text
}

fn cells(member: &WebhookStatus) -> Vec<String> {
    if member.state == WebhookState::None {
        let rest = std::iter::repeat_n(NONE.to_owned(), 8);
        return [member.cluster.to_string(), member.state.as_str().to_owned()].into_iter().chain(rest).collect();
    }
    let word = |known: Option<bool>, yes: &str, no: &str| {
        known.map_or_else(|| UNKNOWN.to_owned(), |known| if known { yes } else { no }.to_owned())
    };
    vec![
        member.cluster.to_string(),
        member.state.as_str().to_owned(),
        member
            .replicas
            .map_or_else(|| UNKNOWN.to_owned(), |replicas| format!("{}/{}", replicas.ready, replicas.wanted)),
        member.certificate_days.map_or_else(|| UNKNOWN.to_owned(), |days| format!("{days}d")),
        word(member.authority_matches, "matches", "differs"),
        match member.failure_policy {
            Some("Fail") => "refused".to_owned(),
            Some(_) => "passes".to_owned(),
            None => UNKNOWN.to_owned(),
        },
        member.view_age_seconds.map_or_else(|| UNKNOWN.to_owned(), |seconds| format!("{seconds}s")),
        word(member.self_test_passed, "passed", "failed"),
        match (member.failure_policy, member.unjudged.len()) {
            (None, _) => UNKNOWN.to_owned(),
            (Some(_), 0) => "all".to_owned(),
            (Some(_), missing) => format!("{missing} missing"),
        },
        match member.unlabelled {
            None => UNKNOWN.to_owned(),
            Some(0) => "yes".to_owned(),
            Some(left) => format!("{left} left"),
        },
    ]
}

/// The same as a document.
pub fn document(members: &[WebhookStatus]) -> Value {
    headed("WebhookStatusList", json!({ "members": members }))
}

/// A webhook in one cell: how it is, and how many of it are ready.
pub fn summary(member: &WebhookStatus) -> String {
    match member.replicas {
        Some(replicas) => format!("{} {}/{}", member.state.as_str(), replicas.ready, replicas.wanted),
        None => member.state.as_str().to_owned(),
    }
}

fn tone(state: WebhookState) -> Option<Tone> {
    match state {
        WebhookState::Ok => None,
        WebhookState::None => Some(Tone::Quiet),
        WebhookState::Ill => Some(Tone::Remove),
        WebhookState::Unknown => Some(Tone::Hold),
    }
}

#[cfg(test)]
mod tests {
    use mesh_model::kind::Kind;
    use mesh_model::name::ClusterName;
    use mesh_plan::webhook::Replicas;

    use super::*;

    fn member(cluster: &str, state: WebhookState) -> WebhookStatus {
        WebhookStatus {
            cluster: ClusterName::parse(cluster).unwrap(),
            state,
            replicas: None,
            certificate_days: None,
            authority_matches: None,
            failure_policy: None,
            view_age_seconds: None,
            self_test_passed: None,
            unlabelled: None,
            unjudged: Vec::new(),
            problems: Vec::new(),
            unknown: Vec::new(),
        }
    }

    #[test]
    fn each_member_is_a_row_and_what_is_unknown_never_looks_fine() {
        let good = WebhookStatus {
            replicas: Some(Replicas { ready: 3, wanted: 3 }),
            certificate_days: Some(6),
            authority_matches: Some(true),
            failure_policy: Some("Fail"),
            view_age_seconds: Some(12),
            self_test_passed: Some(true),
            unlabelled: Some(0),
            ..member("c1", WebhookState::Ok)
        };
        let ill = WebhookStatus {
            cluster: ClusterName::parse("c2").unwrap(),
            state: WebhookState::Ill,
            authority_matches: Some(false),
            failure_policy: Some("Ignore"),
            self_test_passed: Some(false),
            unlabelled: Some(12),
            unjudged: vec![Kind::Rollout],
            problems: vec!["evil\u{1b}[2J".into()],
            ..good.clone()
        };
        let unknown = WebhookStatus { unknown: vec!["gone".into()], ..member("c4", WebhookState::Unknown) };
        let members = [good, ill, member("c3", WebhookState::None), unknown];
        let shown = "\
            CLUSTER  WEBHOOK  READY  CERTIFICATE  AUTHORITY  UNANSWERED  VIEW  SELF-TEST  RULES      INDEXED\n\
            c1       ok       3/3    6d           matches    refused     12s   passed     all        yes\n\
            c2       ill      3/3    6d           differs    passes      12s   failed     1 missing  12 left\n\
            c3       none     -      -            -          -           -     -          -          -\n\
            c4       unknown  ?      ?            ?          ?           ?     ?          ?          ?\n\
            problem: c2: evil\\u{1b}[2J\n";
        assert_eq!(render(&members, false, Styling::PLAIN), shown);
        assert_eq!(render(&members, true, Styling::PLAIN), format!("{shown}unknown: c4: gone\n"));
        assert_eq!(members.each_ref().map(summary), ["ok 3/3", "ill 3/3", "none", "unknown"]);
    }
}
