//! Credential plugins: programs that the user's own kubeconfig or fleet.yaml names, run once for all clusters that name
//! the same program with the same arguments, and again only when the credential expires.
//!
//! kube would run them once a cluster, on the thread that asks. What they print is a credential, so it is in no error.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::HeaderValue;
use jiff::Timestamp;
use kube::config::{Cluster, ExecAuthCluster, ExecConfig, ExecInteractiveMode};
use serde_json::{Value, json};
use tokio::sync::{Mutex as AsyncMutex, Semaphore};
use tokio::task::spawn_blocking;

use crate::limits::{PLUGIN_MARGIN, PLUGIN_PAUSE, PLUGIN_TIMEOUT, PLUGIN_TIMEOUT_ATTENDED, PLUGINS_AT_ONCE};

mod answer;
mod kuberc;
mod process;

pub(crate) use answer::{Credential, is_token};
use kuberc::Kuberc;

/// Why a cluster is unseen whose plugin takes longer than the cluster has.
pub(crate) const ENDLESS_PLUGIN: &str = "its credential plugin does not end; run it by hand";

/// A program to run, as the user configured it.
#[derive(Clone)]
pub(crate) struct Plugin {
    command: String,
    args: Vec<String>,
    env: Vec<(String, String)>,
    api_version: String,
    /// What it is told of the cluster, if anything.
    cluster: Option<ExecAuthCluster>,
    /// Whether it may talk to the person before the terminal.
    is_interactive: bool,
}

impl Plugin {
    /// The plugin of `exec` for `cluster`. Only the user of a single cluster can be asked something.
    pub(crate) fn of(exec: &ExecConfig, cluster: &Cluster, alone: bool) -> Result<Self, String> {
        let command = exec.command.clone().filter(|command| !command.is_empty());
        let command = command.ok_or("its credential plugin has no command")?;
        let program = answer::file_name(&command);
        let api_version = exec.api_version.clone().unwrap_or_default();
        if !answer::VERSIONS.contains(&api_version.as_str()) {
            return Err(format!(
                "its credential plugin {program} is set up for none of the apiVersions {}; set up the kubeconfig anew",
                answer::VERSIONS.join(", ")
            ));
        }
        let can_ask = alone && std::io::stdin().is_terminal();
        let is_interactive = match exec.interactive_mode {
            Some(ExecInteractiveMode::Never) => false,
            Some(ExecInteractiveMode::IfAvailable) | None => can_ask,
            Some(ExecInteractiveMode::Always) if can_ask => true,
            Some(ExecInteractiveMode::Always) => {
                return Err(format!(
                    "its credential plugin {program} has to ask somebody; run it by hand first, or name this cluster alone"
                ));
            }
        };
        let cluster = exec.provide_cluster_info.then(|| ExecAuthCluster::try_from(cluster)).transpose();
        let pair = |named: &std::collections::HashMap<String, String>| {
            Some((named.get("name")?.clone(), named.get("value")?.clone()))
        };
        Ok(Self {
            command,
            args: exec.args.clone().unwrap_or_default(),
            env: exec.env.iter().flatten().filter_map(pair).collect(),
            api_version,
            cluster: cluster.map_err(|error| super::kubeconfig::in_words(&error))?,
            is_interactive,
        })
    }

    /// What `KUBERNETES_EXEC_INFO` says, as client-go writes it.
    fn info(&self) -> Value {
        let mut spec = json!({"interactive": self.is_interactive});
        if let Some(cluster) = &self.cluster {
            spec["cluster"] = json!(cluster);
        }
        json!({"kind": "ExecCredential", "apiVersion": self.api_version, "spec": spec})
    }

    /// What makes two plugins one.
    fn key(&self) -> String {
        json!([self.command, self.args, self.env, self.api_version, self.cluster]).to_string()
    }
}

/// The plugins of a run, with what they answered.
pub(crate) struct Plugins {
    kuberc: Kuberc,
    turns: Semaphore,
    timeout: Duration,
    answers: Mutex<BTreeMap<String, Arc<Slot>>>,
}

/// What a plugin answered; locked while it runs.
type Slot = AsyncMutex<Option<Result<Arc<Credential>, String>>>;

impl Plugins {
    /// Those that the user's kuberc lets run.
    pub(crate) fn of_user() -> Self {
        Self::new(Kuberc::of_user(), PLUGIN_TIMEOUT)
    }

    fn new(kuberc: Kuberc, timeout: Duration) -> Self {
        Self { kuberc, turns: Semaphore::new(PLUGINS_AT_ONCE), timeout, answers: Mutex::default() }
    }

    /// Waits for a turn to run a program.
    pub(crate) async fn turn(&self) -> tokio::sync::SemaphorePermit<'_> {
        self.turns.acquire().await.expect("the semaphore is never closed")
    }

    /// What `plugin` says, at the time `now`. A failure is kept: a program that failed is not run for each cluster.
    async fn credential(&self, plugin: &Plugin, now: Timestamp) -> Result<Arc<Credential>, String> {
        let slot = Arc::clone(self.answers.lock().expect("no holder panics").entry(plugin.key()).or_default());
        let mut answer = slot.lock().await;
        match &*answer {
            Some(Ok(credential)) if credential.is_fresh(now, PLUGIN_MARGIN, PLUGIN_PAUSE) => {
                return Ok(Arc::clone(credential));
            }
            Some(Err(why)) => return Err(why.clone()),
            _ => {}
        }
        let fresh = self.run(plugin.clone(), now).await.map(Arc::new);
        *answer = Some(fresh.clone());
        fresh
    }

    async fn run(&self, plugin: Plugin, now: Timestamp) -> Result<Credential, String> {
        let program = self.kuberc.program(&plugin.command)?;
        let timeout = if plugin.is_interactive { PLUGIN_TIMEOUT_ATTENDED } else { self.timeout };
        let _turn = self.turn().await;
        let printed = spawn_blocking(move || {
            let printed = process::run(&plugin, &program, timeout)?;
            answer::parse(&printed, &plugin, now)
        });
        printed.await.map_err(|_| "its credential plugin could not be run".to_owned())?
    }
}

/// A plugin's credential, renewed when it expires: a person may look at a plan for longer than a token lives.
#[derive(Clone)]
pub(crate) struct Bearer {
    plugins: Arc<Plugins>,
    plugin: Arc<Plugin>,
}

impl Bearer {
    /// The credential of `plugin`.
    pub(crate) fn new(plugins: &Arc<Plugins>, plugin: Plugin) -> Self {
        Self { plugins: Arc::clone(plugins), plugin: Arc::new(plugin) }
    }

    /// The credential as it is now.
    pub(crate) async fn credential(&self) -> Result<Arc<Credential>, String> {
        self.plugins.credential(&self.plugin, Timestamp::now()).await
    }

    /// `Authorization`, if the credential is a token.
    pub(crate) async fn header(&self) -> Result<Option<HeaderValue>, String> {
        Ok(self.credential().await?.header())
    }
}

#[cfg(test)]
mod tests;
