//! Kubeconfig files: read as kubectl reads them, and never quoted, since they hold credentials.

use std::fs;
use std::path::{Path, PathBuf};

use kube::config::{Kubeconfig, KubeconfigError};

use crate::limits::MAX_KUBECONFIG;

/// The files that count: `given`, else those of `KUBECONFIG`, else `~/.kube/config`.
pub(crate) fn files(given: Option<&Path>) -> Vec<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    match (given, set("KUBECONFIG")) {
        (Some(file), _) => vec![file.to_owned()],
        (None, Some(list)) => std::env::split_paths(&list).filter(|path| !path.as_os_str().is_empty()).collect(),
        (None, None) => set("HOME").map(|home| Path::new(&home).join(".kube/config")).into_iter().collect(),
    }
}

/// Everything that `files` say, the first one winning. Files that are not there are passed over, as kubectl does,
/// unless none is there.
pub(crate) fn read(files: &[PathBuf]) -> Result<Kubeconfig, String> {
    let mut merged: Option<Kubeconfig> = None;
    for file in files.iter().filter(|file| file.exists()) {
        let next = read_one(file)?;
        merged = Some(match merged {
            None => next,
            Some(first) => first.merge(next).map_err(|error| format!("{}: {}", file.display(), in_words(&error)))?,
        });
    }
    merged.ok_or_else(|| {
        let tried: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
        format!(
            "there is no kubeconfig ({})",
            if tried.is_empty() { "none is named".to_owned() } else { tried.join(", ") }
        )
    })
}

/// One file. Paths in it are relative to it.
pub(crate) fn read_one(file: &Path) -> Result<Kubeconfig, String> {
    let metadata = fs::metadata(file).map_err(|error| format!("{}: {error}", file.display()))?;
    if metadata.is_file() && metadata.len() > MAX_KUBECONFIG {
        return Err(format!("{} is larger than {} MiB", file.display(), MAX_KUBECONFIG >> 20));
    }
    Kubeconfig::read_from(file).map_err(|error| format!("{}: {}", file.display(), in_words(&error)))
}

/// The part of `kubeconfig` that `context` needs: 300 contexts do not each carry the other 299.
pub(crate) fn only(kubeconfig: &Kubeconfig, context: &str) -> Result<Kubeconfig, String> {
    let named = kubeconfig.contexts.iter().find(|named| named.name == context);
    let named = named.ok_or_else(|| format!("there is no context {context:?}"))?;
    let inner = named.context.as_ref().ok_or_else(|| format!("context {context:?} is empty"))?;
    let cluster = kubeconfig.clusters.iter().find(|cluster| cluster.name == inner.cluster);
    let cluster = cluster.ok_or_else(|| format!("context {context:?} names a cluster that is not there"))?;
    let user = inner.user.as_ref().and_then(|user| kubeconfig.auth_infos.iter().find(|named| named.name == *user));
    Ok(Kubeconfig {
        clusters: vec![cluster.clone()],
        auth_infos: user.cloned().into_iter().collect(),
        contexts: vec![named.clone()],
        ..Kubeconfig::default()
    })
}

/// What is wrong, without a byte of the file: kube's own texts quote lines of it.
pub(crate) fn in_words(error: &KubeconfigError) -> String {
    match error {
        KubeconfigError::CurrentContextNotSet => "it has no current context".into(),
        KubeconfigError::ReadConfig(error, _) => format!("cannot be read: {error}"),
        KubeconfigError::Parse(_) => "is no kubeconfig".into(),
        KubeconfigError::LoadContext(_) => "its context is not there".into(),
        KubeconfigError::LoadClusterOfContext(_) => "the cluster of its context is not there".into(),
        KubeconfigError::MissingClusterUrl => "its cluster has no server".into(),
        KubeconfigError::ParseClusterUrl(_) => "its server is no address".into(),
        KubeconfigError::ParseProxyUrl(_) => "its proxy-url is no address".into(),
        KubeconfigError::LoadCertificateAuthority(_) | KubeconfigError::ParseCertificates(_) => {
            "its certificate authority cannot be read".into()
        }
        KubeconfigError::LoadClientCertificate(_) => "its client certificate cannot be read".into(),
        KubeconfigError::ParseNoProxy(_) => "NO_PROXY is no list of hosts".into(),
        KubeconfigError::LoadClientKey(_) => "its client key cannot be read".into(),
        KubeconfigError::KindMismatch | KubeconfigError::ApiVersionMismatch => {
            "differs in kind or apiVersion from the files before it".into()
        }
        KubeconfigError::FindPath => "there is no home folder to look in".into(),
    }
}
