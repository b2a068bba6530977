//! Our reading of D2 documents against the daemons' own, on generated mistakes: what a daemon refuses is an error of ours
//! at the same place, the first one; what it takes is none, but for the traps it does not see.
//! `PFDDNS_KEA_DOCUMENTS=5000 PFDDNS_KEA_SEED=7 cargo test --test kea differential` looks at more, or others.

use crate::each_version;
use crate::harness::{Kea, KeaHome, real, write};
use crate::mistakes::{self, FILES};
use pfddns::systems::kea::Version;
use pfddns::systems::kea::daemon::apply;
use pfddns::systems::kea::lint::{Checked, Finding, Named, Severity, check};
use pfddns::systems::kea::text::Document;
use pfddns::world::Host;
use pfddns::world::local::Local;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Command;

each_version!(generated_mistakes_are_judged_as_the_daemon_does);

/// Errors of ours in what a daemon's `-t` passes: it fails at start, aborts, or loses every update of a domain.
const HARSHER: [&str; 8] = [
    "no-final-dot",
    "bad-domain",
    "domain-twice",
    "key-same-name",
    "socket-folder",
    "socket-long",
    "socket-name",
    "socket-type",
];

/// How a daemon judged a document.
enum Verdict {
    Takes,
    Refuses { place: String, says: String },
    Dies,
}

fn generated_mistakes_are_judged_as_the_daemon_does(kea: Kea) {
    let Some(home) = real(kea.home()) else { return };
    let number = |name: &str, default: u64| std::env::var(name).ok().and_then(|it| it.parse().ok()).unwrap_or(default);
    let (count, seed) = (number("PFDDNS_KEA_DOCUMENTS", 300), number("PFDDNS_KEA_SEED", 1));
    let version = apply::program_version(&Host::Local(Local), &home.d2).unwrap();
    let dir = home.folder().display().to_string();
    for (name, text) in FILES {
        write(&home.folder().join(name), &text.replace("DIR", &dir), 0o600);
    }
    let mut wrong: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut refused = 0;
    for number in 0..count {
        let text = mistakes::document(seed.wrapping_mul(1_000_003).wrapping_add(number), kea.series);
        let text = text.replace("RUN", &home.run.display().to_string()).replace("DIR", &dir);
        let ours = ours(&home, &text, version);
        let theirs = theirs(&home, &text);
        refused += u64::from(!matches!(theirs, Verdict::Takes));
        if let Some((class, fact)) = deviation(&theirs, &ours) {
            let found: String =
                ours.iter().map(|it| format!("\n      {} {} {}", it.place, it.code, it.consequence)).collect();
            wrong.entry(class).or_default().push(format!("{text}\n   {fact}\n   we{found}\n"));
        }
    }
    let mut report = String::new();
    for (class, all) in &mut wrong {
        all.sort_by_key(String::len);
        let _ = writeln!(report, "== {class}: {} of {count}", all.len());
        all.iter().take(4).for_each(|it| report.push_str(it));
    }
    assert!(wrong.is_empty(), "Kea {version}, seed {seed}:\n{report}");
    assert!(refused * 3 > count, "only {refused} of {count} documents were refused: they test nothing");
}

/// What is not as it should be: a short name for its kind, and the facts.
fn deviation(theirs: &Verdict, ours: &[Finding]) -> Option<(String, String)> {
    match theirs {
        Verdict::Takes => {
            let alarm = ours.iter().find(|it| !HARSHER.contains(&it.code))?;
            Some((format!("false alarm {}", alarm.code), "the daemon takes it".into()))
        }
        Verdict::Dies if ours.is_empty() => Some(("an abort is missed".into(), "the daemon dies".into())),
        Verdict::Dies => None,
        Verdict::Refuses { says, .. } if ours.is_empty() => Some(("missed".into(), says.clone())),
        Verdict::Refuses { place, .. } if place.is_empty() => None,
        Verdict::Refuses { place, says } => {
            let first = ours.iter().find(|it| !HARSHER.contains(&it.code)).is_some_and(|it| &it.place == place);
            if first {
                return None;
            }
            let class = if ours.iter().any(|it| &it.place == place) { "not the first" } else { "another place" };
            Some((class.into(), says.clone()))
        }
    }
}

fn theirs(home: &KeaHome, text: &str) -> Verdict {
    let path = home.folder().join("t.conf");
    write(&path, text, 0o600);
    let mut command = Command::new(&home.d2);
    let out = command.env_clear().arg("-t").arg(&path).current_dir(home.folder()).output().unwrap();
    match (out.status.code(), out.status.signal()) {
        (Some(0), _) => return Verdict::Takes,
        (_, Some(_)) | (Some(128..), _) => return Verdict::Dies,
        _ => {}
    }
    let printed = String::from_utf8_lossy(&[out.stderr, out.stdout].concat()).into_owned();
    let telling = |it: &&str| it.contains("failed with") || it.contains("Error encountered");
    let says = printed.lines().find(telling).unwrap_or(&printed).to_owned();
    Verdict::Refuses { place: place(home.folder(), &says).unwrap_or_default(), says }
}

/// The first `FILE:line:column` of a message, which may be spelled `FILE:line.column-column`.
fn place(folder: &Path, says: &str) -> Option<String> {
    let folder = format!("{}/", folder.display());
    let numbers = |at: &str| {
        let (file, rest) = at.split_once(':')?;
        let known = file == "t.conf" || FILES.iter().any(|it| it.0 == file);
        let line: String = rest.chars().take_while(char::is_ascii_digit).collect();
        let rest = rest.get(line.len()..)?.strip_prefix(['.', ':'])?;
        let column: String = rest.chars().take_while(char::is_ascii_digit).collect();
        (known && !line.is_empty() && !column.is_empty()).then(|| format!("{folder}{file}:{line}:{column}"))
    };
    says.split(&folder).skip(1).find_map(numbers)
}

/// Our errors, in the order we tell them.
fn ours(home: &KeaHome, text: &str, version: Version) -> Vec<Finding> {
    let loader = |file: &str| std::fs::read(home.folder().join(file)).ok();
    let look = |file: &str| {
        let path = home.folder().join(file);
        match std::fs::metadata(&path) {
            Ok(found) if found.is_file() => Named::file(found.permissions().mode(), &std::fs::read(path).unwrap()),
            Ok(_) => Named::NotAFile,
            Err(_) => Named::Missing,
        }
    };
    let (run, dir) = (home.run.display().to_string(), home.folder().display().to_string());
    let against = Checked {
        version,
        socket_folder: Some(&run),
        socket_folder_mode: Some(0o750),
        log_folder: Some(&dir),
        hooks_folder: home.hooks.as_deref().and_then(Path::to_str),
        guess_folders: false,
        look: &look,
    };
    let name = home.folder().join("t.conf").display().to_string();
    match Document::scan(text.as_bytes(), &name, &loader) {
        Ok(document) => {
            check::d2(&document, &against).into_iter().filter(|it| it.severity == Severity::Error).collect()
        }
        Err(error) => vec![check::syntax(&error)],
    }
}
