//! A pair at work: two kea-dhcp4, each with its D2, give leases while both get a new key and then a new file. Every lease
//! reaches D2, and every name BIND, which both write to.

use crate::harness::{Dhcp, Named, real, until, write};
use crate::site::{NAMES, Pair, ZONES};
use crate::{by_ssh, json};
use pfddns::systems::kea::daemon::socket::Statistics;
use pfddns::world::{Host, local::Local};
use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::process::Command;
use std::time::{Duration, Instant};

/// Leases a second of each of the two.
const RATE: u32 = 60;
/// For an answer of BIND on a busy machine.
const PATIENCE: &str = "dns-server-timeout-milliseconds = 500";

/// A counter of the D2 of one of them.
fn d2(pair: &Pair, number: usize) -> Statistics {
    Statistics::read(&Host::Local(Local), &pair.fws[number].socket()).unwrap()
}

/// BIND as its operator prepares it: an include file in which each zone is closed.
fn bind() -> Option<Named> {
    real(Named::start(|folder| {
        let include = folder.join("pfddns.conf");
        let mut zones = ZONES;
        zones.sort_unstable();
        let closed = zones.map(|zone| format!("acl \"pfddns-{zone}\" {{\n\tnone;\n}};\n")).concat();
        write(
            &include,
            &format!("// Written by pfddns, which refuses to touch this file once it was edited by hand.\n{closed}"),
            0o640,
        );
        let zone = |zone| Named::zone(folder, zone, &format!("allow-update {{ \"pfddns-{zone}\"; }};"));
        format!("include \"{}\";\n{}", include.display(), ZONES.map(zone).concat())
    }))
}

/// Tells pfddns whom to hold while a D2 reloads, and of BIND, before the stand-in that the pair has.
fn name_peers(pair: &Pair, dhcp: &[Dhcp], named: &Named) {
    let mut text = fs::read_to_string(pair.file()).unwrap();
    text = text.replace("dns-server-timeout-milliseconds = 50", PATIENCE);
    for (fw, dhcp) in pair.fws.iter().zip(dhcp) {
        let listen = format!("listen = \"127.0.0.1:{}\"\n", fw.listen);
        text = text.replace(&listen, &format!("{listen}dhcp4-socket = \"{}\"\n", dhcp.socket.display()));
    }
    let include = named.folder().join("pfddns.conf");
    let bind = format!(
        "[[server]]\nname = \"bind\"\ntype = \"bind\"\ndns = \"{}\"\ninclude-file = \"{}\"\nrndc = {:?}\n[[server]]\n",
        named.dns,
        include.display(),
        named.rndc()
    );
    write(&pair.file(), &text.replacen("[[server]]\n", &bind, 1), 0o600);
}

/// Names of leases on BIND, or on the other server: a D2 turns to it where BIND is silent three times.
fn names(pair: &Pair, named: &Named) -> BTreeSet<String> {
    let at = [format!("@{}", named.dns.ip()), "-p".into(), named.dns.port().to_string()];
    let out = Command::new("/usr/bin/dig").env_clear().args(at).args([ZONES[0], "axfr"]).output().unwrap();
    let transferred = String::from_utf8(out.stdout).unwrap();
    let first =
        transferred.lines().filter(|it| it.contains("\tA\t")).map(|it| it.split('.').next().unwrap().to_owned());
    let second = pair.servers[0].records(ZONES[0]);
    let second = second.iter().filter(|it| it.rtype == 1).map(|it| it.name.split('.').next().unwrap().to_owned());
    first.chain(second).filter(|it| it.starts_with("h-10-77-")).collect()
}

#[test]
fn nothing_is_lost_while_both_are_changed() {
    let Some((_sshd, pair)) = by_ssh() else { return };
    let Some(named) = bind() else { return };
    let pools = ["10.77.0.1 - 10.77.127.254", "10.77.128.1 - 10.77.255.254"];
    let dhcp = pair.fws.iter().zip(pools);
    let dhcp = dhcp.map(|(fw, pool)| Dhcp::start(&fw.home, fw.listen, "lan.lab.test.", "10.77.0.0/16", pool));
    let Some(dhcp) = real(dhcp.collect::<Result<Vec<Dhcp>, String>>()) else { return };
    name_peers(&pair, &dhcp, &named);
    pair.ok(&["apply"]);
    let first = pair.keys();

    let start = Instant::now();
    let loads = [dhcp[0].load(RATE, "00:0c:01:00:00:00"), dhcp[1].load(RATE, "00:0c:02:00:00:00")];
    until(Duration::from_secs(10), "leases of both", || dhcp.iter().all(|it| it.given() > 20)).unwrap();
    pair.ok(&["tsig", "rotate"]);
    let (rotated, between) = (start.elapsed(), [dhcp[0].given(), dhcp[1].given()]);
    assert_ne!(pair.keys(), first);
    let text = fs::read_to_string(pair.file()).unwrap();
    write(&pair.file(), &text.replace(PATIENCE, "dns-server-timeout-milliseconds = 600"), 0o600);
    let changed = json(&pair, &["kea", "render"]);
    for (number, name) in NAMES.iter().enumerate() {
        assert!(pair.fws[number].file().contains("\"dns-server-timeout\": 600"), "{name}: {changed}");
    }
    until(Duration::from_secs(10), "leases after it", || (0..2).all(|it| dhcp[it].given() > between[it] + 20)).unwrap();
    drop(loads);
    let seconds = start.elapsed().as_secs_f64();
    until(Duration::from_secs(20), "both D2s at rest", || {
        let now = [d2(&pair, 0), d2(&pair, 1)];
        std::thread::sleep(Duration::from_millis(300));
        now.iter().all(Statistics::at_rest) && now == [d2(&pair, 0), d2(&pair, 1)]
    })
    .unwrap();

    pair.agrees();
    let (names, mut said) = (names(&pair, &named), String::new());
    let mut lost = 0;
    for (number, name) in NAMES.iter().enumerate() {
        let leases = dhcp[number].counters().get("subnet[1].assigned-addresses");
        let third = |it: &str| it.split('-').nth(3).and_then(|it| it.parse::<u8>().ok()).unwrap();
        let there = names.iter().filter(|it| usize::from(third(it) / 128) == number).count();
        let missing = leases - i64::try_from(there).unwrap();
        said += &format!("{name}: {missing} of {leases} names lost, {:.0} leases/s; ", leases as f64 / seconds);
        assert!(leases > 100, "{said}");
        lost += missing;
    }
    let _ = writeln!(
        std::io::stderr(),
        "a pair under load: {said}the key was rotated within {:.1} s",
        rotated.as_secs_f64()
    );
    assert_eq!(lost, 0, "{said}");
}
