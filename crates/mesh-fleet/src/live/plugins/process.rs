//! Running a credential plugin: bounded in time and in what it prints.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::Plugin;
use super::answer::file_name;
use crate::limits::{MAX_PLUGIN_OUTPUT, PLUGIN_POLL};

/// What `program` prints when it is run as `plugin` says. Errors name the program and how it ended, never its output.
pub(super) fn run(plugin: &Plugin, program: &Path, timeout: Duration) -> Result<Vec<u8>, String> {
    let name = file_name(&plugin.command);
    let until = Instant::now() + timeout;
    let mut command = Command::new(program);
    command.args(&plugin.args).envs(plugin.env.iter().map(|(name, value)| (name, value)));
    command.env("KUBERNETES_EXEC_INFO", plugin.info().to_string()).stdout(Stdio::piped());
    if plugin.is_interactive {
        command.stdin(Stdio::inherit()).stderr(Stdio::inherit());
    } else {
        command.stdin(Stdio::null()).stderr(Stdio::null());
    }
    let mut child = command.spawn().map_err(|error| format!("its credential plugin {name} cannot be run: {error}"))?;
    let printed = read(&mut child, until);
    let status = match printed {
        Ok(_) => wait(&mut child, until),
        Err(_) => None,
    };
    let Some(status) = status else {
        // Its own children, if it has any, are left behind: they hold nothing of ours but a closed pipe.
        let _ = child.kill();
        let _ = child.wait();
        return Err(match printed {
            Err(Unread::TooMuch) => {
                format!("its credential plugin {name} printed more than {} MiB", MAX_PLUGIN_OUTPUT >> 20)
            }
            _ => format!("its credential plugin {name} did not end within {} s", timeout.as_secs()),
        });
    };
    if !status.success() {
        return Err(format!("its credential plugin {name} failed ({status}); run it by hand"));
    }
    printed.map_err(|_| format!("what its credential plugin {name} printed cannot be read"))
}

/// Why there is no output.
enum Unread {
    TooMuch,
    Late,
}

/// Everything that the program prints. Pipes know no deadline, hence the thread; it ends when the pipe is closed.
fn read(child: &mut Child, until: Instant) -> Result<Vec<u8>, Unread> {
    let stdout = child.stdout.take().expect("the output is a pipe");
    let (done, ready) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = stdout.take(MAX_PLUGIN_OUTPUT + 1).read_to_end(&mut bytes);
        // Nobody listens any more when the time was up.
        let _ = done.send(read.map(|_| bytes));
    });
    match ready.recv_timeout(until.saturating_duration_since(Instant::now())) {
        Ok(Ok(bytes)) if bytes.len() as u64 > MAX_PLUGIN_OUTPUT => Err(Unread::TooMuch),
        Ok(Ok(bytes)) => Ok(bytes),
        _ => Err(Unread::Late),
    }
}

/// How the program ended, if it does in time.
fn wait(child: &mut Child, until: Instant) -> Option<ExitStatus> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < until => thread::sleep(PLUGIN_POLL),
            _ => return None,
        }
    }
}
