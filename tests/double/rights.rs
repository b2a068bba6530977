//! Replays `replication-and-rights.json`: single calls in the situation that their name tells. What the double does not
//! play (clusters, catalogs, stub zones) is listed by name below.

use crate::calls::{compare, pairs};
use crate::doubles::technitium::{Handle, Options, Technitium, Version};
use crate::http::{Request, call, encode, ok, send};
use crate::{answer_for, conclude, fixture};
use serde_json::Value;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::time::{Duration, Instant};

/// Calls known to differ: none.
const DEVIATIONS: [&str; 0] = [];
const KEY: &str = "k1|c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0MDE=|hmac-sha256";
/// Parts of names: situations that are not played.
const NOT_PLAYED: [&str; 11] = [
    "luster",
    "atalog",
    "node",
    "Stub",
    "SecondaryForwarder",
    "went down",
    "lab.example",
    "NOTIFY",
    "notifyFailed",
    // takes the product's own name resolution, or 300 s
    "by name of the primary",
    "after the block ended",
];
/// Names whole: 192.0.2.x stands for servers that swallow packets, which loopback has not, and for stale zones.
const NEITHER: [&str; 14] = [
    "DNS Administrators: options/set on priown.test",
    "secondary leaves",
    "login on the secondary, primary down",
    "Secondary create, unresolvable primary name",
    "records/get of an expired secondary",
    "zones/list with an expired secondary",
    "zones/list syncFailed",
    "secondary create, 1 silent primaries",
    "secondary create, 2 silent primaries",
    "secondary create, 3 silent primaries",
    "secondary create, 6 silent primaries",
    "secondary create, three silent primaries",
    "secondary create: exists, wrong primary address (dead)",
    "secondary create: primary never answers, with key",
];

/// The servers of one call, and what it is sent with.
struct Scene {
    server: Handle,
    primary: Option<Handle>,
    token: Option<String>,
    source: Option<IpAddr>,
    /// Addresses of the record and those here.
    addresses: Vec<(String, String)>,
}

fn start(version: Version, domain: &str) -> Handle {
    let login_delay = Duration::from_millis(10);
    Technitium::start(Options { domain: domain.into(), login_delay, ..Options::new(version) }).unwrap()
}

fn create(server: &Handle, zones: &[&str]) {
    zones.iter().for_each(|zone| {
        ok(server, "zones/create", &[("zone", zone)]);
    });
}

/// A user with rights as the name of the call tells, and their token.
fn user(server: &Handle, name: &str) -> String {
    let who = name.split(": ").next().unwrap();
    let user = if who.contains("Everyone") {
        "uevery"
    } else if who.contains("DNS Administrators") {
        "udns"
    } else {
        "unone"
    };
    ok(server, "admin/users/create", &[("user", user), ("pass", "labpassword")]);
    if user == "udns" {
        ok(server, "admin/users/set", &[("user", user), ("memberOfGroups", "DNS Administrators")]);
    }
    if who.contains("section Zones View+Modify") {
        let rights = format!("{user}|true|true|false");
        ok(server, "admin/permissions/set", &[("section", "Zones"), ("userPermissions", &rights)]);
    }
    if user == "unone" {
        let delete = who.contains("View+Modify+Delete");
        let rights = format!("{user}|true|true|{delete}");
        ok(server, "zones/permissions/set", &[("zone", "z1.test"), ("userPermissions", &rights)]);
    }
    let answer = if who.contains("API token") {
        ok(server, "admin/sessions/createToken", &[("user", user), ("tokenName", "t")])
    } else {
        call(server, "user/login", &[("user", user), ("pass", "labpassword")])
    };
    answer["token"].as_str().unwrap().to_owned()
}

/// One server and the users of the calls about rights.
fn rights(version: Version, name: &str) -> Scene {
    let server = start(version, "ns1.lab.test");
    create(&server, &["z1.test", "z2.test"]);
    ok(&server, "settings/set", &[("tsigKeys", KEY)]);
    if !name.contains("DNS Administrators") {
        let record = [("zone", "z1.test"), ("domain", "x.z1.test"), ("type", "TXT"), ("text", "x")];
        ok(&server, "zones/records/add", &record);
    }
    let token = user(&server, name);
    if name.ends_with("zone View+Modify: zones/list") {
        let pairs = [("token".to_owned(), token.clone()), ("zone".to_owned(), "newunone.test".to_owned())];
        let body = Some(("application/x-www-form-urlencoded", encode(&pairs)));
        send(&server, &Request { path: "zones/create".into(), body, ..Request::default() }).unwrap();
    }
    Scene { server, primary: None, token: Some(token), source: None, addresses: Vec::new() }
}

