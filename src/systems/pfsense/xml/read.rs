//! From the bytes of config.xml to a `Document`, in one pass: one visit of every byte, no recursion.

use super::cuts::{chunks, section_pieces, text_pieces};
use super::dialect::Dialect;
use super::document::{Document, Kind, NOBODY, Node};
use super::encoding;
use super::names::Names;
use super::prolog::{self, Declares, Prolog};
use super::scan::{Cursor, Flaw, Reference, flaw, forbidden_character};
use super::texts::is_data;
use super::unreadable::{Broken, Unreadable};
use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

/// Biggest config.xml that is read: far beyond what pfSense's own PHP could load.
pub const SIZE_LIMIT: usize = 32 << 20;
/// Deepest nesting that is read; pfSense writes about ten levels.
pub const DEPTH_LIMIT: usize = 1024;
/// Beyond this many different children, duplicates are looked up in a set instead of a row.
const ROW: usize = 48;

impl<'a> Document<'a> {
    /// Reads a file by the rules its `<version>` asks for.
    pub fn read(bytes: &'a [u8]) -> Result<Self, Unreadable> {
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
    pub fn read_as(bytes: &'a [u8], dialect: Dialect) -> Result<Self, Unreadable> {
        let (text, utf16) = match encoding::utf16(bytes) {
            Ok(None) => match Reading::new(bytes, dialect).and_then(Reading::finish) {
                Err(Broken { latin: true, .. }) => (encoding::latin(bytes), false),
                read => return read.map_err(|broken| broken.refusal(bytes, dialect)),
            },
            Ok(Some(text)) => (Ok(text), true),
            Err(flaw) => (Err(flaw), true),
        };
        let text = text.map_err(|flaw| Broken::from(flaw).refusal(bytes, dialect))?;
        let read = Reading::of_converted(&text, utf16, dialect).and_then(Reading::finish);
        let read = read.map_err(|broken| broken.refusal(text.as_bytes(), dialect))?;
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

    fn same_structure_as(&self, dialect: Dialect) -> bool {
        self.names.all().all(|name| dialect.is_list(name) == self.dialect.is_list(name)) && dialect > Dialect::V2_6
    }
}

/// The version of a file that can't be read, only to say what pfSense would do with it.
fn guess_version(bytes: &[u8]) -> String {
    let head = bytes.get(..bytes.len().min(4096)).unwrap_or_default();
    let head = String::from_utf8_lossy(head);
    let after = head.split("<version>").nth(1).unwrap_or_default();
    after.split('<').next().unwrap_or_default().trim().to_owned()
}

/// An element whose end tag has not come yet.
struct Open {
    node: u32,
    /// Its name as written: the end tag must match it exactly.
    name: Range<usize>,
    last_child: u32,
    /// Where its children's names start in `Reading::row`.
    row_from: usize,
}

struct Reading<'a> {
    at: Cursor<'a>,
    text: &'a str,
    prolog: Prolog,
    dialect: Dialect,
    nodes: Vec<Node>,
    names: Names,
    /// For each name: is it a list tag?
    lists: Vec<bool>,
    open: Vec<Open>,
    row: Vec<u32>,
    set: HashSet<(u32, u32)>,
}

impl<'a> Reading<'a> {
    fn new(bytes: &'a [u8], dialect: Dialect) -> Result<Self, Broken> {
        if bytes.is_empty() {
            return flaw(0, "the file is empty").map_err(Broken::from);
        }
        if bytes.len() > SIZE_LIMIT {
            return flaw(0, format!("bigger than {} MiB", SIZE_LIMIT >> 20)).map_err(Broken::from);
        }
        let prolog = prolog::read(bytes)?;
        match prolog.declares {
            Declares::Utf8 => {}
            Declares::Latin | Declares::Ascii if bytes.is_ascii() => {}
            Declares::Latin => {
                let flaw = Flaw { at: 0, what: "in ISO 8859-1".to_owned() };
                return Err(Broken { flaw, structure: false, latin: true });
            }
            Declares::Ascii => return flaw(0, "declared as ASCII, and it is not").map_err(Broken::from),
            Declares::Utf16 => return flaw(0, "declared as UTF-16, and it is not").map_err(Broken::from),
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::of(text, prolog, dialect),
            Err(error) => flaw(error.valid_up_to(), "not valid UTF-8").map_err(Broken::from),
        }
    }

