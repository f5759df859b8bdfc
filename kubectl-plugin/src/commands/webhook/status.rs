//! `kubectl mesh webhook status`.

use clap::Args;
use mesh_render::{document, webhook as render};

use crate::cli::{Format, FormatArgs, GlobalArgs, ToleranceArgs};
use crate::error::CommandError;
use crate::exit::Exit;
use crate::output::Output;

#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    tolerance: ToleranceArgs,
}

/// Shows a row for each member, and what is wrong.
pub(super) fn run(args: &StatusArgs, global: &GlobalArgs, output: &mut Output) -> Result<Exit, CommandError> {
    let fleet = super::open(global, output)?;
    let members = super::statuses(&fleet, output)?;
    let text = match args.format.output {
        Format::Table => render::render(&members, false, output.styling()),
        Format::Wide => render::render(&members, true, output.styling()),
        Format::Json => document::to_json(&render::document(&members)),
        Format::Yaml => document::to_yaml(&render::document(&members)),
        Format::Name => members.iter().flat_map(|member| [member.cluster.as_str(), "\n"]).collect(),
    };
    output.data(&text)?;
    if args.format.output != Format::Wide {
        for member in &members {
            member.unknown.iter().for_each(|why| output.warning(&format!("{}: {why}", member.cluster)));
        }
    }
    Ok(super::exit_of(&members, args.tolerance.allow_unseen))
}
