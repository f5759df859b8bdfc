//! `kubectl mesh names list`.

use clap::Args;
use mesh_plan::claims::{NamedClaim, list};
use mesh_plan::scope::matches_glob;
use mesh_render::{document, names as render};

use crate::cli::{Format, FormatArgs, GlobalArgs, ToleranceArgs};
use crate::error::CommandError;
use crate::exit::Exit;
use crate::output::Output;
use crate::reading::Reading;
use crate::tolerance;

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Global names or globs of them; all when none is given
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    tolerance: ToleranceArgs,
}

/// Shows a row for each name.
pub(super) fn run(args: &ListArgs, global: &GlobalArgs, output: &mut Output) -> Result<Exit, CommandError> {
    let reading = Reading::take(global, output)?;
    let mut names = list(&reading.snapshot, reading.fleet.policy());
    let coverage = reading.coverage();
    let exit = tolerance::exit_by_coverage(&coverage, args.tolerance.allow_unseen);
    let is_wanted = |glob: &String, name: &NamedClaim| matches_glob(&glob.to_lowercase(), &name.host.to_lowercase());
    if let Some(glob) = args.names.iter().find(|glob| !names.iter().any(|name| is_wanted(glob, name))) {
        let message = format!("no name that is claimed or served matches {glob:?}");
        return Err(CommandError::new(Exit::Differences.merge(exit), message));
    }
    names.retain(|name| args.names.is_empty() || args.names.iter().any(|glob| is_wanted(glob, name)));
    let text = match args.format.output {
        Format::Table => render::render(&names, false, output.styling()),
        Format::Wide => render::render(&names, true, output.styling()),
        Format::Json => document::to_json(&render::document(&names)),
        Format::Yaml => document::to_yaml(&render::document(&names)),
        Format::Name => render::hosts(&names),
    };
    output.data(&text)?;
    for warning in tolerance::warnings(&coverage) {
        output.warning(&warning);
    }
    Ok(exit)
}
