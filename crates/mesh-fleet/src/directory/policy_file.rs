//! The file `mesh.yaml`, to be edited by a person's order.

use std::io;
use std::path::{Path, PathBuf};

use super::open::policy_text;
use super::{DirectoryError, POLICY_FILE};
use crate::store;

/// `mesh.yaml` of a fleet as it was read.
#[derive(Debug, Clone)]
pub struct PolicyFile {
    root: PathBuf,
    path: PathBuf,
    shown: String,
    text: Option<String>,
}

impl PolicyFile {
    /// Reads the file in the fleet of folder `root`; that there is none is no error.
    pub fn read(root: &Path) -> Result<Self, DirectoryError> {
        let path = root.join(POLICY_FILE);
        Ok(Self { root: root.to_owned(), shown: path.display().to_string(), path, text: policy_text(root)? })
    }

    /// Its path, for messages.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// Its text, if there is a file.
    pub fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }

    /// Replaces it whole, if it is still as it was read.
    pub fn write(&self, text: &str) -> io::Result<()> {
        let now = policy_text(&self.root).map_err(|error| io::Error::other(error.to_string()))?;
        if now != self.text {
            return Err(io::Error::other("it was changed meanwhile; run the command again"));
        }
        if self.text.is_some() {
            // A link stays one: what it leads to is replaced.
            store::replace(&std::fs::canonicalize(&self.path)?, text.as_bytes())
        } else {
            store::create(&self.path, text.as_bytes())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_created_replaced_and_never_written_over_a_change() {
        let folder = tempfile::tempdir().unwrap();
        let none = PolicyFile::read(folder.path()).unwrap();
        assert_eq!(none.text(), None);
        none.write("one").unwrap();
        assert!(none.write("two").unwrap_err().to_string().contains("changed meanwhile"));

        let one = PolicyFile::read(folder.path()).unwrap();
        assert_eq!(one.text(), Some("one"));
        one.write("two").unwrap();
        assert!(one.write("three").unwrap_err().to_string().contains("changed meanwhile"));
        assert_eq!(std::fs::read_to_string(folder.path().join(POLICY_FILE)).unwrap(), "two");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file stays");
    }
}
