//! Findings and explanations as text and JSON.

use crate::tasks::kea::{Explanation, Linted, Severity};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Findings as text, the counts last.
pub fn lint_text(linted: &Linted) -> String {
    let mut out = String::new();
    for finding in &linted.findings {
        let _ = writeln!(out, "{finding}");
    }
    for missing in &linted.not_asked {
        let _ = writeln!(out, "not asked: {missing}");
    }
    let count = |severity| linted.findings.iter().filter(|it| it.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let _ = writeln!(
        out,
        "{}, as Kea {} reads them: {errors} errors, {warnings} warnings",
        linted.documents.join(", "),
        linted.version
    );
    out
}

/// Findings as JSON.
pub fn lint_json(linted: &Linted) -> Value {
    serde_json::to_value(linted).unwrap_or(Value::Null)
}

/// Explanations as text.
pub fn explain_text(all: &[Explanation]) -> String {
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// Explanations as JSON.
pub fn explain_json(all: &[Explanation]) -> Value {
    json!({ "explained": all })
}
