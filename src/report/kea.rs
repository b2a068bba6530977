//! Findings and explanations as text and JSON.

use crate::model::HostName;
use crate::model::words::count;
use crate::tasks::kea::{Explained, Linted, Severity};
use crate::tasks::service::ServiceView;
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
    for silent in &linted.no_answer {
        let _ = writeln!(out, "no answer, so not judged: {silent}");
    }
    let found = |severity| linted.findings.iter().filter(|it| it.severity == severity).count();
    let (errors, warnings) = (count(found(Severity::Error), "error"), count(found(Severity::Warning), "warning"));
    let _ =
        writeln!(out, "{}, as Kea {} reads them: {errors}, {warnings}", linted.documents.join(", "), linted.version);
    out
}

/// Findings as JSON.
pub fn lint_json(linted: &Linted) -> Value {
    serde_json::to_value(linted).unwrap_or(Value::Null)
}

/// Explanations as text.
pub fn explain_text(all: &[Explained]) -> String {
    let one = |it: &Explained| match &it.firewall {
        Some(name) => format!("on {name}\n{}", it.explanation),
        None => it.explanation.to_string(),
    };
    all.iter().map(one).collect::<Vec<_>>().join("\n")
}

/// Explanations as JSON.
pub fn explain_json(all: &[Explained]) -> Value {
    json!({ "explained": all })
}

/// Where D2's service stands, on each firewall.
pub fn service_text(views: &[(HostName, ServiceView)]) -> String {
    match views {
        [(_, one)] => service_on(one),
        all => all.iter().map(|(name, view)| format!("{name}\n{}\n", service_on(view))).collect(),
    }
}

/// The same as JSON; one firewall is not named.
pub fn service_json(views: &[(HostName, ServiceView)]) -> Value {
    let data = |view: &ServiceView| serde_json::to_value(view).unwrap_or(Value::Null);
    match views {
        [(_, one)] => data(one),
        all => {
            let each: serde_json::Map<String, Value> =
                all.iter().map(|(name, view)| (name.to_string(), data(view))).collect();
            json!({ "firewalls": each })
        }
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
