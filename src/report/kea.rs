//! Findings and explanations as text.

use crate::model::words::count;
use crate::tasks::kea::{Explained, Linted, Severity};
use crate::tasks::service::ServiceView;
use std::fmt::Write as _;

/// Findings as text, the counts last.
pub fn lint_text(linted: &Linted) -> String {
    let mut out = String::new();
    for finding in &linted.findings {
        let _ = writeln!(out, "{finding}");
    }
    for missing in &linted.not_asked {
        let _ = writeln!(out, "not checked: {missing}");
    }
    for silent in &linted.no_answer {
        let _ = writeln!(out, "no answer, so not checked: {silent}");
    }
    let found = |severity| linted.findings.iter().filter(|it| it.severity == severity).count();
    let (errors, warnings) = (count(found(Severity::Error), "error"), count(found(Severity::Warning), "warning"));
    let _ =
        writeln!(out, "{}, as Kea {} reads them: {errors}, {warnings}", linted.documents.join(", "), linted.version);
    out
}

/// Explanations as text.
pub fn explain_text(all: &[Explained]) -> String {
    let one = |it: &Explained| match &it.firewall {
        Some(name) => format!("on {name}\n{}", it.explanation),
        None => it.explanation.to_string(),
    };
    all.iter().map(one).collect::<Vec<_>>().join("\n")
}

/// The state of D2's service on each firewall.
pub fn service_text(views: &[ServiceView]) -> String {
    match views {
        [one] => service_on(one),
        all => all.iter().map(|view| format!("{}\n{}\n", view.firewall, service_on(view))).collect(),
    }
}

fn service_on(view: &ServiceView) -> String {
    let mut out = format!("script    {}: {}\n", view.script, view.script_state);
    let is = |there: bool, yes: &'static str, no: &'static str| if there { yes } else { no };
    let _ = writeln!(out, "service   {}", is(view.service, "in Status > Services", "not in Status > Services"));
    let _ = writeln!(out, "boot      {}", is(view.early, "started before DHCP", "not started before DHCP"));
    if let Some(there) = view.shellcmd_package {
        let _ = writeln!(out, "shellcmd  {}", is(there, "the package has it in its list", "the package would drop it"));
    }
    let _ = writeln!(out, "file      {}", is(view.file, "there", "not there"));
    let running = match view.running {
        Some(true) => "runs",
        Some(false) => "does not run",
        None => "unknown",
    };
    let _ = writeln!(out, "D2        {running}");
    for problem in &view.problems {
        let _ = writeln!(out, "  ! {problem}");
    }
    out
}
