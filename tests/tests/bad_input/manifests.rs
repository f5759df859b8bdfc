//! Manifest files.

use super::*;

/// What comes of a file `c1/bad.yaml` beside a good one.
fn with(text: impl AsRef<[u8]>) -> FleetSnapshot {
    let fleet = TestFleet::new(&[("c1/good.yaml", &SERVICE.replace("name: a", "name: good"))]);
    fleet.write("c1/bad.yaml", text);
    fleet.observe()
}

#[test]
fn broken_yaml_of_no_kind_makes_the_cluster_unseen() {
    for text in ["{", "a: b: c", "\"open", "just text", "- a\n- b\n", "%YAML 9\n--- x\n", "\0"] {
        let snapshot = with(text);
        let finding = the(&snapshot, Code::UnreadableDocument);
        assert!(finding.place.starts_with("c1/bad.yaml:"), "{finding:?}");
        assert_eq!(why_unseen(&snapshot, "c1"), format!("{} cannot be read", finding.place));
    }
}

#[test]
fn one_bad_document_among_good_ones_costs_its_kind() {
    let second = SERVICE.replace("name: a", "name: b");
    for (bad, line) in [
        (SERVICE.replace("spec:", "spec:\n\tx:"), 10),
        (SERVICE.replace("port: 80", "port: eighty"), 9),
        (format!("{SERVICE}kind: Service\n"), 10),
        (SERVICE.replace("{ports", "{ports: [], ports"), 9),
    ] {
        let snapshot = with(format!("{SERVICE}---\n{bad}---\n{second}"));
        let found = snapshot.findings.iter().map(|f| (f.code, &*f.place)).collect::<Vec<_>>();
        let code =
            if bad.matches("kind: Service").count() == 2 { Code::UnreadableDocument } else { Code::UnreadableObject };
        assert!(found.contains(&(code, &*format!("c1/bad.yaml:{line}"))), "{found:?}\n{bad}");
        if code == Code::UnreadableObject {
            assert_eq!(unseen_kinds(&snapshot), [Kind::Service]);
            assert_eq!(snapshot.facts("c1").unwrap().services["shop"].len(), 3);
        }
    }
}

#[test]
fn messages_say_what_is_wrong_in_one_line() {
    for (text, words) in [
        (SERVICE.replace("spec:", "spec:\n\tx:"), "tab"),
        (SERVICE.replace("{ports", "{ports: [], ports"), "duplicate"),
        (SERVICE.replace("port: 80", "port: 70000"), "65535"),
        (SERVICE.replace("ports: [", "ports: {").replace("}]}", "}}}"), "a list is wanted"),
    ] {
        let snapshot = with(text);
        let finding = the(&snapshot, Code::UnreadableObject);
        assert!(finding.message.contains(words) && !finding.message.contains('\n'), "{finding:?}");
    }
}

#[test]
fn a_byte_order_mark_and_carriage_returns_are_accepted() {
    let text = format!("\u{feff}{SERVICE}---\n\u{feff}{}", SERVICE.replace("name: a", "name: b")).replace('\n', "\r\n");
    let snapshot = with(text);
    assert!(snapshot.findings.is_empty(), "{:?}", snapshot.findings);
    assert_eq!(snapshot.facts("c1").unwrap().services["shop"].len(), 3);
}

#[test]
fn alias_bombs_and_deep_nesting_are_refused() {
    let bomb = format!("{SERVICE}{}", alias_bomb());
    let deep = format!("{SERVICE}x: {}{}\n", "[".repeat(100_000), "]".repeat(100_000));
    let deep_blocks =
        format!("{SERVICE}x:\n{}", (0..2_000).map(|depth| " ".repeat(depth + 1) + "a:\n").collect::<String>());
    for text in [bomb, deep, deep_blocks] {
        let snapshot = with(text);
        the(&snapshot, Code::UnreadableObject);
        assert_eq!(unseen_kinds(&snapshot), [Kind::Service]);
    }
}

