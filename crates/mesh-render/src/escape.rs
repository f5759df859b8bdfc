//! Nothing that came from a cluster reaches a terminal unescaped.

use std::borrow::Cow;
use std::fmt::Write as _;

use mesh_model::name::is_invisible;

use crate::limits::MAX_TEXT;

/// One line of text: control, escape, bidirectional and zero-width characters become `\u{…}`, line feeds included;
/// over-long text is cut.
pub fn line(text: &str) -> Cow<'_, str> {
    escape(text, MAX_TEXT, is_unsafe)
}

/// Text of several lines: as [`line()`], but line feeds stay and nothing is cut.
pub fn lines(text: &str) -> Cow<'_, str> {
    escape(text, usize::MAX, |c| c != '\n' && is_unsafe(c))
}

/// JSON text: what [`line()`] escapes is only legal inside its strings, where it becomes `\uXXXX`. The document stays the
/// same.
pub fn json(text: &str) -> Cow<'_, str> {
    let needs = |c: char| c != '\n' && is_unsafe(c);
    if !text.contains(needs) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    let mut units = [0; 2];
    for c in text.chars() {
        if needs(c) {
            for unit in c.encode_utf16(&mut units) {
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

/// Whether a terminal would act on `c`, hide it, or reorder text because of it.
pub fn is_unsafe(c: char) -> bool {
    c.is_control() || is_invisible(c)
}

fn escape(text: &str, max: usize, needs: impl Fn(char) -> bool) -> Cow<'_, str> {
    let long = text.len() > max && text.chars().nth(max).is_some();
    if !long && !text.contains(&needs) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len().min(max) + 16);
    for c in text.chars().take(max) {
        if needs(c) {
            let _ = write!(escaped, "\\u{{{:x}}}", u32::from(c));
        } else {
            escaped.push(c);
        }
    }
    if long {
        escaped.push('…');
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_act_on_is_spelled_out() {
        for (text, want) in [
            ("shop/checkout", "shop/checkout"),
            ("a\u{1b}[31mb", "a\\u{1b}[31mb"),
            ("a\u{9b}31m", "a\\u{9b}31m"),
            ("a\u{202e}b\u{200b}", "a\\u{202e}b\\u{200b}"),
            ("a\r\nb\tc\u{7f}", "a\\u{d}\\u{a}b\\u{9}c\\u{7f}"),
            ("größe 東京", "größe 東京"),
        ] {
            assert_eq!(line(text), want);
        }
        assert_eq!(lines("a\n\u{1b}b"), "a\n\\u{1b}b");
    }

    #[test]
    fn over_long_text_is_cut() {
        let cut = line(&"ä".repeat(MAX_TEXT + 1)).into_owned();
        assert_eq!(cut.chars().count(), MAX_TEXT + 1);
        assert!(cut.ends_with("ä…"));
        assert!(!line(&"ä".repeat(MAX_TEXT)).ends_with('…'));
    }

    #[test]
    fn json_stays_the_same_document() {
        let value = serde_json::json!({"a": "x\u{1b}[31m\u{9b}\u{202e}\u{e0001}\n"});
        let text = serde_json::to_string_pretty(&value).unwrap();
        let safe = json(&text);
        assert!(!safe.contains(|c: char| c != '\n' && is_unsafe(c)), "{safe}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&safe).unwrap(), value);
    }
}
