//! The backups of a pair: files of one run have one name and lie on both; they are listed, compared, put back and pruned
//! together, or on the one firewall that is named.

use crate::site::{Pair, text};
use crate::{by_ssh, harness, json, titles};
use std::fs;

/// Firewall and name of each backup of D2's file, in the order of the list.
fn of_d2(pair: &Pair) -> Vec<(String, String)> {
    let listed = json(pair, &["backup", "list"]);
    let all = listed["backups"].as_array().unwrap().iter().filter(|it| it["of"] == "d2");
    let word = |it: &serde_json::Value| it.as_str().unwrap().to_owned();
    all.map(|it| (word(&it["firewall"]), word(&it["name"]))).collect()
}

#[test]
fn what_one_run_left_on_both_is_put_back_on_both() {
    let Some((_sshd, pair)) = by_ssh() else { return };
    pair.ok(&["apply"]);
    let before = pair.fws.each_ref().map(|fw| fw.file());
    pair.ok(&["tsig", "rotate"]);
    let now = pair.state();
    let all = of_d2(&pair);
    let [.., (one, name), (two, other)] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!((one.as_str(), two.as_str(), name), ("one", "two", other), "{all:?}");
    let listed = pair.ok(&["backup", "list"]);
    assert!(
        listed.contains("  on one  D2's file  before rotate") && listed.contains("  on two  D2's file"),
        "{listed}"
    );
    assert!(listed.contains("  on one  journal  of rotate") && !listed.contains("  on two  journal"), "{listed}");

    let differs = json(&pair, &["backup", "diff", name]);
    for (number, firewall) in ["one", "two"].iter().enumerate() {
        assert_eq!(differs["differences"][number]["firewall"], *firewall);
        assert!(differs["differences"][number]["diff"].as_str().unwrap().contains("[secret]"), "{differs}");
    }
    let shown = pair.ok(&["backup", "diff", name]);
    assert!(shown.starts_with("on one\n--- before\n") && shown.contains("\n\non two\n--- before\n"), "{shown}");

    let steps = [format!("restore {name} on one"), format!("restore {name} on two")];
    assert_eq!(titles(&pair, &["backup", "restore", name, "--dry-run"]), steps);
    pair.ok(&["backup", "restore", name]);
    assert_eq!(pair.fws.each_ref().map(|fw| fw.file()), before);
    assert_eq!(titles(&pair, &["backup", "restore", name, "--dry-run"]), [""; 0], "twice is boring");
    assert_eq!(pair.ok(&["backup", "diff", name]), "on one\nno difference\n\non two\nno difference\n");
    pair.ok(&["undo"]);
    assert_eq!(pair.state(), now);
    pair.agrees();

    // One firewall, said by name.
    assert_eq!(titles(&pair, &["--host", "two", "backup", "restore", name, "--dry-run"]), [format!("restore {name}")]);
    pair.ok(&["--host", "two", "backup", "restore", name]);
    assert_eq!([pair.fws[0].file() == before[0], pair.fws[1].file() == before[1]], [false, true]);
    // The other is left as it is where only one has to change.
    assert_eq!(titles(&pair, &["backup", "restore", name, "--dry-run"]), steps[..1]);

    // A backup that is damaged on one of them is put back on none.
    let state = pair.state();
    let path = pair.fws[1].folder.join("state/backups").join(name);
    harness::write(&path, "{ \"DhcpDdns\": ", 0o600);
    assert!(pair.ok(&["backup", "list"]).contains(&format!("{name}  ! damaged")));
    let out = pair.run(&["backup", "restore", name]);
    assert_eq!(out.status.code(), Some(1));
    let said = text(&out.stderr);
    assert!(said.contains("is damaged: its program would not read it") && said.contains("looking at two"), "{said}");
    assert_eq!(pair.state(), state);
    // And one that only one of them has is no trouble.
    fs::remove_file(path).unwrap();
    assert_eq!(titles(&pair, &["backup", "restore", name, "--dry-run"]), steps[..1]);
}

#[test]
fn each_firewall_is_pruned_for_itself() {
    let Some((_sshd, pair)) = by_ssh() else { return };
    pair.ok(&["apply"]);
    pair.ok(&["tsig", "rotate"]);
    let all = of_d2(&pair);
    assert_eq!(all.iter().filter(|it| it.0 == "two").count(), 2, "{all:?}");
    // As if the first run had been long ago on the second firewall alone.
    let folder = pair.fws[1].folder.join("state/backups");
    let (_, first) = all.iter().find(|it| it.0 == "two").unwrap();
    fs::rename(folder.join(first), folder.join("kea-dhcp-ddns.conf.20200101T000000Z-ddns-1f2e")).unwrap();
    let prune = ["backup", "prune", "--keep", "1", "--older-than-days", "1"];
    assert_eq!(titles(&pair, &[&prune[..], &["--dry-run"]].concat()), ["remove 1 old files on two"]);
    pair.ok(&prune);
    let left = of_d2(&pair);
    assert_eq!(left.iter().map(|it| it.0.as_str()).collect::<Vec<_>>(), ["one", "one", "two"], "{left:?}");
    assert_eq!(pair.run(&prune).status.code(), Some(0), "twice is boring");
}
