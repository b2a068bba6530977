//! Secondary zones: asked for before they are made, filled by transfer, never written by anybody else.

use crate::doubles::technitium::{Handle, Options, Technitium, Version};
use crate::http::{call, ok};
use crate::{start, wire};
use serde_json::{Value, json};
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::time::{Duration, Instant};

const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const KEYS: &str = "k|AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=|hmac-sha256";

/// Waits for something that must come.
fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < deadline, "{what} did not come");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn primary(version: Version, records: usize) -> Handle {
    let server = start(version);
    ok(&server, "zones/create", &[("zone", "example.test")]);
    for n in 0..records {
        let domain = format!("m{n}.example.test");
        let record = [("zone", "example.test"), ("domain", &domain), ("type", "A"), ("ipAddress", "192.0.2.1")];
        ok(&server, "zones/records/add", &record);
    }
    server
}

fn create(copy: &Handle, primary: &str, key: &str) -> Value {
    let form = [
        ("zone", "example.test"),
        ("type", "Secondary"),
        ("primaryNameServerAddresses", primary),
        ("tsigKeyName", key),
    ];
    call(copy, "zones/create", &form)
}

/// The entry of the zone in `zones/list`.
fn listed(server: &Handle) -> Value {
    let zones = ok(server, "zones/list", &[]);
    zones["zones"].as_array().unwrap().iter().find(|zone| zone["name"] == "example.test").cloned().unwrap_or_default()
}

fn soa(server: &Handle) -> (u8, bool) {
    let answer = wire::exchange(server.dns(), LOCAL, false, &wire::query("example.test", 6, 9)).unwrap();
    (answer[3] & 15, answer[2] & 4 != 0)
}

#[test]
fn nothing_is_made_if_the_primary_does_not_answer() {
    for version in Version::ALL {
        let copy = start(version);
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let answer = create(&copy, &closed, "");
        let (text, inner) = (&answer["errorMessage"], &answer["innerErrorMessage"]);
        if version == Version::V13_6 {
            assert_eq!(text, "DNS Server failed to find SOA record for: example.test");
            assert_eq!(inner, "Connection refused");
        } else {
            assert_eq!(text, "Connection refused");
        }
        let field = if version == Version::V13_6 { "innerErrorMessage" } else { "errorMessage" };
        assert_eq!(create(&copy, &closed, "K")[field], "No such TSIG key was found configured: K");
        let other = start(version);
        let text = create(&copy, &other.dns().to_string(), "")["errorMessage"].clone();
        assert!(text.as_str().unwrap().starts_with("DNS Server did not receive SOA record in response from any"));
        assert_eq!(listed(&copy), Value::Null);
    }
}

#[test]
fn a_key_that_the_primary_does_not_know() {
    let (primary, copy) = (primary(Version::V15_2, 0), start(Version::V15_2));
    ok(&copy, "settings/set", &[("tsigKeys", KEYS)]);
    let answer = create(&copy, &primary.dns().to_string(), "k");
    assert_eq!(answer["errorMessage"], "TSIG Request failed (Server RCODE=NotAuth, Server TSIG Error=BADKEY).");
}

#[test]
fn a_copy_is_expired_until_the_primary_lets_it_have_the_zone() {
    let (primary, copy) = (primary(Version::V14_3, 450), start(Version::V14_3));
    let address = primary.dns().to_string();
    for server in [&primary, &copy] {
        ok(server, "settings/set", &[("tsigKeys", KEYS)]);
    }
    assert_eq!(create(&copy, &address, "k")["status"], "ok", "the SOA needs no permission");
    until("the failed transfer", || listed(&copy)["syncFailed"] == true);
    let zone = listed(&copy);
    assert_eq!((&zone["isExpired"], &zone["soaSerial"], soa(&copy).0), (&json!(true), &json!(0), 5));
    assert_eq!(create(&copy, &address, "k")["errorMessage"], "Zone already exists: example.test");
    let allow = [("zone", "example.test"), ("zoneTransfer", "Allow"), ("zoneTransferTsigKeyNames", "k")];
    ok(&primary, "zones/options/set", &allow);
    ok(&copy, "zones/resync", &[("zone", "example.test")]);
    until("the zone", || listed(&copy)["isExpired"] == false);
    assert_eq!((soa(&copy), copy.serial("example.test")), ((0, true), primary.serial("example.test")));
    let rows = |server: &Handle| -> Vec<_> {
        server.records("example.test").into_iter().map(|r| (r.name, r.rtype, r.ttl, r.data)).collect()
    };
    assert_eq!(rows(&copy), rows(&primary));
    copy.restart();
    assert_eq!(soa(&copy), (0, true), "a copy survives a restart");
}

#[test]
fn a_copy_takes_no_updates_and_no_policies() {
    let (primary, copy) = (primary(Version::V15_2, 1), start(Version::V15_2));
    ok(&primary, "zones/options/set", &[("zone", "example.test"), ("zoneTransfer", "Allow")]);
    assert_eq!(create(&copy, &primary.dns().to_string(), "")["status"], "ok");
    until("the zone", || listed(&copy)["isExpired"] == false);
    let (message, _) = wire::build(&json!({"zone": "example.test", "update": ["delname m0.example.test."]}), 3);
    assert_eq!(wire::exchange(copy.dns(), LOCAL, false, &message).unwrap()[3] & 15, 5);
    let policies = [("zone", "example.test"), ("updateSecurityPolicies", "k|*.example.test|A")];
    ok(&copy, "zones/options/set", &policies);
    let shown = ok(&copy, "zones/options/get", &[("zone", "example.test")]);
    assert_eq!(shown.get("updateSecurityPolicies"), None);
    assert_eq!(shown["primaryNameServerAddresses"], json!([primary.dns().to_string()]));
    let modes = [("zone", "example.test"), ("update", "AllowOnlyZoneNameServers")];
    let text =
        "The Dynamic Updates option is invalid for Secondary zones: AllowOnlyZoneNameServers (Parameter 'Update')";
    assert_eq!(call(&copy, "zones/options/set", &modes)["errorMessage"], text);
    let record = [("zone", "example.test"), ("domain", "x.example.test"), ("type", "A"), ("ipAddress", "192.0.2.1")];
    assert_eq!(call(&copy, "zones/records/add", &record)["status"], "error");
}

#[test]
fn a_following_copy_catches_up() {
    let primary = primary(Version::V15_2, 0);
    ok(&primary, "zones/options/set", &[("zone", "example.test"), ("zoneTransfer", "Allow")]);
    let options = Options { follow: Some(Duration::from_millis(20)), ..Options::new(Version::V15_2) };
    let copy = Technitium::start(options).unwrap();
    assert_eq!(create(&copy, &primary.dns().to_string(), "")["status"], "ok");
    let record = [("zone", "example.test"), ("domain", "x.example.test"), ("type", "A"), ("ipAddress", "192.0.2.1")];
    ok(&primary, "zones/records/add", &record);
    until("the record", || copy.records("example.test").iter().any(|record| record.name == "x.example.test"));
    assert_eq!(copy.serial("example.test"), primary.serial("example.test"));
}
