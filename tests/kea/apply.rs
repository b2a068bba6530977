//! Changing a running D2: what is asked for is in use afterwards, or the old file is.

use crate::each_version;
use crate::harness::Kea;
use crate::site::{Site, run, secret};
use pfddns::error::Exit;
use pfddns::model::{DomainName, KeyName};
use pfddns::systems::kea::Version;
use pfddns::systems::kea::d2::installed::{Installed, secret_of};
use pfddns::systems::kea::daemon::ncr::{self, Mode, Ncr, What, dhcid};
use pfddns::systems::kea::daemon::socket::{Statistics, command, version};
use pfddns::systems::kea::daemon::{apply, listener};
use pfddns::world::Digest;
use serde::Deserialize as _;
use serde_json::Value;
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

each_version!(
    a_first_file_waits_for_its_daemon,
    a_change_is_in_use_and_the_old_file_is_kept,
    a_bad_file_never_reaches_the_daemon,
    a_daemon_that_says_no_gets_its_old_file_back,
    somebody_elses_change_stops_us,
    what_the_daemon_uses_is_compared_by_key_secret_and_server,
    a_system_that_lists_no_ports_knocks_until_d2_listens_again,
    both_dhcp_servers_are_held_and_let_go_whatever_happens,
    a_wedged_daemon_stops_us_before_anything_changes,
);

fn site(kea: Kea) -> Option<Site> {
    let mut site = Site::new(kea)?;
    site.domain("lan.example.", &["127.0.0.1:5300".parse().unwrap()]);
    site.domain("2.0.192.in-addr.arpa.", &["127.0.0.1:5300".parse().unwrap()]);
    Some(site)
}

fn a_first_file_waits_for_its_daemon(kea: Kea) {
    let Some(mut site) = site(kea) else { return };
    let document = site.document("ddns-1", 1);
    let outcome = site.install(&document).unwrap();
    assert_eq!((outcome.backup, outcome.reloaded, outcome.held), (None, false, None));
    assert_eq!(fs::metadata(&site.paths.config).unwrap().permissions().mode() & 0o777, 0o600);
    let _d2 = site.start_d2("ddns-1", 1);
    let (wanted, socket) = (Installed::read(document.as_bytes(), "f").unwrap(), site.paths.socket.clone());
    apply::verify(site.host(), &socket, &wanted).unwrap();
    let series = |Version(major, minor, _): Version| format!("{major}.{minor}");
    assert_eq!(series(version(site.host(), &socket).unwrap()), kea.series);
    let program = site.paths.program.clone();
    assert_eq!(series(apply::program_version(site.host(), &program).unwrap()), kea.series);
}

fn a_change_is_in_use_and_the_old_file_is_kept(kea: Kea) {
    let Some(mut site) = site(kea) else { return };
    let _d2 = site.start_d2("ddns-1", 1);
    let old = site.installed();
    let new = site.document("ddns-2", 2);
    let outcome = site.install(&new).unwrap();
    assert!(outcome.reloaded);
    assert_eq!(site.installed(), new);
    let backup = outcome.backup.unwrap();
    assert_eq!(fs::read_to_string(&backup).unwrap(), old);
    assert_eq!(fs::metadata(&backup).unwrap().permissions().mode() & 0o777, 0o600);
    let name = KeyName::new("ddns-1").unwrap();
    let kept = secret_of(&fs::read(&backup).unwrap(), &name).unwrap();
    assert_eq!(kept.fingerprint(), secret(1).fingerprint());
    let socket = site.paths.socket.clone();
    let running = apply::in_use(site.host(), &socket).unwrap();
    assert_eq!(running.used_keys(), ["ddns-2"]);
    assert_eq!(running.keys[0].fingerprint, Some(secret(2).fingerprint()));
    assert!(Statistics::read(site.host(), &socket).unwrap().at_rest());
}

