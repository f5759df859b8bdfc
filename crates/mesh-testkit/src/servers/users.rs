//! Who may talk to an API server: an administrator, and users to whom nothing is granted yet. The server reads them once,
//! when it starts.

use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::{BuildHasher, Hasher};
use std::path::{Path, PathBuf};

use super::limits::USERS;

/// A user of one cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// As RBAC knows it.
    pub name: String,
    /// The only group it is in, beside those of every user.
    pub group: String,
    /// Its bearer token.
    pub token: String,
}

/// The users of one cluster and the file that tells the server of them.
pub(super) struct Users {
    /// In `system:masters`.
    pub(super) admin: User,
    /// The others.
    pub(super) others: Vec<User>,
    /// For `--token-auth-file`.
    pub(super) file: PathBuf,
}

impl Users {
    /// Makes them, with tokens that no other cluster has.
    pub(super) fn make(cluster: &str, folder: &Path) -> Self {
        let admin = user(cluster, "admin", "system:masters");
        let others: Vec<User> =
            (1..=USERS).map(|number| user(cluster, &format!("user-{number}"), &format!("group-{number}"))).collect();
        let line = |User { name, group, token }: &User| format!("{token},{name},{name},\"{group}\"");
        let lines: Vec<String> = [&admin].into_iter().chain(&others).map(line).collect();
        let file = folder.join("users.csv");
        fs::write(&file, lines.join("\n")).expect("a file of our own");
        Self { admin, others, file }
    }
}

fn user(cluster: &str, name: &str, group: &str) -> User {
    // Random enough for a server that only this machine reaches, for as long as a test runs.
    let random = RandomState::new().build_hasher().finish();
    User {
        name: name.to_owned(),
        group: group.to_owned(),
        token: format!("token-of-{name}-in-{cluster}-{random:016x}"),
    }
}
