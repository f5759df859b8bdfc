//! Values that nobody reads: passed over, but for their grammar.

use super::reader::{Fail, Reader};

/// Deepest nesting that is passed over here: a bit for each.
const DEEPEST: u32 = u128::BITS;

impl Reader<'_> {
    /// Passes over one value.
    pub(super) fn skip(&mut self) -> Result<(), Fail> {
        // What is open: a bit for each, the last one lowest, set where it is an object.
        let (mut open, mut depth) = (0_u128, 0);
        loop {
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
                        if first == b'{' {
                            self.skip_key(token)?;
                        }
                        continue;
                    }
                }
                b't' => self.word("true")?,
                b'f' => self.word("false")?,
                b'n' => self.word("null")?,
                _ => drop(self.number()?),
            }
            // After a value.
            loop {
                if depth == 0 {
                    return Ok(());
                }
                let is_object = open & 1 == 1;
                let token = self.token()?;
                self.at += 1;
                match token {
                    b',' => {
                        if is_object {
                            let token = self.token()?;
                            self.skip_key(token)?;
                        }
                        break;
                    }
                    b'}' if is_object => {}
                    b']' if !is_object => {}
                    _ => return Err(Fail),
                }
                open >>= 1;
                depth -= 1;
            }
        }
    }

    #[inline]
    fn skip_key(&mut self, token: u8) -> Result<(), Fail> {
        if token != b'"' {
            return Err(Fail);
        }
        self.text()?;
        self.take(b':')
    }
}
