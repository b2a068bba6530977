//! UPDATE and TSIG beyond the recorded cases: what the facts say of the product, case by case.

use crate::doubles::technitium::{Handle, Version};
use crate::http::{call, ok};
use crate::tsig::{self, Key};
use crate::{fixture, start, wire};
use serde_json::{Value, json};
use std::net::{IpAddr, Ipv4Addr};

const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const SECRET: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
const ALGORITHMS: [&str; 9] = [
    "hmac-md5.sig-alg.reg.int",
    "hmac-sha1",
    "hmac-sha224",
    "hmac-sha256",
    "hmac-sha256-128",
    "hmac-sha384",
    "hmac-sha384-192",
    "hmac-sha512",
    "hmac-sha512-256",
];

/// A double with one zone, and a key of each algorithm that may write below it.
fn furnished(version: Version) -> Handle {
    let server = start(version);
    let rows: Vec<String> = ALGORITHMS.iter().map(|name| format!("{name}|{SECRET}|{name}")).collect();
    ok(&server, "settings/set", &[("tsigKeys", &rows.join("|"))]);
    ok(&server, "zones/create", &[("zone", "example.test")]);
    let rows: Vec<String> = ALGORITHMS.iter().map(|name| format!("{name}|*.example.test|ANY")).collect();
    ok(&server, "zones/options/set", &[("zone", "example.test"), ("updateSecurityPolicies", &rows.join("|"))]);
    ok(&server, "zones/options/set", &[("zone", "example.test"), ("update", "Allow")]);
    server
}

fn key(algorithm: &str) -> Value {
    json!({"name": algorithm, "secret": SECRET, "algorithm": algorithm})
}

/// RCODE and TSIG of the answer; none for silence.
fn answer(server: &Handle, mut case: Value, tcp: bool) -> Option<(u8, Value)> {
    if case["zone"].is_null() {
        case["zone"] = "example.test".into();
    }
    let (message, mac) = wire::build(&case, 0x4242);
    let answer = wire::exchange(server.dns(), LOCAL, tcp, &message)?;
    Some((answer[3] & 15, tsig::of_answer(&answer, Key::of(&case["key"]).as_ref(), &mac)))
}

fn one_add() -> Value {
    json!(["add h1.example.test. 300 A 192.0.2.1"])
}

#[test]
fn every_algorithm_but_sha224_works_and_signs_its_answers() {
    for version in Version::ALL {
        let server = furnished(version);
        for algorithm in ALGORITHMS {
            let (rcode, tsig) = answer(&server, json!({"key": key(algorithm), "update": one_add()}), false).unwrap();
            if algorithm == "hmac-sha224" {
                assert_eq!((rcode, &tsig["error"], &tsig["mac"]), (9, &"BADKEY".into(), &"none".into()));
            } else {
                assert_eq!((rcode, tsig), (0, json!({"error": null, "mac": "valid"})), "{algorithm}");
            }
        }
    }
}

#[test]
fn faults_of_a_signature_are_told_in_the_products_order() {
    let server = furnished(Version::V15_2);
    let faulty = |algorithm: &str, faults: Value| {
        let mut key = key(algorithm);
        for (name, value) in faults.as_object().unwrap() {
            key[name] = value.clone();
        }
        let (rcode, tsig) = answer(&server, json!({"key": key, "update": one_add()}), false).unwrap();
        let word = |name: &str| tsig[name].as_str().unwrap_or("-").to_owned();
        (rcode, word("error"), word("mac"))
    };
    let said = |rcode, error: &str, mac: &str| (rcode, error.to_owned(), mac.to_owned());
    for algorithm in ["hmac-sha256", "hmac-sha512-256", "hmac-md5.sig-alg.reg.int"] {
        let wrong = "TU1NTU1NTU1NTU1NTU1NTU1NTU1NTU1NTU1NTU1NTU0=";
        assert_eq!(faulty(algorithm, json!({"clock": 3600})), said(9, "BADTIME", "valid"));
        assert_eq!(faulty(algorithm, json!({"clock": -3600})), said(9, "BADTIME", "valid"));
        assert_eq!(faulty(algorithm, json!({"clock": 3600, "secret": wrong})), said(9, "BADSIG", "none"));
        assert_eq!(faulty(algorithm, json!({"mac_bytes": 9})), said(1, "-", "-"));
        assert_eq!(faulty(algorithm, json!({"mac_bytes": 65})), said(1, "-", "-"));
    }
    for (algorithm, half) in [("hmac-sha256", 16), ("hmac-sha512", 32), ("hmac-sha512-256", 16), ("hmac-sha1", 10)] {
        assert_eq!(faulty(algorithm, json!({"mac_bytes": half})), said(9, "BADTRUNC", "valid"), "{algorithm}");
        assert_eq!(faulty(algorithm, json!({"mac_bytes": half - 1})), said(1, "-", "-"), "{algorithm}");
        assert_eq!(faulty(algorithm, json!({"mac_bytes": half, "clock": 3600})), said(9, "BADTIME", "valid"));
    }
}

