//! Changes to config.xml as byte splices: everything else stays, also white space, comments and unknown entities.
//! Every result is read again by pfSense's rules and compared with the intended change before it is returned.

use super::Edit;
use super::proof;
use super::render::{self, Layout};
use crate::error::{Error, Result};
use crate::systems::pfsense::xml::{Document, Id, Kind, Seen};
use crate::text::splice;
use std::ops::Range;

/// Text that takes the place of a range.
type Splice = (Range<usize>, String);

impl Document<'_> {
    /// The file with these changes, proven: pfSense sees in it exactly what it saw before, plus the changes.
    /// They must not touch the same place. No change gives the same bytes back.
    pub fn edited(&self, edits: &[Edit]) -> Result<Vec<u8>> {
        let new = self.spliced(edits)?;
        proof::prove(self, &new, edits)?;
        Ok(new)
    }

    /// The file with these changes, not yet proven.
    pub(in crate::systems::pfsense) fn spliced(&self, edits: &[Edit]) -> Result<Vec<u8>> {
        if self.converted {
            return Err(Error::new(
                "config.xml is not in UTF-8, but pfSense writes only UTF-8; pfddns does not edit it",
            )
            .hint("save any page in pfSense's web interface: this writes the whole file"));
        }
        if self.doctype {
            return Err(Error::new("config.xml has a DOCTYPE, which pfSense never writes; pfddns does not edit it")
                .hint("save any page in pfSense's web interface: this writes the file without the DOCTYPE"));
        }
        let mut splices = Vec::new();
        for edit in edits {
            self.splice(edit, &mut splices)?;
        }
        let new = splice(&self.text, splices);
        new.map(String::into_bytes).ok_or_else(|| Error::new("two changes touch the same place in config.xml"))
    }

    /// Does the document already have these changes?
    pub fn holds(&self, edits: &[Edit]) -> Result<bool> {
        let mut splices = Vec::new();
        for edit in edits {
            self.splice(edit, &mut splices)?;
        }
        Ok(splices.is_empty())
    }

    fn splice(&self, edit: &Edit, out: &mut Vec<Splice>) -> Result<()> {
        match edit {
            Edit::Put { path, value } => match self.locate(path)? {
                Located::Missing { parent, rest } => self.make(parent, rest, value, out),
                Located::Member { id, .. } => self.replace(id, value, out),
                Located::Key { parent, tag } if self.dialect.is_list(tag) => self.put_list(parent, tag, value, out),
                Located::Key { parent, tag } => match self.child(parent, tag) {
                    Some(id) => self.replace(id, value, out),
                    None => self.make(parent, std::slice::from_ref(tag), value, out),
                },
            },
            Edit::Include { path, value } if !self.members(path, value).is_empty() => Ok(()),
            Edit::Exclude { path, value } => {
                self.members(path, value).into_iter().try_for_each(|id| self.remove(id, out))
            }
            Edit::Append { path, value } | Edit::Include { path, value } => match self.locate(path)? {
                Located::Missing { parent, rest } => self.make(parent, rest, &Seen::List(vec![value.clone()]), out),
                Located::Key { parent, tag } => match self.all(parent, tag).last() {
                    Some(last) => self.insert_after(*last, tag, std::slice::from_ref(value), out),
                    None => self.make(parent, std::slice::from_ref(tag), &Seen::List(vec![value.clone()]), out),
                },
                Located::Member { .. } => Err(nonsense(path)),
            },
            Edit::Remove { path } => match self.locate(path)? {
                Located::Missing { .. } => Ok(()),
                Located::Member { id, .. } => self.remove(id, out),
                Located::Key { parent, tag } => {
                    self.all(parent, tag).into_iter().try_for_each(|id| self.remove(id, out))
                }
            },
        }
    }

    /// The members of a list that say this.
    pub(super) fn members(&self, path: &[String], value: &Seen) -> Vec<Id> {
        let [above @ .., tag] = path else { return Vec::new() };
        let names: Vec<&str> = above.iter().map(String::as_str).collect();
        let Some(parent) = self.at(&names) else { return Vec::new() };
        self.list(parent, tag).filter(|id| Seen::of(self, *id) == *value).collect()
    }

    /// All elements of this name, also those pfSense drops.
    fn all(&self, parent: Id, tag: &str) -> Vec<Id> {
        self.children(parent).filter(|it| self.name(*it) == tag).collect()
    }

    fn locate<'p>(&self, path: &'p [String]) -> Result<Located<'p>> {
        let mut parent = self.root();
        let mut at = 0;
        loop {
            let Some(tag) = path.get(at) else { return Err(nonsense(path)) };
            if self.kind(parent) == Kind::Text {
                return Err(Error::new(format!(
                    "config.xml line {}: <{}> contains text where elements were expected",
                    self.line(parent),
                    self.name(parent)
                )));
            }
            let index = path.get(at + 1).and_then(|it| it.parse::<usize>().ok());
            let found = self.list(parent, tag).nth(index.unwrap_or(0));
            let last = at + 1 + usize::from(index.is_some()) == path.len();
            match (found, index, last) {
                (Some(id), Some(_), true) => return Ok(Located::Member { id }),
                (None, Some(index), _) => {
                    return Err(Error::new(format!("config.xml has no <{tag}> number {}", index + 1)));
                }
                (_, None, true) => {
                    let tag = path.get(at).ok_or_else(|| nonsense(path))?;
                    return Ok(Located::Key { parent, tag });
                }
                (Some(id), _, false) => {
                    parent = id;
                    at += 1 + usize::from(index.is_some());
                }
                (None, None, false) => {
                    return Ok(Located::Missing { parent, rest: path.get(at..).unwrap_or_default() });
                }
            }
        }
    }

    /// Gives an existing element a new value.
    fn replace(&self, id: Id, value: &Seen, out: &mut Vec<Splice>) -> Result<()> {
        if Seen::of(self, id) == *value {
            return Ok(());
        }
        let tag = self.name(id).to_owned();
        if let (Seen::Text(text), true) = (value, self.kind(id) != Kind::Elements)
            && self.node(id).is_some_and(|it| it.close < it.end)
        {
            let mut bytes = String::new();
            render::text_into(&tag, text, self.dialect, &mut bytes)?;
            out.push((self.content(id), bytes));
            return Ok(());
        }
        if self.kind(id) == Kind::Elements {
            return Err(Error::new(format!(
                "config.xml line {}: <{tag}> contains elements; pfddns does not overwrite it as a whole",
                self.line(id)
            )));
        }
        let bytes = self.rendered(id, &tag, value)?;
        out.push((self.span(id), bytes));
        Ok(())
    }

    /// A value as an element in the place of `like`: same indentation, same line ends.
    fn rendered(&self, like: Id, tag: &str, value: &Seen) -> Result<String> {
        let line = self.line_start(like);
        let indent =
            line.map(|from| self.text.get(from..self.span(like).start).unwrap_or_default()).unwrap_or_default();
        let step = self.step();
        let layout = Layout { indent, line_end: self.line_end(), step: &step };
        let mut bytes = String::new();
        render::element(tag, value, self.dialect, &layout, &mut bytes)?;
        Ok(bytes)
    }

    fn put_list(&self, parent: Id, tag: &str, value: &Seen, out: &mut Vec<Splice>) -> Result<()> {
        let Seen::List(wanted) = value else {
            return Err(Error::new(format!("<{tag}> is a list in pfSense; a single value can't be put there")));
        };
        let mut there: Vec<Id> = self.list(parent, tag).collect();
        if there.is_empty() {
            // An empty member marks the place of the list.
            there = self.all(parent, tag).into_iter().take(1).collect();
        }
        if wanted.is_empty() {
            return self.all(parent, tag).into_iter().try_for_each(|id| self.remove(id, out));
        }
        let same = |id: &Id, value: &Seen| !self.is_dropped(*id) && Seen::of(self, *id) == *value;
        let head = there.iter().zip(wanted).take_while(|(id, value)| same(id, value)).count();
        let tail = there.iter().skip(head).rev().zip(wanted.iter().skip(head).rev());
        let tail = tail.take_while(|(id, value)| same(id, value)).count();
        let old = there.get(head..there.len() - tail).unwrap_or_default();
        let new = wanted.get(head..wanted.len() - tail).unwrap_or_default();
        for (id, value) in old.iter().zip(new) {
            match self.kind(*id) {
                // The caller gives the whole list, so a member may be replaced as a whole.
                Kind::Elements => out.push((self.span(*id), self.rendered(*id, tag, value)?)),
                _ => self.replace(*id, value, out)?,
            }
        }
        for id in old.iter().skip(new.len()) {
            self.remove(*id, out)?;
        }
        let added = new.get(old.len()..).unwrap_or_default();
        if added.is_empty() {
            return Ok(());
        }
        match head.checked_add(old.len()).and_then(|it| it.checked_sub(1)).and_then(|it| there.get(it)) {
            Some(last) => self.insert_after(*last, tag, added, out),
            None => match there.first() {
                Some(first) => self.insert_before(*first, tag, added, out),
                None => self.make(parent, &[tag.to_owned()], &Seen::List(added.to_vec()), out),
            },
        }
    }

    fn insert_after(&self, id: Id, tag: &str, members: &[Seen], out: &mut Vec<Splice>) -> Result<()> {
        let mut bytes = String::new();
        for member in members {
            bytes.push_str(&self.gap(id));
            bytes.push_str(&self.rendered(id, tag, member)?);
        }
        let end = self.span(id).end;
        out.push((end..end, bytes));
        Ok(())
    }

    fn insert_before(&self, id: Id, tag: &str, members: &[Seen], out: &mut Vec<Splice>) -> Result<()> {
        let mut bytes = String::new();
        for member in members {
            bytes.push_str(&self.rendered(id, tag, member)?);
            bytes.push_str(&self.gap(id));
        }
        let start = self.span(id).start;
        out.push((start..start, bytes));
        Ok(())
    }

    /// The text between an element and a new sibling: a line end and its indentation, or nothing in a one-line file.
    fn gap(&self, id: Id) -> String {
        match self.line_start(id) {
            Some(from) => {
                format!("{}{}", self.line_end(), self.text.get(from..self.span(id).start).unwrap_or_default())
            }
            None => String::new(),
        }
    }

    /// Appends a missing key, with its missing parents, as the last child.
    fn make(&self, parent: Id, path: &[String], value: &Seen, out: &mut Vec<Splice>) -> Result<()> {
        let [tag, inner @ ..] = path else { return Err(nonsense(path)) };
        if matches!(value, Seen::List(members) if members.is_empty()) {
            return Ok(());
        }
        let nested = inner.iter().rev().fold(value.clone(), |value, key| Seen::Map(vec![(key.clone(), value)]));
        if self.kind(parent) == Kind::Empty {
            return self.fill(parent, tag, &nested, out);
        }
        let Some(last) = self.every_child(parent).last() else {
            return Err(nonsense(path));
        };
        let close = self.content(parent).end;
        match blank_line_start(&self.text, close) {
            Some(at) => {
                let gap = self.gap(last);
                let indent = gap.trim_start_matches(['\r', '\n']);
                let bytes = format!("{indent}{}{}", self.rendered(last, tag, &nested)?, self.line_end());
                out.push((at..at, bytes));
            }
            None => out.push((close..close, self.rendered(last, tag, &nested)?)),
        }
        Ok(())
    }

    /// Gives an empty element its first child; comments in it stay.
    fn fill(&self, parent: Id, tag: &str, value: &Seen, out: &mut Vec<Splice>) -> Result<()> {
        let content = self.content(parent);
        let inside = self.text.get(content.clone()).unwrap_or_default();
        if !inside.trim().is_empty() {
            return Err(Error::new(format!(
                "config.xml line {}: <{}> contains a comment or an empty section; pfddns does not fill it",
                self.line(parent),
                self.name(parent)
            )));
        }
        let whole = Seen::Map(vec![(tag.to_owned(), value.clone())]);
        let name = self.name(parent).to_owned();
        let bytes = self.rendered(parent, &name, &whole)?;
        out.push((self.span(parent), bytes));
        Ok(())
    }

    /// Removes an element, with its line if nothing else is on it.
    fn remove(&self, id: Id, out: &mut Vec<Splice>) -> Result<()> {
        let span = self.span(id);
        let after = self.text.get(span.end..).unwrap_or_default();
        let end = after.strip_prefix("\r\n").or_else(|| after.strip_prefix('\n'));
        let range = match (self.line_start(id), end) {
            (Some(from), Some(rest)) => from..self.text.len() - rest.len(),
            _ => span,
        };
        out.push((range, String::new()));
        Ok(())
    }

    /// Where the element's line starts, if only white space is before it.
    fn line_start(&self, id: Id) -> Option<usize> {
        blank_line_start(&self.text, self.span(id).start)
    }

    fn line_end(&self) -> &'static str {
        let first = memchr::memchr(b'\n', self.bytes()).unwrap_or(0);
        if first > 0 && self.bytes().get(first - 1) == Some(&b'\r') { "\r\n" } else { "\n" }
    }

    /// One level of indentation, taken from the first child of the root.
    fn step(&self) -> String {
        let first = self.node(self.root()).map(|it| Id(it.first)).filter(|it| self.node(*it).is_some());
        let indent = first.and_then(|id| self.line_start(id).and_then(|from| self.text.get(from..self.span(id).start)));
        indent.filter(|it| !it.is_empty()).unwrap_or("\t").to_owned()
    }
}

enum Located<'p> {
    /// Some parent on the way is missing; `rest` starts with it.
    Missing { parent: Id, rest: &'p [String] },
    /// The last name, whether there or not, in an existing parent.
    Key { parent: Id, tag: &'p String },
    /// One member of a list.
    Member { id: Id },
}

fn nonsense(path: &[String]) -> Error {
    Error::new(format!("{} is not a place in config.xml", path.join("/")))
}

/// Start of the line that ends at `at`, if only spaces and tabs are between.
fn blank_line_start(text: &str, at: usize) -> Option<usize> {
    let before = text.get(..at)?;
    let trimmed = before.trim_end_matches([' ', '\t']);
    (trimmed.is_empty() || trimmed.ends_with('\n')).then_some(trimmed.len())
}
