//! Plain queries and transfers.

use crate::doubles::technitium::{Handle, Version};
use crate::http::{call, ok};
use crate::{start, wire};
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, TcpStream};
use std::time::Duration;

const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

type Form = &'static [(&'static str, &'static str)];

fn furnished() -> Handle {
    let server = start(Version::V15_2);
    ok(&server, "zones/create", &[("zone", "example.test")]);
    let records = [
        ("h1.example.test", "A", "ipAddress", "192.0.2.1"),
        ("h1.example.test", "TXT", "text", "x"),
        ("a.b.example.test", "A", "ipAddress", "192.0.2.2"),
        ("sub.example.test", "NS", "nameServer", "ns.other.test"),
        ("alias.example.test", "CNAME", "cname", "h1.example.test"),
    ];
    for (domain, rtype, field, value) in records {
        ok(
            &server,
            "zones/records/add",
            &[("zone", "example.test"), ("domain", domain), ("type", rtype), (field, value)],
        );
    }
    server
}

/// RCODE, AA, and the types of all records of the answer.
fn ask(server: &Handle, name: &str, rtype: &str) -> (u8, bool, Vec<u16>) {
    let message = wire::query(name, wire::type_of(rtype), 99);
    let answer = wire::exchange(server.dns(), LOCAL, false, &message).unwrap();
    let types = wire::records(&answer).iter().map(|record| record.rtype).collect();
    (answer[3] & 15, answer[2] & 4 != 0, types)
}

#[test]
fn queries_are_answered_from_the_zones() {
    let server = furnished();
    assert_eq!(ask(&server, "example.test", "SOA"), (0, true, vec![6]));
    assert_eq!(ask(&server, "H1.Example.TEST", "A"), (0, true, vec![1]));
    assert_eq!(ask(&server, "h1.example.test", "ANY"), (0, true, vec![]), "ANY is for TCP");
    let any = wire::query("h1.example.test", wire::type_of("ANY"), 99);
    assert_ne!(wire::exchange(server.dns(), LOCAL, false, &any).unwrap()[2] & 2, 0, "TC");
    let whole = wire::exchange(server.dns(), LOCAL, true, &any).unwrap();
    assert_eq!(wire::records(&whole).iter().map(|record| record.rtype).collect::<Vec<_>>(), [1, 16]);
    assert_eq!(ask(&server, "alias.example.test", "A"), (0, true, vec![5]));
    assert_eq!(ask(&server, "h1.example.test", "AAAA"), (0, true, vec![6]), "no data");
    assert_eq!(ask(&server, "b.example.test", "A"), (0, true, vec![6]), "an empty non-terminal");
    assert_eq!(ask(&server, "none.example.test", "A"), (3, true, vec![6]), "no such name");
    assert_eq!(ask(&server, "x.sub.example.test", "A"), (0, false, vec![2]), "a referral");
    assert_eq!(ask(&server, "other.test", "A"), (5, false, vec![]), "not ours");
    ok(&server, "zones/disable", &[("zone", "example.test")]);
    assert_eq!(ask(&server, "example.test", "SOA").0, 5);
}

/// A transfer: RCODE of the first message and the types of all records.
fn transfer(server: &Handle) -> (u8, Vec<u16>) {
    let mut stream = TcpStream::connect(server.dns()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let message = wire::query("example.test", wire::type_of("AXFR"), 5);
    stream.write_all(&[&u16::try_from(message.len()).unwrap().to_be_bytes(), message.as_slice()].concat()).unwrap();
    let (mut types, mut rcode) = (Vec::new(), None);
    loop {
        let mut length = [0; 2];
        stream.read_exact(&mut length).unwrap();
        let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut answer).unwrap();
        let first = *rcode.get_or_insert(answer[3] & 15);
        types.extend(wire::records(&answer).iter().map(|record| record.rtype));
        if first != 0 || types.len() > 1 && types.last() == Some(&6) {
            return (first, types);
        }
    }
}

#[test]
fn transfers_need_permission() {
    let server = furnished();
    assert_eq!(transfer(&server), (5, vec![]));
    ok(&server, "zones/options/set", &[("zone", "example.test"), ("zoneTransfer", "Allow")]);
    for n in 0..450 {
        let domain = format!("m{n}.example.test");
        let record = [("zone", "example.test"), ("domain", &domain), ("type", "A"), ("ipAddress", "192.0.2.1")];
        ok(&server, "zones/records/add", &record);
    }
    let (rcode, types) = transfer(&server);
    assert_eq!((rcode, types.len()), (0, 458));
    assert_eq!((types[0], types.iter().filter(|t| **t == 6).count()), (6, 2));
    ok(&server, "zones/options/set", &[("zone", "example.test"), ("zoneTransferTsigKeyNames", "k")]);
    assert_eq!(transfer(&server).0, 5, "an unsigned request, where a key is asked for");
}

