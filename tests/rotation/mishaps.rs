//! What others do to a rotation: a server that comes back with less than it had, a crash before the way back is on disk,
//! an old browser page saved, a kill in the middle of a proof.

use crate::doubles::technitium::{Store, TsigKey};
use crate::halfway::{killed, ready_with_d2};
use crate::{Lab, Version, names, ready, wait, world_of};
use pfddns::changes::{self, Change, d2, keys, servers};
use pfddns::error::Exit;
use pfddns::plan::{self, Moment, Observer, Outcome};
use std::ops::ControlFlow;
use std::time::Duration;

/// Does something to the servers, once, at the moment that `when` says.
struct Mishap<W, D> {
    when: W,
    does: D,
    done: bool,
}

impl<W: FnMut(&Moment<'_>) -> bool, D: Fn()> Mishap<W, D> {
    fn new(when: W, does: D) -> Self {
        Self { when, does, done: false }
    }
}

impl<W: FnMut(&Moment<'_>) -> bool, D: Fn()> Observer for Mishap<W, D> {
    fn tell(&mut self, moment: &Moment<'_>) -> ControlFlow<()> {
        if (self.when)(moment) && !self.done {
            self.done = true;
            (self.does)();
        }
        ControlFlow::Continue(())
    }
}

fn named(moment: &Moment<'_>) -> bool {
    matches!(moment, Moment::Done(_, step, _) if matches!(step.change, Change::Keys(keys::Change::MarkCurrent { .. })))
}

fn settling(change: &Change) -> bool {
    matches!(change, Change::Servers(servers::Change::Settle { absent: None, .. }))
}

/// The key tables of all servers.
fn tables(lab: &Lab) -> Vec<Vec<TsigKey>> {
    lab.site.servers.iter().map(|server| server.keys()).collect()
}

/// What an administrator does whose browser has shown the settings since then.
fn save_old_pages(lab: &Lab, tables: &[Vec<TsigKey>]) {
    for (server, keys) in lab.site.servers.iter().zip(tables) {
        server.save_old_page(keys);
    }
}

/// 14.3 and 15.2 start with an empty key table if `dns.config` is broken: the key D2 still signs with is gone too.
#[test]
fn a_server_that_comes_back_without_any_key_is_given_both() {
    let lab = Lab::new(&[Version::V14_3, Version::V15_2]);
    lab.apply(&lab.converge(), &mut ()).unwrap();
    let [_, server] = &lab.site.servers[..] else { unreachable!() };
    let mut keys = server.keys();
    keys.push(TsigKey { name: "backup.example".into(), ..keys[0].clone() });
    server.save_old_page(&keys);
    let rotation = lab.rotate();
    let (old, _) = names(&rotation);
    let mut mishap = Mishap::new(
        |moment: &Moment<'_>| {
            if let Moment::Done(_, step, _) = moment
                && settling(&step.change)
            {
                assert!(server.keys().iter().any(|key| key.name == old), "D2 still signs with {old}");
            }
            matches!(moment, Moment::Started(_, step) if settling(&step.change))
        },
        || {
            server.break_store(&Store::Config);
            server.crash();
            assert!(server.keys().is_empty());
        },
    );
    assert_eq!(lab.apply(&rotation, &mut mishap).unwrap().outcome, Outcome::Done);
    assert!(mishap.done);
    assert!(lab.converge().is_empty());
}

/// Takes the last run back; the crash may cut one call short, and then it is taken back again.
fn go_back(lab: &Lab, observer: &mut dyn Observer) {
    let undo = |observer: &mut dyn Observer| {
        wait(plan::apply::undo(&lab.last_run(), &lab.config, &mut world_of(&lab.config), observer))
    };
    if let Err(error) = undo(observer) {
        assert_eq!(error.exit(), Exit::NeedsPerson, "{error}");
        undo(&mut ()).unwrap();
    }
}

const SLOW: Duration = Duration::from_millis(300);

/// On the way back too a server says ok before it has the key on disk.
#[test]
fn going_back_waits_until_the_old_key_is_on_disk() {
    let lab = Lab::saving_after(SLOW, &[Version::V13_6, Version::V15_2], None);
    lab.apply_in_real_time(&lab.converge(), &mut ()).unwrap();
    let rotation = lab.rotate();
    let (old, _) = names(&rotation);
    lab.apply_in_real_time(&rotation, &mut ()).unwrap();
    let mut mishap = Mishap::new(
        |moment: &Moment<'_>| matches!(moment, Moment::Undone(_, step) if settling(&step.change)),
        || {
            for server in &lab.site.servers {
                server.crash();
                assert!(server.keys().iter().any(|key| key.name == old), "{old} is lost");
            }
        },
    );
    go_back(&lab, &mut mishap);
    assert!(mishap.done);
    assert!(lab.converge().is_empty());
}

