//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

/// The admission webhook of kubectl mesh
#[derive(Debug, Parser)]
#[command(name = "mesh-webhook", version)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Answer reviews until told to stop
    Serve(Box<ServeArgs>),
    /// Ask the webhook that a configuration leads to, as API servers do, and see whether it refuses what it should
    SelfTest(SelfTestArgs),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct SelfTestArgs {
    /// The ValidatingWebhookConfiguration
    #[arg(long, value_name = "NAME")]
    pub(crate) validating_configuration: String,
    /// How the API server is reached; else by the pod's service account
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
}

#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct ServeArgs {
    /// Where reviews are answered, over TLS
    #[arg(long, value_name = "ADDRESS", default_value = "0.0.0.0:10250")]
    pub(crate) listen: SocketAddr,
    /// Where /livez, /readyz and /metrics are, in plain HTTP
    #[arg(long, value_name = "ADDRESS", default_value = "0.0.0.0:10251")]
    pub(crate) admin_listen: SocketAddr,
    /// Where the certificate comes from
    #[arg(long, value_enum)]
    pub(crate) certificates: CertificateSource,
    /// The folder with tls.crt and tls.key; what changes there is taken up
    #[arg(long, value_name = "FOLDER", required_if_eq("certificates", "folder"))]
    pub(crate) certificate_folder: Option<PathBuf>,
    /// The Secret with the authority that the webhooks share
    #[arg(long, value_name = "NAME", required_if_eq("certificates", "self-managed"))]
    pub(crate) secret: Option<String>,
    /// The Service by which API servers find the webhook
    #[arg(long, value_name = "NAME", required_if_eq("certificates", "self-managed"))]
    pub(crate) service: Option<String>,
    /// The namespace of both, and of the ConfigMap in which each replica says how it is
    #[arg(long, value_name = "NAMESPACE", required_if_eq("certificates", "self-managed"))]
    pub(crate) namespace: Option<String>,
    /// A further name or address of the certificate, where a configuration has a URL
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Vec<String>,
    /// The MutatingWebhookConfiguration that is told of the authority
    #[arg(long, value_name = "NAME")]
    pub(crate) mutating_configuration: Option<String>,
    /// The ValidatingWebhookConfiguration that is told of the authority, and by which it tests itself
    #[arg(long, value_name = "NAME")]
    pub(crate) validating_configuration: Option<String>,
    /// Which replica this is
    #[arg(long, value_name = "NAME", env = "HOSTNAME", default_value = "webhook")]
    pub(crate) replica: String,
    /// How the API server is reached; else by the pod's service account
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// The namespace of generated objects, with the ConfigMap of the policy
    #[arg(long, value_name = "NAMESPACE", default_value = "mesh-sync")]
    pub(crate) sync_namespace: String,
    /// Whether a name must be claimed before it is deployed
    #[arg(long, value_enum, default_value_t)]
    pub(crate) mode: Mode,
    /// How long the API server may be out of reach before that is said
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = time)]
    pub(crate) max_view_age: Duration,
    /// What becomes of names that a view which is too old does not know
    #[arg(long, value_enum, default_value_t)]
    pub(crate) on_stale: OnStale,
    /// How much a refusal tells of who holds a name
    #[arg(long, value_enum, default_value_t)]
    pub(crate) disclosure: Disclosure,
    /// How long reviews are answered after the end was asked for: clients learn of it meanwhile
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = time)]
    pub(crate) lame_duck: Duration,
    /// How logs are written
    #[arg(long, value_enum, default_value_t)]
    pub(crate) log_format: LogFormat,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum CertificateSource {
    /// From a folder that somebody else sees to: a Secret that is mounted
    Folder,
    /// Made by the webhooks themselves: one authority in a Secret, a short certificate in the memory of each
    SelfManaged,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub(crate) enum Mode {
    /// The first to deploy a name claims it
    #[default]
    Optimistic,
    /// Only a name that is claimed is deployed
    Strict,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub(crate) enum OnStale {
    /// They are admitted, with a warning
    #[default]
    Warn,
    /// They are refused
    Refuse,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub(crate) enum Disclosure {
    /// Who, and where
    #[default]
    Owner,
    /// The cluster that it was claimed in
    Cluster,
    /// Only that somebody does
    None,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub(crate) enum LogFormat {
    /// One object a line
    Json,
    /// For people
    #[default]
    Text,
}

/// `5m`, `30s`, `500ms`.
fn time(text: &str) -> Result<Duration, String> {
    let span: jiff::SignedDuration = text.parse().map_err(|error: jiff::Error| error.to_string())?;
    span.try_into().map_err(|_| "is no time to wait".to_owned())
}
