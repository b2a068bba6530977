//! Words of Kea's JSON dialect with their places, through includes if a loader is given.
//! Follows the flex rules of kea-dhcp-ddns and kea-dhcp4 2.2.0 to 3.0.4, which are the same in all of them.

use crate::error::{Error, Result};

/// Deepest nesting of included files; Kea gives up at the same depth.
const INCLUDE_DEPTH: usize = 11;
/// Most bytes read through includes: a folder of files that include each other twice must not fill the memory.
const INCLUDE_BYTES: usize = 64 << 20;

/// Bytes `start..end` of one source of a document; source 0 is the file itself, the others were included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// Index of the source.
    pub source: u32,
    /// First byte.
    pub start: usize,
    /// One after the last byte.
    pub end: usize,
    /// The byte a daemon names when it means this word: its count does not go along over a comment, so for the `b` in
    /// `/* a */"b"` it names the start of the comment.
    pub told: usize,
}

/// A file that takes part in a document.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its name, for messages.
    pub name: String,
    /// Its text.
    pub text: String,
    /// First byte of each line but the first.
    lines: Vec<usize>,
    /// Where it was included.
    included: Option<Span>,
}

impl Source {
    fn new(name: &str, text: String) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let lines = ends.map(|(at, _)| at + 1).collect();
        Self { name: name.to_owned(), text, lines, included: None }
    }

    /// `FILE:line:column`, both counted from 1, columns in bytes as Kea counts them.
    pub fn place(&self, at: usize) -> String {
        let line = self.lines.partition_point(|start| *start <= at);
        let start = line.checked_sub(1).and_then(|index| self.lines.get(index)).copied().unwrap_or(0);
        format!("{}:{}:{}", self.name, line + 1, at - start + 1)
    }
}

/// One word.
#[derive(Debug, Clone, PartialEq)]
pub enum Word {
    /// `{ } [ ] , :`
    Sign(u8),
    /// A string, unescaped.
    Text(String),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// `true` or `false`
    Bool(bool),
    /// `null`
    Null,
    /// An include that is not expanded: the file it names.
    Include(String),
    /// The end of the outermost file.
    End,
}

/// Reads an included file; `None` if it can't be opened.
pub type Loader<'a> = &'a dyn Fn(&str) -> Option<Vec<u8>>;

/// The reader of words.
pub struct Lexer<'a> {
    /// All sources met so far.
    pub sources: Vec<Source>,
    /// All comments met so far.
    pub comments: Vec<Span>,
    stack: Vec<Reading>,
    loader: Option<Loader<'a>>,
    loaded: usize,
}

/// How far a source is read.
#[derive(Clone, Copy, Default)]
struct Reading {
    source: u32,
    at: usize,
    /// Where the daemon's count of the next word starts.
    told: usize,
    /// The file of an include was read, its `?>` was not yet.
    including: bool,
}

impl<'a> Lexer<'a> {
    /// Starts at the beginning of a file. Bytes that are not UTF-8 are refused with their place.
    pub fn new(bytes: &[u8], name: &str, loader: Option<Loader<'a>>) -> Result<Self> {
        let stack = vec![Reading::default()];
        Ok(Self { sources: vec![source(bytes, name)?], comments: Vec::new(), stack, loader, loaded: 0 })
    }

    /// An error at a place: `FILE:line:column: fact`.
    pub fn wrong(&self, span: Span, fact: impl std::fmt::Display) -> Error {
        let place = self.sources.get(span.source as usize).map(|it| it.place(span.told)).unwrap_or_default();
        Error::usage(format!("{place}: {fact}"))
    }

