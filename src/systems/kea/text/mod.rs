//! A document in Kea's JSON dialect as a tree of values that know their place in the text.

use crate::error::{Error, Result};
use lex::{Lexer, Loader, Source, Span};
use parse::Parser;

pub mod lex;
mod parse;
pub mod redact;

/// A value and its place.
#[derive(Debug, Clone)]
pub struct Node {
    /// Its place in the text.
    pub span: Span,
    /// What it is.
    pub value: Value,
}

/// What a value is.
#[derive(Debug, Clone)]
pub enum Value {
    /// `null`
    Null,
    /// The content of an include that was not expanded, or a part that a `scan` did not reach: it is unknown.
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
    /// The place of the name.
    pub name_span: Span,
    /// The place of the colon: Kea names it for some bad values. The place of the name if a `scan` found no colon.
    pub colon: Span,
    /// The value.
    pub node: Node,
}

impl Node {
    /// The member of a map, exactly by this name.
    pub fn get(&self, name: &str) -> Option<&Self> {
        self.members().iter().find(|it| it.name == name).map(|it| &it.node)
    }

    /// All members; none if this is not a map.
    pub fn members(&self) -> &[Member] {
        if let Value::Map(members) = &self.value { members } else { &[] }
    }

    /// All items; none if this is not a list.
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
    /// Commas with nothing before them in a map: `{,`.
    early_commas: Vec<Span>,
    comments: Vec<Span>,
    broken: Option<Error>,
}

impl Document {
    /// Parses without opening included files: they stay as they are, and their content is not seen.
    /// Errors say `FILE:line:column: fact`.
    pub fn parse(bytes: &[u8], file: &str) -> Result<Self> {
        Self::read(Lexer::new(bytes, file, None)?).whole()
    }

    /// Parses as the daemon would, with included files in place of their `<?include …?>`. A mistake in the syntax only ends the tree: what was read before it is there, and `broken`
    /// tells the mistake. Members given twice are both there. For checks, which want to see all that is wrong.
    pub fn scan(bytes: &[u8], file: &str, loader: Loader<'_>) -> Result<Self> {
        Ok(Self::read(Lexer::new(bytes, file, Some(loader))?))
    }

    fn read(lexer: Lexer<'_>) -> Self {
        let mut parser = Parser::new(lexer);
        let root = parser.whole();
        let Parser { lexer, includes, extra_commas, early_commas, broken } = parser;
        let Lexer { sources, comments, .. } = lexer;
        Self { sources, comments, root, includes, extra_commas, early_commas, broken }
    }

    /// This document if its text has no mistake, else the first mistake.
    pub fn whole(self) -> Result<Self> {
        if let Some(error) = self.broken {
            return Err(error);
        }
        let twice = twice(&self.root)
            .map(|(name, first, again)| (again, format!("`{name}` is given twice (first at {})", self.place(first))));
        let early = self.early_commas.first().map(|span| (*span, "a comma with nothing before it".to_owned()));
        match twice.or(early) {
            Some((span, fact)) => Err(Error::usage(format!("{}: {fact}", self.place(span)))),
            None => Ok(self),
        }
    }

    /// The mistake at which a `scan` ended.
    pub fn broken(&self) -> Option<&Error> {
        self.broken.as_ref()
    }

    /// Commas with nothing before them in a map; daemons take some of them.
    pub fn early_commas(&self) -> &[Span] {
        &self.early_commas
    }

    /// The bracket that closes a map or list with nothing but blanks and comments in it.
    pub fn closing(&self, span: Span) -> Span {
        let start = span.end.saturating_sub(1).max(span.start);
        let text = self.sources.get(span.source as usize).and_then(|it| it.text.get(span.start + 1..start));
        let gap = Lexer::new(text.unwrap_or_default().as_bytes(), "", None).and_then(|mut it| it.read());
        let told = gap.map_or(start, |(_, end)| span.start + 1 + end.told);
        Span { start, told, ..span }
    }

    /// The position of a word in the order in which all are read, through includes.
    pub fn order(&self, span: Span) -> Vec<usize> {
        lex::order(&self.sources, span)
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

    /// Commas with nothing after them: the daemons' file reader accepts them with a warning, their control channel does not.
    pub fn extra_commas(&self) -> &[Span] {
        &self.extra_commas
    }

    /// `FILE:line:column` of the start of a span.
    pub fn place(&self, span: Span) -> String {
        self.sources.get(span.source as usize).map(|it| it.place(span.told)).unwrap_or_default()
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

/// A name that a map has twice: the name, its first place, its second.
fn twice(node: &Node) -> Option<(&str, Span, Span)> {
    let mut seen = std::collections::HashMap::with_capacity(node.members().len());
    let double = node.members().iter().find_map(|member| {
        let first = seen.insert(member.name.as_str(), member.name_span);
        let here = first.map(|first| (member.name.as_str(), first, member.name_span));
        here.or_else(|| twice(&member.node))
    });
    double.or_else(|| node.items().iter().find_map(twice))
}

#[cfg(test)]
mod tests;
