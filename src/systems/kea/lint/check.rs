//! Our own checks of a D2 document, for what `kea-dhcp-ddns -t` misses or dies of: the grammar of each version, the
//! meaning of keys and domains, and habits that lose updates. All findings come at once, each with its place.

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

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
