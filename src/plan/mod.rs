//! Plans as data: an ordered list of steps, each with its proof and its undo. To print a plan is the dry run, to save
//! it is for review. Nothing here decides what to do; `tasks` do that.

pub mod apply;
pub mod choose;
pub mod journal;
mod older;

use crate::changes::{Change, Check, Step, Undo, bypass};
use crate::error::{Error, Exit, Result};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use apply::{Moment, Observer, Outcome, RunReport};
pub use journal::{Journal, RunRecord, Runs};

/// Format of saved plans and journals.
pub const FORMAT: u32 = 2;

/// An ordered list of steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// `FORMAT` of the program that made it.
    pub format: u32,
    /// Name of the run: time, task and a random end. Names its journal and its backups.
    pub id: String,
    /// What it is for.
    pub title: String,
    /// When it was made.
    pub made: Timestamp,
    /// What was found while planning. All of it must still hold when the plan is applied, or it is stale.
    pub given: Vec<Check>,
    /// The steps.
    pub steps: Vec<Step>,
    /// Dangers that the operator must know first. Each must be confirmed by its name.
    pub dangers: Vec<Danger>,
}

/// Something that must be confirmed by name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Danger {
    /// The word to confirm it with.
    pub name: String,
    /// What may happen.
    pub why: String,
}

impl Plan {
    /// An empty plan. `task` is a short word for the run's name.
    pub fn new(task: &str, title: impl Into<String>, now: Timestamp) -> Self {
        let stamp = now.strftime("%Y%m%dT%H%M%SZ");
        let id = format!("{stamp}-{task}-{:04x}", rand::random::<u16>());
        Self {
            format: FORMAT,
            id,
            title: title.into(),
            made: now,
            given: Vec::new(),
            steps: Vec::new(),
            dangers: Vec::new(),
        }
    }

    /// The same plan without pausing DHCP while D2 reloads, also on undo, for when kea-dhcp4 does not answer. The steps
    /// say what can be lost (`systems::kea::daemon::apply::Paths::pause`).
    #[must_use]
    pub fn without_pause(mut self) -> Self {
        for step in &mut self.steps {
            if step.change.do_not_pause() {
                step.title.push_str(" (DHCP is not paused: on a busy network the reload may lose a name)");
            }
            if let Undo::By(change) = &mut step.undo {
                change.do_not_pause();
            }
        }
        self
    }

    /// True if there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// True if it ends a bypass: undoing it opens the zones again.
    pub fn closes(&self) -> bool {
        self.steps.iter().any(|step| matches!(step.change, Change::Bypass(bypass::Change::EndBypass { .. })))
    }

    /// Reads a saved plan.
    pub fn load(name: &str, bytes: &[u8]) -> Result<Self> {
        let bad = |why: String| {
            Error::new(format!("{name}: not a plan this program can read: {why}"))
                .hint("make a new one with `pfddns plan TASK --out FILE`")
                .exit_with(Exit::Usage)
        };
        let plan = older::plan(bytes).map_err(bad)?;
        let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if plan.id.is_empty() || plan.id.len() > 80 || !plan.id.bytes().all(good) {
            return Err(bad("its id is not a run's name".into()));
        }
        Ok(plan)
    }
}
