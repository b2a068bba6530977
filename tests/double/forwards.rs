//! What a copy does beside answering: updates go on to its primary, a NOTIFY is taken from there, transfers are given.

use crate::doubles::technitium::{Handle, Version};
use crate::http::ok;
use crate::{start, tsig, wire};
use serde_json::{Value, json};
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const SECRET: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
const KEY: &str = "kea|AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=|hmac-sha256";

/// A primary that `kea` may write, and its copy, open to everybody.
fn pair(version: Version) -> (Handle, Handle) {
    let (primary, copy) = (start(version), start(version));
    for server in [&primary, &copy] {
        ok(server, "settings/set", &[("tsigKeys", KEY)]);
    }
    ok(&primary, "zones/create", &[("zone", "example.test")]);
    let rules = [
        ("zone", "example.test"),
        ("updateSecurityPolicies", "kea|*.example.test|ANY"),
        ("update", "Allow"),
        ("zoneTransfer", "Allow"),
    ];
    ok(&primary, "zones/options/set", &rules);
    let address = primary.dns().to_string();
    let form = [("zone", "example.test"), ("type", "Secondary"), ("primaryNameServerAddresses", address.as_str())];
    ok(&copy, "zones/create", &form);
    until("the first transfer", || copy.serial("example.test") == Some(1));
    (primary, copy)
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < deadline, "{what} did not come");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// RCODE and TSIG of what a server answers over TCP; none if the connection stays silent.
fn update(server: &Handle, key: Option<&str>, case: Value) -> Option<(u8, Value)> {
    let mut case = case;
    case["zone"] = "example.test".into();
    if let Some(name) = key {
        case["key"] = json!({"name": name, "secret": SECRET, "algorithm": "hmac-sha256"});
    }
    let (message, mac) = wire::build(&case, 0x4321);
    let answer = wire::exchange(server.dns(), LOCAL, true, &message)?;
    Some((answer[3] & 15, tsig::of_answer(&answer, tsig::Key::of(&case["key"]).as_ref(), &mac)["mac"].clone()))
}

fn add() -> Value {
    json!({"update": ["add h1.example.test. 300 A 192.0.2.1"]})
}

#[test]
fn an_update_goes_on_to_the_primary_if_the_copy_may_be_updated() {
    for version in Version::ALL {
        let (primary, copy) = pair(version);
        assert_eq!(update(&copy, Some("kea"), add()), Some((5, "valid".into())), "Deny by default");
        assert_eq!(primary.updates().len(), 0);
        ok(&copy, "zones/options/set", &[("zone", "example.test"), ("update", "Allow")]);
        assert_eq!(update(&copy, Some("kea"), add()), Some((0, "valid".into())));
        assert_eq!(primary.serial("example.test"), Some(2));
        assert_eq!(primary.updates().last().unwrap().key.as_deref(), Some("kea"), "signed with the client's key");
        // The primary alone looks at prerequisites and policies.
        let taken = json!({"prerequisites": ["name-not-in-use h1.example.test."]});
        assert_eq!(update(&copy, Some("kea"), taken), Some((6, "valid".into())));
        assert_eq!(update(&copy, None, add()), Some((5, Value::Null)), "unsigned stays unsigned");
    }
}

#[test]
fn what_the_primary_does_not_like_about_a_key_is_answered_with_silence() {
    let (primary, copy) = pair(Version::V15_2);
    ok(&copy, "zones/options/set", &[("zone", "example.test"), ("update", "Allow")]);
    assert_eq!(update(&copy, Some("KEA"), add()), None, "capitals are not found");
    ok(&primary, "settings/set", &[("tsigKeys", "false")]);
    assert_eq!(update(&copy, Some("kea"), add()), None, "BADKEY at the primary");
    primary.unreachable(true);
    assert_eq!(update(&copy, None, add()), None, "the primary is silent");
    ok(&copy, "settings/set", &[("tsigKeys", "false")]);
    assert_eq!(update(&copy, Some("kea"), add()), Some((9, "none".into())), "BADKEY at the copy");
}

/// Opcode 4 about the zone.
fn notify(server: &Handle, source: &str) -> u8 {
    let mut message = wire::query("example.test", 6, 77);
    message[2] = 4 << 3;
    wire::exchange(server.dns(), source.parse().unwrap(), false, &message).unwrap()[3] & 15
}

#[test]
fn a_notify_is_taken_from_a_primary_and_holds_up_a_resync() {
    let (primary, copy) = pair(Version::V14_3);
    assert_eq!((notify(&primary, "127.0.0.1"), notify(&copy, "127.0.0.9")), (5, 5));
    ok(&copy, "settings/set", &[("notifyAllowedNetworks", "127.0.0.8/31")]);
    update(&primary, Some("kea"), add());
    assert_eq!(notify(&copy, "127.0.0.9"), 0);
    ok(&copy, "zones/resync", &[("zone", "example.test")]);
    std::thread::sleep(Duration::from_millis(100)); // a resync would have been done by now
    assert_eq!(copy.serial("example.test"), Some(1));
    until("what the NOTIFY told of", || copy.serial("example.test") == Some(2));
}

/// RCODE and record types of an answer to a transfer.
fn transfer(server: &Handle, rtype: u16, serial: Option<u32>, tcp: bool) -> (u8, Vec<u16>) {
    let mut message = wire::query("example.test", rtype, 88);
    if let Some(serial) = serial {
        message[9] = 1; // one record of authority: a SOA with empty names
        message.extend(wire::name("example.test"));
        message.extend([0, 6, 0, 1, 0, 0, 0, 0, 0, 22, 0, 0]);
        message.extend(serial.to_be_bytes());
        message.extend([0; 16]);
    }
    let answer = wire::exchange(server.dns(), LOCAL, tcp, &message).unwrap();
    (answer[3] & 15, wire::records(&answer).iter().map(|record| record.rtype).filter(|t| *t != 41).collect())
}

#[test]
fn transfers_over_udp_and_from_a_serial() {
    let (primary, _) = pair(Version::V15_2);
    assert_eq!(transfer(&primary, 252, None, true), (0, vec![6, 2, 6]));
    assert_eq!(transfer(&primary, 252, None, false), (1, vec![]), "AXFR needs TCP");
    assert_eq!(transfer(&primary, 251, None, true), (1, vec![]), "IXFR from where?");
    assert_eq!(transfer(&primary, 251, Some(1), true), (0, vec![6]), "up to date");
    update(&primary, Some("kea"), add());
    assert_eq!(transfer(&primary, 251, Some(1), true), (0, vec![6, 2, 1, 6]));
    assert_eq!(transfer(&primary, 251, Some(1), false), (0, vec![6]));
    // A network of the server passes by the zone's own rules.
    ok(&primary, "zones/options/set", &[("zone", "example.test"), ("zoneTransfer", "Deny")]);
    assert_eq!(transfer(&primary, 252, None, true), (5, vec![]));
    ok(&primary, "settings/set", &[("zoneTransferAllowedNetworks", "127.0.0.0/8")]);
    assert_eq!(transfer(&primary, 252, None, true), (0, vec![6, 2, 1, 6]));
}
