//! What came of writing.

use std::collections::BTreeMap;

use mesh_fleet::report::{ApplyReport, Outcome, StepResult};
use mesh_model::name::ClusterName;
use mesh_render::document::{headed, to_json, to_yaml};
use mesh_render::plan::count;
use mesh_render::report::{ClusterResult, NotWritten, render};
use serde_json::json;

use crate::cli::Format;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::output::Output;

/// Shows a row for each cluster, and says how to end.
pub(crate) fn show(report: &ApplyReport, format: Format, output: &mut Output) -> Result<Exit, CommandError> {
    let clusters = by_cluster(&report.results);
    let text = match format {
        Format::Table | Format::Wide => {
            let closing = closing(report);
            format!("{}\n{closing}\n", render(&clusters, format == Format::Wide, output.styling()))
        }
        Format::Json | Format::Yaml => {
            let mut fields = json!({"clusters": clusters, "interrupted": report.interrupted, "written": report.written(), "notWritten": report.not_written()});
            if report.is_rehearsal {
                fields["dryRun"] = json!(true);
            }
            let document = headed("SyncReport", fields);
            if format == Format::Json { to_json(&document) } else { to_yaml(&document) }
        }
        Format::Name => clusters.iter().flat_map(|result| [result.cluster.as_str(), "\n"]).collect(),
    };
    output.data(&text)?;
    Ok(exit(report))
}

fn closing(report: &ApplyReport) -> String {
    let interrupted = if report.interrupted { "Interrupted: " } else { "" };
    let written = count(report.written(), "step");
    if report.is_rehearsal {
        let refused = match report.not_written() {
            0 => "none would be refused".to_owned(),
            refused => format!("{refused} would not"),
        };
        return format!("{interrupted}{written} would be written, {refused}. Nothing was stored.");
    }
    match report.not_written() {
        0 => format!("{interrupted}{written} written."),
        not_written => {
            format!("{interrupted}{written} written, {not_written} not; run `kubectl mesh sync` again to go on.")
        }
    }
}

fn exit(report: &ApplyReport) -> Exit {
    let is_begun = report.results.iter().any(|result| matches!(result.outcome, Outcome::Incomplete(_)));
    let partial = match (report.written(), report.not_written()) {
        (0, _) if is_begun => Exit::Partial,
        (_, 0) => Exit::Success,
        (0, _) => Exit::NothingDone,
        _ => Exit::Partial,
    };
    if report.interrupted { partial.merge(Exit::Interrupted) } else { partial }
}

fn by_cluster(results: &[StepResult]) -> Vec<ClusterResult> {
    let mut clusters: BTreeMap<&ClusterName, ClusterResult> = BTreeMap::new();
    for result in results {
        let row = clusters.entry(&result.cluster).or_insert_with(|| ClusterResult::new(&result.cluster));
        let mut not_written = |why: &str| {
            row.not_written.push(NotWritten { object: result.key.to_string(), why: why.to_owned() });
        };
        match &result.outcome {
            Outcome::Incomplete(why) | Outcome::Moved(why) | Outcome::Failed(why) | Outcome::NotTried(why) => {
                not_written(why);
            }
            Outcome::Created => row.created += 1,
            Outcome::Updated => row.updated += 1,
            Outcome::Deleted => row.deleted += 1,
        }
    }
    clusters.into_values().collect()
}
