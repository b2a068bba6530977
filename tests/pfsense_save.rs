//! The write recipe: killed after each step, out of space, read-only, another writer; the configuration is never damaged.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "helpers of tests")]

use jiff::Timestamp;
use pfddns::systems::pfsense::{Document, Edit, Moment, Paths, Save, Seen, read, restore, save, save_watched};
use pfddns::world::local::Local;
use pfddns::world::{Digest, Host};
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

const STEPS: [Moment; 6] =
    [Moment::Locked, Moment::BackedUp, Moment::RestorePoint, Moment::Staged, Moment::Put, Moment::CacheRemoved];

fn fixture() -> Vec<u8> {
    fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/pfsense/2.8/config.xml")).unwrap()
}

/// A firewall's folders below `root`, with a cache as pfSense leaves it.
fn firewall(root: &Path) -> Paths {
    let paths = Paths {
        config: root.join("conf/config.xml"),
        lock: root.join("tmp/config.lock"),
        cache: root.join("tmp/config.cache"),
        own_backups: root.join("conf/pfddns"),
        restore_points: root.join("conf/backup"),
    };
    fs::create_dir_all(root.join("conf/backup")).unwrap();
    fs::create_dir_all(root.join("tmp")).unwrap();
    fs::write(&paths.config, fixture()).unwrap();
    fs::set_permissions(&paths.config, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(&paths.cache, "a:0:{}").unwrap();
    paths
}

fn change() -> Vec<Edit> {
    let servers = ["10.0.10.1", "94.140.14.14"].map(Seen::from).to_vec();
    vec![Edit::put("dhcpd/lan/dnsserver", Seen::List(servers))]
}

fn now() -> Timestamp {
    Timestamp::from_second(1_790_000_000).unwrap()
}

fn host() -> Host {
    Host::Local(Local)
}

fn files(folder: &Path) -> Vec<String> {
    host().list(folder).unwrap()
}

fn has_change(bytes: &[u8]) -> bool {
    read(bytes).unwrap().holds(&change()).unwrap()
}

#[test]
fn a_change_leaves_backup_restore_point_and_revision_and_no_cache() {
    let root = tempfile::tempdir().unwrap();
    let paths = firewall(root.path());
    let edits = change();
    let what =
        Save { edits: &edits, reason: "dns servers of lan", replaces: Some(&Digest::of(&fixture())), run: "run" };
    let saved = save(&mut host(), &paths, &what, now()).unwrap();

    let new = fs::read(&paths.config).unwrap();
    assert_eq!(saved.after, Digest::of(&new));
    let old = String::from_utf8(fixture()).unwrap();
    let text = String::from_utf8(new.clone()).unwrap();
    let diff = similar::TextDiff::from_lines(old.as_str(), text.as_str());
    let lines: Vec<_> = diff
        .iter_all_changes()
        .filter(|it| it.tag() != similar::ChangeTag::Equal)
        .map(|it| format!("{}{}", it.tag(), it.value()))
        .collect();
    assert_eq!(
        lines.concat(),
        "+\t\t\t<dnsserver>94.140.14.14</dnsserver>\n-\t\t<time>1760000000</time>\n\
         -\t\t<description><![CDATA[admin@10.0.10.5 (Local Database): Services: DHCP Server: Settings saved for interface LAN]]></description>\n\
         -\t\t<username><![CDATA[admin@10.0.10.5 (Local Database)]]></username>\n+\t\t<time>1790000000</time>\n\
         +\t\t<description><![CDATA[(system): pfddns: dns servers of lan]]></description>\n+\t\t<username><![CDATA[(system)]]></username>\n"
    );
    assert!(!paths.cache.exists());
    assert_eq!(fs::metadata(&paths.config).unwrap().mode() & 0o7777, 0o644);
    assert_eq!(files(&paths.restore_points), ["config-1760000000.xml"]);
    assert_eq!(files(&paths.own_backups), ["config.xml.run"]);
    let backup = saved.backup.unwrap();
    assert_eq!(fs::read(&backup).unwrap(), fixture());
    assert_eq!(fs::metadata(&backup).unwrap().mode() & 0o7777, 0o600);

    // The second time there is nothing to do, and nothing is touched.
    let again = save(&mut host(), &paths, &Save { replaces: None, ..what }, now()).unwrap();
    assert_eq!((again.before.clone(), again.backup), (Some(again.after), None));
    assert_eq!(fs::read(&paths.config).unwrap(), new);
    assert_eq!(files(&paths.own_backups).len(), 1);

    // Back again, by the same recipe: only the revision differs, and it still grows.
    let now_there = Digest::of(&new);
    let what = Save { edits: &[], reason: "back", replaces: Some(&now_there), run: "run" };
    restore(&mut host(), &paths, &fixture(), &what, now()).unwrap();
    let back = fs::read(&paths.config).unwrap();
    let back = read(&back).unwrap();
    assert_eq!(back.text(back.at(&["revision", "time"]).unwrap()).unwrap(), "1790000001");
    assert!(!back.holds(&change()).unwrap());
    assert_eq!(files(&paths.own_backups).len(), 2);
}

#[test]
fn somebody_elses_change_is_not_overwritten() {
    let root = tempfile::tempdir().unwrap();
    let paths = firewall(root.path());
    let seen = Digest::of(&fixture());
    let other = String::from_utf8(fixture()).unwrap().replace("<hostname>fw1<", "<hostname>fw9<");
    fs::write(&paths.config, &other).unwrap();
    let edits = change();
    let error =
        save(&mut host(), &paths, &Save { edits: &edits, reason: "x", replaces: Some(&seen), run: "run" }, now())
            .unwrap_err();
    assert!(error.to_string().contains("has changed since this was planned"), "{error}");
    // Between our reading and our rename: pfSense 2.8 renames without looking at anybody.
    let mut host = host();
    let config = paths.config.clone();
    let mut meddle = |step| {
        if step == Moment::Staged {
            fs::write(&config, other.replace("fw9", "fw8")).unwrap();
        }
    };
    let error = save_watched(
        &mut host,
        &paths,
        &Save { edits: &edits, reason: "x", replaces: None, run: "run" },
        now(),
        &mut meddle,
    );
    assert!(error.unwrap_err().to_string().contains("has changed since it was read"));
    assert!(fs::read_to_string(&paths.config).unwrap().contains("fw8"));
    assert_eq!(files(paths.config.parent().unwrap()), ["backup", "config.xml", "pfddns"]);
}

#[test]
fn writers_queue_at_the_lock() {
    let root = tempfile::tempdir().unwrap();
    let paths = firewall(root.path());
    let threads: Vec<_> = (0..8)
        .map(|n| {
            let paths = paths.clone();
            std::thread::spawn(move || {
                let edits = [Edit::put(&format!("installedpackages/test{n}"), "1")];
                save(&mut host(), &paths, &Save { edits: &edits, reason: "race", replaces: None, run: "run" }, now())
                    .unwrap();
            })
        })
        .collect();
    threads.into_iter().for_each(|it| it.join().unwrap());
    let bytes = fs::read(&paths.config).unwrap();
    let document = read(&bytes).unwrap();
    let all: Vec<Edit> = (0..8).map(|n| Edit::put(&format!("installedpackages/test{n}"), "1")).collect();
    assert!(document.holds(&all).unwrap());
    assert_eq!(document.text(document.at(&["revision", "time"]).unwrap()).unwrap(), "1790000007");
    assert_eq!(files(&paths.own_backups).len(), 8);
    assert_eq!(files(&paths.restore_points).len(), 8);
}

#[test]
fn a_file_pfsense_would_not_read_is_left_alone() {
    let root = tempfile::tempdir().unwrap();
    let paths = firewall(root.path());
    let whole = fixture();
    let twice = String::from_utf8(whole.clone()).unwrap().replace("\t<version>", "\t<version>1</version>\n\t<version>");
    for bad in [b"".to_vec(), b"<?php".to_vec(), whole[..whole.len() / 2].to_vec(), twice.into_bytes()] {
        fs::write(&paths.config, &bad).unwrap();
        let edits = change();
        let error = save(&mut host(), &paths, &Save { edits: &edits, reason: "x", replaces: None, run: "run" }, now())
            .unwrap_err();
        assert!(error.to_string().contains("config.xml: line "), "{error}");
        assert_eq!(fs::read(&paths.config).unwrap(), bad);
        assert!(paths.cache.exists() && files(&paths.own_backups).is_empty());
    }
    fs::remove_file(&paths.config).unwrap();
    let error =
        save(&mut host(), &paths, &Save { edits: &[], reason: "x", replaces: None, run: "run" }, now()).unwrap_err();
    assert!(error.to_string().contains("no such file"), "{error}");
}

/// Not a test of its own: the process that gets killed.
#[test]
fn child() {
    let Ok(root) = std::env::var("PFDDNS_TEST_KILL_ROOT") else { return };
    let at: usize = std::env::var("PFDDNS_TEST_KILL_AT").unwrap().parse().unwrap();
    let root = PathBuf::from(root);
    let paths = Paths {
        config: root.join("conf/config.xml"),
        lock: root.join("tmp/config.lock"),
        cache: root.join("tmp/config.cache"),
        own_backups: root.join("conf/pfddns"),
        restore_points: root.join("conf/backup"),
    };
    let edits = change();
    let mut die = |step| {
        if step == STEPS[at] {
            std::process::abort();
        }
    };
    let _ = save_watched(
        &mut host(),
        &paths,
        &Save { edits: &edits, reason: "killed", replaces: None, run: "run" },
        now(),
        &mut die,
    );
}

#[test]
fn killed_after_any_step_the_file_is_the_old_or_the_new_one_and_the_next_run_finishes() {
    for (n, step) in STEPS.iter().enumerate() {
        let root = tempfile::tempdir().unwrap();
        let paths = firewall(root.path());
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--nocapture"])
            .env("PFDDNS_TEST_KILL_ROOT", root.path())
            .env("PFDDNS_TEST_KILL_AT", n.to_string())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .status()
            .unwrap();
        assert!(!status.success(), "{step:?}: the child was not killed");
        let bytes = fs::read(&paths.config).unwrap();
        let renamed = matches!(step, Moment::Put | Moment::CacheRemoved);
        assert_eq!(bytes == fixture(), !renamed, "{step:?}");
        assert_eq!(has_change(&bytes), renamed, "{step:?}");
        assert_eq!(paths.cache.exists(), !renamed, "{step:?}");
        // Every backup is a whole file.
        for folder in [&paths.own_backups, &paths.restore_points] {
            for name in files(folder) {
                assert!(Document::read(&fs::read(folder.join(&name)).unwrap()).is_ok(), "{step:?} {name}");
            }
        }
        // The lock died with the process; the same command again reaches the goal.
        let edits = change();
        save(&mut host(), &paths, &Save { edits: &edits, reason: "again", replaces: None, run: "run" }, now()).unwrap();
        assert!(has_change(&fs::read(&paths.config).unwrap()), "{step:?}");
        assert!(!paths.cache.exists(), "{step:?}: a cache of the old file must not survive");
        let file = if renamed { "new" } else { "old" };
        eprintln!("killed after {step:?}: the {file} file is there, 0 damaged files, the next run reaches the goal");
    }
}

/// A small file system of its own, unmounted when dropped. Needs root.
struct Tmpfs(tempfile::TempDir);

impl Tmpfs {
    fn new(kib: usize) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let made = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={kib}k"), "tmpfs"])
            .arg(folder.path())
            .output()
            .is_ok_and(|it| it.status.success());
        if !made {
            assert!(std::env::var_os("CI").is_none(), "CI must be able to mount a tmpfs");
            eprintln!("skipped: a tmpfs can't be mounted here (needs root)");
            return None;
        }
        Some(Self(folder))
    }

    fn read_only(&self) {
        let done = Command::new("mount").args(["-o", "remount,ro"]).arg(self.0.path()).status().unwrap();
        assert!(done.success());
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        // Lazily: another test's child may hold it for the moment between fork and exec.
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

/// At which write it met the full disk, by what it left.
fn met_at(paths: &Paths, failed: bool) -> &'static str {
    match (failed, files(&paths.own_backups).len(), files(&paths.restore_points).len()) {
        (false, ..) => "nothing: all written",
        (true, 0, 0) => "own backup",
        (true, _, 0) => "restore point",
        (true, ..) => "new file",
    }
}

#[test]
fn out_of_space_at_any_step_leaves_the_file_and_no_litter() {
    let size = fixture().len().div_ceil(4096) * 4;
    let mut met = std::collections::BTreeMap::<&str, usize>::new();
    // Page by page from room for the file alone to room for three more copies.
    for kib in (size + 20..=size * 4 + 40).step_by(4) {
        let Some(disk) = Tmpfs::new(kib) else { return };
        let paths = firewall(disk.0.path());
        let edits = change();
        let result =
            save(&mut host(), &paths, &Save { edits: &edits, reason: "full", replaces: None, run: "run" }, now());
        let bytes = fs::read(&paths.config).unwrap();
        *met.entry(met_at(&paths, result.is_err())).or_default() += 1;
        match result {
            Ok(_) => assert!(has_change(&bytes)),
            Err(error) => {
                assert!(error.to_string().contains("no space left"), "{error}");
                assert_eq!(bytes, fixture(), "{kib} KiB");
                assert!(paths.cache.exists());
                assert!(files(paths.config.parent().unwrap()).iter().all(|it| !it.starts_with("config.xml.")));
            }
        }
        for folder in [&paths.own_backups, &paths.restore_points] {
            for name in files(folder) {
                assert_eq!(
                    fs::read(folder.join(name)).unwrap(),
                    fixture(),
                    "{kib} KiB: a backup is whole or not there"
                );
            }
        }
    }
    for (step, times) in &met {
        eprintln!("full disk met at {step}: {times} sizes, 0 damaged files");
    }
    assert_eq!(met.len(), 4, "each write must have met the full disk: {met:?}");
}

#[test]
fn a_read_only_disk_is_named_and_nothing_happens() {
    let Some(disk) = Tmpfs::new(4096) else { return };
    let paths = firewall(disk.0.path());
    let lock = tempfile::NamedTempFile::new().unwrap();
    disk.read_only();
    let edits = change();
    let what = Save { edits: &edits, reason: "x", replaces: None, run: "run" };
    let error = save(&mut host(), &paths, &what, now()).unwrap_err();
    assert!(error.to_string().contains("read-only"), "{error}");
    // The lock lies in /tmp, which is often another file system.
    let paths = Paths { lock: lock.path().to_owned(), ..paths };
    let error = save(&mut host(), &paths, &what, now()).unwrap_err();
    assert!(error.to_string().contains("read-only"), "{error}");
    assert_eq!(fs::read(&paths.config).unwrap(), fixture());
}
