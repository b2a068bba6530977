//! Each real server of the harness comes up side by side with itself, is what it should be, and goes away when dropped.

#[path = "harness/mod.rs"]
mod harness;

use harness::{Bao, Kea, KeaHome, Named, free_port, real};
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;

fn d2_config(home: &KeaHome, name: &str) -> String {
    let (port, socket, log) = (free_port(), home.socket(name), home.folder().join(format!("{name}.log")));
    format!(
        r#"{{"DhcpDdns":{{"ip-address":"127.0.0.1","port":{port},"tsig-keys":[],"forward-ddns":{{}},"reverse-ddns":{{}},
        "control-socket":{{"socket-type":"unix","socket-name":"{}"}},
        "loggers":[{{"name":"kea-dhcp-ddns","severity":"INFO","output_options":[{{"output":"{}"}}]}}]}}}}"#,
        socket.display(),
        log.display()
    )
}

fn dhcp4_config(home: &KeaHome, name: &str) -> String {
    format!(
        r#"{{"Dhcp4":{{"interfaces-config":{{"interfaces":[]}},"lease-database":{{"type":"memfile","persist":true,
        "name":"{}"}},"control-socket":{{"socket-type":"unix","socket-name":"{}"}},
        "subnet4":[{{"id":1,"subnet":"10.0.0.0/24"}}]}}}}"#,
        home.folder().join(format!("{name}.leases")).display(),
        home.socket(name).display()
    )
}

fn ask(socket: &Path, command: &str) -> String {
    let mut stream = UnixStream::connect(socket).expect("a control socket that listens");
    write!(stream, r#"{{"command":"{command}"}}"#).expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

fn is_gone(pid: u32) -> bool {
    !Path::new(&format!("/proc/{pid}")).exists()
}

#[test]
fn each_kea_runs_twice_beside_itself() {
    for kea in Kea::ALL {
        let Some(home) = real(kea.home()) else { continue };
        let mut pids = Vec::new();
        {
            let (one, two) = (d2_config(&home, "d2-one"), d2_config(&home, "d2-two"));
            let daemons = [
                home.start_d2("d2-one", &one).expect("D2"),
                home.start_d2("d2-two", &two).expect("a second D2"),
                home.start_dhcp4("dhcp4", &dhcp4_config(&home, "dhcp4")).expect("kea-dhcp4"),
            ];
            for name in ["d2-one", "d2-two", "dhcp4"] {
                let answer = ask(&home.socket(name), "version-get");
                let expected = format!("\"text\": \"{}.", kea.series);
                assert!(answer.contains(&expected), "{name}: {answer} lacks {expected}");
            }
            pids.extend(daemons.iter().map(harness::Daemon::pid));
            let config = home.folder().join("d2-one.conf");
            let checked = Command::new(&home.d2).env_clear().arg("-t").arg(config).output().expect("-t");
            assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
        }
        assert!(pids.iter().all(|pid| is_gone(*pid)), "{pids:?}");
    }
}

#[test]
fn named_serves_its_zone_and_takes_rndc() {
    let zone = |folder: &Path| Named::zone(folder, "lan.example.", "");
    let Some(named) = real(Named::start(zone)) else { return };
    let port = named.dns.port().to_string();
    let dig = Command::new("/usr/bin/dig").args(["@127.0.0.1", "-p", &port, "+short", "lan.example.", "NS"]).output();
    assert_eq!(String::from_utf8_lossy(&dig.expect("dig").stdout), "ns1.lan.example.\n");
    let rndc = named.rndc();
    let status = Command::new(&rndc[0]).args(&rndc[1..]).arg("status").output().expect("rndc");
    assert!(String::from_utf8_lossy(&status.stdout).contains("server is up and running"), "{status:?}");
    let (pid, folder) = (named.daemon.pid(), named.folder().to_owned());
    drop(named);
    assert!(is_gone(pid) && !folder.exists());
}

#[test]
fn bao_is_unsealed_and_has_a_mount() {
    let Some(bao) = real(Bao::start()) else { return };
    let (code, body) = bao.call("GET", "sys/internal/ui/mounts/secret", "");
    assert!(code == 200 && body.contains(r#""version":"2""#), "{code} {body}");
    assert!(fs::read_to_string(&bao.token_file).is_ok());
    let pid = bao.daemon.pid();
    drop(bao);
    assert!(is_gone(pid));
}

/// Tests run side by side, and each starts children: what one puts down, it can run, whatever the others are doing.
#[test]
fn what_a_test_puts_down_it_can_run_at_once() {
    let folder = tempfile::tempdir().expect("a temp folder");
    let at = folder.path();
    let run = |thread: usize| {
        for round in 0..100 {
            let path = at.join(format!("{thread}.{round}"));
            harness::write(&path, "#!/bin/sh\n", 0o700);
            let ended = Command::new(&path).status().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert!(ended.success());
        }
    };
    std::thread::scope(|all| (0..8).for_each(|thread| drop(all.spawn(move || run(thread)))));
}