    /// The next word and its place.
    pub fn read(&mut self) -> Result<(Word, Span)> {
        if let Some(reading) = self.stack.last_mut() {
            reading.told = reading.at;
        }
        loop {
            let Some(reading) = self.stack.last().copied() else { return Ok((Word::End, Span::default())) };
            let text = self.sources.get(reading.source as usize).map(|it| it.text.as_bytes()).unwrap_or_default();
            let rest = text.get(reading.at..).unwrap_or_default();
            if reading.including && blanks(rest) == 0 {
                if !rest.starts_with(b"?>") {
                    return Err(self.wrong(reading.span(1), "an include ends with `?>`"));
                }
                self.skip(2, false);
                continue;
            }
            match rest {
                [] if self.stack.len() > 1 => {
                    self.stack.pop();
                }
                [] => return Ok((Word::End, reading.span(0))),
                [byte, ..] if BLANKS.contains(byte) => self.skip(blanks(rest), true),
                [b'#', ..] | [b'/', b'/', ..] => {
                    let length = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
                    self.comments.push(reading.span(length));
                    self.skip(length, false);
                }
                [b'/', b'*', tail @ ..] => {
                    let Some(length) = tail.windows(2).position(|pair| pair == b"*/") else {
                        let span = Span { told: reading.at, ..reading.span(2) };
                        return Err(self.wrong(span, "a comment starts with `/*` here and is never closed"));
                    };
                    let counted = counted_in_comment(tail.get(..length).unwrap_or_default());
                    self.comments.push(reading.span(length + 4));
                    self.skip(length + 4, false);
                    if let (Some(counted), Some(now)) = (counted, self.stack.last_mut()) {
                        now.told = reading.at + 2 + counted;
                    }
                }
                [b'<', b'?', ..] => {
                    if let Some(found) = self.include(reading)? {
                        return Ok(found);
                    }
                }
                _ => {
                    let (word, length) = word(rest).map_err(|fact| self.wrong(reading.span(1), fact))?;
                    let span = reading.span(length);
                    self.skip(length, false);
                    return Ok((word, span));
                }
            }
        }
    }

    /// Moves on by some bytes; the daemon's count moves only over blanks.
    fn skip(&mut self, length: usize, blank: bool) {
        if let Some(reading) = self.stack.last_mut() {
            reading.at += length;
            reading.including &= blank;
            if blank {
                reading.told = reading.at;
            }
        }
    }

    /// `<?include "FILE"?>`: opens the file, or gives the include itself if there is no loader.
    fn include(&mut self, reading: Reading) -> Result<Option<(Word, Span)>> {
        let text = self.sources.get(reading.source as usize).map(|it| it.text.as_bytes()).unwrap_or_default();
        let found = include_name(text.get(reading.at..).unwrap_or_default());
        let told = found.told.map_or(reading.told, |it| reading.at + it);
        let here = reading.span(found.length);
        let Some(file) = found.file else {
            let fact = "`<?` starts an include, which looks like <?include \"/path/file\"?>";
            return Err(self.wrong(Span { told, ..here }, fact));
        };
        self.skip(found.length, false);
        let Some(loader) = self.loader else {
            let rest = self.sources.get(reading.source as usize).map(|it| it.text.as_bytes()).unwrap_or_default();
            let rest = rest.get(here.end..).unwrap_or_default();
            let gap = blanks(rest);
            if !rest.get(gap..).is_some_and(|it| it.starts_with(b"?>")) {
                return Err(self.wrong(here, "an include ends with `?>`"));
            }
            self.skip(gap + 2, false);
            return Ok(Some((Word::Include(file), Span { end: here.end + gap + 2, ..here })));
        };
        if self.stack.len() > INCLUDE_DEPTH {
            return Err(self.wrong(here, format!("too many nested includes at `{file}`; does a file include itself?")));
        }
        let bytes = loader(&file).ok_or_else(|| {
            self.wrong(here, format!("the included file `{file}` can't be opened"))
                .hint("a relative path is looked up in the working directory of the daemon: write an absolute one")
        })?;
        self.loaded += bytes.len();
        if self.loaded > INCLUDE_BYTES || self.sources.len() > 10_000 {
            return Err(self.wrong(here, "the included files are too many or too long"));
        }
        if let Some(outer) = self.stack.last_mut() {
            outer.including = true;
            outer.told = told;
        }
        self.sources.push(Source { included: Some(here), ..source(&bytes, &file)? });
        let source = u32::try_from(self.sources.len() - 1).unwrap_or(u32::MAX);
        self.stack.push(Reading { source, ..Reading::default() });
        Ok(None)
    }
}

