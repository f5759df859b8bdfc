//! The server that the webhook is measured against.

use std::net::SocketAddr;
use std::process::{Child, Command};
use std::time::Duration;

use mesh_testkit::callers::served_certificate;
use mesh_testkit::servers::until;
use mesh_tests::webhook_program;
use tempfile::TempDir;

use crate::authority::{Authority, Mounted};
use crate::process::Addresses;

/// The process. It ends when this is dropped.
pub(crate) struct Bare {
    pub(crate) address: SocketAddr,
    pub(crate) ca_pem: String,
    child: Child,
    _folder: TempDir,
}

impl Bare {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (authority, mut mounted) = (Authority::new("bare"), Mounted::at(&folder.path().join("tls")));
        mounted.put(&authority.pair());
        let address = Addresses::free().reviews;
        // An example of the webhook's package: it is built beside it.
        let program = webhook_program().with_file_name("examples").join("bare");
        let child = Command::new(program).arg(address.to_string()).arg(mounted.path()).spawn().expect("it was built");
        let bare = Self { address, ca_pem: authority.pem(), child, _folder: folder };
        assert!(until(Duration::from_secs(30), || served_certificate(address, &bare.ca_pem).is_ok()), "it serves");
        bare
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
