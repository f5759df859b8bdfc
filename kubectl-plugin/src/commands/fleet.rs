//! `kubectl mesh fleet`: the members of a fleet, which only a person changes.

use clap::{Args, Subcommand};
use mesh_model::name::ClusterName;
use mesh_model::policy::edit;
use mesh_model::policy::{Member, MemberGateway, MemberState};

use self::edited::{Edit, Edited, Prepares, refused};
use crate::cli::{GlobalArgs, ToleranceArgs};
use crate::error::CommandError;
use crate::exit::Exit;
use crate::output::Output;

pub(crate) mod edited;
mod list;

/// List, initialise, add or retire the members of a fleet
#[derive(Debug, Args)]
pub(crate) struct FleetArgs {
    #[command(subcommand)]
    command: FleetCommand,
}

#[derive(Debug, Subcommand)]
enum FleetCommand {
    /// List the members: seen or not, region, network, gateway
    List(list::ListArgs),
    /// Write every cluster that is there into the policy's list of members
    Init(ConfirmArgs),
    /// Add a member
    Add(AddArgs),
    /// Retire a member: what came from it goes
    Retire(RetireArgs),
}

/// How a change of the stored policy is agreed to.
#[derive(Debug, Args)]
pub(crate) struct ConfirmArgs {
    /// Write without asking
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    tolerance: ToleranceArgs,
}

#[derive(Debug, Args)]
struct AddArgs {
    /// Its name; in a directory fleet, that of its folder
    #[arg(value_name = "MEMBER", value_parser = parse_cluster)]
    name: ClusterName,
    /// UID of its kube-system namespace
    #[arg(long, value_name = "UID")]
    uid: Option<String>,
    /// The kubeconfig context that reaches it
    #[arg(long = "member-context", value_name = "CONTEXT")]
    context: Option<String>,
    /// Its region
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// Its network
    #[arg(long, value_name = "NETWORK")]
    network: Option<String>,
    // Not a doc comment: there the brackets would be a link.
    #[arg(long, value_name = "GATEWAY", value_parser = MemberGateway::parse, help = "Its east-west gateway: none, or HOST[:PORT]")]
    gateway: Option<MemberGateway>,
    /// Its SPIFFE trust domain
    #[arg(long, value_name = "DOMAIN")]
    trust_domain: Option<String>,
    #[command(flatten)]
    confirm: ConfirmArgs,
}

#[derive(Debug, Args)]
struct RetireArgs {
    /// The member
    #[arg(value_name = "CLUSTER", value_parser = parse_cluster)]
    name: ClusterName,
    #[command(flatten)]
    confirm: ConfirmArgs,
}

/// Runs the subcommand.
pub(crate) fn run(args: &FleetArgs, global: &GlobalArgs, output: &mut Output) -> Result<Exit, CommandError> {
    match &args.command {
        FleetCommand::List(args) => list::run(args, global, output),
        FleetCommand::Init(args) => init(args, global, output),
        FleetCommand::Add(args) => add(args, global, output),
        FleetCommand::Retire(args) => retire(args, global, output),
    }
}

fn init(args: &ConfirmArgs, global: &GlobalArgs, output: &mut Output) -> Result<Exit, CommandError> {
    let edited = Edited::open(global, output)?;
    if !edited.policy.fleet.members.is_empty() {
        let listed = edited.policy.fleet.members.len();
        return Err(CommandError::usage(format!("{} lists {listed} members already", edited.store.shown()))
            .hint("`kubectl mesh fleet add` and `kubectl mesh fleet retire` change the list"));
    }
    let text = edited.with_list()?;
    edited.offer(&text, Edit { what: "list every cluster as a member", prepares: Prepares::All }, args, output)
}

fn add(args: &AddArgs, global: &GlobalArgs, output: &mut Output) -> Result<Exit, CommandError> {
    let edited = Edited::open(global, output)?;
    let reached = edited.reached(args.context.as_deref().unwrap_or(&args.name));
    let member = Member {
        name: args.name.clone(),
        uid: args.uid.clone().or(reached),
        context: args.context.clone(),
        region: args.region.clone(),
        network: args.network.clone(),
        gateway: args.gateway.clone(),
        trust_domain: args.trust_domain.clone(),
        state: MemberState::Active,
    };
    let text = match edited.store.text() {
        // The list begins here: the folders that were members without one stay members.
        None => edited.with_list_and(Some(member))?,
        Some(_) if edited.policy.fleet.members.is_empty() => edited.with_list_and(Some(member))?,
        Some(text) => edit::add_member(text, edited.store.shown(), &member).map_err(refused)?,
    };
    let what = format!("add member {}", args.name);
    edited.offer(&text, Edit { what: &what, prepares: Prepares::Only(&args.name) }, &args.confirm, output)
}

fn retire(args: &RetireArgs, global: &GlobalArgs, output: &mut Output) -> Result<Exit, CommandError> {
    let edited = Edited::open(global, output)?;
    let listed = match edited.store.text() {
        Some(text) if !edited.policy.fleet.members.is_empty() => text.to_owned(),
        _ => edited.with_list()?,
    };
    let text = edit::retire_member(&listed, edited.store.shown(), &args.name).map_err(refused)?;
    let what = format!("retire member {}", args.name);
    edited.offer(&text, Edit { what: &what, prepares: Prepares::Nobody }, &args.confirm, output)
}

fn parse_cluster(text: &str) -> Result<ClusterName, String> {
    ClusterName::parse(text).map_err(|error| error.problem)
}
