//! What was typed: the verbs and the flags that they share.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use mesh_istio::duration::parse_seconds;
use mesh_model::name::Namespace;
use mesh_plan::scope::Scope;

use crate::commands;
use crate::environment::MESH_FLEET;
use crate::exit::Exit;

/// Plan, explain and write the Istio configuration that lets services call each other across clusters.
///
/// Reads every cluster of a fleet, works out which ServiceEntries and DestinationRules each of them should hold, shows
/// the difference, and writes it when told to.
#[derive(Debug, Parser)]
#[command(name = "kubectl-mesh", version, max_term_width = 100, infer_subcommands = false)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const AFTER_HELP: &str = "\
    Exit status, the first that applies: 2 usage or bad input, 5 the saved plan is stale, 130 interrupted, 4 nothing \
    could be done, 3 partial (something is unseen, held or failed), 1 differences, findings, not found or declined, 0 \
    otherwise.";

/// The verbs. One appears here once it is built.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Plan(commands::plan::PlanArgs),
    Diff(commands::diff::DiffArgs),
    Render(commands::render::RenderArgs),
    Sync(commands::sync::SyncArgs),
    Check(commands::check::CheckArgs),
    Status(commands::status::StatusArgs),
    Whereis(commands::whereis::WhereisArgs),
    Explain(commands::explain::ExplainArgs),
    Trace(commands::trace::TraceArgs),
    Graph(commands::graph::GraphArgs),
    Names(commands::names::NamesArgs),
    Fleet(commands::fleet::FleetArgs),
    Policy(commands::policy::PolicyArgs),
    Webhook(commands::webhook::WebhookArgs),
    Permissions(commands::permissions::PermissionsArgs),
    Completion(commands::completion::CompletionArgs),
    Version(commands::version::VersionArgs),
    /// Answer the completion key
    #[command(name = "__complete", hide = true)]
    Complete(commands::completion::CompleteArgs),
    /// Write the generated pages of the documentation
    #[command(name = "__docs", hide = true)]
    Docs(commands::docs::DocsArgs),
}

/// Flags of every verb.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct GlobalArgs {
    /// The fleet: PATH or dir:PATH, a folder with one folder of manifests a cluster; contexts:GLOB[,GLOB…];
    /// kubeconfigs:DIR, one kubeconfig a cluster; secrets:CONTEXT[/NAMESPACE], Istio's or Admiral's remote secrets;
    /// profiles:CONTEXT[/NAMESPACE], ClusterProfiles; without one, the members that the current context's cluster lists
    #[arg(long, global = true, env = MESH_FLEET, hide_env_values = true, value_name = "FLEET", help_heading = "Global options")]
    pub(crate) fleet: Option<String>,
    /// The kubeconfig file of a live fleet, instead of KUBECONFIG and ~/.kube/config
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// Where the policy of a live fleet is stored [default: mesh-sync, then admiral-sync]
    #[arg(long, global = true, value_name = "NAMESPACE", value_parser = parse_namespace, help_heading = "Global options")]
    pub(crate) sync_namespace: Option<Namespace>,
    /// How many clusters of a live fleet are asked at once [default: 64]
    #[arg(long, global = true, value_name = "N", value_parser = parse_parallel, help_heading = "Global options")]
    pub(crate) parallel: Option<usize>,
    /// What reading a live fleet may take [default: 5m]
    #[arg(long, global = true, value_name = "TIME", value_parser = parse_timeout, help_heading = "Global options")]
    pub(crate) timeout: Option<Duration>,
    /// What reading one cluster may take [default: 30s]
    #[arg(long, global = true, value_name = "TIME", value_parser = parse_timeout, help_heading = "Global options")]
    pub(crate) cluster_timeout: Option<Duration>,
    /// Use this policy instead of the fleet's mesh.yaml
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    pub(crate) policy: Option<PathBuf>,
    /// When to use colour; NO_COLOR is honoured
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN", help_heading = "Global options")]
    pub(crate) color: Color,
    /// Say more on standard error
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Global options")]
    pub(crate) verbose: u8,
    /// Names whose claims are enforced, by `names enforce`.
    #[arg(skip)]
    pub(crate) enforced: BTreeSet<Arc<str>>,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// Which names and clusters a run is about.
#[derive(Debug, Default, Args)]
pub(crate) struct ScopeArgs {
    /// Identities, global names or globs of either; all when none is given
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,
    /// Only names that are served from this namespace somewhere
    #[arg(short, long, value_name = "NAMESPACE", value_parser = parse_namespace)]
    pub(crate) namespace: Option<Namespace>,
    /// Names of every namespace, which is the default
    #[arg(short = 'A', long, conflicts_with = "namespace")]
    pub(crate) all_namespaces: bool,
    /// Only clusters that match one of these globs; every member is read all the same
    #[arg(long, visible_alias = "context", value_name = "GLOB", value_delimiter = ',')]
    pub(crate) cluster: Vec<String>,
}

