//! Newtypes for the names that cross every border.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::limits::{MAX_CLUSTER_NAME, MAX_IDENTITY};

/// Why a text is not a name of the wanted sort.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{sort} {text:?} {problem}")]
pub struct NameError {
    /// What was wanted: `cluster name`, `namespace`, `identity`, `env`, `host`.
    pub sort: &'static str,
    /// The offending text, as given.
    pub text: String,
    /// What is wrong with it.
    pub problem: String,
}

impl NameError {
    pub(crate) fn new(sort: &'static str, text: &str, problem: impl Into<String>) -> Self {
        Self { sort, text: text.chars().take(300).collect(), problem: problem.into() }
    }
}

/// A name of one sort: shared text, cheap to clone, compared and shown as its text.
macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $sort:literal, $check:path) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(Arc<str>);

        impl $type {
            /// Parses `text`.
            pub fn parse(text: &str) -> Result<Self, NameError> {
                Self::checked(text).map(|text| Self(text.into()))
            }

            /// `text` itself, where it is one.
            pub fn checked(text: &str) -> Result<&str, NameError> {
                match $check(text) {
                    Some(problem) => Err(NameError::new($sort, text, problem)),
                    None => Ok(text),
                }
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Deref for $type {
            type Target = str;
            fn deref(&self) -> &str {
                &self.0
            }
        }
        impl Borrow<str> for $type {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
        impl TryFrom<Arc<str>> for $type {
            type Error = NameError;
            fn try_from(text: Arc<str>) -> Result<Self, NameError> {
                Self::checked(&text)?;
                Ok(Self(text))
            }
        }
        impl TryFrom<String> for $type {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                Self::parse(&text)
            }
        }
        impl From<$type> for String {
            fn from(name: $type) -> Self {
                name.0.to_string()
            }
        }
    };
}

name!(
    /// The name of a cluster in a fleet: a folder's, a kubeconfig context's or a secret key's name.
    ClusterName,
    "cluster name",
    cluster_name_problem
);
name!(
    /// A Kubernetes namespace (RFC 1123 label).
    Namespace,
    "namespace",
    namespace_problem
);
impl Namespace {
    /// Where an object of a cluster-scoped kind is: in no namespace, which Kubernetes writes as the empty one.
    pub fn none() -> Self {
        Self(Arc::default())
    }

    /// Whether this is no namespace.
    pub fn is_none(&self) -> bool {
        self.0.is_empty()
    }
}

name!(
    /// The name that a workload carries on its pod template, with its case kept (`reference/admiral.md` §3.1).
    Identity,
    "identity",
    identity_problem
);
name!(
    /// The environment of a workload (`reference/admiral.md` §3.2).
    Env,
    "env",
    identity_problem
);
name!(
    /// A global name: a host such as `stage.greeting.global`, also with a prefix (`west.stage.greeting.global`).
    /// Legal for DNS and Istio; upper case is kept where a workload asks for it.
    Host,
    "host",
    crate::host::host_problem
);

fn cluster_name_problem(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        Some("is empty")
    } else if text.len() > MAX_CLUSTER_NAME {
        Some("is longer than 253 bytes")
    } else if hides_something(text) {
        Some("has white space, control or invisible characters")
    } else {
        None
    }
}

fn namespace_problem(text: &str) -> Option<&'static str> {
    let fine = !text.is_empty()
        && text.len() <= 63
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-');
    (!fine).then_some("is not an RFC 1123 label")
}

fn identity_problem(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        Some("is empty")
    } else if text.len() > MAX_IDENTITY {
        Some("is longer than 253 bytes")
    } else if hides_something(text) {
        Some("has white space, control or invisible characters")
    } else {
        None
    }
}

/// Whether there are white space, control or invisible characters in a text.
fn hides_something(text: &str) -> bool {
    // Nearly none has anything but graphic characters of ASCII, and reviews count each look.
    !is_each(text, |byte| byte.is_ascii_graphic())
        && text.chars().any(|c| c.is_control() || c.is_whitespace() || is_invisible(c))
}

/// Whether each byte is `so`. All of them are looked at: a processor looks at sixteen at once where it need not stop.
pub(crate) fn is_each(text: &str, so: impl Fn(u8) -> bool) -> bool {
    text.bytes().fold(true, |is_so, byte| is_so & so(byte))
}

/// Whether a terminal would show nothing for `c`, or would reorder text because of it: zero-width and bidirectional
/// formatting characters (Unicode Standard Annex #9).
pub fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_reject_what_a_terminal_would_hide() {
        for bad in ["", "a b", "a\u{1b}[31m", "a\u{202e}b", "a\nb"] {
            assert!(ClusterName::parse(bad).is_err(), "{bad:?}");
            assert!(Identity::parse(bad).is_err(), "{bad:?}");
        }
        assert!(ClusterName::parse("arn:aws:eks:us-west-2:1:cluster/a").is_ok());
        assert!(Namespace::parse("Shop").is_err());
        assert!(Namespace::parse("shop-1").is_ok());
    }
}
