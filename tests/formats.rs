//! Saved plans and journals of every format there ever was: they must load, and a journal must show what it has lost.
//! `fixtures/runs/FORMAT` holds what a program of that format wrote on the lab's site: one journal of each kind of run.

#![allow(clippy::unwrap_used)] // a test may fail loudly

use pfddns::changes::Change;
use pfddns::model::HostName;
use pfddns::plan::journal::{self, Ending, Event, Mark, Runs};
use pfddns::plan::{FORMAT, Plan, RunRecord};
use pfddns::world::World;
use serde_json::Value;
use std::path::{Path, PathBuf};

fn folder(format: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/runs/{format}"))
}

/// The files of a format that end so, with their bytes.
fn files(format: u32, end: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let all = std::fs::read_dir(folder(format)).unwrap().map(|it| it.unwrap().path());
    let mut all: Vec<PathBuf> = all.filter(|it| it.extension().is_some_and(|it| it == end)).collect();
    all.sort();
    all.into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

fn load(path: &Path, bytes: &[u8]) -> Result<Option<RunRecord>, String> {
    journal::load(path, bytes).map_err(|error| error.to_string())
}

/// The subjects of a plan's changes, there and back.
fn subjects(plan: &Plan) -> Vec<String> {
    let of = |change: &Change| serde_json::to_value(change).unwrap()["of"].as_str().unwrap().to_owned();
    plan.steps.iter().map(|step| of(&step.change)).collect()
}

#[test]
fn journals_and_plans_of_each_format_are_read() {
    for format in 1..=FORMAT {
        let journals = files(format, "jsonl");
        let mut seen = Vec::new();
        for (path, bytes) in &journals {
            let run = load(path, bytes).unwrap().unwrap();
            assert_eq!((run.format, run.plan.format), (format, FORMAT), "{}", path.display());
            assert!(run.ended.is_some() && !run.plan.steps.is_empty(), "{}", path.display());
            let mark = if run.ended == Some(Ending::Done) { Mark::Done } else { Mark::Undone };
            assert!(run.marks.iter().all(|it| *it == mark), "{}: {:?}", path.display(), run.marks);
            seen.extend(subjects(&run.plan));
        }
        for (path, bytes) in files(format, "plan") {
            let plan = Plan::load(&path.display().to_string(), &bytes).unwrap();
            assert_eq!(plan.format, FORMAT, "{}", path.display());
            seen.extend(subjects(&plan));
        }
        seen.sort();
        seen.dedup();
        let each = ["bypass", "d2", "firewall", "keys", "probes", "servers", "service"];
        assert!(each.iter().all(|it| seen.iter().any(|seen| seen == it)), "format {format} has only {seen:?}");
    }
}

/// A plan of today without its subjects is one of format 1, and is read as the same plan.
#[test]
fn a_subject_that_is_not_named_is_found_by_the_name_of_the_change() {
    fn strip(value: &mut Value) {
        match value {
            Value::Array(all) => all.iter_mut().for_each(strip),
            Value::Object(map) => {
                if map.contains_key("change") || map.contains_key("check") {
                    map.remove("of");
                }
                map.values_mut().for_each(strip);
            }
            _ => {}
        }
    }
    for (path, bytes) in files(FORMAT, "jsonl") {
        let plan = load(&path, &bytes).unwrap().unwrap().plan;
        let mut old = serde_json::to_value(&plan).unwrap();
        strip(&mut old);
        old["format"] = 1.into();
        let read = Plan::load("old", old.to_string().as_bytes()).unwrap();
        assert_eq!(read, plan, "{}", path.display());
    }
}

#[test]
fn a_journal_says_how_what_it_touches_is_reached() {
    for (path, bytes) in files(FORMAT, "jsonl") {
        let run = load(&path, &bytes).unwrap().unwrap();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        assert_eq!(run.touched.firewalls.len(), 1, "{name}");
        let on_servers = ["bypass", "bypass-end", "ddns", "rotate", "verify"].contains(&name.as_str());
        assert_eq!(run.touched.servers.len(), if on_servers { 3 } else { 0 }, "{name}");
        let first: Value = serde_json::from_slice(bytes.split(|it| *it == b'\n').next().unwrap()).unwrap();
        for server in first["touched"]["servers"].as_array().unwrap() {
            for key in ["name", "dns", "type", "url", "token-file"] {
                assert!(server[key].is_string(), "{name}: {server}");
            }
        }
    }
}

#[test]
fn a_line_that_is_lost_or_changed_is_seen() {
    let (path, bytes) = files(FORMAT, "jsonl").into_iter().find(|it| it.0.ends_with("rotate.jsonl")).unwrap();
    let lines: Vec<&[u8]> = bytes.split_inclusive(|it| *it == b'\n').collect();
    for lost in 1..lines.len() - 1 {
        let left: Vec<u8> = lines.iter().enumerate().filter(|it| it.0 != lost).flat_map(|it| it.1.to_vec()).collect();
        let error = load(&path, &left).unwrap_err();
        assert!(
            error.contains(&format!("rotate.jsonl:{}: ", lost + 1)) && error.contains("is missing or was changed"),
            "{error}"
        );
    }
    // Every hundredth byte but those of the last line, whose loss no later line can show.
    let end = bytes.len() - lines[lines.len() - 1].len();
    for at in (0..end).step_by(100) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x02;
        assert!(load(&path, &flipped).is_err(), "a flipped byte at {at} went unseen");
    }
    // A torn tail is what a power cut leaves: the run is unfinished, and nothing is wrong with the rest.
    let torn = &bytes[..bytes.len() - 9];
    assert!(load(&path, torn).unwrap().unwrap().unfinished());
}

