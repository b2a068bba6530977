//! RDATA as `zones/records/get` shows it.

use super::rdata::{
    self, A, AAAA, ANAME, CAA, CNAME, DNAME, DS, FWD, HTTPS, MX, NAPTR, NS, PTR, RP, SOA, SRV, SSHFP, SVCB, Soa, TLSA,
    TXT, URI, read_name,
};
use serde_json::{Map, Value, json};
use std::net::IpAddr;

/// DNSSEC algorithms by number.
pub const DNSSEC_ALGORITHMS: [(&str, u16); 12] = [
    ("RSAMD5", 1),
    ("DSA", 3),
    ("RSASHA1", 5),
    ("DSA_NSEC3_SHA1", 6),
    ("RSASHA1_NSEC3_SHA1", 7),
    ("RSASHA256", 8),
    ("RSASHA512", 10),
    ("ECC_GOST", 12),
    ("ECDSAP256SHA256", 13),
    ("ECDSAP384SHA384", 14),
    ("ED25519", 15),
    ("ED448", 16),
];
/// Digests of DS records.
pub const DIGESTS: [(&str, u16); 4] = [("SHA1", 1), ("SHA256", 2), ("GOST_R_34_11_94", 3), ("SHA384", 4)];
/// SSHFP.
pub const SSH_ALGORITHMS: [(&str, u16); 5] = [("RSA", 1), ("DSA", 2), ("ECDSA", 3), ("Ed25519", 4), ("Ed448", 6)];
/// SSHFP.
pub const SSH_FINGERPRINTS: [(&str, u16); 2] = [("SHA1", 1), ("SHA256", 2)];
/// TLSA.
pub const TLSA_USAGES: [(&str, u16); 4] = [("PKIX_TA", 0), ("PKIX_EE", 1), ("DANE_TA", 2), ("DANE_EE", 3)];
/// TLSA.
pub const TLSA_SELECTORS: [(&str, u16); 2] = [("Cert", 0), ("SPKI", 1)];
/// TLSA.
pub const TLSA_MATCHING: [(&str, u16); 3] = [("Full", 0), ("SHA2_256", 1), ("SHA2_512", 2)];
/// Parameters of SVCB and HTTPS.
pub const SVC_PARAMS: [(&str, u16); 8] = [
    ("mandatory", 0),
    ("alpn", 1),
    ("no-default-alpn", 2),
    ("port", 3),
    ("ipv4hint", 4),
    ("ech", 5),
    ("ipv6hint", 6),
    ("dohpath", 7),
];

fn word(words: &[(&str, u16)], number: u8) -> String {
    let found = words.iter().find(|(_, n)| *n == u16::from(number));
    found.map_or_else(|| number.to_string(), |(word, _)| (*word).to_owned())
}

fn colons(data: &[u8]) -> String {
    data.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
}

fn hex(data: &[u8]) -> String {
    data.iter().map(|byte| format!("{byte:02X}")).collect()
}

fn short(data: &[u8], at: usize) -> Option<u16> {
    data.get(at..at + 2).and_then(|b| b.try_into().ok()).map(u16::from_be_bytes)
}

fn text(data: &[u8]) -> String {
    String::from_utf8_lossy(data).into_owned()
}

/// The root is a dot where a name is shown.
fn shown(name: String) -> String {
    if name.is_empty() { ".".to_owned() } else { name }
}

/// A character string, and what follows it.
fn string(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = data.split_first()?;
    rest.split_at_checked(usize::from(*length))
}

/// The strings of TXT data, and whether somebody split them so: full ones but for the last are cut by machine.
fn strings(mut data: &[u8]) -> Value {
    let mut all: Vec<&[u8]> = Vec::new();
    while let Some((one, rest)) = string(data) {
        all.push(one);
        data = rest;
    }
    let split = all.split_last().is_some_and(|(_, full)| full.iter().any(|one| one.len() != 255));
    json!({"text": text(&all.concat()), "splitText": split,
           "characterStrings": all.iter().map(|one| text(one)).collect::<Vec<_>>()})
}

fn naptr(data: &[u8]) -> Option<Value> {
    let (flags, rest) = string(data.get(4..)?)?;
    let (services, rest) = string(rest)?;
    let (regexp, rest) = string(rest)?;
    Some(json!({"order": short(data, 0)?, "preference": short(data, 2)?, "flags": text(flags),
                "services": text(services), "regexp": text(regexp), "replacement": shown(read_name(rest)?.0)}))
}

