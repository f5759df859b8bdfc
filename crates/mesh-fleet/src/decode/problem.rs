//! The readers' errors in words that a person can use: one line, bounded, nothing that a terminal would obey.

use serde_saphyr::{Error, MessageFormatter, UserMessageFormatter};

use mesh_model::name::is_invisible;

/// Why a document does not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReadError {
    /// Line inside the document, from 1, if it is known.
    pub(crate) line: Option<usize>,
    /// What is wrong: one line, lower case.
    pub(crate) problem: String,
}

impl ReadError {
    /// A problem of the document as a whole.
    pub(crate) fn new(problem: impl Into<String>) -> Self {
        Self { line: None, problem: problem.into() }
    }

    /// The YAML reader's error.
    pub(crate) fn yaml(error: &Error) -> Self {
        let line = error.location().and_then(|at| usize::try_from(at.line()).ok()).filter(|line| *line > 0);
        Self { line, problem: one_line(&yaml_problem(error)) }
    }

    /// The JSON reader's error.
    pub(crate) fn json(error: &serde_json::Error) -> Self {
        let line = Some(error.line()).filter(|line| *line > 0);
        let text = error.to_string();
        // The finding has the file's own place.
        Self { line, problem: one_line(text.split(" at line ").next().unwrap_or(&text)) }
    }
}

fn yaml_problem(error: &Error) -> String {
    match error.without_snippet() {
        Error::AliasError { error, .. } => yaml_problem(error),
        Error::DuplicateMappingKey { key: Some(key), .. } => format!("duplicate key {key}"),
        Error::DuplicateMappingKey { key: None, .. } => "duplicate key".to_owned(),
        Error::NullIntoString { .. } => "a string is wanted, nothing is there".to_owned(),
        Error::Unexpected { expected: "mapping start", .. } => "a mapping is wanted here".to_owned(),
        Error::Unexpected { expected: "sequence start", .. } => "a list is wanted here".to_owned(),
        Error::Unexpected { expected: "string scalar", .. } => "a string is wanted here".to_owned(),
        Error::InvalidScalar { ty: "u16", .. } => "a whole number from 0 to 65535 is wanted here".to_owned(),
        Error::InvalidScalar { ty, .. } if ty.starts_with(['u', 'i']) => "a whole number is wanted here".to_owned(),
        Error::Budget { .. } => "it is larger or deeper than any manifest may be".to_owned(),
        Error::AliasReplayLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. } => {
            "its aliases stand for more than any manifest may hold".to_owned()
        }
        other => {
            let text = UserMessageFormatter.format_message(other);
            if text.contains("tabs disallowed") || text.ends_with("found a tab") {
                "a tab stands where YAML takes spaces only".to_owned()
            } else {
                text.into_owned()
            }
        }
    }
}

fn one_line(message: &str) -> String {
    let mut text = String::new();
    for (count, c) in message.lines().next().unwrap_or_default().chars().enumerate() {
        if count == MAX_PROBLEM {
            text.push('…');
            break;
        }
        if c.is_control() || is_invisible(c) {
            text.extend(c.escape_default());
        } else {
            text.push(c);
        }
    }
    text
}

/// Longest problem text, in characters.
const MAX_PROBLEM: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_bounded_line_without_control_characters() {
        assert_eq!(one_line("a\u{1b}[31m\u{202e}b\nsecond"), r"a\u{1b}[31m\u{202e}b");
        assert_eq!(one_line(&"x".repeat(1000)).chars().count(), MAX_PROBLEM + 1);
    }
}
