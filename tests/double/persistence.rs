//! Delayed persistence: what a crash loses per store, what damage to a file does at the next start.

use crate::doubles::technitium::{Handle, Options, Store, Technitium, Version};
use crate::http::{Request, call, encode, ok, send, try_call};
use crate::{start, wire};
use serde_json::{Value, json};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const SECRET: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
const KEA: &str = "kea|AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=|hmac-sha256";

/// A double that saves nothing by itself for the length of a test.
fn slow(version: Version) -> Handle {
    let options = Options { save_delay: Duration::from_secs(3600), ..Options::new(version) };
    Technitium::start(options).unwrap()
}

/// A double that saves each change before the next call.
fn quick(version: Version) -> Handle {
    Technitium::start(Options { save_delay: Duration::ZERO, ..Options::new(version) }).unwrap()
}

/// A zone that `kea` may write, and the key.
fn furnish(server: &Handle) {
    ok(server, "zones/create", &[("zone", "example.test")]);
    ok(server, "zones/options/set", &[("zone", "example.test"), ("updateSecurityPolicies", "kea|*.example.test|ANY")]);
    ok(server, "zones/options/set", &[("zone", "example.test"), ("update", "Allow")]);
    ok(server, "settings/set", &[("tsigKeys", KEA)]);
}

/// RCODE of an update signed by `kea`; none for silence.
fn update(server: &Handle, case: Value) -> Option<u8> {
    let mut case = case;
    case["zone"] = "example.test".into();
    case["key"] = json!({"name": "kea", "secret": SECRET, "algorithm": "hmac-sha256"});
    let (message, _) = wire::build(&case, 77);
    wire::exchange(server.dns(), LOCAL, false, &message).map(|answer| answer[3] & 15)
}

fn add() -> Value {
    json!({"update": ["add h1.example.test. 300 A 192.0.2.1"]})
}