#[test]
fn a_second_tsig_is_looked_for_last() {
    let server = furnished(Version::V15_2);
    let twice = |secret: &str| {
        let key = json!({"name": "hmac-sha256", "secret": secret, "algorithm": "hmac-sha256", "twice": true});
        answer(&server, json!({"key": key, "update": one_add()}), false).unwrap()
    };
    assert_eq!(twice(SECRET), (1, Value::Null));
    assert_eq!(twice("TU1NTQ==").1["error"], "BADSIG");
}

#[test]
fn an_answer_to_a_faulty_signature_has_no_opt() {
    let server = furnished(Version::V15_2);
    let opt = |algorithm: &str| {
        let case = json!({"zone": "example.test", "key": key(algorithm), "update": one_add(), "edns": 1232});
        let answer = wire::exchange(server.dns(), LOCAL, false, &wire::build(&case, 6).0).unwrap();
        wire::records(&answer).iter().any(|record| record.rtype == 41)
    };
    assert_eq!((opt("hmac-sha256"), opt("hmac-sha224")), (true, false));
}

#[test]
fn a_key_name_in_capitals_is_the_same_key() {
    let server = furnished(Version::V14_3);
    let key = json!({"name": "HMAC-SHA256.", "secret": SECRET, "algorithm": "hmac-sha256"});
    let (rcode, tsig) = answer(&server, json!({"key": key, "update": one_add()}), false).unwrap();
    assert_eq!((rcode, tsig), (0, json!({"error": null, "mac": "valid"})));
}

#[test]
fn large_messages_go_by_tcp_only() {
    for version in Version::ALL {
        let server = furnished(version);
        let case = json!({"key": key("hmac-sha256"), "update": ["add m{0..299}.example.test. 300 A 192.0.2.1"]});
        assert_eq!(answer(&server, case.clone(), false).unwrap(), (1, Value::Null), "UDP is read up to 4096 bytes");
        assert_eq!(answer(&server, case, true).unwrap().0, 0);
        let count = server.records("example.test").iter().filter(|record| record.name.starts_with('m')).count();
        assert_eq!(count, 300);
    }
}

#[test]
fn a_strange_zone_name_is_a_format_error_in_15_2() {
    for version in Version::ALL {
        let case = json!({"zone": "not a name.test", "key": key("hmac-sha256"), "update": []});
        let expected = if version < Version::V15_2 { 9 } else { 1 };
        assert_eq!(answer(&furnished(version), case, false).unwrap().0, expected);
    }
}

#[test]
fn rubbish_is_a_format_error() {
    let server = furnished(Version::V14_3);
    let message = [&[0x11, 0x22, 5 << 3, 0, 0, 1, 0, 0, 0, 3, 0, 0], [0xff; 20].as_slice()].concat();
    let answer = wire::exchange(server.dns(), LOCAL, false, &message).unwrap();
    assert_eq!((answer[2] >> 3, answer[3] & 15), (0x10 | 5, 1));
}

#[test]
fn an_empty_policy_cell_shifts_the_columns_and_a_space_never_matches() {
    let server = furnished(Version::V15_2);
    let set =
        |text: &str| call(&server, "zones/options/set", &[("zone", "example.test"), ("updateSecurityPolicies", text)]);
    assert_eq!(set("hmac-sha256||*.example.test|A")["status"], "ok", "the empty cell is dropped");
    assert_eq!(set("hmac-sha256|*.example.test||hmac-sha1|*.example.test|A")["status"], "error");
    assert_eq!(set("hmac-sha256| *.example.test|A")["status"], "ok");
    let case = json!({"key": key("hmac-sha256"), "update": one_add()});
    assert_eq!(answer(&server, case, false).unwrap().0, 5);
}

