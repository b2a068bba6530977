//! The rotation against three doubles, cut off at every moment: going on reaches the goal, going back reaches the start,
//! and at each moment the key in use works everywhere and no zone takes an unsigned update.

#![allow(clippy::unwrap_used)] // a test may fail loudly

mod backups;
#[path = "../doubles/mod.rs"]
mod doubles;
mod halfway;
mod mishaps;

use doubles::site::{Plan as SitePlan, Site};
use doubles::technitium::Version;
use pfddns::changes::{Change, Step, keys, servers};
use pfddns::config::Config;
use pfddns::error::{Exit, Result};
use pfddns::plan::{self, Moment, Observer, Outcome, Plan, RunReport, journal};
use pfddns::tasks;
use pfddns::world::{Clock, World};
use std::future::Future;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Duration;

/// A site with its configuration; two servers of different versions, two zones.
struct Lab {
    site: Site,
    config: Config,
    _folder: tempfile::TempDir,
}

impl Lab {
    fn new(versions: &[Version]) -> Self {
        Self::saving_after(Duration::ZERO, versions, None)
    }

    /// The same, maybe with a real D2, and with servers that write to disk so much later: until then a crash loses what
    /// they said ok to.
    fn saving_after(delay: Duration, versions: &[Version], d2: Option<PathBuf>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut plan = SitePlan::new(folder.path());
        plan.versions = versions.to_vec();
        plan.zones.truncate(1);
        plan.subnets.truncate(1);
        plan.save_delay = delay;
        plan.d2 = d2;
        let site = Site::start(&plan).unwrap();
        let text = std::fs::read_to_string(site.config()).unwrap();
        let config = Config::parse(&site.config(), &text).unwrap();
        Self { site, config, _folder: folder }
    }

    /// A world whose clock does not wait. It starts at the real time: signatures are judged by it.
    fn world(&self) -> World {
        World { clock: Clock::fake(jiff::Timestamp::now()), ..world_of(&self.config) }
    }

    /// Keys, rules and records as far as they matter; serial numbers and order do not.
    fn state(&self) -> Vec<String> {
        let mut all = Vec::new();
        for (number, server) in self.site.servers.iter().enumerate() {
            all.extend(server.keys().iter().map(|key| format!("ns{number} key {key:?}")));
            for (zone, rules) in server.rules() {
                let mut policies: Vec<String> = rules.policies.iter().map(|it| format!("{it:?}")).collect();
                policies.sort();
                all.push(format!("ns{number} {zone} {} {:?} {policies:?}", rules.update, rules.acl));
                all.push(format!("ns{number} {zone} {} records", server.records(&zone).len()));
            }
        }
        all.sort();
        all
    }

    fn apply(&self, plan: &Plan, observer: &mut dyn Observer) -> Result<RunReport> {
        wait(plan::apply::apply(plan, &self.config, &mut self.world(), "test", observer))
    }

    /// For what waits on a real D2.
    fn apply_in_real_time(&self, plan: &Plan, observer: &mut dyn Observer) -> Result<RunReport> {
        wait(plan::apply::apply(plan, &self.config, &mut world_of(&self.config), "test", observer))
    }

    fn converge(&self) -> Plan {
        wait(tasks::ddns::converge(&self.config, &self.world())).unwrap()
    }

    fn rotate(&self) -> Plan {
        wait(tasks::rotate::rotate(&self.config, &self.world())).unwrap()
    }

    fn last_run(&self) -> plan::RunRecord {
        journal::all(&self.world(), &self.config.primary.state).unwrap().pop().unwrap()
    }

    /// No zone is open, at any moment since `from`.
    fn never_open(&self, from: &[usize]) {
        for (server, from) in self.site.servers.iter().zip(from) {
            for moment in server.history().iter().skip(*from) {
                for (zone, rules) in &moment.zones {
                    assert!(!rules.open_to_unsigned(), "{zone} was open after {}", moment.cause);
                }
            }
        }
    }

    fn moments(&self) -> Vec<usize> {
        self.site.servers.iter().map(|server| server.history().len()).collect()
    }
}

/// The real world of a configuration.
fn world_of(config: &Config) -> World {
    World::here(config.primary.name.clone()).unwrap()
}

fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// Counts moments, cuts off at one of them, and checks promise 1 at each.
struct Watch<'a> {
    lab: &'a Lab,
    cut_at: Option<usize>,
    seen: usize,
    needed: Vec<String>,
    old: String,
    new: String,
}

