//! What `kea explain` says against what D2 really did: one silent DNS server per domain, each update's zone and key read
//! from the wire, and D2's own log of each request.

use crate::each_version;
use crate::harness::{Kea, real};
use crate::site::{Site, key, run};
use pfddns::model::DomainName;
use pfddns::systems::kea::d2::Installed;
use pfddns::systems::kea::daemon::ncr::{Mode, Ncr, What, dhcid, send};
use pfddns::systems::kea::daemon::{listener, socket};
use pfddns::systems::kea::explain::{Asked, Route, explain};
use std::io::Write as _;
use std::net::{IpAddr, UdpSocket};
use std::time::Duration;

each_version!(ten_names_go_the_way_that_was_told);

/// The full name in wire form.
fn wire(name: &str) -> Vec<u8> {
    let labels = name.trim_end_matches('.').split('.');
    let mut bytes: Vec<u8> =
        labels.flat_map(|it| [&[u8::try_from(it.len()).unwrap()], it.as_bytes()].concat()).collect();
    bytes.push(0);
    bytes
}

/// What D2's log says of a request: the servers it was sent to, or that no domain matched.
fn logged(log: &str, id: &str) -> String {
    let lines =
        || log.lines().filter(|line| line.contains(&format!("Request ID {id}:")) && !line.contains(" status: "));
    let mut servers: Vec<&str> = lines().filter_map(|line| line.split_once(" to server: ").map(|it| it.1)).collect();
    servers.dedup();
    let unmatched = |word: &str| lines().any(|line| line.contains(word));
    match servers.as_slice() {
        [] if unmatched("DHCP_DDNS_NO_FWD_MATCH_ERROR") || unmatched("DHCP_DDNS_NO_REV_MATCH_ERROR") => {
            "no match".into()
        }
        servers => servers.join(", ").replace(" port:", ":"),
    }
}

fn ten_names_go_the_way_that_was_told(kea: Kea) {
    let Some(mut site) = Site::new(kea) else { return };
    let zones = ["lan.example.", "Deep.lan.example.", "other.test.", "2.0.192.in-addr.arpa.", "0.192.in-addr.arpa."];
    let servers: Vec<UdpSocket> = zones.iter().map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
    for server in &servers {
        server.set_read_timeout(Some(Duration::from_millis(900))).unwrap();
    }
    for (zone, server) in zones.iter().zip(&servers) {
        site.domain(zone, &[server.local_addr().unwrap()]);
    }
    site.spec.timeout_ms = 100;
    // Two keys, and a domain without its final dot, which D2 accepts and never matches.
    let text = site.document("ddns-1", 1);
    let text = text.replace("\"tsig-keys\": [", "\"tsig-keys\": [ { \"name\": \"second\", \"algorithm\": \"HMAC-SHA512\", \"secret\": \"QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB\" },");
    let text = text.replace("\"other.test.\", \"key-name\": \"ddns-1\"", "\"other.test.\", \"key-name\": \"second\"");
    let text = text.replace("\"deep.lan.example.\"", "\"DEEP.lan.example.\"");
    let _d2 = real(site.home.start_d2("d2", &text)).unwrap();
    let (control, listen) = (site.paths.socket.clone(), site.spec.listen);
    let clock = site.world.clock.clone();
    run(listener::knock(&clock, site.host(), &control, listen)).unwrap();
    let version = socket::version(site.host(), &control).unwrap();
    let running = pfddns::systems::kea::daemon::apply::in_use(site.host(), &control).unwrap();
    assert_eq!(running.differs(&Installed::read(text.as_bytes(), "f").unwrap()), None);
    let names = [
        "a.lan.example",
        "b.deep.lan.example",
        "c.x.lan.example",
        "d.wlan.example",
        "e.other.test",
        "f.another.test",
        "192.0.2.7",
        "192.0.3.7",
        "198.51.100.7",
        "deep.lan.example",
    ];
    for text in names {
        let asked = Asked::parse(text);
        let told = explain(&asked, &running, &[], &[]).unwrap();
        let (name, address): (&str, IpAddr) = match &asked {
            Asked::Name(name) => (name, "203.0.113.1".parse().unwrap()),
            Asked::Address(ip) => ("x.lan.example", *ip),
        };
        let name = DomainName::new(name).unwrap();
        let reverse = matches!(asked, Asked::Address(_));
        let identity = dhcid(1, text.as_bytes(), &name);
        let id = identity.to_uppercase();
        let (forward, expires, mode) = (!reverse, 2_000_000_000, Mode::CheckWithDhcid);
        let ncr = Ncr {
            what: What::Add,
            forward,
            reverse,
            name,
            address,
            dhcid: identity,
            expires,
            lease_seconds: 600,
            mode,
        };
        send(site.host(), listen, &ncr, version).unwrap();
        let told = if reverse { told.reverse } else { told.forward };
        let expected = match &told {
            Route::Sent { servers, .. } => servers.first().unwrap().server.to_string(),
            _ => "no match".into(),
        };
        match told {
            Route::Sent { domain, servers: hops, .. } => {
                let hop = hops.first().unwrap();
                let server = servers.iter().find(|it| it.local_addr().unwrap() == hop.server).unwrap();
                let mut message = [0; 2000];
                let length =
                    server.recv(&mut message).unwrap_or_else(|error| panic!("{text}: nothing at {domain}: {error}"));
                let message = message[..length].to_ascii_lowercase();
                let has = |part: &[u8]| message.windows(part.len()).any(|it| it == part);
                assert!(
                    message[12..].starts_with(&wire(&domain.to_ascii_lowercase())),
                    "{text}: another zone than {domain}"
                );
                assert!(has(&wire(hop.key.as_deref().unwrap())), "{text}: another key");
            }
            Route::NoMatch => {}
            other => panic!("{text}: {other:?}"),
        }
        // No other server hears of it, and the repeats for this one are over before the next name.
        std::thread::sleep(Duration::from_millis(450));
        for server in &servers {
            server.set_nonblocking(true).unwrap();
            let mut message = [0; 2000];
            while let Ok(length) = server.recv(&mut message) {
                let zone = zones[servers.iter().position(|it| std::ptr::eq(it, server)).unwrap()];
                assert!(message[12..length].to_ascii_lowercase().starts_with(&wire(&zone.to_ascii_lowercase())));
            }
            server.set_nonblocking(false).unwrap();
        }
        let log = std::fs::read_to_string(site.home.folder().join("d2.out")).unwrap();
        let did = logged(&log, &id);
        let _ = writeln!(std::io::stderr(), "{text:20} explain: {expected:20} D2's log: {did}");
        assert_eq!(did, expected, "{text}");
    }
    assert_eq!(running.used_keys(), ["ddns-1", "second"]);
    let _ = key("ddns-1");
}
