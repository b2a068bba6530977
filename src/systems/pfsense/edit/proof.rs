//! The proof before each write: seen(new) == seen(old) + the intended changes, both read by pfSense's rules.
//! Parts with equal bytes are skipped; everything else is compared value by value.

use super::Edit;
use crate::error::{Error, Result};
use crate::systems::pfsense::xml::{Document, Id, Kind, Seen};
use std::collections::HashMap;

/// Fails unless pfSense would accept `new` and see in it what it saw in `old` with `edits` applied. Returns what it sees;
/// nothing if no byte has changed.
pub fn prove<'n>(old: &Document<'_>, new: &'n [u8], edits: &[Edit]) -> Result<Option<Document<'n>>> {
    if new == old.bytes() {
        // Nothing changed: this is right only if the values were set already.
        return match edits.iter().find(|edit| !already(old, edit)) {
            None => Ok(None),
            Some(edit) => Err(lost(edit.path())),
        };
    }
    let read = Document::read_as(new, old.dialect()).map_err(|refusal| {
        Error::new(format!("pfSense would refuse the edited config.xml ({refusal}); nothing was written"))
    })?;
    let edits: Vec<&Edit> = edits.iter().collect();
    let both = Comparison { old, new: &read };
    both.element(old.root(), read.root(), &edits, 0)?;
    nothing_more_is_cut(old, &read)?;
    Ok(Some(read))
}

/// A change moves everything after it, and so the places where pfSense's reads end: a long text that was whole may lose a
/// line end there, although none of its bytes has changed.
fn nothing_more_is_cut(old: &Document<'_>, new: &Document<'_>) -> Result<()> {
    let content = |of: &Document<'_>, id| of.bytes().get(of.content(id)).map(<[u8]>::to_vec);
    let before: Vec<_> = old.texts_cut_short().map(|id| content(old, id)).collect();
    match new.texts_cut_short().find(|id| !before.contains(&content(new, *id))) {
        None => Ok(()),
        Some(id) => Err(Error::new(format!(
            "after this change pfSense would lose white space of <{}> (line {}): its parser reads 4096 bytes at a time, and one \
             of these reads would end there inside a long text; nothing was written",
            new.name(id),
            new.line(id)
        ))
        .hint("make any description before that line some letters longer in pfSense's web interface, then run the command again")),
    }
}

fn already(old: &Document<'_>, edit: &Edit) -> bool {
    let mut seen = Seen::of(old, old.root());
    let before = normal(seen.clone());
    change(&mut seen, edit, 0) && normal(seen) == before
}

struct Comparison<'d, 'b> {
    old: &'d Document<'b>,
    new: &'d Document<'b>,
}

impl Comparison<'_, '_> {
    fn element(&self, old: Id, new: Id, edits: &[&Edit], depth: usize) -> Result<()> {
        if edits.is_empty() {
            return self.same(old, new);
        }
        if self.old.kind(old) != Kind::Elements || self.new.kind(new) != Kind::Elements {
            return self.values(old, new, edits, depth);
        }
        let before = groups(self.old, old);
        let after = groups(self.new, new);
        let touched = |name: &str| edits.iter().any(|edit| edit.path().get(depth).is_some_and(|it| it == name));
        // The touched keys as they should be: few values, also in a large section.
        let mut few = Seen::Map(Vec::new());
        for (name, members) in before.iter().filter(|(name, _)| touched(name)) {
            if let (Seen::Map(map), false) = (&mut few, self.goes_deeper(name, edits, depth)) {
                map.push(((*name).to_owned(), group_value(self.old, members)));
            }
        }
        for edit in edits {
            let name = edit.path().get(depth).map(String::as_str).unwrap_or_default();
            let there = before.iter().any(|(it, _)| *it == name);
            if (!there || !self.goes_deeper(name, edits, depth)) && !change(&mut few, edit, depth) {
                return Err(lost(edit.path()));
            }
        }
        let few = match normal(few) {
            Seen::Map(map) => map,
            _ => Vec::new(),
        };
        let mut after = after.into_iter().filter(|(_, members)| !members.is_empty());
        for (name, members) in &before {
            if touched(name) && !self.goes_deeper(name, edits, depth) {
                if let Some((_, value)) = few.iter().find(|(it, _)| it == name) {
                    self.group_is(after.next(), name, value)?;
                }
                continue;
            }
            if members.is_empty() {
                continue;
            }
            let (found, others) = after.next().ok_or_else(|| lost(&[(*name).to_owned()]))?;
            if found != *name || others.len() != members.len() {
                return Err(lost(&[(*name).to_owned()]));
            }
            let inside: Vec<&Edit> =
                edits.iter().filter(|edit| edit.path().get(depth).is_some_and(|it| it == name)).copied().collect();
            for (old, new) in members.iter().zip(&others) {
                self.element(*old, *new, &inside, depth + 1)?;
            }
        }
        for (name, value) in few.iter().filter(|(name, _)| !before.iter().any(|(it, _)| it == name)) {
            self.group_is(after.next(), name, value)?;
        }
        match after.next() {
            None => Ok(()),
            Some((name, _)) => Err(lost(&[name.to_owned()])),
        }
    }

    fn group_is(&self, group: Option<(&str, Vec<Id>)>, name: &str, value: &Seen) -> Result<()> {
        match group {
            Some((found, members)) if found == name && normal(group_value(self.new, &members)) == *value => Ok(()),
            _ => Err(lost(&[name.to_owned()])),
        }
    }

    /// Do all edits of this key concern something below one existing element that is not a list?
    fn goes_deeper(&self, name: &str, edits: &[&Edit], depth: usize) -> bool {
        let mut own = edits.iter().filter(|edit| edit.path().get(depth).is_some_and(|it| it == name));
        !self.old.dialect().is_list(name) && own.all(|edit| edit.path().len() > depth + 1)
    }

