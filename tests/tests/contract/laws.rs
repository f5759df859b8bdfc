//! The laws. Each makes a namespace of its own, so that they can share a server.

use std::io::Read as _;
use std::sync::atomic::{AtomicUsize, Ordering};

use mesh_testkit::rest::{Answer, Rest};
use serde_json::{Value, json};

/// One law, under its name.
pub(crate) type Law = (&'static str, fn(&Rest));

/// Every law, for a run of all of them against one server: `for (_, law) in ALL { law(&rest) }`.
pub(crate) const ALL: &[Law] = &[
    ("an_object_comes_back_with_what_the_server_adds", an_object_comes_back_with_what_the_server_adds),
    ("a_name_is_taken_once", a_name_is_taken_once),
    ("a_namespace_must_be_there", a_namespace_must_be_there),
    (
        "what_is_not_there_is_a_status_and_what_is_not_served_is_text",
        what_is_not_there_is_a_status_and_what_is_not_served_is_text,
    ),
    ("an_update_needs_the_version_that_it_saw", an_update_needs_the_version_that_it_saw),
    ("a_custom_object_is_not_updated_without_a_version", a_custom_object_is_not_updated_without_a_version),
    ("an_update_that_changes_nothing_keeps_the_version", an_update_that_changes_nothing_keeps_the_version),
    ("a_deletion_needs_the_uid_and_the_version_that_it_names", a_deletion_needs_the_uid_and_the_version_that_it_names),
    ("a_dry_run_leaves_nothing_behind", a_dry_run_leaves_nothing_behind),
    ("pages_are_of_one_moment", pages_are_of_one_moment),
    ("a_continue_token_that_is_nonsense_is_refused", a_continue_token_that_is_nonsense_is_refused),
    ("a_list_from_the_cache_has_no_pages", a_list_from_the_cache_has_no_pages),
    ("selectors_pick_labels_and_names", selectors_pick_labels_and_names),
    ("items_of_custom_kinds_alone_say_what_they_are", items_of_custom_kinds_alone_say_what_they_are),
    ("big_lists_are_compressed_for_those_who_ask", big_lists_are_compressed_for_those_who_ask),
    ("a_merge_patch_takes_away_what_is_null", a_merge_patch_takes_away_what_is_null),
    ("apply_gives_fields_to_managers", apply_gives_fields_to_managers),
    ("a_watch_tells_what_changed_since_a_version", a_watch_tells_what_changed_since_a_version),
    ("only_the_subresource_writes_a_status", only_the_subresource_writes_a_status),
    ("discovery_says_what_is_served", discovery_says_what_is_served),
    ("a_wrong_token_is_refused_before_anything_else", a_wrong_token_is_refused_before_anything_else),
];

/// A namespace of one law.
struct Room<'a> {
    rest: &'a Rest,
    name: String,
}

impl<'a> Room<'a> {
    fn new(rest: &'a Rest) -> Self {
        static ROOMS: AtomicUsize = AtomicUsize::new(0);
        let name = format!("contract-{}-{}", std::process::id(), ROOMS.fetch_add(1, Ordering::SeqCst));
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        let made = rest.create("/api/v1/namespaces", &namespace);
        assert_eq!(made.status, 201, "{}", made.json);
        Self { rest, name }
    }

    fn config_maps(&self) -> String {
        format!("/api/v1/namespaces/{}/configmaps", self.name)
    }

    fn config_map(&self, name: &str) -> String {
        format!("{}/{name}", self.config_maps())
    }

    fn service_entries(&self) -> String {
        format!("/apis/networking.istio.io/v1/namespaces/{}/serviceentries", self.name)
    }

    fn deployments(&self) -> String {
        format!("/apis/apps/v1/namespaces/{}/deployments", self.name)
    }

    /// Makes a ConfigMap and gives it back as the server has it.
    fn with_config_map(&self, name: &str) -> Value {
        made(self.rest.create(&self.config_maps(), &config_map(name)))
    }
}

