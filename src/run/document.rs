//! The documents that `--json` answers with, one kind for each question. Each has `format` and `document` first.

use crate::config::Config;
use crate::error::{Error, Result};
use crate::plan::{Plan, RunRecord, RunReport, journal::Mark};
use crate::tasks::backups::{Backup, Difference};
use crate::tasks::bypass::BypassState;
use crate::tasks::dhcp::{DhcpView, Warning};
use crate::tasks::kea::{Explained, Linted};
use crate::tasks::resolver::Resolver;
use crate::tasks::{service::ServiceView, status::Status, wiring::WiringView};
use jiff::Timestamp;
use serde::Serialize;
use std::path::PathBuf;

/// Counted up when a key goes or gets another meaning; new keys may come at any time.
pub(super) const FORMAT: u32 = 1;

/// Any answer; `document` names its kind.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case", tag = "document")]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
pub(super) enum Document {
    /// Why a command failed.
    Error {
        what: String,
        /// What was being done, innermost first.
        r#while: Vec<String>,
        /// What to do next.
        r#try: Option<String>,
        /// The exit code.
        exit: i32,
    },
    /// The configuration as it is understood, defaults filled in.
    Config(Box<Config>),
    /// Keys, servers, zones, D2, bypass, unfinished runs.
    Status(Box<Status>),
    /// What would change.
    Plan {
        /// How many steps it has.
        pending: usize,
        plan: Plan,
        warnings: Vec<Warning>,
    },
    /// What was changed.
    Run {
        /// Its name.
        run: String,
        title: String,
        /// How many steps it has.
        steps: usize,
        #[serde(flatten)]
        report: RunReport,
        /// The end of the bypass that it opened.
        #[serde(skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
        warnings: Vec<Warning>,
    },
    /// What is left of a run, to do or to take back. No run: nothing is left.
    Left {
        pending: usize,
        run: Option<String>,
        title: Option<String>,
        /// The titles of these steps, in the order they would be done.
        steps: Vec<String>,
    },
    /// The runs of the site, newest last.
    Runs { runs: Vec<RunRow> },
    /// The bypass in force, if any.
    Bypass { bypass: Option<BypassState> },
    /// What `kea lint` found.
    Lint(Linted),
    /// Where updates would go, and why.
    Explain { explained: Vec<Explained> },
    /// D2 as a service, on each firewall.
    Service { firewalls: Vec<ServiceView> },
    /// Whether D2 runs, and whether it had to be started.
    ServiceEnsure { running: bool, started: bool },
    /// pfSense's DHCP server.
    Dhcp(DhcpView),
    /// Whether kea-dhcp4 sends names to D2.
    DhcpDdns(WiringView),
    /// pfSense's DNS Resolver.
    Unbound(Resolver),
    /// The backups, oldest first.
    Backups { backups: Vec<Backup> },
    /// What differs from a backup, on each firewall that has it.
    Differences { differences: Vec<Difference> },
    /// A page, a template, a schema or completions.
    Text { text: String },
}

/// One run of the list.
#[derive(Serialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
pub(super) struct RunRow {
    run: String,
    /// `done`, `undone`, `unfinished` or `never begun`.
    standing: &'static str,
    title: String,
    /// Who started it.
    who: String,
    /// When its plan was made.
    made: Timestamp,
    /// When its journal was last written.
    last: Timestamp,
    /// Why the last step that failed did.
    why: Option<String>,
    journal: PathBuf,
    /// How far each step is.
    steps: Vec<Mark>,
}

#[derive(Serialize)]
struct Envelope<'a> {
    format: u32,
    #[serde(flatten)]
    document: &'a Document,
}

impl From<RunRecord> for RunRow {
    fn from(run: RunRecord) -> Self {
        let standing = run.standing();
        let RunRecord { plan, who, marks: steps, why, last, path: journal, .. } = run;
        Self { run: plan.id, standing, title: plan.title, who, made: plan.made, last, why, journal, steps }
    }
}

impl From<&Error> for Document {
    fn from(error: &Error) -> Self {
        let (what, r#while) = (error.what().to_owned(), error.doing().to_owned());
        Self::Error { what, r#while, r#try: error.hint_text().map(Into::into), exit: error.exit() as i32 }
    }
}

impl Document {
    pub(super) fn plan(plan: Plan) -> Self {
        Self::Plan { pending: plan.steps.len(), plan, warnings: Vec::new() }
    }

    pub(super) fn run(plan: &Plan, report: RunReport) -> Self {
        let (run, title, steps) = (plan.id.clone(), plan.title.clone(), plan.steps.len());
        Self::Run { run, title, steps, report, until: None, warnings: Vec::new() }
    }

    pub(super) fn left(run: &RunRecord, left: &[usize]) -> Self {
        let title = |number: &usize| Some(run.plan.steps.get(*number)?.title.clone());
        let steps = left.iter().filter_map(title).collect();
        Self::Left { pending: left.len(), run: Some(run.plan.id.clone()), title: Some(run.plan.title.clone()), steps }
    }

    /// As it is printed.
    pub(super) fn print(&self) -> Result<String> {
        let text = serde_json::to_string_pretty(&Envelope { format: FORMAT, document: self });
        text.map(|it| it + "\n").map_err(|error| Error::new(format!("the answer: {error}")))
    }
}
