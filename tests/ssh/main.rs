//! A firewall behind a real sshd: `pfddns --host fw …` does there what it does here, says what is wrong with the way
//! there, survives the loss of it, and leaks nothing on it.

#![allow(clippy::unwrap_used)] // a test may fail loudly

#[path = "../doubles/mod.rs"]
mod doubles;
#[path = "../harness/mod.rs"]
mod harness;
#[allow(dead_code, reason = "the leak tests use all of it")]
#[path = "../leaks/look.rs"]
mod look;

use doubles::d2;
use doubles::site::{Plan, Site, private};
use doubles::technitium::Version;
use harness::{Sshd, real, until};
use look::{Canary, Place};
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

/// A site with a real D2 on a firewall that is reached by ssh.
struct Far {
    site: Site,
    sshd: Sshd,
    folder: tempfile::TempDir,
}

impl Far {
    fn start() -> Option<Self> {
        let sshd = real(Sshd::start())?;
        let program = real(d2::installed().ok_or_else(|| "no kea-dhcp-ddns".to_owned()))?;
        let folder = tempfile::tempdir().unwrap();
        let mut plan = Plan::new(folder.path());
        plan.versions = vec![Version::V15_2];
        plan.zones.truncate(1);
        plan.subnets.truncate(1);
        plan.save_delay = Duration::ZERO;
        plan.d2 = Some(program);
        let site = Site::start(&plan).unwrap();
        let far = Self { site, sshd, folder };
        far.configure("fw.toml", Path::new(env!("CARGO_BIN_EXE_pfddns")));
        Some(far)
    }

    /// The site's configuration, with the way there.
    fn configure(&self, name: &str, hands: &Path) {
        let text = fs::read_to_string(self.site.config()).unwrap();
        let ssh = format!("\n[ssh]\nconfig = \"{}\"\nhands = \"{}\"\n", self.sshd.config.display(), hands.display());
        private(&self.folder.path().join(name), (text + &ssh).as_bytes()).unwrap();
    }

    fn command(&self, config: &str, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pfddns"));
        command.env_clear().env("USER", "tester").current_dir(self.folder.path()).stdin(Stdio::null());
        command.args(["--config", config]).args(args);
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command("fw.toml", args).args(["--host", "fw"]).output().unwrap()
    }

    fn ok(&self, args: &[&str]) -> String {
        let out = self.run(args);
        assert_eq!(out.status.code(), Some(0), "{args:?}: {}{}", text(&out.stderr), text(&out.stdout));
        text(&out.stdout)
    }

    fn refused(&self, args: &[&str], code: i32) -> String {
        let out = self.run(args);
        assert_eq!(out.status.code(), Some(code), "{args:?}: {}{}", text(&out.stderr), text(&out.stdout));
        text(&out.stderr)
    }

    /// Everything a run may change: servers and D2's file; no temporary file may be among them.
    fn state(&self) -> Vec<String> {
        let mut all = vec![fs::read_to_string(&self.site.d2.as_ref().unwrap().config).unwrap()];
        all.extend(self.site.servers.iter().map(|server| format!("{:?} {:?}", server.keys(), server.rules())));
        let left = fs::read_dir(self.folder.path()).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap());
        assert_eq!(left.filter(|name| name.contains(".pfddns-")).collect::<Vec<_>>(), [""; 0]);
        all
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The processes whose parent this is.
fn children(of: u32) -> Vec<i32> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<i32>() else { continue };
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let parent = stat.rsplit(") ").next().and_then(|it| it.split(' ').nth(1)?.parse::<u32>().ok());
        if parent == Some(of) {
            found.push(pid);
        }
    }
    found
}

fn kill(pid: i32) {
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
}

