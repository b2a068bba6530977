//! The commands on pfSense's configuration as people type them: a copy of a captured config.xml, a stand-in for
//! pfSense's PHP (what it is asked to do is recorded), and a stand-in for kea-dhcp4's control socket.
//! Not covered here: pfSense's real `services_dhcpd_configure`.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod backups;
mod by_php;
#[path = "../harness/mod.rs"]
mod harness;
mod resolver;

use serde_json::Value;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::UdpSocket;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;

struct Box_ {
    folder: tempfile::TempDir,
}

struct Said {
    out: String,
    err: String,
    code: i32,
}

impl Box_ {
    fn new(fixture: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir(root.join("backup")).unwrap();
        let it = Self { folder };
        fs::copy(it.fixture(fixture), it.at("config.xml")).unwrap();
        fs::write(it.at("config.cache"), "stale").unwrap();
        let root = it.folder.path().display();
        fs::write(
            it.at("pfddns.toml"),
            format!(
                "version = \"v1\"\n[site]\nstate = \"{root}/state\"\n[d2]\nmanage = false\n[pfsense]\nconfig = \"{root}/config.xml\"\n\
                 lock = \"{root}/config.lock\"\ncache = \"{root}/config.cache\"\nrestore-points = \"{root}/backup\"\nphp = \"{root}/php\"\n\
                 kea-dhcp4-config = \"{root}/kea-dhcp4.conf\"\nkea-dhcp4-program = \"{root}/kea-dhcp4\"\n\
                 [[server]]\nname = \"ns1\"\ntype = \"technitium\"\ndns = \"127.0.0.1:9\"\nurl = \"http://127.0.0.1:9\"\ntoken-file = \"/none\"\n\
                 [[zone]]\nname = \"lan.example\"\nsources = [\"10.0.10.1\"]\n[[subnet]]\nnetwork = \"10.0.10.0/24\"\nsources = [\"10.0.10.1\"]\n"
            ),
        )
        .unwrap();
        it
    }

    fn fixture(&self, name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/pfsense").join(name)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn config(&self) -> String {
        fs::read_to_string(self.at("config.xml")).unwrap()
    }

    fn run(&self, arguments: &[&str]) -> Said {
        let output = Command::new(env!("CARGO_BIN_EXE_pfddns"))
            .arg("--config")
            .arg(self.at("pfddns.toml"))
            .args(arguments)
            .output()
            .unwrap();
        let plain = |bytes: Vec<u8>| self.plain(&String::from_utf8(bytes).unwrap());
        Said { out: plain(output.stdout), err: plain(output.stderr), code: output.status.code().unwrap() }
    }

    /// Without what differs from run to run.
    fn plain(&self, text: &str) -> String {
        let mut text = text.replace(&self.folder.path().display().to_string(), "[BOX]");
        let mut from = 0;
        // 20261122T232925Z-dns-servers-5ecf
        while let Some(at) = text[from..].find("Z-").map(|it| it + from) {
            let start = at.saturating_sub(15);
            let run = text
                .get(start..at)
                .is_some_and(|it| it.len() == 15 && it.chars().all(|c| c.is_ascii_digit() || c == 'T'));
            let end = text[at + 2..]
                .find(|c: char| !c.is_ascii_alphanumeric() && c != '-')
                .map_or(text.len(), |it| it + at + 2);
            if run {
                text.replace_range(start..end, "[RUN]");
                from = start + 5;
            } else {
                from = at + 2;
            }
        }
        text
    }

    fn program(&self, name: &str, text: &str) {
        harness::executable(&self.at(name), text.as_bytes(), 0o755);
    }

    /// pfSense's PHP: notes what it was asked, and says that it came to the end.
    fn php(&self) {
        self.program("php", "#!/bin/sh\ncat >>\"$(dirname \"$0\")/asked\"\necho 'pfddns: done'\n");
    }

    /// kea-dhcp4's control socket, answering `config-get` with what `running` in the box says.
    fn kea(&self, running: &str) {
        fs::write(self.at("running"), running).unwrap();
        let socket = self.at("kea.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let file = format!(
            "{{\"Dhcp4\": {{\"control-socket\": {{\"socket-type\": \"unix\", \"socket-name\": \"{}\"}}}}}}",
            socket.display()
        );
        fs::write(self.at("kea-dhcp4.conf"), file).unwrap();
        let running = self.at("running");
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let mut request = [0; 4096];
                let _ = stream.read(&mut request);
                let Ok(running) = fs::read_to_string(&running) else { return };
                let answer = format!("{{\"result\": 0, \"text\": \"ok\", \"arguments\": {running}}}");
                let _ = stream.write_all(answer.as_bytes());
            }
        });
    }
}

