//! Certificates of the test's own, and the folder that a webhook finds them in, as kubelets mount a Secret.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair, date_time_ymd,
};

/// Who signs.
pub(super) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with its key.
pub(super) struct Pair {
    pub(super) certificate_pem: String,
    pub(super) key_pem: String,
    pub(super) certificate_der: Vec<u8>,
}

impl Authority {
    /// A new one, of a name of its own.
    pub(super) fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name = named(name);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(super) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for this machine.
    pub(super) fn pair(&self) -> Pair {
        self.pair_of(|_| {})
    }

    /// One that ended long ago.
    pub(super) fn expired_pair(&self) -> Pair {
        self.pair_of(|params| {
            (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
        })
    }

    fn pair_of(&self, change: impl FnOnce(&mut CertificateParams)) -> Pair {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        change(&mut params);
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Pair {
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
            certificate_der: certificate.der().to_vec(),
        }
    }
}

fn named(name: &str) -> DistinguishedName {
    let mut full = DistinguishedName::new();
    full.push(DnType::CommonName, name);
    full
}

/// The folder. Its files are links by way of `..data`, which is moved to a new folder at each change.
pub(super) struct Mounted {
    path: PathBuf,
    version: usize,
}

impl Mounted {
    /// An empty one, made here.
    pub(super) fn at(path: &Path) -> Self {
        fs::create_dir(path).unwrap();
        for file in ["tls.crt", "tls.key"] {
            symlink(Path::new("..data").join(file), path.join(file)).unwrap();
        }
        Self { path: path.to_owned(), version: 0 }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn put(&mut self, pair: &Pair) {
        self.put_files(pair.certificate_pem.as_bytes(), pair.key_pem.as_bytes());
    }

    /// Changes both files at once.
    pub(super) fn put_files(&mut self, certificate: &[u8], key: &[u8]) {
        let before = format!("..{}", self.version);
        self.version += 1;
        let now = format!("..{}", self.version);
        fs::create_dir(self.path.join(&now)).unwrap();
        fs::write(self.path.join(&now).join("tls.crt"), certificate).unwrap();
        fs::write(self.path.join(&now).join("tls.key"), key).unwrap();
        symlink(&now, self.path.join("..data_tmp")).unwrap();
        fs::rename(self.path.join("..data_tmp"), self.path.join("..data")).unwrap();
        // The first one has none before it.
        let _ = fs::remove_dir_all(self.path.join(before));
    }
}
