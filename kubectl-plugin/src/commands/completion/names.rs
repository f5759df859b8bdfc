//! Candidates that come from the fleet: names, clusters. A folder is read; of clusters, what was kept of them counts.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::sync::{Arc, OnceLock};

use clap::Command;
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate, PathCompleter};
use mesh_fleet::directory::DirectoryFleet;
use mesh_plan::desire::desire;
use mesh_plan::explain::KNOWN_FIELDS;

use crate::cli::GlobalArgs;
use crate::environment::MESH_FLEET;
use crate::fleet::Place;
use crate::known::{Known, cache};
use crate::limits::MAX_CANDIDATES;
use crate::{clock, fleet};

/// Names of values that mean a global name, and of those that mean a cluster.
const NAME_VALUES: [&str; 2] = ["NAME", "KEY"];
const CLUSTER_VALUES: [&str; 2] = ["CLUSTER", "GLOB"];

/// `command` with completers on every argument that means a name or a cluster of the fleet that `words` mean. The fleet
/// is read at most once, and only when such an argument is completed.
pub(super) fn with_names(command: Command, words: &[OsString]) -> Command {
    let global = GlobalArgs {
        fleet: option(words, "--fleet").or_else(|| std::env::var(MESH_FLEET).ok()),
        policy: option(words, "--policy").map(Into::into),
        kubeconfig: option(words, "--kubeconfig").map(Into::into),
        ..GlobalArgs::default()
    };
    let known = Arc::new(Fleet { global, words: OnceLock::new() });
    attach(command, &known)
}

fn attach(command: Command, known: &Arc<Fleet>) -> Command {
    let command = command.mut_args(|arg| {
        let value = arg.get_value_names().and_then(|names| names.first()).map(ToString::to_string);
        match value.as_deref() {
            Some("FLEET") => return arg.add(ArgValueCompleter::new(PathCompleter::dir())),
            Some("FIELD") => return arg.add(ArgValueCompleter::new(fields)),
            _ => {}
        }
        let pick: fn(&Known) -> &BTreeSet<String> = match value.as_deref() {
            Some(value) if NAME_VALUES.contains(&value) => |known| &known.names,
            Some(value) if CLUSTER_VALUES.contains(&value) => |known| &known.clusters,
            _ => return arg,
        };
        let known = known.clone();
        arg.add(ArgValueCompleter::new(move |current: &OsStr| candidates(current, pick(known.read()))))
    });
    let known = known.clone();
    command.mut_subcommands(move |subcommand| attach(subcommand, &known))
}

fn fields(current: &OsStr) -> Vec<CompletionCandidate> {
    let known = KNOWN_FIELDS.into_iter().filter(|field| current.to_str().is_some_and(|text| field.starts_with(text)));
    known.map(CompletionCandidate::new).collect()
}

fn candidates(current: &OsStr, known: &BTreeSet<String>) -> Vec<CompletionCandidate> {
    let Some(current) = current.to_str() else { return Vec::new() };
    let matching = known.iter().filter(|name| name.starts_with(current));
    matching.take(MAX_CANDIDATES).map(CompletionCandidate::new).collect()
}

/// The value of `--flag VALUE` or `--flag=VALUE`, the last one that is written out.
fn option(words: &[OsString], flag: &str) -> Option<String> {
    // The word that is being completed is no value yet.
    let words: Vec<&str> = words.iter().rev().skip(1).rev().filter_map(|word| word.to_str()).collect();
    let spaced = words.windows(2).filter(|pair| pair[0] == flag).map(|pair| pair[1]);
    let joined = words.iter().filter_map(|word| word.strip_prefix(flag)?.strip_prefix('='));
    spaced.chain(joined).last().map(str::to_owned)
}

/// A fleet that is read when somebody asks.
struct Fleet {
    global: GlobalArgs,
    words: OnceLock<Known>,
}

impl Fleet {
    fn read(&self) -> &Known {
        self.words.get_or_init(|| known(&self.global).unwrap_or_default())
    }
}

/// What the fleet knows; `None` when it cannot be read, which a completion does not complain of.
fn known(global: &GlobalArgs) -> Option<Known> {
    let root = match fleet::locate(global).ok()? {
        Place::Folder(root) => root,
        Place::Live(source) => return cache::read(&source),
    };
    let policy = global.policy.as_deref().map(fleet::read_policy).transpose().ok()?;
    let fleet = DirectoryFleet::open(&root, policy).ok()?;
    let snapshot = fleet.observe();
    let desired = desire(&snapshot, fleet.policy(), clock::now().ok()?);
    Some(Known::of(&snapshot, fleet.policy(), &desired))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<OsString> {
        text.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn the_fleet_is_the_one_on_the_command_line() {
        assert_eq!(option(&words("kubectl-mesh whereis --fleet a "), "--fleet").as_deref(), Some("a"));
        assert_eq!(option(&words("kubectl-mesh --fleet=b whereis x"), "--fleet").as_deref(), Some("b"));
        assert_eq!(option(&words("kubectl-mesh whereis --fleet a"), "--fleet"), None, "it is being typed");
        assert_eq!(option(&words("kubectl-mesh whereis x"), "--fleet"), None);
    }
}
