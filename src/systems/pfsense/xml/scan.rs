//! Well-formedness as libxml2's push parser sees it: names, tags, references, comments.
//! Measured on libxml2 2.9.14 through PHP's xml extension. Not for: what the elements mean; see `document`.
//! Its own scanner, not quick-xml: that took 65 ms for the tokens of 9.4 MB, and checks little of what libxml2 refuses.

use std::collections::HashMap;

/// Longest name libxml2 takes.
const NAME_LIMIT: usize = 50_000;

/// Why a document is not well-formed, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Flaw {
    /// Byte offset.
    pub at: usize,
    /// The fact, in the operator's words.
    pub what: String,
}

pub(super) fn flaw<T>(at: usize, what: impl Into<String>) -> Result<T, Flaw> {
    Err(Flaw { at, what: what.into() })
}

/// Entities a DOCTYPE declares: `None` is an external one, which PHP reads as nothing.
pub(super) type Declared = HashMap<String, Option<String>>;

/// A place in a document.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    pub bytes: &'a [u8],
    pub at: usize,
}

impl<'a> Cursor<'a> {
    pub fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    pub fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    #[inline]
    pub fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    pub fn starts(&self, with: &[u8]) -> bool {
        self.rest().starts_with(with)
    }

    /// Steps over these bytes if they are next.
    pub fn take(&mut self, what: &[u8]) -> bool {
        let there = self.starts(what);
        if there {
            self.at += what.len();
        }
        there
    }

    /// Steps over white space; true if there was some.
    pub fn space(&mut self) -> bool {
        let from = self.at;
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.peek() {
            self.at += 1;
        }
        self.at > from
    }

    /// The bytes up to `end`, stepping over both.
    pub fn until(&mut self, end: &[u8], what: &str) -> Result<&'a [u8], Flaw> {
        let from = self.at;
        let first = end.first().copied().unwrap_or_default();
        // These sections are short, so searching for one byte beats preparing a search for three.
        for length in memchr::memchr_iter(first, self.rest()) {
            if self.bytes.get(from + length..).is_some_and(|it| it.starts_with(end)) {
                self.at = from + length + end.len();
                return Ok(self.bytes.get(from..from + length).unwrap_or_default());
            }
        }
        flaw(from, format!("{what} is not closed"))
    }

    /// A name, with its bytes as written.
    #[inline]
    pub fn name(&mut self) -> Result<&'a [u8], Flaw> {
        let from = self.at;
        loop {
            let rest = self.rest();
            let plain = |it: &u8| NAME_BYTE.get(usize::from(*it)).copied().unwrap_or(false);
            self.at += rest.iter().position(|it| !plain(it)).unwrap_or(rest.len());
            match self.peek() {
                Some(byte) if byte >= 0x80 => self.wide_name_character(from)?,
                _ => break,
            }
        }
        let name = self.bytes.get(from..self.at).unwrap_or_default();
        match name.first() {
            None | Some(b'-' | b'.' | b'0'..=b'9') => flaw(from, "a name was expected here"),
            _ if name.len() > NAME_LIMIT => flaw(from, "a name is too long"),
            _ => Ok(name),
        }
    }

    fn wide_name_character(&mut self, from: usize) -> Result<(), Flaw> {
        let ahead = self.bytes.get(self.at..self.at + 4).unwrap_or_else(|| self.rest());
        let valid = match std::str::from_utf8(ahead) {
            Ok(text) => text,
            Err(error) => std::str::from_utf8(ahead.get(..error.valid_up_to()).unwrap_or_default()).unwrap_or_default(),
        };
        match valid.chars().next() {
            Some(it) if is_wide_name(it, self.at == from) => {
                self.at += it.len_utf8();
                Ok(())
            }
            _ => flaw(self.at, "a character that can't be part of a name"),
        }
    }

    /// The attributes of a start tag, up to `>` (false) or `/>` (true). pfSense drops them, but they must be well-formed.
    pub fn attributes(&mut self, declared: &Declared) -> Result<bool, Flaw> {
        let mut seen: Vec<&[u8]> = Vec::new();
        loop {
            let spaced = self.space();
            match self.peek() {
                Some(b'>') => {
                    self.at += 1;
                    return Ok(false);
                }
                Some(b'/') if self.take(b"/>") => return Ok(true),
                None => return flaw(self.at, "the file ends inside a tag"),
                Some(_) if !spaced => return flaw(self.at, "`>` was expected here"),
                Some(_) => {}
            }
            let at = self.at;
            let name = self.name()?;
            if seen.contains(&name) {
                return flaw(at, format!("attribute `{}` twice", String::from_utf8_lossy(name)));
            }
            seen.push(name);
            self.space();
            if !self.take(b"=") {
                return flaw(self.at, "an attribute without a value");
            }
            self.space();
            self.attribute_value(declared)?;
        }
    }

    fn attribute_value(&mut self, declared: &Declared) -> Result<(), Flaw> {
        let quote = match self.peek() {
            Some(it @ (b'"' | b'\'')) => it,
            _ => return flaw(self.at, "an attribute's value must be quoted"),
        };
        self.at += 1;
        loop {
            match self.peek() {
                None => return flaw(self.at, "the file ends inside an attribute"),
                Some(it) if it == quote => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'<') => return flaw(self.at, "`<` in an attribute"),
                Some(b'&') => {
                    let at = self.at;
                    let text = self.reference(declared)?;
                    // One level only: config.xml never has nested ones, and loops must not be followed.
                    if matches!(text, Reference::Declared(Some(text)) if text.contains(['<', '&'])) {
                        return flaw(at, "an attribute uses an entity that is made of others");
                    }
                }
                Some(_) => self.at += 1,
            }
        }
    }

    /// `&name;` or `&#n;`.
    pub fn reference<'d>(&mut self, declared: &'d Declared) -> Result<Reference<'d>, Flaw> {
        let at = self.at;
        self.at += 1;
        if self.take(b"#") {
            return self.character_reference(at).map(Reference::Character);
        }
        let name = self.name()?;
        if !self.take(b";") {
            return flaw(at, "an entity without `;`");
        }
        Ok(match name {
            b"amp" => Reference::Character('&'),
            b"lt" => Reference::Character('<'),
            b"gt" => Reference::Character('>'),
            b"quot" => Reference::Character('"'),
            b"apos" => Reference::Character('\''),
            _ => {
                let name = String::from_utf8_lossy(name);
                match declared.get(name.as_ref()) {
                    Some(text) => Reference::Declared(text.as_deref()),
                    None => return flaw(at, format!("undefined entity `&{name};`")),
                }
            }
        })
    }

    fn character_reference(&mut self, at: usize) -> Result<char, Flaw> {
        let radix = if self.take(b"x") { 16 } else { 10 };
        let mut code = 0u32;
        let from = self.at;
        while let Some(digit) = self.peek().and_then(|it| char::from(it).to_digit(radix)) {
            code = code.saturating_mul(radix).saturating_add(digit).min(0x11_0000);
            self.at += 1;
        }
        match char::from_u32(code) {
            Some(it) if self.at > from && is_xml_character(it) && self.take(b";") => Ok(it),
            _ => flaw(at, "a numeric entity that is not a character"),
        }
    }

    /// A comment or processing instruction, if one is next. Both are dropped.
    pub fn skip_aside(&mut self) -> Result<bool, Flaw> {
        let at = self.at;
        if self.take(b"<!--") {
            self.until(b"--", "a comment")?;
            return if self.take(b">") { Ok(true) } else { flaw(at, "`--` inside a comment") };
        }
        if self.take(b"<?") {
            let target = self.name()?;
            if target.eq_ignore_ascii_case(b"xml") {
                return flaw(at, "an XML declaration that is not at the start of the file");
            }
            if target.contains(&b':') {
                return flaw(at, "a colon in the name of a processing instruction");
            }
            if !self.take(b"?>") {
                if !self.space() {
                    return flaw(self.at, "a processing instruction without a space after its name");
                }
                self.until(b"?>", "a processing instruction")?;
            }
            return Ok(true);
        }
        Ok(false)
    }
}