    /// The text of a file that is in another encoding.
    fn of_converted(text: &'a str, utf16: bool, dialect: Dialect) -> Result<Self, Broken> {
        let prolog = prolog::read(text.as_bytes())?;
        // libxml2 takes the first 45 characters of UTF-16 by themselves, and the whole declaration from them.
        let start = text.strip_prefix('\u{feff}').unwrap_or(text);
        let end = start.split_once("?>").filter(|_| start.starts_with("<?xml")).map(|(it, _)| it.chars().count());
        if utf16 && end.is_some_and(|it| it > 43) {
            return flaw(0, "the XML declaration is too long for UTF-16").map_err(Broken::from);
        }
        match (utf16, prolog.declares) {
            (true, Declares::Utf8 | Declares::Utf16) | (false, _) => Self::of(text, prolog, dialect),
            (true, _) => flaw(0, "in UTF-16, and declared as something else").map_err(Broken::from),
        }
    }

    fn of(text: &'a str, prolog: Prolog, dialect: Dialect) -> Result<Self, Broken> {
        let bytes = text.as_bytes();
        if let Some(at) = forbidden_character(bytes) {
            return flaw(at, "a control character that XML does not allow").map_err(Broken::from);
        }
        let at = Cursor::new(bytes, prolog.root);
        Ok(Self {
            at,
            text,
            prolog,
            dialect,
            nodes: Vec::with_capacity(bytes.len() / 32 + 1),
            names: Names::default(),
            lists: Vec::new(),
            open: Vec::new(),
            row: Vec::new(),
            set: HashSet::new(),
        })
    }

    fn finish(mut self) -> Result<Document<'a>, Broken> {
        self.start()?;
        while !self.open.is_empty() {
            self.step()?;
        }
        loop {
            self.at.space();
            if self.at.peek().is_none() {
                break;
            }
            if !self.at.skip_aside()? {
                return Err(Flaw { at: self.at.at, what: "something follows the root element".into() }.into());
            }
        }
        let document = Document {
            text: Cow::Borrowed(self.text),
            nodes: self.nodes,
            names: self.names,
            dialect: self.dialect,
            declared: self.prolog.declared,
            doctype: self.prolog.doctype,
            converted: false,
        };
        let root = document.root();
        let nothing = match document.kind(root) {
            Kind::Empty => true,
            Kind::Text => document.text(root).as_deref() == Some("0"),
            Kind::Elements => false,
        };
        if document.name(root) != "pfsense" || nothing {
            return Err(Flaw { at: self.prolog.root, what: "there is no <pfsense> with anything in it".into() }.into());
        }
        Ok(document)
    }

    #[inline]
    fn step(&mut self) -> Result<(), Broken> {
        match self.at.peek() {
            Some(b'<') => self.markup(),
            Some(b'&') => {
                let prolog = &self.prolog;
                let data = match self.at.reference(&prolog.declared)? {
                    Reference::Character(it) => is_data(it.encode_utf8(&mut [0; 4])),
                    Reference::Declared(it) => it.is_some_and(is_data),
                };
                self.data(data);
                Ok(())
            }
            Some(_) => self.run(),
            None => Err(self.unfinished()),
        }
    }

    fn unfinished(&self) -> Broken {
        let name = self.open.last().and_then(|it| self.text.get(it.name.clone())).unwrap_or_default();
        Flaw { at: self.at.at, what: format!("the file ends inside <{name}>") }.into()
    }

    fn markup(&mut self) -> Result<(), Broken> {
        match self.at.bytes.get(self.at.at + 1) {
            Some(b'/') => self.end(),
            Some(b'!') if self.at.take(b"<![CDATA[") => {
                let from = self.at.at;
                let length = self.at.until(b"]]>", "a CDATA section")?.len();
                let mut data = false;
                section_pieces(self.at.bytes, from..from + length, |it| data |= is_data(self.slice(it)));
                self.data(data);
                Ok(())
            }
            Some(b'!' | b'?') => match self.at.skip_aside()? {
                true => Ok(()),
                false => Err(Flaw { at: self.at.at, what: "not understood here".into() }.into()),
            },
            _ => self.start(),
        }
    }

    /// Character data up to the next tag or reference.
    #[inline]
    fn run(&mut self) -> Result<(), Broken> {
        let from = self.at.at;
        let rest = self.at.rest();
        // Between tags there are a few white bytes, in most values a few others: look at those without a search.
        let mut length = 0;
        let mut blank = true;
        // Tabs and line feeds alone are trimmed away entirely; with spaces or carriage returns among them it depends.
        let mut trimmed = true;
        for byte in rest {
            match byte {
                b'\n' | b'\t' => {}
                b' ' | b'\r' => trimmed = false,
                b'<' | b'&' | b']' => break,
                _ if length > 24 => break,
                _ => blank = false,
            }
            length += 1;
        }
        loop {
            match rest.get(length) {
                None | Some(b'<' | b'&') => break,
                Some(b']') if rest.get(length..).is_some_and(|it| it.starts_with(b"]]>")) => {
                    return Err(Flaw { at: from + length, what: "`]]>` in text".into() }.into());
                }
                Some(_) => {
                    blank = false;
                    let ahead = rest.get(length + 1..).unwrap_or_default();
                    length += 1 + memchr::memchr3(b'<', b'&', b']', ahead).unwrap_or(ahead.len());
                }
            }
        }
        self.at.at = from + length;
        if !blank {
            self.data(true);
        } else if !trimmed && self.kind() != Kind::Text {
            let mut data = false;
            text_pieces(self.at.bytes, from..from + length, |piece| {
                chunks(self.slice(piece), |chunk| data |= is_data(&chunk));
            });
            self.data(data);
        }
        Ok(())
    }

