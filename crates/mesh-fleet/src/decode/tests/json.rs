use std::marker::PhantomData;

use mesh_json::read;
use mesh_testkit::manifests;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde::Deserialize;
use serde::de::{DeserializeSeed, IgnoredAny};
use serde_json::Value;

use crate::decode::page::Page;
use crate::decode::whole::Whole;
use crate::decode::wire::{Object, ServiceSpec, ServiceStatus, WorkloadSpec, WorkloadStatus};

type Workload<'a> = Object<'a, WorkloadSpec<'a>, WorkloadStatus>;
type Service<'a> = Object<'a, ServiceSpec<'a>, ServiceStatus<'a>>;

/// What a page of `T` says, in words, as the quick reader reads it.
fn quickly<'a, T: Deserialize<'a> + std::fmt::Debug>(text: &'a str) -> Option<String> {
    let mut objects = Vec::new();
    let head = read(text, Page::new(|object: T| objects.push(format!("{object:?}"))))?;
    Some(format!("{head:?} {objects:?}"))
}

/// The same, as `serde_json` reads it.
fn plainly<'a, T: Deserialize<'a> + std::fmt::Debug>(text: &'a str) -> Option<String> {
    let mut objects = Vec::new();
    let mut reader = serde_json::Deserializer::from_str(text);
    let head = Page::new(|object: T| objects.push(format!("{object:?}"))).deserialize(&mut reader).ok()?;
    reader.end().ok()?;
    Some(format!("{head:?} {objects:?}"))
}

fn is_passed_over(text: &str) -> bool {
    read(text, PhantomData::<IgnoredAny>).is_some()
}

fn whole(text: &str) -> Option<Value> {
    read(text, PhantomData::<Whole>).map(|whole| whole.0)
}

/// Whether every text and every bracket that opens is closed, one character after the other.
fn is_closed(text: &str) -> bool {
    let (mut depth, mut is_within_text, mut is_escaped) = (0, false, false);
    for letter in text.chars() {
        match letter {
            _ if std::mem::take(&mut is_escaped) => {}
            '\\' => is_escaped = true,
            '"' => is_within_text = !is_within_text,
            '{' | '[' if !is_within_text => depth += 1,
            '}' | ']' if !is_within_text && depth == 0 => return false,
            '}' | ']' if !is_within_text => depth -= 1,
            _ => {}
        }
    }
    depth == 0 && !is_within_text
}

/// Asserts that both readers say the same of `text`, or that what only the quick one reads is closed.
fn agree(text: &str) -> Result<(), TestCaseError> {
    // What nobody reads is passed over where it is JSON.
    let is_json = serde_json::from_str::<IgnoredAny>(text).is_ok();
    let as_it_should = if is_passed_over(text) { is_json || is_closed(text) } else { !is_json };
    prop_assert!(as_it_should);
    // What is kept whole: the same texts, and the same values.
    prop_assert_eq!(whole(text), serde_json::from_str::<Whole>(text).ok().map(|whole| whole.0));
    // Pages: the same objects, or none; and none only where `serde_json` is asked afterwards.
    for (quick, plain) in [
        (quickly::<Workload<'_>>(text), plainly::<Workload<'_>>(text)),
        (quickly::<Service<'_>>(text), plainly::<Service<'_>>(text)),
    ] {
        match (quick, plain) {
            (Some(quick), Some(plain)) => prop_assert_eq!(quick, plain),
            (Some(_), None) => prop_assert!(!is_json && is_closed(text)),
            (None, _) => {}
        }
    }
    Ok(())
}

