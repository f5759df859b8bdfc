//! A large fleet with ill clusters in it: time and peak memory of the built program, which must hold what it must:
//! `cargo xtask bench live`. Clusters are fake, and run in this process.
#![expect(clippy::print_stdout, reason = "a bench's output is for the person who started it")]

#[path = "../tests/faults/many.rs"]
mod many;

use mesh_testkit::company::Company;

use many::{Many, Ran};

fn main() {
    let mut sizes = std::env::args().skip(1).filter_map(|argument| argument.parse().ok());
    let (members, services) = (sizes.next().unwrap_or(300), sizes.next().unwrap_or(2_000));
    let company = Company { members, services, names: (services / 24).max(1) };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!(
        "{cores} cores; {members} clusters × {services} Services and Deployments, {} names, {} generated objects",
        company.groups() * company.names,
        company.generated(),
    );
    let many = Many::start(company);
    println!("{:<44}{:>10}{:>14}", "RUN", "TIME", "PEAK MEMORY");
    row("first sync, nothing written yet", &many.first_sync());
    row("plan, nothing to do", &many.idle_plan());
    many.change();
    many.fall_ill();
    row("plan, 37 clusters ill", &many.ill_plan());
    row("sync, 37 clusters ill", &many.ill_sync());
}

fn row(name: &str, ran: &Ran) {
    println!("{name:<44}{:>8.1} s{:>10} MiB", ran.took.as_secs_f64(), ran.peak >> 20);
}