/// Each journal goes on in its own format, as the program that began it would have gone on.
#[test]
fn a_journal_goes_on_in_its_own_format() {
    for format in 1..=FORMAT {
        let folder = tempfile::tempdir().unwrap();
        let mut world = World::here(HostName::new("fw").unwrap()).unwrap();
        let runs = Runs::lock(&mut world, folder.path()).unwrap();
        let (_, bytes) = files(format, "jsonl").into_iter().find(|it| it.0.ends_with("rotate.jsonl")).unwrap();
        let path = folder.path().join("runs/rotate.jsonl");
        std::fs::write(&path, &bytes[..bytes.len() - 9]).unwrap();
        let run = load(&path, &std::fs::read(&path).unwrap()).unwrap().unwrap();
        let (_, mut journal) = runs.reopen(&world, &run).unwrap();
        journal.note(&mut world, &Event::Ended { outcome: Ending::Done }).unwrap();
        journal.note(&mut world, &Event::Undoing { step: 3 }).unwrap();
        let read = load(&path, &std::fs::read(&path).unwrap()).unwrap().unwrap();
        assert_eq!((read.format, read.marks[3]), (format, Mark::Undoing));
    }
}

#[test]
fn what_is_not_text_or_of_a_newer_program_is_said_so() {
    for format in 1..=FORMAT {
        let (path, mut bytes) = files(format, "jsonl").into_iter().find(|it| it.0.ends_with("rotate.jsonl")).unwrap();
        let lines = bytes.iter().filter(|it| **it == b'\n').count();
        let end = bytes.len() - 4;
        bytes[end] = 0xff;
        let error = load(&path, &bytes).unwrap_err();
        assert!(error.contains(&format!("rotate.jsonl:{lines}: not a journal line: not UTF-8")), "{error}");
        assert!(error.ends_with("rotate.jsonl"), "the last line names the journal: {error}");
    }
    for (format, words) in
        [("3", "of a newer pfddns"), ("\"2\"", "is unknown"), ("-1", "is unknown"), ("0", "is unknown")]
    {
        let error = load(Path::new("j"), format!("{{\"format\":{format}}}\n").as_bytes()).unwrap_err();
        assert!(error.contains(words), "{error}");
        let error = Plan::load("p", format!("{{\"format\":{format}}}").as_bytes()).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}
