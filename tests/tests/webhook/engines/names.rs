//! Which global name a workload asks for, and which is none.

use serde_json::{Value, json};

use super::table::{Case, Wanted, create, labelled, name, noted, of, pair, with};

const ILLEGAL: Wanted = Wanted::Refused("MESH-E105");
const RESERVED: Wanted = Wanted::Refused("MESH-E112");

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (what, kind) in [
        ("a Deployment", "Deployment"),
        ("a StatefulSet", "StatefulSet"),
        ("a DaemonSet", "DaemonSet"),
        ("a Rollout", "Rollout"),
        ("a Job", "Job"),
        ("a CronJob", "CronJob"),
    ] {
        cases.push(create(what, of(kind, &pair("checkout", "stage"), &json!({})), name("stage.checkout.global")));
    }
    cases.extend(read());
    cases.extend(legal());
    cases.extend(reserved());
    cases
}

/// Where identity and env are found.
fn read() -> Vec<Case> {
    let both = |labels, annotations| of("Deployment", &labels, &annotations);
    let env = "admiral.io/env";
    vec![
        create("no identity", labelled(&json!({})), Wanted::Nameless),
        create("an empty identity", labelled(&pair("", "stage")), Wanted::Nameless),
        create(
            "an identity on the workload, which is none",
            with(labelled(&json!({})), "/metadata/labels/identity", json!("a")),
            Wanted::Nameless,
        ),
        create("an identity by annotation", noted(&pair("checkout", "stage")), name("stage.checkout.global")),
        create(
            "an identity by label before one by annotation",
            both(pair("label", "stage"), json!({"identity": "note"})),
            name("stage.label.global"),
        ),
        create(
            "an empty label before an annotation",
            both(pair("", "stage"), json!({"identity": "note"})),
            name("stage.note.global"),
        ),
        create(
            "an env by annotation before one by label",
            both(pair("a", "label"), json!({ env: "note" })),
            name("note.a.global"),
        ),
        create(
            "an empty env by annotation before one by label",
            both(pair("a", "label"), json!({ env: "" })),
            name("label.a.global"),
        ),
        create("an env by label env", labelled(&json!({"identity": "a", "env": "short"})), name("short.a.global")),
        create("an env by the end of the namespace", labelled(&json!({"identity": "a"})), name("prod.a.global"))
            .of("team-a-prod"),
        create("an empty env before the end of the namespace", labelled(&pair("a", "")), name("prod.a.global"))
            .of("team-a-prod"),
        create("no env", labelled(&json!({"identity": "a"})), name("default.a.global")),
        create("upper case in the identity", labelled(&pair("CheckOut", "stage")), name("stage.checkout.global")),
        create("upper case in the env", labelled(&pair("checkout", "STAGE")), name("stage.checkout.global")),
        create(
            "upper case that is kept",
            both(pair("CheckOut", "stage"), json!({"admiral.io/cname-case-sensitive": "true"})),
            name("stage.CheckOut.global"),
        ),
        create(
            "upper case that is not kept",
            both(pair("CheckOut", "stage"), json!({"admiral.io/cname-case-sensitive": "yes"})),
            name("stage.checkout.global"),
        ),
        create(
            "a Rollout without a template",
            json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {}, "spec": {"workloadRef": {"name": "a"}}}),
            Wanted::Nameless,
        ),
        create(
            "a Rollout whose template is null",
            with(of("Rollout", &json!({}), &json!({})), "/spec/template", json!(null)),
            Wanted::Nameless,
        ),
        create(
            "a Rollout whose template is a text",
            with(of("Rollout", &json!({}), &json!({})), "/spec/template", json!("x")),
            Wanted::Refused("MESH-E109"),
        ),
        create(
            "a Rollout whose labels are a list",
            with(of("Rollout", &json!({}), &json!({})), "/spec/template/metadata/labels", json!(["identity"])),
            Wanted::Refused("MESH-E109"),
        ),
        create(
            "a Rollout whose identity is a number",
            of("Rollout", &json!({"identity": 7}), &json!({})),
            Wanted::Refused("MESH-E109"),
        ),
        create(
            "a Rollout whose annotations are null",
            with(of("Rollout", &pair("a", "stage"), &json!({})), "/spec/template/metadata/annotations", json!(null)),
            name("stage.a.global"),
        ),
    ]
}