/// Bodies of texts as they stand between quotes, some of which no JSON has.
const BODIES: &[&str] = &[
    "",
    "a",
    "Service",
    "ServiceList",
    "true",
    "team-1",
    r#"a\"b"#,
    r"\\",
    r"\\\\",
    r#"\\\""#,
    r"\u003c",
    r"k\u0069nd",
    r"\ud83d\ude00",
    r"\ud83d",
    r"\ude00\ud83d",
    r"\u12",
    r"\q",
    "ünïcödé",
    "\u{1f600}",
    "\t",
    "\u{0}",
    "\u{7f}",
    r#"{\"apiVersion\":\"v1\",\"spec\":{\"ports\":[{\"port\":80}]},\"metadata\":{\"annotations\":{}}}"#,
    "0123456789012345678901234567890123456789012345678901234567890",
    r"C:\\",
    r"\/\b\f\n\r\t",
];
/// Names of fields that are read, of some that are not, and one that is spelled with an escape.
const KEYS: &[&str] = &[
    "kind",
    "apiVersion",
    "metadata",
    "items",
    "continue",
    "name",
    "namespace",
    "labels",
    "annotations",
    "managedFields",
    "manager",
    "spec",
    "status",
    "selector",
    "matchLabels",
    "template",
    "containers",
    "ports",
    "port",
    "targetPort",
    "replicas",
    "loadBalancer",
    "ingress",
    "other",
    r"k\u0069nd",
    r"n\u0061me",
    r#"a\"b"#,
    "",
];
const SCALARS: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "-0",
    "80",
    "65536",
    "-1",
    "1.5",
    "1e3",
    "1E-2",
    "01",
    "1.",
    ".5",
    "-",
    "+1",
    "1e",
    "nul",
    "NaN",
    "18446744073709551615",
    "18446744073709551616",
    "-9223372036854775809",
    "123456789012345678",
    "1e999",
];
/// What may come into a text.
const BITS: &[&str] =
    &["\"", "\\", "\\\\", "{", "}", "[", "]", ",", ":", "0", "-", "e", "n", " ", "\n", "\u{1}", "\\u", "\\ud800", "ü"];
const BLANKS: &[&str] = &["", "", "", "", " ", "\n\t", "\r\n", "\u{a0}", "\u{b}"];

fn text() -> impl Strategy<Value = String> {
    (select(BODIES), select(BODIES)).prop_map(|(a, b)| format!("\"{a}{b}\""))
}

fn key() -> impl Strategy<Value = String> {
    select(KEYS).prop_map(|key| format!("\"{key}\""))
}

fn members(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    vec((key(), select(BLANKS), value), 0..5).prop_map(|members| {
        let members: Vec<_> = members.into_iter().map(|(key, blank, value)| format!("{key}{blank}:{value}")).collect();
        format!("{{{}}}", members.join(","))
    })
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![text(), select(SCALARS).prop_map(str::to_owned)].prop_recursive(5, 60, 5, |inner| {
        let list = (vec(inner.clone(), 0..5), select(BLANKS))
            .prop_map(|(values, blank)| format!("[{}]", values.join(&format!("{blank},"))));
        prop_oneof![list, members(inner)]
    })
}

/// A page of an API server, its fields in any order.
fn page() -> impl Strategy<Value = String> {
    let objects: Vec<String> = manifests::deployments(2)
        .into_iter()
        .chain(manifests::services(2))
        .flat_map(|object| [object.to_string(), format!("{object:#}")])
        .collect();
    let item = prop_oneof![4 => select(objects), 1 => members(value())];
    let items = vec(item, 0..4).prop_map(|items| format!("\"items\":[{}]", items.join(",")));
    let fields = [
        r#""kind":"ServiceList""#,
        r#""apiVersion":"v1""#,
        r#""metadata":{"resourceVersion":"7","continue":"next"}"#,
        r#""other":[{"a":{}},[],"x",1.5e3]"#,
    ];
    items
        .prop_map(move |items| fields.into_iter().map(str::to_owned).chain([items]).collect::<Vec<_>>())
        .prop_shuffle()
        .prop_map(|fields| format!("{{{}}}", fields.join(",")))
}

/// Something that happens to a text on its way.
#[derive(Debug, Clone)]
enum Harm {
    Cut(Index),
    Put(Index, String),
    Lose(Index, Index),
    Repeat(Index, Index),
}

fn harm() -> impl Strategy<Value = Harm> {
    prop_oneof![
        any::<Index>().prop_map(Harm::Cut),
        (any::<Index>(), select(BITS).prop_map(str::to_owned)).prop_map(|(at, bit)| Harm::Put(at, bit)),
        (any::<Index>(), value()).prop_map(|(at, value)| Harm::Put(at, value)),
        (any::<Index>(), any::<Index>()).prop_map(|(from, length)| Harm::Lose(from, length)),
        (any::<Index>(), any::<Index>()).prop_map(|(from, length)| Harm::Repeat(from, length)),
    ]
}

