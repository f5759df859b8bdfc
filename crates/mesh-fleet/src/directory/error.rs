//! Why a folder is no fleet.

use std::path::PathBuf;

use mesh_model::name::ClusterName;
use mesh_model::policy::PolicyError;
use thiserror::Error;

/// Why a folder is no fleet. Bad input as a whole: nothing was read.
#[derive(Debug, Error)]
pub enum DirectoryError {
    /// Nothing is there.
    #[error("fleet {} does not exist; name a folder that has one folder a cluster", path.display())]
    Missing {
        /// The path that was given.
        path: PathBuf,
    },
    /// Something else is there.
    #[error("fleet {} is not a folder; name the folder that has one folder a cluster", path.display())]
    NotAFolder {
        /// The path that was given.
        path: PathBuf,
    },
    /// It cannot be listed.
    #[error("fleet {} cannot be read: {problem}; check its path and permissions", path.display())]
    Unreadable {
        /// The path that was given.
        path: PathBuf,
        /// What the system said.
        problem: String,
    },
    /// It has neither cluster folders nor members.
    #[error(
        "fleet {} is empty; add one folder a cluster, whose name does not start with a dot or an underscore, \
         or list the members in mesh.yaml",
        path.display()
    )]
    Empty {
        /// The path that was given.
        path: PathBuf,
    },
    /// Its policy cannot be read as a file.
    #[error("policy {} cannot be read: {problem}; mend or replace the file", path.display())]
    PolicyFile {
        /// The policy's file.
        path: PathBuf,
        /// What is wrong: lower case.
        problem: String,
    },
    /// Its policy is not one: the text has file, line and a code frame.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// Its policy lists one name twice.
    #[error("member {name} is listed twice in the policy; keep one of the two entries")]
    TwoMembersOneName {
        /// The name.
        name: ClusterName,
    },
    /// Two of its folders are one cluster.
    #[error(
        "clusters {first} and {second} are one cluster: the kube-system namespace of both has UID {uid:?}; \
         remove one of the two folders"
    )]
    TwoMembersOneUid {
        /// A cluster.
        first: ClusterName,
        /// The other one.
        second: ClusterName,
        /// The UID that both have.
        uid: String,
    },
}