impl<'a> Watch<'a> {
    /// Watches a rotation.
    fn of(lab: &'a Lab, plan: &Plan, cut_at: Option<usize>) -> Self {
        let (old, new) = names(plan);
        Self { lab, cut_at, seen: 0, needed: vec![old.clone()], old, new }
    }

    /// Which keys D2 may be using: the old one, around the switch both, then the new one.
    fn follow(&mut self, moment: &Moment<'_>) {
        let switches = |step: &Step| matches!(step.change, Change::Keys(keys::Change::MarkCurrent { .. }));
        let both = || vec![self.old.clone(), self.new.clone()];
        match moment {
            Moment::Started(_, step) | Moment::Undoing(_, step) if switches(step) => self.needed = both(),
            Moment::Done(_, step, _) if switches(step) => self.needed = vec![self.new.clone()],
            Moment::Undone(_, step) if switches(step) => self.needed = vec![self.old.clone()],
            _ => {}
        }
    }
}

/// The old and the new key of a rotation, as the servers spell them.
fn names(plan: &Plan) -> (String, String) {
    let new = plan.steps.iter().find_map(|step| match &step.change {
        Change::Keys(keys::Change::StoreKey { key }) => Some(key.name.without_dot().to_owned()),
        _ => None,
    });
    let old = plan.steps.iter().find_map(|step| match &step.change {
        Change::Servers(servers::Change::RemoveServerKey { key, .. }) => Some(key.without_dot().to_owned()),
        _ => None,
    });
    (old.unwrap(), new.unwrap())
}

