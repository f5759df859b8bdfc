//! The values of the flags that were given, as Go's flag library reads them.

use std::collections::BTreeMap;
use std::str::FromStr;

use super::FlagsError;
use super::words::{Flag, flags};

/// Lists, which gather what every further flag of the same name adds; of all others the last one counts.
const LISTS: [&str; 2] = ["excluded_identity_list", "exportto_identity_list"];

/// The flags that were given.
pub(super) struct Given {
    /// In order.
    flags: Vec<Flag>,
    /// Where each name stands last.
    last: BTreeMap<String, usize>,
}

impl Given {
    pub(super) fn read(text: &str) -> Result<Self, FlagsError> {
        let flags = flags(text)?;
        let last = flags.iter().enumerate().map(|(nth, flag)| (flag.name.clone(), nth)).collect();
        Ok(Self { flags, last })
    }

    /// Every flag, and whether it counts.
    pub(super) fn all(&self) -> impl Iterator<Item = (&Flag, bool)> {
        self.flags.iter().enumerate().map(|(nth, flag)| {
            let name = flag.name.as_str();
            (flag, LISTS.contains(&name) || self.last.get(name) == Some(&nth))
        })
    }

    /// The value of a text.
    pub(super) fn text(&self, name: &str) -> Result<Option<&str>, FlagsError> {
        self.last(name).map(value).transpose()
    }

    /// The items of a list, without empty ones.
    pub(super) fn list(&self, name: &str) -> Result<Option<Vec<String>>, FlagsError> {
        if self.last(name).is_none() {
            return Ok(None);
        }
        let mut items = Vec::new();
        for flag in self.flags.iter().filter(|flag| flag.name == name) {
            items.extend(value(flag)?.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned));
        }
        Ok(Some(items))
    }

    /// A whole number.
    pub(super) fn number<T: FromStr>(&self, name: &str) -> Result<Option<T>, FlagsError> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        text.parse()
            .map(Some)
            .map_err(|_| self.error(name, &format!("{text:?} is not a whole number, or out of range")))
    }

    /// Whether a switch is on; bare, it is (Go's `strconv.ParseBool`).
    pub(super) fn switch(&self, name: &str, default: bool) -> Result<bool, FlagsError> {
        let Some(flag) = self.last(name) else { return Ok(default) };
        match flag.value.as_deref() {
            None | Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(true),
            Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(false),
            Some(text) => Err(self.error(name, &format!("{text:?} is not true or false"))),
        }
    }

    /// A problem with flag `name`, on its line.
    pub(super) fn error(&self, name: &str, problem: &str) -> FlagsError {
        let line = self.last(name).map_or(1, |flag| flag.line);
        FlagsError::new(line, format!("--{name}: {problem}"))
    }

    fn last(&self, name: &str) -> Option<&Flag> {
        self.last.get(name).map(|nth| &self.flags[*nth])
    }
}

fn value(flag: &Flag) -> Result<&str, FlagsError> {
    let needed = || FlagsError::new(flag.line, format!("--{0} needs a value: --{0}=VALUE", flag.name));
    flag.value.as_deref().ok_or_else(needed)
}
