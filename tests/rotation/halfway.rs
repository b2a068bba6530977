//! Killed in the middle of a step that needs several writes: neither what holds before it nor what holds after it holds,
//! and going on must still reach the goal, going back the start.

use crate::doubles::{d2, site};
use crate::{Lab, Version, names, ready, wait, world_of};
use pfddns::changes::{self, Change, keys};
use pfddns::config::Config;
use pfddns::model::KeyRef;
use pfddns::plan::{self, Moment, Observer, Plan};
use std::future::{Future, poll_fn};
use std::io::Write as _;
use std::ops::ControlFlow;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

/// Drops the work as soon as `now` says so: nothing more is done or noted, as after a SIGKILL.
pub fn killed<T>(work: impl Future<Output = T>, now: impl Fn() -> bool) -> Option<T> {
    wait(async {
        let mut work = pin!(work);
        poll_fn(|context| match work.as_mut().poll(context) {
            Poll::Ready(ended) => Poll::Ready(Some(ended)),
            Poll::Pending if now() => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        })
        .await
    })
}

/// A rotation that is killed after the servers were written to so many times. True if it ended before that.
fn rotation_killed_after(lab: &Lab, plan: &Plan, writes: usize) -> bool {
    let start: usize = lab.moments().iter().sum();
    let (mut world, mut nobody) = (lab.world(), ());
    let work = plan::apply::apply(plan, &lab.config, &mut world, "test", &mut nobody);
    match killed(work, || lab.moments().iter().sum::<usize>() >= start + writes) {
        Some(ended) => ended.is_ok(),
        None => false,
    }
}

#[test]
fn killed_after_any_write_to_a_server_it_goes_on_to_the_goal() {
    let lab = ready();
    let mut writes = 1;
    loop {
        let rotation = lab.rotate();
        let from = lab.moments();
        let ended = rotation_killed_after(&lab, &rotation, writes);
        if !ended {
            wait(plan::apply::resume(&lab.last_run(), &lab.config, &mut lab.world(), &mut ())).unwrap();
        }
        lab.never_open(&from);
        let new = names(&rotation).1;
        for server in &lab.site.servers {
            let keys: Vec<String> = server.keys().iter().map(|key| key.name.clone()).collect();
            assert_eq!(keys, std::slice::from_ref(&new), "killed after {writes} writes");
        }
        assert!(lab.converge().is_empty(), "killed after {writes} writes");
        if ended {
            break;
        }
        writes += 1;
    }
    assert!(writes > 12, "two servers are each written to six times at least, this was killed {writes} times");
}

#[test]
fn killed_after_any_write_to_a_server_it_goes_back_to_the_start() {
    let lab = ready();
    let start = lab.state();
    for writes in 1.. {
        if rotation_killed_after(&lab, &lab.rotate(), writes) {
            assert!(writes > 12);
            break;
        }
        wait(plan::apply::undo(&lab.last_run(), &lab.config, &mut lab.world(), &mut ())).unwrap();
        assert_eq!(lab.state(), start, "killed after {writes} writes");
    }
}

/// Cuts a run off where D2's file is about to be written.
struct BeforeD2;

impl Observer for BeforeD2 {
    fn tell(&mut self, moment: &Moment<'_>) -> ControlFlow<()> {
        match moment {
            Moment::Started(_, step) if matches!(step.change, Change::D2(changes::d2::Change::InstallD2 { .. })) => {
                ControlFlow::Break(())
            }
            _ => ControlFlow::Continue(()),
        }
    }
}

/// A real D2 is part of these; CI has one.
pub fn ready_with_d2(save_delay: Duration) -> Option<Lab> {
    let Some(program) = d2::installed() else {
        assert!(std::env::var_os("PFDDNS_CI").is_none(), "no D2 is installed");
        let _ = writeln!(std::io::stderr(), "skipped: no D2 is installed");
        return None;
    };
    let lab = Lab::saving_after(save_delay, &[Version::V14_3], Some(program));
    lab.apply_in_real_time(&lab.converge(), &mut ()).unwrap();
    Some(lab)
}

/// D2's file as the step would have left it, while the running D2 has not been told.
fn write_d2s_file(config: &Config, key: &KeyRef) {
    let secret = wait(changes::secrets::secret(config, &world_of(config), key)).unwrap();
    let text = changes::d2::text(config, &config.primary, Some((key, &secret))).unwrap();
    site::private(&config.primary.d2.config, text.as_bytes()).unwrap();
}

#[test]
fn killed_between_d2s_file_and_its_reload_it_goes_on() {
    let Some(lab) = ready_with_d2(Duration::ZERO) else { return };
    let rotation = lab.rotate();
    assert_eq!(lab.apply_in_real_time(&rotation, &mut BeforeD2).unwrap_err().what(), "cut off");
    let key = rotation.steps.iter().find_map(|step| match &step.change {
        Change::Keys(keys::Change::StoreKey { key }) => Some(key.clone()),
        _ => None,
    });
    write_d2s_file(&lab.config, &key.unwrap());
    let mut world = world_of(&lab.config);
    wait(plan::apply::resume(&lab.last_run(), &lab.config, &mut world, &mut ())).unwrap();
    assert!(lab.converge().is_empty());
}

#[test]
fn a_foreign_hand_in_d2s_file_meanwhile_is_not_written_over() {
    let Some(lab) = ready_with_d2(Duration::ZERO) else { return };
    lab.apply_in_real_time(&lab.rotate(), &mut BeforeD2).unwrap_err();
    let path = &lab.config.primary.d2.config;
    let foreign = [&std::fs::read(path).unwrap()[..], b"// edited by hand\n"].concat();
    std::fs::write(path, &foreign).unwrap();
    let mut world = world_of(&lab.config);
    let error = wait(plan::apply::resume(&lab.last_run(), &lab.config, &mut world, &mut ())).unwrap_err();
    assert!(error.to_string().contains("has changed"), "{error}");
    assert_eq!(std::fs::read(path).unwrap(), foreign);
}

#[test]
fn killed_on_the_way_back_it_can_be_taken_back_again() {
    let lab = ready();
    let start = lab.state();
    let mut writes = 0;
    loop {
        writes += 1;
        lab.apply(&lab.rotate(), &mut ()).unwrap();
        let run = lab.last_run();
        let from: usize = lab.moments().iter().sum();
        let (mut world, mut nobody) = (lab.world(), ());
        let work = plan::apply::undo(&run, &lab.config, &mut world, &mut nobody);
        let ended = killed(work, || lab.moments().iter().sum::<usize>() >= from + writes).is_some();
        if !ended {
            wait(plan::apply::undo(&lab.last_run(), &lab.config, &mut lab.world(), &mut ())).unwrap();
        }
        assert_eq!(lab.state(), start, "the way back was killed after {writes} writes");
        if ended {
            break;
        }
    }
    assert!(writes > 12, "{writes}");
}
