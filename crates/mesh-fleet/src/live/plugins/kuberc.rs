//! `kuberc`: what the user lets kubectl run as a credential plugin holds here, too (KEP-3104).

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::answer::file_name;
use crate::decode::yaml_documents;
use crate::limits::MAX_KUBERC;

/// Which credential plugins may run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kuberc {
    /// All: nothing is said.
    All,
    /// None.
    Nothing,
    /// Those that one of the entries names.
    Listed(Vec<Entry>),
    /// Nobody knows, so none. Says why.
    Unreadable(String),
}

/// A criterion: every field that is given has to fit.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    /// A program in `PATH`, or a path.
    #[serde(default)]
    command: String,
    /// What `command` was called at first.
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Preference {
    #[serde(default)]
    api_version: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    credential_plugin_policy: Option<String>,
    #[serde(default)]
    credential_plugin_allowlist: Option<Vec<Entry>>,
}

impl Kuberc {
    /// What the user's file says: `KUBERC`, else `~/.kube/kuberc`.
    pub(super) fn of_user() -> Self {
        let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
        if set("KUBECTL_KUBERC").is_some_and(|value| value == "false") {
            return Self::All;
        }
        let file = match set("KUBERC") {
            Some(value) if value == "off" => return Self::All,
            Some(file) => return Self::read(Path::new(&file)),
            None => match set("HOME") {
                Some(home) => Path::new(&home).join(".kube/kuberc"),
                None => return Self::All,
            },
        };
        // Only a file that somebody named has to be there.
        if matches!(file.try_exists(), Ok(false)) { Self::All } else { Self::read(&file) }
    }

    fn read(file: &Path) -> Self {
        let unreadable = |why: &str| Self::Unreadable(format!("{} {why}", file.display()));
        match fs::metadata(file) {
            Err(error) => return unreadable(&format!("cannot be read: {error}")),
            Ok(metadata) if metadata.is_file() && metadata.len() > MAX_KUBERC => return unreadable("is too large"),
            Ok(_) => {}
        }
        match fs::read_to_string(file) {
            Ok(text) => Self::parse(&text).unwrap_or_else(|why| unreadable(&why)),
            Err(error) => unreadable(&format!("cannot be read: {error}")),
        }
    }

    /// The first document that is a preference counts, as kubectl has it.
    fn parse(text: &str) -> Result<Self, String> {
        for document in yaml_documents(text) {
            let preference: Preference = document.source.read().map_err(|_| "does not read as a kuberc".to_owned())?;
            if preference.kind != "Preference" || !preference.api_version.starts_with("kubectl.config.k8s.io/") {
                continue;
            }
            let entries = preference.credential_plugin_allowlist.unwrap_or_default();
            let policy = preference.credential_plugin_policy.unwrap_or_default();
            return match policy.as_str() {
                "Allowlist" if entries.iter().any(Entry::is_empty) => {
                    Err("has an empty entry in credentialPluginAllowlist".to_owned())
                }
                "Allowlist" => Ok(Self::Listed(entries)),
                _ if !entries.is_empty() => {
                    Err("has a credentialPluginAllowlist under another policy than Allowlist".to_owned())
                }
                "" | "AllowAll" => Ok(Self::All),
                "DenyAll" => Ok(Self::Nothing),
                _ => Err("has an unknown credentialPluginPolicy".to_owned()),
            };
        }
        Ok(Self::All)
    }

    /// The program to run for `command`, or why none may be run.
    pub(super) fn program(&self, command: &str) -> Result<PathBuf, String> {
        let refused = |why: &str| Err(format!("its credential plugin {} may not run: {why}", file_name(command)));
        match self {
            Self::All => Ok(PathBuf::from(command)),
            Self::Nothing => refused("the credentialPluginPolicy of your kuberc is DenyAll"),
            Self::Unreadable(why) => refused(&format!("your kuberc {why}")),
            Self::Listed(entries) => match look_up(command) {
                // What was compared is run: `env` of the plugin may hold another PATH.
                Some(program) if entries.iter().any(|entry| entry.fits(&program)) => Ok(program),
                _ => refused("it is not in the credentialPluginAllowlist of your kuberc"),
            },
        }
    }
}