/// One server, and as many failed logins as the name tells.
fn lockout(version: Version, name: &str) -> Scene {
    let server = start(version, "ns1.lab.test");
    let number = name.split("no. ").nth(1).and_then(|n| n.parse::<usize>().ok()).unwrap_or(1);
    let before = if name.contains("blocked") { 5 } else { number - 1 };
    for _ in 0..before {
        call(&server, "user/login", &[("user", "admin"), ("pass", "bad")]);
    }
    if name.contains("disabled user") {
        ok(&server, "admin/users/create", &[("user", "uevery"), ("pass", "labpassword")]);
        ok(&server, "admin/users/set", &[("user", "uevery"), ("disabled", "true")]);
    }
    let source = name.contains("another address").then(|| "127.0.0.2".parse().unwrap());
    let token = match name {
        "createToken with a session token" | "session/get while blocked" | "user/session/get" => {
            let address = Some("127.0.0.3".parse().unwrap());
            let pairs = [("user".to_owned(), "admin".to_owned()), ("pass".to_owned(), "labpassword".to_owned())];
            let body = Some(("application/x-www-form-urlencoded", encode(&pairs)));
            let request = Request { path: "user/login".into(), body, source: address, ..Request::default() };
            let answer: Value = serde_json::from_str(&send(&server, &request).unwrap().1).unwrap();
            Some(answer["token"].as_str().unwrap().to_owned())
        }
        "unknown path, no token" => None,
        _ if name.contains("login") || name.contains("createToken") => None,
        _ => Some(server.token().to_owned()),
    };
    if name.contains("zone permissions") {
        create(&server, &["z1.test"]);
    }
    Scene { server, primary: None, token, source, addresses: Vec::new() }
}

/// A primary with zones and keys.
fn primary(version: Version, name: &str) -> Handle {
    let primary = start(version, "primary.lab.test");
    create(&primary, &["p1.test", "p2.test", "p3.test", "p4.test", "p5.test"]);
    let secret = "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0MDE=";
    let keys = format!("{KEY}|kdiff|{secret}|hmac-sha256|konlyp|{secret}|hmac-sha256");
    ok(&primary, "settings/set", &[("tsigKeys", &keys)]);
    for (zone, key) in [("p2.test", "k1"), ("p3.test", "k1"), ("p4.test", "false")] {
        let form = [("zone", zone), ("zoneTransfer", "Allow"), ("zoneTransferTsigKeyNames", key)];
        ok(&primary, "zones/options/set", &form);
    }
    if name.contains("in sync") || name == "resync ok" {
        ok(&primary, "zones/options/set", &[("zone", "p1.test"), ("zoneTransfer", "Allow")]);
    }
    if name.contains("disabled on primary") {
        ok(&primary, "zones/disable", &[("zone", "p4.test")]);
    }
    primary
}

