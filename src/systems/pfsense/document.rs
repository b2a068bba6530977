//! config.xml as pfSense sees it: elements with their byte spans, lists, dropped members, duplicate and mixed-content errors.
//! Not for: changing it; see `edit`.

use super::dialect::Dialect;
use super::encoding;
use super::names::Names;
use super::prolog;
use super::read::Reading;
use super::scan::{Declared, Flaw};
use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

/// Biggest config.xml that is read: far beyond what pfSense's own PHP could load.
pub const SIZE_LIMIT: usize = 32 << 20;
/// Deepest nesting that is read; pfSense writes about ten levels.
pub const DEPTH_LIMIT: usize = 1024;

/// An element of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(pub(super) u32);

/// "None" where an element's number would stand.
pub(super) const NOBODY: u32 = u32::MAX;

/// What pfSense makes of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The empty string; as a member of a list it disappears (2.7 and later).
    Empty,
    /// A string.
    Text,
    /// A map of its children.
    Elements,
}

pub(super) struct Node {
    /// Offset of `<`.
    pub start: u32,
    /// Offset behind the start tag.
    pub open_end: u32,
    /// Offset of `</`; the same as `end` for `<tag/>`.
    pub close: u32,
    /// Offset behind the element.
    pub end: u32,
    pub name: u32,
    pub first: u32,
    pub next: u32,
    pub kind: Kind,
    pub list: bool,
}

/// What the parser would do with a file it doesn't take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consequence {
    /// pfSense puts the file aside and restores its newest backup.
    BackupRestored,
    /// 2.7: an uncaught exception; the web interface is dead until somebody repairs the file.
    Dies,
}

/// Why pfSense would not take this file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Line in the file, from 1.
    pub line: usize,
    /// The fact.
    pub what: String,
    /// What pfSense does then.
    pub consequence: Consequence,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

/// A config.xml that pfSense would take.
pub struct Document<'a> {
    pub(super) text: Cow<'a, str>,
    pub(super) nodes: Vec<Node>,
    pub(super) names: Names,
    pub(super) dialect: Dialect,
    pub(super) declared: Declared,
    /// There is a DOCTYPE.
    pub(super) doctype: bool,
    /// The file is not in UTF-8.
    pub(super) converted: bool,
}

impl<'a> Document<'a> {
    /// Reads a file by the rules its `<version>` asks for.
    pub fn read(bytes: &'a [u8]) -> Result<Self, Refusal> {
        // Well-formedness is the same for all; the version is only known afterwards.
        let newest = Self::read_as(bytes, Dialect::V2_9);
        let version = match &newest {
            Ok(document) => document.version(),
            Err(_) => guess_version(bytes),
        };
        match Dialect::of_version(&version) {
            Dialect::V2_9 => newest,
            // List tags differ between generations only in a few names that then decide about duplicates.
            dialect => match newest {
                Ok(mut document) if document.same_structure_as(dialect) => {
                    document.dialect = dialect;
                    Ok(document)
                }
                _ => Self::read_as(bytes, dialect),
            },
        }
    }

    /// Reads a file by the rules of this generation.
    pub fn read_as(bytes: &'a [u8], dialect: Dialect) -> Result<Self, Refusal> {
        let refused = |bytes: &[u8], broken: Broken| {
            let line = line_of(bytes, broken.flaw.at);
            Refusal { line, ..broken.refusal(dialect) }
        };
        let (text, utf16) = match encoding::utf16(bytes) {
            Ok(None) => match Reading::new(bytes, dialect).and_then(Reading::finish) {
                Err(Broken { latin: true, .. }) => (encoding::latin(bytes), false),
                read => return read.map_err(|broken| refused(bytes, broken)),
            },
            Ok(Some(text)) => (Ok(text), true),
            Err(flaw) => (Err(flaw), true),
        };
        let text = text.map_err(|flaw| refused(bytes, flaw.into()))?;
        let read = Reading::of_converted(&text, utf16, dialect).and_then(Reading::finish);
        let read = read.map_err(|broken| refused(text.as_bytes(), broken))?;
        Ok(Document {
            nodes: read.nodes,
            names: read.names,
            declared: read.declared,
            doctype: read.doctype,
            dialect,
            converted: true,
            text: Cow::Owned(text),
        })
    }

    /// The bytes of the file; of one that is not in UTF-8, which is never edited, those of its text.
    pub fn bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    fn same_structure_as(&self, dialect: Dialect) -> bool {
        self.names.all().all(|name| dialect.is_list(name) == self.dialect.is_list(name)) && dialect > Dialect::V2_6
    }

    /// The generation whose rules were used.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// `<version>`, the schema version; empty if there is none.
    pub fn version(&self) -> String {
        self.child(self.root(), "version").and_then(|it| self.text(it)).unwrap_or_default()
    }

    /// `<pfsense>`.
    pub fn root(&self) -> Id {
        Id(0)
    }

