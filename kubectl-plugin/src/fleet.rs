//! Which fleet a run covers: `--fleet`, `MESH_FLEET`, `fleet.yaml` in the user's configuration folder, or the members
//! that the current context's cluster lists.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mesh_fleet::Fleet;
use mesh_fleet::directory::{DirectoryError, DirectoryFleet};
use mesh_fleet::live::{Limits, LiveError, LiveFleet, Provider, Source, SourceForm};
use mesh_model::finding::Code;
use mesh_model::fleet::FleetSnapshot;
use mesh_model::limits::MAX_POLICY;
use mesh_model::name::ClusterName;
use mesh_model::policy::{self, MeshPolicy};
use serde::Deserialize;

use crate::cli::GlobalArgs;
use crate::environment::{HOME, MESH_FLEET, XDG_CONFIG_HOME};
use crate::error::CommandError;
use crate::given;
use crate::limits::{MAX_CONFIG, MAX_HINTS};
use crate::output::Output;

/// The folder of our configuration, in the user's configuration folder.
const CONFIG_FOLDER: &str = "kubectl-mesh";
/// The file in it that names the fleet.
const CONFIG_FILE: &str = "fleet.yaml";
/// What helps with a policy that does not read.
const POLICY_HINT: &str = "`kubectl mesh policy schema` says what may stand in a policy";

/// `fleet.yaml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// What `--fleet` would say; a relative path is relative to the file.
    #[serde(default)]
    fleet: Option<String>,
    /// Credential plugins for the access providers of ClusterProfiles; a relative path is relative to the file.
    #[serde(default)]
    providers: BTreeMap<String, Provider>,
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
    let given = args.fleet.as_deref().filter(|fleet| !fleet.is_empty());
    // An empty variable is one that is not set; an empty flag is a script's variable that was meant to be.
    if given.is_none() && args.fleet.is_some() && std::env::var_os(MESH_FLEET).is_none_or(|fleet| !fleet.is_empty()) {
        return Err(CommandError::usage("--fleet names no fleet").hint(NO_FLEET_HINT));
    }
    // Which programs may give credentials stands in the file only, wherever the fleet is named.
    let needs_file = given.is_none_or(|fleet| fleet.starts_with("profiles:"));
    let file = if needs_file { config_file() } else { None };
    let base = file.as_deref().and_then(Path::parent).unwrap_or(Path::new(""));
    let Config { fleet, providers } = file.as_deref().map(read_config).transpose()?.flatten().unwrap_or_default();
    let mut place = match (given, fleet) {
        (Some(fleet), _) => place(args, fleet, Path::new(""))?,
        (None, Some(fleet)) => place(args, &fleet, base)?,
        (None, None) => live(args, SourceForm::CurrentContext),
    };
    if let Place::Live(source) = &mut place {
        source.providers = providers;
        for provider in source.providers.values_mut().filter(|provider| provider.command.contains('/')) {
            provider.command = base.join(&provider.command).display().to_string();
        }
    }
    Ok(place)
}

/// What `file` says; nothing when it is not there.
fn read_config(file: &Path) -> Result<Option<Config>, CommandError> {
    let unreadable = || CommandError::usage(format!("cannot read {}", file.display()));
    match given::read(file, MAX_CONFIG) {
        Ok(text) => serde_saphyr::from_str(&text).map(Some).map_err(|error| unreadable().because(error)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable().because(error)),
    }
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
            let fleet = fleet.map_err(|error| unusable_live(args, error))?;
            for (cluster, problem) in &fleet.policy_state().problems {
                output.warning(&format!("{cluster}: {problem}"));
            }
            Ok(Fleet::Live(Box::new(fleet)))
        }
    }
}

/// Says why kinds of live clusters are unseen: the reports only say which. Whoever keeps a directory fleet knows what it
/// leaves out.
pub(crate) fn warn_of_unseen_kinds(fleet: &Fleet, snapshot: &FleetSnapshot, output: &mut Output) {
    if matches!(fleet, Fleet::Directory(_)) {
        return;
    }
    for finding in snapshot.findings.iter().filter(|finding| finding.code == Code::KindUnseen) {
        let cluster = finding.cluster.as_ref().map_or("", ClusterName::as_str);
        output.warning(&format!("{cluster}: {} {}", finding.place, finding.message));
    }
}