#[test]
fn the_log_and_the_counters_tell_what_happened() {
    let server = furnished(Version::V15_2);
    let add = json!({"key": key("hmac-sha256"), "update": one_add()});
    assert_eq!(answer(&server, add.clone(), false).unwrap().0, 0);
    assert_eq!(answer(&server, add, false).unwrap().0, 0);
    assert_eq!(answer(&server, json!({"update": ["delname h1.example.test."]}), false).unwrap().0, 5);
    let apex = json!({"key": key("hmac-sha256"), "update": ["delset example.test. A"]});
    assert_eq!(answer(&server, apex, false).unwrap().0, 5);
    let late = json!({"key": key("hmac-sha256"), "update": ["add h2.example.test. 604801 A 192.0.2.1"]});
    assert!(answer(&server, late, false).is_none());
    let unknown = json!({"name": "nobody", "secret": SECRET, "algorithm": "hmac-sha256"});
    assert_eq!(answer(&server, json!({"key": unknown, "update": one_add()}), false).unwrap().0, 9);
    let counts = server.counts();
    assert_eq!((counts.accepted, counts.refused, counts.changed, counts.silent), (2, 2, 1, 1));
    let log = server.log().join("\n");
    for line in [
        "DNS Server received a zone UPDATE request for zone: example.test",
        "DNS Server successfully processed a zone UPDATE request for zone: example.test",
        "DNS Server refused a zone UPDATE request since the request is missing TSIG auth required by the zone: example.test",
        "DNS Server refused a zone UPDATE request [example.test A ANY] due to Dynamic Updates Security Policy for zone: example.test",
        "DNS Server received a request that failed TSIG signature verification (RCODE: NotAuth; TSIG Error: BADKEY)",
        "DnsServerException: Cannot add record: TTL cannot be greater than SOA EXPIRE.",
        "QNAME: example.test; QTYPE: SOA; QCLASS: IN; TSIG KeyName: hmac-sha256; TSIG Algo: hmac-sha256; TSIG Error: NoError; RCODE: NoError; ANSWER: []",
        "NO RESPONSE FROM SERVER!",
    ] {
        assert!(log.contains(line), "not in the log: {line}\n{log}");
    }
}

#[test]
fn a_policy_stays_within_its_zone_and_rows_of_one_domain_are_merged() {
    let server = furnished(Version::V14_3);
    let set =
        |text: &str| call(&server, "zones/options/set", &[("zone", "example.test"), ("updateSecurityPolicies", text)]);
    let text =
        "Cannot set Dynamic Updates security policies: the domain 'other.test' must be part of the current zone.";
    assert_eq!(set("k|Other.test.|A")["errorMessage"], text);
    assert_eq!(set("k|notexample.test|A")["status"], "error");
    assert_eq!(set("k|*.example.test|A|j|example.test|TXT|K.|*.Example.TEST|A PTR")["status"], "ok");
    let shown = ok(&server, "zones/options/get", &[("zone", "example.test")])["updateSecurityPolicies"].clone();
    let row =
        |key: &str, domain: &str, types: Value| json!({"tsigKeyName": key, "domain": domain, "allowedTypes": types});
    let (k, j) = (row("k", "*.example.test", json!(["A", "A", "PTR"])), row("j", "example.test", json!(["TXT"])));
    assert_eq!(shown, json!([k, j]));
}

/// A Forwarder zone takes updates as a Primary does.
#[test]
fn a_forwarder_zone_takes_updates() {
    for version in Version::ALL {
        let server = furnished(version);
        ok(&server, "zones/create", &[("zone", "fwd.test"), ("type", "Forwarder"), ("forwarder", "this-server")]);
        let policies = "hmac-sha256|*.fwd.test|A";
        ok(&server, "zones/options/set", &[("zone", "fwd.test"), ("updateSecurityPolicies", policies)]);
        ok(&server, "zones/options/set", &[("zone", "fwd.test"), ("update", "Allow")]);
        let update = |rr: &str| json!({"zone": "fwd.test", "key": key("hmac-sha256"), "update": [rr]});
        assert_eq!(answer(&server, update("add h.fwd.test. 300 A 192.0.2.1"), false).unwrap().0, 0);
        assert_eq!(answer(&server, update("add h.fwd.test. 300 TXT x"), false).unwrap().0, 5);
    }
}

/// The set of a DNSSEC type may not be deleted: at a name that exists that is an exception, elsewhere it is nothing.
#[test]
fn deleting_a_dnssec_set() {
    for version in Version::ALL {
        let server = furnished(version);
        let signed = |update: Value| answer(&server, json!({"key": key("hmac-sha256"), "update": update}), false);
        let delete = || json!(["delset h1.example.test. RRSIG"]);
        assert_eq!(signed(delete()).unwrap().0, 0);
        assert_eq!(signed(one_add()).unwrap().0, 0);
        assert!(signed(delete()).is_none());
    }
}

