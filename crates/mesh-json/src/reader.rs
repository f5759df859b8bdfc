//! The reader as serde knows it.

use std::borrow::Cow;
use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::Number;

use super::blocks::{Blocks, End};
use super::part::{PART, Part};
use super::text::Text;

/// A newtype of this name is given a text with escapes as it stands, quotes included, as borrowed bytes; all else as ever.
pub const RAW: &str = "$mesh::Raw";
/// Deepest nesting of what is read, as in `serde_json`.
const DEEPEST: u8 = 127;
/// Most digits of a whole number that surely is within 64 bits.
const SURE_DIGITS: usize = 18;

/// Something that is not read here.
#[derive(Debug)]
pub struct Fail;

impl fmt::Display for Fail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not read here")
    }
}

impl std::error::Error for Fail {}

impl de::Error for Fail {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

/// A place in a text. Besides what serde asks, it can be asked for one thing after the other: for a schema that is read so often
/// that the code which serde makes of it, some 24 KB where a processor keeps 32 at hand, costs more than the reading.
pub struct Reader<'a> {
    input: &'a str,
    bytes: &'a [u8],
    blocks: Blocks<'a>,
    /// The place of what is read next.
    at: usize,
    depth: u8,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(input: &'a str) -> Self {
        Self { input, bytes: input.as_bytes(), blocks: Blocks::new(input), at: 0, depth: 0 }
    }

    /// Whether nothing but blanks is left.
    pub(crate) fn is_at_end(&mut self) -> bool {
        self.token().is_err() && self.at == self.bytes.len()
    }

    /// Gives the key of each member of an object, at its value, which `each` has to take.
    ///
    /// # Errors
    /// If it is no object, or not read here: a key with escapes, nesting that is too deep, what `each` says.
    pub fn members(&mut self, each: &mut dyn FnMut(&mut Self, &'a str) -> Result<(), Fail>) -> Result<(), Fail> {
        if self.token()? != b'{' {
            return Err(Fail);
        }
        self.open()?;
        let mut is_first = true;
        while let Some(token) = self.next_element(b'}', &mut is_first)? {
            if token != b'"' {
                return Err(Fail);
            }
            let (start, end) = self.text()?;
            if end.has_escapes {
                return Err(Fail);
            }
            let key = &self.input[start..end.at];
            self.take(b':')?;
            each(self, key)?;
        }
        self.close(b'}')
    }

    /// Takes a text.
    ///
    /// # Errors
    /// If it is none.
    pub fn take_text(&mut self) -> Result<Text<'a>, Fail> {
        if self.token()? != b'"' {
            return Err(Fail);
        }
        self.unescaped().map(Text)
    }

    /// Takes `null`; otherwise nothing.
    ///
    /// # Errors
    /// If there is no value.
    pub fn takes_null(&mut self) -> Result<bool, Fail> {
        let is_null = self.token()? == b'n';
        if is_null {
            self.word("null")?;
        }
        Ok(is_null)
    }

