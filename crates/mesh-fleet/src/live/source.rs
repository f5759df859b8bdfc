//! Where the clusters of a live fleet come from.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use kube::config::Kubeconfig;
use mesh_model::name::{ClusterName, Namespace};
use mesh_plan::scope::matches_glob;

use super::LiveError;
use super::profiles::Provider;
use super::target::Target;
use super::{folder, kubeconfig};
use crate::limits::MAX_TARGETS;
use crate::store::digest;

/// Where the clusters of a live fleet come from.
#[derive(Debug, Clone)]
pub struct Source {
    /// The form.
    pub form: SourceForm,
    /// `--kubeconfig`: in place of `KUBECONFIG` and `~/.kube/config`.
    pub kubeconfig: Option<PathBuf>,
    /// What the user configured for the access providers of ClusterProfiles, by their names.
    pub providers: BTreeMap<String, Provider>,
}

/// The forms of a live fleet (product contract §3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceForm {
    /// `contexts:GLOB[,GLOB…]`.
    Contexts(Vec<String>),
    /// `kubeconfigs:DIR`.
    Kubeconfigs(PathBuf),
    /// `secrets:CONTEXT[/NAMESPACE]`, as it was given: contexts may have slashes in their names.
    Secrets(String),
    /// `profiles:CONTEXT[/NAMESPACE]`, as it was given.
    Profiles(String),
    /// Nothing given: the members that the current context's cluster lists.
    CurrentContext,
}

impl SourceForm {
    /// Parses what `--fleet` says. None when it is the form of a directory fleet.
    pub fn parse(text: &str) -> Result<Option<Self>, LiveError> {
        let bad = |problem: &str| LiveError::Form { text: text.to_owned(), problem: problem.to_owned() };
        let Some((form, rest)) = text.split_once(':') else { return Ok(None) };
        match form {
            "contexts" => {
                let globs: Vec<String> =
                    rest.split(',').map(str::trim).filter(|glob| !glob.is_empty()).map(str::to_owned).collect();
                if globs.is_empty() {
                    return Err(bad("name contexts, or globs of them: contexts:prod-*"));
                }
                Ok(Some(Self::Contexts(globs)))
            }
            "kubeconfigs" if rest.is_empty() => Err(bad("name a folder: kubeconfigs:DIR")),
            "kubeconfigs" => Ok(Some(Self::Kubeconfigs(PathBuf::from(rest)))),
            "secrets" | "profiles" if rest.is_empty() => {
                Err(bad(&format!("name the context of the cluster to look in: {form}:CONTEXT[/NAMESPACE]")))
            }
            "secrets" => Ok(Some(Self::Secrets(rest.to_owned()))),
            "profiles" => Ok(Some(Self::Profiles(rest.to_owned()))),
            _ => Ok(None),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.form {
            SourceForm::Contexts(globs) => write!(f, "contexts:{}", globs.join(",")),
            SourceForm::Kubeconfigs(folder) => write!(f, "kubeconfigs:{}", folder.display()),
            SourceForm::Secrets(hub) => write!(f, "secrets:{hub}"),
            SourceForm::Profiles(hub) => write!(f, "profiles:{hub}"),
            SourceForm::CurrentContext => f.write_str("of the current context"),
        }
    }
}

impl Source {
    /// The clusters that it names, where no cluster has to be asked for them.
    pub(crate) fn targets(&self) -> Result<Vec<Target>, LiveError> {
        self.checked(match &self.form {
            SourceForm::Contexts(globs) => self.contexts(|name| globs.iter().any(|glob| matches_glob(glob, name)))?,
            SourceForm::CurrentContext => self.contexts(|_| true)?,
            SourceForm::Kubeconfigs(folder) => folder::targets(folder).map_err(|problem| self.unreadable(problem))?,
            SourceForm::Secrets(_) | SourceForm::Profiles(_) => Vec::new(),
        })
    }

    /// `targets` sorted by name, each name once.
    pub(crate) fn checked(&self, mut targets: Vec<Target>) -> Result<Vec<Target>, LiveError> {
        targets.sort_by(|a, b| a.name.cmp(&b.name));
        targets.dedup_by(|a, b| a.name == b.name);
        if targets.is_empty() {
            return Err(LiveError::Empty { source_name: self.to_string() });
        }
        if targets.len() > MAX_TARGETS {
            return Err(self.unreadable(format!("names more than {MAX_TARGETS} clusters")));
        }
        if let Some(error) = targets.iter().find_map(|target| ClusterName::parse(&target.name).err()) {
            return Err(self.unreadable(format!("one of its names is none of a cluster: {error}")));
        }
        Ok(targets)
    }

    /// Tells it from other sources on this machine: a digest of how it was given, of which kubeconfigs count, and of the
    /// current context where that counts. None where that cannot be known.
    pub fn fingerprint(&self) -> Option<String> {
        let current = match self.form {
            SourceForm::CurrentContext => self.current().ok()?.name,
            _ => String::new(),
        };
        let folder = match &self.form {
            SourceForm::Kubeconfigs(folder) => Some(folder.clone()),
            _ => None,
        };
        let files = folder.into_iter().chain(kubeconfig::files(self.kubeconfig.as_deref()));
        let files = files.map(|file| std::path::absolute(file).ok()).collect::<Option<Vec<_>>>()?;
        Some(digest(format!("{:?}", (self.to_string(), current, files)).as_bytes()))
    }

