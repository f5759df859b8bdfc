//! Which fleet a run covers: `--fleet`, `MESH_FLEET`, or `fleet.yaml` in the user's configuration folder.

use std::path::{Path, PathBuf};

use mesh_fleet::directory::{DirectoryError, DirectoryFleet};
use mesh_model::limits::MAX_POLICY;
use mesh_model::policy::{self, MeshPolicy};
use serde::Deserialize;

use crate::cli::GlobalArgs;
use crate::environment::{HOME, XDG_CONFIG_HOME};
use crate::error::CommandError;
use crate::given::{self, MAX_CONFIG};

/// The folder of our configuration, in the user's configuration folder.
const CONFIG_FOLDER: &str = "kubectl-mesh";
/// The file in it that names the fleet.
const CONFIG_FILE: &str = "fleet.yaml";
/// What helps with a policy that does not read.
const POLICY_HINT: &str = "`kubectl mesh policy schema` says what may stand in a policy";
/// Forms of fleet that need clusters to talk to.
const LIVE_FORMS: [&str; 4] = ["contexts:", "secrets:", "kubeconfigs:", "profiles:"];

/// `fleet.yaml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// What `--fleet` would say; a relative path is relative to the file.
    fleet: String,
}

/// The folder of the fleet that is meant.
pub(crate) fn locate(args: &GlobalArgs) -> Result<PathBuf, CommandError> {
    if let Some(fleet) = args.fleet.as_deref().filter(|fleet| !fleet.is_empty()) {
        return folder(fleet);
    }
    let Some(file) = config_file() else { return Err(no_fleet()) };
    let text = match given::read(&file, MAX_CONFIG) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(no_fleet()),
        Err(error) => return Err(CommandError::usage(format!("cannot read {}", file.display())).because(error)),
    };
    let config: Config = serde_saphyr::from_str(&text)
        .map_err(|error| CommandError::usage(format!("cannot read {}", file.display())).because(error))?;
    Ok(file.parent().unwrap_or(Path::new("")).join(folder(&config.fleet)?))
}

/// Opens the fleet that is meant, with the policy that is meant.
pub(crate) fn open(args: &GlobalArgs) -> Result<DirectoryFleet, CommandError> {
    let root = locate(args)?;
    let policy = args.policy.as_deref().map(read_policy).transpose()?;
    DirectoryFleet::open(&root, policy).map_err(unusable)
}

/// Whether `--policy` is not what the fleet stores. A fleet that stores none has nothing to differ from.
pub(crate) fn policy_differs(args: &GlobalArgs, fleet: &DirectoryFleet) -> Option<String> {
    let file = args.policy.as_deref()?.display();
    match DirectoryFleet::stored_policy(fleet.root()) {
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
        Err(_) => Some(format!("the policy {file} stands for a stored one that cannot be read")),
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

fn folder(fleet: &str) -> Result<PathBuf, CommandError> {
    if let Some(form) = LIVE_FORMS.iter().find(|form| fleet.starts_with(**form)) {
        return Err(CommandError::usage(format!("fleet {fleet:?}: live fleets ({form}…) are not supported yet"))
            .hint("use a folder: `--fleet PATH`, with one folder of manifests a cluster"));
    }
    Ok(PathBuf::from(fleet.strip_prefix("dir:").unwrap_or(fleet)))
}

fn config_file() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = set(XDG_CONFIG_HOME).or_else(|| Some(set(HOME)?.join(".config")))?;
    Some(folder.join(CONFIG_FOLDER).join(CONFIG_FILE))
}

fn no_fleet() -> CommandError {
    CommandError::usage("no fleet is given")
        .hint("say which with `--fleet PATH` or MESH_FLEET, or write `fleet: PATH` into kubectl-mesh/fleet.yaml of your configuration folder")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_dir_are_folders_and_live_forms_are_refused() {
        assert_eq!(folder("a/b").unwrap(), PathBuf::from("a/b"));
        assert_eq!(folder("dir:a:b").unwrap(), PathBuf::from("a:b"));
        for form in LIVE_FORMS {
            assert!(folder(&format!("{form}x")).unwrap_err().message().contains("not supported yet"), "{form}");
        }
    }
}