    /// Takes what `take` takes, and gives the text of it.
    ///
    /// # Errors
    /// What `take` says.
    pub fn take_part(&mut self, take: impl FnOnce(&mut Self) -> Result<(), Fail>) -> Result<Part<'a>, Fail> {
        self.token()?;
        let start = self.at;
        take(self)?;
        Ok(Part(&self.input[start..self.at]))
    }

    /// The first byte of the next of some elements; none before the closing `bracket`, which stays.
    #[inline]
    fn next_element(&mut self, bracket: u8, is_first: &mut bool) -> Result<Option<u8>, Fail> {
        let token = self.token()?;
        if token == bracket {
            return Ok(None);
        }
        if std::mem::take(is_first) {
            return Ok(Some(token));
        }
        if token != b',' {
            return Err(Fail);
        }
        self.at += 1;
        // `[1,]` is none: there is no value that begins with a bracket that closes.
        self.token().map(Some)
    }

    /// The next byte that is no blank. It is not taken.
    #[inline]
    fn token(&mut self) -> Result<u8, Fail> {
        // Programs write no blanks, and all others have higher codes.
        match self.bytes.get(self.at) {
            Some(byte) if *byte > b' ' => Ok(*byte),
            _ => self.token_after_blanks(),
        }
    }

    #[cold]
    fn token_after_blanks(&mut self) -> Result<u8, Fail> {
        let left = self.bytes.get(self.at..).unwrap_or_default();
        let blanks = left.iter().position(|byte| !matches!(byte, b' ' | b'\n' | b'\t' | b'\r'));
        self.at += blanks.unwrap_or(left.len());
        self.bytes.get(self.at).copied().ok_or(Fail)
    }

    #[inline]
    fn take(&mut self, token: u8) -> Result<(), Fail> {
        let is_it = self.token()? == token;
        self.at += usize::from(is_it);
        if is_it { Ok(()) } else { Err(Fail) }
    }

    /// Passes over one value that nobody reads.
    ///
    /// # Errors
    /// If there is none.
    pub fn skip(&mut self) -> Result<(), Fail> {
        match self.token()? {
            b'"' => drop(self.text()?),
            b'{' | b'[' => self.at = self.blocks.end_of_brackets(self.at).ok_or(Fail)?,
            b't' => self.word("true")?,
            b'f' => self.word("false")?,
            b'n' => self.word("null")?,
            _ => drop(self.number()?),
        }
        Ok(())
    }

    fn word(&mut self, word: &str) -> Result<(), Fail> {
        let is_it = self.bytes[self.at..].starts_with(word.as_bytes());
        self.at += word.len();
        if is_it { Ok(()) } else { Err(Fail) }
    }

    /// Passes over a text whose opening quote is next; where it began, and how it ended.
    #[inline]
    fn text(&mut self) -> Result<(usize, End), Fail> {
        let start = self.at + 1;
        let end = self.blocks.end_of_text(start).ok_or(Fail)?;
        self.at = end.at + 1;
        Ok((start, end))
    }

    /// The same; what the text says.
    #[inline]
    fn unescaped(&mut self) -> Result<Cow<'a, str>, Fail> {
        let (start, end) = self.text()?;
        Ok(if end.has_escapes {
            Cow::Owned(serde_json::from_str(&self.input[start - 1..=end.at]).map_err(|_| Fail)?)
        } else {
            Cow::Borrowed(&self.input[start..end.at])
        })
    }

    /// Passes over a number (RFC 8259 §6); the text of it.
    fn number(&mut self) -> Result<&'a str, Fail> {
        let start = self.at;
        self.at += usize::from(self.bytes.get(start) == Some(&b'-'));
        let first = self.bytes.get(self.at).copied();
        let whole = self.digits();
        if whole == 0 || (whole > 1 && first == Some(b'0')) {
            return Err(Fail);
        }
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            if self.digits() == 0 {
                return Err(Fail);
            }
        }
        if let Some(b'e' | b'E') = self.bytes.get(self.at) {
            self.at += 1;
            self.at += usize::from(matches!(self.bytes.get(self.at), Some(b'+' | b'-')));
            if self.digits() == 0 {
                return Err(Fail);
            }
        }
        Ok(&self.input[start..self.at])
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        self.at - start
    }

    fn visit_number<V: Visitor<'a>>(&mut self, visitor: V) -> Result<V::Value, Fail> {
        let text = self.number()?;
        if text.len() <= SURE_DIGITS && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return visitor.visit_u64(text.parse().map_err(|_| Fail)?);
        }
        let number: Number = serde_json::from_str(text).map_err(|_| Fail)?;
        match (number.as_u64(), number.as_i64(), number.as_f64()) {
            (Some(number), ..) => visitor.visit_u64(number),
            (None, Some(number), _) => visitor.visit_i64(number),
            (None, None, Some(number)) => visitor.visit_f64(number),
            _ => Err(Fail),
        }
    }

    #[inline]
    fn visit_text<V: Visitor<'a>>(&mut self, visitor: V) -> Result<V::Value, Fail> {
        match self.unescaped()? {
            Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
            Cow::Owned(text) => visitor.visit_string(text),
        }
    }

    fn visit_seq<V: Visitor<'a>>(&mut self, visitor: V) -> Result<V::Value, Fail> {
        self.open()?;
        let value = visitor.visit_seq(Elements { reader: self, is_first: true })?;
        self.close(b']')?;
        Ok(value)
    }

    fn visit_map<V: Visitor<'a>>(&mut self, visitor: V) -> Result<V::Value, Fail> {
        self.open()?;
        let value = visitor.visit_map(Elements { reader: self, is_first: true })?;
        self.close(b'}')?;
        Ok(value)
    }

    fn open(&mut self) -> Result<(), Fail> {
        self.at += 1;
        self.depth += 1;
        if self.depth > DEEPEST { Err(Fail) } else { Ok(()) }
    }

    fn close(&mut self, bracket: u8) -> Result<(), Fail> {
        self.depth -= 1;
        self.take(bracket)
    }
}

