//! `kubectl mesh webhook`: the admission webhooks of a fleet.

use clap::{Args, Subcommand};
use mesh_fleet::Fleet;
use mesh_fleet::live::LiveFleet;
use mesh_plan::webhook::{WebhookState, WebhookStatus, judge};

use crate::cli::{Allowance, GlobalArgs};
use crate::error::CommandError;
use crate::exit::Exit;
use crate::output::Output;
use crate::{clock, fleet};

mod promote;
mod status;

/// Look at the admission webhooks, and let them fail closed
#[derive(Debug, Args)]
pub(crate) struct WebhookArgs {
    #[command(subcommand)]
    command: WebhookCommand,
}

#[derive(Debug, Subcommand)]
enum WebhookCommand {
    /// Show each member's webhook: replicas, certificate, authority, failure policy, age of its view, self-test
    Status(status::StatusArgs),
    /// See whether every webhook refuses what it must, and say what lets it fail closed
    Promote(promote::PromoteArgs),
}

/// Runs the subcommand.
pub(crate) fn run(args: &WebhookArgs, global: &GlobalArgs, output: &mut Output) -> Result<Exit, CommandError> {
    match &args.command {
        WebhookCommand::Status(args) => status::run(args, global, output),
        WebhookCommand::Promote(args) => promote::run(args, global, output),
    }
}

/// The clusters that are meant: folders have no webhooks.
fn open(global: &GlobalArgs, output: &mut Output) -> Result<Box<LiveFleet>, CommandError> {
    match fleet::open(global, output)? {
        Fleet::Live(fleet) => Ok(fleet),
        Fleet::Directory(_) => Err(CommandError::usage("a directory fleet has no webhooks")
            .hint("name clusters, such as --fleet 'contexts:*'")),
    }
}

/// How the webhook of each member is.
pub(crate) fn statuses(fleet: &LiveFleet, output: &Output) -> Result<Vec<WebhookStatus>, CommandError> {
    let now = clock::now()?;
    let webhooks = output.watched(|run| fleet.webhooks(now, run));
    Ok(webhooks.iter().map(|(cluster, read)| judge(cluster, read, now)).collect())
}

/// 4 when nothing is known of any member; 3 when of more than `allowed` not everything is known; 1 when something is wrong.
fn exit_of(members: &[WebhookStatus], allowed: Allowance) -> Exit {
    let unknown = members.iter().filter(|member| !member.unknown.is_empty()).count();
    let is_dark = |member: &WebhookStatus| {
        member.state == WebhookState::Unknown && member.failure_policy.is_none() && member.replicas.is_none()
    };
    let is_nothing_known = members.iter().all(is_dark);
    let is_ill = members.iter().any(|member| member.state == WebhookState::Ill);
    let known = if unknown > 0 && is_nothing_known {
        Exit::NothingDone
    } else if allowed.allows(unknown, members.len()) {
        Exit::Success
    } else {
        Exit::Partial
    };
    known.merge(if is_ill { Exit::Differences } else { Exit::Success })
}