#[test]
fn what_was_touched_before_an_exception_is_put_back() {
    for version in Version::ALL {
        let server = furnished(version);
        let signed = |update: Value| answer(&server, json!({"key": key("hmac-sha256"), "update": update}), true);
        let given = json!(["add h1.example.test. 300 A 192.0.2.1", "add h1.example.test. 300 TXT \"x\""]);
        assert_eq!(signed(given).unwrap().0, 0);
        let rows = || -> Vec<(String, u16, u32, Vec<u8>)> {
            let records = server.records("example.test").into_iter().filter(|record| record.rtype != 6);
            records.map(|record| (record.name, record.rtype, record.ttl, record.data)).collect()
        };
        let (before, serial) = (rows(), server.serial("example.test").unwrap());
        let update = json!([
            "delname h1.example.test.",
            "add h1.example.test. 60 A 192.0.2.7",
            "add h2.example.test. 60 A 192.0.2.7",
            "add h3.example.test. 604801 A 192.0.2.7"
        ]);
        assert!(signed(update).is_none());
        assert_eq!(rows(), before);
        // Two deletes, two adds; then two sets put back and one deleted.
        assert_eq!(server.serial("example.test").unwrap() - serial, 7);
    }
}

#[test]
fn an_alias_for_a_subtree_beside_a_plain_alias_is_an_exception() {
    let server = furnished(Version::V15_2);
    let case = json!({"key": key("hmac-sha256"), "update": ["add d.example.test. 300 CNAME x.example.test."]});
    assert_eq!(answer(&server, case, false).map(|(rcode, _)| rcode), Some(0));
    let case = json!({"key": key("hmac-sha256"), "update": ["add d.example.test. 300 DNAME other.test."]});
    assert_eq!(answer(&server, case, true), None);
    let text = "a CNAME record cannot exists with other record types for the same name";
    assert!(server.log().iter().any(|line| line.contains(text)), "{:?}", server.log());
}

#[test]
fn options_take_effect_in_the_products_order_and_only_where_they_fit() {
    let server = start(Version::V14_3);
    ok(&server, "zones/create", &[("zone", "p.test")]);
    ok(&server, "zones/create", &[("zone", "f.test"), ("type", "Forwarder"), ("forwarder", "this-server")]);
    let set = |fields: &[(&str, &str)]| call(&server, "zones/options/set", fields)["errorMessage"].clone();
    let options = |zone: &str| ok(&server, "zones/options/get", &[("zone", zone)]);
    // The list of `zoneTransfer` is read before its word, that of `update` after.
    let bad = "Invalid Network Access Control value was specified: nonsense";
    let transfer = [("zone", "p.test"), ("zoneTransfer", "Allow"), ("zoneTransferNetworkACL", "nonsense")];
    assert_eq!(set(&transfer), bad);
    assert_eq!(options("p.test")["zoneTransfer"], "AllowOnlyZoneNameServers");
    assert_eq!(set(&[("zone", "p.test"), ("update", "Allow"), ("updateNetworkACL", "nonsense")]), bad);
    assert_eq!(options("p.test")["update"], "Allow");
    set(&[("zone", "p.test"), ("zoneTransferTsigKeyNames", "Kea.,kea, spaced")]);
    assert_eq!(options("p.test")["zoneTransferTsigKeyNames"], json!(["kea", " spaced"]));
    let text = "The Zone Transfer option is invalid for Conditional Forwarder zones: AllowOnlyZoneNameServers \
                (Parameter 'ZoneTransfer')";
    assert_eq!(set(&[("zone", "f.test"), ("zoneTransfer", "AllowOnlyZoneNameServers")]), text);
    assert_eq!(set(&[("zone", "f.test"), ("zoneTransfer", "Allow")]), Value::Null);
    assert_eq!(set(&[("zone", "p.test"), ("catalog", "c.test")]), "No such Catalog zone was found: c.test");
}

#[test]
fn settings_that_are_words_times_or_lists() {
    for version in Version::ALL {
        let server = start(version);
        let set = |name: &str, value: &str| -> Value {
            let answer = call(&server, "settings/set", &[(name, value)]);
            answer["errorMessage"].as_str().map_or(answer["response"][name].clone(), Value::from)
        };
        assert_eq!((set("recursion", "deny"), set("recursion", "Nope")), ("Deny".into(), "Deny".into()));
        assert_eq!((set("loggingType", "none"), set("logQueries", "TRUE")), ("None".into(), true.into()));
        assert_eq!(ok(&server, "settings/get", &[])["enableLogging"], false);
        assert_eq!((set("defaultRecordTtl", "1h"), set("minSoaRefresh", "1d")), (3600.into(), 86400.into()));
        assert_eq!(set("udpPayloadSize", "70000"), "Value was either too large or too small for a UInt16.");
        assert_eq!(set("zoneTransferAllowedNetworks", "10.1.2.3/8, 192.0.2.1"), json!(["10.0.0.0/8", "192.0.2.1"]));
        // An empty list is no change in 13.6 and an empty list since.
        let left = if version == Version::V13_6 { json!(["10.0.0.0/8", "192.0.2.1"]) } else { json!([]) };
        assert_eq!(set("zoneTransferAllowedNetworks", ""), left);
        // What came before an error stays.
        let form = [("defaultRecordTtl", "60"), ("logQueries", "1")];
        assert_eq!(call(&server, "settings/set", &form)["status"], "error");
        assert_eq!(ok(&server, "settings/get", &[])["defaultRecordTtl"], 60);
    }
}

