//! The only loop that changes anything: `apply`, `resume` and `undo`. Each step is journaled before and after.

use super::Plan;
use super::journal::{Ending, Event, Journal, Mark, RunRecord, Runs};
use crate::changes::{Check, Evidence, Step, Undo};
use crate::config::Config;
use crate::error::{Doing, Error, Exit, Result};
use crate::world::World;
use serde::Serialize;
use std::ops::ControlFlow;
use std::path::PathBuf;

/// What the observer is told, in this order for each step.
pub enum Moment<'a> {
    /// Before the journal has a line about this step.
    Next(usize, &'a Step),
    /// The journal says started; the change comes now.
    Started(usize, &'a Step),
    /// The change was made; its proof comes now.
    Changed(usize, &'a Step),
    /// Proven and written to the journal.
    Done(usize, &'a Step, &'a Evidence),
    /// It failed; the undo comes now.
    Failed(usize, &'a Step, &'a Error),
    /// The undo begins.
    Undoing(usize, &'a Step),
    /// Undone; its proof and the journal line come now.
    WentBack(usize, &'a Step),
    /// Undone and written to the journal.
    Undone(usize, &'a Step),
}

/// Watches a run: prints progress, or, in tests, cuts the run off by answering `Break`.
pub trait Observer {
    /// Called at each moment. `Break` stops at once, as a kill would: nothing more is done or written.
    fn tell(&mut self, moment: &Moment<'_>) -> ControlFlow<()>;
}

/// For runs without an observer.
impl Observer for () {
    fn tell(&mut self, _: &Moment<'_>) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Every step is done and proven.
    Done,
    /// Everything is as it was before.
    Undone,
}

/// What a run did.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
pub struct RunReport {
    /// How it ended.
    pub outcome: Outcome,
    /// Its journal.
    pub journal: PathBuf,
    /// What was seen.
    #[serde(flatten)]
    pub evidence: Evidence,
}

/// Why a run stops.
enum Stop {
    /// The observer cut the run off: nothing more is done or written.
    CutOff,
    /// This went wrong.
    Failed(Error),
}

/// A result in the midst of a run.
type Going<T> = std::result::Result<T, Stop>;

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<Stop> for Error {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::CutOff => Self::new("cut off").exit_with(Exit::NeedsPerson),
            Stop::Failed(error) => error,
        }
    }
}

/// One run in progress.
struct Run<'a> {
    plan: &'a Plan,
    config: &'a Config,
    world: &'a mut World,
    journal: Journal,
    observer: &'a mut dyn Observer,
    evidence: Evidence,
}

/// Applies a plan from its start. Refuses a stale plan. While another run is unfinished it refuses every plan except the
/// end of a bypass: that must always be possible, and no unfinished run depends on its rules.
pub async fn apply(
    plan: &Plan,
    config: &Config,
    world: &mut World,
    who: &str,
    observer: &mut dyn Observer,
) -> Result<RunReport> {
    let runs = Runs::lock(world, &config.primary.state)?;
    // The end of a bypass must not wait for a journal that can't be read.
    let others = if plan.closes() { Vec::new() } else { super::journal::all(world, &config.primary.state)? };
    if let Some(open) = others.iter().find(|run| run.unfinished()) {
        return Err(Error::new(format!("run {} is unfinished", open.plan.id))
            .hint("`pfddns resume` continues it, `pfddns undo` undoes it"));
    }
    for check in &plan.given {
        check.holds(config, world).await.map_err(|error| {
            Error::new(format!("the plan is stale: {}", error.what())).hint("make a new plan and review it")
        })?;
    }
    let journal = runs.begin(config, world, plan, who)?;
    let mut run = Run { plan, config, world, journal, observer, evidence: Evidence::default() };
    Ok(run.forward(0).await?)
}

/// Resumes an unfinished run.
pub async fn resume(
    record: &RunRecord,
    config: &Config,
    world: &mut World,
    observer: &mut dyn Observer,
) -> Result<RunReport> {
    let runs = Runs::lock(world, &config.primary.state)?;
    let (record, journal) = runs.reopen(world, record)?;
    if !record.unfinished() {
        return Err(Error::new(format!("run {} is {} already", record.plan.id, record.standing())));
    }
    let plan = &record.plan;
    let mut run = Run { plan, config, world, journal, observer, evidence: record.evidence.clone() };
    // A run that can't be undone can only be resumed.
    let turned = |(mark, step): (&Mark, &Step)| {
        matches!(mark, Mark::Failed | Mark::Undoing | Mark::Undone) && !matches!(step.undo, Undo::Impossible(_))
    };
    if record.marks.iter().zip(&plan.steps).any(turned) {
        return Err(Error::new(format!("the undo of run {} was already started", plan.id))
            .hint("`pfddns undo` undoes the rest"));
    }
    let first = record.to_do().first().copied().unwrap_or(plan.steps.len());
    if record.marks.get(first).is_some_and(|mark| *mark != Mark::Waiting) {
        run.pick_up(first).await?;
        return Ok(run.forward(first + 1).await?);
    }
    Ok(run.forward(first).await?)
}

/// Undoes a run, finished or not.
pub async fn undo(
    record: &RunRecord,
    config: &Config,
    world: &mut World,
    observer: &mut dyn Observer,
) -> Result<RunReport> {
    let runs = Runs::lock(world, &config.primary.state)?;
    let (record, journal) = runs.reopen(world, record)?;
    if record.ended == Some(Ending::Undone) {
        return Err(Error::new(format!("run {} is undone already", record.plan.id)));
    }
    let plan = &record.plan;
    let mut run = Run { plan, config, world, journal, observer, evidence: Evidence::default() };
    Ok(run.back(record.to_take_back().first().map_or(0, |last| last + 1), &record.marks).await?)
}

impl Run<'_> {
    async fn forward(&mut self, first: usize) -> Going<RunReport> {
        let plan = self.plan;
        for (number, step) in plan.steps.iter().enumerate().skip(first) {
            self.tell(&Moment::Next(number, step))?;
            // Nothing of this step is done yet: if its conditions no longer hold, only the earlier steps are undone.
            if let Err(error) = all_hold(step.before.iter().chain(&step.ready), self.config, self.world).await {
                return self.turn_back(number, number, step, error).await;
            }
            self.note(&Event::Started { step: number })?;
            self.tell(&Moment::Started(number, step))?;
            match self.make(number, step).await {
                Ok(evidence) => self.done(number, step, evidence)?,
                Err(Stop::Failed(error)) => return self.turn_back(number + 1, number, step, error).await,
                Err(cut_off) => return Err(cut_off),
            }
        }
        Ok(self.end(Ending::Done, Outcome::Done)?)
    }

    /// A step that was started when the run was cut off: the current state shows how far it got.
    async fn pick_up(&mut self, number: usize) -> Going<()> {
        let plan = self.plan;
        let Some(step) = plan.steps.get(number) else { return Ok(()) };
        self.tell(&Moment::Next(number, step))?;
        let evidence = if !step.after.is_empty() && all_hold(&step.after, self.config, self.world).await.is_ok() {
            Evidence::note("found done")
        } else if let Err(error) = all_hold(&step.before, self.config, self.world).await
            && !step.change.nature().writes_more_than_once
        {
            let doing = format!("resuming step {}, {}", number + 1, step.title);
            return Err(self.stuck(error.while_doing(doing)).into());
        } else {
            self.tell(&Moment::Started(number, step))?;
            // Hours may have passed since the steps before it were proven.
            let made = match all_hold(&step.ready, self.config, self.world).await {
                Ok(()) => self.make(number, step).await,
                Err(error) => Err(error.into()),
            };
            match made {
                Ok(evidence) => evidence,
                Err(Stop::Failed(error)) => {
                    return self.turn_back(number + 1, number, step, error).await.map(|_| ());
                }
                Err(cut_off) => return Err(cut_off),
            }
        };
        self.done(number, step, evidence)
    }

    async fn make(&mut self, number: usize, step: &Step) -> Going<Evidence> {
        let evidence = step.change.run(self.config, self.world).await?;
        self.tell(&Moment::Changed(number, step))?;
        all_hold(&step.after, self.config, self.world).await?;
        Ok(evidence)
    }

    fn done(&mut self, number: usize, step: &Step, evidence: Evidence) -> Going<()> {
        self.note(&Event::Done { step: number, evidence: evidence.clone() })?;
        self.tell(&Moment::Done(number, step, &evidence))?;
        self.evidence.add(&evidence);
        Ok(())
    }

    /// A step failed: write that down, undo all steps before `end`, and report both.
    async fn turn_back(&mut self, end: usize, number: usize, step: &Step, error: Error) -> Going<RunReport> {
        let error = error.while_doing(format!("step {} of {}, {}", number + 1, self.plan.steps.len(), step.title));
        self.note(&Event::Failed { step: number, why: error.what().to_owned() })?;
        self.tell(&Moment::Failed(number, step, &error))?;
        if self.plan.steps.iter().take(end).all(|step| step.change.nature().leaves_nothing) {
            self.note(&Event::Ended { outcome: Ending::Undone })?;
            return Err(error.exit_with(Exit::Failed).into());
        }
        let again = match step.undo {
            Undo::Impossible(_) => "resume".to_owned(),
            _ => format!("undo {}", self.plan.id),
        };
        match self.back(end, &[]).await {
            Ok(_) => {
                Err(error.hint("everything is undone; fix the cause, then run it again").exit_with(Exit::Undone).into())
            }
            Err(Stop::Failed(worse)) => Err(Error::new(worse.what())
                .while_doing(format!("undoing the run after this failure: {}", error.what()))
                .hint(format!("`pfddns {again}` when the cause is fixed\n{}", self.journal.path().display()))
                .exit_with(Exit::NeedsPerson)
                .into()),
            Err(cut_off) => Err(cut_off),
        }
    }

    /// Undoes the steps before `end`, last first, each one proven; steps that `marks` shows as undone are skipped. If the
    /// secret store is down, its own entries are left for later: servers and D2 are undone from files on the firewall.
    async fn back(&mut self, end: usize, marks: &[Mark]) -> Going<RunReport> {
        let plan = self.plan;
        let mut waiting = None;
        for (number, step) in plan.steps.iter().enumerate().take(end).rev() {
            if marks.get(number) == Some(&Mark::Undone) {
                continue;
            }
            self.note(&Event::Undoing { step: number })?;
            self.tell(&Moment::Undoing(number, step))?;
            match self.take_back(number, step).await {
                Ok(()) => {}
                Err(Stop::Failed(error)) => {
                    let error = error.while_doing(format!("undoing step {}, {}", number + 1, step.title));
                    if !step.change.nature().only_in_store {
                        return Err(self.stuck(error).into());
                    }
                    waiting.get_or_insert(error);
                    continue;
                }
                Err(cut_off) => return Err(cut_off),
            }
            self.note(&Event::Undone { step: number })?;
            self.tell(&Moment::Undone(number, step))?;
        }
        match waiting {
            None => Ok(self.end(Ending::Undone, Outcome::Undone)?),
            Some(error) => Err(self.store_waits(&error).into()),
        }
    }

    fn store_waits(&self, error: &Error) -> Error {
        let what = format!("all undone except the secret store's entry: {}", error.what());
        let again = format!("`pfddns undo {}` when the store answers", self.plan.id);
        let error = error.doing().iter().fold(Error::new(what), |all, doing| all.while_doing(doing));
        error.hint(format!("{again}\n{}", self.journal.path().display())).exit_with(Exit::NeedsPerson)
    }

    async fn take_back(&mut self, number: usize, step: &Step) -> Going<()> {
        match &step.undo {
            Undo::NotNeeded => return Ok(()),
            Undo::Impossible(why) => {
                let untouched =
                    !step.before.is_empty() && all_hold(&step.before, self.config, self.world).await.is_ok();
                return if untouched { Ok(()) } else { Err(Error::new(format!("this can't be undone: {why}")).into()) };
            }
            Undo::By(change) => change.run(self.config, self.world).await.map(|_| ())?,
        }
        self.tell(&Moment::WentBack(number, step))?;
        Ok(all_hold(&step.before, self.config, self.world).await?)
    }

    fn end(&mut self, ending: Ending, outcome: Outcome) -> Result<RunReport> {
        self.note(&Event::Ended { outcome: ending })?;
        Ok(RunReport { outcome, journal: self.journal.path().to_owned(), evidence: self.evidence.clone() })
    }

    fn stuck(&self, error: Error) -> Error {
        error
            .and_hint(format!(
                "fix the cause, then `pfddns resume` or `pfddns undo`\n{}",
                self.journal.path().display()
            ))
            .exit_with(Exit::NeedsPerson)
    }

    /// If the journal can't be written, the run stops where it is: an undo without a record would be worse.
    fn note(&mut self, event: &Event) -> Result<()> {
        let noted = self.journal.note(self.world, event);
        noted.map_err(|error| if matches!(event, Event::Started { step: 0 }) { error } else { self.stuck(error) })
    }

    fn tell(&mut self, moment: &Moment<'_>) -> Going<()> {
        match self.observer.tell(moment) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Stop::CutOff),
        }
    }
}

async fn all_hold(checks: impl IntoIterator<Item = &Check>, config: &Config, world: &World) -> Result<()> {
    for check in checks {
        check.holds(config, world).await.doing(|| format!("checking that {check}"))?;
    }
    Ok(())
}
