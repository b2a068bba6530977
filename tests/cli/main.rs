//! The command line, case by case: `cases/NAME.case` is a transcript of the real program against doubles and a real D2.
//! `PFDDNS_BLESS=1 cargo test --test cli` writes them anew; look at the difference as at code.
//!
//! A case:
//! ```text
//! # why there is this case
//! site: servers=2 d2 ready      none, or servers=1 | servers=2, d2 (a real one), firewall (its files), ready (applied once)
//! @ down ns1                    a hand that prepares or spoils something, see `Stage::act`
//! $ pfddns plan                 a command; below it what it must do
//! 1| a line on stdout
//! 2| a line on stderr
//! = 1, nothing changed          its exit code, and whether any file or server is other than before
//! ```
//! Exit codes 1, 2 and 5 promise that nothing changed, 3 that the servers and D2's file are as before: that holds in
//! every case, whatever its file says.

#![allow(clippy::unwrap_used)] // a test may fail loudly

#[path = "../doubles/mod.rs"]
mod doubles;
mod json;
mod mask;
mod stage;

use stage::{Stage, State, differences};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Cases at once: most of their time is waiting for a clock.
const WORKERS: usize = 4;

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/cases");
    let mut all: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect();
    all.retain(|path| path.extension().is_some_and(|it| it == "case"));
    all.sort();
    all
}

/// Splits a command line; words in single quotes stay whole.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (number, part) in line.split('\'').enumerate() {
        match number % 2 {
            0 => words.extend(part.split_whitespace().map(str::to_owned)),
            _ => words.push(part.to_owned()),
        }
    }
    words
}

/// Plays a case; gives its text as it should be. `None` if what it takes is not installed here.
fn play(text: &str) -> Option<String> {
    let mut played = String::new();
    let mut stage = None;
    for line in text.lines() {
        if line.starts_with("1|") || line.starts_with("2|") || line.starts_with("= ") {
            continue;
        }
        writeln!(played, "{line}").unwrap();
        if let Some(site) = line.strip_prefix("site: ") {
            stage = Some(Stage::new(site)?);
        } else if let Some(act) = line.strip_prefix("@ ") {
            stage.as_mut().expect("`site:` comes first").act(act);
        } else if let Some(command) = line.strip_prefix("$ pfddns") {
            played.push_str(&command_of(stage.as_ref().expect("`site:` comes first"), command));
        } else {
            assert!(line.is_empty() || line.starts_with('#'), "what is `{line}`?");
        }
    }
    Some(played)
}

fn command_of(stage: &Stage, command: &str) -> String {
    let args = words(command);
    let before = stage.state();
    let out = stage.run(&args);
    let after = stage.state();
    let code = out.status.code().expect("an exit code");
    if args.iter().any(|it| it == "--json") {
        json::kind(&args, &out.stdout);
    }
    let changed = promised(&before, &after, code, &args);
    let mut text = String::new();
    for (mark, bytes) in [("1|", &out.stdout), ("2|", &out.stderr)] {
        let shown = mask::mask(std::str::from_utf8(bytes).unwrap(), stage.known());
        for line in shown.lines() {
            writeln!(text, "{}", format!("{mark} {line}").trim_end()).unwrap();
        }
    }
    writeln!(text, "= {code}, {}", if changed { "changed" } else { "nothing changed" }).unwrap();
    text
}

/// Checks what the exit code promises; true if something changed.
fn promised(before: &State, after: &State, code: i32, args: &[String]) -> bool {
    let changed = differences(before, after);
    let asked = |name: &String| args.contains(name); // `plan --out FILE` writes FILE and still is only a plan
    let broken: Vec<&String> = match code {
        0 | 4 => Vec::new(),
        3 => changed.iter().filter(|name| !name.starts_with("state/") && !name.ends_with(" serial")).collect(),
        // The note of a run that proved nothing is no change of the site.
        1 => changed.iter().filter(|name| !asked(name) && !name.starts_with("state/runs/")).collect(),
        _ => changed.iter().filter(|name| !asked(name)).collect(),
    };
    assert!(broken.is_empty(), "exit {code} promises that these are as before: {broken:?}\n{args:?}");
    !changed.is_empty()
}

/// Plays one case from its file: what is wrong with it, if anything.
fn check(path: &Path) -> Option<String> {
    let name = path.file_stem().unwrap().to_string_lossy().into_owned();
    let wanted = std::fs::read_to_string(path).unwrap();
    let played = match std::panic::catch_unwind(|| play(&wanted)) {
        Ok(Some(played)) => played,
        Ok(None) if std::env::var_os("CI").is_some() => return Some(format!("{name}: no kea-dhcp-ddns is installed")),
        Ok(None) => {
            use std::io::Write as _;
            let _ = writeln!(std::io::stderr(), "skipped: {name}: no kea-dhcp-ddns is installed");
            return None;
        }
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
            return Some(format!("{name}: {}", text.unwrap_or_default()));
        }
    };
    if played == wanted {
        return None;
    }
    if std::env::var_os("PFDDNS_BLESS").is_some() {
        std::fs::write(path, played).unwrap();
        return None;
    }
    let diff = similar::TextDiff::from_lines(&wanted, &played);
    Some(format!("{name}:\n{}", diff.unified_diff().context_radius(2).header("the case", "the program")))
}

#[test]
fn every_case_goes_as_written() {
    let cases = cases();
    let next = AtomicUsize::new(0);
    let wrong = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    wrong.lock().unwrap().extend(check(case));
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} of {} cases:\n\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn more_cases_fail_than_succeed() {
    let (mut good, mut bad) = (0, 0);
    for case in cases() {
        let text = std::fs::read_to_string(&case).unwrap();
        let failed =
            text.lines().any(|line| line.starts_with("= ") && !line.starts_with("= 0") && !line.starts_with("= 5"));
        if failed { bad += 1 } else { good += 1 }
    }
    assert!(bad > good, "{bad} cases fail, {good} succeed");
}

#[test]
fn quoted_words_stay_whole() {
    assert_eq!(words(" bypass enable --reason 'two words' ''"), ["bypass", "enable", "--reason", "two words", ""]);
}