    fn slice(&self, range: Range<usize>) -> &'a str {
        self.text.get(range).unwrap_or_default()
    }

    fn kind(&self) -> Kind {
        self.open.last().and_then(|it| self.nodes.get(it.node as usize)).map_or(Kind::Empty, |it| it.kind)
    }

    #[inline]
    fn data(&mut self, data: bool) {
        if data
            && let Some(open) = self.open.last()
            && let Some(node) = self.nodes.get_mut(open.node as usize)
        {
            node.kind = Kind::Text;
        }
    }

    fn start(&mut self) -> Result<(), Broken> {
        let start = self.at.at;
        self.at.at += 1;
        let name = self.at.name()?;
        let named = start + 1..self.at.at;
        let closed = if self.at.peek() == Some(b'>') {
            self.at.at += 1;
            false
        } else {
            self.at.attributes(&self.prolog.declared)?
        };
        let number = self.names.number(name);
        let list = self.list(number);
        let node = self.nodes.len() as u32;
        self.adopt(node, number, list, start)?;
        let open_end = self.at.at as u32;
        self.nodes.push(Node {
            start: start as u32,
            open_end,
            close: open_end,
            end: open_end,
            name: number,
            first: NOBODY,
            next: NOBODY,
            kind: Kind::Empty,
            list,
        });
        if !closed {
            if self.open.len() >= DEPTH_LIMIT {
                return Err(Flaw { at: start, what: format!("nested deeper than {DEPTH_LIMIT} levels") }.into());
            }
            self.open.push(Open { node, name: named, last_child: NOBODY, row_from: self.row.len() });
        }
        Ok(())
    }

    #[inline]
    fn list(&mut self, number: u32) -> bool {
        while self.lists.len() <= number as usize {
            let name = self.names.text(self.lists.len() as u32);
            self.lists.push(self.dialect.is_list(name));
        }
        self.lists.get(number as usize).copied().unwrap_or(false)
    }

    /// Makes a new element the child of the innermost open one.
    fn adopt(&mut self, node: u32, name: u32, list: bool, at: usize) -> Result<(), Broken> {
        let Some(open) = self.open.last_mut() else { return Ok(()) };
        let Some(parent) = self.nodes.get_mut(open.node as usize) else { return Ok(()) };
        let structure = |what: String| Err(Broken { flaw: Flaw { at, what }, structure: true, latin: false });
        if parent.kind == Kind::Text {
            return structure(format!("<{}> after text in the same element", self.names.text(name)));
        }
        parent.kind = Kind::Elements;
        if !list {
            let row = self.row.get(open.row_from..).unwrap_or_default();
            let twice = if row.len() < ROW {
                row.contains(&name)
            } else {
                if row.len() == ROW {
                    self.set.extend(row.iter().map(|it| (open.node, *it)));
                }
                !self.set.insert((open.node, name))
            };
            if twice {
                return structure(format!("<{}> cannot occur more than once", self.names.text(name)));
            }
            self.row.push(name);
        }
        let before = std::mem::replace(&mut open.last_child, node);
        match self.nodes.get_mut(before as usize) {
            Some(sibling) => sibling.next = node,
            None => {
                if let Some(parent) = self.nodes.get_mut(open.node as usize) {
                    parent.first = node;
                }
            }
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), Broken> {
        let at = self.at.at;
        let Some(open) = self.open.pop() else { return Ok(()) };
        let name = self.at.bytes.get(open.name.clone()).unwrap_or_default();
        self.at.at += 2;
        if !self.at.take(name) {
            let name = String::from_utf8_lossy(name).into_owned();
            return Err(Flaw { at, what: format!("the end tag of <{name}> was expected here") }.into());
        }
        if self.at.peek() != Some(b'>') {
            self.at.space();
        }
        if !self.at.take(b">") {
            return Err(Flaw { at, what: "an end tag that does not match or does not end".into() }.into());
        }
        self.row.truncate(open.row_from);
        if let Some(node) = self.nodes.get_mut(open.node as usize) {
            node.close = at as u32;
            node.end = self.at.at as u32;
        }
        Ok(())
    }
}