impl<'a> Deserializer<'a> for &mut Reader<'a> {
    type Error = Fail;

    fn deserialize_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Fail> {
        match self.token()? {
            b'"' => self.visit_text(visitor),
            b'{' => self.visit_map(visitor),
            b'[' => self.visit_seq(visitor),
            b'n' => {
                self.word("null")?;
                visitor.visit_unit()
            }
            b't' => {
                self.word("true")?;
                visitor.visit_bool(true)
            }
            b'f' => {
                self.word("false")?;
                visitor.visit_bool(false)
            }
            _ => self.visit_number(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Fail> {
        if self.token()? == b'n' {
            self.word("null")?;
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    fn deserialize_str<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Fail> {
        if self.token()? == b'"' { self.visit_text(visitor) } else { Err(Fail) }
    }

    fn deserialize_string<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Fail> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Fail> {
        self.deserialize_str(visitor)
    }

    fn deserialize_seq<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Fail> {
        if self.token()? == b'[' { self.visit_seq(visitor) } else { Err(Fail) }
    }

    fn deserialize_map<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Fail> {
        if self.token()? == b'{' { self.visit_map(visitor) } else { Err(Fail) }
    }

    fn deserialize_struct<V: Visitor<'a>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fail> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'a>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fail> {
        if self.token()? != b'"' {
            return Err(Fail);
        }
        let (start, end) = self.text()?;
        if end.has_escapes {
            return Err(Fail);
        }
        visitor.visit_enum(StrDeserializer::new(&self.input[start..end.at]))
    }

    fn deserialize_newtype_struct<V: Visitor<'a>>(self, name: &'static str, visitor: V) -> Result<V::Value, Fail> {
        if name == PART {
            return visitor.visit_borrowed_str(self.take_part(Reader::skip)?.get());
        }
        if name != RAW || self.token()? != b'"' {
            return visitor.visit_newtype_struct(self);
        }
        let (start, end) = self.text()?;
        if !end.has_escapes {
            return visitor.visit_borrowed_str(&self.input[start..end.at]);
        }
        let raw = &self.input[start - 1..=end.at];
        // A number may be half of a surrogate pair: only who puts it together knows whether it is one.
        if end.has_code_points {
            return visitor.visit_string(serde_json::from_str(raw).map_err(|_| Fail)?);
        }
        visitor.visit_borrowed_bytes(raw.as_bytes())
    }

    fn deserialize_ignored_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Fail> {
        self.skip()?;
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        <V: Visitor<'a>>
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char unit
    }

    // Nothing that is decoded here has any of these.
    fn deserialize_bytes<V: Visitor<'a>>(self, _: V) -> Result<V::Value, Fail> {
        Err(Fail)
    }

    fn deserialize_byte_buf<V: Visitor<'a>>(self, _: V) -> Result<V::Value, Fail> {
        Err(Fail)
    }

    fn deserialize_unit_struct<V: Visitor<'a>>(self, _: &'static str, _: V) -> Result<V::Value, Fail> {
        Err(Fail)
    }

    fn deserialize_tuple<V: Visitor<'a>>(self, _: usize, _: V) -> Result<V::Value, Fail> {
        Err(Fail)
    }

    fn deserialize_tuple_struct<V: Visitor<'a>>(self, _: &'static str, _: usize, _: V) -> Result<V::Value, Fail> {
        Err(Fail)
    }
}

/// What stands between brackets.
struct Elements<'r, 'a> {
    reader: &'r mut Reader<'a>,
    is_first: bool,
}

impl<'a> SeqAccess<'a> for Elements<'_, 'a> {
    type Error = Fail;

    fn next_element_seed<T: DeserializeSeed<'a>>(&mut self, seed: T) -> Result<Option<T::Value>, Fail> {
        match self.reader.next_element(b']', &mut self.is_first)? {
            Some(_) => seed.deserialize(&mut *self.reader).map(Some),
            None => Ok(None),
        }
    }
}

impl<'a> MapAccess<'a> for Elements<'_, 'a> {
    type Error = Fail;

    fn next_key_seed<K: DeserializeSeed<'a>>(&mut self, seed: K) -> Result<Option<K::Value>, Fail> {
        match self.reader.next_element(b'}', &mut self.is_first)? {
            Some(b'"') => seed.deserialize(&mut *self.reader).map(Some),
            Some(_) => Err(Fail),
            None => Ok(None),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'a>>(&mut self, seed: V) -> Result<V::Value, Fail> {
        self.reader.take(b':')?;
        seed.deserialize(&mut *self.reader)
    }
}
