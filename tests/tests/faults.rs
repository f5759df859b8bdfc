//! What goes wrong between the program and clusters, one ill at a time, and what it costs: nothing is ever removed.
//!
//! `MESH_UPDATE_RELIABILITY=1` writes the table of docs/reliability.md anew.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::{env, fs, thread};

use similar::TextDiff;

mod fleet;
mod ills;
mod many;
mod page;
mod plugin;
mod trial;
mod writes;

use mesh_testkit::company::Company;

use many::Many;

/// Ills that are tried at once: most of the time they wait.
const AT_ONCE: usize = 3;

#[test]
fn no_ill_of_one_cluster_removes_anything_and_docs_say_what_it_costs() {
    let trials = Mutex::new(ills::ILLS.iter().enumerate().collect::<Vec<_>>());
    let rows = Mutex::new(vec![None; ills::ILLS.len()]);
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let next = trials.lock().unwrap().pop();
                    let Some((number, ill)) = next else { break };
                    let row = trial::suffer(ill);
                    rows.lock().unwrap()[number] = Some(row);
                }
            });
        }
    });
    let rows: Vec<trial::Row> = rows.into_inner().unwrap().into_iter().flatten().collect();
    let file = docs().join("reliability.md");
    let committed = fs::read_to_string(&file).unwrap();
    let fresh = page::with_table(&committed, &rows);
    if env::var_os("MESH_UPDATE_RELIABILITY").is_some() {
        fs::write(&file, &fresh).unwrap();
    } else if fresh != committed {
        let diff = TextDiff::from_lines(&committed, &fresh);
        panic!(
            "MESH_UPDATE_RELIABILITY=1 accepts what is right\n\n{}",
            diff.unified_diff().header("docs/reliability.md", "as it happens")
        );
    }
}

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

/// The same at full size, with figures: `cargo xtask bench live`.
#[test]
fn three_hundred_clusters_of_which_37_are_ill() {
    let many = Many::start(Company { members: 300, services: 12, names: 2 });
    many.first_sync();
    many.idle_plan();
    many.change();
    many.fall_ill();
    many.ill_plan();
    many.ill_sync();
}
