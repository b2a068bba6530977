//! Which run `pfddns undo` undoes. Pure: from the journals and whether a bypass is active.

use super::Plan;
use super::journal::{Ending, RunRecord};
use crate::changes::{Change, Undo, bypass};
use crate::error::{Error, Result};

/// The named run, else the one that was cut off, else the newest that did something and was not undone.
/// Refused while a later run depends on it.
pub fn to_undo(runs: Vec<RunRecord>, name: Option<&str>, bypass_open: bool) -> Result<RunRecord> {
    let nothing = || Error::new("there is nothing to undo").hint("`pfddns runs` lists all runs");
    let index = match name {
        Some(name) => runs
            .iter()
            .position(|run| run.plan.id == name)
            .ok_or_else(|| Error::usage(format!("no run is called `{name}`")).hint("`pfddns runs` lists all runs"))?,
        None => newest(&runs)?.ok_or_else(nothing)?,
    };
    if let Some(run) = runs.get(index) {
        there_is_a_way(run)?;
        nothing_built_on(run, &runs, bypass_open)?;
    }
    runs.into_iter().nth(index).ok_or_else(nothing)
}

/// Nothing is written about a run that can't be undone: a half undone run would block all other runs.
fn there_is_a_way(run: &RunRecord) -> Result<()> {
    let mut none = run.plan.steps.iter().filter_map(|step| match &step.undo {
        Undo::Impossible(why) => Some(why),
        _ => None,
    });
    let all = none.clone().count() == run.plan.steps.len();
    let Some(why) = none.next().filter(|_| all || !run.unfinished()) else { return Ok(()) };
    let error = Error::new(format!("run {} can't be undone: {why}", run.plan.id));
    Err(if run.unfinished() { error.hint("`pfddns resume` continues it") } else { error })
}

fn newest(runs: &[RunRecord]) -> Result<Option<usize>> {
    let open = runs.iter().rposition(RunRecord::unfinished);
    let last = runs.iter().rposition(|run| run.ended == Some(Ending::Done) && changed(&run.plan));
    let index = open.or(last);
    match index.and_then(|index| runs.get(index)).filter(|run| !run.unfinished() && run.plan.closes()) {
        None => Ok(index),
        Some(run) => {
            let id = &run.plan.id;
            let hint = format!("`pfddns undo {id}` undoes it anyway; `pfddns runs` lists the runs before it");
            Err(Error::new("the newest run ended a bypass: undoing it would open the zones again").hint(hint))
        }
    }
}

/// Later runs depend on earlier ones: they are undone first, newest first. A bypass that is over has already restored
/// everything, so nothing depends on it and it depends on nothing.
fn nothing_built_on(run: &RunRecord, runs: &[RunRecord], bypass_open: bool) -> Result<()> {
    let stands = |it: &&RunRecord| {
        it.plan.made > run.plan.made
            && it.ended != Some(Ending::Undone)
            && it.begun()
            && changed(&it.plan)
            && (bypass_open || !of_bypass(&it.plan))
    };
    let Some(later) = runs.iter().rfind(stands) else { return Ok(()) };
    Err(Error::new(format!("run {} came after it and depends on it", later.plan.id))
        .while_doing(format!("undoing {}", run.plan.id))
        .hint(format!("`pfddns undo {}` first", later.plan.id)))
}

fn of_bypass(plan: &Plan) -> bool {
    plan.steps.iter().any(|step| {
        matches!(step.change, Change::Bypass(bypass::Change::BeginBypass { .. } | bypass::Change::EndBypass { .. }))
    })
}

/// False for runs that only proved something, even if they would have to clean up after being cut off, and for those
/// that can't be undone.
fn changed(plan: &Plan) -> bool {
    plan.steps.iter().any(|step| matches!(step.undo, Undo::By(_)) && !step.change.nature().leaves_nothing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::changes::bypass::BypassState;
    use crate::changes::{Evidence, Step, keys};
    use crate::plan::journal::Mark;
    use jiff::Timestamp;

    fn run(id: &str, second: i64, change: Change) -> RunRecord {
        let mut plan = Plan::new("t", id, Timestamp::from_second(second).unwrap());
        plan.id = id.to_owned();
        plan.steps = vec![Step::new(id, change.clone(), Vec::new(), Undo::by(change))];
        let (path, last) = (id.into(), plan.made);
        let ended = Some(Ending::Done);
        RunRecord {
            path,
            who: "t".into(),
            format: 2,
            touched: Default::default(),
            plan,
            marks: vec![Mark::Done],
            evidence: Evidence::default(),
            ended,
            why: None,
            last,
        }
    }

    fn change() -> Change {
        keys::Change::MarkCurrent { key: crate::model::KeyName::new("k").unwrap() }.into()
    }

    fn closing() -> Change {
        let (now, reason) = (Timestamp::UNIX_EPOCH, String::new());
        let (run, saved, d2_backup, more_d2_backups) = (String::new(), Vec::new(), None, Vec::new());
        let state = BypassState { run, since: now, until: now, reason, saved, d2_backup, more_d2_backups };
        bypass::Change::EndBypass { state }.into()
    }

    #[test]
    fn the_newest_is_taken_back_first() {
        let runs = vec![run("one", 1, change()), run("two", 2, change())];
        assert_eq!(to_undo(runs.clone(), None, false).unwrap().plan.id, "two");
        let error = to_undo(runs, Some("one"), false).unwrap_err();
        assert_eq!(error.what(), "run two came after it and depends on it");
    }

    #[test]
    fn what_has_no_way_back_is_not_begun_to_be_taken_back_and_stands_in_nobodys_way() {
        let mut pruned = run("pruned", 2, change());
        pruned.plan.steps[0].undo = Undo::Impossible("gone".into());
        let runs = vec![run("one", 1, change()), pruned];
        assert_eq!(to_undo(runs.clone(), None, false).unwrap().plan.id, "one");
        assert_eq!(to_undo(runs.clone(), Some("one"), false).unwrap().plan.id, "one");
        let error = to_undo(runs, Some("pruned"), false).unwrap_err();
        assert_eq!((error.what(), error.exit()), ("run pruned can't be undone: gone", crate::error::Exit::Failed));
    }

    #[test]
    fn a_bypass_that_is_over_stands_in_nobodys_way_and_is_not_reopened_unasked() {
        let runs = vec![run("one", 1, change()), run("end", 2, closing())];
        assert_eq!(to_undo(runs.clone(), Some("one"), false).unwrap().plan.id, "one");
        assert!(to_undo(runs.clone(), Some("one"), true).is_err());
        assert!(to_undo(runs, None, false).unwrap_err().what().contains("would open the zones again"));
    }
}