fn zones(server: &Handle) -> Vec<String> {
    let list = ok(server, "zones/list", &[]);
    let own = list["zones"].as_array().unwrap().iter().filter(|zone| zone["internal"] != true);
    own.map(|zone| zone["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_crash_loses_what_was_not_saved() {
    for version in Version::ALL {
        let server = slow(version);
        furnish(&server);
        assert_eq!(update(&server, add()), Some(0));
        let before = server.up_since();
        server.crash();
        assert_eq!((server.keys().len(), zones(&server).len()), (0, 0));
        assert_ne!(server.up_since(), before, "the start must show");
        let shown = ok(&server, "settings/get", &[])["uptimestamp"].clone();
        assert_eq!(shown, server.up_since());
    }
}

#[test]
fn a_crash_keeps_what_was_saved() {
    for version in Version::ALL {
        let server = quick(version);
        furnish(&server);
        assert_eq!(update(&server, add()), Some(0));
        server.crash();
        assert_eq!(server.keys().len(), 1);
        assert!(server.records("example.test").iter().any(|record| record.name == "h1.example.test"));
        assert_eq!(update(&server, add()), Some(0), "rules are saved with their zone");
    }
}

#[test]
fn stores_age_on_their_own() {
    let server = slow(Version::V15_2);
    furnish(&server);
    server.save(&Store::Zone("example.test".into()));
    server.crash();
    assert_eq!(zones(&server), ["example.test"]);
    assert_eq!(update(&server, add()), Some(9), "the policy is there, its key is not");
    ok(&server, "settings/set", &[("tsigKeys", KEA)]);
    assert_eq!(update(&server, add()), Some(0), "the policy comes back to life with the key");
}

#[test]
fn later_changes_do_not_postpone_the_save() {
    let server = slow(Version::V14_3);
    ok(&server, "settings/set", &[("tsigKeys", KEA)]);
    let due = server.due(&Store::Config);
    assert!(due.is_some() && !server.all_saved());
    ok(&server, "settings/set", &[("tsigKeys", "false")]);
    assert_eq!(server.due(&Store::Config), due);
}

#[test]
fn the_delay_is_the_versions_own() {
    assert_eq!(Version::ALL.map(|version| version.save_delay().as_secs()), [10, 5, 5]);
}

#[test]
fn a_clean_stop_saves_and_13_6_does_not_hear_sigterm() {
    for version in Version::ALL {
        let server = slow(version);
        furnish(&server);
        server.restart();
        assert_eq!((server.keys().len(), zones(&server).len()), (1, 1));
        let before = server.up_since();
        assert_eq!(server.terminate(), version > Version::V13_6);
        assert_eq!(server.up_since() == before, version == Version::V13_6);
    }
}

#[test]
fn a_broken_key_file() {
    for version in Version::ALL {
        let server = quick(version);
        furnish(&server);
        ok(&server, "zones/list", &[]); // the last change is saved by now
        server.break_store(&Store::Config);
        server.crash();
        if version == Version::V13_6 {
            assert!(!server.is_running());
            assert!(try_call(&server, "zones/list", &[]).is_err());
            continue;
        }
        let settings = ok(&server, "settings/get", &[]);
        assert_eq!(settings["tsigKeys"], json!([]));
        assert_eq!(settings["dnsServerLocalEndPoints"][0], "0.0.0.0:53");
        assert_eq!(zones(&server), ["example.test"]);
        assert_eq!(update(&server, add()), Some(9));
    }
}

#[test]
fn a_broken_zone_file_and_a_broken_user_file() {
    for version in Version::ALL {
        let server = quick(version);
        furnish(&server);
        ok(&server, "zones/list", &[]);
        server.break_store(&Store::Zone("example.test".into()));
        server.crash();
        assert_eq!(zones(&server), Vec::<String>::new());
        assert_eq!(server.keys().len(), 1);
        assert!(server.log().iter().any(|line| line.contains("DNS Server failed to load zone file")));
        server.break_store(&Store::Auth);
        server.crash();
        assert!(!server.is_running());
    }
}

#[test]
fn a_secret_too_long_for_the_file_stops_all_saving_of_keys() {
    let server = quick(Version::V15_2);
    let long = "A".repeat(256);
    ok(&server, "settings/set", &[("tsigKeys", &format!("{KEA}|long|{long}|hmac-sha256"))]);
    ok(&server, "zones/create", &[("zone", "example.test")]);
    server.restart();
    assert_eq!(server.keys().len(), 0, "not even a clean stop writes this file");
    assert_eq!(zones(&server), ["example.test"], "the others go on");
}

#[test]
fn a_token_made_by_a_session_is_lost_until_the_file_is_saved() {
    let server = quick(Version::V15_2);
    let make = || call(&server, "user/createToken", &[("tokenName", "t")])["token"].as_str().unwrap().to_owned();
    let works = |token: &str| {
        let body = Some(("application/x-www-form-urlencoded", encode(&[("token".into(), token.into())])));
        let request = Request { path: "user/session/get".into(), body, ..Request::default() };
        serde_json::from_str::<Value>(&send(&server, &request).unwrap().1).unwrap()["status"] == "ok"
    };
    let lost = make();
    assert!(works(&lost));
    server.crash();
    assert!(!works(&lost));
    let kept = make();
    assert_eq!(call(&server, "user/login", &[("user", "admin"), ("pass", "labpassword")])["status"], "ok");
    server.crash();
    assert!(works(&kept), "a later login saves the file, this token with it");
}

#[test]
fn records_made_by_the_api_compare_after_a_restart_only() {
    for version in Version::ALL {
        let server = start(version);
        furnish(&server);
        let record =
            [("zone", "example.test"), ("domain", "p.example.test"), ("type", "A"), ("ipAddress", "192.0.2.9")];
        ok(&server, "zones/records/add", &record);
        let case = json!({"prerequisites": ["set-equals p.example.test. A 192.0.2.9"], "update": []});
        let expected = if version < Version::V15_2 { 8 } else { 0 };
        assert_eq!(update(&server, case.clone()), Some(expected));
        server.restart();
        assert_eq!(update(&server, case), Some(0));
    }
}

#[test]
fn an_exception_leaves_serial_steps_and_a_ghost_that_a_restart_cures() {
    for version in Version::ALL {
        let server = start(version);
        furnish(&server);
        let before = server.serial("example.test").unwrap();
        let bad =
            json!({"update": ["add good.example.test. 300 A 192.0.2.1", "add bad.example.test. 604801 A 192.0.2.1"]});
        assert_eq!(update(&server, bad), None);
        assert_eq!(server.serial("example.test").unwrap() - before, 2);
        assert!(server.records("example.test").iter().all(|record| !record.name.contains("good")));
        let unused =
            |name: &str| json!({"prerequisites": [format!("name-not-in-use {name}.example.test.")], "update": []});
        assert_eq!(update(&server, unused("good")), Some(0));
        assert_eq!(update(&server, unused("bad")), Some(6));
        server.restart();
        assert_eq!(update(&server, unused("bad")), Some(0));
    }
}

#[test]
fn the_algorithm_is_echoed_as_given_until_a_restart() {
    let server = start(Version::V14_3);
    let shown = || ok(&server, "settings/get", &[])["tsigKeys"][0]["algorithmName"].clone();
    ok(&server, "settings/set", &[("tsigKeys", &format!("k|{SECRET}|HMAC-MD5"))]);
    assert_eq!(shown(), "HMAC-MD5");
    server.restart();
    assert_eq!(shown(), "hmac-md5.sig-alg.reg.int");
}
