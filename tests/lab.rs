//! The lab as a newcomer has it: what can be typed at it works, and however it is ended, nothing of it stays.

#![allow(clippy::unwrap_used)] // a test may fail loudly

#[path = "harness/mod.rs"]
mod harness;

use harness::{program, real};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

const RUN: &str = "/run/kea";

/// A kept lab that waits for its end.
struct Lab {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    folder: PathBuf,
}

impl Lab {
    /// One that waits for its end. `None` where Kea is not installed.
    fn start() -> Option<Self> {
        let mut lab = Self::begin()?;
        lab.until("# Enter ");
        Some(lab)
    }

    /// One that has said where it lies.
    fn begin() -> Option<Self> {
        let d2 = real(program("/usr/sbin/kea-dhcp-ddns"))?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_pfddns-lab"));
        command.arg("--keep").arg("--d2").arg(d2).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (input, output) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        let mut lab = Self { child, input, output, folder: PathBuf::new() };
        let first = lab.until("# A site on loopback, in ");
        lab.folder = first.rsplit(' ').next().unwrap().into();
        Some(lab)
    }

    /// The next line that begins so.
    fn until(&mut self, beginning: &str) -> String {
        let mut all = String::new();
        loop {
            let mut line = String::new();
            assert_ne!(self.output.read_line(&mut line).unwrap(), 0, "the lab ended: {all}");
            if line.starts_with(beginning) {
                return line.trim_end().to_owned();
            }
            all.push_str(&line);
        }
    }

    /// Its D2's files in the folder that all Kea daemons share.
    fn of_d2(&self) -> Vec<PathBuf> {
        let ours = format!("pfddns-{}-", self.child.id());
        let files = fs::read_dir(RUN).unwrap().map(|it| it.unwrap().path());
        files.filter(|it| it.file_name().unwrap().to_string_lossy().starts_with(&ours)).collect()
    }

    /// Its D2's process.
    fn d2(&self) -> Pid {
        let of_d2 = self.of_d2();
        let pid = of_d2.iter().find(|it| it.extension().is_some_and(|it| it == "pid")).expect("D2 has a pid file");
        Pid::from_raw(fs::read_to_string(pid).unwrap().trim().parse().unwrap()).unwrap()
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for its end, which has begun by `end`, with this exit code and last line; nothing may stay.
    fn ended(&mut self, d2: Pid, end: &str, code: i32, last_line: &str) {
        let status = self.child.wait().unwrap();
        assert_eq!(status.code(), Some(code), "{end}: {status}");
        assert!(!self.folder.exists(), "{end}: {} stays", self.folder.display());
        assert_eq!(self.of_d2(), Vec::<PathBuf>::new(), "{end}");
        assert!(test_kill_process(d2).is_err(), "{end}: D2 {} runs on", d2.as_raw_nonzero());
        let last = self.output.by_ref().lines().map(Result::unwrap).last().unwrap_or_default();
        assert!(last.contains(last_line), "{end}: {last}");
    }

    /// Types a command at it; exit code and all it said.
    fn pfddns(&self, args: &[&str]) -> (Option<i32>, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pfddns"));
        let out = command.args(args).env("PFDDNS_CONFIG", self.path("pfddns.toml")).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (out.status.code(), text(&out.stdout) + &text(&out.stderr))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.wait();
    }
}

#[test]
fn however_it_is_ended_nothing_of_it_stays() {
    let ends = [
        ("the end of input", None),
        ("SIGTERM", Some(Signal::TERM)),
        ("SIGINT", Some(Signal::INT)),
        ("SIGHUP", Some(Signal::HUP)),
    ];
    // Side by side: most of a lab's time is waiting.
    let Some(labs) = ends.iter().map(|_| Lab::begin()).collect::<Option<Vec<_>>>() else { return };
    for (mut lab, (end, signal)) in labs.into_iter().zip(ends) {
        lab.until("# Enter ");
        let d2 = lab.d2();
        match signal {
            Some(signal) => lab.signal(signal),
            None => drop(lab.input.take()),
        }
        lab.ended(d2, end, 0, "updates lost 0");
    }
}

#[test]
fn a_signal_in_the_middle_ends_it_too() {
    let Some(mut lab) = Lab::begin() else { return };
    lab.until("# Turn dynamic updates on");
    let d2 = lab.d2();
    lab.signal(Signal::TERM);
    lab.ended(d2, "SIGTERM", 1, "ended by a signal");
}

#[test]
fn what_a_newcomer_types_at_it_works() {
    let Some(lab) = Lab::start() else { return };
    let fresh = lab.pfddns(&["status"]);
    assert_eq!(fresh.0, Some(0), "{}", fresh.1);
    for args in [&["kea", "heal"][..], &["dhcp", "ddns", "enable"], &["status"], &["dhcp", "ddns", "status"]] {
        let (code, said) = lab.pfddns(args);
        assert_eq!(code, Some(0), "{args:?}: {said}");
        assert!(!said.contains("unknown"), "{args:?}: {said}");
    }
    let (_, said) = lab.pfddns(&["dhcp", "ddns", "status"]);
    assert!(said.contains("running kea-dhcp4: sends names to D2"), "{said}");
}
