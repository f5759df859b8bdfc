//! A temporary folder with processes in it. However the program that made it ends, none of them outlives it.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::limits::LOG_LINES;

/// Waits until its input ends, which is when the program that started it drops the sandbox, or exits, or is killed. Then
/// it kills what still runs, by process id and start time, and removes the folder. In `/proc/ID/stat` the start time is the
/// twentieth field after the name, which may hold anything. Signals from a terminal do not concern it: it has to outlive them.
const KEEPER: &str = r#"
trap '' HUP INT TERM
read -r _
for file in "$1"/pids/*; do
  [ -e "$file" ] || continue
  started=$(sed 's/.*) //' "/proc/${file##*/}/stat" 2>/dev/null | cut -d' ' -f20)
  [ "$started" = "$(cat "$file")" ] && kill -KILL "${file##*/}" 2>/dev/null
done
for _ in 1 2 3 4 5 6 7 8 9 10; do
  rm -rf "$1" 2>/dev/null && break
  sleep 0.1
done
"#;

/// The folder.
pub(crate) struct Sandbox {
    folder: PathBuf,
    keeper: Child,
}

impl Sandbox {
    /// An empty one.
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("mesh-servers-").tempdir().expect("a temporary folder").keep();
        fs::create_dir(folder.join("pids")).expect("a folder of our own");
        // Its output goes nowhere: who waits for the end of the test's own must not wait for the keeper.
        let keeper = Command::new("sh")
            .args(["-c", KEEPER, "keeper"])
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("there is a sh");
        Self { folder, keeper }
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        &self.folder
    }

    /// Starts a program whose output goes to `<name>.log`.
    pub(crate) fn start(&self, name: &str, program: &Path, arguments: &[String]) -> io::Result<Process> {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&self.folder);
        self.spawn(name, command)
    }

    /// Starts a command that says more than its arguments; its output goes to `<name>.log`.
    pub(crate) fn spawn(&self, name: &str, mut command: Command) -> io::Result<Process> {
        let log = self.folder.join(format!("{name}.log"));
        let output = File::options().create(true).append(true).open(&log)?;
        let child = command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output).spawn()?;
        let note = self.folder.join("pids").join(child.id().to_string());
        let process = Process { child, note, log };
        fs::write(&process.note, started(process.id()))?;
        Ok(process)
    }
}

/// When a process was started, as its kernel counts; empty where that is not told.
fn started(id: u32) -> String {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    let fields = stat.rsplit_once(") ").map(|(_, fields)| fields.split(' '));
    fields.and_then(|mut fields| fields.nth(19)).unwrap_or_default().to_owned()
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// A process, killed when it is dropped.
pub(crate) struct Process {
    child: Child,
    /// What tells the keeper that it runs.
    note: PathBuf,
    log: PathBuf,
}

impl Process {
    /// Its id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_some())
    }

    /// The end of what it wrote.
    pub(crate) fn last_words(&self) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_file(&self.note);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;
    use std::{env, thread};

    use super::super::until;
    use super::*;

    /// Where the copy of this process that is to be killed writes what it started.
    const NOTE: &str = "MESH_SANDBOX_TEST";

    #[test]
    fn nothing_outlives_a_process_that_is_killed() {
        if let Some(note) = env::var_os(NOTE) {
            start_something_and_wait_for_the_end(Path::new(&note));
        }
        let folder = tempfile::tempdir().unwrap();
        let note = folder.path().join("note");
        let mut copy = Command::new(env::current_exe().unwrap())
            .args(["--exact", "servers::sandbox::tests::nothing_outlives_a_process_that_is_killed"])
            .env(NOTE, &note)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let bound = Duration::from_mins(1);
        let started = until(bound, || note.exists());
        copy.kill().unwrap();
        copy.wait().unwrap();
        assert!(started, "the copy did not start anything");
        let note = fs::read_to_string(&note).unwrap();
        let (id, sandbox) = note.split_once(' ').unwrap();
        assert!(until(bound, || !runs(id)), "process {id} runs on");
        assert!(until(bound, || !Path::new(sandbox).exists()), "{sandbox} is left behind");
    }

    #[test]
    fn a_dropped_process_and_a_dropped_sandbox_are_gone_at_once() {
        let sandbox = Sandbox::new();
        let process = sandbox.start("sleep", Path::new("sleep"), &["600".to_owned()]).unwrap();
        let (id, folder) = (process.id().to_string(), sandbox.path().to_owned());
        assert!(runs(&id));
        drop(process);
        assert!(!runs(&id));
        drop(sandbox);
        assert!(!folder.exists());
    }

    fn start_something_and_wait_for_the_end(note: &Path) -> ! {
        let sandbox = Sandbox::new();
        let process = sandbox.start("sleep", Path::new("sleep"), &["600".to_owned()]).unwrap();
        let written = note.with_extension("new");
        fs::write(&written, format!("{} {}", process.id(), sandbox.path().display())).unwrap();
        fs::rename(written, note).unwrap();
        loop {
            thread::park();
        }
    }

    /// Whether a process is there and no corpse that nobody has buried yet.
    fn runs(id: &str) -> bool {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with('Z'))
    }
}