impl Reading {
    fn span(self, length: usize) -> Span {
        Span { source: self.source, start: self.at, end: self.at + length, told: self.told }
    }
}

/// What Kea skips, and what moves its count of columns on.
const BLANKS: &[u8] = b" \t\r\n";

fn blanks(rest: &[u8]) -> usize {
    rest.iter().take_while(|it| BLANKS.contains(it)).count()
}

/// Where the daemon's count restarts inside a comment: after the last line end or the last two blanks in a row.
fn counted_in_comment(text: &[u8]) -> Option<usize> {
    let last = text.iter().rposition(|it| *it == b'\n').map(|it| it + 1);
    let line = text.get(last.unwrap_or(0)..).unwrap_or_default();
    let pair = line.windows(2).rposition(|it| it.iter().all(|it| BLANKS.contains(it)));
    pair.map(|it| last.unwrap_or(0) + it + 2).or(last)
}

/// The place of a word in the order in which all words are read, through includes: compare these.
pub fn order(sources: &[Source], span: Span) -> Vec<usize> {
    let mut steps = vec![span.start];
    let mut source = span.source;
    // An include is in a source that was met before.
    while let Some(outer) = sources.get(source as usize).and_then(|it| it.included) {
        steps.push(outer.start);
        source = outer.source;
    }
    steps.reverse();
    steps
}

fn source(bytes: &[u8], name: &str) -> Result<Source> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(Source::new(name, text.to_owned())),
        Err(error) => {
            let good = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let text = String::from_utf8_lossy(good).into_owned();
            let place = Source::new(name, text).place(good.len());
            Err(Error::usage(format!("{place}: not UTF-8")).hint("save the file as UTF-8 without a byte order mark"))
        }
    }
}

/// The text after `<?`.
#[derive(Default)]
struct Include {
    /// The file, if all was right up to the end of its name.
    file: Option<String>,
    /// How far it was right.
    length: usize,
    /// Where the daemon's count restarts, if there was a blank.
    told: Option<usize>,
}

fn include_name(rest: &[u8]) -> Include {
    let mut found = Include { length: 2, ..Include::default() };
    let word = |found: &mut Include, word: &[u8]| {
        let gap = blanks(rest.get(found.length..).unwrap_or_default());
        found.length += gap;
        if gap > 0 {
            found.told = Some(found.length);
        }
        let here = rest.get(found.length..).is_some_and(|it| it.starts_with(word));
        if here {
            found.length += word.len();
        }
        here
    };
    if word(&mut found, b"include") && word(&mut found, b"\"") {
        let name = rest.get(found.length..).unwrap_or_default();
        let end = name.iter().position(|byte| matches!(byte, b'"' | b'\n')).unwrap_or(name.len());
        if end > 0 && name.get(end) == Some(&b'"') {
            found.file = name.get(..end).map(|it| String::from_utf8_lossy(it).into_owned());
            found.length += end + 1;
        }
    }
    found
}

/// One word at the start of `rest`, and its length.
fn word(rest: &[u8]) -> std::result::Result<(Word, usize), String> {
    match rest {
        [sign @ (b'{' | b'}' | b'[' | b']' | b',' | b':'), ..] => Ok((Word::Sign(*sign), 1)),
        [b'"', ..] => text(rest),
        [b'-' | b'+' | b'.' | b'0'..=b'9', ..] => number(rest),
        [b'e' | b'E', ..] if exponent(rest, 0) > 0 => number(rest),
        _ => keyword(rest),
    }
}

fn keyword(rest: &[u8]) -> std::result::Result<(Word, usize), String> {
    for (name, word) in [("true", Word::Bool(true)), ("false", Word::Bool(false)), ("null", Word::Null)] {
        match rest.get(..name.len()) {
            Some(found) if found == name.as_bytes() => return Ok((word, name.len())),
            Some(found) if found.eq_ignore_ascii_case(name.as_bytes()) => {
                return Err(format!("`{name}` is written in lower case only"));
            }
            _ => {}
        }
    }
    let seen = String::from_utf8_lossy(rest.get(..4.min(rest.len())).unwrap_or_default()).into_owned();
    match seen.chars().next() {
        Some('\u{feff}') => Err("a byte order mark, which Kea does not accept".into()),
        Some(char) => Err(format!("the character `{}` does not belong here", char.escape_default())),
        None => Err("nothing here".into()),
    }
}