impl Entry {
    fn criteria(&self) -> impl Iterator<Item = &str> {
        [self.command.as_str(), self.name.as_str()].into_iter().filter(|command| !command.is_empty())
    }

    fn is_empty(&self) -> bool {
        self.criteria().next().is_none()
    }

    fn fits(&self, program: &Path) -> bool {
        !self.is_empty() && self.criteria().all(|command| look_up(command).as_deref() == Some(program))
    }
}

/// The file that is run for `command`: a path as it is, a name by `PATH`.
fn look_up(command: &str) -> Option<PathBuf> {
    if command.contains(std::path::is_separator) {
        return std::path::absolute(command).ok().filter(|file| is_program(file));
    }
    let folders = env::var_os("PATH")?;
    env::split_paths(&folders)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(command))
        .find(|file| is_program(file))
}

fn is_program(file: &Path) -> bool {
    let Ok(metadata) = fs::metadata(file) else { return false };
    #[cfg(unix)]
    let is_executable = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o111 != 0;
    #[cfg(not(unix))]
    let is_executable = true;
    metadata.is_file() && is_executable
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(rest: &str) -> Result<Kuberc, String> {
        Kuberc::parse(&format!("apiVersion: kubectl.config.k8s.io/v1beta1\nkind: Preference\n{rest}"))
    }

    #[test]
    fn a_policy_of_kuberc_holds_and_one_that_does_not_read_lets_nothing_run() {
        assert_eq!(parsed(""), Ok(Kuberc::All));
        assert_eq!(parsed("defaults: [{command: get, options: [{name: output, default: wide}]}]"), Ok(Kuberc::All));
        assert_eq!(parsed("credentialPluginPolicy: AllowAll"), Ok(Kuberc::All));
        assert_eq!(parsed("credentialPluginPolicy: DenyAll"), Ok(Kuberc::Nothing));
        assert_eq!(Kuberc::parse("kind: Other\n"), Ok(Kuberc::All));
        for bad in [
            "credentialPluginPolicy: denyall",
            "credentialPluginPolicy: [DenyAll]",
            "credentialPluginPolicy: DenyAll\ncredentialPluginAllowlist: [{command: sh}]",
            "credentialPluginAllowlist: [{command: sh}]",
            "credentialPluginPolicy: Allowlist\ncredentialPluginAllowlist: [{}]",
            "credentialPluginPolicy: Allowlist\ncredentialPluginAllowlist: [{command: sh, digest: x}]",
        ] {
            assert!(parsed(bad).is_err(), "{bad}");
        }
        assert!(Kuberc::Nothing.program("sh").unwrap_err().contains("DenyAll"));
        assert!(Kuberc::Unreadable("x".into()).program("sh").is_err());
    }

    #[test]
    #[cfg(unix)]
    fn a_list_compares_the_files_that_would_run() {
        let listed = |entry: &str| {
            parsed(&format!("credentialPluginPolicy: Allowlist\ncredentialPluginAllowlist: [{{{entry}}}]")).unwrap()
        };
        let sh = look_up("sh").unwrap();
        assert_eq!(listed("name: sh").program("sh"), Ok(sh.clone()));
        assert_eq!(listed("command: sh").program(sh.to_str().unwrap()), Ok(sh));
        assert!(listed("command: sh").program("cat").is_err());
        assert!(listed("command: sh, name: cat").program("sh").is_err());
        assert!(listed("command: no-such-program").program("no-such-program").is_err());
        let none = parsed("credentialPluginPolicy: Allowlist").unwrap();
        assert!(none.program("sh").unwrap_err().contains("credentialPluginAllowlist"));
    }
}
