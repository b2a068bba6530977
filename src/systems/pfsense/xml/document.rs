//! config.xml as pfSense sees it: elements with their byte spans, lists, dropped members.
//! Not for: building it from bytes, see `read`; changing it, see `edit`.

use super::dialect::Dialect;
use super::names::Names;
use super::scan::Declared;
use std::borrow::Cow;
use std::ops::Range;

/// An element of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(pub(in crate::systems::pfsense) u32);

/// "None" in the place of an element's number.
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

pub(in crate::systems::pfsense) struct Node {
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

/// A config.xml that pfSense would accept.
pub struct Document<'a> {
    pub(in crate::systems::pfsense) text: Cow<'a, str>,
    pub(super) nodes: Vec<Node>,
    pub(super) names: Names,
    pub(in crate::systems::pfsense) dialect: Dialect,
    pub(super) declared: Declared,
    /// There is a DOCTYPE.
    pub(in crate::systems::pfsense) doctype: bool,
    /// The file is not in UTF-8.
    pub(in crate::systems::pfsense) converted: bool,
}

impl Document<'_> {
    /// The bytes of the file; of one that is not in UTF-8, which is never edited, those of its text.
    pub fn bytes(&self) -> &[u8] {
        self.text.as_bytes()
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

    pub(in crate::systems::pfsense) fn node(&self, id: Id) -> Option<&Node> {
        self.nodes.get(id.0 as usize)
    }

    /// The names of all tags, in the order of their numbers.
    pub(in crate::systems::pfsense) fn tag_names(&self) -> impl Iterator<Item = &str> {
        self.names.all()
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

    /// All child elements, also those before a text.
    pub(in crate::systems::pfsense) fn every_child(&self, id: Id) -> impl Iterator<Item = Id> + '_ {
        self.siblings(self.node(id).map_or(NOBODY, |it| it.first))
    }

    fn siblings(&self, first: u32) -> impl Iterator<Item = Id> + '_ {
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