#[test]
fn from_elsewhere_as_on_the_firewall() {
    let Some(far) = Far::start() else { return };
    far.ok(&["apply"]);
    far.ok(&["plan"]);
    far.ok(&["verify"]);
    let start = far.state();
    far.ok(&["tsig", "rotate"]);
    assert_ne!(far.state(), start);
    far.ok(&["status"]);
    let runs = far.ok(&["runs"]);
    assert!(runs.contains("-rotate-") && runs.contains("by tester"), "{runs}");
    // On the firewall itself the same journals are found, and the run is taken back from there.
    let local = far.command("fw.toml", &["undo"]).output().unwrap();
    assert_eq!(local.status.code(), Some(0), "{}", text(&local.stderr));
    assert_eq!(far.state(), start);
    far.ok(&["plan"]);
    assert_eq!(far.run(&["plan", "rotate", "--out", "rotate.plan"]).status.code(), Some(5));
    assert!(far.folder.path().join("rotate.plan").exists(), "a plan lies where it is typed");
    far.ok(&["apply", "rotate.plan"]);
    far.ok(&["kea", "lint"]);
    far.ok(&["kea", "explain", "printer", "--running"]);
    assert!(text(&fs::read(far.sshd.path("log")).unwrap()).contains("Accepted publickey"), "it went by ssh");
}

#[test]
fn what_is_wrong_with_the_way_there_is_said() {
    let Some(far) = Far::start() else { return };
    far.ok(&["apply"]);
    let start = far.state();
    far.configure("nothing.toml", &far.folder.path().join("no-pfddns"));
    let out = far.command("nothing.toml", &["--host", "fw", "tsig", "rotate"]).output().unwrap();
    let said = text(&out.stderr);
    assert_eq!(out.status.code(), Some(1), "{said}");
    assert!(
        said.contains("fw has no ") && said.contains("no-pfddns") && said.contains("install pfddns there"),
        "{said}"
    );

    far.sshd.change();
    let said = far.refused(&["tsig", "rotate"], 1);
    assert!(said.contains("no connection to fw") && said.contains("compare it with the firewall's own"), "{said}");
    far.sshd.forget();
    let said = far.refused(&["tsig", "rotate"], 1);
    assert!(said.contains("Host key verification failed") && said.contains("accept it once"), "{said}");
    let said = far.refused(&["runs"], 1);
    assert!(said.contains("on fw"), "{said}");
    // Unknown is not fine.
    let status = far.run(&["status"]);
    assert_eq!(status.status.code(), Some(1));
    assert!(text(&status.stdout).contains("no connection to fw"), "{}", text(&status.stdout));
    assert_eq!(far.state(), start);
    assert_eq!(fs::read_dir(far.sshd.path("known")).map(|_| ()).ok(), None);
    assert_eq!(fs::read(far.sshd.path("known")).unwrap(), b"", "no key was taken on unasked");
}

#[test]
fn a_destination_is_never_an_option_or_a_shells() {
    let Some(far) = Far::start() else { return };
    let trap = far.folder.path().join("trapped");
    let touch = format!("touch {}", trap.display());
    for bad in [
        format!("-oProxyCommand={touch}"),
        format!("fw;{touch}"),
        format!("fw\n{touch}"),
        format!("'$({touch})'"),
        format!("`{touch}`"),
        "-v".into(),
        String::new(),
        "a b".into(),
    ] {
        let out = far.command("fw.toml", &[&format!("--host={bad}"), "runs"]).output().unwrap();
        assert_eq!(out.status.code(), Some(2), "{bad}: {}", text(&out.stderr));
        assert!(text(&out.stderr).contains("not an ssh destination"), "{bad}: {}", text(&out.stderr));
    }
    assert!(!trap.exists());
}

/// Where ssh is killed: when this line has come, and so much later.
const CUTS: [(&str, u64); 6] = [
    ("make key", 0),
    ("prove ddns", 0),
    ("the current key", 0),
    ("the current key", 25),
    ("make D2 sign with", 0),
    ("check that D2 writes", 40),
];

