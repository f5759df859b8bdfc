//! `kubectl-mesh __docs DIR`: the pages of the documentation that are made from the program itself.

use std::path::{Path, PathBuf};

use clap::{Args, Command};

use crate::cli;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::output::Output;

mod findings;
mod reference;

/// The program that the pages are about, as kubectl runs it.
const PROGRAM: &str = "kubectl-mesh";

/// Where the pages go.
#[derive(Debug, Args)]
pub(crate) struct DocsArgs {
    /// The folder `docs`
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

/// Writes `commands.md`, `findings.md` and `man/*.1`, and prints their paths.
pub(crate) fn run(args: &DocsArgs, output: &mut Output) -> Result<Exit, CommandError> {
    let mut pages = vec![
        (PathBuf::from("commands.md"), reference::page(&described()).into_bytes()),
        (PathBuf::from("findings.md"), findings::page().into_bytes()),
    ];
    manual(&described(), PROGRAM, &mut pages);
    for (name, content) in pages {
        let path = args.dir.join(&name);
        write(&path, &content).map_err(|error| {
            CommandError::new(Exit::NothingDone, format!("cannot write {}", path.display())).because(error)
        })?;
        output.data(&format!("{}\n", name.display()))?;
    }
    Ok(Exit::Success)
}

/// The command line's definition, complete: global flags and `help` are in every verb.
fn described() -> Command {
    // Widths of the terminal that generates the pages must not show in them.
    let mut command = cli::command(Path::new(PROGRAM)).term_width(100).disable_help_subcommand(true);
    command.build();
    command
}

/// One manual page a command, parents first.
fn manual(command: &Command, name: &str, pages: &mut Vec<(PathBuf, Vec<u8>)>) {
    let mut text = Vec::new();
    clap_mangen::Man::new(command.clone())
        .title(name)
        .source(format!("kubectl-mesh {}", env!("CARGO_PKG_VERSION")))
        .manual("kubectl mesh")
        .render(&mut text)
        .expect("memory can be written to");
    pages.push((Path::new("man").join(format!("{name}.1")), text));
    for subcommand in command.get_subcommands().filter(|subcommand| !subcommand.is_hide_set()) {
        manual(subcommand, &format!("{name}-{}", subcommand.get_name()), pages);
    }
}

fn write(path: &Path, content: &[u8]) -> std::io::Result<()> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    std::fs::write(path, content)
}
