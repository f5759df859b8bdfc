//! What a case is, and how it is tried.

use mesh_model::host::identity_label;
use mesh_testkit::servers::{ApiServer, User};
use serde_json::{Value, json};

use crate::webhook::running::collection;

pub(super) const GLOBAL_NAME: &str = "kubectl-mesh.io/global-name";
pub(super) const IDENTITY: &str = "kubectl-mesh.io/identity";
const MERGE: &str = "application/merge-patch+json";

/// A line of the table: what is asked, and what must come of it.
pub(super) struct Case {
    pub(super) what: &'static str,
    pub(super) namespace: &'static str,
    /// What was there before anybody judged.
    pub(super) before: Option<Value>,
    pub(super) by: Who,
    request: Request,
    pub(super) wanted: Wanted,
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    /// Somebody who may deploy.
    Deployer,
    /// Somebody who may break the glass besides.
    Breaker,
}

/// How something is written.
pub(super) enum Request {
    Create(Value),
    Replace(Value),
    /// Server-side apply.
    Apply(Value),
    Merge(Value),
    /// RFC 6902.
    Json(Value),
    Status(Value),
    Scale(u32),
}

/// What must come of a case.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// It passes, with this global name.
    Name(String),
    /// It passes without one.
    Nameless,
    /// It is refused with this code.
    Refused(&'static str),
    /// Engines cannot say the same, and why. Both at once say what the webhook says.
    Differs { webhook: Box<Wanted>, cel: Box<Wanted>, why: &'static str },
}

/// What came of a case.
#[derive(Debug, PartialEq)]
pub(super) enum Came {
    /// It was refused with this code.
    Refused(String),
    /// It passed, with these marks: of the workload, and of its pod template.
    Stored([Value; 2]),
}

/// What came of a case, and the labels that were there afterwards.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) came: Came,
    pub(super) labels: [Value; 2],
}

/// It passes, with this global name.
pub(super) fn name(name: &str) -> Wanted {
    Wanted::Name(name.to_owned())
}

/// Something is created in `shop`.
pub(super) fn create(what: &'static str, object: Value, wanted: Wanted) -> Case {
    let (before, request) = (None, Request::Create(object));
    Case { what, namespace: "shop", before, by: Who::Deployer, request, wanted }
}

/// Something that was in `shop` is changed.
pub(super) fn change(what: &'static str, before: Value, request: Request, wanted: Wanted) -> Case {
    Case { before: Some(before), request, ..create(what, Value::Null, wanted) }
}

impl Case {
    /// Elsewhere.
    pub(super) fn of(self, namespace: &'static str) -> Self {
        Self { namespace, ..self }
    }

    /// By server-side apply of something that is not there.
    pub(super) fn applying(self, object: Value) -> Self {
        Self { request: Request::Apply(object), ..self }
    }

    /// By somebody who may break the glass.
    pub(super) fn breaking_the_glass(self) -> Self {
        Self { by: Who::Breaker, ..self }
    }

    /// What comes of it. Nothing is stored.
    pub(super) fn tried(&self, server: &ApiServer, by: &User, number: usize) -> Seen {
        let all = |object: &Value| collection(self.namespace, object);
        let at = || format!("{}/case-{number}", all(self.before.as_ref().expect("something is changed")));
        let changes =
            |path: String, content_type: &'static str, body: &Value| ("PATCH", path, content_type, body.clone());
        let (method, path, content_type, body) = match &self.request {
            Request::Create(object) => ("POST", format!("{}?", all(object)), "application/json", named(number, object)),
            Request::Replace(object) => ("PUT", format!("{}?", at()), "application/json", named(number, object)),
            Request::Apply(object) => {
                let path = format!("{}/case-{number}?fieldManager=me&force=true&", all(object));
                changes(path, "application/apply-patch+yaml", &named(number, object))
            }
            Request::Merge(change) => changes(format!("{}?", at()), MERGE, change),
            Request::Json(change) => changes(format!("{}?", at()), "application/json-patch+json", change),
            Request::Status(change) => changes(format!("{}/status?", at()), MERGE, change),
            Request::Scale(replicas) => {
                changes(format!("{}/scale?", at()), MERGE, &json!({"spec": {"replicas": replicas}}))
            }
        };
        let body = Some((content_type, body.to_string()));
        let (code, answer) = server.request_as(&by.token, method, &format!("{path}dryRun=All"), body);
        match code {
            200 | 201 => {
                let template = ["/spec/template", "/spec/jobTemplate/spec/template"].map(|at| answer.pointer(at));
                let template = template.into_iter().flatten().next().unwrap_or(&Value::Null);
                let marks = |map: &str, key: &str| [&answer, template].map(|of| of["metadata"][map][key].clone());
                Seen { came: Came::Stored(marks("annotations", GLOBAL_NAME)), labels: marks("labels", IDENTITY) }
            }
            403 => Seen { came: Came::Refused(self.refusal(&answer)), labels: [Value::Null, Value::Null] },
            _ => panic!("{}: {code}: {answer}", self.what),
        }
    }

