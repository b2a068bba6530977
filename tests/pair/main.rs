//! An HA pair: one site, two firewalls, each with a D2 of its own. Everything about D2 is done on both, and if one of
//! them is lost on the way, both go on or both go back.

#![allow(clippy::unwrap_used)] // a test may fail loudly

mod backups;
mod cut_off;
#[path = "../doubles/mod.rs"]
mod doubles;
#[path = "../harness/mod.rs"]
mod harness;
mod load;
mod site;

use harness::{Sshd, real};
use serde_json::Value;
use site::{Pair, text};
use std::fs;

/// Both by a real sshd.
fn by_ssh() -> Option<(Sshd, Pair)> {
    let sshd = real(Sshd::start())?;
    let hands = env!("CARGO_BIN_EXE_pfddns");
    let pair = Pair::start(Some(&format!("config = \"{}\"\nhands = \"{hands}\"", sshd.config.display())))?;
    Some((sshd, pair))
}

fn json(pair: &Pair, args: &[&str]) -> Value {
    let out = pair.run(&[&["--json"], args].concat());
    serde_json::from_slice(&out.stdout).unwrap_or_else(|_| panic!("{args:?}: {}", text(&out.stderr)))
}

/// Titles of the steps a command would take.
fn titles(pair: &Pair, args: &[&str]) -> Vec<String> {
    let plan = json(pair, args);
    let steps = plan["plan"]["steps"].as_array().unwrap();
    steps.iter().map(|step| step["title"].as_str().unwrap().to_owned()).collect()
}

fn place(titles: &[String], start: &str) -> usize {
    titles.iter().position(|it| it.starts_with(start)).unwrap_or_else(|| panic!("no `{start}` in {titles:#?}"))
}

#[test]
fn the_whole_life_of_a_pair() {
    let Some((_sshd, pair)) = by_ssh() else { return };
    let titles_of_first = titles(&pair, &["plan"]);
    assert!(place(&titles_of_first, "make D2 on one sign") < place(&titles_of_first, "make D2 on two sign"));
    pair.ok(&["apply"]);
    pair.agrees();
    assert_eq!(pair.run(&["plan"]).status.code(), Some(0), "planning twice is boring");
    pair.ok(&["verify"]);
    let start = pair.state();

    // Both D2s between the proof of the new key and the end of the old one.
    let steps = titles(&pair, &["plan", "rotate"]);
    let old = steps.iter().rposition(|it| it.starts_with("prove ")).unwrap();
    let order = [
        "make ddns",
        "make D2 on one",
        "check that D2 on one",
        "make D2 on two",
        "check that D2 on two",
        "wait until no update",
        "refuse updates",
    ];
    let places: Vec<usize> = order.iter().map(|it| place(&steps, it)).collect();
    assert!(places.is_sorted() && place(&steps, "prove ") < places[0] && places[6] < old, "{steps:#?}");
    pair.ok(&["tsig", "rotate"]);
    pair.agrees();
    assert_ne!(pair.state(), start);
    let status = json(&pair, &["status"]);
    assert_eq!(
        (&status["d2-file"], &status["other-firewalls"][0]["d2-running"]),
        (&status["current"], &status["current"])
    );
    assert_eq!(status["other-firewalls"][0]["name"], "two");
    pair.ok(&["undo"]);
    assert_eq!(pair.state(), start);
    pair.agrees();
    assert_eq!(pair.run(&["plan"]).status.code(), Some(0));

    // Journals lie on the first, backups of D2's file where it is.
    assert!(pair.fws[0].folder.join("state/runs").is_dir() && !pair.fws[1].folder.join("state/runs").exists());
    assert!(pair.fws.iter().all(|fw| fs::read_dir(fw.folder.join("state/backups")).unwrap().count() > 0));

    pair.ok(&["bypass", "enable", "--for", "1h", "--reason", "a test"]);
    assert!(pair.fws.iter().all(|fw| !fw.says("config-get").contains("\"secret\"")));
    pair.ok(&["bypass", "disable"]);
    assert_eq!(pair.state(), start);
    pair.agrees();
    assert!(pair.fws.into_iter().all(|mut fw| fw.d2.as_mut().unwrap().is_running()));
}

