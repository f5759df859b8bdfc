//! The status of a fleet, a row for each member.

use mesh_plan::status::{MemberState, MemberStatus};
use serde_json::{Value, json};

use crate::document::headed;
use crate::style::{Styling, Tone};
use crate::table::{NONE, Table};
use crate::webhook;

/// The rows; `wide` adds what is held, and what could not be seen.
pub fn render(members: &[MemberStatus], wide: bool, styling: Styling) -> String {
    let mut headings = vec!["CLUSTER", "STATE", "REGION", "NETWORK", "GATEWAY", "SERVED", "USED", "DRIFT"];
    // Folders have none.
    let has_webhooks = members.iter().any(|member| member.webhook.is_some());
    if has_webhooks {
        headings.push("WEBHOOK");
    }
    if wide {
        headings.extend(["HELD", "UNSEEN"]);
    }
    let mut table = Table::new(&headings);
    for member in members {
        let text = |value: &Option<String>| value.clone().unwrap_or_else(|| NONE.to_owned());
        let mut cells = vec![
            member.cluster.to_string(),
            member.state.as_str().to_owned(),
            text(&member.region),
            member.network.clone(),
            text(&member.gateway),
            member.served.to_string(),
            member.used.to_string(),
            if member.state == MemberState::Unseen { NONE.to_owned() } else { member.drift.to_string() },
        ];
        if has_webhooks {
            cells.push(member.webhook.as_ref().map_or_else(|| NONE.to_owned(), webhook::summary));
        }
        if wide {
            let kinds: Vec<&str> = member.unseen_kinds.iter().map(|kind| kind.as_str()).collect();
            let kinds = if kinds.is_empty() { NONE.to_owned() } else { kinds.join(", ") };
            cells.extend([member.held.to_string(), member.why.clone().unwrap_or(kinds)]);
        }
        table.row(tone(member.state), cells);
    }
    table.render(styling)
}

/// The same as a document.
pub fn document(members: &[MemberStatus]) -> Value {
    headed("FleetStatus", json!({ "members": members }))
}

fn tone(state: MemberState) -> Option<Tone> {
    match state {
        MemberState::Seen => None,
        MemberState::Partial | MemberState::Unseen => Some(Tone::Hold),
        MemberState::Retired => Some(Tone::Quiet),
    }
}

#[cfg(test)]
mod tests {
    use mesh_model::kind::Kind;
    use mesh_model::name::ClusterName;

    use super::*;

    fn member(cluster: &str, state: MemberState) -> MemberStatus {
        MemberStatus {
            cluster: ClusterName::parse(cluster).unwrap(),
            state,
            why: None,
            unseen_kinds: Vec::new(),
            region: Some("west".into()),
            network: cluster.into(),
            gateway: None,
            served: 2,
            used: 1,
            drift: 3,
            held: 4,
            webhook: None,
        }
    }

    #[test]
    fn each_member_is_a_row_and_wide_adds_columns() {
        let mut partial = member("c2", MemberState::Partial);
        partial.unseen_kinds = vec![Kind::Node, Kind::Job];
        let mut unseen = member("c3", MemberState::Unseen);
        unseen.why = Some("evil\u{1b}[2J".into());
        let members = [member("c1", MemberState::Seen), partial, unseen];
        assert_eq!(
            render(&members, true, Styling::PLAIN),
            "CLUSTER  STATE    REGION  NETWORK  GATEWAY  SERVED  USED  DRIFT  HELD  UNSEEN\n\
             c1       seen     west    c1       -        2       1     3      4     -\n\
             c2       partial  west    c2       -        2       1     3      4     Node, Job\n\
             c3       unseen   west    c3       -        2       1     -      4     evil\\u{1b}[2J\n"
        );
        assert!(!render(&members, false, Styling::PLAIN).contains("HELD"));
    }
}
