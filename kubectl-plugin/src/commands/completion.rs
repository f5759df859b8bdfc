//! `kubectl mesh completion`, and the answers to the completion key.
//!
//! kubectl completes its plugins by running `kubectl_complete-mesh` with the words typed so far (KEP-2379); it prints one
//! candidate a line and ends with a line of Cobra's that says what the shell does with them.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use clap_complete::engine::complete;
use clap_complete::env::Shells;

use crate::cli;
use crate::environment::MESH_COMPLETE;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::output::Output;

mod names;

use names::with_names;

/// The program that the shim and the shells' scripts run.
const PROGRAM: &str = "kubectl-mesh";
/// The file that kubectl looks for on the PATH.
const SHIM: &str = "kubectl_complete-mesh";
/// What the file holds. After `--` no word is taken for a flag of ours.
const SHIM_TEXT: &str = "#!/bin/sh\n\
    # Written by `kubectl mesh completion install`: kubectl runs it to complete `kubectl mesh`.\n\
    exec kubectl-mesh __complete -- \"$@\"\n";
/// Cobra's `ShellCompDirectiveNoFileComp`: no file names beside the candidates.
const NO_FILES: u8 = 4;
/// Cobra's `ShellCompDirectiveNoSpace`: no space after the candidate, since a path goes on.
const NO_SPACE: u8 = 2;

/// Print a completion script for a shell, or install completion for `kubectl mesh`
#[derive(Debug, Args)]
pub(crate) struct CompletionArgs {
    #[command(subcommand)]
    command: CompletionCommand,
}

#[derive(Debug, Subcommand)]
enum CompletionCommand {
    /// Print the script for bash; `source <(kubectl-mesh completion bash)` completes `kubectl-mesh`
    Bash,
    /// Print the script for zsh
    Zsh,
    /// Print the script for fish
    Fish,
    /// Print the script for `PowerShell`
    Powershell,
    /// Write the file that lets kubectl complete `kubectl mesh`
    Install(InstallArgs),
}

#[derive(Debug, Args)]
struct InstallArgs {
    /// The folder, which must be on the PATH; by default the one that this program is in
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// The words typed so far, the last of which is to be completed.
#[derive(Debug, Args)]
pub(crate) struct CompleteArgs {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<OsString>,
}

/// Prints a script or installs the shim.
pub(crate) fn run(args: &CompletionArgs, output: &mut Output) -> Result<Exit, CommandError> {
    let shell = match &args.command {
        CompletionCommand::Install(args) => return install(args, output),
        CompletionCommand::Bash => "bash",
        CompletionCommand::Zsh => "zsh",
        CompletionCommand::Fish => "fish",
        CompletionCommand::Powershell => "powershell",
    };
    let shells = Shells::builtins();
    let completer = shells.completer(shell).expect("clap_complete has the shells that we offer");
    let mut script = Vec::new();
    completer
        .write_registration(MESH_COMPLETE, PROGRAM, PROGRAM, PROGRAM, &mut script)
        .expect("memory can be written to");
    output.data(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Success)
}

/// Answers kubectl: candidates with their help, then Cobra's directive.
pub(crate) fn answer_kubectl(args: &CompleteArgs, output: &mut Output) -> Result<Exit, CommandError> {
    let mut words = vec![OsString::from(PROGRAM)];
    words.extend(args.words.iter().cloned());
    if words.len() == 1 {
        words.push(OsString::new());
    }
    let mut command = with_names(cli::command(Path::new(PROGRAM)), &words);
    let last = words.len() - 1;
    // Flags are only offered to who begins one, as kubectl does.
    let wants_flags = words[last].to_string_lossy().starts_with('-');
    let here = std::env::current_dir().ok();
    // A word that cannot be completed has no candidates: the shell shows nothing, which says it all.
    let candidates = complete(&mut command, words, last, here.as_deref()).unwrap_or_default();
    let mut text = String::new();
    let mut directive = NO_FILES;
    for candidate in candidates.iter().filter(|candidate| !candidate.is_hide_set()) {
        let Some(value) = candidate.get_value().to_str().filter(|value| !value.contains(['\n', '\t'])) else {
            continue;
        };
        if value.starts_with('-') && !wants_flags {
            continue;
        }
        if value.ends_with('/') {
            directive |= NO_SPACE;
        }
        let help = candidate.get_help().map(ToString::to_string).unwrap_or_default();
        let help = help.lines().next().unwrap_or_default();
        let _ = if help.is_empty() { writeln!(text, "{value}") } else { writeln!(text, "{value}\t{help}") };
    }
    let _ = writeln!(text, ":{directive}");
    output.data(&text)?;
    Ok(Exit::Success)
}

/// Answers the script of a shell, which runs this program with [`MESH_COMPLETE`] set and the words after `--`.
/// `None` when nobody asks.
pub(crate) fn answer_shell(args: impl IntoIterator<Item = OsString>, output: &mut Output) -> Option<Exit> {
    let shell = std::env::var(MESH_COMPLETE).ok().filter(|shell| !shell.is_empty())?;
    let shells = Shells::builtins();
    let completer = shells.completer(&shell)?;
    let words: Vec<OsString> = args.into_iter().skip_while(|word| word != "--").skip(1).collect();
    let mut command = with_names(cli::command(Path::new(PROGRAM)), &words);
    let here = std::env::current_dir().ok();
    let mut text = Vec::new();
    let written = completer.write_complete(&mut command, words, here.as_deref(), &mut text);
    let shown = written.is_ok() && output.data(&String::from_utf8_lossy(&text)).is_ok();
    Some(if shown { Exit::Success } else { Exit::NothingDone })
}

fn install(args: &InstallArgs, output: &mut Output) -> Result<Exit, CommandError> {
    let dir = match &args.dir {
        Some(dir) => dir.clone(),
        None => own_folder()?,
    };
    if !dir.is_dir() {
        return Err(CommandError::usage(format!("{} is not a folder", dir.display())));
    }
    let file = dir.join(SHIM);
    write_shim(&dir, &file).map_err(|error| {
        CommandError::new(Exit::NothingDone, format!("cannot write {}", file.display()))
            .because(error)
            .hint("choose a folder that you can write and that is on the PATH with `--dir DIR`")
    })?;
    output.data(&format!("{}\n", file.display()))?;
    let on_path = std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|entry| entry == dir));
    if !on_path {
        output.warning(&format!("{} is not on the PATH: kubectl will not find the file", dir.display()));
    }
    output.note("kubectl completes `kubectl mesh` where its own completion is set up (`kubectl completion --help`)");
    Ok(Exit::Success)
}

fn own_folder() -> Result<PathBuf, CommandError> {
    let program = std::env::current_exe()
        .map_err(|error| CommandError::new(Exit::NothingDone, "cannot tell where this program is").because(error))?;
    Ok(program.parent().map_or_else(PathBuf::new, Path::to_owned))
}

/// Replaces the file whole, executable for all who may read it.
fn write_shim(dir: &Path, file: &Path) -> std::io::Result<()> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(std::fs::Permissions::from_mode(0o755));
    }
    let mut temporary = builder.tempfile_in(dir)?;
    temporary.write_all(SHIM_TEXT.as_bytes())?;
    temporary.persist(file)?;
    Ok(())
}
