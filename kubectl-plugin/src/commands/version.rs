//! `kubectl mesh version`.

use clap::Args;
use mesh_render::document;
use serde::Serialize;

use crate::cli::{Format, FormatArgs};
use crate::error::CommandError;
use crate::exit::Exit;
use crate::output::Output;

/// The commit that was built, where the build says so in `KUBECTL_MESH_COMMIT`.
const COMMIT: Option<&str> = option_env!("KUBECTL_MESH_COMMIT");

/// Show the version of this program
#[derive(Debug, Args)]
pub(crate) struct VersionArgs {
    #[command(flatten)]
    format: FormatArgs,
}

#[derive(Debug, Serialize)]
struct Build {
    version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    commit: Option<&'static str>,
    platform: String,
}

/// Prints it; no fleet is read.
pub(crate) fn run(args: &VersionArgs, output: &mut Output) -> Result<Exit, CommandError> {
    let build = Build {
        version: env!("CARGO_PKG_VERSION"),
        commit: COMMIT.filter(|commit| !commit.is_empty()),
        platform: format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH),
    };
    let text = match args.format.output {
        Format::Json => document::to_json(&document::headed("Version", &build)),
        Format::Yaml => document::to_yaml(&document::headed("Version", &build)),
        Format::Name => format!("{}\n", build.version),
        Format::Table | Format::Wide => {
            let commit = build.commit.map(|commit| format!(" (commit {commit})")).unwrap_or_default();
            format!("kubectl-mesh {}{commit} {}\n", build.version, build.platform)
        }
    };
    output.data(&text)?;
    Ok(Exit::Success)
}
