//! The folder that the certificate is in, and that somebody else sees to: a Secret that is mounted.
//!
//! Kubelets change such a folder by moving a link (`..data`) to another folder with both files. The system tells of that; where
//! it does not (a folder that comes later, or is on another machine), it is seen by looking every few seconds.

use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use rustix::fs::inotify::{self, CreateFlags, Reader, WatchFlags};
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::certificates::{self, BadPair, CERTIFICATE, Certificates, KEY};
use crate::metrics::{Metrics, ResultLabels};
use crate::ready::{Readiness, Token};

/// How often the folder is looked at, whatever is told of it.
const LOOK: Duration = Duration::from_secs(5);
/// The largest file that is read.
const MAX_FILE: u64 = 1 << 20;
/// The link that kubelets move.
const DATA: &str = "..data";
/// What is read of a change at once: some names of files.
const CHANGES: usize = 4 << 10;

/// Takes up what is in the folder, again and again.
pub(crate) async fn follow(
    folder: PathBuf,
    certificates: Arc<Certificates>,
    readiness: Arc<Readiness>,
    metrics: Arc<Metrics>,
) {
    let changes = Changes::new().inspect_err(|error| tracing::warn!(%error, "nothing tells of changes")).ok();
    let count = |result| metrics.reloads.get_or_create(&ResultLabels { result }).inc();
    let mut known = None;
    loop {
        // Before it is read, so that no change falls between.
        if let Some(changes) = &changes {
            changes.are_of(&folder);
        }
        match read(&folder).await {
            Ok(texts) if known.as_ref() == Some(&texts) => {}
            Ok(texts) => {
                match certificates::pair(&texts.0, &texts.1, Timestamp::now()) {
                    Ok(pair) => {
                        certificates.use_from_now(pair, &metrics);
                        readiness.give(Token::TlsLoaded);
                        count("ok");
                    }
                    Err(problem) => {
                        tracing::warn!(%problem, "a certificate is not taken up");
                        count("refused");
                    }
                }
                // Also a bad one is looked at once only: it does not get better by that.
                known = Some(texts);
            }
            Err(problem) => {
                tracing::warn!(%problem, "no certificate");
                count("unreadable");
            }
        }
        let change = async {
            match &changes {
                Some(changes) => changes.next().await,
                None => std::future::pending().await,
            }
        };
        // Over: it is looked at all the same.
        let _ = timeout(LOOK, change).await;
    }
}

/// What the system tells of changes in a folder.
struct Changes {
    told_by: Arc<OwnedFd>,
    told: Arc<Notify>,
}

impl Changes {
    fn new() -> std::io::Result<Self> {
        let changes = Self { told_by: Arc::new(inotify::init(CreateFlags::CLOEXEC)?), told: Arc::default() };
        let (told_by, told) = (Arc::clone(&changes.told_by), Arc::clone(&changes.told));
        // It waits in the system for as long as the process lives.
        thread::Builder::new().name("changes".to_owned()).spawn(move || {
            let mut room = [MaybeUninit::uninit(); CHANGES];
            let mut reader = Reader::new(&*told_by, &mut room);
            // Which ones does not matter: all of them are in what is read next.
            while reader.next().is_ok() {
                told.notify_one();
            }
        })?;
        Ok(changes)
    }

    /// Of this folder; also of one that is there anew under its name. One that is not there changes nothing.
    fn are_of(&self, folder: &Path) {
        let _ = inotify::add_watch(&*self.told_by, folder, WatchFlags::MOVED_TO | WatchFlags::CLOSE_WRITE);
    }

    /// Waits for one since the last.
    async fn next(&self) {
        self.told.notified().await;
    }
}

async fn read(folder: &Path) -> Result<(Vec<u8>, Vec<u8>), BadPair> {
    // Where the link leads now, so that both files are of one change.
    let folder = tokio::fs::canonicalize(folder.join(DATA)).await.unwrap_or_else(|_| folder.to_owned());
    let text = async |file: &'static str| {
        let unreadable = |problem: String| BadPair::Unreadable { file, problem };
        let path = folder.join(file);
        let length = tokio::fs::metadata(&path).await.map_err(|error| unreadable(error.to_string()))?.len();
        if length > MAX_FILE {
            return Err(unreadable(format!("it has {length} bytes")));
        }
        tokio::fs::read(&path).await.map_err(|error| unreadable(error.to_string()))
    };
    Ok((text(CERTIFICATE).await?, text(KEY).await?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("mesh-webhook-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[tokio::test]
    async fn a_folder_is_read_within_bounds() {
        let folder = folder("bounds");
        assert!(matches!(read(&folder).await, Err(BadPair::Unreadable { file: CERTIFICATE, .. })));
        std::fs::write(folder.join(CERTIFICATE), "certificate").unwrap();
        assert!(matches!(read(&folder).await, Err(BadPair::Unreadable { file: KEY, .. })));
        std::fs::write(folder.join(KEY), vec![b'x'; 10 << 20]).unwrap();
        let problem = read(&folder).await.unwrap_err().to_string();
        assert!(problem.contains("10485760 bytes"), "{problem}");
        std::fs::write(folder.join(KEY), "key").unwrap();
        assert_eq!(read(&folder).await.unwrap(), (b"certificate".to_vec(), b"key".to_vec()));
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[tokio::test]
    async fn both_files_are_of_where_the_link_leads_and_its_move_is_told() {
        let folder = folder("link");
        let put = |version: &str| {
            std::fs::create_dir(folder.join(version)).unwrap();
            for file in [CERTIFICATE, KEY] {
                std::fs::write(folder.join(version).join(file), version).unwrap();
            }
            std::os::unix::fs::symlink(version, folder.join("..data_tmp")).unwrap();
            std::fs::rename(folder.join("..data_tmp"), folder.join(DATA)).unwrap();
        };
        put("one");
        // The links of the files themselves never change, and may be torn.
        std::fs::write(folder.join(KEY), "torn").unwrap();
        assert_eq!(read(&folder).await.unwrap(), (b"one".to_vec(), b"one".to_vec()));
        let changes = Changes::new().unwrap();
        changes.are_of(&folder);
        put("two");
        changes.next().await;
        assert_eq!(read(&folder).await.unwrap(), (b"two".to_vec(), b"two".to_vec()));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
