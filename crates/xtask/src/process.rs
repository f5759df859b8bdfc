//! Child processes, shown before they run.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{self, Stdio};

use anyhow::{Context, bail};

/// A command line that can be shown, run or read from. It never reads standard input.
pub(crate) struct Command {
    program: OsString,
    label: String,
    arguments: Vec<OsString>,
    variables: Vec<(String, OsString)>,
    folder: Option<PathBuf>,
}

impl Command {
    /// A program without arguments.
    pub(crate) fn new(program: impl Into<OsString>) -> Self {
        let program = program.into();
        let label = program.to_string_lossy().into_owned();
        Self { program, label, arguments: Vec::new(), variables: Vec::new(), folder: None }
    }

    /// How the program is called when the command is shown.
    pub(crate) fn label(mut self, label: &str) -> Self {
        label.clone_into(&mut self.label);
        self
    }

    /// More arguments.
    pub(crate) fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        self
    }

    /// One more variable of the environment.
    pub(crate) fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.variables.push((name.to_owned(), value.into()));
        self
    }

    /// Where it runs.
    pub(crate) fn folder(mut self, folder: &Path) -> Self {
        self.folder = Some(folder.to_path_buf());
        self
    }

    /// Shows and runs it; anything but success is an error.
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        println!("$ {self}");
        let status = self.to_std().status().with_context(|| format!("`{}` cannot be started", self.label))?;
        if !status.success() {
            bail!("`{self}` failed ({status})");
        }
        Ok(())
    }

    /// Runs it without showing it; its standard output, trimmed.
    pub(crate) fn read(&self) -> anyhow::Result<String> {
        let output = self
            .to_std()
            .stderr(Stdio::inherit())
            .output()
            .with_context(|| format!("`{}` cannot be started", self.label))?;
        if !output.status.success() {
            bail!("`{self}` failed ({})", output.status);
        }
        let text = String::from_utf8(output.stdout).with_context(|| format!("`{self}` printed no text"))?;
        Ok(text.trim().to_owned())
    }

    fn to_std(&self) -> process::Command {
        let mut command = process::Command::new(&self.program);
        command.args(&self.arguments).stdin(Stdio::null());
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        command
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.variables {
            write!(f, "{name}={} ", quoted(value))?;
        }
        f.write_str(&self.label)?;
        for argument in &self.arguments {
            write!(f, " {}", quoted(argument))?;
        }
        Ok(())
    }
}

fn quoted(text: &OsStr) -> String {
    let text = text.to_string_lossy();
    if text.is_empty() || text.contains([' ', '\'', '"', '$', '*', '{']) {
        format!("'{}'", text.replace('\'', r"'\''"))
    } else {
        text.into_owned()
    }
}
