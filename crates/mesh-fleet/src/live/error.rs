//! Why a source is no fleet.

use thiserror::Error;

/// Why a source is no fleet. Bad input as a whole: nothing was read.
#[derive(Debug, Error)]
pub enum LiveError {
    /// The text after `--fleet`.
    #[error("fleet {text:?}: {problem}")]
    Form {
        /// As it was given.
        text: String,
        /// What is wrong: lower case.
        problem: String,
    },
    /// The source cannot be read: no kubeconfig, no folder, no such context.
    #[error("fleet {source_name} cannot be read: {problem}")]
    Source {
        /// The source.
        source_name: String,
        /// What is wrong: lower case.
        problem: String,
    },
    /// It names no cluster.
    #[error("fleet {source_name} names no cluster")]
    Empty {
        /// The source.
        source_name: String,
    },
    /// A cluster stores two policies.
    #[error("{cluster} stores a policy in namespace {first} and one in {second}; remove one of the two ConfigMaps")]
    TwoPolicies {
        /// The cluster.
        cluster: String,
        /// A namespace.
        first: String,
        /// The other one.
        second: String,
    },
    /// No fleet was named, and the cluster of the current context stores no policy with members.
    #[error("no fleet is named, and context {context} stores no list of members{why}")]
    NoMembers {
        /// The current context.
        context: String,
        /// More, starting with `: `, or empty.
        why: String,
    },
    /// The program cannot start what it needs.
    #[error("cannot start: {0}")]
    Runtime(std::io::Error),
}
