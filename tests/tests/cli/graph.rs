//! The graph, in every form that somebody may ask for.

use super::manifests::two_clusters;
use super::ran;

const FORMS: [&str; 6] = ["mermaid", "dot", "svg", "html", "json", "yaml"];

#[test]
fn every_form_names_the_name_and_two_runs_print_the_same_bytes() {
    let env = two_clusters();
    for form in FORMS {
        let run = || ran(&mut env.on_fleet(&["graph", "-o", form]));
        let first = run();
        assert_eq!((first.code, first.stderr.as_str()), (Some(0), ""), "{form}");
        assert!(first.stdout.contains("stage.checkout.global"), "{form}: {}", first.stdout);
        assert_eq!(first.stdout, run().stdout, "{form}");
    }
    assert_eq!(ran(&mut env.on_fleet(&["graph"])).stdout, ran(&mut env.on_fleet(&["graph", "-o", "mermaid"])).stdout);
}

#[test]
fn what_is_unseen_is_told_on_stderr_and_by_the_exit_status_unless_it_is_tolerated() {
    let env = two_clusters();
    env.write("c2/.unseen", "");
    for form in FORMS {
        let partial = ran(&mut env.on_fleet(&["graph", "-o", form]));
        assert_eq!(partial.code, Some(3), "{form}");
        assert!(partial.stderr.contains("warning: c2 is unseen"), "{form}: {}", partial.stderr);
        assert_eq!(ran(&mut env.on_fleet(&["graph", "-o", form, "--allow-unseen", "1"])).code, Some(0), "{form}");
    }
    let unknown = ran(&mut env.on_fleet(&["graph", "chekout"]));
    assert_eq!(unknown.code, Some(3), "it may be in what is unseen: {}", unknown.stderr);
}

#[test]
fn what_nobody_has_is_an_error_and_nothing_is_drawn() {
    let env = two_clusters();
    for (words, code) in [
        (vec!["graph", "chekout"], 1),
        (vec!["graph", "-n", "no-such-namespace"], 1),
        (vec!["graph", "--cluster", "no-such-cluster"], 2),
        (vec!["graph", "-o", "table"], 2),
    ] {
        let run = ran(&mut env.on_fleet(&words));
        assert_eq!((run.code, run.stdout.as_str()), (Some(code), ""), "{words:?}: {}", run.stderr);
    }
}
