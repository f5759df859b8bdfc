//! The same with a policy that says everything that can be said to the API server's own rules.

use serde_json::{Value, json};

use super::Table;
use super::table::{Case, Wanted, create, labelled, name, of, pair, with};

const RESERVED: Wanted = Wanted::Refused("MESH-E112");

pub(super) fn table() -> Table {
    Table {
        cases: cases(),
        mesh_yaml: json!({
            "revision": 3,
            "suffix": "mesh.example",
            "injection": "admiral",
            "keys": {"identity": "team.io/id", "env": "team.io/env", "ignore": "team-ignore", "inject": "team.io/sidecar"},
            "ownerFrom": ["namespace-label:team", "namespace-label:kubectl-mesh.io/owner"],
            "exclude": ["boss", "it's-\"x\""],
        }),
        values: "admission.cel.suffix=mesh.example,admission.cel.injection=admiral,admission.cel.keys.identity=team.io/id,\
                 admission.cel.keys.env=team.io/env,admission.cel.keys.ignore=team-ignore,admission.cel.keys.inject=team.io/sidecar,\
                 admission.cel.ownerFrom={namespace-label:team,namespace-label:kubectl-mesh.io/owner},\
                 admission.cel.exclude={boss,it's-\"x\"}",
        usual: keyed("checkout", "stage"),
        suffix: "mesh.example",
    }
}

fn keyed(identity: &str, env: &str) -> Value {
    json!({"team.io/id": identity, "team.io/env": env})
}

/// One that gets a sidecar, by this rule of injection.
fn injected(labels: &Value) -> Value {
    of("Deployment", labels, &json!({"team.io/sidecar": "true"}))
}

fn cases() -> Vec<Case> {
    let reserved = || keyed("a", "canary.stage");
    let passes = || name("canary.stage.a.mesh.example");
    vec![
        create("by other keys", injected(&keyed("a", "stage")), name("stage.a.mesh.example")),
        create("by keys that mean nothing here", injected(&pair("a", "stage")), Wanted::Nameless),
        create(
            "by an env whose key means nothing here",
            injected(&json!({"team.io/id": "a", "admiral.io/env": "stage"})),
            name("default.a.mesh.example"),
        ),
        create("an illegal identity by another key", injected(&keyed("a_b", "stage")), Wanted::Refused("MESH-E105")),
        create(
            "the name by another suffix",
            with(
                injected(&keyed("a", "stage")),
                "/metadata/annotations/kubectl-mesh.io~1global-name",
                json!("stage.a.global"),
            ),
            Wanted::Refused("MESH-E106"),
        ),
        create("a sidecar by annotation", injected(&reserved()), RESERVED),
        create("a sidecar by the namespace, which does not count", labelled(&reserved()), passes()),
        create(
            "a sidecar by label, which does not count",
            labelled(&with(reserved(), "/team.io~1sidecar", json!("true"))),
            passes(),
        ),
        create("ignored by another key", injected(&with(reserved(), "/team-ignore", json!("true"))), passes()),
        create(
            "ignored by a key that means nothing here",
            injected(&with(reserved(), "/admiral-ignore", json!("true"))),
            RESERVED,
        ),
        create(
            "an identity that is excluded",
            injected(&keyed("boss", "canary.stage")),
            name("canary.stage.boss.mesh.example"),
        ),
        create("an identity that is excluded in other case", injected(&keyed("Boss", "canary.stage")), RESERVED),
        create("nobody's namespace by either label", injected(&keyed("a", "stage")), Wanted::Refused("MESH-E104"))
            .of("orphan"),
        create(
            "an identity that is excluded in nobody's namespace",
            injected(&keyed("boss", "stage")),
            name("stage.boss.mesh.example"),
        )
        .of("orphan"),
        create("an owner by the second label", injected(&keyed("a", "stage")), name("stage.a.mesh.example"))
            .of("plain"),
    ]
}
