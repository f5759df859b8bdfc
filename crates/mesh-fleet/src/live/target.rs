//! A cluster that may be reached, and with which credentials.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kube::config::{AuthInfo, Config, KubeConfigOptions, Kubeconfig};
use secrecy::ExposeSecret;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};

use super::client::client;
use super::kubeconfig;
use super::plugins::{Bearer, ENDLESS_PLUGIN, Plugin, Plugins};
use super::quotes::Secrets;
use super::rest::Rest;
use crate::limits::{CONNECT_TIMEOUT, PLUGIN_TIMEOUT_ATTENDED};

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

#[cfg(test)]
impl Access {
    pub(crate) fn kubeconfig(&self) -> &Kubeconfig {
        &self.kubeconfig
    }

    pub(crate) fn context(&self) -> &str {
        &self.context
    }
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

    /// The cluster that `context` of `kubeconfig` leads to, where the kubeconfig is for this one alone.
    pub(crate) fn of_kubeconfig(name: &str, kubeconfig: Kubeconfig, context: &str) -> Self {
        Self::of_context(name, &Arc::new(kubeconfig), context)
    }

    /// Its API server, which has time until `within` from then on; a connection that brings nothing for `silence` is
    /// broken. Credential plugins run once for all clusters, and ask nobody when there are several: `alone` says whether
    /// this is the only one.
    pub(crate) async fn connect(
        &self,
        plugins: &Arc<Plugins>,
        alone: bool,
        within: Duration,
        silence: Duration,
    ) -> Result<Rest, String> {
        let access = self.access.as_ref().map_err(Clone::clone)?;
        let mut small = kubeconfig::only(&access.kubeconfig, &access.context)?;
        let mut bearer = None;
        let mut runs_program = false;
        let secrets = Secrets::of(small.auth_infos.first().and_then(|named| named.auth_info.as_ref()));
        let cluster = small.clusters.first().and_then(|named| named.cluster.clone()).unwrap_or_default();
        if let Some(user) = small.auth_infos.first_mut().and_then(|named| named.auth_info.as_mut()) {
            runs_program = user.auth_provider.is_some();
            if let Some(exec) = user.exec.take().filter(|_| needs_plugin(user)) {
                bearer = Some(Bearer::new(plugins, Plugin::of(&exec, &cluster, alone)?));
            }
            if let Some(bearer) = &bearer {
                // Who is asked something by it has more time than a cluster has.
                let patience = if alone { within.max(PLUGIN_TIMEOUT_ATTENDED) } else { within };
                let credential = timeout(patience, bearer.credential()).await;
                let credential = credential.map_err(|_| ENDLESS_PLUGIN.to_owned())??;
                if let Some((certificate, key)) = &credential.certificate {
                    user.client_certificate_data = Some(STANDARD.encode(certificate));
                    user.client_key_data = Some(STANDARD.encode(key.expose_secret()).into());
                }
            }
        }
        let options = KubeConfigOptions { context: Some(access.context.clone()), ..KubeConfigOptions::default() };
        let mut config =
            Config::from_custom_kubeconfig(small, &options).await.map_err(|error| kubeconfig::in_words(&error))?;
        config.connect_timeout = Some(CONNECT_TIMEOUT);
        config.read_timeout = Some(silence);
        config.reset_reader_on_write = true;
        config.default_retry = false;
        // kube would unpack answers a few kilobytes at a time.
        let may_pack = !std::mem::replace(&mut config.disable_compression, true);
        config.headers.push((http::header::USER_AGENT, http::HeaderValue::from_static(USER_AGENT)));
        let _turn = if runs_program { Some(plugins.turn().await) } else { None };
        let made = timeout(within, spawn_blocking(move || client(config))).await;
        let made = made.map_err(|_| "the program of its auth-provider does not end; run it by hand".to_owned())?;
        // kube's error may quote a credential, or what an auth-provider's program printed.
        let unusable = || "its credentials cannot be used".to_owned();
        let client = made.map_err(|_| unusable())?.map_err(|_| unusable())?;
        Ok(Rest::new(client, bearer, secrets, may_pack, Instant::now() + within))
    }
}

/// Whether `exec` counts: as in client-go, whatever stands in the kubeconfig itself comes first.
fn needs_plugin(user: &AuthInfo) -> bool {
    let has_basic = user.username.is_some() && user.password.is_some();
    user.auth_provider.is_none() && !has_basic && user.token.is_none() && user.token_file.is_none()
}

/// How servers and their logs know us.
const USER_AGENT: &str = concat!("kubectl-mesh/", env!("CARGO_PKG_VERSION"));