/// The meaning of a reference.
pub(super) enum Reference<'d> {
    /// One character, delivered as a separate chunk.
    Character(char),
    /// The literal text of a declared entity, delivered as one chunk.
    Declared(Option<&'d str>),
}

/// Is every character of this text one that XML allows? Gives the offset of the first that is not.
pub(super) fn forbidden_character(bytes: &[u8]) -> Option<usize> {
    let suspicious = |it: &u8| (*it < 0x20 && !matches!(*it, b'\t' | b'\n' | b'\r')) || *it == 0xef;
    for (block, part) in bytes.chunks(4096).enumerate() {
        // The whole block first, without a branch: it is nearly always clean.
        if !part.iter().fold(false, |any, it| any | suspicious(it)) {
            continue;
        }
        for (n, byte) in part.iter().enumerate() {
            let at = block * 4096 + n;
            let bad = match byte {
                0xef => matches!(bytes.get(at..at + 3), Some([0xef, 0xbf, 0xbe | 0xbf])),
                other => suspicious(other),
            };
            if bad {
                return Some(at);
            }
        }
    }
    None
}

/// XML 1.0 §2.2.
pub(super) fn is_xml_character(it: char) -> bool {
    matches!(it, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// XML 1.0 §2.3, beyond ASCII.
fn is_wide_name(it: char, first: bool) -> bool {
    let start = matches!(it,
        '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{2ff}' | '\u{370}'..='\u{37d}' | '\u{37f}'..='\u{1fff}'
        | '\u{200c}'..='\u{200d}' | '\u{2070}'..='\u{218f}' | '\u{2c00}'..='\u{2fef}' | '\u{3001}'..='\u{d7ff}'
        | '\u{f900}'..='\u{fdcf}' | '\u{fdf0}'..='\u{fffd}' | '\u{10000}'..='\u{effff}');
    start || (!first && matches!(it, '\u{b7}' | '\u{300}'..='\u{36f}' | '\u{203f}'..='\u{2040}'))
}

static NAME_BYTE: [bool; 256] = {
    let mut table = [false; 256];
    let mut at = 0;
    while at < 128 {
        table[at] = matches!(at as u8, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b':' | b'-' | b'.');
        at += 1;
    }
    table
};