    fn same(&self, old: Id, new: Id) -> Result<()> {
        let bytes = self.old.bytes().get(self.old.span(old)) == self.new.bytes().get(self.new.span(new));
        if bytes || Seen::of(self.old, old) == Seen::of(self.new, new) {
            return Ok(());
        }
        Err(lost(&[self.old.name(old).to_owned()]))
    }

    fn values(&self, old: Id, new: Id, edits: &[&Edit], depth: usize) -> Result<()> {
        let mut wanted = Seen::of(self.old, old);
        for edit in edits {
            change(&mut wanted, edit, depth);
        }
        if normal(wanted) == normal(Seen::of(self.new, new)) {
            return Ok(());
        }
        Err(lost(edits.first().map(|it| it.path()).unwrap_or_default()))
    }
}

/// The children by name, in order of first appearance. A list whose members are all dropped still has its place.
fn groups<'d>(document: &'d Document<'_>, id: Id) -> Vec<(&'d str, Vec<Id>)> {
    let mut groups: Vec<(&str, Vec<Id>)> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for child in document.children(id) {
        let name = document.name(child);
        // The members of a list nearly always follow each other.
        let at = match groups.last() {
            Some((last, _)) if *last == name => groups.len() - 1,
            _ => *places.entry(name).or_insert(groups.len()),
        };
        if at == groups.len() {
            groups.push((name, Vec::new()));
        }
        if let (Some((_, members)), false) = (groups.get_mut(at), document.is_dropped(child)) {
            members.push(child);
        }
    }
    groups
}

fn group_value(document: &Document<'_>, members: &[Id]) -> Seen {
    match members {
        [one] if !document.is_list(*one) => Seen::of(document, *one),
        many => Seen::List(many.iter().map(|it| Seen::of(document, *it)).collect()),
    }
}

fn lost(path: &[String]) -> Error {
    Error::new(format!(
        "the edited config.xml would not have the intended value at {}; nothing was written",
        path.join("/")
    ))
    .hint("the value may begin or end with white space, or contain characters that pfSense can't store there")
}

/// Applies one change to what pfSense sees; false if its path does not exist.
pub(super) fn change(seen: &mut Seen, edit: &Edit, depth: usize) -> bool {
    let path = edit.path().get(depth..).unwrap_or_default();
    let [key, rest @ ..] = path else { return false };
    let takes = matches!(edit, Edit::Remove { .. } | Edit::Exclude { .. });
    if *seen == Seen::Text(String::new()) && !takes {
        *seen = Seen::Map(Vec::new());
    }
    match seen {
        Seen::Text(_) => takes,
        Seen::List(members) => {
            let Some(index) = key.parse::<usize>().ok().filter(|it| *it < members.len()) else { return false };
            match (edit, rest.is_empty()) {
                (Edit::Put { value, .. }, true) => members.get_mut(index).map(|it| *it = value.clone()).is_some(),
                (Edit::Remove { .. }, true) => {
                    members.remove(index);
                    true
                }
                _ => members.get_mut(index).is_some_and(|it| change(it, edit, depth + 1)),
            }
        }
        Seen::Map(map) => {
            let at = map.iter().position(|(it, _)| it == key);
            let found = at.and_then(|at| map.get_mut(at)).map(|(_, value)| value);
            match (edit, rest.is_empty(), found) {
                (Edit::Put { value, .. }, true, Some(it)) => *it = value.clone(),
                (Edit::Put { value, .. }, true, None) => map.push((key.clone(), value.clone())),
                (Edit::Append { value, .. }, true, Some(Seen::List(members))) => members.push(value.clone()),
                (Edit::Include { value, .. }, true, Some(Seen::List(members))) => {
                    if !members.contains(value) {
                        members.push(value.clone());
                    }
                }
                (Edit::Exclude { value, .. }, true, Some(Seen::List(members))) => members.retain(|it| it != value),
                (Edit::Append { .. } | Edit::Include { .. } | Edit::Exclude { .. }, true, Some(_)) => return false,
                (Edit::Exclude { .. }, _, None) => {}
                (Edit::Append { value, .. } | Edit::Include { value, .. }, true, None) => {
                    map.push((key.clone(), Seen::List(vec![value.clone()])));
                }
                (Edit::Remove { .. }, true, _) => map.retain(|(it, _)| it != key),
                (Edit::Remove { .. }, false, None) => {}
                (_, false, Some(it)) => {
                    // A path without a number means the first member.
                    return match it {
                        Seen::List(members) if rest.first().is_some_and(|it| it.parse::<usize>().is_err()) => {
                            members.first_mut().is_some_and(|it| change(it, edit, depth + 1))
                        }
                        other => change(other, edit, depth + 1),
                    };
                }
                (_, false, None) => {
                    let mut made = Seen::Map(Vec::new());
                    let done = change(&mut made, edit, depth + 1);
                    map.push((key.clone(), made));
                    return done;
                }
            }
            true
        }
    }
}

/// The form reading gives: no empty maps, no empty members, no key for a list that has nothing.
fn normal(seen: Seen) -> Seen {
    match seen {
        Seen::Text(_) => seen,
        Seen::List(members) => {
            let empty = Seen::Text(String::new());
            Seen::List(members.into_iter().map(normal).filter(|it| *it != empty).collect())
        }
        Seen::Map(map) => {
            let map: Vec<_> = map.into_iter().map(|(key, value)| (key, normal(value))).collect();
            let map: Vec<_> = map.into_iter().filter(|(_, it)| *it != Seen::List(Vec::new())).collect();
            if map.is_empty() { Seen::Text(String::new()) } else { Seen::Map(map) }
        }
    }
}