    /// The cluster that lists the others, and the namespace to look in.
    pub(crate) fn hub(&self) -> Result<(Target, Option<Namespace>), LiveError> {
        let (SourceForm::Secrets(text) | SourceForm::Profiles(text)) = &self.form else {
            return Err(self.unreadable("no cluster lists it".to_owned()));
        };
        let kubeconfig = self.kubeconfig()?;
        let (context, namespace) = hub(text, &kubeconfig).map_err(|problem| self.unreadable(problem))?;
        Ok((Target::of_context(context, &kubeconfig, context), namespace))
    }

    /// The current context's name, and its cluster.
    pub(crate) fn current(&self) -> Result<Target, LiveError> {
        let kubeconfig = self.kubeconfig()?;
        let context = kubeconfig.current_context.clone().filter(|context| !context.is_empty());
        let context = context.ok_or_else(|| {
            self.unreadable(
                "the kubeconfig has no current context; name a fleet with --fleet, such as contexts:prod-*".to_owned(),
            )
        })?;
        Ok(Target::of_context(&context, &kubeconfig, &context))
    }

    fn contexts(&self, wanted: impl Fn(&str) -> bool) -> Result<Vec<Target>, LiveError> {
        let kubeconfig = self.kubeconfig()?;
        let names = kubeconfig.contexts.iter().map(|named| named.name.as_str()).filter(|name| wanted(name));
        Ok(names.map(|name| Target::of_context(name, &kubeconfig, name)).collect())
    }

    fn kubeconfig(&self) -> Result<Arc<Kubeconfig>, LiveError> {
        let files = kubeconfig::files(self.kubeconfig.as_deref());
        kubeconfig::read(&files).map(Arc::new).map_err(|problem| self.unreadable(problem))
    }

    pub(crate) fn unreadable(&self, problem: String) -> LiveError {
        LiveError::Source { source_name: self.to_string(), problem }
    }
}

/// The context and the namespace in `text`. Contexts may have slashes in their names, as those of EKS do, so all of it is
/// looked for first.
fn hub<'t>(text: &'t str, kubeconfig: &Kubeconfig) -> Result<(&'t str, Option<Namespace>), String> {
    let is_context = |name: &str| kubeconfig.contexts.iter().any(|named| named.name == name);
    if is_context(text) {
        return Ok((text, None));
    }
    match text.rsplit_once('/') {
        Some((context, namespace)) if is_context(context) => match Namespace::parse(namespace) {
            Ok(namespace) => Ok((context, Some(namespace))),
            Err(error) => Err(format!("after context {context}: {error}")),
        },
        Some((context, _)) => Err(format!("there is neither a context {text:?} nor a context {context:?}")),
        None => Err(format!("there is no context {text:?}")),
    }
}

#[cfg(test)]
mod tests {
    use kube::config::NamedContext;

    use super::*;

    #[test]
    fn a_context_with_slashes_is_looked_for_before_a_namespace_is() {
        let names = ["hub", "arn:aws:eks:eu:1:cluster/a", "x", "x/y"];
        let contexts =
            names.iter().map(|name| NamedContext { name: (*name).to_owned(), ..NamedContext::default() }).collect();
        let kubeconfig = Kubeconfig { contexts, ..Kubeconfig::default() };
        let found =
            |text| hub(text, &kubeconfig).map(|(context, namespace)| (context, namespace.map(|n| n.to_string())));
        assert_eq!(found("hub"), Ok(("hub", None)));
        assert_eq!(found("hub/istio-system"), Ok(("hub", Some("istio-system".into()))));
        assert_eq!(found("arn:aws:eks:eu:1:cluster/a"), Ok(("arn:aws:eks:eu:1:cluster/a", None)));
        assert_eq!(found("arn:aws:eks:eu:1:cluster/a/n"), Ok(("arn:aws:eks:eu:1:cluster/a", Some("n".into()))));
        assert_eq!(found("x/y"), Ok(("x/y", None)));
        assert!(found("nowhere").is_err() && found("nowhere/a").is_err() && found("hub/A_B").is_err());
    }

    #[test]
    fn the_forms_are_told_by_what_stands_before_the_colon() {
        let shown = |text: &str| {
            let form = SourceForm::parse(text).map_err(|error| error.to_string())?;
            Ok::<_, String>(form.map(|form| Source { form, kubeconfig: None, providers: BTreeMap::new() }.to_string()))
        };
        for text in ["contexts:a,b*", "kubeconfigs:/a:b", "secrets:hub/istio-system", "profiles:arn:aws:eks:cluster/a"]
        {
            assert_eq!(shown(text), Ok(Some(text.to_owned())));
        }
        for text in ["a/b", "dir:a", "C:/fleet", ""] {
            assert_eq!(shown(text), Ok(None));
        }
        for text in ["contexts:", "contexts:,", "kubeconfigs:", "secrets:", "profiles:"] {
            assert!(shown(text).is_err(), "{text}");
        }
    }
}
