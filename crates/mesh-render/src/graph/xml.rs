//! Text in SVG and HTML.

use std::fmt::Write as _;

use crate::escape;

/// `text` as the content of an element or of a quoted attribute. What XML cannot hold is spelled out as for a terminal.
pub(super) fn text(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in escape::line(text).chars() {
        match c {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&#39;",
            '\u{fffe}' | '\u{ffff}' => {
                let _ = write!(escaped, "\\u{{{:x}}}", u32::from(c));
            }
            c => escaped.push(c),
        }
    }
    escaped
}

/// The same of lines, one below the other.
pub(super) fn lines<T: AsRef<str>>(lines: &[T]) -> String {
    lines.iter().map(|line| text(line.as_ref())).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_becomes_markup() {
        assert_eq!(text("a<b>&\"'"), "a&lt;b&gt;&amp;&quot;&#39;");
        assert_eq!(text("a\u{1b}\n\u{202e}\u{ffff}"), "a\\u{1b}\\u{a}\\u{202e}\\u{ffff}");
        assert_eq!(lines(&["a", "<"]), "a\n&lt;");
    }
}
