//! Findings of the checks: the finding, its place in the tree, and the list of findings.

use crate::systems::kea::text::Document;
use crate::systems::kea::text::lex::Span;
use serde::Serialize;
use std::fmt;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The daemon refuses the file, aborts on it, or loses every update because of it.
    Error,
    /// It works, but not always or not as intended.
    Warning,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
pub struct Finding {
    /// Stable short name, e.g. `d2-no-final-dot`.
    pub code: &'static str,
    /// How bad.
    pub severity: Severity,
    /// `FILE:line:column`
    pub place: String,
    /// `DhcpDdns/tsig-keys/0/secret`
    pub path: String,
    /// The consequence, in one sentence.
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

/// Where in the tree a check is; built on the way down, printed only for a finding.
pub(super) struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    part: Part<'a>,
}

#[derive(Clone, Copy)]
enum Part<'a> {
    Root,
    Name(&'a str),
    Item(usize),
}

impl<'a> Path<'a> {
    pub(super) const fn root() -> Self {
        Self { parent: None, part: Part::Root }
    }

    pub(super) fn name(&'a self, name: &'a str) -> Self {
        Self { parent: Some(self), part: Part::Name(name) }
    }

    pub(super) fn item(&'a self, index: usize) -> Self {
        Self { parent: Some(self), part: Part::Item(index) }
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
        match self.part {
            Part::Root => Ok(()),
            Part::Name(name) => f.write_str(name),
            Part::Item(index) => index.fmt(f),
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
