//! The real program stopped from outside: killed between and within steps, out of disk, met by a second one.

use crate::harness::{Kea, real};
use crate::say;
use crate::site::{Plan, Site};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Lines of progress after which it is killed, and how much later: each line says that a step is done, so a little later
/// is within the next one. Around the switch of D2 it is killed most often.
const KILLS: [(&str, u64); 7] = [
    ("make key", 0),
    ("update 2 zones on bind", 0),
    ("the current key", 0),
    ("the current key", 15),
    ("the current key", 60),
    ("make D2 sign with", 0),
    ("refuse updates by", 1),
];

/// A rotation that is killed there. Its journal tells what was begun.
fn kill_rotation(site: &Site, line: &str, later: u64) {
    let mut running = site.begin(&["tsig", "rotate"]);
    let reached = running.reaches(line);
    std::thread::sleep(Duration::from_millis(later));
    if reached {
        running.kill();
    } else {
        panic!("no line {line}: {}", running.end().1);
    }
    let refused = site.pfddns(&["tsig", "rotate"]);
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    assert!(refused.stderr.contains("is unfinished") && refused.stderr.contains("pfddns undo"), "{}", refused.stderr);
}

fn ready(plan: &Plan) -> Option<Site> {
    let site = Site::start(plan)?;
    say(&site.versions);
    site.ok(&["apply"]);
    Some(site)
}

#[test]
fn killed_anywhere_it_goes_on_to_the_goal() {
    let Some(mut site) = ready(&Plan { bind_first: true, ..Plan::new(Kea::ALL[1]) }) else { return };
    for (line, later) in KILLS {
        let old = site.key();
        kill_rotation(&site, line, later);
        site.ok(&["resume"]);
        let new = site.key();
        assert_ne!(old.0, new.0, "{line}");
        site.only_takes(&new, &[&old]);
        site.ok(&["plan"]);
    }
    site.ok(&["verify"]);
    assert!(site.d2_is_running());
    say(&format!("killed {} times, went on {} times; {}", KILLS.len(), KILLS.len(), site.versions));
}

#[test]
fn killed_anywhere_it_goes_back_to_the_start() {
    let Some(mut site) = ready(&Plan::new(Kea::ALL[2])) else { return };
    let (old, start) = (site.key(), site.snapshot());
    for (line, later) in KILLS {
        kill_rotation(&site, line, later);
        site.ok(&["undo"]);
        assert_eq!(site.snapshot(), start, "{line}");
        site.only_takes(&old, &[]);
    }
    site.ok(&["plan"]);
    site.ok(&["verify"]);
    assert!(site.d2_is_running());
    say(&format!("killed {} times, went back {} times; {}", KILLS.len(), KILLS.len(), site.versions));
}

#[test]
fn a_second_pfddns_is_refused_while_one_is_at_work() {
    let Some(site) = ready(&Plan::new(Kea::ALL[0])) else { return };
    let old = site.key();
    let mut running = site.begin(&["tsig", "rotate"]);
    // The wait for updates under way comes next: time for three questions.
    assert!(running.reaches("check that D2 writes"));
    for command in [&["tsig", "rotate"][..], &["resume"], &["undo"]] {
        let refused = site.pfddns(command);
        assert_eq!(refused.code, Some(1), "{command:?}: {}", refused.stderr);
        let what = "another pfddns is changing this site right now";
        assert!(refused.stderr.contains(what), "{command:?}: {}", refused.stderr);
    }
    let (code, said) = running.end();
    assert_eq!(code, Some(0), "{said}");
    site.only_takes(&site.key(), &[&old]);
}

/// A small file system of its own, full when wanted.
struct Tmpfs(tempfile::TempDir);

impl Tmpfs {
    /// Only root may mount.
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mut mount = Command::new("/usr/bin/mount");
        mount.args(["-t", "tmpfs", "-o", "size=1m,mode=700", "pfddns-test"]).arg(folder.path());
        let mounted = mount.output().map_err(|error| error.to_string()).and_then(|out| match out.status.success() {
            true => Ok(()),
            false => Err(format!("no tmpfs can be mounted: {}", String::from_utf8_lossy(&out.stderr).trim())),
        });
        real(mounted).map(|()| Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn ballast(&self) -> PathBuf {
        self.path().join("ballast")
    }

    /// Not one byte is left.
    fn fill(&self) {
        use std::io::Write as _;
        let mut file = fs::File::create(self.ballast()).unwrap();
        for size in [65536, 4096, 1] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
    }

    fn free(&self) {
        fs::remove_file(self.ballast()).unwrap();
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = Command::new("/usr/bin/umount").arg("-l").arg(self.path()).output();
    }
}

const FULL: &str = "no space left on device";

#[test]
fn with_a_full_disk_nothing_begins_and_what_was_begun_can_be_ended() {
    let Some(disk) = Tmpfs::mount() else { return };
    let Some(site) = ready(&Plan { state: Some(disk.path().join("state")), ..Plan::new(Kea::ALL[0]) }) else { return };
    let (old, start) = (site.key(), site.snapshot());

    disk.fill();
    let ran = site.pfddns(&["tsig", "rotate"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains(FULL) && ran.stderr.contains("try"), "{}", ran.stderr);
    assert_eq!(site.snapshot(), start);
    disk.free();

    for way_out in ["undo", "resume"] {
        let mut running = site.begin(&["tsig", "rotate"]);
        assert!(running.reaches(" to old"));
        disk.fill();
        let (code, said) = running.end();
        assert_eq!(code, Some(4), "{said}");
        assert!(said.contains(FULL) && said.trim_end().ends_with(".jsonl"), "{said}");
        say(&format!("full disk: exit 4 after {} lines", said.lines().count()));
        disk.free();
        site.ok(&[way_out]);
        if way_out == "undo" {
            assert_eq!(site.snapshot(), start);
        }
    }
    site.only_takes(&site.key(), &[&old]);
    site.ok(&["plan"]);
}

#[test]
fn with_no_room_for_d2s_file_the_old_one_stays() {
    let Some(disk) = Tmpfs::mount() else { return };
    let plan = Plan { d2_folder: Some(disk.path().to_owned()), ..Plan::new(Kea::ALL[2]) };
    let Some(mut site) = ready(&plan) else { return };
    let (old, start) = (site.key(), site.snapshot());
    disk.fill();
    let ran = site.pfddns(&["tsig", "rotate"]);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    assert!(ran.stderr.contains(FULL), "{}", ran.stderr);
    assert_eq!(site.snapshot(), start);
    assert_eq!(fs::read_dir(disk.path()).unwrap().count(), 2, "more than D2's file and the ballast");
    site.only_takes(&old, &[]);
    disk.free();
    site.ok(&["tsig", "rotate"]);
    site.only_takes(&site.key(), &[&old]);
    assert!(site.d2_is_running());
}
