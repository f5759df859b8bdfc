//! Nothing that came from a fleet reaches a terminal unescaped, and colour is only where it is wanted.

use super::manifests::{dependency, namespace, service, two_clusters};
use super::ran;

/// Sets a title, moves the cursor, reorders and hides text.
const EVIL: &str = "a\u{1b}]0;x\u{7}\u{9b}2J\u{202e}b\u{200b}c\u{feff}\u{e0041}";

/// Whether every character is one that a terminal just shows.
fn is_plain(text: &str) -> bool {
    let invisible = |c: char| matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}');
    text.chars().all(|c| c == '\n' || !c.is_control() && !invisible(c))
}

#[test]
fn nothing_from_a_fleet_is_printed_raw_by_any_verb_in_any_form() {
    let env = two_clusters();
    let evil = serde_json::to_string(EVIL).unwrap();
    let quoted = evil.trim_matches('"');
    env.write("c1/evil-identity.yaml", &(namespace("evil") + &service("evil", "evil", EVIL)));
    env.write("c1/evil-name.yaml", &service("shop", "pay", "pay").replace("name: pay,", &format!("name: {evil},")));
    env.write("c2/evil-dependency.yaml", &dependency("web", &evil, "cart", &evil));
    env.write(&format!("c2/{}.yaml", EVIL.replace('\0', "")), "kind: [unclosed\n");
    env.write(
        "c2/mesh-sync/taken.yaml",
        &format!(
            "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata:\n  name: \"{quoted}\"\n  namespace: mesh-sync\n  \
             annotations: {{app.kubernetes.io/created-by: kubectl-mesh, note: \"{quoted}\"}}\nspec: {{hosts: [stage.{quoted}.global]}}\n"
        )
        .replace(&format!("[stage.{quoted}.global]"), &format!("[\"stage.{quoted}.global\"]")),
    );
    let mut seen_escape = false;
    for args in [
        &["plan"][..],
        &["plan", "-o", "wide"],
        &["plan", "-o", "json"],
        &["plan", "-o", "yaml"],
        &["plan", "-o", "name"],
        &["plan", EVIL],
        &["diff"],
        &["check"],
        &["check", "-o", "json"],
        &["check", "-o", "yaml"],
        &["status"],
        &["whereis", "*"],
        &["whereis", EVIL],
        &["explain", "checkout"],
        &["fleet", "list"],
        &["sync", "--dry-run"],
        &["sync", "--yes", "-o", "json"],
    ] {
        let run = ran(&mut env.on_fleet(args));
        assert!(is_plain(&run.stdout), "{args:?}: {:?}", run.stdout);
        assert!(is_plain(&run.stderr), "{args:?}: {:?}", run.stderr);
        seen_escape |= run.stdout.contains("\\u{1b}");
    }
    assert!(seen_escape, "the hostile texts are shown at all");
}

#[test]
fn colour_needs_a_terminal_or_a_wish_and_no_color_is_a_wish_too() {
    let env = two_clusters();
    let plain = ran(&mut env.on_fleet(&["plan"])).stdout;
    assert!(is_plain(&plain), "{plain:?}");
    let coloured = ran(&mut env.on_fleet(&["plan", "--color", "always"])).stdout;
    assert!(coloured.contains("\u{1b}[32m+"), "{coloured:?}");
    assert_eq!(ran(env.on_fleet(&["plan", "--color", "never"]).env("CLICOLOR_FORCE", "1")).stdout, plain);
    assert_eq!(ran(env.on_fleet(&["plan"]).env("NO_COLOR", "1").env("CLICOLOR_FORCE", "1")).stdout, plain);
    let forced = ran(env.on_fleet(&["plan"]).env("CLICOLOR_FORCE", "1")).stdout;
    assert_eq!(forced, coloured, "the field's own variable is honoured");
    for args in [&["plan", "-o", "json", "--color", "always"][..], &["plan", "-o", "yaml", "--color", "always"]] {
        assert!(is_plain(&ran(&mut env.on_fleet(args)).stdout), "documents have no colour");
    }
}
