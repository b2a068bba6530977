//! Where in pfddns.toml something is wrong: file, line and key.

use crate::error::Error;
use std::path::Path;

/// For errors: which file, and how to turn a byte offset into a line.
pub(super) struct Place<'a> {
    pub(super) file: &'a Path,
    pub(super) text: &'a str,
}

impl Place<'_> {
    pub(super) fn error(&self, span: Option<std::ops::Range<usize>>, what: &str) -> Error {
        let line = span.map(|span| {
            let start = self.unknown_key(&span, what).unwrap_or(span.start);
            let before = self.text.get(..start.min(self.text.len())).unwrap_or_default();
            let key = self.text.get(before.rfind('\n').map_or(0, |at| at + 1)..).unwrap_or_default();
            let key = key.lines().next().unwrap_or_default().split('=').next().unwrap_or_default().trim().to_owned();
            (before.matches('\n').count() + 1, key)
        });
        let what = what.lines().next().unwrap_or_default();
        let text = match line {
            Some((line, key)) if !key.is_empty() => format!("{}:{line}: {key}: {what}", self.file.display()),
            Some((line, _)) => format!("{}:{line}: {what}", self.file.display()),
            None => format!("{}: {what}", self.file.display()),
        };
        Error::usage(text).hint("`pfddns config --template` prints a file with every option explained")
    }

    /// Inside a [[server]] the parser only reports where the table begins: finds the key that its message names.
    fn unknown_key(&self, table: &std::ops::Range<usize>, what: &str) -> Option<usize> {
        let name = what.strip_prefix("unknown field `")?.split('`').next()?;
        let mut at = table.start;
        let mut lines = self.text.get(at..)?.split_inclusive('\n');
        // The span of a table may be that of its header alone.
        at += lines.next()?.len();
        for line in lines.take_while(|line| !line.starts_with('[')) {
            if line.split('=').next()?.trim().trim_matches('"') == name {
                return Some(at);
            }
            at += line.len();
        }
        None
    }
}
