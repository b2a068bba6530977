//! Our own checks of a D2 document, for mistakes that `kea-dhcp-ddns -t` misses or aborts on: the grammar of each version,
//! the meaning of keys and domains, and settings that lose updates. Reports all findings at once, each with its place.

use super::against::Checked;
use super::report::{Finding, Path, Report, Severity};
use super::{forms, rules, schema};
use crate::error::Error;
use crate::systems::kea::text::Document;

/// All findings in a D2 document, in the order of the text within each pass: grammar first, then meaning.
pub fn d2(document: &Document, against: &Checked<'_>) -> Vec<Finding> {
    let mut report = Report { document, found: Vec::new() };
    schema::check(&mut report, document.root(), &forms::D2, against.version);
    match (document.broken(), document.root().get("DhcpDdns")) {
        // The text after the mistake is unknown, so missing members are unknown too.
        (Some(error), _) => report.found.push(syntax(error)),
        (None, Some(d2)) => rules::check(&mut report, d2, against),
        (None, None) => {}
    }
    for comma in document.extra_commas() {
        report.warn(
            "extra-comma",
            *comma,
            &Path::root(),
            "a comma with nothing after it: in a file this is only a warning, over the control channel the whole document is refused".into(),
            "remove the comma, or add what is missing after it",
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

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
