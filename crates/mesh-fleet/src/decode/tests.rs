//! Manifests in, facts out.

use super::*;

mod cluster;
mod istio;
mod json;
mod policies;
mod services;
mod workloads;

/// What comes of a YAML file under the default policy.
fn decode(text: &str) -> Decoded {
    decode_with(text, |_| {})
}

fn decode_with(text: &str, change: impl FnOnce(&mut MeshPolicy)) -> Decoded {
    let mut policy = MeshPolicy::default();
    change(&mut policy);
    let mut interner = Interner::default();
    let mut decoder = ClusterDecoder::new(ClusterName::parse("c1").unwrap(), &policy, &mut interner);
    let version: Arc<str> = "v1".into();
    for document in yaml_documents(text) {
        decoder.take(document.source, Place { file: "c1/a.yaml", line: document.line, version: Some(&version) });
    }
    decoder.finish()
}

/// The facts, when nothing was found.
fn facts(text: &str) -> ClusterFacts {
    let decoded = decode(text);
    assert_eq!((&decoded.findings, &decoded.unreadable), (&vec![], &None));
    assert!(decoded.facts.unseen.is_empty());
    decoded.facts
}

fn codes(decoded: &Decoded) -> Vec<(Code, &str)> {
    decoded.findings.iter().map(|finding| (finding.code, &*finding.place)).collect()
}

const SERVICE: &str =
    "apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: shop}\nspec: {ports: [{port: 80}]}\n";

#[test]
fn one_broken_document_leaves_the_others() {
    let decoded = decode(&format!("{SERVICE}---\n: [\n---\n{}", SERVICE.replace("name: a", "name: b")));
    assert_eq!(decoded.facts.services["shop"].len(), 2);
    assert_eq!(codes(&decoded), [(Code::UnreadableDocument, "c1/a.yaml:6")]);
    assert!(decoded.unreadable.is_some_and(|why| why == "c1/a.yaml:6 cannot be read"));
}

#[test]
fn a_broken_object_of_a_known_kind_makes_that_kind_unseen() {
    for (broken, line) in [
        (SERVICE.replace("port: 80", "port: http"), 4),
        (SERVICE.replace("port: 80", "port: 70000"), 4),
        (SERVICE.replace("port: 80", "port: 0"), 1),
        (SERVICE.replace("name: a", "name: ''"), 1),
        (SERVICE.replace("name: a", "name: a/b"), 1),
        (SERVICE.replace("shop", "Shop"), 1),
        (SERVICE.replace("{name: a", "{creationTimestamp: soon, name: a"), 1),
        (format!("{SERVICE}spec: {{}}\n"), 5),
        (format!("{SERVICE}x: [\n"), 5),
        (SERVICE.replace("spec: ", "spec:\n\t"), 5),
    ] {
        let decoded = decode(&format!("{broken}---\n{}", SERVICE.replace("name: a", "name: b")));
        assert_eq!(decoded.unreadable, None, "{broken}");
        assert_eq!(decoded.facts.unseen.iter().copied().collect::<Vec<_>>(), [Kind::Service], "{broken}");
        assert_eq!(codes(&decoded), [(Code::UnreadableObject, &*format!("c1/a.yaml:{line}"))], "{broken}");
        assert_eq!(decoded.facts.services["shop"].len(), 1, "{broken}");
    }
}

#[test]
fn a_document_without_a_kind_makes_the_cluster_unseen() {
    for text in
        ["a: 1\n", "- 1\n", "text\n", "apiVersion: v1\nkind:\n", "kind: Service\nmetadata: {name: a}\n", "\"open"]
    {
        let decoded = decode(text);
        assert_eq!(codes(&decoded), [(Code::UnreadableDocument, "c1/a.yaml:1")], "{text}");
        assert!(decoded.unreadable.is_some(), "{text}");
    }
}

#[test]
fn other_kinds_are_passed_over_and_count_as_objects() {
    let decoded = decode(
        "apiVersion: v1\nkind: Pod\nmetadata: {}\n---\napiVersion: example.com/v1\nkind: Service\n---\n\
         apiVersion: v1\nkind: ConfigMap\nmetadata: {name: other}\ndata: {a: [1]}\n",
    );
    assert_eq!((decoded.objects, codes(&decoded).len()), (3, 0));
    assert!(decoded.facts.services.is_empty());
}

#[test]
fn a_broken_object_of_another_kind_is_found_and_loses_nothing() {
    let decoded = decode("apiVersion: v1\nkind: Pod\nmetadata: {\n");
    assert_eq!(codes(&decoded).iter().map(|(code, _)| *code).collect::<Vec<_>>(), [Code::UnreadableObject]);
    assert!(decoded.facts.unseen.is_empty() && decoded.unreadable.is_none());
}

#[test]
fn lists_are_taken_apart() {
    let item = |name: &str| format!("{{metadata: {{name: {name}, namespace: shop}}, spec: {{ports: [{{port: 80}}]}}}}");
    let typed = format!("apiVersion: v1\nkind: ServiceList\nitems: [{}, {}]\n", item("a"), item("b"));
    assert_eq!(facts(&typed).services["shop"].len(), 2);
    let mixed = format!(
        "apiVersion: v1\nkind: List\nitems:\n- {{apiVersion: v1, kind: Service, {}\n- {{apiVersion: v1, kind: Node, metadata: {{name: n}}}}\n",
        &item("a")[1..]
    );
    let decoded = decode(&mixed);
    assert_eq!((decoded.objects, decoded.facts.services["shop"].len()), (2, 1));
    assert!(facts("apiVersion: v1\nkind: ServiceList\nitems: null\n").services.is_empty());
}

