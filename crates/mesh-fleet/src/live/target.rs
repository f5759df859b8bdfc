//! A cluster that may be reached, and with which credentials.

use std::sync::Arc;

use kube::config::{Config, KubeConfigOptions, Kubeconfig};
use kube::{Client, config::ExecInteractiveMode};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::kubeconfig;
use crate::limits::{CONNECT_TIMEOUT, REQUEST_TIMEOUT};

/// A cluster that a source names. It has no `Debug`: it holds credentials.
#[derive(Clone)]
pub(crate) struct Target {
    /// The name that the source gives it: a context's, a file's stem, a secret's key.
    pub(crate) name: String,
    /// The kubeconfig with the context that reaches it, or why there is none.
    pub(crate) access: Result<Access, String>,
}

/// How a cluster is reached.
#[derive(Clone)]
pub(crate) struct Access {
    kubeconfig: Arc<Kubeconfig>,
    context: String,
}

impl Target {
    /// The cluster that `context` of `kubeconfig` leads to.
    pub(crate) fn of_context(name: &str, kubeconfig: &Arc<Kubeconfig>, context: &str) -> Self {
        let access = Access { kubeconfig: Arc::clone(kubeconfig), context: context.to_owned() };
        Self { name: name.to_owned(), access: Ok(access) }
    }

    /// A cluster whose credentials cannot be used: it is unseen, and `why` says what to mend.
    pub(crate) fn unusable(name: &str, why: impl Into<String>) -> Self {
        Self { name: name.to_owned(), access: Err(why.into()) }
    }

    /// A client. Credential plugins run on threads of their own, as many at once as `plugins` lets, and ask nobody when
    /// there are several clusters: `alone` says whether this is the only one.
    pub(crate) async fn connect(&self, plugins: &Semaphore, alone: bool) -> Result<Client, String> {
        let access = self.access.as_ref().map_err(Clone::clone)?;
        let mut small = kubeconfig::only(&access.kubeconfig, &access.context)?;
        let mut has_plugin = false;
        for user in small.auth_infos.iter_mut().filter_map(|user| user.auth_info.as_mut()) {
            if let Some(exec) = &mut user.exec {
                has_plugin = true;
                if !alone {
                    exec.interactive_mode = Some(ExecInteractiveMode::Never);
                }
            }
        }
        let options = KubeConfigOptions { context: Some(access.context.clone()), ..KubeConfigOptions::default() };
        let mut config =
            Config::from_custom_kubeconfig(small, &options).await.map_err(|error| kubeconfig::in_words(&error))?;
        config.connect_timeout = Some(CONNECT_TIMEOUT);
        config.read_timeout = Some(REQUEST_TIMEOUT);
        config.reset_reader_on_write = true;
        config.default_retry = false;
        config.headers.push((http::header::USER_AGENT, http::HeaderValue::from_static(USER_AGENT)));
        let _running =
            if has_plugin { Some(plugins.acquire().await.expect("the semaphore is never closed")) } else { None };
        let made = spawn_blocking(move || Client::try_from(config)).await;
        // The error of a plugin quotes what it printed, and that may be a token.
        let unusable = || {
            let what =
                if has_plugin { "credential plugin failed; run it by hand" } else { "credentials cannot be used" };
            format!("its {what}")
        };
        made.map_err(|_| unusable())?.map_err(|_| unusable())
    }
}

/// How servers and their logs know us.
const USER_AGENT: &str = concat!("kubectl-mesh/", env!("CARGO_PKG_VERSION"));