fn until_transferred(server: &Handle, zone: &str) {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let zones = ok(server, "zones/list", &[]);
        let found = zones["zones"].as_array().unwrap().iter().find(|listed| listed["name"] == zone).cloned();
        if found.is_some_and(|zone| zone["isExpired"] == false || zone["syncFailed"] == true) {
            return;
        }
        assert!(Instant::now() < deadline, "{zone} was not tried");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A copy beside a primary.
fn copies(version: Version, name: &str, silent: SocketAddr) -> Scene {
    let (primary, server) = (primary(version, name), start(version, "secondary.lab.test"));
    let other = "bm9uc2Vuc2Vub25zZW5zZW5vbnNlbnNlbm9uc2Vuc2U=";
    let keys = format!("{KEY}|kdiff|{other}|hmac-sha256|konlys|{other}|hmac-sha256");
    ok(&server, "settings/set", &[("tsigKeys", &keys)]);
    let own = primary.dns().to_string();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let copy = |zone: &str, key: &str| {
        let form =
            [("zone", zone), ("type", "Secondary"), ("primaryNameServerAddresses", own.as_str()), ("tsigKeyName", key)];
        ok(&server, "zones/create", &form);
        until_transferred(&server, zone);
    };
    if name.contains("exists") || name.contains("p1.test") || name.contains("never transferred") {
        copy("p1.test", "");
    } else if name.starts_with("resync") || name.contains("in sync") || name.starts_with("options of a new secondary") {
        copy("p1.test", "");
        copy("p2.test", "k1");
    } else if name.starts_with("options/set primary") {
        copy("p3.test", "k1");
    } else if name.starts_with("options/set") {
        create(&primary, &["f1.test"]);
        copy("f1.test", "");
    }
    if name.contains("in sync") {
        ok(&server, "zones/delete", &[("zone", "p2.test")]);
    }
    let down = name.contains("nothing listens") || name.contains("exists, primary down");
    let first = if down { closed } else { own };
    let silent = silent.to_string();
    let addresses = [
        ("192.0.2.11", &first),
        ("192.0.2.18", &first),
        ("192.0.2.19", &silent),
        ("192.0.2.51", &silent),
        ("192.0.2.91", &silent),
    ];
    let addresses = addresses.iter().map(|(recorded, here)| ((*recorded).to_owned(), (*here).clone())).collect();
    let token = Some(server.token().to_owned());
    Scene { server, primary: Some(primary), token, source: None, addresses }
}

fn scene(version: Version, name: &str, silent: SocketAddr) -> Option<Scene> {
    if NEITHER.contains(&name) || NOT_PLAYED.iter().any(|part| name.contains(part)) && !name.contains("without a cl") {
        let played = ["user/session/get before cluster", "cluster state before init"];
        let rights = name.starts_with("user ") || name.contains("unknown catalog") || name.starts_with("valid token");
        if !played.contains(&name) && !rights {
            return None;
        }
    }
    Some(match name {
        _ if name.starts_with("user in ") || name.starts_with("user only") => rights(version, name),
        _ if name.starts_with("secondary create")
            || matches!(name, "resync" | "resync ok")
            || name.contains("refuses") =>
        {
            copies(version, name, silent)
        }
        _ if name.contains("secondary") && !name.contains("node") => copies(version, name, silent),
        _ if name.starts_with("options/set") => copies(version, name, silent),
        _ if name.contains("exists") || name.contains("new primary") || name.starts_with("resync") => {
            let server = primary(version, name);
            let token = Some(server.token().to_owned());
            Scene { server, primary: None, token, source: None, addresses: Vec::new() }
        }
        _ if name.starts_with("valid token") => lockout(version, name),
        _ if name.contains("node=")
            || name.contains("cluster")
            || name.contains("catalog")
            || name.contains("star") =>
        {
            let server = start(version, "primary.lab.test");
            let answer = call(&server, "user/login", &[("user", "admin"), ("pass", "labpassword")]);
            let token = answer["token"].as_str().map(str::to_owned);
            Scene { server, primary: None, token, source: None, addresses: Vec::new() }
        }
        _ => lockout(version, name),
    })
}

fn differences(scene: &Scene, request: &Value, want: &Value) -> Vec<String> {
    let mut form = pairs(&request["form"]);
    for (_, value) in &mut form {
        scene.addresses.iter().for_each(|(recorded, here)| *value = value.replace(recorded, here));
    }
    form.extend(scene.token.iter().map(|token| ("token".to_owned(), token.clone())));
    let body = Some(("application/x-www-form-urlencoded", encode(&form)));
    let path = request["path"].as_str().unwrap().to_owned();
    let (status, text) =
        send(&scene.server, &Request { path, body, source: scene.source, ..Request::default() }).unwrap();
    let mut have: Value = serde_json::from_str(&text).unwrap_or(Value::String(text));
    if let Some(zones) = have.pointer_mut("/response/zones").and_then(Value::as_array_mut) {
        zones.retain(|zone| zone["internal"] != true);
    }
    if let Some(file) = have.pointer_mut("/response/logFiles/0") {
        *file = want["body"]["response"]["logFiles"][0].clone(); // of another day
    }
    let mut have = have.to_string();
    let ports = scene.addresses.iter().map(|(recorded, here)| (here.clone(), recorded.clone()));
    let hosts = scene.addresses.iter().map(|(recorded, _)| ("127.0.0.1".to_owned(), recorded.clone())).rev();
    for (here, recorded) in ports.chain(hosts.filter(|(_, recorded)| want.to_string().contains(recorded))) {
        have = have.replace(&here, &recorded);
    }
    let mut out = Vec::new();
    if want["http"] != status {
        out.push(format!("http: recorded {}, here {status}", want["http"]));
    }
    compare(&want["body"], &serde_json::from_str(&have).unwrap(), "", &mut out);
    out
}

fn replay(version: Version) {
    // It takes connections, by the kernel's queue, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let document = fixture("replication-and-rights.json");
    let (mut total, mut skipped, mut deviating) = (0, 0, Vec::new());
    for recorded in document["calls"].as_array().unwrap() {
        let name = recorded["name"].as_str().unwrap();
        let Some(want) = answer_for(&recorded["answers"], version) else { continue };
        let Some(scene) = scene(version, name, silent.local_addr().unwrap()) else {
            println!("  not played: {name}");
            skipped += 1;
            continue;
        };
        total += 1;
        let found = differences(&scene, &recorded["request"], want);
        drop(scene.primary);
        if !found.is_empty() {
            deviating.push((name.to_owned(), found.join("; ")));
        }
    }
    println!("replication-and-rights: {skipped} calls are not played for {}", version.name());
    assert!(total >= 90, "only {total} calls are played");
    conclude("replication-and-rights", version, total, &deviating, &DEVIATIONS);
}

#[test]
fn situations_as_13_6_answers_them() {
    replay(Version::V13_6);
}

#[test]
fn situations_as_14_3_answers_them() {
    replay(Version::V14_3);
}

#[test]
fn situations_as_15_2_answers_them() {
    replay(Version::V15_2);
}
