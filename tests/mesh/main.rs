//! What `kubectl mesh sync` writes makes requests go from a client's sidecar through a gateway to a server in another
//! cluster: real API servers, one istiod for each cluster, real Envoys. docs/mesh-tests.md lists what each test proves.
//!
//! A program of its own, since it moves into network namespaces before anything else. Tests share one mesh and run one after
//! the other; each brings services of its own.

mod clients;
mod deaths;
mod fleet;
mod limits;
mod mistakes;
mod moves;
mod probes;
mod protocols;
mod routes;
mod shares;

use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};
use mesh_testkit::rig::{Entered, enter};
use mesh_tests::skipped;

use fleet::Fleet;

/// A test, by its name.
type Test = (&'static str, fn(&Fleet));

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let tests = || {
        [
            routes::TESTS,
            protocols::TESTS,
            limits::TESTS,
            shares::TESTS,
            moves::TESTS,
            deaths::TESTS,
            mistakes::TESTS,
            probes::TESTS,
            clients::TESTS,
        ]
        .concat()
    };
    if !arguments.list
        && let Entered::Refused(why) = enter()
    {
        assert!(env::var_os("CI").is_none(), "CI needs network namespaces: {why}");
        skipped(&format!("the tests of a real mesh need network namespaces: {why}"));
        return ExitCode::SUCCESS;
    }
    let trial = |(name, test): Test| {
        Trial::test(name, move || {
            // Without programs it is skipped, which was said.
            if let Some(fleet) = Fleet::shared() {
                let outcome = catch_unwind(AssertUnwindSafe(|| test(fleet)));
                // Also after a failure, which is the next test's otherwise.
                fleet.clear();
                outcome.unwrap_or_else(|failure| resume_unwind(failure));
            }
            Ok(())
        })
    };
    let mut trials: Vec<Trial> = tests().into_iter().map(trial).collect();
    trials.push(Trial::test("the_page_lists_every_test", move || {
        let page = include_str!("../../docs/mesh-tests.md");
        let missing: Vec<&str> =
            tests().iter().map(|(name, _)| *name).filter(|name| !page.contains(&format!("| `{name}` |"))).collect();
        if missing.is_empty() { Ok(()) } else { Err(format!("docs/mesh-tests.md lacks {missing:?}").into()) }
    }));
    libtest_mimic::run(&arguments, trials).exit_code()
}
