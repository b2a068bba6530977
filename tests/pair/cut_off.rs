//! The way to one of the two is cut at each of the calls of a rotation, before it is made or before its answer comes:
//! going on reaches the goal, going back the start.

use crate::harness::until;
use crate::site::{NAMES, Pair};
use pfddns::error::Result;
use pfddns::plan::{self, Plan, RunReport, journal};
use pfddns::tasks;
use std::future::Future;
use std::io::Write as _;
use std::time::Duration;

fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// `sed` passes on so many lines and ends: requests, or answers.
fn cut(calls: usize, before: bool) -> String {
    match before {
        true => format!("sed -u {calls}q | \"$0\" hands"),
        false => format!("\"$0\" hands | sed -u {calls}q"),
    }
}

fn rotate(pair: &Pair) -> Plan {
    wait(tasks::rotate::rotate(&pair.config(), &pair.world(None))).unwrap()
}

/// Takes the unfinished run on, or back. The lock of the one before may be let go a moment later.
fn way_out(pair: &Pair, back: bool) -> Result<RunReport> {
    let mut last = None;
    let _ = until(Duration::from_secs(20), "the lock", || {
        let (config, mut world) = (pair.config(), pair.world(None));
        let run = journal::all(&world, &config.primary.state).unwrap().pop().unwrap();
        let ended = match back {
            true => wait(plan::apply::undo(&run, &config, &mut world, &mut ())),
            false => wait(plan::apply::resume(&run, &config, &mut world, &mut ())),
        };
        let locked = ended.as_ref().is_err_and(|error| error.what().contains("another pfddns"));
        last = Some(ended);
        !locked
    });
    last.unwrap()
}

/// Cuts at the calls from `first` on, every `stride`th, until a rotation gets through. How many were cut off.
fn matrix(name: &str, first: usize, stride: usize) -> usize {
    let Some(pair) = Pair::start(None) else { return usize::MAX };
    let config = pair.config();
    let first_plan = wait(tasks::ddns::converge(&config, &pair.world(None))).unwrap();
    wait(plan::apply::apply(&first_plan, &config, &mut pair.world(None), "test", &mut ())).unwrap();
    let mut cuts = 0;
    for calls in (first..).step_by(stride) {
        let start = pair.state();
        let rotation = rotate(&pair);
        let script = cut(calls, cuts % 2 == 0);
        let mut world = pair.world(Some((name, &script)));
        let ended = wait(plan::apply::apply(&rotation, &config, &mut world, "test", &mut ()));
        drop(world);
        let Err(error) = ended else { break };
        let run = journal::all(&pair.world(None), &config.primary.state).unwrap().pop().unwrap();
        let back = cuts / 2 % 2 == 0;
        cuts += 1;
        if run.plan.id != rotation.id || !run.begun() || run.ended.is_some() {
            // It never began, or what it did is taken back already: the other firewall goes back too.
            assert_eq!(pair.state(), start, "{calls} calls: {error}");
            continue;
        }
        let going_back = run
            .marks
            .iter()
            .any(|it| !matches!(it, journal::Mark::Waiting | journal::Mark::Started | journal::Mark::Done));
        let report = way_out(&pair, back || going_back);
        report.unwrap_or_else(|worse| panic!("{calls} calls to {name}, after {error}: {worse}"));
        match back || going_back {
            true => assert_eq!(pair.state(), start, "{calls} calls: {error}"),
            false => assert_ne!(pair.state(), start, "{calls} calls: {error}"),
        }
        pair.agrees();
    }
    let _ = writeln!(std::io::stderr(), "the way to {name} cut {cuts} times");
    pair.agrees();
    cuts
}

#[test]
fn the_way_to_the_second_is_cut_at_every_call() {
    // The greeting is the first.
    let cuts = matrix(NAMES[1], 1, 1);
    assert!(cuts > 20, "only {cuts} calls");
}

#[test]
fn the_way_to_the_first_is_cut_where_journals_and_store_lie() {
    let cuts = matrix(NAMES[0], 1, 11);
    assert!(cuts > 10, "only {cuts} calls");
}
