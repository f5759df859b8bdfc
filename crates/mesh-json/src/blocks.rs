//! Where texts end, and brackets: quotes that are not escaped, and brackets outside of texts, found in blocks of 64 bytes
//! as bits of a word.

use wide::u8x16;

/// Bytes of a block: one bit of a word for each.
const BLOCK: usize = 64;
/// Bytes that are compared at once.
const LANES: usize = 16;
/// Every second bit.
const EVEN: u64 = 0x5555_5555_5555_5555;
/// The last of the control characters that JSON wants to be escaped.
const LAST_CONTROL: u8 = 0x1f;

/// A text in blocks, taken one after the other: whether a quote is escaped depends on what is before it.
pub(super) struct Blocks<'a> {
    bytes: &'a [u8],
    whole: &'a [[u8; BLOCK]],
    /// What is left after the whole blocks, filled up with blanks.
    rest: [u8; BLOCK],
    /// The number of the block after the present one.
    next: usize,
    /// Quotes of the present block that are not escaped.
    quotes: u64,
    /// Its backslashes.
    backslashes: u64,
    /// Its escapes of code points, such as `\u003c`: the letter `u`.
    code_points: u64,
    /// Its control characters.
    controls: u64,
    /// Whether the first byte of the next block is escaped: 1, else 0.
    carry: u64,
    /// Whether an escape was met that JSON does not have.
    is_broken: bool,
    /// Whether the present block has to be looked at more closely: control characters, or such an escape.
    is_odd: bool,
}

/// Where a text between quotes ends, and what is in it.
#[derive(Clone, Copy)]
pub(super) struct End {
    /// The place of the closing quote.
    pub(super) at: usize,
    /// Whether anything in it is escaped.
    pub(super) has_escapes: bool,
    /// Whether a code point in it is escaped by its number.
    pub(super) has_code_points: bool,
}

