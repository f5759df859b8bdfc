//! The YAML reader's errors in our words: what is wrong, then a code frame.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde_saphyr::{Error, MessageFormatter, UserMessageFormatter, render_options};

use crate::name::is_invisible;

/// What is wrong: lower case, no period, nothing that a terminal would obey.
pub(super) fn what(error: &Error) -> String {
    let text = match error.without_snippet() {
        Error::AliasError { error, .. } => what(error),
        Error::SerdeUnknownField { field, expected, .. } => {
            format!("unknown field `{field}`; here may stand {}", expected.join(", "))
        }
        Error::DuplicateMappingKey { key: Some(key), .. } => format!("`{key}` is written twice"),
        Error::DuplicateMappingKey { key: None, .. } => "a key is written twice".into(),
        Error::MultipleDocuments { .. } => "a second document begins; a policy is one document".into(),
        Error::NullIntoString { .. } => "the value is missing; leave the line out for the default".into(),
        Error::Unexpected { expected: "mapping start", .. } => "a mapping is wanted here (`key: value`)".into(),
        Error::Unexpected { expected: "sequence start", .. } => "a list is wanted here (`- item` or `[item]`)".into(),
        Error::Unexpected { expected: "string scalar", .. } => "one text is wanted here".into(),
        Error::InvalidScalar { ty: "boolean" | "bool", .. } => "`true` or `false` is wanted here".into(),
        Error::InvalidScalar { ty, .. } if ty.starts_with(['u', 'i']) => {
            format!("a whole number from 0 to {} is wanted here", greatest(ty))
        }
        Error::SerdeMissingField { field, .. } => format!("`{field}` is missing"),
        Error::Budget { .. } => "more than a policy may need: it is too large or too deep".into(),
        Error::AliasReplayLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. } => {
            "more than a policy may need: its aliases stand for too much".into()
        }
        _ => {
            let text = plain(error);
            if text.contains("tabs disallowed") || text.ends_with("found a tab") {
                "a tab stands where YAML takes spaces only".into()
            } else {
                text
            }
        }
    };
    escape(&text)
}

/// The lines around the place, with the place marked.
pub(super) fn frame(error: &Error, file: &str) -> Option<String> {
    error.location()?;
    let rendered = error.render_with_options(render_options! { formatter: &Silent, source_name: Some(file) });
    // The first line is the reader's own heading; ours stands there.
    let (_, frame) = rendered.split_once('\n')?;
    let shown = |c: char| if c.is_control() || is_invisible(c) { char::REPLACEMENT_CHARACTER } else { c };
    Some(
        frame.lines().map(|line| line.trim_end().chars().map(shown).collect::<String>()).collect::<Vec<_>>().join("\n"),
    )
}

/// `text` with control, bidirectional and zero-width characters spelled out.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || is_invisible(c) {
            let _ = write!(escaped, "{}", c.escape_default());
        } else {
            escaped.push(c);
        }
    }
    escaped
}

fn plain(error: &Error) -> String {
    UserMessageFormatter.format_message(error.without_snippet()).into_owned()
}

fn greatest(ty: &str) -> &'static str {
    match ty {
        "u64" | "usize" => "9007199254740991",
        "u16" => "65535",
        _ => "4294967295",
    }
}

/// Says nothing, so that the frame has the mark but not the message a second time.
struct Silent;

impl MessageFormatter for Silent {
    fn format_message<'a>(&self, _: &'a Error) -> Cow<'a, str> {
        Cow::Borrowed("")
    }
}
