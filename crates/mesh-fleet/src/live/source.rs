//! Where the clusters of a live fleet come from.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use mesh_plan::scope::matches_glob;

use super::LiveError;
use super::kubeconfig;
use super::target::Target;
use crate::limits::MAX_TARGETS;

/// Where the clusters of a live fleet come from.
#[derive(Debug, Clone)]
pub struct Source {
    /// The form.
    pub form: SourceForm,
    /// `--kubeconfig`: in place of `KUBECONFIG` and `~/.kube/config`.
    pub kubeconfig: Option<PathBuf>,
}

/// The forms of a live fleet (product contract §3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceForm {
    /// `contexts:GLOB[,GLOB…]`.
    Contexts(Vec<String>),
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
            "secrets" | "kubeconfigs" | "profiles" => Err(bad("this form is not supported yet")),
            _ => Ok(None),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.form {
            SourceForm::Contexts(globs) => write!(f, "contexts:{}", globs.join(",")),
            SourceForm::CurrentContext => f.write_str("of the current context"),
        }
    }
}

impl Source {
    /// The clusters that it names, sorted by name, each name once.
    pub(crate) fn targets(&self) -> Result<Vec<Target>, LiveError> {
        let mut targets = match &self.form {
            SourceForm::Contexts(globs) => self.contexts(|name| globs.iter().any(|glob| matches_glob(glob, name)))?,
            SourceForm::CurrentContext => self.contexts(|_| true)?,
        };
        targets.sort_by(|a, b| a.name.cmp(&b.name));
        targets.dedup_by(|a, b| a.name == b.name);
        if targets.is_empty() {
            return Err(LiveError::Empty { source_name: self.to_string() });
        }
        if targets.len() > MAX_TARGETS {
            return Err(self.unreadable(format!("names more than {MAX_TARGETS} clusters")));
        }
        Ok(targets)
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

    fn kubeconfig(&self) -> Result<Arc<kube::config::Kubeconfig>, LiveError> {
        let files = kubeconfig::files(self.kubeconfig.as_deref());
        kubeconfig::read(&files).map(Arc::new).map_err(|problem| self.unreadable(problem))
    }

    pub(crate) fn unreadable(&self, problem: String) -> LiveError {
        LiveError::Source { source_name: self.to_string(), problem }
    }
}