/// FreeBSD's way: nothing tells which socket holds the port, so an invalid datagram must be counted. What is sent right
/// after that is never lost.
fn a_system_that_lists_no_ports_knocks_until_d2_listens_again(kea: Kea) {
    let Some(mut site) = site(kea) else { return };
    let _d2 = site.start_d2("ddns-1", 1);
    let (socket, listen, clock) = (site.paths.socket.clone(), site.spec.listen, site.world.clock.clone());
    let version = version(site.host(), &socket).unwrap();
    let received = |site: &mut Site| Statistics::read(site.host(), &socket).unwrap().received();
    for round in 1..=5 {
        command(site.host(), &socket, "config-reload", None).unwrap();
        run(listener::reopened(&clock, site.host(), &socket, listen, None)).unwrap();
        let before = received(&mut site);
        for number in 1..=20 {
            let name = DomainName::new(&format!("host-{round}-{number}.nowhere.test")).unwrap();
            let ncr = Ncr {
                what: What::Add,
                forward: true,
                reverse: false,
                address: "203.0.113.1".parse().unwrap(),
                dhcid: dhcid(1, &[round, number], &name),
                name,
                expires: 2_000_000_000,
                lease_seconds: 600,
                mode: Mode::CheckWithDhcid,
            };
            ncr::send(site.host(), listen, &ncr, version).unwrap();
        }
        std::thread::sleep(Duration::from_millis(200));
        assert_eq!(received(&mut site) - before, 20, "after reload {round}");
    }
}

/// A DHCP server's control socket that notes what it is told; `refuses` says no to `dhcp-disable`.
fn dhcp(site: &mut Site, name: &str, refuses: bool) -> Arc<Mutex<Vec<String>>> {
    let path = site.home.folder().join(name);
    let listener = UnixListener::bind(&path).unwrap();
    site.paths.pause.push(path);
    let told = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&told);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let asked: Value = Value::deserialize(&mut serde_json::Deserializer::from_reader(&stream)).unwrap();
            let command = asked["command"].as_str().unwrap().to_owned();
            let result = i32::from(refuses && command == "dhcp-disable");
            if command != "version-get" {
                notes.lock().unwrap().push(command);
            }
            stream.write_all(format!("{{\"result\": {result}, \"text\": \"no\"}}").as_bytes()).unwrap();
        }
    });
    told
}

/// kea-dhcp4 and kea-dhcp6 may feed one D2.
fn both_dhcp_servers_are_held_and_let_go_whatever_happens(kea: Kea) {
    let Some(mut site) = site(kea) else { return };
    let _d2 = site.start_d2("ddns-1", 1);
    let (four, six) = (dhcp(&mut site, "4.sock", false), dhcp(&mut site, "6.sock", false));
    let new = site.document("ddns-2", 2);
    assert!(site.install(&new).unwrap().held.is_some());
    for told in [&four, &six] {
        assert_eq!(*told.lock().unwrap(), ["dhcp-disable", "dhcp-enable"]);
    }
    // One says no: nothing is reloaded, and the one that was held goes on.
    site.paths.pause.truncate(1);
    let second = dhcp(&mut site, "no.sock", true);
    let newer = site.document("ddns-3", 3);
    let error = site.install(&newer).unwrap_err().to_string();
    assert!(error.contains("no.sock") && error.contains("--no-pause"), "{error}");
    assert_eq!(site.installed(), new);
    assert_eq!(*second.lock().unwrap(), ["dhcp-disable"]);
    assert_eq!(*four.lock().unwrap(), ["dhcp-disable", "dhcp-enable", "dhcp-disable", "dhcp-enable"]);
}

fn a_bad_file_never_reaches_the_daemon(kea: Kea) {
    let Some(mut site) = site(kea) else { return };
    let mut d2 = site.start_d2("ddns-1", 1);
    let old = site.installed();
    let good = site.document("ddns-2", 2);
    let servers = "\"dns-servers\": [ { \"ip-address\": \"127.0.0.1\", \"port\": 5300 } ]";
    let cases = [
        (good.replace("lan.example.", "lan.example"), "never matches"),
        (good.replace(&format!(", {servers}"), ""), "aborts on a domain without `dns-servers`"),
        (good.replace("\"key-name\": \"ddns-2\"", "\"key-name\": \"DDNS-2\""), "no key has exactly the name `DDNS-2`"),
        (good.replace("HMAC-SHA256", "SHA256"), "does not know the algorithm `SHA256`"),
        (good[..good.rfind("} }").unwrap()].to_owned(), "the file ends here"),
        (good.replace("\"severity\": \"DEBUG\"", "\"severity\": 3"), "expects a string"),
    ];
    for (bad, wanted) in cases {
        assert_ne!(bad, good);
        let error = site.install(&bad).unwrap_err();
        assert!(error.what().contains(wanted), "{error}");
        assert!(error.what().contains("d2.conf:"), "{error}");
        assert_eq!(site.installed(), old);
        assert!(!site.paths.backup.exists(), "a refused file leaves no backup");
    }
    // Our own checks don't know it: the daemon's do, and its temporary name does not show.
    let bad =
        good.replace("\"tsig-keys\"", "\"hooks-libraries\": [ { \"library\": \"/nonexistent.so\" } ], \"tsig-keys\"");
    let error = site.install(&bad).unwrap_err();
    assert!(error.what().contains("hooks librar"), "{error}");
    assert_eq!((site.installed(), error.exit()), (old, Exit::Failed));
    assert!(d2.is_running());
    let left: Vec<_> = fs::read_dir(site.home.folder()).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert!(!left.iter().any(|it| it.to_string_lossy().starts_with("d2.conf.")), "{left:?}");
}

