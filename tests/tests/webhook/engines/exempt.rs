//! Who takes part, who owns a namespace or a name, and what is no deploy: nobody's conflict takes traffic away.

use serde_json::{Value, json};

use super::table::{Case, Request, Wanted, change, create, labelled, name, noted, of, pair, with};

const RESERVED: Wanted = Wanted::Refused("MESH-E112");
const NO_OWNER: Wanted = Wanted::Refused("MESH-E104");

pub(super) fn cases() -> Vec<Case> {
    [taking_part(), owners(), holders(), deploys()].into_iter().flatten().collect()
}

/// What would be refused of a workload that serves.
fn reserved() -> Value {
    labelled(&pair("a", "preview.stage"))
}

fn passes() -> Wanted {
    name("preview.stage.a.global")
}

fn taking_part() -> Vec<Case> {
    let labelled = |key: &str, value: &str| {
        let mut labels = pair("a", "preview.stage");
        labels[key] = value.into();
        labelled(&labels)
    };
    let inject = "sidecar.istio.io/inject";
    let noted = |value: &str| of("Deployment", &pair("a", "preview.stage"), &json!({ inject: value }));
    let own = |value: &str| with(reserved(), "/metadata/annotations/admiral.io~1ignore", json!(value));
    vec![
        create("ignored by a label of its pods", labelled("admiral-ignore", "true"), passes()),
        create("ignored by half a label", labelled("admiral-ignore", "yes"), RESERVED),
        create("ignored by its annotation", own("true"), passes()),
        create("not ignored by its annotation", own("false"), RESERVED),
        create("ignored with its namespace", reserved(), passes()).of("ignored"),
        create("without a sidecar by label", labelled(inject, "false"), passes()),
        create("without a sidecar by another word", labelled(inject, "no"), passes()),
        create("without a sidecar by annotation", noted("false"), passes()),
        create("with a sidecar by an empty annotation", noted(""), RESERVED),
        create(
            "with a sidecar by label, without by annotation",
            with(noted("false"), "/spec/template/metadata/labels/sidecar.istio.io~1inject", json!("true")),
            RESERVED,
        ),
        create("in a namespace without sidecars", reserved(), passes()).of("plain"),
        create("with a sidecar in a namespace without", labelled(inject, "true"), RESERVED).of("plain"),
        create("with a sidecar by annotation in a namespace without", noted("true"), RESERVED).of("plain"),
        create("in a namespace of a revision", reserved(), RESERVED).of("revised"),
        create("in a namespace of a revision that is disabled", reserved(), passes()).of("disabled"),
        create("ambient", labelled("istio.io/dataplane-mode", "ambient"), passes()),
        create("in an ambient namespace", reserved(), passes()).of("ambient"),
        create("with a sidecar in an ambient namespace", labelled(inject, "true"), RESERVED).of("ambient"),
        create(
            "in a namespace that is not looked at",
            with(labelled("identity", "a_b"), "/metadata/annotations", json!({})),
            Wanted::Nameless,
        )
        .of("kube-system"),
        create("an illegal one that is ignored", labelled("identity", "a_b"), Wanted::Refused("MESH-E105"))
            .of("ignored"),
        create("an illegal one without a sidecar", labelled("identity", "a_b"), Wanted::Refused("MESH-E105"))
            .of("plain"),
        create("a reserved one by somebody who breaks the glass", reserved(), passes()).breaking_the_glass(),
        create("an illegal one by somebody who breaks the glass", labelled("identity", "a_b"), Wanted::Nameless)
            .breaking_the_glass(),
    ]
}

fn owners() -> Vec<Case> {
    let host = || name("stage.lost.global");
    let lost = || labelled(&pair("lost", "stage"));
    let of = |kind: &str| of(kind, &pair("lost", "stage"), &json!({}));
    let in_orphan = |what, object, wanted| create(what, object, wanted).of("orphan");
    vec![
        in_orphan("a Deployment without an owner", lost(), NO_OWNER),
        in_orphan("a StatefulSet without an owner", of("StatefulSet"), NO_OWNER),
        in_orphan("a DaemonSet without an owner", of("DaemonSet"), NO_OWNER),
        in_orphan("a Rollout without an owner", of("Rollout"), NO_OWNER),
        in_orphan("a Job without an owner", of("Job"), host()),
        in_orphan("a CronJob without an owner", of("CronJob"), host()),
        create("an empty owner", lost(), NO_OWNER).of("nameless"),
        in_orphan("by annotation without an owner", noted(&pair("lost", "stage")), NO_OWNER),
        in_orphan("without an identity and without an owner", labelled(&json!({})), Wanted::Nameless),
        in_orphan(
            "ignored, without an owner",
            with(lost(), "/spec/template/metadata/labels/admiral-ignore", json!("true")),
            host(),
        ),
        in_orphan(
            "without a sidecar and without an owner",
            with(lost(), "/spec/template/metadata/labels/sidecar.istio.io~1inject", json!("false")),
            host(),
        ),
        in_orphan("illegal, without an owner", labelled(&pair("a_b", "stage")), Wanted::Refused("MESH-E105")),
        in_orphan("reserved, without an owner", labelled(&pair("lost", "canary.stage")), RESERVED),
        in_orphan("somebody who breaks the glass, without an owner", lost(), host()).breaking_the_glass(),
    ]
}

