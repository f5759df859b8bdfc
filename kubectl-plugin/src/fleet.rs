//! Which fleet a run covers: `--fleet`, `MESH_FLEET`, `fleet.yaml` in the user's configuration folder, or the members
//! that the current context's cluster lists.

use std::path::{Path, PathBuf};

use mesh_fleet::Fleet;
use mesh_fleet::directory::{DirectoryError, DirectoryFleet};
use mesh_fleet::live::{Limits, LiveError, LiveFleet, Source, SourceForm};
use mesh_model::limits::MAX_POLICY;
use mesh_model::name::ClusterName;
use mesh_model::policy::{self, MeshPolicy};
use serde::Deserialize;

use crate::cli::GlobalArgs;
use crate::environment::{HOME, XDG_CONFIG_HOME};
use crate::error::CommandError;
use crate::given::{self, MAX_CONFIG};
use crate::output::Output;

/// The folder of our configuration, in the user's configuration folder.
const CONFIG_FOLDER: &str = "kubectl-mesh";
/// The file in it that names the fleet.
const CONFIG_FILE: &str = "fleet.yaml";
/// What helps with a policy that does not read.
const POLICY_HINT: &str = "`kubectl mesh policy schema` says what may stand in a policy";

/// `fleet.yaml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// What `--fleet` would say; a relative path is relative to the file.
    fleet: String,
}

/// Where a fleet is.
pub(crate) enum Place {
    /// A folder.
    Folder(PathBuf),
    /// Clusters.
    Live(Source),
}

/// The fleet that is meant.
pub(crate) fn locate(args: &GlobalArgs) -> Result<Place, CommandError> {
    if let Some(fleet) = args.fleet.as_deref().filter(|fleet| !fleet.is_empty()) {
        return place(args, fleet, Path::new(""));
    }
    let current = || Ok(live(args, SourceForm::CurrentContext));
    let Some(file) = config_file() else { return current() };
    let text = match given::read(&file, MAX_CONFIG) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return current(),
        Err(error) => return Err(CommandError::usage(format!("cannot read {}", file.display())).because(error)),
    };
    let config: Config = serde_saphyr::from_str(&text)
        .map_err(|error| CommandError::usage(format!("cannot read {}", file.display())).because(error))?;
    place(args, &config.fleet, file.parent().unwrap_or(Path::new("")))
}

/// Opens the fleet that is meant, with the policy that is meant. From then on Ctrl-C ends the reading of a live fleet
/// with a partial report.
pub(crate) fn open(args: &GlobalArgs, output: &mut Output) -> Result<Fleet, CommandError> {
    let policy = args.policy.as_deref().map(read_policy).transpose()?;
    match locate(args)? {
        Place::Folder(root) => {
            DirectoryFleet::open(&root, policy).map(Box::new).map(Fleet::Directory).map_err(unusable)
        }
        Place::Live(source) => {
            output.notice_interrupts()?;
            let limits = Limits::default();
            let limits = Limits {
                parallel: args.parallel.unwrap_or(limits.parallel),
                cluster_timeout: args.cluster_timeout.unwrap_or(limits.cluster_timeout),
                run_timeout: args.timeout.unwrap_or(limits.run_timeout),
            };
            let fleet = output.watched(|run| LiveFleet::open(source, policy, args.sync_namespace.clone(), limits, run));
            fleet.map(|fleet| Fleet::Live(Box::new(fleet))).map_err(|error| unusable_live(args, error))
        }
    }
}

/// Why nothing may be written to a fleet, if nothing may.
pub(crate) fn forbids_writing(fleet: &Fleet) -> Option<CommandError> {
    let Fleet::Live(live) = fleet else { return None };
    if fleet.policy().fleet.members.is_empty() {
        let error = CommandError::usage(format!("fleet {fleet} has no list of members, so it can only be read"));
        return Some(
            error.hint("`kubectl mesh fleet init` lists them: a cluster that is away is then held, not forgotten"),
        );
    }
    let contested: Vec<&str> = live.policy_state().contested.iter().map(ClusterName::as_str).collect();
    if contested.is_empty() {
        return None;
    }
    let revision = fleet.policy().revision;
    let error = CommandError::usage(format!(
        "the stored policies of revision {revision} differ: {} has another one than the rest",
        contested.join(", ")
    ));
    Some(error.hint("`kubectl mesh policy push FILE` stores one with a higher revision everywhere"))
}