fn made(answer: Answer) -> Value {
    assert_eq!(answer.status, 201, "{}", answer.json);
    answer.json
}

fn config_map(name: &str) -> Value {
    let labels = json!({"app": name, "part": "contract"});
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": labels}, "data": {"key": "value"}})
}

fn service_entry(name: &str) -> Value {
    json!({
        "apiVersion": "networking.istio.io/v1", "kind": "ServiceEntry", "metadata": {"name": name},
        "spec": {
            "hosts": ["stage.greeting.global"], "location": "MESH_INTERNAL", "resolution": "STATIC",
            "ports": [{"name": "http", "number": 80, "protocol": "HTTP"}],
            "endpoints": [{"address": "10.0.0.1"}],
        },
    })
}

fn deployment(name: &str) -> Value {
    let labels = json!({"app": name});
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app", "image": "app:1"}]}},
        },
    })
}

fn refused(answer: &Answer, status: u16, reason: &str, message: &str) {
    assert_eq!((answer.status, answer.json["reason"].as_str()), (status, Some(reason)), "{}", answer.json);
    assert_eq!((&answer.json["kind"], &answer.json["code"]), (&json!("Status"), &json!(status)));
    let said = answer.json["message"].as_str().unwrap_or_default();
    assert!(said.contains(message), "{said:?} does not say {message:?}");
}

fn version(object: &Value) -> &str {
    object["metadata"]["resourceVersion"].as_str().expect("every stored object has a version")
}

fn names(items: &Value) -> Vec<&str> {
    let items = items["items"].as_array().expect("a list has items");
    items.iter().map(|item| item["metadata"]["name"].as_str().unwrap_or_default()).collect()
}

pub(crate) fn an_object_comes_back_with_what_the_server_adds(rest: &Rest) {
    let room = Room::new(rest);
    let path = format!("{}?fieldManager=contract", room.deployments());
    let object = made(rest.create(&path, &deployment("web")));
    let metadata = &object["metadata"];
    assert_eq!((&metadata["namespace"], &metadata["generation"]), (&json!(room.name), &json!(1)));
    assert_eq!(metadata["uid"].as_str().map(str::len), Some(36));
    assert!(metadata["creationTimestamp"].as_str().unwrap().ends_with('Z') && !version(&object).is_empty());
    let entry = &metadata["managedFields"][0];
    assert_eq!((&entry["manager"], &entry["operation"]), (&json!("contract"), &json!("Update")));
    let got = rest.get(&format!("{}/web", room.deployments())).json;
    assert_eq!((&got["kind"], &got["apiVersion"]), (&json!("Deployment"), &json!("apps/v1")));
    assert_eq!(got["metadata"]["uid"], metadata["uid"]);
}

pub(crate) fn a_name_is_taken_once(rest: &Rest) {
    let room = Room::new(rest);
    room.with_config_map("a");
    let again = rest.create(&room.config_maps(), &config_map("a"));
    refused(&again, 409, "AlreadyExists", "configmaps \"a\" already exists");
    made(rest.create(&room.service_entries(), &service_entry("a")));
    let again = rest.create(&room.service_entries(), &service_entry("a"));
    refused(&again, 409, "AlreadyExists", "serviceentries.networking.istio.io \"a\" already exists");
}

pub(crate) fn a_namespace_must_be_there(rest: &Rest) {
    let nowhere = rest.create("/api/v1/namespaces/nowhere/configmaps", &config_map("a"));
    refused(&nowhere, 404, "NotFound", "namespaces \"nowhere\" not found");
    let empty = rest.get("/api/v1/namespaces/nowhere/configmaps");
    assert_eq!((empty.status, &empty.json["items"]), (200, &json!([])), "a list does not ask whether it is there");
}

