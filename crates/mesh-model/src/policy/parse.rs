//! Reading `mesh.yaml`.

use std::fmt;

use serde::Deserialize;
use serde_saphyr::{Error, Options};
use thiserror::Error as ThisError;

use super::locate::blame;
use super::validate::{Problem, Step};
use super::{API_VERSION, KIND, MeshPolicy, message};
use crate::limits::{MAX_POLICY, MAX_POLICY_ALIAS_EVENTS, MAX_POLICY_DEPTH};

/// Why a text is no policy.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
pub enum PolicyError {
    /// Nothing but comments: the defaults are meant when the file is absent, not when it is cut off.
    #[error("{file}: is empty; a policy has at least `apiVersion: {API_VERSION}` and `kind: {KIND}`")]
    Empty {
        /// The file.
        file: String,
    },
    /// Longer than [`MAX_POLICY`].
    #[error("{file}: has {bytes} bytes, at most {MAX_POLICY} are read")]
    TooLong {
        /// The file.
        file: String,
        /// Its size.
        bytes: usize,
    },
    /// Not YAML, an unknown field, a bad value, another version.
    #[error("{file}{place}: {what}{frame}", place = Place(*.line, *.column), frame = Below(.frame.as_deref()))]
    Malformed {
        /// The file.
        file: String,
        /// Line, from 1; 0 when there is none.
        line: u64,
        /// Column, from 1; 0 when there is none.
        column: u64,
        /// What is wrong: lower case, no period.
        what: String,
        /// The lines around the place, with the place marked.
        frame: Option<String>,
    },
}

/// Parses `mesh.yaml`; `file` is only for messages.
pub fn parse(text: &str, file: &str) -> Result<MeshPolicy, PolicyError> {
    if text.len() > MAX_POLICY {
        return Err(PolicyError::TooLong { file: message::escape(file), bytes: text.len() });
    }
    if is_blank(text) {
        return Err(PolicyError::Empty { file: message::escape(file) });
    }
    let malformed = |error: Error| PolicyError::malformed(&error, file);
    // The header first: the fields of another version are not misspelled fields of this one.
    let header: Header = read(text).map_err(malformed)?;
    if let Some(problem) = header.problem() {
        return Err(malformed(blame(&problem, text, options())));
    }
    let policy: MeshPolicy = read(text).map_err(malformed)?;
    policy.validate().map_err(|problem| malformed(blame(&problem, text, options())))?;
    Ok(policy)
}

impl PolicyError {
    fn malformed(error: &Error, file: &str) -> Self {
        let location = error.location();
        let file = message::escape(file);
        Self::Malformed {
            line: location.map_or(0, |location| location.line()),
            column: location.map_or(0, |location| location.column()),
            what: message::what(error),
            frame: message::frame(error, &file),
            file,
        }
    }
}

/// What tells whether the rest can be understood.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Header {
    api_version: Option<String>,
    kind: Option<String>,
}

impl Header {
    fn problem(&self) -> Option<Problem> {
        let problem = |field, what| Some(Problem { at: vec![Step::Field(field)], what });
        match (self.kind.as_deref(), self.api_version.as_deref()) {
            (Some(kind), _) if kind != KIND => problem("kind", format!("is {kind:?}, not {KIND}")),
            (_, Some(version)) if version != API_VERSION => {
                let group = API_VERSION.split('/').next().expect("a version has a group");
                let hint = match version.split_once('/') {
                    Some((theirs, _)) if theirs == group => "; a newer kubectl-mesh may know it",
                    _ => "",
                };
                problem("apiVersion", format!("is {version:?}; this program knows {API_VERSION}{hint}"))
            }
            _ => None,
        }
    }
}

fn read<'text, T: Deserialize<'text>>(text: &'text str) -> Result<T, Error> {
    serde_saphyr::from_str_with_options(text, options())
}

fn options() -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_depth: MAX_POLICY_DEPTH, flow_nesting_limit: MAX_POLICY_DEPTH },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: MAX_POLICY_ALIAS_EVENTS },
        // Comments are not read; as events, a long one would count against the reader's lookahead.
        emit_comments: false,
    }
}

/// Whether there is nothing but comments and document marks.
fn is_blank(text: &str) -> bool {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    text.lines()
        .map(str::trim)
        .all(|line| line.is_empty() || line.starts_with(['#', '%']) || matches!(line, "---" | "..."))
}

/// `:line:column`, if they are known.
struct Place(u64, u64);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self(0, _) => Ok(()),
            Self(line, column) => write!(f, ":{line}:{column}"),
        }
    }
}

/// A frame on lines of its own.
struct Below<'a>(Option<&'a str>);

impl fmt::Display for Below<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |frame| write!(f, "\n{frame}"))
    }
}

#[cfg(test)]
mod tests;
