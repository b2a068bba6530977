//! Why pfSense would not take a config.xml, and what it would do then.

use super::dialect::Dialect;
use super::document::line_of;
use super::scan::Flaw;
use std::fmt;

/// What pfSense does with a file that it refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consequence {
    /// pfSense puts the file aside and restores its newest backup.
    BackupRestored,
    /// 2.7: an uncaught exception; the web interface does not work until somebody repairs the file.
    Dies,
}

/// Why pfSense would refuse this file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// Line in the file, from 1.
    pub line: usize,
    /// The fact.
    pub what: String,
    /// What pfSense does then.
    pub consequence: Consequence,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

/// A flaw, and whether it is one of structure (an exception in pfSense's handlers) or of the XML itself.
pub(super) struct Broken {
    pub flaw: Flaw,
    pub structure: bool,
    /// None, but the bytes mean something else: ISO 8859-1 was declared.
    pub latin: bool,
}

impl Broken {
    /// In a file with these bytes, read by the rules of this generation.
    pub(super) fn refusal(&self, bytes: &[u8], dialect: Dialect) -> Unreadable {
        let dies = self.structure && dialect.dies_of_bad_structure();
        let consequence = if dies { Consequence::Dies } else { Consequence::BackupRestored };
        Unreadable { line: line_of(bytes, self.flaw.at), what: self.flaw.what.clone(), consequence }
    }
}

impl From<Flaw> for Broken {
    fn from(flaw: Flaw) -> Self {
        Self { flaw, structure: false, latin: false }
    }
}