/// A resolver on loopback that answers every question with nothing, unless config.xml holds this text; its port goes
/// into config.xml.
fn resolver(it: &Box_, silenced_by: &'static str) {
    let config = it.at("config.xml");
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = format!("<port>{}</port>\n\t\t<active_interface>", socket.local_addr().unwrap().port());
    fs::write(it.at("config.xml"), it.config().replacen("<active_interface>", &port, 1)).unwrap();
    std::thread::spawn(move || {
        let mut message = [0; 1024];
        while let Ok((length, from)) = socket.recv_from(&mut message) {
            message[2] |= 0x80;
            if !fs::read_to_string(&config).is_ok_and(|it| it.contains(silenced_by)) {
                let _ = socket.send_to(&message[..length], from);
            }
        }
    });
}

#[test]
fn dns_servers_as_typed() {
    let it = Box_::new("2.8/config.xml");
    let before = it.config();
    let servers = ["dhcp", "dns-servers", "lan", "10.0.10.1", "94.140.14.14"];
    let dry = it.run(&[&servers[..], &["--dry-run"]].concat());
    assert_eq!(
        dry.out,
        "plan [RUN]: hand out 10.0.10.1, 94.140.14.14 as DNS servers of lan on firewall\n  \
         1  hand out 10.0.10.1, 94.140.14.14 as DNS servers of lan (written only: [BOX]/php does not exist, so it takes effect when pfSense next rebuilds)\n       \
         --- before\n       +++ after\n       @@ -92,2 +92,3 @@\n        \t\t\t<dnsserver>10.0.10.1</dnsserver>\n       \
         +\t\t\t<dnsserver>94.140.14.14</dnsserver>\n        \t\t\t<domain>example.lan</domain>\n"
    );
    assert_eq!(
        dry.err,
        "pfddns: warning: 94.140.14.14 is a public resolver among internal ones: a client may ask it first, then it does not find internal names and reveals which names it looked for\n"
    );
    assert_eq!((dry.code, it.config()), (5, before.clone()));

    let done = it.run(&servers);
    assert_eq!(done.out, "hand out 10.0.10.1, 94.140.14.14 as DNS servers of lan on firewall: done, 1 step\n");
    assert_eq!(done.code, 0);
    assert!(!it.at("config.cache").exists());
    let after = it.config();
    let diff = similar::TextDiff::from_lines(before.as_str(), after.as_str());
    let touched = diff.iter_all_changes().filter(|it| it.tag() != similar::ChangeTag::Equal).count();
    assert_eq!(touched, 7, "one new server; time, description and user of the revision");

    let again = it.run(&servers);
    assert_eq!(
        (again.code, again.out.as_str()),
        (0, "hand out 10.0.10.1, 94.140.14.14 as DNS servers of lan on firewall: nothing to do\n")
    );
    assert_eq!(it.config(), after);

    let list = it.run(&["backup", "list"]);
    assert!(list.out.contains("config.xml  before dns-servers  71532 bytes  config.xml.[RUN]"), "{}", list.out);
    assert_eq!(it.run(&["undo"]).code, 0);
    assert!(!it.config().contains("<dnsserver>94.140.14.14<"));
    assert_eq!(it.run(&["dhcp", "dns-servers", "lan", "--default"]).code, 0);
    assert!(it.run(&["dhcp", "show"]).out.contains("dns servers  pfSense's own choice"));
    let show: Value = serde_json::from_str(&run_json(&it, &["--json", "dhcp", "show"])).unwrap();
    assert_eq!(show["scopes"][1]["dns-servers"], serde_json::json!(["10.0.20.1"]));
    assert_eq!(show["scopes"][1]["warnings"], serde_json::json!([]));
}

/// The fixture with its reservations repeated until it has this size.
fn large(text: &str, bytes: usize) -> String {
    let first = text.find("\t\t\t<staticmap>").unwrap();
    let last = first + text[first..].find("\t\t</lan>").unwrap();
    let maps = &text[first..last];
    text.replacen(maps, &maps.repeat((bytes - text.len()) / maps.len() + 2), 1)
}

