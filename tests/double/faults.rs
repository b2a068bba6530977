//! Lost replies, cut calls, and what a test can see of each moment.

use crate::doubles::technitium::{Group, Options, Record, Technitium, Version};
use crate::http::{Request, call, encode, ok, send, try_call};
use crate::start;
use serde_json::Value;
use std::sync::{Arc, Mutex};

const ONE: &str = "one|AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=|hmac-sha256";
const TWO: &str = "two|AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=|hmac-sha256";

#[test]
fn a_lost_reply_has_done_its_work() {
    let server = start(Version::V15_2);
    server.lose_reply("settings/set", 1);
    assert!(try_call(&server, "settings/set", &[("tsigKeys", ONE)]).is_err());
    assert_eq!(server.keys().len(), 1);
    ok(&server, "settings/set", &[("tsigKeys", &format!("{ONE}|{TWO}"))]);
    assert_eq!(server.keys().len(), 2);
}

#[test]
fn a_call_cut_before_has_done_nothing() {
    let server = start(Version::V13_6);
    server.fail_before("settings/", 2);
    ok(&server, "zones/list", &[]);
    for _ in 0..2 {
        assert!(try_call(&server, "settings/set", &[("tsigKeys", ONE)]).is_err());
    }
    assert!(server.keys().is_empty() && !server.calls().iter().any(|call| call.path == "settings/set"));
    ok(&server, "settings/set", &[("tsigKeys", ONE)]);
}

#[test]
fn unreachable_and_back() {
    let server = start(Version::V14_3);
    server.unreachable(true);
    assert!(try_call(&server, "zones/list", &[]).is_err());
    server.unreachable(false);
    ok(&server, "zones/list", &[]);
}

#[test]
fn calls_are_kept_with_their_secrets() {
    let server = start(Version::V14_3);
    ok(&server, "settings/set", &[("tsigKeys", ONE)]);
    let seen = server.calls().pop().unwrap();
    assert_eq!((seen.method.as_str(), seen.path.as_str(), seen.query.len()), ("POST", "settings/set", 0));
    assert!(seen.form.contains(&("tsigKeys".into(), ONE.into())));
}

/// The product's trap: a refused policy table leaves the mode of the same call live.
#[test]
fn each_moment_is_noted_also_the_open_one() {
    let server = start(Version::V15_2);
    let told = Arc::new(Mutex::new(Vec::new()));
    let sink = told.clone();
    server.observe(move |moment| sink.lock().unwrap().push(moment.clone()));
    ok(&server, "zones/create", &[("zone", "example.test")]);
    let form = [("zone", "example.test"), ("update", "Allow"), ("updateSecurityPolicies", "kea|*.example.test|NOPE")];
    assert_eq!(call(&server, "zones/options/set", &form)["status"], "error");
    let policies = [("zone", "example.test"), ("updateSecurityPolicies", "kea|*.example.test|A")];
    ok(&server, "zones/options/set", &policies);
    let told = told.lock().unwrap();
    let open: Vec<bool> = told.iter().map(|moment| moment.zones["example.test"].open_to_unsigned()).collect();
    assert_eq!(open, [false, true, false]);
    let history = server.history();
    assert_eq!(history.len(), told.len() + 1, "the start is a moment too");
    assert!(history.iter().zip(history.iter().skip(1)).all(|(a, b)| !a.same_state(b)));
}

#[test]
fn rights_decide_what_is_seen() {
    for version in Version::ALL {
        let server = start(version);
        ok(&server, "zones/create", &[("zone", "example.test")]);
        let everyone = server.add_user("uevery", "x", Group::Everyone);
        let dns = server.add_user("udns", "x", Group::DnsAdministrators);
        let by = |token: &str, path: &str| -> Value {
            let pairs = [("token".to_owned(), token.to_owned()), ("zone".to_owned(), "example.test".to_owned())];
            let body = Some(("application/x-www-form-urlencoded", encode(&pairs)));
            let request = Request { path: path.into(), body, ..Request::default() };
            serde_json::from_str(&send(&server, &request).unwrap().1).unwrap()
        };
        assert_eq!(by(&everyone, "zones/list")["response"]["zones"], serde_json::json!([]));
        for path in
            ["settings/get", "zones/options/get", "zones/options/set", "zones/resync", "settings/getTsigKeyNames"]
        {
            assert_eq!(by(&everyone, path)["errorMessage"], "Access was denied.", "{path}");
        }
        for path in ["settings/get", "zones/options/get", "zones/options/set", "settings/getTsigKeyNames"] {
            assert_eq!(by(&dns, path)["status"], "ok", "{path}");
        }
        // An API token that logs out is gone.
        assert_eq!(by(&dns, "user/logout")["status"], "ok");
        assert_eq!(by(&dns, "zones/list")["status"], "invalid-token");
    }
}

#[test]
fn five_wrong_passwords_lock_the_address_out() {
    let server = start(Version::V15_2);
    let login = |pass: &str| call(&server, "user/login", &[("user", "admin"), ("pass", pass)])["errorMessage"].clone();
    for _ in 0..4 {
        assert_eq!(login("wrong"), "Invalid username or password for user: admin");
    }
    assert_eq!(login("labpassword"), Value::Null, "a success resets the count");
    for _ in 0..5 {
        assert_eq!(login("wrong"), "Invalid username or password for user: admin");
    }
    for pass in ["labpassword", "wrong"] {
        assert_eq!(login(pass), "Max limit of 5 attempts exceeded. Access blocked for 300 seconds.");
    }
    ok(&server, "zones/list", &[]);
}

#[test]
fn many_zones_can_be_put_there_at_once() {
    let server = start(Version::V15_2);
    let record = |zone: &str| Record::made(&format!("h.{zone}"), 1, 300, vec![192, 0, 2, 1]);
    for n in 0..2000 {
        let zone = format!("z{n}.test");
        server.put_zone(&zone, vec![record(&zone)]);
    }
    assert_eq!(ok(&server, "zones/list", &[])["zones"].as_array().unwrap().len(), 2005);
    assert_eq!((server.serial("z7.test"), server.records("z7.test").len()), (Some(1), 3));
}

#[test]
fn parallel_wrong_passwords_slip_through_before_they_count() {
    let options = Options { login_delay: std::time::Duration::from_millis(400), ..Options::new(Version::V15_2) };
    let server = Technitium::start(options).unwrap();
    let login = || call(&server, "user/login", &[("user", "admin"), ("pass", "wrong")])["errorMessage"].clone();
    let answers: Vec<Value> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(login)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let wrong = answers.iter().filter(|text| **text == "Invalid username or password for user: admin").count();
    assert!(wrong > 5, "{answers:?}");
    assert_eq!(login(), "Max limit of 5 attempts exceeded. Access blocked for 300 seconds.");
}

#[test]
fn a_form_may_come_in_parts_and_a_line_may_be_too_long() {
    let server = start(Version::V14_3);
    let part =
        |name: &str, value: &str| format!("--XX\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    let body = part("token", server.token()) + &part("zone", "parts.test") + "--XX--\r\n";
    let body = Some(("multipart/form-data; boundary=XX", body));
    let (status, text) = send(&server, &Request { path: "zones/create".into(), body, ..Request::default() }).unwrap();
    assert_eq!((status, text.contains(r#""domain":"parts.test""#)), (200, true), "{text}");
    let query = vec![("token".to_owned(), server.token().to_owned()), ("zone".to_owned(), "x".repeat(9000))];
    let request = Request { method: "GET".into(), path: "zones/list".into(), query, ..Request::default() };
    assert_eq!(send(&server, &request).unwrap().0, 414);
}
