//! `writer = "pfsense"`: config.xml is written by pfSense's PHP, played by php-cli with a stand-in for pfSense's own
//! include files (tests/pfsense/inc). Not covered here: pfSense's real `write_config()`.

use super::Box_;
use pfddns::systems::pfsense::{Document, Seen, read};
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

/// The usual firewall with pfSense as the writer. None if there is no PHP; CI has one.
fn firewall() -> Option<Box_> {
    if Command::new("/usr/bin/php").arg("-v").output().is_err() {
        assert!(std::env::var_os("PFDDNS_CI").is_none(), "php-cli is not installed");
        let _ = writeln!(std::io::stderr(), "skipped: php-cli is not installed");
        return None;
    }
    let it = Box_::new("2.8/config.xml");
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = it.folder.path().display();
    it.program(
        "php",
        &format!(
            "#!/bin/sh\nexec /usr/bin/php -d include_path={inc} -d pfddns.config={root}/config.xml -d pfddns.cache={root}/config.cache \
             -d pfddns.lock={root}/config.lock -d pfddns.backups={root}/backup -d pfddns.lists={lists} \"$@\"\n",
            inc = project.join("tests/pfsense/inc").display(),
            lists = project.join("fixtures/pfsense/list-tags.json").display(),
        ),
    );
    let toml = fs::read_to_string(it.at("pfddns.toml")).unwrap();
    fs::write(it.at("pfddns.toml"), toml.replace("[pfsense]\n", "[pfsense]\nwriter = \"pfsense\"\n")).unwrap();
    it.kea("{\"Dhcp4\": {}}");
    Some(it)
}

fn ok(it: &Box_, arguments: &[&str]) {
    let ran = it.run(arguments);
    assert_eq!(ran.code, 0, "{arguments:?}: {}", ran.err);
}

fn fails(it: &Box_, arguments: &[&str], words: &str) {
    let (before, ran) = (it.config(), it.run(arguments));
    assert!(ran.code != 0 && ran.err.contains(words), "{arguments:?}: {} {}", ran.code, ran.err);
    assert_eq!(it.config(), before);
}

/// All that pfSense sees but the note about the last change.
fn seen(bytes: &[u8]) -> Vec<(String, Seen)> {
    let document: Document<'_> = read(bytes).unwrap();
    let Seen::Map(mut all) = Seen::of(&document, document.root()) else { panic!("no sections") };
    all.retain(|(key, _)| key != "revision");
    all
}

const SERVERS: [&str; 5] = ["dhcp", "dns-servers", "lan", "10.0.10.1", "94.140.14.14"];

#[test]
fn pfsense_writes_what_was_intended_and_it_is_taken_back_the_same_way() {
    let Some(it) = firewall() else { return };
    let before = it.config();
    let dry = it.run(&[&SERVERS[..], &["--dry-run"]].concat());
    assert!(dry.out.contains("written by pfSense's own PHP"), "{}", dry.out);
    assert!(dry.out.contains("+\t\t\t<dnsserver>94.140.14.14"), "{}", dry.out);
    assert_eq!(it.config(), before);

    ok(&it, &SERVERS);
    let after = it.config();
    assert!(after.contains("(system): pfddns: hand out 10.0.10.1, 94.140.14.14"));
    let document = read(after.as_bytes()).unwrap();
    let list = Seen::of(&document, document.at(&["dhcpd", "lan"]).unwrap()).get("dnsserver").cloned();
    assert_eq!(list, Some(Seen::List(vec!["10.0.10.1".into(), "94.140.14.14".into()])));
    ok(&it, &SERVERS);
    assert_eq!(it.config(), after, "a second time there is nothing to do");
    ok(&it, &["undo"]);
    assert_eq!(seen(it.config().as_bytes()), seen(before.as_bytes()));
}

#[test]
fn a_stale_cache_does_not_bring_old_values_back() {
    let Some(it) = firewall() else { return };
    ok(&it, &SERVERS);
    // By our own hand, as if a backup had been put back: pfSense's cache still has the change of before.
    let text = it.config().replace("94.140.14.14", "9.9.9.9");
    fs::write(it.at("config.xml"), text).unwrap();
    ok(&it, &["dhcp", "dns-servers", "opt1", "10.0.20.1"]);
    assert!(it.config().contains("<dnsserver>9.9.9.9</dnsserver>"));
}

#[test]
fn what_pfsense_refuses_or_does_otherwise_is_an_error() {
    let Some(it) = firewall() else { return };
    fs::write(it.at("config.xml.readonly"), "").unwrap();
    fails(&it, &SERVERS, "pfSense's write_config() failed");
    fs::remove_file(it.at("config.xml.readonly")).unwrap();
    let php = fs::read_to_string(it.at("php")).unwrap();
    // PHP that says it has written and has not.
    it.program("php", "#!/bin/sh\ncat >/dev/null\necho 'pfddns: written'\necho 'pfddns: done'\n");
    fails(&it, &SERVERS, "<dhcpd> differs from what pfSense was asked to write");
    it.program("php", &php);
    ok(&it, &SERVERS);
    fs::remove_file(it.at("php")).unwrap();
    fails(&it, &["undo"], "pfsense.writer needs it");
}