/// Why nothing may be written to a fleet, if nothing may.
pub(crate) fn forbids_writing(fleet: &Fleet) -> Option<CommandError> {
    let Fleet::Live(live) = fleet else { return None };
    if fleet.policy().fleet.members.is_empty() {
        let error = CommandError::usage(format!("fleet {fleet} has no list of members, so it can only be read"));
        // The list may be stored where nobody came.
        let unreached = live.unreached().map(|(cluster, why)| format!("{cluster} was not reached: {why}"));
        let error = unreached.take(MAX_HINTS).fold(error, CommandError::hint);
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
        LiveError::Form { .. } => FORMS_HINT,
        LiveError::Empty { source_name } => match source_name.split_once(':') {
            Some(("kubeconfigs", _)) => "it is a folder with one kubeconfig file a cluster",
            Some(("secrets", _)) => SECRETS_HINT,
            Some(("profiles", _)) => "`kubectl get clusterprofiles -A` lists the ClusterProfiles",
            _ => "`kubectl config get-contexts` lists the contexts",
        },
        _ => return CommandError::usage("cannot use the fleet").because(error),
    };
    CommandError::usage("cannot use the fleet").because(error).hint(hint)
}

fn place(args: &GlobalArgs, fleet: &str, base: &Path) -> Result<Place, CommandError> {
    match SourceForm::parse(fleet).map_err(|error| unusable_live(args, error))? {
        Some(SourceForm::Kubeconfigs(folder)) => Ok(live(args, SourceForm::Kubeconfigs(base.join(folder)))),
        Some(form) => Ok(live(args, form)),
        None => match fleet.strip_prefix("dir:").unwrap_or(fleet) {
            "" => Err(CommandError::usage(format!("the fleet {fleet:?} names no folder")).hint(FORMS_HINT)),
            folder => Ok(Place::Folder(base.join(folder))),
        },
    }
}

fn live(args: &GlobalArgs, form: SourceForm) -> Place {
    Place::Live(Source { form, kubeconfig: args.kubeconfig.clone(), providers: BTreeMap::new() })
}

fn config_file() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = set(XDG_CONFIG_HOME).or_else(|| Some(set(HOME)?.join(".config")))?;
    Some(folder.join(CONFIG_FOLDER).join(CONFIG_FILE))
}

/// What helps somebody who named no fleet.
const NO_FLEET_HINT: &str = "say which with `--fleet PATH`, `--fleet contexts:GLOB` or MESH_FLEET, or write `fleet: PATH` into kubectl-mesh/fleet.yaml of your configuration folder";

/// The forms of a fleet.
const FORMS_HINT: &str = "the forms are PATH, dir:PATH, contexts:GLOB[,GLOB…], kubeconfigs:DIR, secrets:CONTEXT[/NAMESPACE] and profiles:CONTEXT[/NAMESPACE]";
/// Which Secrets count.
const SECRETS_HINT: &str = "Secrets labelled istio/multiCluster=true (in istio-system) or admiral/sync=true (in admiral) count; another namespace is named after the context: secrets:CONTEXT/NAMESPACE";

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

    #[test]
    fn the_file_may_name_credential_plugins_and_nothing_that_it_does_not_know() {
        let read = |text: &str| serde_saphyr::from_str::<Config>(text);
        let config =
            read("fleet: profiles:hub\nproviders: {google: {command: get-token, args: [a], env: {B: c}}}\n").unwrap();
        assert_eq!(config.fleet.as_deref(), Some("profiles:hub"));
        let provider = &config.providers["google"];
        assert_eq!((provider.command.as_str(), provider.args.as_slice()), ("get-token", ["a".to_owned()].as_slice()));
        assert_eq!(provider.env["B"], "c");
        for bad in ["flete: a", "providers: {google: {args: [a]}}", "providers: {google: {command: a, exec: b}}"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