#[test]
fn of_580_kilobytes_only_the_touched_lines_change() {
    let it = Box_::new("2.8/config.xml");
    let before = large(&it.config(), 580_000);
    assert!(before.len() >= 580_000);
    fs::write(it.at("config.xml"), &before).unwrap();
    let done = it.run(&["dhcp", "dns-servers", "lan", "10.0.10.1", "94.140.14.14"]);
    assert_eq!(done.code, 0, "{}", done.err);
    fs::write(it.at("before.xml"), &before).unwrap();
    let diff = Command::new("/usr/bin/diff").arg(it.at("before.xml")).arg(it.at("config.xml")).output().unwrap();
    let lines = String::from_utf8(diff.stdout).unwrap();
    let touched: Vec<&str> = lines.lines().filter(|it| it.starts_with(['<', '>'])).collect();
    let [added, revision @ ..] = touched.as_slice() else { panic!("{lines}") };
    assert_eq!(*added, "> \t\t\t<dnsserver>94.140.14.14</dnsserver>");
    let keys = ["<time>", "<description>", "<username>"];
    assert_eq!(revision.len(), 6, "{lines}");
    assert!(revision.iter().all(|line| keys.iter().any(|key| line.contains(key))), "{lines}");
}

#[test]
fn what_cannot_be_done_is_said_and_nothing_happens() {
    let it = Box_::new("2.8/config.xml");
    let whole = it.config();
    let said = |arguments: &[&str], code: i32, words: &str| {
        let said = it.run(arguments);
        assert_eq!(said.code, code, "{arguments:?}: {}", said.err);
        assert!(said.err.contains(words), "{arguments:?}: {}", said.err);
    };
    said(
        &["dhcp", "dns-servers", "opt9", "10.0.0.1"],
        2,
        "no DHCP section for interface opt9\n  try    interfaces with one: lan, opt1",
    );
    said(&["dhcp", "dns-servers", "lan", "fd00::1"], 2, "invalid value 'fd00::1'");
    said(&["dhcp", "dns-servers", "lan"], 2, "<SERVERS>");
    said(&["dhcp", "dns-servers", "lan", "224.0.0.1"], 2, "224.0.0.1 is not an address that a server can have");
    said(&["dhcp", "dns-servers", "lan", "10.0.0.1", "10.0.0.1"], 2, "10.0.0.1 is named twice");
    said(&["backup", "restore", "nothing"], 2, "no backup is called `nothing`");
    said(&["unbound", "forward", "lan.example"], 2, "--to");
    let within = |old: &str, new: &str| whole.replacen(old, new, 1).into_bytes();
    let bomb = "<!DOCTYPE pfsense [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\"><!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;\">]>\n<pfsense>\n\t<bomb>&c;</bomb>";
    let cases: [(Vec<u8>, &str); 12] = [
        (Vec::new(), "config.xml: line 1: the file is empty"),
        (b"<?php echo 1;".to_vec(), "a processing instruction is not closed"),
        (b"\x7fELF\x02\x01".to_vec(), "config.xml: line 1: "),
        (within("<pfsense>", "<opnsense>"), "config.xml: line "),
        (whole.as_bytes()[..whole.len() / 2].to_vec(), "config.xml: line "),
        (within("\t<version>", "\t<version>1</version>\n\t<version>"), "<version> cannot occur more than once"),
        (within("\t\t<lan>", "\t\t<lan>text"), "after text in the same element"),
        ([&whole.as_bytes()[..200], b"\xff", &whole.as_bytes()[200..]].concat(), "not valid UTF-8"),
        (within("<pfsense>", bomb), "config.xml has a DOCTYPE"),
        (within("<pfsense>", &format!("<pfsense>{}", "<a>".repeat(100_000))), "nested deeper than 1024 levels"),
        (vec![b' '; 50 << 20], "bigger than 32 MiB"),
        (b"<pfsense>\n\t<version>23.9</version>\n</pfsense>\n".to_vec(), "config.xml has no DHCP section"),
    ];
    for (bytes, words) in cases {
        fs::write(it.at("config.xml"), &bytes).unwrap();
        let code = if words.contains("no DHCP section") { 2 } else { 1 };
        said(&["dhcp", "dns-servers", "lan", "10.0.0.1"], code, words);
        assert!(fs::read(it.at("config.xml")).unwrap() == bytes, "{words}: the file was touched");
    }
    fs::write(it.at("config.xml"), whole.replacen("<enable></enable>\n\t\t\t<range>", "<range>", 1)).unwrap();
    said(&["dhcp", "dns-servers", "lan", "10.0.0.1"], 2, "DHCP is off on lan");
    fs::write(it.at("config.xml"), whole.replace("<dhcpbackend>kea", "<dhcpbackend>isc")).unwrap();
    said(&["dhcp", "ddns", "enable"], 2, "runs the ISC DHCP server");
    fs::write(it.at("config.xml"), whole.replace("<version>23.9", "<version>23.3")).unwrap();
    said(&["dhcp", "ddns", "enable"], 2, "DDNS needs 2.8 or later");
    let ha = "\t<kea>\n\t\t<ha>\n\t\t\t<enable></enable>\n\t\t\t<role>standby</role>\n\t\t</ha>\n\t</kea>\n</pfsense>";
    fs::write(it.at("config.xml"), whole.replace("</pfsense>", ha)).unwrap();
    said(&["dhcp", "dns-servers", "lan", "10.0.0.1"], 2, "standby of an HA pair");
    fs::remove_file(it.at("config.xml")).unwrap();
    said(&["dhcp", "show"], 2, "is this a pfSense firewall?");
    assert!(!it.at("state/backups").exists());
}