pub(crate) fn what_is_not_there_is_a_status_and_what_is_not_served_is_text(rest: &Rest) {
    let room = Room::new(rest);
    refused(&rest.get(&room.config_map("none")), 404, "NotFound", "configmaps \"none\" not found");
    refused(&rest.get("/api/v1/gizmos"), 404, "NotFound", "the server could not find the requested resource");
    for path in ["/apis/example.com/v1", "/apis/example.com/v1/gizmos", "/nonsense"] {
        let answer = rest.get(path);
        assert_eq!((answer.status, &answer.bytes[..]), (404, &b"404 page not found\n"[..]), "{path}");
    }
}

pub(crate) fn an_update_needs_the_version_that_it_saw(rest: &Rest) {
    let room = Room::new(rest);
    let first = room.with_config_map("a");
    let mut second = first.clone();
    second["data"]["key"] = "second".into();
    let written = rest.replace(&room.config_map("a"), &second);
    assert_eq!((written.status, &written.json["data"]["key"]), (200, &json!("second")));
    assert_ne!(version(&written.json), version(&first));
    let late = rest.replace(&room.config_map("a"), &first);
    let said = "Operation cannot be fulfilled on configmaps \"a\": the object has been modified; please apply your changes \
                to the latest version and try again";
    refused(&late, 409, "Conflict", said);
}

pub(crate) fn a_custom_object_is_not_updated_without_a_version(rest: &Rest) {
    let room = Room::new(rest);
    made(rest.create(&room.service_entries(), &service_entry("a")));
    let blind = rest.replace(&format!("{}/a", room.service_entries()), &service_entry("a"));
    refused(&blind, 422, "Invalid", "metadata.resourceVersion: Invalid value");
}

pub(crate) fn an_update_that_changes_nothing_keeps_the_version(rest: &Rest) {
    let room = Room::new(rest);
    let object = made(rest.create(&room.service_entries(), &service_entry("a")));
    let again = rest.replace(&format!("{}/a", room.service_entries()), &object);
    assert_eq!((again.status, version(&again.json)), (200, version(&object)));
    assert_eq!(again.json["metadata"]["generation"], 1);
}

pub(crate) fn a_deletion_needs_the_uid_and_the_version_that_it_names(rest: &Rest) {
    let room = Room::new(rest);
    let object = room.with_config_map("a");
    let options = |uid: &Value, version: &str| {
        let preconditions = json!({"uid": uid, "resourceVersion": version});
        json!({"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": preconditions})
    };
    let path = room.config_map("a");
    let other = json!("11111111-2222-4333-a444-555555555555");
    let wrong = rest.delete(&path, Some(&options(&other, version(&object))));
    refused(&wrong, 409, "Conflict", "the UID in the precondition");
    let uid = &object["metadata"]["uid"];
    refused(
        &rest.delete(&path, Some(&options(uid, "1"))),
        409,
        "Conflict",
        "the ResourceVersion in the precondition (1)",
    );
    let right = rest.delete(&path, Some(&options(uid, version(&object))));
    assert_eq!((right.status, &right.json["status"]), (200, &json!("Success")), "{}", right.json);
    refused(&rest.delete(&path, None), 404, "NotFound", "configmaps \"a\" not found");
}

pub(crate) fn a_dry_run_leaves_nothing_behind(rest: &Rest) {
    let room = Room::new(rest);
    let dry = rest.create(&format!("{}?dryRun=All", room.config_maps()), &config_map("a"));
    assert_eq!((dry.status, &dry.json["metadata"]["name"]), (201, &json!("a")));
    assert_eq!(rest.get(&room.config_map("a")).status, 404);
    let mut object = room.with_config_map("a");
    object["data"]["key"] = "dry".into();
    let dry = rest.replace(&format!("{}?dryRun=All", room.config_map("a")), &object);
    assert_eq!((dry.status, &dry.json["data"]["key"]), (200, &json!("dry")));
    assert_eq!(rest.delete(&format!("{}?dryRun=All", room.config_map("a")), None).status, 200);
    assert_eq!(rest.get(&room.config_map("a")).json["data"]["key"], "value");
}