/// The text after what happened to it; none where it is no text any more, and never comes to a reader.
fn harmed(text: &str, harm: &Harm) -> Option<String> {
    let span = |from: &Index, length: &Index| {
        let from = from.index(text.len() + 1);
        from..(from + length.index(12)).min(text.len())
    };
    let mut bytes = text.as_bytes().to_vec();
    match harm {
        Harm::Cut(at) => bytes.truncate(at.index(text.len() + 1)),
        Harm::Put(at, bit) => {
            let at = at.index(text.len() + 1);
            bytes.splice(at..at, bit.bytes());
        }
        Harm::Lose(from, length) => drop(bytes.drain(span(from, length))),
        Harm::Repeat(from, length) => {
            let span = span(from, length);
            let again = bytes[span.clone()].to_vec();
            bytes.splice(span.end..span.end, again);
        }
    }
    String::from_utf8(bytes).ok()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_reads_as_serde_json_reads_it_or_is_left_to_it(text in value(), harms in vec(harm(), 0..3)) {
        agree(&text)?;
        if let Some(text) = harms.iter().try_fold(text, |text, harm| harmed(&text, harm)) {
            agree(&text)?;
        }
    }

    #[test]
    fn any_page_reads_as_serde_json_reads_it_or_is_left_to_it(page in page(), harms in vec(harm(), 0..3)) {
        agree(&page)?;
        if let Some(page) = harms.iter().try_fold(page, |page, harm| harmed(&page, harm)) {
            agree(&page)?;
        }
    }
}

#[test]
fn a_page_that_is_cut_anywhere_is_no_page() {
    let page = manifests::page(manifests::services(1));
    assert_eq!(quickly::<Service<'_>>(&page), plainly::<Service<'_>>(&page));
    for (at, _) in page.char_indices() {
        assert!(quickly::<Service<'_>>(&page[..at]).is_none() && !is_passed_over(&page[..at]), "cut at {at}");
    }
}

#[test]
fn what_an_api_server_sends_is_read_quickly() {
    let (deployments, services) = (manifests::deployments(3), manifests::services(3));
    assert!(quickly::<Workload<'_>>(&manifests::page(deployments)).is_some());
    assert!(quickly::<Service<'_>>(&manifests::page(services)).is_some());
    for text in [r#" {"kind" : "ServiceList","items":null } "#, r#"{"items":[],"metadata":null,"kind":"a\u0062\""}"#] {
        assert!(quickly::<Service<'_>>(text).is_some(), "{text}");
    }
}

#[test]
fn any_run_of_backslashes_ends_or_does_not_end_a_text_wherever_it_stands() {
    for before in 55..75 {
        for run in 0..140 {
            let text = format!(r#"["{}{}"]"#, "x".repeat(before), r"\".repeat(run));
            assert_eq!(is_passed_over(&text), run % 2 == 0, "{run} backslashes after {before} letters");
            assert_eq!(whole(&text), serde_json::from_str(&text).ok());
        }
    }
}

#[test]
fn brackets_are_told_from_those_in_texts_wherever_a_block_ends() {
    for before in 0..70 {
        for value in [
            r#"{"a":"}","b":["]{"],"c":{"\"}":{}}}"#,
            r#"[[[]],{"a\\":"\\"},"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["]"#,
            r#"{"a":[{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}]}"#,
        ] {
            let text = format!(r#"["{}",{value},1]"#, "x".repeat(before));
            assert!(is_passed_over(&text) && !is_passed_over(&text[..text.len() - 1]), "{text}");
            let page = format!(r#"{{"kind":"ServiceList","x":{text},"items":[{{"metadata":{{"name":"a"}}}}]}}"#);
            assert_eq!(quickly::<Service<'_>>(&page), plainly::<Service<'_>>(&page), "{page}");
            assert!(quickly::<Service<'_>>(&page).is_some(), "{page}");
        }
    }
}

#[test]
fn nesting_without_end_is_left_to_the_other_reader_without_harm() {
    for bracket in ["[", r#"{"a":"#] {
        let text = bracket.repeat(1_000_000);
        assert!(!is_passed_over(&text) && whole(&text).is_none());
    }
    let page = format!(r#"{{"kind":"ServiceList","items":[],"x":{}{}}}"#, "[".repeat(500), "]".repeat(500));
    assert_eq!(quickly::<Service<'_>>(&page), plainly::<Service<'_>>(&page));
}