/// A line without its time and port.
fn masked(line: &str) -> String {
    let line = line.split_once("] ").map_or(line, |(_, rest)| rest);
    let (address, rest) = line.split_once(']').unwrap();
    format!("[<time>] {}:<port>]{rest}", address.split(':').next().unwrap())
}

#[test]
fn the_log_names_the_key_of_a_request_that_failed() {
    let recorded = fixture("explain-vectors.json");
    for version in Version::ALL {
        let cases = [
            ("wrong-key-name", json!({"name": "kwrong", "secret": SECRET, "algorithm": "hmac-sha256"})),
            ("wrong-secret", json!({"name": "k1", "secret": "d3Jvbmc=", "algorithm": "hmac-sha256"})),
            ("wrong-algorithm", json!({"name": "K1", "secret": SECRET, "algorithm": "hmac-sha512"})),
            ("digest-bits-128", json!({"name": "k1", "secret": SECRET, "algorithm": "hmac-sha256", "mac_bytes": 16})),
        ];
        for (name, key) in cases {
            let server = start(version);
            let keys = format!("k1|{SECRET}|hmac-sha256");
            ok(&server, "settings/set", &[("tsigKeys", &keys), ("logQueries", "true")]);
            ok(&server, "zones/create", &[("zone", "h2.test")]);
            let case = json!({"zone": "h2.test", "key": key, "update": ["add h.h2.test. 300 A 192.0.2.1"]});
            assert_eq!(answer(&server, case, true).map(|(rcode, _)| rcode), Some(9), "{name}");
            let have: Vec<String> = server.log().iter().map(|line| masked(line)).collect();
            let rows = recorded["cases"].as_array().unwrap();
            let want = rows.iter().find(|row| row["case"] == name).unwrap()["technitium_log"].as_array().unwrap();
            for line in want.iter().take(2) {
                let line = line.as_str().unwrap().replace("[UDP]", "[TCP]");
                assert!(have.contains(&line), "{name}: {line} is not in {have:#?}");
            }
        }
    }
}

#[test]
fn addresses_and_secrets_are_read_as_dot_net_reads_them() {
    let server = start(Version::V15_2);
    ok(&server, "zones/create", &[("zone", "example.test")]);
    let list = |text: &str| -> Value {
        let set = call(&server, "zones/options/set", &[("zone", "example.test"), ("updateNetworkACL", text)]);
        let get = ok(&server, "zones/options/get", &[("zone", "example.test")]);
        if set["status"] == "ok" { get["updateNetworkACL"].clone() } else { set["errorMessage"].clone() }
    };
    assert_eq!(list("10.1/16,010.0.0.1,0x7f.1"), json!(["10.0.0.0/16", "8.0.0.1", "127.0.0.1"]));
    assert_eq!(list("10.0.0.0/ 8,[2001:db8::1],fe80::1%2"), json!(["10.0.0.0/8", "2001:db8::1", "fe80::1"]));
    for bad in ["! 10.0.0.1", "10.0.0.0 /8", "1.2.3.4.5", "256.1.1.1", "10.0.0.0/255.0.0.0"] {
        assert_eq!(list(bad), format!("Invalid Network Access Control value was specified: {bad}"));
    }
    // The same key with a blank in it, and with its spare bits set.
    ok(&server, "settings/set", &[("tsigKeys", "a| AQEB |hmac-sha256|b|AR==|hmac-sha256")]);
    ok(&server, "zones/options/set", &[("zone", "example.test"), ("update", "Allow")]);
    for (name, secret) in [("a", "AQEB"), ("b", "AQ==")] {
        let key = json!({"name": name, "secret": secret, "algorithm": "hmac-sha256"});
        let case = json!({"key": key, "update": one_add()});
        assert_eq!(answer(&server, case, false).map(|(rcode, _)| rcode), Some(0), "{name}");
    }
}
