//! What the firewall's FreeBSD asks of the code, held to on Linux: nothing that a static program can't do there, children
//! with an empty environment, flock locks, and the rc script as pfSense runs it. Not the FreeBSD build itself: that is
//! packaging/ci/freebsd.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

#[path = "harness/mod.rs"]
mod harness;

use harness::{Bao, executable, real};
use pfddns::world::{Host, local::Local};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(20);

/// Each source file of the program and its text. The lab and the doubles never reach a firewall.
fn sources() -> Vec<(PathBuf, String)> {
    fn walk(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|it| it == "rs") && !path.starts_with("src/bin") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    let mut found = Vec::new();
    walk(Path::new("src"), &mut found);
    assert!(found.iter().any(|(path, _)| path.ends_with("world/local.rs")), "not the sources of pfddns");
    found
}

/// The lines of `text` that are neither comment nor after `#[cfg(test)]`.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .take_while(|line| !line.starts_with("#[cfg(test)]"))
        .filter(|line| !line.trim_start().starts_with("//"))
}

/// Lines of the program's code that hold one of `words`, outside of `allowed`.
fn uses(words: &[&str], allowed: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in sources() {
        if path == Path::new(allowed) {
            continue;
        }
        let hits = code(&text).filter(|line| words.iter().any(|word| line.contains(word)));
        found.extend(hits.map(|line| format!("{}: {}", path.display(), line.trim())));
    }
    found
}

#[test]
fn programs_are_started_in_one_place_only() {
    let words = ["process::Command", "Command::new", "Command as ", "tokio::process"];
    assert_eq!(uses(&words, "src/world/local.rs"), [""; 0]);
    let (_, local) = sources().into_iter().find(|(path, _)| path.ends_with("world/local.rs")).unwrap();
    let starts = code(&local).filter(|line| line.contains("Command::new")).count();
    let cleared = code(&local).filter(|line| line.contains(".env_clear()")).count();
    assert_eq!((starts, cleared), (1, 1), "each child starts from an empty environment");
}

#[test]
fn the_environment_is_never_read_as_a_whole() {
    assert_eq!(uses(&["env::vars", "vars_os("], "src/main.rs"), [""; 0]);
    let main = fs::read_to_string("src/main.rs").unwrap();
    assert!(!main.contains("env::vars"));
}

#[test]
fn libraries_are_never_loaded_while_running() {
    assert_eq!(uses(&["dlopen", "dlsym", "libloading", "rustls_native_certs"], ""), [""; 0]);
}

#[test]
fn a_child_sees_only_the_fixed_path() {
    let ran = Host::Local(Local).ask(&["/usr/bin/env"], b"", LIMIT).unwrap();
    let seen = String::from_utf8(ran.stdout).unwrap();
    assert_eq!(seen, "PATH=/sbin:/bin:/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin\n");
}

#[test]
fn a_program_without_its_folder_is_refused() {
    let error = Host::Local(Local).ask(&["env"], b"", LIMIT).unwrap_err();
    assert!(error.to_string().contains("absolute path"), "{error}");
}

/// pfSense's config.lock is a flock(2) lock of PHP. Such a lock belongs to the open file: a second open in the same
/// process is kept out too (an fcntl lock would let it in), and so is another program.
#[test]
fn locks_are_flock_locks() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.lock");
    let host = Host::Local(Local);
    let other =
        |path: &Path| Command::new("/usr/bin/flock").arg("-n").arg(path).arg("true").status().unwrap().success();
    let held = host.lock(&path, LIMIT).unwrap();
    assert!(host.lock(&path, Duration::ZERO).is_err());
    assert!(!other(&path), "another program got the lock");
    drop(held);
    assert!(other(&path), "the lock outlived its holder");
    assert!(host.lock(&path, Duration::ZERO).is_ok());
}

/// A firewall's folders with a stub `pfddns` and `logger`, and the rc script pointed at them.
struct Firewall(tempfile::TempDir);

impl Firewall {
    fn with(pfddns: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let stub = |name: &str, text: &str| {
            executable(&folder.path().join(name), format!("#!/bin/sh\n{text}\n").as_bytes(), 0o755);
        };
        let here = folder.path().display();
        stub("logger", &format!("echo \"$*\" >> {here}/log"));
        stub("pfddns", &format!("echo \"$*\" >> {here}/asked\n{pfddns}"));
        fs::write(folder.path().join("pfddns.toml"), "").unwrap();
        let script = fs::read_to_string("templates/rc.d/pfddns.sh").unwrap();
        let script = script
            .replace("/usr/local/bin/pfddns", &format!("{here}/pfddns"))
            .replace("/usr/local/etc/pfddns/pfddns.toml", &format!("{here}/pfddns.toml"))
            .replace("/usr/bin/logger", &format!("{here}/logger"));
        fs::write(folder.path().join("rc.sh"), script).unwrap();
        Self(folder)
    }