/// Whether `--policy` is not what the fleet stores. A fleet that stores none has nothing to differ from.
pub(crate) fn policy_differs(args: &GlobalArgs, fleet: &Fleet) -> Option<String> {
    let file = args.policy.as_deref()?.display();
    let stored = match fleet {
        Fleet::Directory(fleet) => DirectoryFleet::stored_policy(fleet.root()).map_err(drop),
        Fleet::Live(fleet) => {
            let text = fleet.policy_state().text.as_deref();
            text.map(|text| policy::parse(text, "the stored policy").map_err(drop)).transpose()
        }
    };
    match stored {
        Ok(None) => None,
        Ok(Some(stored)) if stored == *fleet.policy() => None,
        Ok(Some(stored)) => {
            let revisions = match (fleet.policy().revision, stored.revision) {
                (given, stored) if given > stored => format!("revision {given}, newer than its {stored}"),
                (given, stored) if given < stored => format!("revision {given}, older than its {stored}"),
                (given, _) => format!("both are revision {given}: raise the one that is to count"),
            };
            Some(format!("the policy {file} differs from the one that the fleet stores ({revisions})"))
        }
        Err(()) => Some(format!("the policy {file} stands for a stored one that cannot be read")),
    }
}

/// Reads the policy in `file`.
pub(crate) fn read_policy(file: &Path) -> Result<MeshPolicy, CommandError> {
    let text = given::read(file, MAX_POLICY)
        .map_err(|error| CommandError::usage(format!("cannot read the policy {}", file.display())).because(error))?;
    policy::parse(&text, &file.display().to_string())
        .map_err(|error| CommandError::usage("cannot use the policy").because(error).hint(POLICY_HINT))
}

/// Why a folder is no fleet, with what would make it one.
pub(crate) fn unusable(error: DirectoryError) -> CommandError {
    match error {
        DirectoryError::Policy(error) => CommandError::usage("cannot use the policy").because(error).hint(POLICY_HINT),
        DirectoryError::PolicyFile { .. } => CommandError::usage("cannot use the fleet").because(error),
        other => CommandError::usage("cannot use the fleet")
            .because(other)
            .hint("a fleet is a folder with one folder of manifests a cluster, and an optional mesh.yaml"),
    }
}

/// Why a source is no fleet, with what would make it one.
fn unusable_live(args: &GlobalArgs, error: LiveError) -> CommandError {
    let named = args.fleet.is_some();
    let hint = match &error {
        LiveError::NoMembers { .. } | LiveError::Source { .. } if !named => {
            return CommandError::usage("no fleet is given, and the current context leads to none")
                .because(error)
                .hint(NO_FLEET_HINT);
        }
        LiveError::NoMembers { .. } => "`kubectl mesh fleet init --fleet contexts:GLOB` lists the members of a fleet",
        LiveError::Form { .. } => {
            "the forms are PATH, dir:PATH, contexts:GLOB[,GLOB…], kubeconfigs:DIR and secrets:CONTEXT[/NAMESPACE]"
        }
        LiveError::Empty { .. } => "`kubectl config get-contexts` lists the contexts",
        _ => return CommandError::usage("cannot use the fleet").because(error),
    };
    CommandError::usage("cannot use the fleet").because(error).hint(hint)
}

fn place(args: &GlobalArgs, fleet: &str, base: &Path) -> Result<Place, CommandError> {
    match SourceForm::parse(fleet).map_err(|error| unusable_live(args, error))? {
        Some(SourceForm::Kubeconfigs(folder)) => Ok(live(args, SourceForm::Kubeconfigs(base.join(folder)))),
        Some(form) => Ok(live(args, form)),
        None => Ok(Place::Folder(base.join(fleet.strip_prefix("dir:").unwrap_or(fleet)))),
    }
}

fn live(args: &GlobalArgs, form: SourceForm) -> Place {
    Place::Live(Source { form, kubeconfig: args.kubeconfig.clone() })
}

fn config_file() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = set(XDG_CONFIG_HOME).or_else(|| Some(set(HOME)?.join(".config")))?;
    Some(folder.join(CONFIG_FOLDER).join(CONFIG_FILE))
}

/// What helps somebody who named no fleet.
const NO_FLEET_HINT: &str = "say which with `--fleet PATH`, `--fleet contexts:GLOB` or MESH_FLEET, or write `fleet: PATH` into kubectl-mesh/fleet.yaml of your configuration folder";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_dir_are_folders_and_contexts_are_clusters() {
        let args = GlobalArgs::default();
        let folder = |fleet: &str| match place(&args, fleet, Path::new("/base")).unwrap() {
            Place::Folder(folder) => folder,
            Place::Live(source) => panic!("{source}"),
        };
        assert_eq!(folder("a/b"), Path::new("/base/a/b"));
        assert_eq!(folder("dir:a:b"), Path::new("/base/a:b"));
        assert_eq!(folder("C:/fleet"), Path::new("/base/C:/fleet"));
        match place(&args, "contexts:prod-*, dr", Path::new("")).unwrap() {
            Place::Live(source) => assert_eq!(source.to_string(), "contexts:prod-*,dr"),
            Place::Folder(folder) => panic!("{folder:?}"),
        }
        assert!(place(&args, "contexts:", Path::new("")).is_err());
        match place(&args, "kubeconfigs:clusters", Path::new("/base")).unwrap() {
            Place::Live(source) => assert_eq!(source.form, SourceForm::Kubeconfigs("/base/clusters".into())),
            Place::Folder(folder) => panic!("{folder:?}"),
        }
    }
}
