//! The readers' errors in words that a person can use: one line, bounded, nothing that a terminal would obey.

use serde_saphyr::{Error, MessageFormatter, UserMessageFormatter};

use mesh_model::name::is_invisible;

use crate::limits::MAX_PROBLEM;

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
        Self { line, problem: one_line(&json_problem(text.split(" at line ").next().unwrap_or(&text))) }
    }
}

/// `text` without the names of our types: what is wanted is said as YAML's reader says it.
fn json_problem(text: &str) -> String {
    let Some((found, expected)) = text.rsplit_once(", expected ") else { return text.to_owned() };
    let wanted = match expected {
        "a map" => "a mapping",
        _ if expected.starts_with("struct ") => "a mapping",
        "u16" => WANTED_PORT,
        "u8" | "u32" | "u64" | "i32" | "i64" | "usize" => "a whole number",
        "a borrowed string" => "a string",
        other => other,
    };
    format!("{found}, {wanted} is wanted here")
}

const WANTED_PORT: &str = "a whole number from 0 to 65535";

fn yaml_problem(error: &Error) -> String {
    match error.without_snippet() {
        Error::AliasError { error, .. } => yaml_problem(error),
        Error::DuplicateMappingKey { key: Some(key), .. } => format!("duplicate key {key}"),
        Error::DuplicateMappingKey { key: None, .. } => "duplicate key".to_owned(),
        Error::NullIntoString { .. } => "a string is wanted, nothing is there".to_owned(),
        Error::Unexpected { expected: "mapping start", .. } => "a mapping is wanted here".to_owned(),
        Error::Unexpected { expected: "sequence start", .. } => "a list is wanted here".to_owned(),
        Error::Unexpected { expected: "string scalar", .. } => "a string is wanted here".to_owned(),
        Error::InvalidScalar { ty: "u16", .. } => format!("{WANTED_PORT} is wanted here"),
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn what_json_lacks_is_said_without_the_names_of_types() {
        let problem =
            |text: &str| ReadError::json(&serde_json::from_str::<(u16, BTreeMap<String, bool>)>(text).unwrap_err());
        for (text, words) in [
            ("[70000, {}]", "invalid value: integer `70000`, a whole number from 0 to 65535 is wanted here"),
            ("[80, 7]", "invalid type: integer `7`, a mapping is wanted here"),
            ("[80, {", "EOF while parsing an object"),
        ] {
            assert_eq!(problem(text).problem, words);
        }
    }

    #[test]
    fn a_message_is_one_bounded_line_without_control_characters() {
        assert_eq!(one_line("a\u{1b}[31m\u{202e}b\nsecond"), r"a\u{1b}[31m\u{202e}b");
        assert_eq!(one_line(&"x".repeat(1000)).chars().count(), MAX_PROBLEM + 1);
    }
}