#[test]
fn ddns_is_wired_taken_over_and_proven_live() {
    let it = Box_::new("2.8/config.xml");
    let before = it.config();
    // pfSense's rebuild, as far as the daemon shows it.
    let wired = |subnet: &str| {
        format!(
            r#"{{"Dhcp4": {{"dhcp-ddns": {{"enable-updates": true, "server-ip": "127.0.0.1", "server-port": 53001}},
            "subnet4": [{{"subnet": "10.0.10.0/24"{subnet}}}]}}}}"#
        )
    };
    let named = r#", "ddns-send-updates": true, "ddns-qualifying-suffix": "lan.example.""#;
    fs::write(it.at("wired"), wired(named)).unwrap();
    it.kea(r#"{"Dhcp4": {}}"#);
    fs::copy(it.at("running"), it.at("bare")).unwrap();
    it.program(
        "php",
        "#!/bin/sh\ncd \"$(dirname \"$0\")\"\ncat >>asked\n\
         if grep -q '<kea>' config.xml; then cp wired running; else cp bare running; fi\necho 'pfddns: done'\n",
    );
    let status = it.run(&["dhcp", "ddns", "status"]);
    assert_eq!(
        (status.code, status.out.as_str()),
        (
            5,
            "config.xml, lan: not wired\nconfig.xml, global: not wired\nrunning kea-dhcp4: does not send names to D2\n"
        )
    );
    let done = it.run(&["dhcp", "ddns", "enable"]);
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(fs::read_to_string(it.at("asked")).unwrap().contains("services_dhcpd_configure('inet');"));
    let status: Value = serde_json::from_str(&it.run(&["--json", "dhcp", "ddns", "status"]).out).unwrap();
    assert_eq!(
        status["places"],
        serde_json::json!([{ "place": "lan", "wired": true }, { "place": "global", "wired": true }])
    );
    assert_eq!(
        (&status["live"], &status["lasting"], &status["file"]),
        (&true.into(), &true.into(), &"config.xml".into())
    );
    // The switch alone is not enough: pfSense drops what its lint refuses, and the clients of lan must be named.
    fs::write(it.at("running"), wired("")).unwrap();
    let status = it.run(&["dhcp", "ddns", "status"]);
    assert!(
        status.code == 5 && status.out.ends_with("has a different ddns-send-updates for 10.0.10.0/24\n"),
        "{}",
        status.out
    );
    fs::copy(it.at("wired"), it.at("running")).unwrap();
    assert_eq!(it.run(&["dhcp", "ddns", "status"]).code, 0);
    assert_eq!(
        it.run(&["dhcp", "ddns", "enable"]).out.lines().last().unwrap(),
        "make kea-dhcp4 send the names of lan to D2 on firewall: nothing to do"
    );
    assert_eq!(it.run(&["dhcp", "ddns", "disable"]).code, 0);
    let strip = |text: &str| text[..text.find("<revision>").unwrap()].to_owned();
    assert_eq!(strip(&it.config()), strip(&before));
}