/// What gives a host, and what does not.
fn legal() -> Vec<Case> {
    let by_note = |identity: &str| noted(&pair(identity, "stage"));
    let label = "a".repeat(63);
    // Of so many bytes with `stage.` and `.global`.
    let host_of = |bytes: usize| {
        let start = [label.as_str(), &label, &label].join(".");
        let rest = bytes - "stage.".len() - start.len() - ".".len() - ".global".len();
        format!("{start}.{}", "b".repeat(rest))
    };
    let longest = host_of(242);
    // What API servers take at most, so that nothing costs them more than a policy may.
    let many: Value = (0..20_000).map(|number| (format!("k{number}"), json!("v"))).collect();
    vec![
        create("a label of 63 letters", labelled(&pair(&label, "stage")), name(&format!("stage.{label}.global"))),
        create("a label of 64 letters", by_note(&format!("{label}a")), ILLEGAL),
        create("a host of 242 bytes", by_note(&longest), name(&format!("stage.{longest}.global"))),
        create("a host of 243 bytes", by_note(&host_of(243)), ILLEGAL),
        create("an identity of 300 bytes that show as something else", by_note(&"\"ä\n".repeat(75)), ILLEGAL),
        create("an identity of 200 KiB", by_note(&"a".repeat(200 << 10)), ILLEGAL),
        create("20,000 annotations", of("Deployment", &pair("a", "stage"), &many), name("stage.a.global")),
        create("dots in identity and env", labelled(&pair("a.b", "c.d")), name("c.d.a.b.global")),
        create("an underscore in the identity", labelled(&pair("a_b", "stage")), ILLEGAL),
        create("an underscore in the env", labelled(&pair("a", "MESH_none")), ILLEGAL),
        create("two dots together", labelled(&pair("a..b", "stage")), ILLEGAL),
        create("a dot at the start", by_note(".a"), ILLEGAL),
        create("a dot at the end", by_note("a."), ILLEGAL),
        create("a dash at the start", by_note("-a"), ILLEGAL),
        create("a dash at the end", by_note("a-"), ILLEGAL),
        create("a dash at the end of a part", by_note("a-.b"), ILLEGAL),
        create("a blank", by_note("a b"), ILLEGAL),
        create("a blank only", by_note(" "), ILLEGAL),
        create("a new line at the end", by_note("a\n"), ILLEGAL),
        create("an invisible character", by_note("a\u{200b}b"), ILLEGAL),
        create("a wildcard", by_note("*"), ILLEGAL),
        create("a slash in the env", noted(&pair("a", "b/c")), ILLEGAL),
        create("other letters than ASCII's", by_note("größe"), ILLEGAL),
        create(
            "the sign of Kelvin, which is a k in lower case",
            by_note("chec\u{212a}out"),
            name("stage.checkout.global"),
        ),
        create(
            "the sign of Kelvin where case is kept",
            with(
                by_note("chec\u{212a}out"),
                "/spec/template/metadata/annotations/admiral.io~1cname-case-sensitive",
                json!("true"),
            ),
            ILLEGAL,
        ),
        create("a dotted capital I, which is more than an i in lower case", by_note("\u{130}d"), ILLEGAL),
        create("an illegal one of a Job", of("Job", &pair("a_b", "stage"), &json!({})), ILLEGAL),
        create("an illegal one of a CronJob", of("CronJob", &pair("a_b", "stage"), &json!({})), ILLEGAL),
        create("an illegal one of a Rollout", of("Rollout", &pair("a_b", "stage"), &json!({})), ILLEGAL),
    ]
}

/// Hosts of the Rollouts of other names.
fn reserved() -> Vec<Case> {
    vec![
        create("a preview env", labelled(&pair("a", "preview.stage")), RESERVED),
        create("a canary env", labelled(&pair("a", "canary.stage")), RESERVED),
        create("a canary env in other case", labelled(&pair("a", "Canary.stage")), RESERVED),
        create("an env that is nothing but reserved", labelled(&pair("a", "preview")), RESERVED),
        create("a reserved end of a namespace's name", labelled(&json!({"identity": "a"})), RESERVED)
            .of("team-a-preview"),
        create("an env that only begins so", labelled(&pair("a", "previews.stage")), name("previews.stage.a.global")),
        create("an env that ends so", labelled(&pair("a", "stage.preview")), name("stage.preview.a.global")),
        create("a reserved one of a Rollout", of("Rollout", &pair("a", "canary.stage"), &json!({})), RESERVED),
        create("a reserved one of a StatefulSet", of("StatefulSet", &pair("a", "canary.stage"), &json!({})), RESERVED),
        create(
            "a reserved one of a Job",
            of("Job", &pair("a", "canary.stage"), &json!({})),
            name("canary.stage.a.global"),
        ),
    ]
}
