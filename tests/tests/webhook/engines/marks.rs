//! Our marks: which are refused, which follow the name, and which are left to their authors.

use mesh_model::host::identity_label;
use serde_json::{Value, json};

use super::table::{
    Case, GLOBAL_NAME, IDENTITY, Request, Wanted, change, create, labelled, marked, name, of, pair, with,
};

const WRONG: Wanted = Wanted::Refused("MESH-E106");
/// 16 hex digits that are those of no identity here.
const OTHER: &str = "0123456789abcdef";
const NO_HASH: &str = "CEL has no sha-256: 16 hex digits may be those of another identity";

pub(super) fn cases() -> Vec<Case> {
    [brought(), changed(), followed(), through_status()].into_iter().flatten().collect()
}

fn host() -> Wanted {
    name("stage.web.global")
}

fn web() -> Value {
    labelled(&pair("web", "stage"))
}

/// With a mark of the workload, or of its pods.
fn noted(object: Value, at: &str, value: &str) -> Value {
    with(object, &format!("{at}/metadata/annotations/kubectl-mesh.io~1global-name"), json!(value))
}

fn tagged(object: Value, at: &str, value: &str) -> Value {
    with(object, &format!("{at}/metadata/labels/kubectl-mesh.io~1identity"), json!(value))
}

fn only_the_webhook_refuses(cel: Wanted) -> Wanted {
    Wanted::Differs { webhook: Box::new(WRONG), cel: Box::new(cel), why: NO_HASH }
}

const PODS: &str = "/spec/template";

/// What comes with a new workload.
fn brought() -> Vec<Case> {
    let right = identity_label("web");
    let nobody = || labelled(&json!({}));
    vec![
        create("the right name", noted(web(), "", "stage.web.global"), host()),
        create("the right name of pods", noted(web(), PODS, "stage.web.global"), host()),
        create("another name", noted(web(), "", "stage.other.global"), WRONG),
        create("another name of pods", noted(web(), PODS, "stage.other.global"), WRONG),
        create("the name in other case", noted(web(), "", "stage.Web.global"), WRONG),
        create("an empty name", noted(web(), "", ""), WRONG),
        create("a name that is long and shows as something else", noted(web(), "", &"\"ä\n".repeat(100)), WRONG),
        create("a name without an identity", noted(nobody(), "", "stage.web.global"), WRONG),
        create("a name of pods without an identity", noted(nobody(), PODS, "stage.web.global"), WRONG),
        create(
            "a name of an identity that is illegal",
            noted(labelled(&pair("a_b", "stage")), "", "stage.a.global"),
            WRONG,
        ),
        create("a name of a Job", noted(of("Job", &pair("web", "stage"), &json!({})), "", "stage.other.global"), WRONG),
        create(
            "a name of pods of a CronJob",
            noted(
                of("CronJob", &pair("web", "stage"), &json!({})),
                "/spec/jobTemplate/spec/template",
                "stage.other.global",
            ),
            WRONG,
        ),
        create(
            "a name of a Rollout",
            noted(of("Rollout", &pair("web", "stage"), &json!({})), "", "stage.other.global"),
            WRONG,
        ),
        create("a name of one that is ignored", noted(web(), "", "stage.other.global"), WRONG).of("ignored"),
        create("a wrong name in a namespace without an owner", noted(web(), "", "stage.other.global"), WRONG)
            .of("orphan"),
        create(
            "another name by somebody who breaks the glass",
            noted(web(), "", "stage.other.global"),
            name("stage.other.global"),
        )
        .breaking_the_glass(),
        create("the right label", tagged(web(), "", &right), host()),
        create("the right label of pods", tagged(web(), PODS, &right), host()),
        create("a label that is no hash", tagged(web(), "", "web"), WRONG),
        create("a label of pods that is no hash", tagged(web(), PODS, "web"), WRONG),
        create("a label that is too long", tagged(web(), "", &format!("{right}0")), WRONG),
        create("a label in upper case", tagged(web(), "", "0123456789ABCDEF"), WRONG),
        create("an empty label", tagged(web(), "", ""), WRONG),
        create("a label without an identity", tagged(nobody(), "", &right), WRONG),
        create("a label of another identity", tagged(web(), "", OTHER), only_the_webhook_refuses(host())),
        create("a label of pods of another identity", tagged(web(), PODS, OTHER), only_the_webhook_refuses(host())),
        create("a copy of another workload", marked(&pair("web", "stage"), "stage.till.global", "till"), WRONG),
        create("a copy of the same workload", marked(&pair("web", "stage"), "stage.web.global", "web"), host()),
    ]
}