    /// As /etc/rc.start_packages does: by sh, with an empty environment. FreeBSD's sh and dash are of one family.
    fn rc(&self, arguments: &[&str]) -> Output {
        let script = self.0.path().join("rc.sh");
        Command::new("/usr/bin/dash").arg(script).args(arguments).env_clear().output().unwrap()
    }

    fn file(&self, name: &str) -> String {
        fs::read_to_string(self.0.path().join(name)).unwrap_or_default()
    }
}

#[test]
fn a_boot_asks_for_the_status_and_says_nothing_when_all_is_well() {
    let firewall = Firewall::with("echo all is well");
    let ran = firewall.rc(&["start"]);
    assert!(ran.status.success());
    assert_eq!((ran.stdout.as_slice(), firewall.file("asked").as_str()), (b"".as_slice(), "status\n"));
    assert_eq!(firewall.file("log"), "");
    firewall.rc(&["start"]);
    assert_eq!(firewall.file("asked"), "status\nstatus\n");
}

#[test]
fn trouble_at_boot_goes_to_the_log_and_does_not_stop_the_boot() {
    let firewall = Firewall::with("echo 'pfddns: error: ns1 gives no answer' >&2; exit 1");
    assert!(firewall.rc(&["start"]).status.success());
    assert_eq!(firewall.file("log"), "-t pfddns -- status at start: pfddns: error: ns1 gives no answer\n");
}

#[test]
fn a_firewall_without_configuration_or_program_boots_in_silence() {
    let firewall = Firewall::with("exit 1");
    fs::remove_file(firewall.0.path().join("pfddns.toml")).unwrap();
    assert!(firewall.rc(&["start"]).status.success());
    fs::write(firewall.0.path().join("pfddns.toml"), "").unwrap();
    fs::remove_file(firewall.0.path().join("pfddns")).unwrap();
    assert!(firewall.rc(&["start"]).status.success());
    assert_eq!((firewall.file("asked"), firewall.file("log")), (String::new(), String::new()));
}

#[test]
fn shutdown_does_nothing_and_a_wrong_word_is_refused() {
    let firewall = Firewall::with("");
    assert!(firewall.rc(&["stop"]).status.success());
    assert_eq!(firewall.file("asked"), "");
    assert_eq!(firewall.rc(&["restart"]).status.code(), Some(2));
    assert_eq!(firewall.rc(&[]).status.code(), Some(2));
}

/// packaging/freebsd/smoke.sh with `pfddns` as the program; how it ended and what it said.
fn smoke(pfddns: &str, host: &str, authority: &Path) -> (bool, String) {
    let mut command = Command::new("/usr/bin/dash");
    command.arg("packaging/freebsd/smoke.sh").arg(host).env("PFDDNS", pfddns).env("SSL_CERT_FILE", authority);
    let ran = command.output().unwrap();
    (ran.status.success(), String::from_utf8(ran.stdout).unwrap())
}

#[test]
fn the_smoke_test_for_a_firewall_passes_here_and_fails_for_another_program() {
    let pfddns = env!("CARGO_BIN_EXE_pfddns");
    let (passed, said) = smoke(pfddns, "", Path::new(""));
    assert!(passed && said.ends_with("5 passed, 0 failed, 1 skipped\n"), "{said}");
    let (passed, said) = smoke("/usr/bin/false", "", Path::new(""));
    assert!(!passed && said.ends_with("0 passed, 5 failed, 1 skipped\n"), "{said}");
    let (passed, said) = smoke(pfddns, "host.invalid", Path::new(""));
    assert!(!passed && said.contains("BAD   looks up host.invalid"), "{said}");
    let Some(bao) = real(Bao::start_tls()) else { return };
    let host = bao.url.strip_prefix("https://").unwrap();
    let (passed, said) = smoke(pfddns, host, &bao.authority());
    assert!(passed && said.ends_with("6 passed, 0 failed, 0 skipped\n"), "{said}");
    let (passed, said) = smoke(pfddns, host, Path::new("/etc/hostname"));
    assert!(!passed && said.contains("not signed by a trusted authority"), "{said}");
}