fn digits(rest: &[u8], from: usize) -> usize {
    rest.iter().skip(from).take_while(|byte| byte.is_ascii_digit()).count()
}

/// `e+5` at a place: its length, 0 if there is none.
fn exponent(rest: &[u8], at: usize) -> usize {
    if !matches!(rest.get(at), Some(b'e' | b'E')) {
        return 0;
    }
    let sign = usize::from(matches!(rest.get(at + 1), Some(b'+' | b'-')));
    let count = digits(rest, at + 1 + sign);
    if count > 0 { 1 + sign + count } else { 0 }
}

/// Kea also accepts `007`, `+5`, `.5` and `5.`; it treats only the first as a whole number.
fn number(rest: &[u8]) -> std::result::Result<(Word, usize), String> {
    let sign = usize::from(matches!(rest.first(), Some(b'-' | b'+')));
    let whole = sign + digits(rest, sign);
    let mut end = whole;
    if rest.get(end) == Some(&b'.') {
        end += 1 + digits(rest, end + 1);
    }
    let mantissa = end;
    end += exponent(rest, end);
    let seen = String::from_utf8_lossy(rest.get(..end).unwrap_or_default()).into_owned();
    if end == whole && whole > sign && rest.first() != Some(&b'+') {
        let value = seen.parse().map_err(|_| format!("{seen} does not fit into 64 bits"))?;
        return Ok((Word::Int(value), end));
    }
    let has_digit = rest.iter().take(mantissa).any(u8::is_ascii_digit);
    let value = seen.parse::<f64>().ok().filter(|it| has_digit && it.is_finite());
    Ok((Word::Float(value.ok_or_else(|| format!("`{seen}` is not a number"))?), end))
}

/// A string. Escapes above `\u00ff` are refused as Kea does; other characters have to be raw UTF-8.
fn text(rest: &[u8]) -> std::result::Result<(Word, usize), String> {
    let mut out = Vec::new();
    let mut at = 1;
    loop {
        match rest.get(at..).unwrap_or_default() {
            [] => return Err("a string starts here and is never closed".into()),
            [b'"', ..] => break,
            [b'\\', b'u', tail @ ..] => {
                out.extend_from_slice(unicode(tail)?.encode_utf8(&mut [0; 4]).as_bytes());
                at += 6;
            }
            [b'\\', escape, ..] => {
                out.push(match escape {
                    b'"' | b'\\' | b'/' => *escape,
                    b'b' => 8,
                    b'f' => 12,
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    _ => {
                        return Err(
                            "a bad escape in this string; Kea knows \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u00XX".into()
                        );
                    }
                });
                at += 2;
            }
            [0..=0x1f, ..] => {
                return Err("a raw control character (line end, tab) in this string: write \\n, \\t".into());
            }
            [byte, ..] => {
                out.push(*byte);
                at += 1;
            }
        }
    }
    // Only whole characters were copied or made, so this can't lose anything.
    Ok((Word::Text(String::from_utf8_lossy(&out).into_owned()), at + 1))
}

fn unicode(tail: &[u8]) -> std::result::Result<char, String> {
    let digits = tail.get(..4).filter(|it| it.iter().all(u8::is_ascii_hexdigit));
    let digits = digits.and_then(|it| std::str::from_utf8(it).ok()).ok_or("`\\u` needs four hexadecimal digits")?;
    match u32::from_str_radix(digits, 16).ok().and_then(char::from_u32) {
        Some(char) if u32::from(char) <= 0xff => Ok(char),
        _ => {
            Err(format!("Kea does not support the escape \\u{digits} (only up to \\u00ff): write the character itself"))
        }
    }
}