#[test]
fn a_difference_of_the_pair_is_found_and_mended() {
    let Some((_sshd, pair)) = by_ssh() else { return };
    pair.ok(&["apply"]);
    let linted = text(&pair.run(&["kea", "lint"]).stdout);
    assert!(linted.contains("one:") && linted.contains("two:") && !linted.contains("pair-differs"), "{linted}");
    let explained = pair.ok(&["kea", "explain", "printer", "--running"]);
    assert!(explained.contains("on one\n") && explained.contains("on two\n"), "{explained}");
    assert_eq!(json(&pair, &["kea", "explain", "printer"])["explained"][1]["firewall"], "two");

    let good = pair.fws[1].file();
    let key = &pair.keys()[0];
    let other = good.replace(key.as_str(), "ddns-20200101z");
    assert_ne!(other, good);
    harness::write(&pair.fws[1].config(), &other, 0o600);
    let linted = pair.run(&["kea", "lint"]);
    assert_eq!(linted.status.code(), Some(1));
    assert!(
        text(&linted.stdout).contains("which is one: after a fail-over updates are lost"),
        "{}",
        text(&linted.stdout)
    );
    let status = pair.run(&["status"]);
    assert_eq!(status.status.code(), Some(1));
    assert!(text(&status.stdout).contains("D2's file on two signs with"), "{}", text(&status.stdout));
    for command in [&["tsig", "rotate"][..], &["kea", "render"]] {
        let out = pair.run(command);
        assert_eq!(out.status.code(), Some(1), "{command:?}");
        assert!(text(&out.stderr).contains("two"), "{command:?}: {}", text(&out.stderr));
    }
    harness::write(&pair.fws[1].config(), &good.replace("\"port\"", " \"port\""), 0o600);
    assert_eq!(titles(&pair, &["plan"]), [format!("make D2 on two sign with {key}.")]);
    pair.ok(&["kea", "render"]);
    assert_eq!(pair.fws[1].file(), good);
}

#[test]
fn a_peer_that_is_not_there_stops_the_plan() {
    let Some((mut sshd, pair)) = by_ssh() else { return };
    pair.ok(&["apply"]);
    let start = pair.state();
    let toml = pair.folder.path().join("pfddns.toml");
    let good = fs::read_to_string(&toml).unwrap();
    harness::write(&toml, &good.replace("ssh = \"two\"", "ssh = \"nosuch@two\""), 0o600);
    for command in [
        &["plan"][..],
        &["tsig", "rotate"],
        &["kea", "render"],
        &["kea", "service", "status"],
        &["backup", "list"],
        &["bypass", "enable", "--for", "1h", "--reason", "x"],
    ] {
        let out = pair.run(command);
        assert_eq!(out.status.code(), Some(1), "{command:?}: {}", text(&out.stderr));
        assert!(text(&out.stderr).contains("no connection to nosuch@two"), "{command:?}: {}", text(&out.stderr));
    }
    let status = pair.run(&["status"]);
    assert!(text(&status.stdout).contains("on two: no connection to nosuch@two"), "{}", text(&status.stdout));
    // Said by name, one firewall alone can be worked on.
    assert_eq!(pair.run(&["--host", "one", "plan"]).status.code(), Some(0));
    harness::write(&toml, &good, 0o600);
    sshd.daemon.stop();
    assert!(text(&pair.run(&["plan"]).stderr).contains("no connection to one"));
    assert_eq!(pair.state(), start);
}

#[test]
fn d2_is_a_service_on_both() {
    let Some((_sshd, mut pair)) = by_ssh() else { return };
    pair.ok(&["apply"]);
    let steps = titles(&pair, &["kea", "service", "install", "--dry-run"]);
    assert_eq!(steps.iter().filter(|it| it.ends_with(" on one")).count(), 2, "{steps:?}");
    assert_eq!(steps.iter().filter(|it| it.ends_with(" on two")).count(), 2, "{steps:?}");
    pair.ok(&["kea", "service", "install"]);
    for fw in &pair.fws {
        assert!(fs::read_to_string(fw.folder.join("config.xml")).unwrap().contains("pfddns_d2.sh"), "{}", fw.name);
    }
    let status = json(&pair, &["kea", "service", "status"]);
    for (number, name) in ["one", "two"].iter().enumerate() {
        let one = &status["firewalls"][number];
        assert_eq!(
            (&one["firewall"], &one["running"], &one["installed"]),
            (&(*name).into(), &true.into(), &true.into())
        );
    }
    pair.ok(&["kea", "service", "ensure"]);
    // The second one's D2 dies; what starts it there ends it here.
    pair.fws[1].d2.as_mut().unwrap().crash();
    let out = pair.run(&["kea", "service", "ensure", "--dry-run"]);
    assert_eq!(out.status.code(), Some(5), "{}", text(&out.stderr));
    pair.ok(&["kea", "service", "ensure"]);
    pair.agrees();
    assert!(
        std::process::Command::new(pair.fws[1].folder.join("rc.d/pfddns_d2.sh"))
            .arg("stop")
            .status()
            .unwrap()
            .success()
    );
    pair.ok(&["kea", "service", "remove"]);
    assert!(pair.fws.iter().all(|fw| !fw.folder.join("rc.d/pfddns_d2.sh").exists()));
}
