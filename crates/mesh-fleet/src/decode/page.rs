//! Pages of a list, as an API server sends them.

use mesh_model::kind::Kind;

use super::objects::Shape;
use super::problem::ReadError;
use super::source::Source;
use super::wire::PageHead;
use super::{ClusterDecoder, Place};

impl ClusterDecoder<'_> {
    /// Takes in a page of a list of `kind`, and says where the next one begins; none after the last one.
    ///
    /// An error when it is no such page: what is answered by something that is no API server is not an empty list.
    pub(crate) fn take_page(&mut self, kind: Kind, text: &str, request: &str) -> Result<Option<String>, String> {
        let source = Source::Json(text);
        let problem = |error: ReadError| format!("the answer is no list of {}: {}", kind.plural(), error.problem);
        let head: PageHead<'_> = source.read().map_err(problem)?;
        if head.kind.strip_suffix("List") != Some(kind.as_str()) {
            return Err(format!("the answer is no list of {}", kind.plural()));
        }
        let place = Place { file: request, line: 1, version: None };
        self.take_known(kind, source, Shape::Many, place, false);
        Ok(head.metadata.next.filter(|next| !next.is_empty()).map(|next| next.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use mesh_model::name::ClusterName;
    use mesh_model::policy::MeshPolicy;

    use super::*;
    use crate::decode::Interner;

    fn take(text: &str) -> (Result<Option<String>, String>, usize) {
        let (policy, mut interner) = (MeshPolicy::default(), Interner::default());
        let mut decoder = ClusterDecoder::new(ClusterName::parse("c1").unwrap(), &policy, &mut interner);
        let next = decoder.take_page(Kind::Service, text, "/api/v1/services");
        (next, decoder.finish().objects)
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
