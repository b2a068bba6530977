//! The table of traps: what we find, and whether each daemon's own `-t` finds it. `SNAPSHOTS=overwrite` refreshes it.

use crate::harness::{Kea, KeaHome, real, write};
use serde_json::Value;
use snapbox::{assert_data_eq, file};
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

#[test]
fn the_table_of_traps() {
    let all: Value = serde_json::from_str(include_str!("../../fixtures/kea/traps.json")).unwrap();
    let homes: Vec<Option<KeaHome>> = Kea::ALL.iter().map(|kea| real(kea.home())).collect();
    let Some(homes) = homes.into_iter().collect::<Option<Vec<_>>>() else { return };
    let mut table = format!("{:<20} {:<6} {:<9} {:<9} {:<9}\n", "finding", "in", "-t 2.2", "-t 2.6", "-t 3.0");
    for row in std::iter::once(&Value::Null).chain(all["traps"].as_array().unwrap()) {
        let text = |name: &str| row[name].as_str().unwrap_or_default();
        let place = if row.is_null() { "both" } else { text("in") };
        let plant = |document: &str| {
            let clean = all[document].as_str().unwrap();
            if place == document { clean.replace(text("replace"), text("by")) } else { clean.to_owned() }
        };
        let verdicts: Vec<&str> = homes
            .iter()
            .map(|home| {
                let d2 = || verdict(home, &home.d2, &plant("d2"));
                let dhcp = || verdict(home, &home.dhcp4, &plant("dhcp"));
                match place {
                    "d2" => d2(),
                    "dhcp" => dhcp(),
                    _ => [d2(), dhcp()].into_iter().find(|it| *it != "passes").unwrap_or("passes"),
                }
            })
            .collect();
        let finding = if row.is_null() { "(none planted)" } else { text("finding") };
        assert!(!row.is_null() || verdicts == ["passes"; 3], "the clean pair is refused: {verdicts:?}");
        let [old, middle, new] = verdicts.as_slice() else { panic!("three builds") };
        let _ = writeln!(table, "{finding:<20} {place:<6} {old:<9} {middle:<9} {new:<9}");
    }
    let table: String = table.lines().map(|line| format!("{}\n", line.trim_end())).collect();
    assert_data_eq!(table, file!["golden/traps.txt"]);
}

fn verdict(home: &KeaHome, program: &Path, text: &str) -> &'static str {
    use std::os::unix::process::ExitStatusExt as _;
    let text = text.replace("/run/kea/", &format!("{}/", home.run.display()));
    let path = home.folder().join("trap.conf");
    write(&path, &text, 0o600);
    let status = Command::new(program).env_clear().args(["-t", &path.display().to_string()]).output().unwrap().status;
    match (status.code(), status.signal()) {
        (Some(0), _) => "passes",
        (_, Some(_)) | (Some(128..), _) => "aborts",
        _ => "refuses",
    }
}