pub(crate) fn pages_are_of_one_moment(rest: &Rest) {
    let room = Room::new(rest);
    for name in ["a", "b", "c", "d", "e"] {
        room.with_config_map(name);
    }
    let path = format!("{}?labelSelector=part%3Dcontract&limit=2", room.config_maps());
    let first = rest.get(&path).json;
    assert_eq!(names(&first), ["a", "b"]);
    // What happens between the pages is not in them.
    rest.delete(&room.config_map("d"), None);
    room.with_config_map("f");
    let mut seen: Vec<String> = names(&first).into_iter().map(str::to_owned).collect();
    let mut page = first.clone();
    while let Some(token) = page["metadata"]["continue"].as_str() {
        page = rest.get(&format!("{path}&continue={token}")).json;
        assert_eq!(version(&page), version(&first));
        seen.extend(names(&page).into_iter().map(str::to_owned));
    }
    assert_eq!(seen, ["a", "b", "c", "d", "e"]);
    let whole = rest.get(&format!("{}?limit=3&labelSelector=part", room.config_maps())).json;
    assert_eq!(names(&whole), ["a", "b", "c"]);
}

pub(crate) fn a_continue_token_that_is_nonsense_is_refused(rest: &Rest) {
    let answer = rest.get("/api/v1/configmaps?limit=2&continue=nonsense");
    refused(&answer, 400, "BadRequest", "continue key is not valid");
}

pub(crate) fn a_list_from_the_cache_has_no_pages(rest: &Rest) {
    let room = Room::new(rest);
    for name in ["a", "b", "c"] {
        room.with_config_map(name);
    }
    // The cache may lag: it is asked from the version of the last write on first.
    let newest = version(&rest.get(&room.config_map("c")).json).to_owned();
    rest.get(&format!("{}?resourceVersion={newest}&resourceVersionMatch=NotOlderThan", room.config_maps()));
    let answer = rest.get(&format!("{}?resourceVersion=0&limit=1&labelSelector=part", room.config_maps())).json;
    assert_eq!((names(&answer), &answer["metadata"]["continue"]), (vec!["a", "b", "c"], &Value::Null));
}

pub(crate) fn selectors_pick_labels_and_names(rest: &Rest) {
    let room = Room::new(rest);
    for name in ["a", "b", "c"] {
        room.with_config_map(name);
    }
    let found = |query: &str| {
        let answer = rest.get(&format!("{}?{query}", room.config_maps()));
        assert_eq!(answer.status, 200, "{}", answer.json);
        names(&answer.json).join(" ")
    };
    assert_eq!(found("labelSelector=app%3Db"), "b");
    assert_eq!(found("labelSelector=part%3Dcontract%2Capp%21%3Db"), "a c");
    assert_eq!(found("labelSelector=app+in+%28a%2Cc%29"), "a c");
    assert_eq!(found("labelSelector=part%2Capp+notin+%28a%29"), "b c");
    assert_eq!(found("labelSelector=%21part%2Capp"), "");
    // What has no such label is none of those values, of which there may be many.
    let many = (0..500).map(|number| format!("{number:016x}")).collect::<Vec<_>>().join("%2C");
    assert_eq!(found(&format!("labelSelector=other%20notin%20%28{many}%29")), "a b c");
    assert_eq!(found("fieldSelector=metadata.name%3Dc"), "c");
    let wrong = rest.get(&format!("{}?labelSelector=app+in+a", room.config_maps()));
    assert_eq!((wrong.status, &wrong.json["reason"]), (400, &json!("BadRequest")));
}

pub(crate) fn items_of_custom_kinds_alone_say_what_they_are(rest: &Rest) {
    let room = Room::new(rest);
    room.with_config_map("a");
    made(rest.create(&room.service_entries(), &service_entry("a")));
    let maps = rest.get(&format!("{}?labelSelector=part", room.config_maps())).json;
    assert_eq!((&maps["kind"], &maps["apiVersion"]), (&json!("ConfigMapList"), &json!("v1")));
    assert_eq!((&maps["items"][0]["kind"], &maps["items"][0]["apiVersion"]), (&Value::Null, &Value::Null));
    for version in ["v1", "v1beta1", "v1alpha3"] {
        let path = room.service_entries().replace("/v1/", &format!("/{version}/"));
        let entries = rest.get(&path).json;
        let api_version = json!(format!("networking.istio.io/{version}"));
        assert_eq!((&entries["kind"], &entries["apiVersion"]), (&json!("ServiceEntryList"), &api_version));
        let item = &entries["items"][0];
        assert_eq!((&item["kind"], &item["apiVersion"]), (&json!("ServiceEntry"), &api_version));
    }
}

