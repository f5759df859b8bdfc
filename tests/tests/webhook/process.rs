//! The built webhook as a process of its own.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use mesh_testkit::servers::until;
use mesh_testkit::tls;
use mesh_tests::webhook_program;
use tempfile::TempDir;

use super::authority::{Authority, Mounted};

/// How long something may take to be so.
pub(super) const SOON: Duration = Duration::from_secs(30);

/// Where the webhook's certificate comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Certificates {
    /// A folder that the test makes.
    Folder,
    /// The webhook itself.
    SelfManaged,
}

/// How it is started.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setup<'a> {
    pub(super) certificates: Certificates,
    /// Further arguments.
    pub(super) arguments: &'a [&'a str],
    /// Most files that it may open, where it gets fewer than this process.
    pub(super) files: Option<u32>,
}

impl From<Certificates> for Setup<'_> {
    fn from(certificates: Certificates) -> Self {
        Self { certificates, arguments: &[], files: None }
    }
}

/// Where it listens: for reviews, and for kubelets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Addresses {
    pub(super) reviews: SocketAddr,
    pub(super) admin: SocketAddr,
}

/// The process. It ends when this is dropped.
pub(super) struct Webhook {
    child: Child,
    pub(super) address: SocketAddr,
    pub(super) admin: SocketAddr,
    /// Where the test sees to its certificate: by whom, and where.
    pub(super) own: Option<(Authority, Mounted)>,
    /// Whom its certificate is from.
    pub(super) ca_pem: String,
    folder: TempDir,
}

impl Addresses {
    /// Some that nobody listens on.
    pub(super) fn free() -> Self {
        let free = || TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).unwrap();
        Self { reviews: free(), admin: free() }
    }
}

impl Webhook {
    /// Starts it, and waits for nothing.
    pub(super) fn spawn(kubeconfig: &str, at: Addresses, setup: &Setup<'_>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let kubeconfig_file = folder.path().join("kubeconfig");
        fs::write(&kubeconfig_file, kubeconfig).unwrap();
        let mut own = None;
        let mut arguments: Vec<String> = vec!["serve".into(), "--kubeconfig".into()];
        arguments.push(kubeconfig_file.to_str().unwrap().to_owned());
        arguments.extend(["--listen".into(), at.reviews.to_string(), "--admin-listen".into(), at.admin.to_string()]);
        match setup.certificates {
            Certificates::Folder => {
                let (authority, mut mounted) = (Authority::new("webhook"), Mounted::at(&folder.path().join("tls")));
                mounted.put(&authority.pair());
                arguments.extend(["--certificates=folder".into(), "--certificate-folder".into()]);
                arguments.push(mounted.path().to_str().unwrap().to_owned());
                own = Some((authority, mounted));
            }
            Certificates::SelfManaged => arguments.extend(
                [
                    "--certificates=self-managed",
                    "--secret=mesh-kubectl-mesh-tls",
                    "--service=mesh-kubectl-mesh",
                    "--namespace=mesh-system",
                    "--mutating-configuration=mesh-kubectl-mesh",
                    "--validating-configuration=mesh-kubectl-mesh",
                    "--name=127.0.0.1",
                ]
                .map(ToOwned::to_owned),
            ),
        }
        arguments.extend(setup.arguments.iter().map(|&argument| argument.to_owned()));
        let mut command = match setup.files {
            None => Command::new(webhook_program()),
            Some(files) => {
                let mut shell = Command::new("sh");
                shell.args(["-c", "ulimit -n $0 && exec \"$@\"", &files.to_string()]).arg(webhook_program());
                shell
            }
        };
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let child = command.args(arguments).stdin(Stdio::null()).stderr(log).spawn().unwrap();
        let ca_pem = own.as_ref().map(|(authority, _)| authority.pem()).unwrap_or_default();
        Self { child, address: at.reviews, admin: at.admin, own, ca_pem, folder }
    }

    /// Waits until it is ready.
    #[track_caller]
    pub(super) fn gets_ready(&self) {
        assert!(until(SOON, || self.is_ready()), "{:?}\n{}", self.admin("/readyz"), self.log());
    }

    pub(super) fn is_ready(&self) -> bool {
        is_ready(self.admin)
    }

    /// Status and text of a path of its admin port.
    pub(super) fn admin(&self, path: &str) -> (u16, String) {
        asked(self.admin, path)
    }

    /// What a metric says: the sum over all its labels, of the lines that contain `words`.
    pub(super) fn metric(&self, name: &str, words: &str) -> f64 {
        let (_, text) = self.admin("/metrics");
        let lines = text.lines().filter(|line| {
            line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])) && line.contains(words)
        });
        lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
    }

    /// The status of the answer to what is sent, and all of it; 0 where there is none.
    pub(super) fn answers(&self, parts: &[&[u8]]) -> (u16, String) {
        let mut connection = tls::connect(self.address, &self.ca_pem, SOON);
        for part in parts {
            // It may have answered, and hung up, before all of it was sent.
            if connection.write_all(part).and_then(|()| connection.flush()).is_err() {
                break;
            }
        }
        let mut answer = Vec::new();
        let _ = connection.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer).into_owned();
        (answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0), answer)
    }

    /// The most memory that it ever held, in KiB.
    pub(super) fn peak(&self) -> u64 {
        self.memory("VmHWM:")
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A line of what the kernel says of its memory, in KiB.
    pub(super) fn memory(&self, field: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Asks it to stop, as kubelets do.
    pub(super) fn terminate(&self) {
        let status = Command::new("kill").args(["-TERM", &self.pid().to_string()]).status();
        assert!(status.unwrap().success());
    }

    /// Ends it, as a node does that fails.
    pub(super) fn dies(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Its exit status, once it has ended.
    pub(super) fn ends(&mut self) -> Option<i32> {
        assert!(until(SOON, || self.child.try_wait().unwrap().is_some()), "it does not end\n{}", self.log());
        self.child.wait().unwrap().code()
    }

    /// What the self-test of a configuration says with the rights of the webhook's account.
    pub(super) fn self_test(&self, configuration: &str) -> (bool, String) {
        let mut command = Command::new(webhook_program());
        command.args(["self-test", "--validating-configuration", configuration, "--kubeconfig"]);
        let output = command.arg(self.folder.path().join("kubeconfig")).output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    pub(super) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether what listens at this admin port is ready.
pub(super) fn is_ready(admin: SocketAddr) -> bool {
    asked(admin, "/readyz").0 == 200
}

fn asked(admin: SocketAddr, path: &str) -> (u16, String) {
    let Ok(mut stream) = TcpStream::connect(admin) else { return (0, String::new()) };
    let _ = stream.set_read_timeout(Some(SOON));
    let request = format!("GET {path} HTTP/1.1\r\nhost: webhook\r\nconnection: close\r\n\r\n");
    let mut answer = String::new();
    if stream.write_all(request.as_bytes()).and_then(|()| stream.read_to_string(&mut answer)).is_err() {
        return (0, answer);
    }
    let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    let text = answer.split_once("\r\n\r\n").map_or("", |(_, text)| text);
    (status, text.to_owned())
}
