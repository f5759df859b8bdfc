//! Refusals: a code, what is wrong, and what to do next.

use std::fmt;

/// Most bytes of a refusal's text.
pub(crate) const MAX_TEXT: usize = 512;

/// Why something is refused (product: claims and admission).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RefusalCode {
    /// The name is held by another owner.
    Held = 101,
    /// Strict mode: the name is not claimed.
    Unclaimed = 102,
    /// No owner can be found for the namespace.
    NoOwner = 104,
    /// Identity or env gives no legal host.
    IllegalHost = 105,
    /// The request brings a wrong mark, or changes one through `/status`.
    WrongMark = 106,
    /// This cluster's view is too old and does not know the name.
    StaleView = 108,
    /// It could not be decided.
    Undecided = 109,
    /// A ServiceEntry or VirtualService takes a claimed host.
    HostTaken = 110,
    /// A prefix host and a name collide.
    PrefixCollision = 111,
    /// Two identities give one host.
    OneHostTwoIdentities = 112,
}

impl RefusalCode {
    /// Every code, in order.
    pub const ALL: [Self; 10] = [
        Self::Held,
        Self::Unclaimed,
        Self::NoOwner,
        Self::IllegalHost,
        Self::WrongMark,
        Self::StaleView,
        Self::Undecided,
        Self::HostTaken,
        Self::PrefixCollision,
        Self::OneHostTwoIdentities,
    ];
}

/// `MESH-E101`.
impl fmt::Display for RefusalCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MESH-E{}", *self as u16)
    }
}

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub code: RefusalCode,
    /// What is wrong: no final period.
    pub what: String,
    /// What to do next: no final period.
    pub next: String,
}

impl Refusal {
    pub(crate) fn new(code: RefusalCode, what: impl Into<String>, next: impl Into<String>) -> Self {
        Self { code, what: what.into(), next: next.into() }
    }
}

/// `[MESH-E101] What. Next.` in plain ASCII, at most 512 bytes: what to do next is never cut.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (code, next) = (self.code.to_string(), plain(&self.next));
        let room = MAX_TEXT.saturating_sub(code.len() + next.len() + "[]  . .".len());
        write!(f, "[{code}] {}. {next}.", shorten(&plain(&self.what), room))
    }
}

/// In plain ASCII that neither a header nor a terminal reads as anything else.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|c| if c == ' ' || c.is_ascii_graphic() { c } else { '?' }).collect()
}

/// At most so many bytes of a plain text; what is cut out of the middle shows as dots.
pub(crate) fn shorten(plain: &str, most: usize) -> String {
    const DOTS: &str = "...";
    if plain.len() <= most {
        return plain.to_owned();
    }
    let left = most.saturating_sub(DOTS.len());
    let (head, tail) = (left - left / 3, left / 3);
    format!("{}{DOTS}{}", &plain[..head], &plain[plain.len() - tail..])
}

/// A name in a sentence: quoted, plain, and not too long for it.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", shorten(&plain(name), 120))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_plain_short_and_ends_in_what_to_do() {
        let long = "ä\u{1b}[31m\n".repeat(300);
        let text = Refusal::new(RefusalCode::Held, long, "do this").to_string();
        assert!(text.len() <= MAX_TEXT && text.is_ascii() && !text.contains('\u{1b}'), "{text}");
        assert!(text.starts_with("[MESH-E101] ??[31m") && text.ends_with(". do this."), "{text}");
        assert_eq!(Refusal::new(RefusalCode::NoOwner, "what", "next").to_string(), "[MESH-E104] what. next.");
    }

    #[test]
    fn names_are_cut_in_the_middle() {
        assert_eq!(shorten("abcdefghij", 10), "abcdefghij");
        assert_eq!(shorten("abcdefghijk", 10), "abcde...jk");
        assert_eq!(quoted("a\"b"), "\"a\"b\"");
    }
}