    pub(super) fn node(&self, id: Id) -> Option<&Node> {
        self.nodes.get(id.0 as usize)
    }

    /// The tag's name in lower case.
    pub fn name(&self, id: Id) -> &str {
        self.node(id).map(|it| self.names.text(it.name)).unwrap_or_default()
    }

    /// What pfSense makes of the element.
    pub fn kind(&self, id: Id) -> Kind {
        self.node(id).map_or(Kind::Empty, |it| it.kind)
    }

    /// Bytes of the whole element.
    pub fn span(&self, id: Id) -> Range<usize> {
        self.node(id).map(|it| it.start as usize..it.end as usize).unwrap_or_default()
    }

    /// Bytes between its tags; empty for `<tag/>`.
    pub fn content(&self, id: Id) -> Range<usize> {
        self.node(id).map(|it| it.open_end as usize..it.close as usize).unwrap_or_default()
    }

    /// Is it the member of a list?
    pub fn is_list(&self, id: Id) -> bool {
        self.node(id).is_some_and(|it| it.list)
    }

    /// Is it the member of a list that disappears when read?
    pub fn is_dropped(&self, id: Id) -> bool {
        self.node(id).is_some_and(|it| it.list && it.kind == Kind::Empty) && self.dialect.drops_empty_members()
    }

    /// All child elements in file order, dropped ones too. None of a text that followed elements: pfSense forgets them.
    pub fn children(&self, id: Id) -> impl Iterator<Item = Id> + '_ {
        let visible = self.node(id).filter(|it| it.kind == Kind::Elements);
        self.siblings(visible.map_or(NOBODY, |it| it.first))
    }

    pub(super) fn siblings(&self, first: u32) -> impl Iterator<Item = Id> + '_ {
        let mut next = first;
        std::iter::from_fn(move || {
            let node = self.nodes.get(next as usize)?;
            let id = Id(next);
            next = node.next;
            Some(id)
        })
    }

    /// The child of this name that pfSense sees; of a list, the first member.
    pub fn child(&self, id: Id, name: &str) -> Option<Id> {
        self.list(id, name).next()
    }

    /// The children of this name that pfSense sees.
    pub fn list<'s>(&'s self, id: Id, name: &str) -> impl Iterator<Item = Id> + 's {
        let wanted = self.names.find(name);
        self.children(id)
            .filter(move |it| self.node(*it).map(|it| it.name) == wanted && wanted.is_some() && !self.is_dropped(*it))
    }

    /// The element at the end of this path of names, from the root.
    pub fn at(&self, path: &[&str]) -> Option<Id> {
        path.iter().try_fold(self.root(), |id, name| self.child(id, name))
    }

    /// The text pfSense sees: empty for an empty element, `None` for one with children.
    pub fn text(&self, id: Id) -> Option<String> {
        match self.kind(id) {
            Kind::Empty => Some(String::new()),
            Kind::Elements => None,
            Kind::Text => Some(self.read_text(id, true)),
        }
    }

    /// Text of the child of this name, if it is there and is text.
    pub fn text_of(&self, id: Id, name: &str) -> Option<String> {
        self.child(id, name).and_then(|it| self.text(it))
    }

    /// Line of the element's start tag, from 1.
    pub fn line(&self, id: Id) -> usize {
        line_of(self.bytes(), self.span(id).start)
    }

    pub(super) fn slice(&self, range: Range<usize>) -> &str {
        self.text.get(range).unwrap_or_default()
    }
}

/// Line of an offset, from 1.
pub(super) fn line_of(bytes: &[u8], at: usize) -> usize {
    memchr::memchr_iter(b'\n', bytes.get(..at.min(bytes.len())).unwrap_or_default()).count() + 1
}

/// The version of a file that can't be read, only to say what pfSense would do with it.
fn guess_version(bytes: &[u8]) -> String {
    let head = bytes.get(..bytes.len().min(4096)).unwrap_or_default();
    let head = String::from_utf8_lossy(head);
    let after = head.split("<version>").nth(1).unwrap_or_default();
    after.split('<').next().unwrap_or_default().trim().to_owned()
}

/// A flaw, and whether it is one of structure (an exception in pfSense's handlers) or of the XML itself.
pub(super) struct Broken {
    pub flaw: Flaw,
    pub structure: bool,
    /// None, but the bytes mean something else: ISO 8859-1 was declared.
    pub latin: bool,
}

impl Broken {
    fn refusal(&self, dialect: Dialect) -> Refusal {
        let dies = self.structure && dialect.dies_of_bad_structure();
        let consequence = if dies { Consequence::Dies } else { Consequence::BackupRestored };
        Refusal { line: 0, what: self.flaw.what.clone(), consequence }
    }
}

impl From<Flaw> for Broken {
    fn from(flaw: Flaw) -> Self {
        Self { flaw, structure: false, latin: false }
    }
}

pub(super) fn prolog_of(bytes: &[u8]) -> Result<prolog::Prolog, Broken> {
    Ok(prolog::read(bytes)?)
}