#[test]
fn d2_gets_the_old_key_back_only_when_it_is_on_disk() {
    let Some(lab) = ready_with_d2(SLOW) else { return };
    let rotation = lab.rotate();
    let (old, _) = names(&rotation);
    lab.apply_in_real_time(&rotation, &mut ()).unwrap();
    let mut mishap = Mishap::new(
        |moment: &Moment<'_>| matches!(moment, Moment::Undoing(_, step) if matches!(step.change, Change::D2(d2::Change::InstallD2 { .. }))),
        || {
            let server = &lab.site.servers[0];
            server.crash();
            assert!(server.keys().iter().any(|key| key.name == old), "{old} is lost, and D2 is to sign with it");
        },
    );
    go_back(&lab, &mut mishap);
    assert!(mishap.done);
    assert!(lab.converge().is_empty());
}

#[test]
fn the_old_key_stays_when_a_foreign_hand_took_the_new_one_away() {
    let lab = ready();
    let (start, old_page) = (lab.state(), tables(&lab));
    let rotation = lab.rotate();
    let (old, _) = names(&rotation);
    let from = lab.moments();
    let mut mishap = Mishap::new(named, || save_old_pages(&lab, &old_page));
    let error = lab.apply(&rotation, &mut mishap).unwrap_err();
    assert!(mishap.done);
    assert_eq!(error.exit(), Exit::Undone, "{error}");
    assert_eq!(lab.state(), start);
    for (server, from) in lab.site.servers.iter().zip(from) {
        for moment in server.history().iter().skip(from) {
            assert!(
                moment.zones.values().all(|rules| rules.policies.iter().any(|it| it.key == old)),
                "{}",
                moment.cause
            );
        }
    }
}

#[test]
fn d2_does_not_get_a_key_that_a_foreign_hand_took_away() {
    let Some(lab) = ready_with_d2(Duration::ZERO) else { return };
    let (start, old_page) = (lab.state(), tables(&lab));
    let d2 = || std::fs::read(&lab.config.primary.d2.config).unwrap();
    let kept = || std::fs::read_dir(changes::files::backups(&lab.config.primary)).unwrap().count();
    let (before, backups) = (d2(), kept());
    let mut mishap = Mishap::new(named, || save_old_pages(&lab, &old_page));
    let error = lab.apply_in_real_time(&lab.rotate(), &mut mishap).unwrap_err();
    assert!(mishap.done);
    assert_eq!(error.exit(), Exit::Undone, "{error}");
    assert_eq!(lab.state(), start);
    assert_eq!(d2(), before);
    assert_eq!(kept(), backups, "D2's file was never replaced");
}

/// Kills rotations while the probe record is there, in each zone and each proof; each time `after` finds its way out, and
/// no probe record stays.
fn killed_in_each_proof(lab: &Lab, after: impl Fn()) {
    let probes = || {
        let zones = lab.config.zones.iter().map(|zone| zone.name.without_dot());
        let records = zones.flat_map(|zone| lab.site.servers.iter().flat_map(move |it| it.records(zone)));
        records.filter(|record| record.name.starts_with("pfddns-probe.")).count()
    };
    let proofs = 2 * lab.site.servers.len() * lab.config.zones.len();
    for number in 1..=proofs {
        let seen = std::cell::Cell::new((0, false));
        let at_this_one = || {
            let (count, there) = seen.get();
            let now = probes() > 0;
            seen.set((count + usize::from(now && !there), now));
            now && seen.get().0 == number
        };
        let (rotation, mut world, mut nobody) = (lab.rotate(), lab.world(), ());
        let work = plan::apply::apply(&rotation, &lab.config, &mut world, "test", &mut nobody);
        assert!(killed(work, at_this_one).is_none(), "there are {proofs} proofs, this is {number}");
        assert_eq!(probes(), 1);
        after();
        assert_eq!(probes(), 0, "killed in proof {number}");
    }
}

#[test]
fn killed_in_the_middle_of_a_proof_going_back_takes_the_probe_record_away() {
    let lab = ready();
    let start = lab.state();
    killed_in_each_proof(&lab, || {
        wait(plan::apply::undo(&lab.last_run(), &lab.config, &mut lab.world(), &mut ())).unwrap();
        assert_eq!(lab.state(), start);
    });
}

#[test]
fn killed_in_the_middle_of_a_proof_going_on_takes_the_probe_record_away() {
    let lab = ready();
    killed_in_each_proof(&lab, || {
        let report = wait(plan::apply::resume(&lab.last_run(), &lab.config, &mut lab.world(), &mut ())).unwrap();
        assert_eq!(report.outcome, Outcome::Done);
    });
}

/// Conflict mode `no-check-with-dhcid` needs three types in a row. A server or a person may list them in another order.
#[test]
fn the_order_of_types_in_a_row_is_no_difference() {
    let mut lab = Lab::new(&[Version::V13_6, Version::V15_2]);
    lab.config.d2.conflict_mode = pfddns::model::rules::ConflictMode::NoCheckWithDhcid;
    lab.apply(&lab.converge(), &mut ()).unwrap();
    for server in &lab.site.servers {
        assert_eq!(server.reverse_types(), 2, "each zone has a row with several types");
    }
    assert!(lab.converge().is_empty(), "{:#?}", lab.converge().steps);
    lab.apply(&lab.rotate(), &mut ()).unwrap();
    assert!(lab.converge().is_empty(), "{:#?}", lab.converge().steps);
}