#[test]
fn a_network_names_a_reverse_zone_rounded_up() {
    let server = start(Version::V14_3);
    for (given, made) in [
        ("192.168.1.0/24", "1.168.192.in-addr.arpa"),
        ("192.0.2.0/25", "0.2.0.192.in-addr.arpa"),
        ("10.0.0.0/12", "0.10.in-addr.arpa"),
        ("2001:db8::/30", "8.b.d.0.1.0.0.2.ip6.arpa"),
        ("EXAMPLE.Test.", "example.test"),
    ] {
        assert_eq!(ok(&server, "zones/create", &[("zone", given)])["domain"], made);
    }
}

#[test]
fn records_of_many_types_are_added_listed_and_deleted() {
    let server = start(Version::V15_2);
    ok(&server, "zones/create", &[("zone", "example.test")]);
    let cases: [(&str, Form, Value); 8] = [
        ("AAAA", &[("ipAddress", "2001:db8::1")], json!({"ipAddress": "2001:db8::1"})),
        ("PTR", &[("ptrName", "Host.Example.TEST")], json!({"ptrName": "Host.Example.TEST"})),
        ("NS", &[("nameServer", "ns.other.test")], json!({"nameServer": "ns.other.test"})),
        ("CNAME", &[("cname", "h.example.test")], json!({"cname": "h.example.test"})),
        ("MX", &[("preference", "10"), ("exchange", "m.test")], json!({"preference": 10, "exchange": "m.test"})),
        (
            "SRV",
            &[("priority", "1"), ("weight", "2"), ("port", "53"), ("target", "s.test")],
            json!({"priority": 1, "weight": 2, "port": 53, "target": "s.test"}),
        ),
        ("CAA", &[("flags", "0"), ("tag", "issue"), ("value", "x")], json!({"flags": 0, "tag": "issue", "value": "x"})),
        ("TXT", &[("text", "a b")], json!({"text": "a b", "splitText": false, "characterStrings": ["a b"]})),
    ];
    for (rtype, fields, shown) in cases {
        let domain = format!("{}.example.test", rtype.to_lowercase());
        let form = [&[("domain", domain.as_str()), ("type", rtype), ("ttl", "1h30m")], fields].concat();
        let added = ok(&server, "zones/records/add", &form)["addedRecord"].clone();
        assert_eq!((&added["rData"], &added["ttl"], &added["ttlString"]), (&shown, &json!(5400), &json!("1h30m")));
        let listed = ok(&server, "zones/records/get", &[("domain", &domain)]);
        assert_eq!(listed["records"][0]["rData"], shown);
        ok(&server, "zones/records/delete", &form);
        assert_eq!(ok(&server, "zones/records/get", &[("domain", &domain)])["records"], json!([]));
    }
}

/// `rData` of the only record of a name.
fn shown(server: &Handle, domain: &str) -> Value {
    let records = ok(server, "zones/records/get", &[("domain", domain)])["records"].clone();
    assert_eq!(records.as_array().unwrap().len(), 1, "{records}");
    records[0]["rData"].clone()
}

#[test]
fn rarer_types_are_shown_as_the_product_shows_them() {
    let server = start(Version::V15_2);
    ok(&server, "zones/create", &[("zone", "example.test")]);
    let add = |name: &str, rtype: &str, fields: &[(&str, &str)]| -> Value {
        let domain = format!("{name}.example.test");
        let form = [&[("zone", "example.test"), ("domain", &domain), ("type", rtype)], fields].concat();
        let added = ok(&server, "zones/records/add", &form)["addedRecord"]["rData"].clone();
        assert_eq!(added, shown(&server, &domain), "{rtype}");
        let gone = call(&server, "zones/records/delete", &form);
        assert_eq!(gone["status"], "ok", "{rtype}: {gone}");
        added
    };
    let ssh = [("sshfpAlgorithm", "ED25519"), ("sshfpFingerprintType", "sha256"), ("sshfpFingerprint", "00ff")];
    let expected = json!({"algorithm": "Ed25519", "fingerprintType": "SHA256", "fingerprint": "00FF"});
    assert_eq!(add("s", "SSHFP", &ssh), expected);
    let tlsa = [
        ("tlsaCertificateUsage", "DANE-EE"),
        ("tlsaSelector", "SPKI"),
        ("tlsaMatchingType", "SHA2-256"),
        ("tlsaCertificateAssociationData", "ABCD"),
    ];
    let expected = json!({"certificateUsage": "DANE-EE", "selector": "SPKI", "matchingType": "SHA2-256",
                          "certificateAssociationData": "ABCD"});
    assert_eq!(add("t", "TLSA", &tlsa), expected);
    let ds = [("keyTag", "7"), ("algorithm", "ECDSAP256SHA256"), ("digestType", "SHA256"), ("digest", "0102")];
    let expected = json!({"keyTag": 7, "algorithm": "ECDSAP256SHA256", "algorithmNumber": 13, "digestType": "SHA256",
                          "digestTypeNumber": 2, "digest": "0102"});
    assert_eq!(add("d", "DS", &ds), expected);
    let https = [("svcPriority", "1"), ("svcTargetName", "."), ("svcParams", "alpn|h2,h3|port|8443")];
    let expected = json!({"svcPriority": 1, "svcTargetName": "", "svcParams": {"alpn": "h2,h3", "port": "8443"},
                          "autoIpv4Hint": false, "autoIpv6Hint": false});
    assert_eq!(add("h", "HTTPS", &https), expected);
    let naptr = [("naptrOrder", "1"), ("naptrPreference", "2"), ("naptrFlags", "U"), ("naptrServices", "E2U+sip")];
    let expected = json!({"order": 1, "preference": 2, "flags": "U", "services": "E2U+sip", "regexp": "",
                          "replacement": "."});
    assert_eq!(add("n", "NAPTR", &naptr), expected);
    // A long text is cut by machine and does not count as split; lines do.
    let long = "x".repeat(300);
    assert_eq!(add("l", "TXT", &[("text", &long)])["splitText"], false);
    let split = add("m", "TXT", &[("text", "a\nb"), ("splitText", "true")]);
    assert_eq!(split, json!({"text": "ab", "splitText": true, "characterStrings": ["a", "b"]}));
}

