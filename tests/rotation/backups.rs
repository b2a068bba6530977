//! D2's file put back from a backup, and that taken back; journals among the backups.

use crate::halfway::ready_with_d2;
use crate::{Lab, ready, wait, world_of};
use pfddns::plan;
use pfddns::tasks::backups::{self, Backup, Of};
use std::fs;

fn list(lab: &Lab) -> Vec<Backup> {
    backups::list(&lab.config, &world_of(&lab.config)).unwrap()
}

fn restore(lab: &Lab, name: &str) {
    let plan = backups::restore(&lab.config, &world_of(&lab.config), name).unwrap();
    assert!(plan.steps[0].diff.contains("[secret]"), "{}", plan.steps[0].diff);
    lab.apply_in_real_time(&plan, &mut ()).unwrap();
}

fn undo(lab: &Lab) {
    wait(plan::apply::undo(&lab.last_run(), &lab.config, &mut world_of(&lab.config), &mut ())).unwrap();
}

#[test]
fn d2s_file_is_put_back_and_that_is_taken_back() {
    let Some(lab) = ready_with_d2(std::time::Duration::ZERO) else { return };
    lab.apply_in_real_time(&lab.rotate(), &mut ()).unwrap();
    let path = &lab.config.primary.d2.config;
    let now = fs::read(path).unwrap();
    let backup = list(&lab).into_iter().rfind(|it| it.of == Of::D2).unwrap();
    restore(&lab, &backup.name);
    assert_eq!(fs::read(path).unwrap(), fs::read(&backup.path).unwrap());
    undo(&lab);
    assert_eq!(fs::read(path).unwrap(), now);

    // After a new installation there is no file at all.
    fs::remove_file(path).unwrap();
    restore(&lab, &backup.name);
    assert_eq!(fs::read(path).unwrap(), fs::read(&backup.path).unwrap());
    undo(&lab);
    assert!(!path.exists());
}

#[test]
fn a_journal_is_pruned_only_when_it_is_old_and_whole_and_over() {
    let lab = ready();
    for _ in 0..3 {
        lab.apply(&lab.rotate(), &mut ()).unwrap();
    }
    let runs = |lab: &Lab| list(lab).into_iter().filter(|it| it.of == Of::Run).collect::<Vec<_>>();
    let begun = runs(&lab);
    let (first, second) = (&begun[0], &begun[1]);
    assert_eq!(begun.len(), 4);
    let whole = fs::read_to_string(&first.path).unwrap();
    let cut: String = whole.lines().take(3).map(|line| format!("{line}\n")).collect();
    fs::write(&first.path, cut).unwrap();
    fs::write(&second.path, "not a journal\n").unwrap();
    let all = runs(&lab);
    assert!(all[0].unfinished && all[0].good && !all[1].good);

    let mut world = world_of(&lab.config);
    world.clock =
        pfddns::world::Clock::fake(jiff::Timestamp::now().checked_add(jiff::SignedDuration::from_hours(48)).unwrap());
    let plan = backups::prune(&lab.config, &world, 0, 1).unwrap();
    // The unfinished one, the one nobody can read and the newest stay.
    assert_eq!(plan.steps[0].diff, format!("- {}\n", all[2].path.display()));
    assert!(backups::prune(&lab.config, &world, 4, 1).unwrap().is_empty());
    let error = backups::restore(&lab.config, &world, &all[3].name).unwrap_err();
    assert!(error.to_string().contains("is the journal of a run"), "{error}");
}
