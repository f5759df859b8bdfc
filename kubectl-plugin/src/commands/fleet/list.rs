//! `kubectl mesh fleet list`.

use clap::Args;
use mesh_fleet::Depth;
use mesh_model::fleet::ClusterView;
use mesh_model::kind::Kind;
use mesh_model::name::ClusterName;
use mesh_model::policy::MeshPolicy;
use mesh_render::style::Tone;
use mesh_render::table::{NONE, Table};
use mesh_render::{document, escape};
use serde::Serialize;

use crate::cli::{Format, FormatArgs, GlobalArgs, ToleranceArgs};
use crate::commands::whereis::coverage;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::output::Output;
use crate::{fleet, tolerance};

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    tolerance: ToleranceArgs,
}

/// One cluster of a fleet.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    cluster: ClusterName,
    /// `active`, `retired` or `stranger`.
    state: &'static str,
    /// Whether the policy lists it; a fleet without a list has its folders as members.
    listed: bool,
    seen: bool,
    /// Why it is unseen.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unseen_kinds: Vec<Kind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    network: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gateway: Option<String>,
}

/// Lists members and strangers.
pub(super) fn run(args: &ListArgs, global: &GlobalArgs, output: &mut Output) -> Result<Exit, CommandError> {
    let fleet = fleet::open(global, output)?;
    let snapshot = output.watched(|run| fleet.observe(Depth::Plan, run));
    fleet::warn_of_unseen_kinds(&fleet, &snapshot, output);
    let mut rows: Vec<Row> =
        snapshot.members.iter().map(|(cluster, view)| row(cluster, Some(view), fleet.policy())).collect();
    rows.extend(snapshot.strangers.iter().map(|cluster| row(cluster, None, fleet.policy())));
    rows.sort_by(|a, b| a.cluster.cmp(&b.cluster));
    let text = match args.format.output {
        Format::Table => table(&rows, false, output),
        Format::Wide => table(&rows, true, output),
        Format::Json => document::to_json(&listed(&rows)),
        Format::Yaml => document::to_yaml(&listed(&rows)),
        Format::Name => rows.iter().flat_map(|row| [escape::line(&row.cluster).into_owned(), "\n".into()]).collect(),
    };
    output.data(&text)?;
    Ok(tolerance::exit_by_coverage(&coverage(&snapshot), args.tolerance.allow_unseen))
}

fn listed(rows: &[Row]) -> serde_json::Value {
    document::headed("FleetMemberList", serde_json::json!({ "members": rows }))
}

fn row(cluster: &ClusterName, view: Option<&ClusterView>, policy: &MeshPolicy) -> Row {
    let member = policy.member(cluster);
    let (state, facts, why) = match view {
        None => ("stranger", None, None),
        Some(ClusterView::Seen(facts)) => ("active", Some(facts), None),
        Some(ClusterView::Unseen(unseen)) => ("active", None, Some(unseen.why.clone())),
        Some(ClusterView::Retired(facts)) => ("retired", facts.as_ref(), None),
    };
    Row {
        cluster: cluster.clone(),
        state,
        listed: member.is_some(),
        seen: facts.is_some(),
        why,
        unseen_kinds: facts.map(|facts| facts.unseen.iter().copied().collect()).unwrap_or_default(),
        uid: member
            .and_then(|member| member.uid.clone())
            .or_else(|| facts.and_then(|facts| facts.uid.as_deref().map(str::to_owned))),
        context: member.and_then(|member| member.context.clone()),
        region: member.and_then(|member| member.region.clone()),
        network: member.and_then(|member| member.network.clone()),
        gateway: member.and_then(|member| member.gateway.clone()).map(String::from),
    }
}

fn table(rows: &[Row], wide: bool, output: &Output) -> String {
    let mut headings = vec!["CLUSTER", "STATE", "SEEN", "REGION", "NETWORK", "GATEWAY"];
    if wide {
        headings.extend(["UID", "CONTEXT", "LISTED"]);
    }
    let mut table = Table::new(&headings);
    for row in rows {
        let text = |value: &Option<String>| value.clone().unwrap_or_else(|| NONE.into());
        let kinds: Vec<&str> = row.unseen_kinds.iter().map(|kind| kind.as_str()).collect();
        let seen = match &row.why {
            Some(why) => format!("no ({why})"),
            None if !kinds.is_empty() => format!("all but {}", kinds.join(", ")),
            None => if row.seen { "yes" } else { "no" }.to_owned(),
        };
        let mut cells = vec![
            row.cluster.to_string(),
            row.state.to_owned(),
            seen,
            text(&row.region),
            text(&row.network),
            text(&row.gateway),
        ];
        if wide {
            cells.extend([text(&row.uid), text(&row.context), if row.listed { "yes" } else { "no" }.to_owned()]);
        }
        table.row((!row.seen && row.state == "active").then_some(Tone::Hold), cells);
    }
    table.render(output.styling())
}
