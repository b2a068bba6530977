//! A document in Kea's JSON dialect as a tree of values that know their place in the text.
//! Edits replace the text of named values; comments, order, includes and everything else stay byte for byte.

use super::lex::{Lexer, Loader, Source, Span, Word};
use crate::error::{Error, Result};

/// Deepest nesting of maps and lists; real files have about ten levels.
const NESTING: usize = 100;

/// A value and its place.
#[derive(Debug, Clone)]
pub struct Node {
    /// Where it stands.
    pub span: Span,
    /// What it is.
    pub value: Value,
}

/// What a value is.
#[derive(Debug, Clone)]
pub enum Value {
    /// `null`
    Null,
    /// The content of an include nobody expanded.
    Included,
    /// `true` or `false`
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// A string, unescaped.
    Text(String),
    /// `[ … ]`
    List(Vec<Node>),
    /// `{ … }`, in the order of the text.
    Map(Vec<Member>),
}

/// A name and its value.
#[derive(Debug, Clone)]
pub struct Member {
    /// The name.
    pub name: String,
    /// Where the name stands.
    pub name_span: Span,
    /// Where the colon stands: Kea blames it for some bad values.
    pub colon: Span,
    /// The value.
    pub node: Node,
}

impl Node {
    /// The member of a map, exactly by this name.
    pub fn get(&self, name: &str) -> Option<&Self> {
        self.members().iter().find(|it| it.name == name).map(|it| &it.node)
    }

    /// All members; none if this is no map.
    pub fn members(&self) -> &[Member] {
        if let Value::Map(members) = &self.value { members } else { &[] }
    }

    /// All items; none if this is no list.
    pub fn items(&self) -> &[Self] {
        if let Value::List(items) = &self.value { items } else { &[] }
    }

    /// The string, if it is one.
    pub fn text(&self) -> Option<&str> {
        if let Value::Text(text) = &self.value { Some(text) } else { None }
    }

    /// The whole number, if it is one.
    pub fn int(&self) -> Option<i64> {
        if let Value::Int(number) = self.value { Some(number) } else { None }
    }

    /// The truth value, if it is one.
    pub fn bool(&self) -> Option<bool> {
        if let Value::Bool(it) = self.value { Some(it) } else { None }
    }

    /// The string of a member.
    pub fn text_of(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Self::text)
    }

    /// Follows a path such as `["DhcpDdns", "tsig-keys", "0", "name"]`; numbers count items.
    pub fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |node, step| match &node.value {
            Value::List(items) => step.parse::<usize>().ok().and_then(|index| items.get(index)),
            _ => node.get(step),
        })
    }
}

/// A parsed document: the text and the tree over it.
#[derive(Debug, Clone)]
pub struct Document {
    sources: Vec<Source>,
    root: Node,
    includes: Vec<(String, Span)>,
    extra_commas: Vec<Span>,
    comments: Vec<Span>,
}

impl Document {
    /// Parses without opening included files: they stay as they are, and their content is not seen.
    /// Errors say `FILE:line:column: fact`.
    pub fn parse(bytes: &[u8], file: &str) -> Result<Self> {
        Self::read(Lexer::new(bytes, file, None)?)
    }

    /// Parses as the daemon would, with included files in place of their `<?include …?>`.
    pub fn parse_with(bytes: &[u8], file: &str, loader: Loader<'_>) -> Result<Self> {
        Self::read(Lexer::new(bytes, file, Some(loader))?)
    }

    fn read(lexer: Lexer<'_>) -> Result<Self> {
        let mut parser = Parser { lexer, includes: Vec::new(), extra_commas: Vec::new() };
        let root = parser.whole()?;
        let Parser { lexer, includes, extra_commas } = parser;
        Ok(Self { sources: lexer.sources, comments: lexer.comments, root, includes, extra_commas })
    }

    /// The outermost map.
    pub fn root(&self) -> &Node {
        &self.root
    }

    /// The text of the file itself.
    pub fn text(&self) -> &str {
        self.sources.first().map(|it| it.text.as_str()).unwrap_or_default()
    }

