//! Our own checks of a D2 document, for what `kea-dhcp-ddns -t` misses or dies of: the grammar of each version, the
//! meaning of keys and domains, and habits that lose updates. All findings come at once, each with its place.

use super::lex::Span;
use super::text::Document;
use super::{Version, forms, rules, rules_keys, schema};
use crate::error::Error;
use serde::Serialize;
use std::fmt;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The daemon refuses the file, dies of it, or loses every update because of it.
    Error,
    /// It works, but not always or not as meant.
    Warning,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Stable short name, e.g. `d2-no-final-dot`.
    pub code: &'static str,
    /// How bad.
    pub severity: Severity,
    /// `FILE:line:column`
    pub place: String,
    /// `DhcpDdns/tsig-keys/0/secret`
    pub path: String,
    /// What it leads to, in one sentence.
    pub consequence: String,
    /// What to do.
    pub fix: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = if self.severity == Severity::Error { "error" } else { "warning" };
        write!(f, "{}: {severity}: {} [{}]", self.place, self.consequence, self.code)?;
        if !self.path.is_empty() {
            write!(f, "\n  at     {}", self.path)?;
        }
        write!(f, "\n  fix    {}", self.fix)
    }
}

/// What a file named in a document is, as far as the checks care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// Not there.
    Missing,
    /// A folder, device or the like.
    NotAFile,
    /// There, with nothing in it.
    Empty,
    /// There, with these permission bits.
    File(u32),
    /// There, but its first word is no secret in base64.
    NoSecret,
    /// Nobody looked.
    Unknown,
}

impl Named {
    /// What a file is, by its permission bits and content. Daemons read its first word only.
    pub fn file(mode: u32, content: &[u8]) -> Self {
        let word = content.split(u8::is_ascii_whitespace).find(|it| !it.is_empty());
        match word.map(|it| std::str::from_utf8(it).ok().and_then(rules_keys::base64)) {
            None => Self::Empty,
            Some(None) => Self::NoSecret,
            Some(Some(_)) => Self::File(mode),
        }
    }
}

/// Against what a document is checked.
#[derive(Clone, Copy)]
pub struct Checked<'a> {
    /// Version of the daemon that will read it.
    pub version: Version,
    /// The only folder this build of the daemon takes control sockets in (from 2.6), if known.
    pub socket_folder: Option<&'a str>,
    /// Permission bits of that folder, if known.
    pub socket_folder_mode: Option<u32>,
    /// The only folder this build of the daemon logs to (from 2.6), if known.
    pub log_folder: Option<&'a str>,
    /// The only folder this build of the daemon loads hook libraries from (from 2.6), if known.
    pub hooks_folder: Option<&'a str>,
    /// True if no daemon could be asked: a folder that is not known is told by its usual end.
    pub guess_folders: bool,
    /// Looks at a file that the document names.
    pub look: &'a dyn Fn(&str) -> Named,
}

impl Checked<'_> {
    /// Checks for a version that look at nothing but the document.
    pub fn new(version: Version) -> Self {
        Self {
            version,
            socket_folder: None,
            socket_folder_mode: None,
            log_folder: None,
            hooks_folder: None,
            guess_folders: false,
            look: &|_| Named::Unknown,
        }
    }
}

/// All findings in a D2 document, in the order of the text within each pass: grammar first, then meaning.
pub fn d2(document: &Document, against: &Checked<'_>) -> Vec<Finding> {
    let mut report = Report { document, found: Vec::new() };
    schema::check(&mut report, document.root(), &forms::D2, against.version);
    match (document.broken(), document.root().get("DhcpDdns")) {
        // What stands behind the mistake is not known, so what is missing neither.
        (Some(error), _) => report.found.push(syntax(error)),
        (None, Some(d2)) => rules::check(&mut report, d2, against),
        (None, None) => {}
    }
    for comma in document.extra_commas() {
        report.warn(
            "extra-comma",
            *comma,
            &Path::root(),
            "a comma with nothing behind it: read from the file it only gives a warning, over the control channel the whole document is refused".into(),
            "remove the comma, or put back what is missing behind it",
        );
    }
    report.found
}

/// `FILE:line:column: fact` as a finding.
pub fn syntax(error: &Error) -> Finding {
    let (place, fact) = error.what().split_once(": ").unwrap_or(("", error.what()));
    Finding {
        code: "syntax",
        severity: Severity::Error,
        place: place.to_owned(),
        path: String::new(),
        consequence: format!("the daemon refuses the file: {fact}"),
        fix: error.hint_text().unwrap_or("correct the text at this place").to_owned(),
    }
}

/// Where in the tree a check is; built on the way down, printed only for a finding.
pub(super) struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    step: Step<'a>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Root,
    Name(&'a str),
    Item(usize),
}

impl<'a> Path<'a> {
    pub(super) const fn root() -> Self {
        Self { parent: None, step: Step::Root }
    }

    pub(super) fn name(&'a self, name: &'a str) -> Self {
        Self { parent: Some(self), step: Step::Name(name) }
    }

    pub(super) fn item(&'a self, index: usize) -> Self {
        Self { parent: Some(self), step: Step::Item(index) }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
            if parent.parent.is_some() {
                f.write_str("/")?;
            }
        }
        match self.step {
            Step::Root => Ok(()),
            Step::Name(name) => f.write_str(name),
            Step::Item(index) => index.fmt(f),
        }
    }
}

/// Collects findings over one document.
pub(super) struct Report<'d> {
    pub(super) document: &'d Document,
    pub(super) found: Vec<Finding>,
}

impl Report<'_> {
    pub(super) fn error(&mut self, code: &'static str, span: Span, path: &Path<'_>, consequence: String, fix: &str) {
        self.add(Severity::Error, code, span, path, consequence, fix);
    }

    pub(super) fn warn(&mut self, code: &'static str, span: Span, path: &Path<'_>, consequence: String, fix: &str) {
        self.add(Severity::Warning, code, span, path, consequence, fix);
    }

    fn add(
        &mut self,
        severity: Severity,
        code: &'static str,
        span: Span,
        path: &Path<'_>,
        consequence: String,
        fix: &str,
    ) {
        let place = self.document.place(span);
        self.found.push(Finding { code, severity, place, path: path.to_string(), consequence, fix: fix.to_owned() });
    }
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
