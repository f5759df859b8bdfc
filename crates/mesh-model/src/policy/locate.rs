//! Finding the place of a value in the text of a policy.

use std::fmt;

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_saphyr::{Error, Location, Options, Spanned};

use super::validate::{Problem, Step};

/// The problem as an error of the YAML reader, which shows where in `text` the bad value is.
///
/// The text is read once more: the policy itself carries no places, so that it stays plain data.
pub(super) fn blame(problem: &Problem, text: &str, options: Options) -> Error {
    let located =
        serde_saphyr::with_deserializer_from_str_with_options(text, options, |document| -> Result<(), Error> {
            let location = Way(&problem.at).deserialize(document)?;
            Err(Error::Message { msg: problem.to_string(), location: location.unwrap_or(Location::UNKNOWN) })
        });
    located.expect_err("the closure returns an error in every case")
}

/// The rest of the way to a value; what it deserializes into is the place of the value, if it is there.
#[derive(Clone, Copy)]
struct Way<'a>(&'a [Step]);

impl<'de> DeserializeSeed<'de> for Way<'_> {
    type Value = Option<Location>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        if self.0.is_empty() {
            let value = Spanned::<IgnoredAny>::deserialize(deserializer)?;
            return Ok(Some(value.referenced));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Way<'_> {
    type Value = Option<Location>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a policy that was read before")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(key) = map.next_key::<String>()? {
            match self.0 {
                [Step::Field(field), rest @ ..] if *field == key => {
                    found = map.next_value_seed(Way(rest))?;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        let mut nth = 0;
        loop {
            let more = match self.0 {
                [Step::Item(index), rest @ ..] if *index == nth => {
                    let place = items.next_element_seed(Way(rest))?;
                    found = place.flatten().or(found);
                    place.is_some()
                }
                _ => items.next_element::<IgnoredAny>()?.is_some(),
            };
            if !more {
                return Ok(found);
            }
            nth += 1;
        }
    }
}