fn svcb(data: &[u8]) -> Option<Value> {
    let (target, mut rest) = read_name(data.get(2..)?)?;
    let mut params = Map::new();
    while let (Some(key), Some(length)) = (short(rest, 0), short(rest, 2)) {
        let end = 4 + usize::from(length);
        let value = rest.get(4..end)?;
        let found = SVC_PARAMS.iter().find(|(_, n)| *n == key);
        let name = found.map_or_else(|| format!("key{key}"), |(name, _)| (*name).to_owned());
        params.insert(name, svc_value(key, value).into());
        rest = rest.get(end..)?;
    }
    Some(json!({"svcPriority": short(data, 0)?, "svcTargetName": target, "svcParams": params,
                "autoIpv4Hint": false, "autoIpv6Hint": false}))
}

fn svc_value(key: u16, value: &[u8]) -> String {
    let hints = |size| value.chunks(size).filter_map(rdata::address).map(|a: IpAddr| a.to_string()).collect::<Vec<_>>();
    match key {
        1 => {
            let (mut names, mut rest) = (Vec::new(), value);
            while let Some((one, more)) = string(rest) {
                names.push(text(one));
                rest = more;
            }
            names.join(",")
        }
        3 => short(value, 0).map_or_else(String::new, |port| port.to_string()),
        4 => hints(4).join(","),
        6 => hints(16).join(","),
        _ => text(value),
    }
}

/// `rData` of `records/get`; none where the product throws for want of data.
pub fn to_json(rtype: u16, data: &[u8]) -> Option<Value> {
    if data.is_empty() && rdata::needs_data(rtype) {
        return None;
    }
    let name = |at: usize| data.get(at..).and_then(read_name).map(|(name, _)| shown(name));
    let byte = |at: usize| data.get(at).copied();
    Some(match rtype {
        A | AAAA => json!({"ipAddress": rdata::address(data)?.to_string()}),
        NS => json!({"nameServer": name(0)?}),
        CNAME => json!({"cname": name(0)?}),
        PTR => json!({"ptrName": name(0)?}),
        DNAME => json!({"dname": name(0)?}),
        ANAME => json!({"aname": name(0)?}),
        SOA => Soa::from_wire(data)?.to_json(),
        MX => json!({"preference": short(data, 0)?, "exchange": name(2)?}),
        SRV => {
            json!({"priority": short(data, 0)?, "weight": short(data, 2)?, "port": short(data, 4)?, "target": name(6)?})
        }
        TXT => strings(data),
        RP => {
            let (mailbox, rest) = read_name(data)?;
            json!({"mailbox": mailbox.replacen('.', "@", 1), "txtDomain": read_name(rest)?.0})
        }
        NAPTR => naptr(data)?,
        DS => json!({"keyTag": short(data, 0)?, "algorithm": word(&DNSSEC_ALGORITHMS, byte(2)?),
                     "algorithmNumber": byte(2)?, "digestType": word(&DIGESTS, byte(3)?), "digestTypeNumber": byte(3)?,
                     "digest": hex(data.get(4..)?)}),
        SSHFP => json!({"algorithm": word(&SSH_ALGORITHMS, byte(0)?),
                        "fingerprintType": word(&SSH_FINGERPRINTS, byte(1)?), "fingerprint": hex(data.get(2..)?)}),
        TLSA => json!({"certificateUsage": word(&TLSA_USAGES, byte(0)?).replace('_', "-"),
                       "selector": word(&TLSA_SELECTORS, byte(1)?),
                       "matchingType": word(&TLSA_MATCHING, byte(2)?).replace('_', "-"),
                       "certificateAssociationData": hex(data.get(3..)?)}),
        SVCB | HTTPS => svcb(data)?,
        URI => json!({"priority": short(data, 0)?, "weight": short(data, 2)?, "uri": text(data.get(4..)?)}),
        CAA => {
            let split = usize::from(byte(1)?) + 2;
            json!({"flags": byte(0)?, "tag": text(data.get(2..split)?), "value": text(data.get(split..)?)})
        }
        FWD => {
            let whole = text(data);
            let mut cells = whole.splitn(5, '|');
            let mut next = || cells.next().unwrap_or_default();
            let (protocol, priority, checks, proxy) = (next(), next(), next(), next());
            json!({"protocol": protocol, "forwarder": next(), "priority": priority.parse::<u8>().unwrap_or(0),
                   "dnssecValidation": checks == "true", "proxyType": proxy})
        }
        _ => json!({"value": colons(data)}),
    })
}
