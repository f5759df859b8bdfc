//! What must be before the webhook is ready: each is a token that whoever sees to it gives.

use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};

/// What must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token {
    /// It has a certificate.
    TlsLoaded = 1,
    /// It listens for reviews.
    ListenerBound = 2,
    /// It knows what the cluster holds.
    IndexSynced = 4,
    /// Nobody asked it to stop.
    NotStopping = 8,
    /// Whoever calls it knows the authority of its certificate.
    CaPublished = 16,
}

impl Token {
    const ALL: [Self; 5] =
        [Self::CaPublished, Self::TlsLoaded, Self::ListenerBound, Self::IndexSynced, Self::NotStopping];
}

/// As `/readyz?verbose` lists it.
impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TlsLoaded => "tls-loaded",
            Self::ListenerBound => "listener-bound",
            Self::IndexSynced => "index-synced",
            Self::NotStopping => "not-stopping",
            Self::CaPublished => "ca-published",
        })
    }
}

/// The tokens that were given.
#[derive(Debug)]
pub(crate) struct Readiness(AtomicU8);

impl Readiness {
    pub(crate) fn new() -> Self {
        Self(AtomicU8::new(Token::NotStopping as u8))
    }

    pub(crate) fn give(&self, token: Token) {
        self.0.fetch_or(token as u8, Ordering::AcqRel);
    }

    pub(crate) fn take(&self, token: Token) {
        self.0.fetch_and(!(token as u8), Ordering::AcqRel);
    }

    pub(crate) fn has(&self, token: Token) -> bool {
        self.0.load(Ordering::Acquire) & token as u8 != 0
    }

    pub(crate) fn is_ready(&self) -> bool {
        Token::ALL.into_iter().all(|token| self.has(token))
    }

    /// The tokens that were not given.
    pub(crate) fn missing(&self) -> Vec<String> {
        Token::ALL.into_iter().filter(|token| !self.has(*token)).map(|token| token.to_string()).collect()
    }

    /// Each token and whether it was given, a line each.
    pub(crate) fn lines(&self) -> String {
        let line = |token: Token| format!("[{}] {token}\n", if self.has(token) { "+" } else { "-" });
        Token::ALL.into_iter().map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_ready_with_every_token_and_says_which_are_missing() {
        let readiness = Readiness::new();
        for token in [Token::CaPublished, Token::TlsLoaded, Token::ListenerBound, Token::IndexSynced] {
            assert!(!readiness.is_ready());
            readiness.give(token);
        }
        assert!(readiness.is_ready());
        assert!(readiness.missing().is_empty());
        readiness.take(Token::NotStopping);
        assert!(!readiness.is_ready());
        assert_eq!(readiness.missing(), ["not-stopping"]);
        assert_eq!(
            readiness.lines(),
            "[+] ca-published\n[+] tls-loaded\n[+] listener-bound\n[+] index-synced\n[-] not-stopping\n"
        );
    }
}
