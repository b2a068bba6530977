//! Undoes changes with other changes, so that somebody's later changes elsewhere in the file stay.

use super::Edit;
use crate::systems::pfsense::xml::{Document, Id, Seen};

impl Document<'_> {
    /// The changes that restore this file's current values at the places of `edits`, in the order to make them.
    pub fn inverse(&self, edits: &[Edit]) -> Vec<Edit> {
        let mut back = Vec::new();
        for edit in edits.iter().rev() {
            let there = |path: &[String], value: &Seen| !self.members(path, value).is_empty();
            let edit = match edit.clone() {
                Edit::Include { path, value } | Edit::Exclude { path, value } if there(&path, &value) => {
                    Edit::Include { path, value }
                }
                Edit::Include { path, value } | Edit::Exclude { path, value } => Edit::Exclude { path, value },
                edit => self.back(edit.path()),
            };
            if !back.contains(&edit) {
                back.push(edit);
            }
        }
        back
    }

    fn back(&self, path: &[String]) -> Edit {
        let mut at = self.root();
        for (depth, tag) in path.iter().enumerate() {
            let here: Vec<String> = path.iter().take(depth + 1).cloned().collect();
            if self.dialect.is_list(tag) {
                // A list is restored as a whole: positions may have moved.
                return Edit::Put { path: here, value: self.list_value(at, tag) };
            }
            match self.child(at, tag) {
                None => return Edit::Remove { path: here },
                Some(id) if depth + 1 == path.len() => return Edit::Put { path: here, value: Seen::of(self, id) },
                Some(id) => at = id,
            }
        }
        Edit::Remove { path: path.to_vec() }
    }

    fn list_value(&self, parent: Id, tag: &str) -> Seen {
        Seen::List(self.list(parent, tag).map(|it| Seen::of(self, it)).collect())
    }
}