fn a_daemon_that_says_no_gets_its_old_file_back(kea: Kea) {
    let Some(mut site) = site(kea) else { return };
    let _d2 = site.start_d2("ddns-1", 1);
    let dhcp = dhcp(&mut site, "4.sock", false);
    let old = site.installed();
    // A port that is taken: `-t` passes, and the daemon can't listen there.
    let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = site.spec.listen.port();
    let new = site.document("ddns-2", 2);
    let new = new.replace(&format!("\"port\": {port}"), &format!("\"port\": {}", taken.local_addr().unwrap().port()));
    let error = site.install(&new).unwrap_err();
    assert_eq!(error.exit(), Exit::Undone, "{error}");
    assert!(error.to_string().contains("the old file is restored and in use"), "{error}");
    // On the way back too: a reload that nobody is held for may lose a name.
    assert_eq!(*dhcp.lock().unwrap(), ["dhcp-disable", "dhcp-enable", "dhcp-disable", "dhcp-enable"]);
    assert_eq!(site.installed(), old);
    let (wanted, socket) = (Installed::read(old.as_bytes(), "f").unwrap(), site.paths.socket.clone());
    apply::verify(site.host(), &socket, &wanted).unwrap();
}

fn somebody_elses_change_stops_us(kea: Kea) {
    let Some(mut site) = site(kea) else { return };
    let first = site.document("ddns-1", 1);
    site.install(&first).unwrap();
    let new = site.document("ddns-2", 2);
    let error = site.install_over(&new, Some(Digest::of(b"what was there before"))).unwrap_err();
    assert!(error.what().contains("has changed since it was read"), "{error}");
    assert_eq!(site.installed(), first);
}

fn what_the_daemon_uses_is_compared_by_key_secret_and_server(kea: Kea) {
    let Some(mut site) = site(kea) else { return };
    let _d2 = site.start_d2("ddns-1", 1);
    let good = site.document("ddns-1", 1);
    let socket = site.paths.socket.clone();
    let other_secret = site.document("ddns-1", 2);
    for (other, wanted) in [
        (good.replace("5300", "5301"), "different servers or keys for lan.example."),
        (other_secret, "does not have key ddns-1"),
        (good.replace("HMAC-SHA256", "HMAC-SHA512"), "does not have key ddns-1"),
        (good.replace("\"lan.example.\"", "\"wlan.example.\""), "different servers or keys for wlan.example."),
    ] {
        let wanted_document = Installed::read(other.as_bytes(), "f").unwrap();
        let error = apply::verify(site.host(), &socket, &wanted_document).unwrap_err();
        assert!(error.what().contains(wanted), "{error}");
        assert!(!error.to_string().contains(secret(1).expose()));
    }
    let error = command(site.host(), &socket, "no-such-command", None).unwrap_err();
    assert!(error.what().contains("has no command `no-such-command`"), "{error}");
}

fn a_wedged_daemon_stops_us_before_anything_changes(kea: Kea) {
    let Some(mut site) = site(kea) else { return };
    let first = site.document("ddns-1", 1);
    site.install(&first).unwrap();
    // Takes connections and closes them without a word.
    let listener = UnixListener::bind(&site.paths.socket).unwrap();
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 1000]);
    });
    let new = site.document("ddns-2", 2);
    let error = site.install(&new).unwrap_err();
    thread.join().unwrap();
    assert!(error.what().contains("closed the connection without an answer"), "{error}");
    assert_eq!(site.installed(), first);
    // Its socket is left behind, as after a crash: nobody is there, so the file waits for the next start.
    let outcome = site.install(&new).unwrap();
    assert!(!outcome.reloaded);
}