/// What may be missing.
#[derive(Debug, Clone, Args)]
pub(crate) struct ToleranceArgs {
    /// Tolerate this many unseen clusters (5, or 10% of the members) instead of exit status 3
    #[arg(long, value_name = "N|N%", default_value = "0", hide_default_value = true)]
    pub(crate) allow_unseen: Allowance,
}

/// The form of the output.
#[derive(Debug, Clone, Args)]
pub(crate) struct FormatArgs {
    /// The form of the output
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) output: Format,
}

/// The form of the output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    #[default]
    Table,
    /// For people, with more columns and details
    Wide,
    /// A versioned document
    Json,
    /// The same document in YAML
    Yaml,
    /// One name a line
    Name,
}

impl Format {
    /// Whether the output is parsed by a program, so that everything for people goes to stderr.
    pub(crate) fn is_for_programs(self) -> bool {
        !matches!(self, Self::Table | Self::Wide)
    }
}

/// How many of the members may be unseen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Allowance {
    /// A number.
    Count(usize),
    /// Percent of the members, at most 100.
    Percent(usize),
}

/// What came of reading the command line.
pub(crate) enum Invocation {
    /// A command to run.
    Run(Box<Cli>),
    /// Help, version or a usage error was printed.
    Answered(Exit),
}

/// Reads the command line. Help and errors say `kubectl mesh …` when kubectl ran us, which it does by the name
/// `kubectl-mesh`.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Invocation {
    let args: Vec<OsString> = args.into_iter().collect();
    let program = args.first().map(PathBuf::from).unwrap_or_default();
    let parsed = command(&program).try_get_matches_from(args).and_then(|matches| Cli::from_arg_matches(&matches));
    match parsed {
        Ok(cli) => Invocation::Run(Box::new(cli)),
        Err(error) => {
            // A closed stdout is no reason to complain.
            let _ = error.print();
            Invocation::Answered(if error.use_stderr() { Exit::Usage } else { Exit::Success })
        }
    }
}

/// The command line's definition, for a program of this path.
pub(crate) fn command(program: &Path) -> clap::Command {
    let file = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let shown = match file.strip_prefix("kubectl-") {
        Some(plugin) => format!("kubectl {}", plugin.trim_end_matches(".exe")),
        None => file,
    };
    // Built by hand rather than by clap's derive, which would put the file's name there.
    Cli::command().bin_name(shown)
}

impl ScopeArgs {
    /// As the planner takes it.
    pub(crate) fn scope(&self) -> Scope {
        Scope { names: self.names.clone(), namespace: self.namespace.clone(), clusters: self.cluster.clone() }
    }
}

impl Allowance {
    /// Whether `unseen` of `members` is allowed.
    pub(crate) fn allows(self, unseen: usize, members: usize) -> bool {
        match self {
            Self::Count(count) => unseen <= count,
            Self::Percent(percent) => unseen.saturating_mul(100) <= members.saturating_mul(percent),
        }
    }
}

impl std::str::FromStr for Allowance {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (digits, percent) = match text.strip_suffix('%') {
            Some(digits) => (digits, true),
            None => (text, false),
        };
        let number: usize =
            digits.parse().map_err(|_| "expected a number such as 5, or a share such as 10%".to_owned())?;
        match (percent, number) {
            (true, 0..=100) => Ok(Self::Percent(number)),
            (true, _) => Err("more than 100%".to_owned()),
            (false, _) => Ok(Self::Count(number)),
        }
    }
}

/// At least one, and no more than one machine can have connections for.
fn parse_parallel(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|n| (1..=1_000).contains(n)).ok_or_else(|| "expected a number from 1 to 1000".to_owned())
}

fn parse_timeout(text: &str) -> Result<Duration, String> {
    let seconds = parse_seconds(text).and_then(|seconds| u64::try_from(seconds).ok()).filter(|seconds| *seconds > 0);
    seconds.map(Duration::from_secs).ok_or_else(|| "expected a time such as 30s or 5m".to_owned())
}

pub(crate) fn parse_namespace(text: &str) -> Result<Namespace, String> {
    Namespace::parse(text).map_err(|error| error.problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_of_the_command_line_holds_together() {
        command(Path::new("/usr/bin/kubectl-mesh")).debug_assert();
    }

    #[test]
    fn help_reads_as_kubectl_users_type_it() {
        let usage = |program: &str| command(Path::new(program)).render_usage().to_string();
        assert!(usage("/usr/local/bin/kubectl-mesh").contains("kubectl mesh "));
        assert!(usage("kubectl-mesh.exe").contains("kubectl mesh "));
        assert!(usage("mesh").contains("mesh "));
    }

    #[test]
    fn allowances_are_numbers_or_shares() {
        let parse = |text: &str| text.parse::<Allowance>();
        assert!(parse("2").unwrap().allows(2, 10));
        assert!(!parse("2").unwrap().allows(3, 10));
        assert!(parse("10%").unwrap().allows(4, 41));
        assert!(!parse("10%").unwrap().allows(5, 41));
        for bad in ["", "-1", "101%", "x", "%"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