/// Starts a rotation and kills its ssh there; the program must say what happened.
fn cut(far: &Far, line: &str, later: u64) {
    let mut command = far.command("fw.toml", &["--host", "fw", "tsig", "rotate"]);
    let mut child: Child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains(line) {
        assert!(lines.read_line(&mut said).unwrap() > 0, "no line {line}: {said}");
    }
    std::thread::sleep(Duration::from_millis(later));
    let ssh = children(child.id());
    assert_eq!(ssh.len(), 1, "one ssh");
    kill(ssh[0]);
    lines.read_to_string(&mut said).unwrap();
    let code = child.wait().unwrap().code();
    assert_eq!(code, Some(4), "{line} {later}: {said}");
    assert!(said.contains("the connection to fw was cut") && said.trim_end().ends_with(".jsonl"), "{line}: {said}");
}

#[test]
fn the_way_there_is_lost_in_the_midst_of_a_rotation() {
    let Some(far) = Far::start() else { return };
    far.ok(&["apply"]);
    for (line, later) in CUTS {
        let start = far.state();
        cut(&far, line, later);
        // The firewall lets go of the run's lock by itself.
        until(Duration::from_secs(20), "undo", || far.run(&["undo"]).status.code() == Some(0)).unwrap();
        assert_eq!(far.state(), start, "{line} {later}");
        cut(&far, line, later);
        until(Duration::from_secs(20), "resume", || far.run(&["resume"]).status.code() == Some(0)).unwrap();
        assert_ne!(far.state(), start, "{line} {later}");
        far.ok(&["plan"]);
    }
    far.ok(&["verify"]);
}

#[test]
fn no_secret_leaves_the_line() {
    let Some(far) = Far::start() else { return };
    let record = far.folder.path().join("called");
    let hands = far.folder.path().join("hands.d");
    fs::create_dir(&hands).unwrap();
    let hands: PathBuf = hands.join("pfddns");
    let real = env!("CARGO_BIN_EXE_pfddns");
    let script = format!(
        "#!/bin/sh\n{{ echo \"$0 $*\"; env; }} >> {0}\n\"{real}\" -vvv \"$@\" 2>> {0}\ncode=$?\nfind {1} -name '*.pfddns-*' >> {0}\nexit $code\n",
        record.display(),
        far.folder.path().display()
    );
    harness::write(&hands, &script, 0o755);
    far.configure("fw.toml", &hands);
    let mut places = Vec::new();
    for args in
        [&["-vvv", "apply"][..], &["-vvv", "tsig", "rotate"], &["-vvv", "--json", "status"], &["-vvv", "kea", "lint"]]
    {
        let out = far.run(args);
        places.push(Place::new(format!("stdout of {args:?}"), &out.stdout));
        places.push(Place::new(format!("stderr of {args:?}"), &out.stderr));
    }
    places.push(Place::new("argv, environment and stderr of hands".into(), &fs::read(&record).unwrap()));
    places.push(Place::new("sshd's log".into(), &fs::read(far.sshd.path("log")).unwrap()));
    let mut canaries: Vec<Canary> = Vec::new();
    for server in &far.site.servers {
        canaries.push(Canary::new("API token", server.token()));
        let keys = server.history().into_iter().flat_map(|moment| moment.keys);
        for secret in keys.map(|key| key.secret) {
            if !canaries.iter().any(|it| it.text == secret) {
                canaries.push(Canary::new("TSIG secret", &secret));
            }
        }
    }
    assert!(canaries.len() >= 3, "a first key, a second one, and the token");
    let d2 = far.site.d2.as_ref().unwrap().config.file_name().unwrap().to_string_lossy().into_owned();
    let may =
        |name: &str| name == d2 || name.starts_with("state/backups/kea-dhcp-ddns.conf.") || name.ends_with(".token");
    let mut wrong = look::places(&places, &canaries);
    let found = look::folder(far.folder.path(), &canaries, &may);
    wrong.extend(found.wrong);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(found.held >= 3, "D2's file, a backup and the token");
    let called = fs::read_to_string(record).unwrap();
    assert!(called.contains("/pfddns hands") && !called.contains(".pfddns-"), "{called}");
}