/// What needs a memory: `held` is there, in `shop`, before anybody judges.
fn holders() -> Vec<Case> {
    let held = |identity: &str| labelled(&pair(identity, "stage"));
    let differs = |code: &'static str| Wanted::Differs {
        webhook: Box::new(Wanted::Refused(code)),
        cel: Box::new(name("stage.held.global")),
        why: "policies see a request and its Namespace, and not who holds a name",
    };
    let restart = json!({"spec": {"template": {"metadata": {"annotations": {"at": "now"}}}}});
    vec![
        change("whoever holds a name deploys again", held("held"), Request::Merge(restart), name("stage.held.global")),
        create("a name that another owner holds", held("held"), differs("MESH-E101")).of("pay"),
        create("a name that another identity has", held("Held"), differs("MESH-E112")),
    ]
}

fn deploys() -> Vec<Case> {
    let lost = || labelled(&pair("lost", "stage"));
    let host = || name("stage.lost.global");
    let ignored = || with(lost(), "/metadata/annotations/admiral.io~1ignore", json!("true"));
    let merged = |what, change_to: Value, wanted| change(what, lost(), Request::Merge(change_to), wanted).of("orphan");
    let ignore = |value: Value| json!({"metadata": {"annotations": {"admiral.io/ignore": value}}});
    let illegal = || labelled(&pair("old_one", "stage"));
    vec![
        merged(
            "a new image without an owner",
            json!({"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "app:2"}]}}}}),
            NO_OWNER,
        ),
        merged(
            "a restart without an owner",
            json!({"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}}}}}),
            NO_OWNER,
        ),
        merged("a label of the workload without an owner", json!({"metadata": {"labels": {"a": "b"}}}), host()),
        merged("more replicas without an owner", json!({"spec": {"replicas": 3}}), host()),
        merged("a pause without an owner", json!({"spec": {"paused": true}}), host()),
        change("scaled without an owner", lost(), Request::Scale(3), Wanted::Nameless).of("orphan"),
        change(
            "a status without an owner",
            lost(),
            Request::Status(json!({"status": {"observedGeneration": 1}})),
            Wanted::Nameless,
        )
        .of("orphan"),
        merged("ignored from now on", ignore(json!("true")), host()),
        change("no longer ignored", ignored(), Request::Merge(ignore(Value::Null)), NO_OWNER).of("orphan"),
        change("ignored in another word", ignored(), Request::Merge(ignore(json!("no"))), NO_OWNER).of("orphan"),
        change(
            "another annotation of one that is ignored",
            ignored(),
            Request::Merge(json!({"metadata": {"annotations": {"a": "b"}}})),
            host(),
        )
        .of("orphan"),
        change("an illegal one is scaled", illegal(), Request::Scale(3), Wanted::Nameless),
        change(
            "an illegal one is labelled",
            illegal(),
            Request::Merge(json!({"metadata": {"labels": {"a": "b"}}})),
            Wanted::Nameless,
        ),
        change(
            "an illegal one is restarted",
            illegal(),
            Request::Merge(json!({"spec": {"template": {"metadata": {"annotations": {"at": "now"}}}}})),
            Wanted::Refused("MESH-E105"),
        ),
        change(
            "an illegal one is mended",
            illegal(),
            Request::Merge(json!({"spec": {"template": {"metadata": {"labels": {"identity": "mended"}}}}})),
            name("stage.mended.global"),
        ),
        change(
            "one that served takes a reserved env",
            labelled(&pair("was", "stage")),
            Request::Merge(json!({"spec": {"template": {"metadata": {"labels": {"admiral.io/env": "canary.x"}}}}})),
            RESERVED,
        ),
        change(
            "a Rollout without an owner is labelled",
            of("Rollout", &pair("lost", "stage"), &json!({})),
            Request::Merge(json!({"metadata": {"labels": {"a": "b"}}})),
            host(),
        )
        .of("orphan"),
        change(
            "a Rollout without an owner is changed",
            of("Rollout", &pair("lost", "stage"), &json!({})),
            Request::Merge(json!({"spec": {"template": {"metadata": {"labels": {"a": "b"}}}}})),
            NO_OWNER,
        )
        .of("orphan"),
        change(
            "a CronJob without an owner is changed",
            of("CronJob", &pair("lost", "stage"), &json!({})),
            Request::Merge(
                json!({"spec": {"jobTemplate": {"spec": {"template": {"metadata": {"labels": {"a": "b"}}}}}}}),
            ),
            host(),
        )
        .of("orphan"),
        change(
            "applied by a server, an illegal one",
            lost(),
            Request::Apply(labelled(&pair("a_b", "stage"))),
            Wanted::Refused("MESH-E105"),
        )
        .of("orphan"),
        change(
            "applied by a server, without an owner",
            lost(),
            Request::Apply(labelled(&json!({"identity": "lost", "more": "labels"}))),
            NO_OWNER,
        )
        .of("orphan"),
        create("applied by a server, and new", Value::Null, name("stage.a.global"))
            .applying(labelled(&pair("a", "stage"))),
        create("applied by a server, new and illegal", Value::Null, Wanted::Refused("MESH-E105"))
            .applying(labelled(&pair("a_b", "stage"))),
    ]
}
