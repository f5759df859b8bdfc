//! Errors that a person reads, each with an exit status and hints.

use std::error::Error;
use std::fmt::Write as _;

use crate::exit::Exit;

/// Why a command ended early.
#[derive(Debug)]
pub(crate) struct CommandError {
    /// The status to end with.
    pub(crate) exit: Exit,
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
    hints: Vec<String>,
}

impl CommandError {
    /// An error that ends with `exit`. `message`: lower case, no final period, names the thing.
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), source: None, hints: Vec::new() }
    }

    /// Usage or bad input.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// With the error behind it.
    pub(crate) fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// With a next step: lower case, no final period.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// With the names that come closest to one that nobody has, if there are any.
    pub(crate) fn closest<S: AsRef<str>>(self, names: &[S]) -> Self {
        let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
        match names.as_slice() {
            [] => self,
            [name] => self.hint(format!("the closest name is {name}")),
            names => self.hint(format!("the closest names are {}", names.join(", "))),
        }
    }

    /// `message: cause: cause`.
    pub(crate) fn message(&self) -> String {
        let mut text = self.message.clone();
        let mut cause: Option<&(dyn Error + 'static)> = self.source.as_deref().map(|source| source as _);
        while let Some(error) = cause {
            let _ = write!(text, ": {error}");
            cause = error.source();
        }
        text
    }

    /// The next steps.
    pub(crate) fn hints(&self) -> &[String] {
        &self.hints
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_of_causes_is_one_line() {
        let error = CommandError::usage("cannot read fleet.yaml").because(std::io::Error::other("disk on fire"));
        assert_eq!(error.message(), "cannot read fleet.yaml: disk on fire");
    }
}
