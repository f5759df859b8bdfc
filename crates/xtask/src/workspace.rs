//! Where things lie.

use std::path::PathBuf;

use anyhow::Context;
use cargo_metadata::MetadataCommand;

use crate::process::Command;

/// The workspace and its build folder.
pub(crate) struct Workspace {
    /// The folder of the root manifest.
    pub(crate) root: PathBuf,
    /// Build output, wherever `CARGO_TARGET_DIR` or a configuration file puts it.
    pub(crate) target: PathBuf,
    /// The version of all crates.
    pub(crate) version: String,
    /// Where the project is at home.
    pub(crate) repository: String,
}

impl Workspace {
    /// Asks cargo.
    pub(crate) fn find() -> anyhow::Result<Self> {
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml");
        let metadata = MetadataCommand::new()
            .manifest_path(manifest)
            .no_deps()
            .exec()
            .with_context(|| format!("{manifest} cannot be read"))?;
        let package = metadata.packages.iter().find(|package| package.name.as_str() == "kubectl-mesh");
        let package = package.context("the workspace has no package kubectl-mesh")?;
        Ok(Self {
            version: package.version.to_string(),
            repository: package.repository.clone().unwrap_or_default(),
            root: metadata.workspace_root.into_std_path_buf(),
            target: metadata.target_directory.into_std_path_buf(),
        })
    }

    /// Where the programs that tests start are built.
    pub(crate) fn servers(&self) -> PathBuf {
        self.target.join("servers")
    }

    /// The built program, debug profile.
    pub(crate) fn program(&self) -> PathBuf {
        self.target.join("debug").join(format!("kubectl-mesh{}", std::env::consts::EXE_SUFFIX))
    }

    /// Where tools that the project pins are installed.
    pub(crate) fn tools(&self) -> PathBuf {
        self.target.join("tools")
    }

    /// A command that runs in the root with the cargo that runs this program.
    pub(crate) fn cargo<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Command {
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        Command::new(cargo).label("cargo").args(arguments).folder(&self.root)
    }
}

/// Whether this is a CI run, where nothing may be skipped.
pub(crate) fn is_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| !value.is_empty() && value != "false" && value != "0")
}
