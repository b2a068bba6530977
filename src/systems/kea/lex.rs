//! Words of Kea's JSON dialect with their places, through includes if a loader is given.
//! Follows the flex rules of kea-dhcp-ddns and kea-dhcp4 2.2.0 to 3.0.4, which are the same in all of them.

use crate::error::{Error, Result};

/// Deepest nesting of included files; Kea gives up at the same depth.
const INCLUDE_DEPTH: usize = 10;
/// Most bytes read through includes: a folder of files that include each other twice must not fill the memory.
const INCLUDE_BYTES: usize = 64 << 20;

/// Longest `<?include "…"?>`.
const INCLUDE_WORD: usize = 4300;

/// Bytes `start..end` of one source of a document; source 0 is the file itself, the others were included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// Index of the source.
    pub source: u32,
    /// First byte.
    pub start: usize,
    /// One after the last byte.
    pub end: usize,
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
}

impl Source {
    fn new(name: &str, text: String) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let lines = ends.map(|(at, _)| at + 1).collect();
        Self { name: name.to_owned(), text, lines }
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
    /// An include nobody expands: the file it names.
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
    stack: Vec<(u32, usize)>,
    loader: Option<Loader<'a>>,
    loaded: usize,
}

impl<'a> Lexer<'a> {
    /// Starts at the beginning of a file. Bytes that are not UTF-8 are refused with their place.
    pub fn new(bytes: &[u8], name: &str, loader: Option<Loader<'a>>) -> Result<Self> {
        Ok(Self { sources: vec![source(bytes, name)?], comments: Vec::new(), stack: vec![(0, 0)], loader, loaded: 0 })
    }

    /// An error at a place: `FILE:line:column: fact`.
    pub fn wrong(&self, span: Span, fact: impl std::fmt::Display) -> Error {
        let place = self.sources.get(span.source as usize).map(|it| it.place(span.start)).unwrap_or_default();
        Error::usage(format!("{place}: {fact}"))
    }

    /// The next word and where it stands.
    pub fn read(&mut self) -> Result<(Word, Span)> {
        loop {
            let Some(&(source, at)) = self.stack.last() else { return Ok((Word::End, Span::default())) };
            let text = self.sources.get(source as usize).map(|it| it.text.as_bytes()).unwrap_or_default();
            let rest = text.get(at..).unwrap_or_default();
            let span = |length: usize| Span { source, start: at, end: at + length };
            let skip = match rest {
                [] if self.stack.len() > 1 => {
                    self.stack.pop();
                    continue;
                }
                [] => return Ok((Word::End, span(0))),
                [b' ' | b'\t' | b'\r' | b'\n', ..] => 1,
                [b'#', ..] | [b'/', b'/', ..] => {
                    let length = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
                    self.comments.push(span(length));
                    length
                }
                [b'/', b'*', tail @ ..] => match tail.windows(2).position(|pair| pair == b"*/") {
                    Some(length) => {
                        self.comments.push(span(length + 4));
                        length + 4
                    }
                    None => return Err(self.wrong(span(2), "a comment starts with `/*` here and is never closed")),
                },
                [b'<', b'?', ..] => {
                    if let Some(found) =
                        self.include(span(2), &rest.iter().take(INCLUDE_WORD).copied().collect::<Vec<u8>>())?
                    {
                        return Ok(found);
                    }
                    continue;
                }
                _ => {
                    let (word, length) = word(rest).map_err(|fact| self.wrong(span(1), fact))?;
                    self.advance(length);
                    return Ok((word, span(length)));
                }
            };
            self.advance(skip);
        }
    }

    fn advance(&mut self, length: usize) {
        if let Some((_, at)) = self.stack.last_mut() {
            *at += length;
        }
    }

    /// `<?include "FILE"?>`: opens the file, or gives the include itself if there is no loader.
    fn include(&mut self, here: Span, rest: &[u8]) -> Result<Option<(Word, Span)>> {
        let (file, length) = include_name(rest)
            .ok_or_else(|| self.wrong(here, "`<?` starts an include, which looks like <?include \"/path/file\"?>"))?;
        self.advance(length);
        let Some(loader) = self.loader else {
            return Ok(Some((Word::Include(file), Span { end: here.start + length, ..here })));
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
        self.sources.push(source(&bytes, &file)?);
        let index = u32::try_from(self.sources.len() - 1).unwrap_or(u32::MAX);
        self.stack.push((index, 0));
        Ok(None)
    }
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

fn include_name(rest: &[u8]) -> Option<(String, usize)> {
    let inner = rest.strip_prefix(b"<?")?;
    let trimmed = inner.trim_ascii_start();
    let quoted = trimmed.strip_prefix(b"include")?.trim_ascii_start();
    let name = quoted.strip_prefix(b"\"")?;
    let end = name.iter().position(|byte| matches!(byte, b'"' | b'\n'))?;
    let after = name.get(end..)?.strip_prefix(b"\"")?.trim_ascii_start().strip_prefix(b"?>")?;
    Some((String::from_utf8_lossy(name.get(..end)?).into_owned(), rest.len() - after.len()))
}

/// One word at the start of `rest`, and its length.
fn word(rest: &[u8]) -> std::result::Result<(Word, usize), String> {
    match rest {
        [sign @ (b'{' | b'}' | b'[' | b']' | b',' | b':'), ..] => Ok((Word::Sign(*sign), 1)),
        [b'"', ..] => text(rest),
        [b'-' | b'0'..=b'9', ..] => number(rest),
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

fn number(rest: &[u8]) -> std::result::Result<(Word, usize), String> {
    let whole = usize::from(rest.first() == Some(&b'-'));
    let mut end = whole + digits(rest, whole);
    if end == whole {
        return Err("`-` without a number".into());
    }
    let whole_end = end;
    if rest.get(end) == Some(&b'.') {
        end += 1 + digits(rest, end + 1);
    }
    if matches!(rest.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(rest.get(end + 1), Some(b'+' | b'-')));
        let exponent = digits(rest, end + 1 + sign);
        if exponent > 0 {
            end += 1 + sign + exponent;
        }
    }
    let seen = String::from_utf8_lossy(rest.get(..end).unwrap_or_default()).into_owned();
    if end == whole_end {
        let value = seen.parse().map_err(|_| format!("{seen} does not fit into 64 bits"))?;
        return Ok((Word::Int(value), end));
    }
    let value = seen.parse().map_err(|_| format!("`{seen}` is not a number"))?;
    Ok((Word::Float(value), end))
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
