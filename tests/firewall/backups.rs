//! Backups where they are needed most: config.xml is damaged or gone, and what can't be undone is not in the way.

use super::{Box_, run_json};
use serde_json::Value;
use std::fs;

/// A firewall with one change made, and the name of the backup from before it.
fn changed() -> (Box_, String) {
    let it = Box_::new("2.8/config.xml");
    assert_eq!(it.run(&["dhcp", "dns-servers", "lan", "10.0.10.53"]).code, 0);
    let listed: Value = serde_json::from_str(&run_json(&it, &["--json", "backup", "list"])).unwrap();
    let name = listed["backups"][0]["name"].as_str().unwrap().to_owned();
    (it, name)
}

fn rest(text: &str) -> (String, String) {
    let at = |what: &str| text.find(what).unwrap();
    (text[..at("<revision>")].to_owned(), text[at("</revision>")..].to_owned())
}

#[test]
fn a_damaged_or_missing_config_xml_is_put_back() {
    for how in ["truncated", "empty", "not pfSense", "gone"] {
        let (it, name) = changed();
        let good = fs::read_to_string(it.fixture("2.8/config.xml")).unwrap();
        let now = it.config().into_bytes();
        let damaged = match how {
            "truncated" => Some(now[..now.len() / 2].to_vec()),
            "empty" => Some(Vec::new()),
            "not pfSense" => Some(b"<html></html>".to_vec()),
            _ => None,
        };
        match &damaged {
            Some(bytes) => fs::write(it.at("config.xml"), bytes).unwrap(),
            None => fs::remove_file(it.at("config.xml")).unwrap(),
        }
        let plan = it.run(&["backup", "restore", &name, "--dry-run"]);
        assert!(plan.code == 5 && plan.out.contains("! cannot be undone: pfSense can't read"), "{how}: {}", plan.out);
        fs::write(it.at("config.cache"), "stale").unwrap();
        let restored = it.run(&["backup", "restore", &name]);
        assert_eq!(restored.code, 0, "{how}: {}", restored.err);
        assert_eq!(rest(&it.config()), rest(&good), "{how}");
        assert!(!it.at("config.cache").exists(), "{how}");
        let kept: Vec<Vec<u8>> = fs::read_dir(it.at("state/backups"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.to_string_lossy().contains("-restore-"))
            .map(|path| fs::read(path).unwrap())
            .collect();
        assert_eq!(kept, damaged.into_iter().collect::<Vec<_>>(), "{how}: what was there is kept");
        // The newest run has no way back; nothing is unfinished, and the one before it can be taken back.
        assert_eq!(it.run(&["backup", "restore", &name]).out.trim_end().rsplit(": ").next(), Some("nothing to do"));
        assert_eq!(it.run(&["dhcp", "dns-servers", "lan", "10.0.10.54"]).code, 0, "{how}");
        assert_eq!(it.run(&["undo"]).code, 0, "{how}");
    }
}

#[test]
fn what_prune_removed_does_not_stand_in_the_way_of_undo() {
    let (it, first) = changed();
    assert_eq!(it.run(&["dhcp", "dns-servers", "lan", "10.0.10.54"]).code, 0);
    let run = first.strip_prefix("config.xml.").unwrap();
    for old in [format!("state/backups/{first}"), format!("state/runs/{run}.jsonl")] {
        fs::rename(it.at(&old), it.at(&old.replacen(&run[..4], "2016", 1))).unwrap();
    }
    let prune = it.run(&["backup", "prune", "--keep", "0", "--older-than-days", "30"]);
    assert!(prune.code == 0 && prune.out.contains("done"), "{}{}", prune.out, prune.err);
    let named = run_json(&it, &["--json", "runs"]);
    let runs: Value = serde_json::from_str(&named).unwrap();
    let last = runs["runs"].as_array().unwrap().last().unwrap()["run"].as_str().unwrap().to_owned();
    let refused = it.run(&["undo", &last]);
    assert!(refused.code == 1 && refused.err.contains("can't be undone: a removed backup is gone"), "{}", refused.err);
    let undo = it.run(&["undo"]);
    assert!(undo.code == 0 && undo.out.contains("10.0.10.54"), "{}{}", undo.out, undo.err);
}