pub(crate) fn big_lists_are_compressed_for_those_who_ask(rest: &Rest) {
    let room = Room::new(rest);
    let gzip = rest.with_header(http::header::ACCEPT_ENCODING, "gzip");
    let encoding =
        |answer: &Answer| answer.headers.get("content-encoding").map(|value| value.to_str().unwrap().to_owned());
    room.with_config_map("small");
    assert_eq!(encoding(&gzip.get(&room.config_maps())), None, "small lists are not worth it");
    let mut big = config_map("big");
    big["data"]["key"] = "value ".repeat(40_000).into();
    made(rest.create(&room.config_maps(), &big));
    let (plain, compressed) = (rest.get(&room.config_maps()), gzip.get(&room.config_maps()));
    assert_eq!((encoding(&plain), encoding(&compressed)), (None, Some("gzip".to_owned())));
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(&compressed.bytes[..]).read_to_end(&mut text).unwrap();
    assert_eq!(names(&serde_json::from_slice(&text).unwrap()), names(&plain.json));
}

pub(crate) fn a_merge_patch_takes_away_what_is_null(rest: &Rest) {
    let room = Room::new(rest);
    room.with_config_map("a");
    let change = json!({"data": {"key": null, "more": "yes"}, "metadata": {"annotations": {"note": "x"}}});
    let media = "application/merge-patch+json";
    let patched = rest.patch(&room.config_map("a"), media, &change);
    assert_eq!((patched.status, &patched.json["data"]), (200, &json!({"more": "yes"})));
    assert_eq!(patched.json["metadata"]["labels"]["part"], "contract");
    let same = rest.patch(&room.config_map("a"), media, &change);
    assert_eq!(version(&same.json), version(&patched.json), "nothing changed");
    let stale = json!({"metadata": {"resourceVersion": "1"}, "data": {"key": "late"}});
    refused(&rest.patch(&room.config_map("a"), media, &stale), 409, "Conflict", "the object has been modified");
    refused(&rest.patch(&room.config_map("none"), media, &change), 404, "NotFound", "configmaps \"none\" not found");
}

pub(crate) fn apply_gives_fields_to_managers(rest: &Rest) {
    let room = Room::new(rest);
    let apply = |manager: &str, data: &Value| {
        let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": data});
        rest.patch(&format!("{}?{manager}", room.config_map("a")), "application/apply-patch+yaml", &object)
    };
    refused(&apply("", &json!({})), 422, "Invalid", "fieldManager: Required value: is required for apply patch");
    let first = made(apply("fieldManager=one", &json!({"a": "1", "b": "1"})));
    assert_eq!(first["metadata"]["managedFields"][0]["operation"], "Apply");
    let same = apply("fieldManager=one", &json!({"a": "1", "b": "1"}));
    assert_eq!((same.status, version(&same.json)), (200, version(&first)), "nothing changed");
    let other = apply("fieldManager=two", &json!({"a": "2", "c": "2"}));
    refused(&other, 409, "Conflict", "Apply failed with 1 conflict: conflict with \"one\": .data.a");
    assert_eq!(other.json["details"]["causes"][0]["field"], ".data.a");
    let forced = apply("fieldManager=two&force=true", &json!({"a": "2", "c": "2"})).json;
    assert_eq!(forced["data"], json!({"a": "2", "b": "1", "c": "2"}));
    let less = apply("fieldManager=one", &json!({})).json;
    assert_eq!(less["data"], json!({"a": "2", "c": "2"}), "what one no longer applies goes, what it lost stays");
}

