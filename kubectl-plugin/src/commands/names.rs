//! `kubectl mesh names`: who holds which global name.

use std::sync::Arc;

use clap::{Args, Subcommand};
use jiff::SignedDuration;
use mesh_model::name::ClusterName;
use mesh_plan::claims::{Change, change};

use crate::cli::GlobalArgs;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::output::Output;

mod adopt;
mod conflicts;
mod enforce;
mod list;
mod prune;
mod write;

use write::{ConfirmArgs, reading, write};

/// Show who holds which global name; claim, hand over and release names
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct NamesArgs {
    #[command(subcommand)]
    command: Option<NamesCommand>,
    #[command(flatten)]
    list: list::ListArgs,
}

#[derive(Debug, Subcommand)]
enum NamesCommand {
    /// Show each name: who holds it, since when, how firmly, and where it is served
    List(list::ListArgs),
    /// Claim a name before anybody deploys it, or let further owners serve it
    Claim(ClaimArgs),
    /// Give a name up: whoever claims it next has it
    Release(ReleaseArgs),
    /// Hand a name to another owner
    Transfer(TransferArgs),
    /// Take away what others than the owner serve of a name
    Enforce(enforce::EnforceArgs),
    /// Claim everything that is served and that nobody holds, for those who serve it
    Adopt(ConfirmArgs),
    /// Release the names that nothing serves any more
    Prune(PruneArgs),
    /// Show names that several owners claim or serve
    Conflicts(conflicts::ConflictsArgs),
}

#[derive(Debug, Args)]
struct ClaimArgs {
    /// The global name
    #[arg(value_name = "NAME")]
    name: String,
    /// Who is to hold it [default: who serves it]
    #[arg(long, value_name = "OWNER", value_parser = parse_owner)]
    owner: Option<Arc<str>>,
    /// A further owner whose namespaces may serve it
    #[arg(long, value_name = "OWNER", value_parser = parse_owner)]
    also: Vec<Arc<str>>,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    confirm: ConfirmArgs,
}

#[derive(Debug, Args)]
struct ReleaseArgs {
    /// The global name
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    confirm: ConfirmArgs,
}

#[derive(Debug, Args)]
struct TransferArgs {
    /// The global name
    #[arg(value_name = "NAME")]
    name: String,
    /// Who is to hold it
    #[arg(long, value_name = "OWNER", value_parser = parse_owner)]
    to: Arc<str>,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    confirm: ConfirmArgs,
}

#[derive(Debug, Args)]
pub(super) struct PruneArgs {
    /// Only claims that are at least this old
    #[arg(long, value_name = "AGE", default_value = "30d", value_parser = super::sync::age::parse)]
    older_than: SignedDuration,
    #[command(flatten)]
    confirm: ConfirmArgs,
}

/// Where a claim is written.
#[derive(Debug, Args)]
struct PlaceArgs {
    /// The member to write it to [default: where it is claimed, else where it is served]
    #[arg(long, value_name = "CLUSTER", value_parser = parse_cluster)]
    cluster: Option<ClusterName>,
}

/// Runs the subcommand.
pub(crate) fn run(args: &NamesArgs, global: &GlobalArgs, output: &mut Output) -> Result<Exit, CommandError> {
    match &args.command {
        None => list::run(&args.list, global, output),
        Some(NamesCommand::List(args)) => list::run(args, global, output),
        Some(NamesCommand::Claim(args)) => {
            let what = Change::Claim { owner: args.owner.clone(), also_owners: args.also.clone() };
            change_one(&args.name, &what, &args.place, &args.confirm, global, output)
        }
        Some(NamesCommand::Release(args)) => {
            change_one(&args.name, &Change::Release, &args.place, &args.confirm, global, output)
        }
        Some(NamesCommand::Transfer(args)) => {
            let what = Change::Transfer { to: Arc::clone(&args.to) };
            change_one(&args.name, &what, &args.place, &args.confirm, global, output)
        }
        Some(NamesCommand::Enforce(args)) => enforce::run(args, global, output),
        Some(NamesCommand::Adopt(args)) => adopt::run(args, global, output),
        Some(NamesCommand::Prune(args)) => prune::run(args, global, output),
        Some(NamesCommand::Conflicts(args)) => conflicts::run(args, global, output),
    }
}

/// Changes who holds one name.
fn change_one(
    name: &str,
    what: &Change,
    place: &PlaceArgs,
    confirm: &ConfirmArgs,
    global: &GlobalArgs,
    output: &mut Output,
) -> Result<Exit, CommandError> {
    let reading = reading(global, output)?;
    let policy = reading.fleet.policy();
    let step = change(name, what, place.cluster.as_ref(), &reading.snapshot, policy, reading.now);
    // Whatever is wrong with it, nothing was written.
    let step =
        step.map_err(|error| CommandError::usage(error.to_string()).hint("`kubectl mesh names` lists who holds what"))?;
    write(&reading, vec![step], confirm, output)
}

fn parse_cluster(text: &str) -> Result<ClusterName, String> {
    ClusterName::parse(text).map_err(|error| error.problem)
}

/// Owners are texts of labels, or names of namespaces.
fn parse_owner(text: &str) -> Result<Arc<str>, String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if text.is_empty() || text.len() > MAX_OWNER || !text.chars().all(is_plain) {
        return Err(format!("an owner has 1 to {MAX_OWNER} letters, digits, dashes, dots and underscores"));
    }
    Ok(text.into())
}

/// Longest owner: that of a label's value, or of a namespace's name.
const MAX_OWNER: usize = 63;
