//! `pfddns` as typed against a real D2 that is gone, killed, stopped in its tracks, or out of reach for this user: one
//! error each, within the limit, and all is well again when D2 is.

use crate::each_version;
use crate::harness::{Kea, write};
use crate::site::Site;
use rustix::process::{Pid, Signal, geteuid, kill_process};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

each_version!(a_daemon_that_does_not_answer_is_an_error_and_no_more);

/// Exit code and everything said by `kea explain --running`.
fn explain(toml: &Path, without_rights: bool) -> (Option<i32>, String) {
    let program = env!("CARGO_BIN_EXE_pfddns");
    // Root passes every mode but for these two rights of its own.
    let mut command = if without_rights && geteuid().is_root() {
        let mut command = Command::new("/usr/bin/setpriv");
        command.args(["--bounding-set", "-dac_override,-dac_read_search", program]);
        command
    } else {
        Command::new(program)
    };
    command.env_clear().arg("--config").arg(toml).args(["kea", "explain", "printer.lan.example", "--running"]);
    let out = command.output().unwrap();
    (out.status.code(), String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned())
}

fn a_daemon_that_does_not_answer_is_an_error_and_no_more(kea: Kea) {
    let Some(mut site) = Site::new(kea) else { return };
    site.domain("lan.example.", &["127.0.0.1:9".parse().unwrap()]);
    let mut d2 = site.start_d2("ddns-1", 1);
    let (folder, socket) = (site.home.folder().display(), site.paths.socket.clone());
    let (at, file, program) = (socket.display(), site.paths.config.display(), site.paths.program.display());
    let toml = site.home.folder().join("pfddns.toml");
    let text = format!(
        "version = \"v1\"\n[site]\nname = \"s\"\nstate = \"{folder}/state\"\n[d2]\nhost = \"fw\"\nconfig = \"{file}\"\n\
         socket = \"{at}\"\nprogram = \"{program}\"\nlisten = \"{}\"\n[[server]]\nname = \"ns\"\ntype = \"technitium\"\n\
         dns = \"127.0.0.1:9\"\nurl = \"http://127.0.0.1:9\"\ntoken-file = \"{folder}/token\"\n\
         [[zone]]\nname = \"lan.example\"\nsources = [\"127.0.0.1\"]\n",
        site.spec.listen
    );
    write(&toml, &text, 0o600);
    let good = explain(&toml, false);
    assert_eq!(good.0, Some(0), "{}", good.1);
    let fails = |without_rights, facts: &[&str]| {
        let (code, said) = explain(&toml, without_rights);
        assert_eq!(code, Some(1), "{said}");
        assert!(facts.iter().all(|fact| said.contains(fact)) && !said.contains("panicked"), "{said}");
        assert!(said.contains("while  asking the daemon for `config-get`"), "{said}");
    };

    let mode = fs::metadata(&socket).unwrap().permissions();
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o0)).unwrap();
    fails(true, &[&format!("{at}: no answer: permission denied"), "this user may not connect to it"]);
    fs::set_permissions(&socket, mode).unwrap();
    assert_eq!(explain(&toml, true), good);

    // The system still takes the connection for it.
    let pid = Pid::from_raw(d2.pid().try_into().unwrap()).unwrap();
    kill_process(pid, Signal::STOP).unwrap();
    fails(false, &[&format!("{at}: no whole answer within 10 s"), "check that the daemon is running"]);
    kill_process(pid, Signal::CONT).unwrap();
    assert_eq!(explain(&toml, false), good);

    d2.crash();
    fails(false, &[&format!("{at}: no answer: connection refused"), "check that the daemon is running"]);
    fs::remove_file(&socket).unwrap();
    fails(false, &[&format!("{at}: no answer: no such file or directory"), "check that the daemon is running"]);
}