#[test]
fn a_daemon_that_does_not_send_after_all_brings_the_old_file_back() {
    let it = Box_::new("2.8/config.xml");
    let before = it.config();
    it.php();
    it.kea(r#"{"Dhcp4": {}}"#);
    let said = it.run(&["dhcp", "ddns", "enable"]);
    assert_eq!(said.code, 3, "{}", said.err);
    assert!(said.err.contains("does not send names to D2"), "{}", said.err);
    let strip = |text: &str| text[..text.find("<revision>").unwrap()].to_owned();
    assert_eq!(strip(&it.config()), strip(&before));
    let asked = fs::read_to_string(it.at("asked")).unwrap();
    assert_eq!(asked.matches("services_dhcpd_configure").count(), 2, "once forth, once back");
}

#[test]
fn the_merged_configuration_is_linted_before_anything_is_written() {
    let it = Box_::new("2.8/config.xml");
    let before = it.config();
    fs::copy(it.fixture("2.8/kea-dhcp4.conf"), it.at("kea-dhcp4.conf")).unwrap();
    it.program(
        "kea-dhcp4",
        "#!/bin/sh\ncat \"$2\" >\"$(dirname \"$0\")/linted\"\necho 'Error encountered: unknown keyword' >&2\nexit 1\n",
    );
    let said = it.run(&["dhcp", "ddns", "enable"]);
    assert_eq!(said.code, 1, "{}", said.err);
    assert!(
        said.err.contains("kea-dhcp4 -t refuses the merged configuration: Error encountered: unknown keyword"),
        "{}",
        said.err
    );
    let linted: Value = serde_json::from_slice(&fs::read(it.at("linted")).unwrap()).unwrap();
    assert_eq!(linted["Dhcp4"]["dhcp-ddns"]["server-port"], 53001);
    assert_eq!(linted["Dhcp4"]["subnet4"][0]["ddns-send-updates"], true);
    assert_eq!(linted["Dhcp4"]["subnet4"][1].get("ddns-send-updates"), None);
    assert_eq!(it.config(), before);
}

#[test]
fn the_resolver_and_the_backups_as_typed() {
    let it = Box_::new("2.8/config.xml");
    resolver(&it, "nothing does");
    let before = it.config();
    it.php();
    assert_eq!(it.run(&["unbound", "forward", "--to", "10.0.10.53"]).code, 0);
    assert!(fs::read_to_string(it.at("asked")).unwrap().contains("services_unbound_configure(false);"));
    let backups: Value = serde_json::from_str(&run_json(&it, &["--json", "backup", "list"])).unwrap();
    let first = backups["backups"][0]["name"].as_str().unwrap().to_owned();
    let show = it.run(&["unbound", "show"]);
    assert!(
        show.out.contains("  lan.example  asks 10.0.10.53  managed by pfddns\n  10.0.10.in-addr.arpa  asks 10.0.10.53"),
        "{}",
        show.out
    );
    assert_eq!(it.run(&["unbound", "auth-zone", "lan.example", "--from", "10.0.10.53"]).code, 0);
    assert!(it.run(&["unbound", "show"]).out.contains("    primary: 10.0.10.53"));
    assert!(it.run(&["backup", "diff", &first]).out.contains("+\t\t\t<ip>10.0.10.53</ip>"));
    assert_eq!(it.run(&["unbound", "auth-zone", "--remove"]).code, 0);
    assert_eq!(it.run(&["unbound", "forward", "--remove"]).code, 0);
    let strip = |text: &str| text[..text.find("<revision>").unwrap()].to_owned();
    assert_eq!(strip(&it.config()), strip(&before));
    let prune = it.run(&["backup", "prune", "--keep", "0", "--older-than-days", "0"]);
    assert_eq!(prune.code, 0, "{}", prune.err);
}

#[test]
fn a_resolver_that_does_not_come_back_brings_the_old_file_back() {
    let it = Box_::new("2.8/config.xml");
    resolver(&it, "managed by pfddns");
    let before = it.config();
    it.php();
    let said = it.run(&["unbound", "forward", "--to", "10.0.10.53"]);
    assert!(said.code == 3 && said.err.contains("the DNS Resolver answers after its restart"), "{}", said.err);
    let strip = |text: &str| text[..text.find("<revision>").unwrap()].to_owned();
    assert_eq!(strip(&it.config()), strip(&before));
}

#[test]
fn the_primary_of_a_pair_sends_the_change_to_the_other_one() {
    let it = Box_::new("2.8/config.xml");
    let hasync = "\t<hasync>\n\t\t<synchronizetoip>10.0.99.2</synchronizetoip>\n\t</hasync>\n</pfsense>";
    fs::write(it.at("config.xml"), it.config().replace("</pfsense>", hasync)).unwrap();
    it.php();
    it.kea(r#"{"Dhcp4": {}}"#);
    assert_eq!(it.run(&["dhcp", "dns-servers", "lan", "10.0.10.53"]).code, 0);
    let asked = fs::read_to_string(it.at("asked")).unwrap();
    assert!(asked.contains("services_dhcpd_configure('inet');\ncarp_sync_client();"), "{asked}");
}

/// Without the run's names hidden: they are what the next command needs.
fn run_json(it: &Box_, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_pfddns"))
        .arg("--config")
        .arg(it.at("pfddns.toml"))
        .args(arguments)
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}