impl Observer for Watch<'_> {
    fn tell(&mut self, moment: &Moment<'_>) -> ControlFlow<()> {
        self.follow(moment);
        for key in &self.needed {
            for server in &self.lab.site.servers {
                assert!(server.keys().iter().any(|it| &it.name == key), "{key} is not known everywhere");
                for (zone, rules) in server.rules() {
                    assert!(rules.policies.iter().any(|it| &it.key == key), "{key} may not update {zone}");
                }
            }
        }
        self.seen += 1;
        if self.cut_at == Some(self.seen) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

fn ready() -> Lab {
    let lab = Lab::new(&[Version::V13_6, Version::V15_2]);
    lab.apply(&lab.converge(), &mut ()).unwrap();
    lab
}

#[test]
fn after_a_successful_run_there_is_nothing_left_to_plan() {
    let lab = Lab::new(&Version::ALL);
    let first = lab.converge();
    assert!(!first.is_empty());
    lab.apply(&first, &mut ()).unwrap();
    assert!(lab.converge().is_empty(), "planning twice must be boring: {:#?}", lab.converge().steps);
    let rotation = lab.rotate();
    let mut watch = Watch::of(&lab, &rotation, None);
    let report = lab.apply(&rotation, &mut watch).unwrap();
    assert_eq!(report.outcome, Outcome::Done);
    assert!(report.evidence.accepted >= 12, "{:?}", report.evidence);
    assert!(lab.converge().is_empty());
}

#[test]
fn cut_off_anywhere_going_on_reaches_the_goal() {
    let lab = ready();
    let mut cut_at = 1;
    loop {
        let rotation = lab.rotate();
        let (old, new) = names(&rotation);
        let from = lab.moments();
        let mut watch = Watch::of(&lab, &rotation, Some(cut_at));
        let finished = lab.apply(&rotation, &mut watch).is_ok();
        let needed = watch.needed.clone();
        let run = lab.last_run();
        if !finished && run.unfinished() {
            let mut watch = Watch { needed, ..Watch::of(&lab, &rotation, None) };
            wait(plan::apply::resume(&run, &lab.config, &mut lab.world(), &mut watch)).unwrap();
        } else if !finished {
            // Cut off before the first step was noted: nothing has happened, and the same can be begun again.
            lab.apply(&lab.rotate(), &mut ()).unwrap();
        }
        lab.never_open(&from);
        for server in &lab.site.servers {
            let keys: Vec<String> = server.keys().iter().map(|key| key.name.clone()).collect();
            assert_eq!(keys, std::slice::from_ref(&new), "after a cut at {cut_at}; the old key was {old}");
        }
        assert!(lab.converge().is_empty(), "cut at {cut_at}");
        if finished {
            break;
        }
        cut_at += 1;
    }
    assert!(cut_at > 60, "every step has four moments, this was cut {cut_at} times");
}

#[test]
fn cut_off_anywhere_going_back_reaches_the_start() {
    let lab = ready();
    let start = lab.state();
    let moments = 4 * lab.rotate().steps.len();
    for cut_at in 1..=moments {
        let rotation = lab.rotate();
        let from = lab.moments();
        let mut watch = Watch::of(&lab, &rotation, Some(cut_at));
        let error = lab.apply(&rotation, &mut watch).unwrap_err();
        assert_eq!(error.what(), "cut off");
        let needed = watch.needed.clone();
        let run = lab.last_run();
        if run.unfinished() {
            let mut watch = Watch { needed, ..Watch::of(&lab, &rotation, None) };
            wait(plan::apply::undo(&run, &lab.config, &mut lab.world(), &mut watch)).unwrap();
        }
        lab.never_open(&from);
        assert_eq!(lab.state(), start, "after a cut at {cut_at}");
    }
}

#[test]
fn a_finished_rotation_can_be_taken_back() {
    let lab = ready();
    let start = lab.state();
    let rotation = lab.rotate();
    lab.apply(&rotation, &mut Watch::of(&lab, &rotation, None)).unwrap();
    assert_ne!(lab.state(), start);
    let run = lab.last_run();
    let mut watch = Watch { needed: vec![names(&rotation).1], ..Watch::of(&lab, &rotation, None) };
    wait(plan::apply::undo(&run, &lab.config, &mut lab.world(), &mut watch)).unwrap();
    assert_eq!(lab.state(), start);
    assert_ne!(names(&lab.rotate()).1, names(&rotation).1, "a name is never given twice");
}

#[test]
fn lost_answers_and_calls_that_never_arrive_end_at_the_start_or_at_the_goal() {
    for path in ["settings/set", "zones/options/set", "settings/get", "zones/options/get", "user/session/get"] {
        for lost in [true, false] {
            let lab = ready();
            let start = lab.state();
            let rotation = lab.rotate();
            let (_, new) = names(&rotation);
            let server = lab.site.servers.last().unwrap();
            if lost {
                server.lose_reply(path, 1)
            } else {
                server.fail_before(path, 1)
            }
            let from = lab.moments();
            let ended = lab.apply(&rotation, &mut Watch::of(&lab, &rotation, None));
            assert_eq!(server.faults_left(), 0, "{path} was never called");
            match ended {
                Ok(_) => assert!(server.keys().iter().any(|key| key.name == new), "{path}"),
                Err(error) => {
                    assert!(matches!(error.exit(), Exit::Undone | Exit::Failed), "{path}: {error}");
                    assert_eq!(lab.state(), start, "{path}, lost {lost}: {error}");
                }
            }
            lab.never_open(&from);
        }
    }
}

#[test]
fn a_server_that_crashes_before_it_has_saved_is_given_the_key_again() {
    struct Crash<'a>(&'a Lab, bool);
    impl Observer for Crash<'_> {
        fn tell(&mut self, moment: &Moment<'_>) -> ControlFlow<()> {
            if let Moment::Started(_, step) = moment
                && matches!(step.change, Change::Servers(servers::Change::Settle { absent: None, .. }))
                && !self.1
            {
                self.1 = true;
                self.0.site.servers[0].crash();
            }
            ControlFlow::Continue(())
        }
    }
    let lab = ready();
    let rotation = lab.rotate();
    let (_, new) = names(&rotation);
    lab.apply(&rotation, &mut Crash(&lab, false)).unwrap();
    assert!(lab.site.servers.iter().all(|server| server.keys().iter().any(|key| key.name == new)));
    assert!(lab.converge().is_empty());
}

#[test]
fn a_plan_is_stale_when_a_foreign_hand_changed_a_zone() {
    let lab = ready();
    let rotation = lab.rotate();
    lab.apply(&lab.rotate(), &mut ()).unwrap();
    let before = lab.state();
    let error = lab.apply(&rotation, &mut ()).unwrap_err();
    assert!(error.what().starts_with("the plan is stale"), "{error}");
    assert_eq!(error.exit(), Exit::Failed);
    assert_eq!(lab.state(), before);
}

#[test]
fn a_plan_is_stale_when_the_configuration_has_changed() {
    let mut lab = ready();
    let rotation = lab.rotate();
    lab.config.zones[0].sources.push("127.9.9.9".into());
    let before = lab.state();
    let error = lab.apply(&rotation, &mut ()).unwrap_err();
    let what =
        "the plan is stale: pfddns.toml has changed since the plan was made, or another version of pfddns made it";
    assert_eq!(error.what(), what);
    assert_eq!(lab.state(), before);
}

#[test]
fn without_a_d2_of_ours_the_plan_names_the_danger_for_other_clients() {
    let dangers: Vec<String> = ready().rotate().dangers.into_iter().map(|danger| danger.name).collect();
    assert_eq!(dangers, ["other-clients"]);
}
