//! Turns plans, runs, status and errors into text. Decides nothing; as JSON they are in `run/document.rs`.

pub mod kea;
pub mod pfsense;
pub mod progress;

use crate::changes::{Undo, bypass::BypassState};
use crate::error::Error;
use crate::model::words::count;
use crate::plan::{FORMAT, Outcome, Plan, RunRecord, RunReport};
use crate::tasks::status::Status;
use std::fmt::Write as _;

/// A plan as text: what was found, each step with its diff, dangers last. `confirmed`: those that are accepted already.
pub fn plan_text(plan: &Plan, confirmed: &[String]) -> String {
    let mut out = String::new();
    if plan.is_empty() {
        let _ = writeln!(out, "{}: nothing to do", plan.title);
        return out;
    }
    let _ = writeln!(out, "plan {}: {}", plan.id, plan.title);
    let width = plan.steps.len().to_string().len();
    for (number, step) in plan.steps.iter().enumerate() {
        let _ = writeln!(out, "  {:>width$}  {}", number + 1, step.title);
        if let Undo::Impossible(why) = &step.undo {
            let _ = writeln!(out, "  {:>width$}  ! cannot be undone: {why}", "");
        }
        for line in step.diff.lines() {
            let _ = writeln!(out, "  {:>width$}    {line}", "");
        }
    }
    for danger in &plan.dangers {
        let _ = writeln!(out, "danger: {}", danger.why);
        if !confirmed.contains(&danger.name) {
            let _ = writeln!(out, "  accept it with --confirm {}", danger.name);
        }
    }
    out
}

/// A finished run as text.
pub fn run_text(plan: &Plan, report: &RunReport) -> String {
    let what = match report.outcome {
        Outcome::Done => "done",
        Outcome::Undone => "undone",
    };
    let counts = report.evidence.to_string();
    let counts = if counts.is_empty() { counts } else { format!(" ({counts})") };
    format!("{}: {what}, {}{counts}\n", plan.title, count(plan.steps.len(), "step"))
}

/// The steps of a run that are left to do, or to undo.
pub fn left_text(run: &RunRecord, what: &str, left: &[usize]) -> String {
    let mut out = format!("{what} {}: {}: {}\n", run.plan.id, run.plan.title, count(left.len(), "step"));
    let width = run.plan.steps.len().to_string().len();
    for (number, step) in left.iter().filter_map(|number| Some((number + 1, run.plan.steps.get(*number)?))) {
        let _ = writeln!(out, "  {number:>width$}  {}", step.title);
    }
    out
}

/// An active bypass.
pub fn bypass_text(state: &BypassState) -> String {
    format!(
        "bypass since {:.0} until {:.0}: {}\n{} zone rules to restore\n\
         `pfddns bypass disable` ends it; so does the first pfddns command after that time, such as a `pfddns status` from cron\n",
        state.since,
        state.until,
        state.reason,
        state.saved.len()
    )
}

/// The list of runs as text.
pub fn runs_text(runs: &[RunRecord]) -> String {
    let mut out = String::new();
    for run in runs {
        let _ = writeln!(out, "{}  {}  {}  by {}", run.plan.id, run.standing(), run.plan.title, run.who);
        for why in run.why.iter().filter(|_| run.unfinished()) {
            let _ = writeln!(out, "    failed: {why}");
        }
        if run.format < FORMAT {
            let _ = writeln!(out, "    journal of an older format: a lost or changed line in it can't be seen");
        }
    }
    if runs.is_empty() { "no runs yet\n".into() } else { out }
}

/// The status as text.
pub fn status_text(status: &Status) -> String {
    let mut out = format!("site {}\n\nkeys\n", status.site);
    for key in &status.keys {
        let mark = match (key.retired, Some(&key.name) == status.current.as_ref()) {
            (Some(at), _) => format!("retired {}", at.strftime("%Y-%m-%d")),
            (None, true) => "in use".into(),
            (None, false) => "stored".into(),
        };
        let _ = writeln!(
            out,
            "  {}  {}  fingerprint {}  {}  {mark}  {}",
            key.name,
            key.algorithm,
            key.fingerprint,
            age(key.age_seconds),
            key.secret
        );
    }
    let none = "no key".to_owned();
    let name = |key: &Option<crate::model::KeyName>| key.as_ref().map_or_else(|| none.clone(), ToString::to_string);
    let _ = writeln!(out, "\nD2\n  file: {}\n  running: {}", name(&status.d2_file), name(&status.d2_running));
    for it in &status.other_firewalls {
        let _ = writeln!(out, "D2 on {}\n  file: {}\n  running: {}", it.name, name(&it.d2_file), name(&it.d2_running));
    }
    out.push_str("\nservers\n");
    for server in &status.servers {
        let _ = writeln!(out, "  {}  {}  up since {}", server.name, server.version, server.started);
        for key in &server.keys {
            let text = key.fingerprint.as_ref().map_or_else(|| "unknown".into(), ToString::to_string);
            let _ = writeln!(out, "    key {}  fingerprint {text}", key.name);
        }
        for zone in &server.zones {
            let _ = writeln!(out, "    zone {}  {}", zone.name, zone.rules);
        }
    }
    if let Some(view) = &status.dhcp_wiring {
        out.push_str("\nDHCP\n");
        pfsense::wiring_text(view).lines().for_each(|line| out.push_str(&format!("  {line}\n")));
    }
    let proof = status.last_proof.map_or_else(|| "none yet: `pfddns verify`".to_owned(), |it| format!("{it:.0}"));
    let _ = writeln!(out, "\nlast proof that others are refused: {proof}");
    if status.problems.is_empty() {
        out.push_str("\nall agree\n");
    } else {
        out.push_str("\nproblems\n");
        for problem in &status.problems {
            let _ = writeln!(out, "  {problem}");
        }
    }
    out
}

/// An age, rounded for people.
fn age(seconds: i64) -> String {
    match seconds / 3600 {
        ..1 => "less than an hour old".into(),
        hours @ 1..48 => format!("{hours} h old"),
        hours => format!("{} days old", hours / 24),
    }
}

/// An error as text for stderr.
pub fn error_text(error: &Error) -> String {
    format!("pfddns: error: {error}\n")
}