    /// The code of a refusal, whose text is as texts of refusals are.
    fn refusal(&self, answer: &Value) -> String {
        let message = answer["message"].as_str().unwrap_or_default();
        let start = message.find("[MESH-").unwrap_or_else(|| panic!("{}: {answer}", self.what));
        let text = &message[start..];
        let is_plain = text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
        assert!(is_plain && text.len() <= 512 && text.ends_with('.'), "{}: {text}", self.what);
        assert_eq!(answer["reason"], "Forbidden", "{}: {answer}", self.what);
        text["[".len()..].split(']').next().unwrap_or_default().to_owned()
    }
}

/// An object with the name of a case.
pub(super) fn named(number: usize, object: &Value) -> Value {
    with(object.clone(), "/metadata/name", json!(format!("case-{number}")))
}

/// Labels of an identity in an env.
pub(super) fn pair(identity: &str, env: &str) -> Value {
    json!({"identity": identity, "admiral.io/env": env})
}

/// A Deployment with labels of its pod template.
pub(super) fn labelled(labels: &Value) -> Value {
    of("Deployment", labels, &json!({}))
}

/// A Deployment with annotations of its pod template.
pub(super) fn noted(annotations: &Value) -> Value {
    of("Deployment", &json!({}), annotations)
}

/// A workload of this kind with labels and annotations of its pod template.
pub(super) fn of(kind: &str, labels: &Value, annotations: &Value) -> Value {
    let mut labels = labels.clone();
    labels["app"] = "case".into();
    let mut template = json!({
        "metadata": {"labels": labels, "annotations": annotations},
        "spec": {"containers": [{"name": "app", "image": "app:1"}]},
    });
    let selector = json!({"matchLabels": {"app": "case"}});
    let (api_version, spec) = match kind {
        "Job" | "CronJob" => {
            template["spec"]["restartPolicy"] = "Never".into();
            let job = json!({"template": template});
            let spec = if kind == "Job" { job } else { json!({"schedule": "0 0 * * *", "jobTemplate": {"spec": job}}) };
            ("batch/v1", spec)
        }
        "Rollout" => ("argoproj.io/v1alpha1", json!({"selector": selector, "template": template})),
        "StatefulSet" => ("apps/v1", json!({"selector": selector, "serviceName": "case", "template": template})),
        _ => ("apps/v1", json!({"selector": selector, "template": template})),
    };
    json!({"apiVersion": api_version, "kind": kind, "metadata": {}, "spec": spec})
}

/// A Deployment with our marks, of it and of its pod template: a global name, and the label of an identity.
pub(super) fn marked(labels: &Value, global_name: &str, identity: &str) -> Value {
    let mut object = labelled(labels);
    for at in ["", "/spec/template"] {
        object = with(object, &format!("{at}/metadata/annotations"), json!({ GLOBAL_NAME: global_name }));
        object =
            with(object, &format!("{at}/metadata/labels/kubectl-mesh.io~1identity"), json!(identity_label(identity)));
    }
    object
}

/// An object with something put where a JSON pointer points to; what is not there on the way is made.
pub(super) fn with(mut object: Value, pointer: &str, value: Value) -> Value {
    let keys = pointer.split('/').skip(1).map(|key| key.replace("~1", "/"));
    let place = keys.fold(&mut object, |at, key| match key.parse::<usize>() {
        Ok(index) => &mut at[index],
        Err(_) => &mut at[key],
    });
    *place = value;
    object
}

/// Beside `shop` of team-shop, which gets sidecars.
pub(super) fn more_namespaces(server: &ApiServer) {
    let owner = ("kubectl-mesh.io/owner", "team-shop");
    let injected = ("istio-injection", "enabled");
    let namespaces: [(&str, &[(&str, &str)]); 9] = [
        ("team-a-prod", &[owner, injected]),
        ("team-a-preview", &[owner, injected]),
        ("orphan", &[injected]),
        ("nameless", &[injected, ("kubectl-mesh.io/owner", "")]),
        ("plain", &[owner]),
        ("ambient", &[owner, ("istio.io/dataplane-mode", "ambient"), injected]),
        ("revised", &[owner, ("istio.io/rev", "canary")]),
        ("disabled", &[owner, ("istio.io/rev", "canary"), ("istio-injection", "disabled")]),
        ("ignored", &[owner, injected]),
    ];
    for (name, labels) in namespaces {
        let labels: serde_json::Map<String, Value> =
            labels.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
        let annotations = if name == "ignored" { json!({"admiral.io/ignore": "true"}) } else { json!({}) };
        let namespace = json!({"metadata": {"name": name, "labels": labels, "annotations": annotations}});
        let (code, answer) = server.create("/api/v1/namespaces", &namespace);
        assert_eq!(code, 201, "{answer}");
    }
}
