//! Platforms as krew knows them, by the names that Go has for them.

use std::fmt;
use std::str::FromStr;

/// What Go calls operating systems and processors, and what Rust does.
const SYSTEMS: [(&str, &str); 3] = [("linux", "linux"), ("darwin", "macos"), ("windows", "windows")];
const PROCESSORS: [(&str, &str); 2] = [("amd64", "x86_64"), ("arm64", "aarch64")];

/// `linux-amd64`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Platform {
    pub(super) os: &'static str,
    pub(super) arch: &'static str,
}

impl Platform {
    /// The one that this runs on.
    pub(super) fn host() -> anyhow::Result<Self> {
        let find = |known: &[(&'static str, &str)], ours: &str| {
            let found = known.iter().find(|(_, rust)| *rust == ours).map(|(go, _)| *go);
            found.ok_or_else(|| anyhow::anyhow!("nothing is released for {ours}"))
        };
        let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
        Ok(Self { os: find(&SYSTEMS, os)?, arch: find(&PROCESSORS, arch)? })
    }
}

impl FromStr for Platform {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = || SYSTEMS.iter().flat_map(|(os, _)| PROCESSORS.iter().map(|(arch, _)| Self { os, arch }));
        let all: Vec<String> = known().map(|platform| platform.to_string()).collect();
        known()
            .find(|platform| platform.to_string() == text)
            .ok_or_else(|| format!("{text:?} is no platform: {}", all.join(", ")))
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.os, self.arch)
    }
}
