//! Pages of a list, as an API server sends them.

use std::fmt;
use std::marker::PhantomData;

use mesh_model::kind::Kind;
use mesh_model::name::ClusterName;
use mesh_model::policy::MeshPolicy;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::objects::{Job, Shape};
use super::problem::ReadError;
use super::source::Source;
use super::wire::{PageHead, PageMetadata};
use super::{ClusterDecoder, Interner, Part, Place};
use crate::fleet::Depth;
use mesh_json::Text;

/// What a page says of the list that it is of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PageEnd {
    /// Where the next page begins; none after the last one.
    pub(crate) next: Option<String>,
    /// The version of the list; empty where it tells none.
    pub(crate) version: String,
}

impl Part {
    /// What is in a page of a list of `kind`.
    ///
    /// An error when it is no such page: what is answered by something that is no API server is not an empty list.
    pub(crate) fn of_page(
        kind: Kind,
        text: &str,
        request: &str,
        cluster: &ClusterName,
        (policy, depth): (&MeshPolicy, Depth),
        interner: &mut Interner,
    ) -> Result<(Self, PageEnd), String> {
        let place = Place { file: request, line: 1, version: None };
        let job = Job { kind, source: Source::Answer(text), shape: Shape::Page, place, check: false };
        let mut decoder = ClusterDecoder::new(cluster.clone(), policy, interner).to(depth);
        if let Some(head) = decoder.take_job(job)
            && head.is_of(kind)
        {
            return Ok((decoder.into_part(), head.end()));
        }
        // Something is wrong with it, or it is unusual: once more from the start, for what that is.
        let mut decoder = ClusterDecoder::new(cluster.clone(), policy, interner).to(depth);
        let end = decoder.take_page(Job { shape: Shape::Many, ..job })?;
        Ok((decoder.into_part(), end))
    }
}

impl ClusterDecoder<'_> {
    /// Takes in a page whose objects may be broken.
    fn take_page(&mut self, job: Job<'_>) -> Result<PageEnd, String> {
        let kind = job.kind;
        let problem = |error: ReadError| format!("the answer is no list of {}: {}", kind.plural(), error.problem);
        let head: PageHead<'_> = job.source.read().map_err(problem)?;
        if !head.is_of(kind) {
            return Err(format!("the answer is no list of {}", kind.plural()));
        }
        self.take_job(job);
        Ok(head.end())
    }
}

impl PageHead<'_> {
    fn is_of(&self, kind: Kind) -> bool {
        self.kind.strip_suffix("List") == Some(kind.as_str())
    }

    fn end(self) -> PageEnd {
        let text = |text: Option<Text<'_>>| text.filter(|text| !text.is_empty()).map(|text| text.to_string());
        PageEnd { next: text(self.metadata.next), version: text(self.metadata.version).unwrap_or_default() }
    }
}

/// A page that is read in one go: what it says of itself may stand before or after its objects.
pub(super) struct Page<T, F> {
    keep: F,
    objects: PhantomData<T>,
}

impl<T, F: FnMut(T)> Page<T, F> {
    /// Each of its objects is handed to `keep`.
    pub(super) fn new(keep: F) -> Self {
        Self { keep, objects: PhantomData }
    }
}

impl<'de, T: Deserialize<'de>, F: FnMut(T)> DeserializeSeed<'de> for Page<T, F> {
    type Value = PageHead<'de>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, T: Deserialize<'de>, F: FnMut(T)> Visitor<'de> for Page<T, F> {
    type Value = PageHead<'de>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of objects")
    }
    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut kind = None;
        let mut metadata: Option<Option<PageMetadata<'de>>> = None;
        let mut items = None;
        while let Some(key) = map.next_key::<Text<'de>>()? {
            let is_repeated = match &*key {
                "kind" => kind.replace(map.next_value()?).is_some(),
                "metadata" => metadata.replace(map.next_value()?).is_some(),
                "items" => items.replace(map.next_value_seed(Items(&mut self))?).is_some(),
                _ => map.next_value::<IgnoredAny>().map(|_| false)?,
            };
            if is_repeated {
                return Err(A::Error::custom("duplicate key"));
            }
        }
        let items = items.ok_or_else(|| A::Error::missing_field("items"))?;
        let kind = kind.ok_or_else(|| A::Error::missing_field("kind"))?;
        Ok(PageHead { kind, metadata: metadata.flatten().unwrap_or_default(), _items: items })
    }
}

struct Items<'p, T, F>(&'p mut Page<T, F>);

impl<'de, T: Deserialize<'de>, F: FnMut(T)> DeserializeSeed<'de> for Items<'_, T, F> {
    type Value = IgnoredAny;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de, T: Deserialize<'de>, F: FnMut(T)> Visitor<'de> for Items<'_, T, F> {
    type Value = IgnoredAny;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }
    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(IgnoredAny)
    }
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while let Some(object) = seq.next_element()? {
            (self.0.keep)(object);
        }
        Ok(IgnoredAny)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(text: &str) -> (Result<Option<String>, String>, usize) {
        let (policy, mut interner) = (MeshPolicy::default(), Interner::default());
        let cluster = ClusterName::parse("c1").unwrap();
        match Part::of_page(Kind::Service, text, "/api/v1/services", &cluster, (&policy, Depth::Plan), &mut interner) {
            Ok((part, end)) => (Ok(end.next), part.objects),
            Err(why) => (Err(why), 0),
        }
    }

    #[test]
    fn a_page_says_where_the_next_one_begins() {
        let page = |next: &str| {
            format!(
                r#"{{"kind":"ServiceList","metadata":{{"continue":"{next}"}},"items":[{{"metadata":{{"name":"a"}}}}]}}"#
            )
        };
        assert_eq!(take(&page("abc")), (Ok(Some("abc".to_owned())), 1));
        assert_eq!(take(&page("")), (Ok(None), 1));
        assert_eq!(take(r#"{"kind":"ServiceList","items":null}"#), (Ok(None), 0));
    }

    #[test]
    fn admiral_s_addresses_are_read_from_a_page() {
        let page = r#"{"kind":"ConfigMapList","items":[{"metadata":{"name":"se-address-configmap","namespace":"admiral-sync"},
            "data":{"serviceEntryAddressStore":"entry-addresses: {a.global-se: 240.0.10.1}"}}]}"#;
        let (policy, mut interner) = (MeshPolicy::default(), Interner::default());
        let cluster = ClusterName::parse("c1").unwrap();
        let (part, _) =
            Part::of_page(Kind::ConfigMap, page, "/", &cluster, (&policy, Depth::Plan), &mut interner).unwrap();
        assert_eq!(part.facts.vip_store.len(), 1);
    }

    #[test]
    fn what_is_no_page_of_the_kind_is_not_an_empty_one() {
        for text in [
            "",
            "<html>",
            "{}",
            r#"{"kind":"ServiceList"}"#,
            r#"{"kind":"PodList","items":[]}"#,
            r#"{"kind":"Status","status":"Success"}"#,
            r#"{"kind":"ServiceList","items":[]"#,
        ] {
            assert!(take(text).0.is_err(), "{text}");
        }
    }
}
