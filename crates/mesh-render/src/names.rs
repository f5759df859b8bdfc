//! Who holds which name, a row for each.

use std::sync::Arc;

use mesh_model::name::ClusterName;
use mesh_plan::claims::{NameState, NamedClaim};
use serde_json::{Value, json};

use crate::document::headed;
use crate::escape;
use crate::style::{Styling, Tone};
use crate::table::{NONE, Table, clusters};

/// The rows; `wide` adds where it was claimed, and who else may serve it or does.
pub fn render(names: &[NamedClaim], wide: bool, styling: Styling) -> String {
    let mut headings = vec!["HOST", "OWNER", "STATE", "SINCE", "SERVED IN"];
    if wide {
        headings.extend(["CLAIMED IN", "EPOCH", "ALSO", "OTHERS"]);
    }
    let mut table = Table::new(&headings);
    for name in names {
        let or_none = |text: Option<String>| text.filter(|text| !text.is_empty()).unwrap_or_else(|| NONE.to_owned());
        let owners =
            |owners: Vec<&Arc<str>>| or_none(Some(owners.iter().map(|owner| &***owner).collect::<Vec<_>>().join(", ")));
        let served: Vec<&ClusterName> = name.clusters.iter().collect();
        let mut cells = vec![
            name.host.to_string(),
            or_none(name.owner.as_deref().map(str::to_owned)),
            state(name.state).to_owned(),
            or_none(name.since.map(|since| since.strftime("%Y-%m-%d").to_string())),
            or_none(Some(clusters(&served, wide))),
        ];
        if wide {
            cells.extend([
                or_none(name.claimed_in.clone()),
                or_none(name.epoch.map(|epoch| epoch.to_string())),
                owners(name.also_owners.iter().collect()),
                owners(name.others.iter().collect()),
            ]);
        }
        table.row(tone(name), cells);
    }
    table.render(styling)
}

/// The same as a document.
pub fn document(names: &[NamedClaim]) -> Value {
    headed("NameList", json!({ "names": names }))
}

/// The hosts, one a line.
pub fn hosts(names: &[NamedClaim]) -> String {
    names.iter().map(|name| escape::line(&name.host).into_owned() + "\n").collect()
}

fn state(state: NameState) -> &'static str {
    match state {
        NameState::Confirmed => "confirmed",
        NameState::Claimed => "claimed",
        NameState::Rivals => "rivals",
        NameState::Released => "released",
        NameState::Unclaimed => "unclaimed",
    }
}

fn tone(name: &NamedClaim) -> Option<Tone> {
    match name.state {
        NameState::Rivals => Some(Tone::Remove),
        _ if !name.others.is_empty() => Some(Tone::Remove),
        NameState::Confirmed | NameState::Claimed => None,
        NameState::Released | NameState::Unclaimed => Some(Tone::Quiet),
    }
}