impl<'a> Blocks<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let (whole, tail) = text.as_bytes().as_chunks::<BLOCK>();
        let mut rest = [b' '; BLOCK];
        rest[..tail.len()].copy_from_slice(tail);
        Self {
            bytes: text.as_bytes(),
            whole,
            rest,
            next: 0,
            quotes: 0,
            backslashes: 0,
            code_points: 0,
            controls: 0,
            carry: 0,
            is_broken: false,
            is_odd: false,
        }
    }

    /// The end of the text that begins at `start`, after its opening quote; none where it has none, or has something in it
    /// that JSON does not allow. Not before the end of the text that was asked for last.
    #[inline]
    pub(super) fn end_of_text(&mut self, start: usize) -> Option<End> {
        let quotes = self.quotes & (u64::MAX << (start % BLOCK));
        // Most texts are short, and end in the block in which they begin.
        if start / BLOCK + 1 != self.next || quotes == 0 || self.is_odd {
            return self.end_of_long_text(start);
        }
        // From the start up to the first of the quotes.
        let inside = (quotes ^ (quotes - 1)) & (u64::MAX << (start % BLOCK));
        Some(End {
            at: (self.next - 1) * BLOCK + quotes.trailing_zeros() as usize,
            has_escapes: self.backslashes & inside != 0,
            has_code_points: self.code_points & inside != 0,
        })
    }

    /// The place after the bracket that closes the one at `start`; none where it has none, or where a text before it has
    /// something in it that JSON does not allow. Not before the end of the text that was asked for last.
    pub(super) fn end_of_brackets(&mut self, start: usize) -> Option<usize> {
        while self.next * BLOCK <= start {
            self.load()?;
        }
        let mut after = u64::MAX << (start % BLOCK);
        let (mut depth, mut is_within_text) = (0, false);
        loop {
            let texts = parity(self.quotes & after) ^ if is_within_text { u64::MAX } else { 0 };
            if self.controls & texts != 0 || self.is_broken {
                return None;
            }
            let [opening, closing] = brackets(self.block(self.next - 1)?).map(|brackets| brackets & !texts & after);
            if depth > closing.count_ones() {
                depth = depth + opening.count_ones() - closing.count_ones();
            } else {
                let mut left = opening | closing;
                while left != 0 {
                    let bit = left & left.wrapping_neg();
                    depth = if opening & bit != 0 { depth + 1 } else { depth - 1 };
                    if depth == 0 {
                        return Some((self.next - 1) * BLOCK + bit.trailing_zeros() as usize + 1);
                    }
                    left &= !bit;
                }
            }
            is_within_text = texts >> (BLOCK - 1) == 1;
            after = u64::MAX;
            self.load()?;
        }
    }

    fn end_of_long_text(&mut self, start: usize) -> Option<End> {
        while self.next * BLOCK <= start {
            self.load()?;
        }
        let mut inside = u64::MAX << (start % BLOCK);
        let (mut has_escapes, mut has_code_points) = (false, false);
        loop {
            let quotes = self.quotes & inside;
            // All bits before the first quote; all where there is none.
            inside &= quotes.wrapping_sub(1) & !quotes;
            has_escapes |= self.backslashes & inside != 0;
            has_code_points |= self.code_points & inside != 0;
            if self.controls & inside != 0 || self.is_broken {
                return None;
            }
            if quotes != 0 {
                let at = (self.next - 1) * BLOCK + quotes.trailing_zeros() as usize;
                return Some(End { at, has_escapes, has_code_points });
            }
            self.load()?;
            inside = u64::MAX;
        }
    }

    fn block(&self, number: usize) -> Option<&[u8; BLOCK]> {
        self.whole.get(number).or_else(|| (number == self.whole.len()).then_some(&self.rest))
    }

    /// Takes the next block; none after the last one.
    fn load(&mut self) -> Option<()> {
        let [quotes, backslashes, controls] = masks(self.block(self.next)?);
        let escaped = self.escaped(backslashes);
        self.quotes = quotes & !escaped;
        self.backslashes = backslashes;
        self.controls = controls;
        self.code_points = 0;
        let others = escaped & !quotes & !backslashes;
        if others != 0 {
            self.check(others);
        }
        self.is_odd = controls != 0 || self.is_broken;
        self.next += 1;
        Some(())
    }

    /// The bytes before which stands a backslash that is not escaped itself.
    fn escaped(&mut self, backslashes: u64) -> u64 {
        if backslashes == 0 {
            return std::mem::take(&mut self.carry);
        }
        // A run of backslashes escapes what follows it where its length is odd. Adding a run to its first bit carries
        // to the bit after it; for runs that begin at odd places, so that the parity of the end tells that of the length.
        let backslashes = backslashes & !self.carry;
        let follows = backslashes << 1 | self.carry;
        let odd_starts = backslashes & !EVEN & !follows;
        let (ends, carries) = odd_starts.overflowing_add(backslashes);
        self.carry = u64::from(carries);
        (EVEN ^ (ends << 1)) & follows
    }

    /// Looks at what is escaped in the block that is being taken, and is neither quote nor backslash.
    fn check(&mut self, mut escaped: u64) {
        while escaped != 0 {
            let bit = escaped & escaped.wrapping_neg();
            let at = self.next * BLOCK + bit.trailing_zeros() as usize;
            match self.bytes.get(at) {
                Some(b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {}
                Some(b'u') => {
                    let digits = self.bytes.get(at + 1..at + 5);
                    self.is_broken |= !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
                    self.code_points |= bit;
                }
                _ => self.is_broken = true,
            }
            escaped &= !bit;
        }
    }
}

/// For each bit, whether it is within a pair of `quotes`, or opens one.
#[inline]
fn parity(quotes: u64) -> u64 {
    [1, 2, 4, 8, 16, 32].into_iter().fold(quotes, |bits, shift| bits ^ (bits << shift))
}

/// Opening and closing brackets of a block, wherever they stand: square and curly ones differ in one bit.
#[inline]
fn brackets(block: &[u8; BLOCK]) -> [u64; 2] {
    let mut masks = [0; 2];
    let (curly, opening, closing) = (u8x16::splat(b'{' ^ b'['), u8x16::splat(b'{'), u8x16::splat(b'}'));
    for (index, bytes) in block.as_chunks::<LANES>().0.iter().enumerate() {
        let bytes = u8x16::new(*bytes) | curly;
        for (mask, found) in masks.iter_mut().zip([bytes.simd_eq(opening), bytes.simd_eq(closing)]) {
            *mask |= u64::from(found.to_bitmask()) << (index * LANES);
        }
    }
    masks
}

/// Quotes, backslashes and control characters of a block.
#[inline]
fn masks(block: &[u8; BLOCK]) -> [u64; 3] {
    let mut masks = [0; 3];
    let (quote, backslash, last) = (u8x16::splat(b'"'), u8x16::splat(b'\\'), u8x16::splat(LAST_CONTROL));
    for (index, bytes) in block.as_chunks::<LANES>().0.iter().enumerate() {
        let bytes = u8x16::new(*bytes);
        let found = [bytes.simd_eq(quote), bytes.simd_eq(backslash), bytes.min(last).simd_eq(bytes)];
        for (mask, found) in masks.iter_mut().zip(found) {
            *mask |= u64::from(found.to_bitmask()) << (index * LANES);
        }
    }
    masks
}