pub(crate) fn a_watch_tells_what_changed_since_a_version(rest: &Rest) {
    let room = Room::new(rest);
    let since = version(&rest.get(&room.config_maps()).json).to_owned();
    let watch = rest.watch(&format!("{}?resourceVersion={since}&labelSelector=part", room.config_maps()));
    let mut object = room.with_config_map("a");
    let mut seen = vec![];
    let mut next = || {
        let event = watch.next().expect("the watch stays open");
        assert_eq!(
            (&event["object"]["kind"], &event["object"]["metadata"]["name"]),
            (&json!("ConfigMap"), &json!("a"))
        );
        seen.push(event["type"].as_str().unwrap_or_default().to_owned());
        event["object"].clone()
    };
    assert_eq!(version(&next()), version(&object));
    object["data"]["key"] = "new".into();
    let changed = rest.replace(&room.config_map("a"), &object).json;
    assert_eq!(version(&next()), version(&changed));
    // Whoever selects by label sees an object go whose label goes.
    let change = json!({"metadata": {"labels": {"part": null}}});
    rest.patch(&room.config_map("a"), "application/merge-patch+json", &change);
    next();
    rest.patch(&room.config_map("a"), "application/merge-patch+json", &json!({"metadata": {"labels": {"part": "x"}}}));
    next();
    rest.delete(&room.config_map("a"), None);
    next();
    assert_eq!(seen, ["ADDED", "MODIFIED", "DELETED", "ADDED", "DELETED"]);
}

pub(crate) fn only_the_subresource_writes_a_status(rest: &Rest) {
    let room = Room::new(rest);
    let mut object = deployment("web");
    object["status"] = json!({"replicas": 3});
    let mut stored = made(rest.create(&room.deployments(), &object));
    assert_eq!(stored["status"]["replicas"], Value::Null, "a new object has none");
    stored["status"] = json!({"replicas": 3});
    stored["spec"]["paused"] = true.into();
    let path = format!("{}/web", room.deployments());
    let written = rest.replace(&format!("{path}/status"), &stored).json;
    assert_eq!((&written["status"]["replicas"], &written["spec"]["paused"]), (&json!(3), &Value::Null));
    assert_eq!(written["metadata"]["generation"], 1);
    let mut changed = written.clone();
    changed["status"] = json!({"replicas": 5});
    changed["spec"]["paused"] = true.into();
    let changed = rest.replace(&path, &changed).json;
    assert_eq!((&changed["status"]["replicas"], &changed["spec"]["paused"]), (&json!(3), &json!(true)));
    assert_eq!(changed["metadata"]["generation"], 2);
}

pub(crate) fn discovery_says_what_is_served(rest: &Rest) {
    let has = |path: &str, list: &str, name: &str| {
        let answer = rest.get(path);
        assert_eq!(answer.status, 200, "{path}");
        let entries = answer.json[list].as_array().unwrap_or_else(|| panic!("{path}: {}", answer.json)).clone();
        assert!(entries.iter().any(|entry| *entry == name || entry["name"] == name), "{path} has no {name}");
    };
    has("/api", "versions", "v1");
    has("/apis", "groups", "apps");
    has("/apis", "groups", "networking.istio.io");
    has("/api/v1", "resources", "services");
    has("/apis/apps/v1", "resources", "deployments/status");
    has("/apis/networking.istio.io/v1", "resources", "serviceentries");
    assert_eq!(rest.get("/apis/apps").json["preferredVersion"]["groupVersion"], "apps/v1");
    assert_eq!(rest.get("/version").json["major"], "1");
    assert_eq!(rest.get("/readyz").bytes, "ok");
}

pub(crate) fn a_wrong_token_is_refused_before_anything_else(rest: &Rest) {
    let stranger = rest.with_token("not-a-token");
    refused(&stranger.get("/api/v1/namespaces"), 401, "Unauthorized", "Unauthorized");
    refused(&stranger.get("/nonsense"), 401, "Unauthorized", "Unauthorized");
}