#[test]
fn one_broken_item_leaves_the_rest_of_its_list() {
    for head in ["apiVersion: v1\nkind: ServiceList\n", "apiVersion: v1\nkind: List\n"] {
        let item = |name: &str, port: &str| {
            format!(
                "- {{apiVersion: v1, kind: Service, metadata: {{name: {name}}}, spec: {{ports: [{{port: {port}}}]}}}}\n"
            )
        };
        let decoded = decode(&format!("{head}items:\n{}{}{}", item("a", "80"), item("b", "x"), item("c", "80")));
        assert_eq!(decoded.facts.services["default"].len(), 2, "{head}");
        assert_eq!(decoded.facts.unseen.len(), 1, "{head}");
        assert_eq!(codes(&decoded), [(Code::UnreadableObject, "c1/a.yaml:1")], "{head}");
        assert!(decoded.findings[0].message.contains("\"b\""), "the item is named: {:?}", decoded.findings[0]);
    }
}

#[test]
fn a_list_that_is_cut_short_gives_what_it_has() {
    let item =
        "- {apiVersion: v1, kind: Service, metadata: {name: a}}\n- {apiVersion: v1, kind: Service, metadata: {name";
    let mixed = decode(&format!("apiVersion: v1\nkind: List\nitems:\n{item}"));
    assert_eq!(codes(&mixed), [(Code::UnreadableDocument, "c1/a.yaml:5")]);
    assert!(mixed.unreadable.is_some() && mixed.facts.services["default"].len() == 1);
    let typed = decode(&format!("apiVersion: v1\nkind: ServiceList\nitems:\n{item}"));
    assert_eq!(codes(&typed), [(Code::UnreadableObject, "c1/a.yaml:5")]);
    assert!(typed.unreadable.is_none() && typed.facts.services["default"].len() == 1);
}

#[test]
fn an_object_larger_than_any_api_server_takes_is_unreadable() {
    let decoded = decode(&format!("{SERVICE}x: {}\n", "x".repeat(crate::limits::MAX_OBJECT)));
    assert_eq!(codes(&decoded), [(Code::UnreadableObject, "c1/a.yaml:1")]);
    assert!(decoded.facts.services.is_empty() && decoded.facts.unseen.contains(&Kind::Service));
}

#[test]
fn of_two_documents_of_one_object_the_first_counts() {
    let other = SERVICE.replace("80", "90");
    let decoded = decode(&format!("{SERVICE}---\n{other}"));
    assert_eq!(codes(&decoded), [(Code::DuplicateObject, "c1/a.yaml:6")]);
    assert_eq!(decoded.facts.services["shop"][0].ports[0].number, 80);
    assert_eq!(decoded.findings[0].message, "Service shop/a is also defined at c1/a.yaml:1, which counts");
}

#[test]
fn a_kind_that_only_looks_like_one_is_not_believed() {
    let decoded = decode("apiVersion: v1\ndata: \"\nkind: Service\n\"\n\"kind\": Node\nmetadata: {name: a}\n");
    assert!(decoded.unreadable.is_some());
    assert!(decoded.facts.services.is_empty());
}

#[test]
fn json_reads_as_yaml_does() {
    let text = r#"{"apiVersion":"v1","kind":"Service","metadata":{"name":"a","namespace":"shop"},"spec":{"ports":[{"port":80,"targetPort":"web"}]}}"#;
    let (documents, broken) = json_documents(text);
    assert!(broken.is_none());
    let policy = MeshPolicy::default();
    let mut interner = Interner::default();
    let mut decoder = ClusterDecoder::new(ClusterName::parse("c1").unwrap(), &policy, &mut interner);
    decoder.take(documents[0].source, Place { file: "c1/a.json", line: 1, version: Some(&"v".into()) });
    assert_eq!(decoder.finish().facts.services, facts(text).services);
}

#[test]
fn findings_of_a_cluster_are_bounded() {
    let decoded = decode(&"---\na: 1\n".repeat(MAX_FINDINGS + 5));
    assert_eq!(decoded.findings.len(), MAX_FINDINGS + 1);
    assert!(decoded.findings.iter().any(|f| f.message.starts_with("5 further findings")));
}

#[test]
fn order_of_documents_does_not_matter() {
    let names = ["c", "a", "b"].map(|name| SERVICE.replace("name: a", &format!("name: {name}")));
    let forward = facts(&names.join("---\n"));
    let backward = facts(&[&*names[2], &*names[1], &*names[0]].join("---\n"));
    assert_eq!(forward.services, backward.services);
    let sorted: Vec<_> = forward.services["shop"].iter().map(|service| &*service.name).collect();
    assert_eq!(sorted, ["a", "b", "c"]);
}

#[test]
fn a_cluster_of_too_many_objects_is_unseen_not_cut() {
    let policy = MeshPolicy::default();
    let mut interner = Interner::default();
    let mut decoder = ClusterDecoder::new(ClusterName::parse("c1").unwrap(), &policy, &mut interner);
    decoder.objects = crate::limits::MAX_OBJECTS;
    decoder.take(Source::Yaml(SERVICE), Place { file: "c1/a.yaml", line: 1, version: Some(&"v".into()) });
    let read = decoder.finish();
    assert!(read.facts.services.is_empty());
    assert_eq!(read.unreadable.as_deref(), Some("has more than 500000 objects"));
}
