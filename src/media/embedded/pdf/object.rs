//! The objects of a PDF, as far as a stream's dictionary needs them: tokens, values as stretches of bytes, names.

use std::borrow::Cow;

/// Reads tokens from front to back. It never fails: at the end there are none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tokens<'a> {
    bytes: &'a [u8],
    at: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// Behind the slash, escapes as they stand.
    Name(&'a [u8]),
    /// Within the parentheses, escapes as they stand.
    Text(&'a [u8]),
    /// Within the angle brackets.
    Hex(&'a [u8]),
    DictOpen,
    DictClose,
    ArrayOpen,
    ArrayClose,
    /// A number or a keyword.
    Word(&'a [u8]),
}

fn is_space(byte: u8) -> bool {
    matches!(byte, 0 | 9 | 10 | 12 | 13 | 32)
}

pub(super) fn is_regular(byte: u8) -> bool {
    !is_space(byte)
        && !matches!(byte, b'(' | b')' | b'<' | b'>' | b'[' | b']' | b'{' | b'}' | b'/' | b'%')
}

impl<'a> Tokens<'a> {
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Self {
        Tokens { bytes, at }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Whether no byte is left.
    pub(super) fn ended(&self) -> bool {
        self.at >= self.bytes.len()
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn take_while(&mut self, matching: impl Fn(u8) -> bool) -> &'a [u8] {
        let rest = self.bytes.get(self.at..).unwrap_or(&[]);
        let length = rest.iter().position(|b| !matching(*b)).unwrap_or(rest.len());
        self.at += length;
        rest.get(..length).unwrap_or(&[])
    }

    /// Past white space and comments.
    pub(super) fn skip_space(&mut self) {
        loop {
            self.take_while(is_space);
            if self.peek() != Some(b'%') {
                return;
            }
            self.take_while(|b| !matches!(b, b'\r' | b'\n'));
        }
    }

    pub(super) fn next(&mut self) -> Option<Token<'a>> {
        self.skip_space();
        let first = self.peek()?;
        let doubled = self.bytes.get(self.at + 1) == Some(&first);
        Some(match first {
            b'/' => {
                self.at += 1;
                Token::Name(self.take_while(is_regular))
            }
            b'(' => self.text(),
            b'<' | b'>' if doubled => {
                self.at += 2;
                if first == b'<' { Token::DictOpen } else { Token::DictClose }
            }
            b'<' => {
                self.at += 1;
                let digits = self.take_while(|b| b != b'>');
                self.at += 1;
                Token::Hex(digits)
            }
            b'[' | b']' => {
                self.at += 1;
                if first == b'[' { Token::ArrayOpen } else { Token::ArrayClose }
            }
            _ if is_regular(first) => Token::Word(self.take_while(is_regular)),
            // A delimiter that belongs to nothing.
            _ => {
                self.at += 1;
                Token::Word(&[])
            }
        })
    }

    /// Text in balanced parentheses.
    fn text(&mut self) -> Token<'a> {
        let start = self.at + 1;
        let mut depth = 0u32;
        while let Some(byte) = self.peek() {
            self.at += 1;
            match byte {
                b'\\' => self.at += 1,
                b'(' => depth += 1,
                b')' => {
                    depth -= 1;
                    if depth == 0 {
                        break;
                    }
                }
                _ => {}
            }
        }
        Token::Text(self.bytes.get(start..self.at.saturating_sub(1)).unwrap_or(&[]))
    }

    /// One value, however deep: the bytes it stands in. `None` where a value cannot begin.
    pub(super) fn value(&mut self) -> Option<&'a [u8]> {
        self.skip_space();
        let start = self.at;
        let mut depth = 0u32;
        loop {
            let before = *self;
            match self.next()? {
                Token::DictOpen | Token::ArrayOpen => depth += 1,
                Token::DictClose | Token::ArrayClose => match depth.checked_sub(1) {
                    Some(less) => depth = less,
                    None => {
                        *self = before;
                        return None;
                    }
                },
                Token::Word(word) if depth == 0 && number(word).is_some() => {
                    self.rest_of_reference();
                }
                _ => {}
            }
            if depth == 0 {
                return self.bytes.get(start..self.at.min(self.bytes.len()));
            }
        }
    }

    /// `0 R` behind a number.
    fn rest_of_reference(&mut self) {
        let mut ahead = *self;
        if let (Some(Token::Word(generation)), Some(Token::Word(b"R"))) =
            (ahead.next(), ahead.next())
            && number(generation).is_some()
        {
            *self = ahead;
        }
    }

    /// The keys and values of the dictionary that begins here. `None` if none does, or it does not end.
    pub(super) fn dictionary(&mut self, mut each: impl FnMut(&'a [u8], &'a [u8])) -> Option<()> {
        self.skip_space();
        // Looked at and not taken: what stands here instead may be a word as long as the file.
        if !self.bytes.get(self.at..)?.starts_with(b"<<") {
            return None;
        }
        self.at += 2;
        loop {
            match self.next()? {
                Token::DictClose => return Some(()),
                Token::Name(key) => {
                    if let Some(value) = self.value() {
                        each(key, value);
                    }
                }
                // Something is wrong with it; the rest may be right.
                _ => {}
            }
        }
    }
}

/// A whole number that is not negative.
pub(super) fn number(word: &[u8]) -> Option<usize> {
    if word.is_empty() || !word.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(word).ok()?.parse().ok()
}

/// The number that a value is.
pub(super) fn number_of(value: &[u8]) -> Option<usize> {
    let mut tokens = Tokens::new(value, 0);
    match (tokens.next(), tokens.next()) {
        (Some(Token::Word(word)), None) => number(word),
        _ => None,
    }
}

/// The object number of a value that is a reference.
pub(super) fn reference_of(value: &[u8]) -> Option<usize> {
    let mut tokens = Tokens::new(value, 0);
    match (tokens.next(), tokens.next(), tokens.next()) {
        (Some(Token::Word(object)), Some(Token::Word(_)), Some(Token::Word(b"R"))) => {
            number(object)
        }
        _ => None,
    }
}

/// A name without escapes: any letter may be written as `#` and two digits.
pub(super) fn plain(name: &[u8]) -> Cow<'_, [u8]> {
    if !name.contains(&b'#') {
        return Cow::Borrowed(name);
    }
    let (mut rest, mut plain) = (name, Vec::new());
    loop {
        let (byte, length) = match rest {
            [] => return Cow::Owned(plain),
            [b'#', high, low, ..] => match (hex_digit(*high), hex_digit(*low)) {
                (Some(high), Some(low)) => (16 * high + low, 3),
                _ => (b'#', 1),
            },
            [byte, ..] => (*byte, 1),
        };
        plain.push(byte);
        rest = rest.get(length..).unwrap_or(&[]);
    }
}

pub(super) fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}
