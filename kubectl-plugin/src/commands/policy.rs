//! `kubectl mesh policy`.

use std::error::Error;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use mesh_fleet::Fleet;
use mesh_fleet::directory::{DirectoryFleet, POLICY_FILE};
use mesh_model::limits::MAX_POLICY;
use mesh_model::policy::{self, MeshPolicy, import_admiral_flags, minimal_yaml, to_yaml};
use mesh_render::{document, escape};

use crate::cli::{Format, FormatArgs, GlobalArgs};
use crate::commands::fleet::ConfirmArgs;
use crate::commands::fleet::edited::{Edit, Edited, Prepares};
use crate::error::CommandError;
use crate::exit::Exit;
use crate::fleet::Place;
use crate::output::Output;
use crate::{fleet, given};

/// Show, describe or store the policy, or make one of Admiral's flags
#[derive(Debug, Args)]
pub(crate) struct PolicyArgs {
    #[command(subcommand)]
    command: PolicyCommand,
}

#[derive(Debug, Subcommand)]
enum PolicyCommand {
    /// Show the policy that counts, every default spelled out, and where it came from
    Show(ShowArgs),
    /// Print the JSON Schema of mesh.yaml, for editors
    Schema,
    /// Store a policy in the fleet, with a revision above the stored one
    Push(PushArgs),
    /// Make a policy of Admiral's flags: the policy on standard output, ignored flags on standard error
    Import(ImportArgs),
}

#[derive(Debug, Args)]
struct ShowArgs {
    #[command(flatten)]
    format: FormatArgs,
}

#[derive(Debug, Args)]
struct PushArgs {
    /// The policy; - is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    confirm: ConfirmArgs,
}

#[derive(Debug, Args)]
struct ImportArgs {
    /// A file of Admiral's flags, one or many a line; - is standard input
    #[arg(long, value_name = "FILE")]
    admiral_flags: PathBuf,
}

/// Runs the subcommand.
pub(crate) fn run(args: &PolicyArgs, global: &GlobalArgs, output: &mut Output) -> Result<Exit, CommandError> {
    match &args.command {
        PolicyCommand::Show(args) => show(args, global, output),
        PolicyCommand::Schema => {
            output.data(&document::to_json(&policy::schema()))?;
            Ok(Exit::Success)
        }
        PolicyCommand::Push(args) => push(args, global, output),
        PolicyCommand::Import(args) => import(args, output),
    }
}

fn show(args: &ShowArgs, global: &GlobalArgs, output: &mut Output) -> Result<Exit, CommandError> {
    let (policy, from) = effective(global, output)?;
    let text = match args.format.output {
        Format::Json => document::to_json(&serde_json::to_value(&policy).expect("a policy is plain data")),
        Format::Name => format!("{}\n", escape::line(&from)),
        Format::Table | Format::Wide | Format::Yaml => {
            format!("# {}\n{}", escape::line(&from), escape::lines(&to_yaml(&policy)))
        }
    };
    output.data(&text)?;
    Ok(Exit::Success)
}

/// The policy that a run takes, and where it is from.
fn effective(global: &GlobalArgs, output: &mut Output) -> Result<(MeshPolicy, String), CommandError> {
    if let Some(file) = &global.policy {
        return Ok((fleet::read_policy(file)?, format!("from {} (--policy)", file.display())));
    }
    let root = match fleet::locate(global)? {
        Place::Folder(root) => root,
        Place::Live(_) => {
            let Fleet::Live(fleet) = fleet::open(global, output)? else { unreachable!("the place is live") };
            let from = match &fleet.policy_state().text {
                Some(_) => format!("stored in the clusters of {}", fleet.source()),
                None => format!("the defaults: no cluster of {} stores a policy", fleet.source()),
            };
            return Ok((fleet.policy().clone(), from));
        }
    };
    let stored = DirectoryFleet::stored_policy(&root).map_err(fleet::unusable)?;
    let file = root.join(POLICY_FILE);
    Ok(match stored {
        Some(policy) => (policy, format!("from {}", file.display())),
        None => (MeshPolicy::default(), format!("the defaults: there is no {}", file.display())),
    })
}

fn push(args: &PushArgs, global: &GlobalArgs, output: &mut Output) -> Result<Exit, CommandError> {
    let file = shown(&args.file);
    let text = given::read_or_stdin(&args.file, MAX_POLICY)
        .map_err(|error| CommandError::usage(format!("cannot read the policy {file}")).because(error))?;
    let edited = Edited::open(global, output)?;
    let text = edited.raised(&text, &file)?;
    let what = format!("push {file}");
    edited.offer(&text, Edit { what: &what, prepares: Prepares::All }, &args.confirm, output)
}

/// The name of a file, for messages.
fn shown(file: &Path) -> String {
    if file == Path::new("-") { "standard input".to_owned() } else { file.display().to_string() }
}

fn import(args: &ImportArgs, output: &mut Output) -> Result<Exit, CommandError> {
    let file = shown(&args.admiral_flags);
    let bad = |error: Box<dyn Error + Send + Sync>| {
        CommandError::usage(format!("cannot make a policy of the flags in {file}")).because(error)
    };
    let text = given::read_or_stdin(&args.admiral_flags, MAX_POLICY).map_err(|error| bad(error.into()))?;
    let imported = import_admiral_flags(&text).map_err(|error| bad(error.into()))?;
    for (flag, why) in &imported.ignored {
        output.note(&format!("{flag} is left out: {why}"));
    }
    output.data(&escape::lines(&minimal_yaml(&imported.policy)))?;
    Ok(Exit::Success)
}