    /// Files that are included and were not opened, with the place of the include.
    pub fn includes(&self) -> &[(String, Span)] {
        &self.includes
    }

    /// Comments, with their marks.
    pub fn comments(&self) -> &[Span] {
        &self.comments
    }

    /// Commas with nothing behind them: accepted by the daemons' file reader with a warning, by their control channel not.
    pub fn extra_commas(&self) -> &[Span] {
        &self.extra_commas
    }

    /// `FILE:line:column` of the start of a span.
    pub fn place(&self, span: Span) -> String {
        self.sources.get(span.source as usize).map(|it| it.place(span.start)).unwrap_or_default()
    }

    /// Replaces the value at each path by this JSON text and nothing else. The result is parsed again.
    /// Errors: no such value, a value that stands in an included file, new text that is not one value.
    pub fn replace(&self, edits: &[(&[&str], String)]) -> Result<Self> {
        let mut cuts = Vec::new();
        for (path, new) in edits {
            let node = self.root.at(path).ok_or_else(|| {
                Error::usage(format!("{}: there is no `{}` in this file", self.name(), path.join("/")))
            })?;
            if node.span.source != 0 {
                return Err(Error::usage(format!("{}: this value stands in an included file", self.place(node.span)))
                    .hint("change it there"));
            }
            cuts.push((node.span, new));
        }
        cuts.sort_by_key(|(span, _)| span.start);
        let text = self.text();
        let mut out = String::with_capacity(text.len());
        let mut done = 0;
        for (span, new) in cuts {
            let kept = text.get(done..span.start).ok_or_else(|| Error::new("two edits of one value"))?;
            out.push_str(kept);
            out.push_str(new);
            done = span.end;
        }
        out.push_str(text.get(done..).unwrap_or_default());
        Self::parse(out.as_bytes(), self.name())
    }

    fn name(&self) -> &str {
        self.sources.first().map(|it| it.name.as_str()).unwrap_or_default()
    }
}

/// A JSON string the daemons read: quotes, backslash and control characters escaped, everything else raw UTF-8.
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for char in text.chars() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            char if u32::from(char) < 0x20 => out.push_str(&format!("\\u{:04x}", u32::from(char))),
            char => out.push(char),
        }
    }
    out.push('"');
    out
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    includes: Vec<(String, Span)>,
    extra_commas: Vec<Span>,
}