/// What an author changes about marks that were there.
fn changed() -> Vec<Case> {
    let good = || marked(&pair("web", "stage"), "stage.web.global", "web");
    let label_wrong = || marked(&pair("web", "stage"), "stage.web.global", "other");
    let own = |map: &str, key: &str, value: Value| json!({"metadata": {map: {key: value}}});
    let name_to = |value: Value| Request::Merge(own("annotations", GLOBAL_NAME, value));
    let label_to = |value: Value| Request::Merge(own("labels", IDENTITY, value));
    let pods = |of: Value| Request::Merge(json!({"spec": {"template": of}}));
    vec![
        change("the name changes alone", good(), name_to(json!("stage.other.global")), WRONG),
        change("the name of pods changes alone", good(), pods(own("annotations", GLOBAL_NAME, json!("x"))), WRONG),
        change("the name is taken away", good(), name_to(Value::Null), host()),
        change("a wrong name becomes right", noted(web(), "", "x"), name_to(json!("stage.web.global")), host()),
        change("a wrong name becomes another wrong one", noted(web(), "", "x"), name_to(json!("y")), WRONG),
        change("the label changes alone", good(), label_to(json!(OTHER)), WRONG),
        change("the label of pods changes alone", good(), pods(own("labels", IDENTITY, json!(OTHER))), WRONG),
        change("the label becomes no hash", good(), label_to(json!("x")), WRONG),
        change(
            "a wrong label becomes right",
            label_wrong(),
            label_to(json!(identity_label("web"))),
            Wanted::Differs {
                webhook: Box::new(host()),
                cel: Box::new(WRONG),
                why: "CEL cannot tell which of two labels is right: take it away first",
            },
        ),
        change(
            "by RFC 6902",
            good(),
            Request::Json(
                json!([{"op": "replace", "path": "/metadata/annotations/kubectl-mesh.io~1global-name", "value": "x"}]),
            ),
            WRONG,
        ),
        change("by a server's apply", good(), Request::Apply(noted(web(), "", "x")), WRONG),
        change("by a server's apply that knows no marks", good(), Request::Apply(web()), host()),
        change("by somebody who knows no marks", good(), Request::Replace(web()), host()),
        change(
            "by somebody who knows no marks, and a new image",
            good(),
            Request::Replace(with(web(), "/spec/template/spec/containers/0/image", json!("app:2"))),
            host(),
        ),
    ]
}

/// What marks follow.
fn followed() -> Vec<Case> {
    let good = || marked(&pair("web", "stage"), "stage.web.global", "web");
    let labels = |of: Value| json!({"spec": {"template": {"metadata": {"labels": of}}}});
    let renamed = || labels(json!({"identity": "till"}));
    let also = |mut change: Value, map: &str, key: &str, value: &str| {
        change["metadata"] = json!({map: {key: value}});
        Request::Merge(change)
    };
    let touched = || Request::Merge(json!({"metadata": {"labels": {"a": "b"}}}));
    let restarted = || Request::Merge(json!({"spec": {"template": {"metadata": {"annotations": {"at": "now"}}}}}));
    vec![
        change("one without marks is labelled", web(), touched(), host()),
        change("one without marks is restarted", web(), restarted(), host()),
        change("one with marks is labelled", good(), touched(), host()),
        change("one with marks is restarted", good(), restarted(), host()),
        change("an old name that is wrong", noted(web(), "", "x"), touched(), host()),
        change("an old name of pods that is wrong, and is left alone", noted(web(), PODS, "x"), touched(), host()),
        change("an old name of pods that is wrong, and a restart", noted(web(), PODS, "x"), restarted(), host()),
        change("an old name without an identity", noted(labelled(&json!({})), "", "x"), touched(), Wanted::Nameless),
        change("another identity", good(), Request::Merge(renamed()), name("stage.till.global")),
        change(
            "another env",
            good(),
            Request::Merge(labels(json!({"admiral.io/env": "prod"}))),
            name("prod.web.global"),
        ),
        change(
            "another identity, with its name",
            good(),
            also(renamed(), "annotations", GLOBAL_NAME, "stage.till.global"),
            name("stage.till.global"),
        ),
        change("another identity, with a wrong name", good(), also(renamed(), "annotations", GLOBAL_NAME, "x"), WRONG),
        change(
            "another identity, with its label",
            good(),
            also(renamed(), "labels", IDENTITY, &identity_label("till")),
            name("stage.till.global"),
        ),
        change(
            "another identity, with a label of a third",
            good(),
            also(renamed(), "labels", IDENTITY, OTHER),
            only_the_webhook_refuses(name("stage.till.global")),
        ),
        change(
            "another identity of a DaemonSet",
            of("DaemonSet", &pair("web", "stage"), &json!({})),
            Request::Merge(renamed()),
            name("stage.till.global"),
        ),
        change(
            "another identity of a Rollout",
            of("Rollout", &pair("web", "stage"), &json!({})),
            Request::Merge(renamed()),
            name("stage.till.global"),
        ),
        change("no identity any more", good(), Request::Merge(labels(json!({"identity": null}))), Wanted::Nameless),
        change(
            "an illegal identity",
            good(),
            Request::Merge(labels(json!({"identity": "a_b"}))),
            Wanted::Refused("MESH-E105"),
        ),
    ]
}

/// What is written through the status.
fn through_status() -> Vec<Case> {
    let good = || marked(&pair("web", "stage"), "stage.web.global", "web");
    let own = |map: &str, key: &str, value: Value| Request::Status(json!({"metadata": {map: {key: value}}}));
    let sets = || {
        with(
            with(
                of("StatefulSet", &pair("web", "stage"), &json!({})),
                "/metadata/annotations",
                json!({ GLOBAL_NAME: "stage.web.global" }),
            ),
            "/metadata/labels",
            json!({}),
        )
    };
    vec![
        change("a status", good(), Request::Status(json!({"status": {"observedGeneration": 1}})), host()),
        change("another annotation through the status", good(), own("annotations", "a", json!("b")), host()),
        change("the name through the status", good(), own("annotations", GLOBAL_NAME, json!("x")), WRONG),
        change("the name goes through the status", good(), own("annotations", GLOBAL_NAME, Value::Null), WRONG),
        change(
            "the label of a DaemonSet through the status",
            tagged(of("DaemonSet", &pair("web", "stage"), &json!({})), "", &identity_label("web")),
            own("labels", IDENTITY, json!(OTHER)),
            WRONG,
        ),
        change(
            "the name of a StatefulSet through the status",
            sets(),
            own("annotations", GLOBAL_NAME, json!("x")),
            WRONG,
        ),
        change(
            "the name through the status, by somebody who breaks the glass",
            good(),
            own("annotations", GLOBAL_NAME, json!("x")),
            name("x"),
        )
        .breaking_the_glass(),
    ]
}