#[test]
fn an_alias_stands_alone_and_records_are_listed_from_the_apex_down() {
    let server = start(Version::V14_3);
    ok(&server, "zones/create", &[("zone", "z.test")]);
    let add = |domain: &str, rtype: &str, value: &str| -> Value {
        let form = [("zone", "www.z.test"), ("domain", domain), ("type", rtype), ("value", value)];
        call(&server, "zones/records/add", &form)["errorMessage"].clone()
    };
    assert_eq!(add("b.z.test", "A", "192.0.2.1"), Value::Null, "the closest zone is taken");
    assert_eq!(add("a.z.test", "CNAME", "b.z.test"), Value::Null);
    let alone = "Cannot add record: a CNAME record cannot exists with other record types for the same name.";
    assert_eq!(add("a.z.test", "A", "192.0.2.1"), alone);
    assert_eq!(add("b.z.test", "CNAME", "c.z.test"), alone);
    let again = "Record already exists. Use overwrite option if you wish to overwrite existing record.";
    assert_eq!(add("a.z.test", "CNAME", "c.z.test"), again);
    assert_eq!(add("z.test", "CNAME", "c.z.test"), "Cannot set CNAME record at zone apex.");
    assert_eq!(add("x.other.test", "A", "192.0.2.1"), "The domain name does not belong to the zone: x.other.test");
    let form = [("domain", "z.test"), ("listZone", "true")];
    let records = ok(&server, "zones/records/get", &form)["records"].clone();
    let names: Vec<&str> = records.as_array().unwrap().iter().map(|record| record["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["z.test", "z.test", "a.z.test", "b.z.test"]);
    let nowhere = call(&server, "zones/records/get", &[("domain", "a.nowhere.test"), ("zone", "nowhere.test")]);
    assert_eq!(nowhere["errorMessage"], "No such zone was found: a.nowhere.test");
}

#[test]
fn zones_are_made_with_the_products_words_for_what_is_wrong() {
    let server = start(Version::V15_2);
    let create = |zone: &str, kind: &str| -> Value {
        let answer = call(&server, "zones/create", &[("zone", zone), ("type", kind)]);
        answer["response"]["domain"].as_str().map_or(answer["errorMessage"].clone(), Value::from)
    };
    assert_eq!(create("Example.TEST.", "1"), "example.test");
    assert_eq!(create("EXAMPLE.test", "primary"), "Zone already exists: EXAMPLE.test");
    assert_eq!(create("a.test", "Prim"), "Requested value 'Prim' was not found.");
    assert_eq!(create("a.test", "0"), "Zone type not supported.");
    assert_eq!(create("a.test", "Forwarder"), "Parameter 'forwarder' missing.");
    assert_eq!(create("a/b.test", ""), "The zone name contains an invalid character: /");
    assert_eq!(create("10.0.0.0/33", ""), "Index was outside the bounds of the array.");
    assert_eq!(create("10.0.0.0/0", ""), "in-addr.arpa");
    assert_eq!(create("bücher.test", ""), "xn--bcher-kva.test");
    assert_eq!(ok(&server, "zones/options/get", &[("zone", "bücher.test")])["nameIdn"], "bücher.test");
    assert_eq!(create("a b.test", ""), "Invalid domain name [a b.test]: invalid character [32] was found.");
    // 5 internal zones and 3 of ours, in pages.
    let page = |number: &str, size: &str| -> Value {
        let answer = call(&server, "zones/list", &[("pageNumber", number), ("zonesPerPage", size)]);
        answer["errorMessage"].as_str().map_or(answer["response"]["pageNumber"].clone(), Value::from)
    };
    assert_eq!((page("0", "3"), page("2", "3"), page("-1", "3")), (1.into(), 2.into(), 3.into()));
    assert_eq!(page("1", "0"), "Attempted to divide by zero.");
}