impl Parser<'_> {
    fn whole(&mut self) -> Result<Node> {
        let (word, span) = self.lexer.read()?;
        if word != Word::Sign(b'{') {
            return Err(self.lexer.wrong(span, format!("expected `{{`, found {}", say(&word))));
        }
        let root = self.value(word, span, 0)?;
        match self.lexer.read()? {
            (Word::End, _) => Ok(root),
            (word, span) => Err(self.lexer.wrong(span, format!("{} after the end of the document", say(&word)))),
        }
    }

    fn value(&mut self, word: Word, span: Span, depth: usize) -> Result<Node> {
        if depth > NESTING {
            return Err(self.lexer.wrong(span, format!("maps and lists are nested deeper than {NESTING} levels")));
        }
        let value = match word {
            Word::Null => Value::Null,
            Word::Bool(it) => Value::Bool(it),
            Word::Int(it) => Value::Int(it),
            Word::Float(it) => Value::Float(it),
            Word::Text(it) => Value::Text(it),
            Word::Include(file) => {
                self.includes.push((file, span));
                Value::Included
            }
            Word::Sign(b'{') => return self.map(span, depth),
            Word::Sign(b'[') => return self.list(span, depth),
            other => return Err(self.lexer.wrong(span, format!("expected a value, found {}", say(&other)))),
        };
        Ok(Node { span, value })
    }

    fn map(&mut self, open: Span, depth: usize) -> Result<Node> {
        let mut members: Vec<Member> = Vec::new();
        let end = self.items(open, b'}', |parser, word, name_span| {
            let Word::Text(name) = word else {
                return Err(parser.lexer.wrong(name_span, format!("expected a name or `}}`, found {}", say(&word))));
            };
            let colon = match parser.lexer.read()? {
                (Word::Sign(b':'), span) => span,
                (word, span) => {
                    return Err(parser.lexer.wrong(span, format!("expected `:` after `{name}`, found {}", say(&word))));
                }
            };
            let (word, span) = parser.lexer.read()?;
            let node = parser.value(word, span, depth + 1)?;
            members.push(Member { name, name_span, colon, node });
            Ok(())
        })?;
        self.no_duplicates(&members)?;
        Ok(Node { span: join(open, end), value: Value::Map(members) })
    }

    fn list(&mut self, open: Span, depth: usize) -> Result<Node> {
        let mut nodes = Vec::new();
        let end = self.items(open, b']', |parser, word, span| {
            nodes.push(parser.value(word, span, depth + 1)?);
            Ok(())
        })?;
        Ok(Node { span: join(open, end), value: Value::List(nodes) })
    }

    /// Items between commas up to `close`. One comma too many is noted, not refused, once there was an item.
    fn items(
        &mut self,
        open: Span,
        close: u8,
        mut item: impl FnMut(&mut Self, Word, Span) -> Result<()>,
    ) -> Result<Span> {
        let mut any = false;
        let mut comma: Option<Span> = None;
        // What an unexpanded include ends with is not known: it may bring its own comma.
        let mut free = false;
        loop {
            let (word, span) = self.lexer.read()?;
            match word {
                Word::Sign(sign) if sign == close => {
                    self.extra_commas.extend(comma);
                    return Ok(span);
                }
                Word::Sign(b',') if any => {
                    self.extra_commas.extend(comma);
                    comma = Some(span);
                    continue;
                }
                Word::End => return Err(self.cut_off(open, close, span)),
                _ if any && comma.is_none() && !free && !matches!(word, Word::Include(_)) => {
                    let close = char::from(close);
                    return Err(self.lexer.wrong(span, format!("expected `,` or `{close}`, found {}", say(&word))));
                }
                Word::Include(file) => {
                    self.includes.push((file, span));
                    free = true;
                }
                word => {
                    item(self, word, span)?;
                    free = false;
                }
            }
            any = true;
            comma = None;
        }
    }

    fn cut_off(&self, open: Span, close: u8, span: Span) -> Error {
        let opened = self.lexer.sources.get(open.source as usize).map(|it| it.place(open.start)).unwrap_or_default();
        let fact = format!("the file ends here, but the `{}` that closes {opened} is missing", char::from(close));
        self.lexer
            .wrong(span, fact)
            .hint("is the file only half written? put it back from a backup, or move it aside and render it again")
    }

    fn no_duplicates(&self, members: &[Member]) -> Result<()> {
        let mut seen = std::collections::HashMap::with_capacity(members.len());
        for member in members {
            if let Some(first) = seen.insert(member.name.as_str(), member.name_span) {
                let place = self.lexer.sources.get(first.source as usize).map(|it| it.place(first.start));
                let fact = format!("`{}` is given twice (first at {})", member.name, place.unwrap_or_default());
                return Err(self.lexer.wrong(member.name_span, fact));
            }
        }
        Ok(())
    }
}

fn join(open: Span, close: Span) -> Span {
    // A map may start in one file and end in another; then only its start has a place.
    if open.source == close.source { Span { end: close.end, ..open } } else { open }
}

/// A word as a person calls it. String values are not shown: they may be secrets.
fn say(word: &Word) -> String {
    match word {
        Word::Sign(sign) => format!("`{}`", char::from(*sign)),
        Word::Text(_) => "a string".into(),
        Word::Int(_) | Word::Float(_) => "a number".into(),
        Word::Bool(_) => "true or false".into(),
        Word::Null => "null".into(),
        Word::Include(file) => format!("an include of {file}"),
        Word::End => "the end of the file".into(),
    }
}

#[cfg(test)]
#[path = "text_tests.rs"]
mod tests;