#[test]
fn a_file_of_50_mb_is_refused_unread() {
    let fleet = TestFleet::new(&[]);
    let file = fs::File::create(fleet.path("c1/big.yaml")).unwrap();
    file.set_len(50_000_000).unwrap();
    let snapshot = fleet.observe();
    let finding = the(&snapshot, Code::UnreadableDocument);
    assert_eq!(&*finding.place, "c1/big.yaml");
    assert_eq!(finding.message, "cannot be read: has 48 MiB, at most 32 are read; split it");
    assert_eq!(why_unseen(&snapshot, "c1"), "c1/big.yaml cannot be read");
}

#[test]
fn what_is_no_text_is_unknown() {
    let utf16: Vec<u8> = SERVICE.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for bytes in [utf16.as_slice(), &[0xff, 0xfe], b"kind: \xc3\x28"] {
        let snapshot = with(bytes);
        assert!(snapshot.facts("c1").is_none());
        the(&snapshot, Code::UnreadableDocument);
    }
}

#[test]
fn a_folder_or_a_pipe_with_the_name_of_a_manifest_does_not_hang() {
    let fleet = TestFleet::new(&[("c1/folder.yaml/a.yaml", SERVICE)]);
    assert_eq!(fleet.observe().facts("c1").unwrap().services.len(), 1);
    let made = std::process::Command::new("mkfifo").arg(fleet.path("c1/pipe.yaml")).status();
    if !made.is_ok_and(|status| status.success()) {
        return mesh_tests::skipped("a pipe cannot be made");
    }
    let snapshot = fleet.observe();
    assert_eq!(the(&snapshot, Code::UnreadableDocument).message, "cannot be read: is not a regular file");
    assert_eq!(why_unseen(&snapshot, "c1"), "c1/pipe.yaml cannot be read");
}

#[test]
fn json_files_are_read_and_broken_ones_are_unknown() {
    let service = r#"{"apiVersion":"v1","kind":"Service","metadata":{"name":"j","namespace":"shop"},"spec":{}}"#;
    let fleet = TestFleet::new(&[("c1/a.json", &format!("\u{feff}{service}\n{}", service.replace("\"j\"", "\"k\"")))]);
    assert_eq!(fleet.observe().facts("c1").unwrap().services["shop"].len(), 2);
    fleet.write("c1/a.json", format!("{service}\n\n{{"));
    let snapshot = fleet.observe();
    assert_eq!(&*the(&snapshot, Code::UnreadableDocument).place, "c1/a.json:3");
    assert!(snapshot.facts("c1").is_none());
    fleet.write("c1/a.json", service.replace("\"spec\":{}", "\"spec\":{},\"spec\":{}"));
    assert_eq!(unseen_kinds(&fleet.observe()), [Kind::Service]);
}

#[test]
fn hidden_files_and_other_files_are_not_read() {
    let fleet = TestFleet::new(&[
        ("c1/.hidden.yaml", "{"),
        ("c1/.git/a.yaml", "{"),
        ("c1/notes.txt", "{"),
        ("c1/_cluster/a.yml", SERVICE),
    ]);
    let snapshot = fleet.observe();
    assert!(snapshot.findings.is_empty());
    assert_eq!(snapshot.facts("c1").unwrap().services.len(), 1);
}

#[test]
fn hostile_names_are_refused_and_shown_escaped() {
    let snapshot = with(SERVICE.replace("name: a", r#"name: "a\e[31m\u202e""#));
    let finding = the(&snapshot, Code::UnreadableObject);
    assert!(finding.message.contains(r"a\u{1b}[31m") && !finding.message.contains('\u{1b}'), "{finding:?}");
}

#[test]
fn nothing_that_is_cut_short_panics() {
    let text = format!(
        "{SERVICE}---\napiVersion: admiral.io/v1alpha1\nkind: GlobalTrafficPolicy\nmetadata: {{name: é, labels: {{identity: a}}}}\n\
         spec: {{policy: [{{dnsPrefix: x, lbType: FAILOVER, target: [{{region: a, weight: 1}}]}}]}}\n"
    );
    for end in (0..text.len()).step_by(3) {
        with(&text.as_bytes()[..end]);
    }
}
