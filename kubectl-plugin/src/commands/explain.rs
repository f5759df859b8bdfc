//! `kubectl mesh explain`.

use clap::Args;
use mesh_plan::closest::closest;
use mesh_plan::explain::{ExplainError, KNOWN_FIELDS, Question, explain, is_known_field};
use mesh_plan::scope::matches_glob;
use mesh_render::{document, explain as render};

use crate::cli::{Format, FormatArgs, GlobalArgs, ToleranceArgs};
use crate::commands::whereis::{exit_by_coverage, not_found};
use crate::error::CommandError;
use crate::exit::Exit;
use crate::output::Output;
use crate::reading::Reading;

/// Explain each generated field: the rule, its source, and why a cluster gets nothing
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// An identity or global name, or any other key that whereis knows
    #[arg(value_name = "NAME")]
    name: String,
    /// Only this cluster, or the clusters of this glob
    #[arg(value_name = "CLUSTER")]
    cluster: Option<String>,
    /// Only this field: endpoints, addresses, ports, exportTo, subjectAltNames, trafficPolicy/outlierDetection, …
    #[arg(value_name = "FIELD")]
    field: Option<String>,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    tolerance: ToleranceArgs,
}

/// Reads the fleet and explains.
pub(crate) fn run(args: &ExplainArgs, global: &GlobalArgs, output: &mut Output) -> Result<Exit, CommandError> {
    let reading = Reading::take_about(&args.name, global, output)?;
    let partial = exit_by_coverage(&reading.snapshot, &args.tolerance);
    let question = question(args, &reading);
    let answer =
        explain(&question, &reading.snapshot, reading.fleet.policy(), &reading.desired).map_err(
            |error| match error {
                ExplainError::NotFound(error) => not_found(&error, partial),
                ExplainError::UnknownField { ref field } => unknown_field(&error, field),
            },
        )?;
    let text = match args.format.output {
        Format::Table => render::render(&answer, false, output.styling()),
        Format::Wide => render::render(&answer, true, output.styling()),
        Format::Json => document::to_json(&render::document(&answer)),
        Format::Yaml => document::to_yaml(&render::document(&answer)),
        Format::Name => answer.names.iter().flat_map(|name| [&*name.name, "\n"]).collect(),
    };
    output.data(&text)?;
    Ok(partial)
}

/// `NAME FIELD` is understood where no cluster has that name.
fn question<'a>(args: &'a ExplainArgs, reading: &Reading) -> Question<'a> {
    let (mut cluster, mut field) = (args.cluster.as_deref(), args.field.as_deref());
    if let (Some(text), None) = (cluster, field) {
        let members = &reading.snapshot.members;
        if is_known_field(text) && !members.keys().any(|member| matches_glob(text, member)) {
            (cluster, field) = (None, Some(text));
        }
    }
    Question { name: &args.name, cluster, field }
}

fn unknown_field(error: &ExplainError, field: &str) -> CommandError {
    let closest = closest(field, KNOWN_FIELDS);
    let hint = match closest.first() {
        Some(first) => format!("did you mean {first}?"),
        None => format!("fields are {}", KNOWN_FIELDS.join(", ")),
    };
    CommandError::usage(error.to_string()).hint(hint)
}
