//! Values that nobody reads: passed over, but for their grammar.

use super::reader::{Fail, Reader};

/// Deepest nesting that is passed over here: a bit for each.
const DEEPEST: u32 = u128::BITS;

impl Reader<'_> {
    /// Passes over one value.
    pub(super) fn skip(&mut self) -> Result<(), Fail> {
        // What is open: a bit for each, the last one lowest, set where it is an object.
        let (mut open, mut depth) = (0_u128, 0);
        'values: loop {
            match self.token()? {
                b'"' => drop(self.text()?),
                first @ (b'{' | b'[') => {
                    self.at += 1;
                    // Both closing brackets stand two places after the opening ones.
                    let token = self.token()?;
                    if token == first + 2 {
                        self.at += 1;
                    } else {
                        if depth == DEEPEST {
                            return Err(Fail);
                        }
                        depth += 1;
                        open = open << 1 | u128::from(first == b'{');
                        if first == b'[' || self.skip_members(token)? {
                            continue 'values;
                        }
                    }
                }
                b't' => self.word("true")?,
                b'f' => self.word("false")?,
                b'n' => self.word("null")?,
                _ => drop(self.number()?),
            }
            // After a value.
            while depth > 0 {
                let is_object = open & 1 == 1;
                let token = self.token()?;
                self.at += 1;
                match token {
                    b',' if is_object => {
                        let token = self.token()?;
                        if self.skip_members(token)? {
                            continue 'values;
                        }
                    }
                    b',' => continue 'values,
                    b'}' if is_object => (open, depth) = (open >> 1, depth - 1),
                    b']' if !is_object => (open, depth) = (open >> 1, depth - 1),
                    _ => return Err(Fail),
                }
            }
            return Ok(());
        }
    }

    /// Passes over members, the first of which begins with `token`, as long as their values are texts and empty objects
    /// written as API servers write them, which most are. Whether a value is next; if not, one was last.
    #[inline]
    fn skip_members(&mut self, mut token: u8) -> Result<bool, Fail> {
        loop {
            if token != b'"' {
                return Err(Fail);
            }
            self.text()?;
            match self.ahead() {
                [b':', b'{', b'}', b','] => self.at += 4,
                [b':', b'"', ..] => {
                    self.at += 1;
                    self.text()?;
                    if self.ahead()[0] != b',' {
                        return Ok(false);
                    }
                    self.at += 1;
                }
                _ => return self.take(b':').map(|()| true),
            }
            token = self.token()?;
        }
    }
}
