//! `cargo xtask bench`: figures for docs/performance.md. None of it is a test: machines differ.

mod instructions;
mod programs;

use clap::Subcommand;

use crate::workspace::Workspace;

/// What to measure.
#[derive(Subcommand)]
pub(crate) enum Bench {
    /// Time and peak memory of each step over a fleet made in memory, in a process of its own.
    Fleet {
        /// Clusters.
        #[arg(long, default_value_t = 300)]
        members: usize,
        /// Services of each cluster.
        #[arg(long, default_value_t = 2_000)]
        services: usize,
        /// Clusters that run each name: 1, 2 or 5 of the ten that hold it.
        #[arg(long, default_value_t = 2)]
        sources: usize,
    },
    /// Criterion's benches of single functions.
    Functions {
        /// Only those whose name contains this.
        filter: Option<String>,
    },
    /// Instructions that three fixed inputs take under callgrind, against the committed counts.
    Instructions {
        /// Write the counts instead of comparing with them.
        #[arg(long)]
        update: bool,
    },
    /// First and second sync of the release program on three real API servers and a hub.
    Yardstick {
        /// Identities, once for each size.
        #[arg(default_values_t = [100, 500])]
        identities: Vec<usize>,
    },
    /// Time and peak memory of the release program on hundreds of fake clusters, some of them ill.
    Live {
        /// Clusters: a multiple of five, at least 70.
        #[arg(long, default_value_t = 300)]
        members: usize,
        /// Services of each cluster, and as many Deployments.
        #[arg(long, default_value_t = 2_000)]
        services: usize,
    },
    /// From a change to the last write that follows, where the release program watches hundreds of fake clusters.
    Watch {
        /// Clusters: a multiple of five.
        #[arg(long, default_value_t = 300)]
        members: usize,
        /// Services of each cluster, and as many Deployments.
        #[arg(long, default_value_t = 2_000)]
        services: usize,
        /// How long changes go on at the pace of a busy day.
        #[arg(long, default_value_t = 10)]
        minutes: usize,
    },
    /// Processor time of the release program that reads a fleet, against a loop that only downloads the same.
    Read {
        /// Clusters.
        #[arg(long, default_value_t = 20)]
        clusters: usize,
        /// Services of each cluster, and as many Deployments.
        #[arg(long, default_value_t = 2_000)]
        services: usize,
    },
    /// The webhook with many names against a server that gives every review the same answer, and what it adds to a deploy.
    Webhook {
        /// Names that are claimed.
        #[arg(long, default_value_t = 100_000)]
        names: usize,
        /// Those of them that are served by a Deployment here; the others are known by sets of claims.
        #[arg(long, default_value_t = 10_000)]
        here: usize,
    },
}

impl Bench {
    /// Measures and prints.
    pub(crate) fn run(&self, workspace: &Workspace) -> anyhow::Result<()> {
        match self {
            Self::Fleet { members, services, sources } => workspace
                .cargo(["bench", "--quiet", "--package", "mesh-tests", "--bench", "design_point", "--"])
                .args([members, services, sources].map(ToString::to_string))
                .run(),
            Self::Functions { filter } => workspace
                .cargo(["bench", "--package", "mesh-plan", "--package", "mesh-fleet", "--package", "mesh-render"])
                .args(["--bench", "*", "--"])
                .args(filter)
                .run(),
            Self::Instructions { update } => instructions::run(workspace, *update),
            Self::Yardstick { identities } => programs::run(workspace, "yardstick", identities),
            Self::Live { members, services } => programs::run(workspace, "live", &[*members, *services]),
            Self::Watch { members, services, minutes } => {
                programs::run(workspace, "watch", &[*members, *services, *minutes])
            }
            Self::Read { clusters, services } => programs::run(workspace, "read", &[*clusters, *services]),
            Self::Webhook { names, here } => programs::run_webhook(workspace, "webhook", &[*names, *here]),
        }
    }
}
