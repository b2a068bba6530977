//! DNS messages byte by byte, also malformed ones: from the textual operations of the fixtures to the wire, sent, and
//! read back.

use crate::tsig::{self, Key};
use base64::Engine as _;
use serde_json::Value;
use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

const CLASSES: [(&str, u16); 4] = [("IN", 1), ("CH", 3), ("NONE", 254), ("ANY", 255)];
const TYPES: [(&str, u16); 20] = [
    ("A", 1),
    ("NS", 2),
    ("CNAME", 5),
    ("SOA", 6),
    ("PTR", 12),
    ("MX", 15),
    ("TXT", 16),
    ("AAAA", 28),
    ("SRV", 33),
    ("DNAME", 39),
    ("DS", 43),
    ("RRSIG", 46),
    ("DHCID", 49),
    ("TLSA", 52),
    ("AXFR", 252),
    ("ANY", 255),
    ("CAA", 257),
    ("IXFR", 251),
    ("MAILB", 253),
    ("MAILA", 254),
];

/// A type by name.
pub fn type_of(name: &str) -> u16 {
    TYPES.iter().find(|(n, _)| *n == name).unwrap_or_else(|| panic!("type {name} is not known here")).1
}

/// A name in wire form.
pub fn name(text: &str) -> Vec<u8> {
    let labels = text.trim_end_matches('.').split('.').filter(|label| !label.is_empty());
    let mut out: Vec<u8> =
        labels.flat_map(|label| [&[u8::try_from(label.len()).unwrap()], label.as_bytes()].concat()).collect();
    out.push(0);
    out
}

fn short(text: &str) -> [u8; 2] {
    text.parse::<u16>().unwrap().to_be_bytes()
}

fn quoted(text: &str) -> Vec<u8> {
    text.trim_matches('"').as_bytes().to_vec()
}

/// `20300101000000` in seconds since 1970.
fn moment(text: &str) -> u32 {
    let stamp = jiff::civil::DateTime::strptime("%Y%m%d%H%M%S", text).unwrap();
    u32::try_from(stamp.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp().as_second()).unwrap()
}

/// RDATA from its textual form.
fn data(rtype: &str, text: &str) -> Vec<u8> {
    let words: Vec<&str> = text.split(' ').collect();
    match (rtype, words.as_slice()) {
        ("A", [address]) => address.parse::<std::net::Ipv4Addr>().unwrap().octets().to_vec(),
        ("AAAA", [address]) => address.parse::<Ipv6Addr>().unwrap().octets().to_vec(),
        ("NS" | "CNAME" | "PTR" | "DNAME", [target]) => name(target),
        ("MX", [preference, target]) => [short(preference).to_vec(), name(target)].concat(),
        ("SRV", [a, b, c, target]) => [short(a).to_vec(), short(b).to_vec(), short(c).to_vec(), name(target)].concat(),
        ("TXT", _) => {
            let text = quoted(text);
            [&[u8::try_from(text.len()).unwrap()], text.as_slice()].concat()
        }
        ("CAA", [flags, tag, value]) => {
            [&[flags.parse().unwrap(), u8::try_from(tag.len()).unwrap()], tag.as_bytes(), &quoted(value)].concat()
        }
        ("SOA", [mname, rname, numbers @ ..]) => {
            let numbers = numbers.iter().flat_map(|n| n.parse::<u32>().unwrap().to_be_bytes()).collect();
            [name(mname), name(rname), numbers].concat()
        }
        ("DS", [tag, algorithm, digest_type, digest]) => {
            let hex = (0..digest.len()).step_by(2).map(|at| u8::from_str_radix(&digest[at..at + 2], 16).unwrap());
            [short(tag).to_vec(), vec![algorithm.parse().unwrap(), digest_type.parse().unwrap()], hex.collect()]
                .concat()
        }
        ("DHCID", [text]) => base64::prelude::BASE64_STANDARD.decode(text).unwrap(),
        ("RRSIG", [covered, algorithm, labels, ttl, until, since, tag, signer, signature]) => [
            type_of(covered).to_be_bytes().to_vec(),
            vec![algorithm.parse().unwrap(), labels.parse().unwrap()],
            ttl.parse::<u32>().unwrap().to_be_bytes().to_vec(),
            moment(until).to_be_bytes().to_vec(),
            moment(since).to_be_bytes().to_vec(),
            short(tag).to_vec(),
            name(signer),
            base64::prelude::BASE64_STANDARD.decode(signature).unwrap(),
        ]
        .concat(),
        _ => panic!("no way here to write {rtype} {text}"),
    }
}

fn record(owner: &str, rtype: u16, class: u16, ttl: u32, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap().to_be_bytes();
    [&name(owner), rtype.to_be_bytes().as_slice(), &class.to_be_bytes(), &ttl.to_be_bytes(), &length, data].concat()
}

/// `name type data…`, the data perhaps absent.
fn of(rest: &str, class: u16, ttl: u32) -> Vec<u8> {
    let mut words = rest.splitn(3, ' ');
    let (owner, rtype) = (words.next().unwrap(), words.next().unwrap());
    let data = words.next().map(|text| data(rtype, text)).unwrap_or_default();
    record(owner, type_of(rtype), class, ttl, &data)
}

/// One operation of the update section.
fn operation(text: &str) -> Vec<u8> {
    let (word, rest) = text.split_once(' ').unwrap();
    match word {
        "add" => {
            let mut words = rest.splitn(3, ' ');
            let (owner, ttl, more) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
            of(&format!("{owner} {more}"), 1, ttl.parse().unwrap())
        }
        "delrr" => of(rest, 254, 0),
        "delrr-ttl" => of(rest, 254, 300),
        "delset" | "delset-data" => of(rest, 255, 0),
        "delset-ttl" => of(rest, 255, 300),
        "delname" => record(rest, 255, 255, 0, &[]),
        "chaos" => of(rest, 3, 0),
        _ => panic!("operation {word} is not known here"),
    }
}

/// One prerequisite.
fn prerequisite(text: &str) -> Vec<u8> {
    let (word, rest) = text.split_once(' ').unwrap();
    match word {
        "name-in-use" => record(rest, 255, 255, 0, &[]),
        "name-not-in-use" => record(rest, 255, 254, 0, &[]),
        "set-exists" | "set-exists-data" => of(rest, 255, 0),
        "set-absent" => of(rest, 254, 0),
        "set-equals" => of(rest, 1, 0),
        "set-equals-ttl" => of(rest, 1, 60),
        _ => panic!("prerequisite {word} is not known here"),
    }
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().map(|list| list.iter().map(|text| text.as_str().unwrap().to_owned()).collect()).unwrap_or_default()
}

/// Builds the UPDATE of a case, and its MAC if it is signed.
pub fn build(case: &Value, id: u16) -> (Vec<u8>, Vec<u8>) {
    let mut update = texts(&case["update"]);
    if update.iter().any(|text| text.contains("{0..299}")) {
        update = (0..300).map(|n| format!("add m{n}.example.test. 300 A 192.0.2.1")).collect();
    }
    let rows: Vec<Vec<u8>> = match case["zone_section"].as_array() {
        Some(rows) => rows.iter().map(|row| question(row[0].as_str().unwrap(), &row[1], &row[2])).collect(),
        None => vec![question(case["zone"].as_str().unwrap(), &"SOA".into(), &"IN".into())],
    };
    let prerequisites: Vec<Vec<u8>> = texts(&case["prerequisites"]).iter().map(|text| prerequisite(text)).collect();
    let updates: Vec<Vec<u8>> = update.iter().map(|text| operation(text)).collect();
    let edns = case["edns"]
        .as_u64()
        .map(|size| [&[0, 0, 41], u16::try_from(size).unwrap().to_be_bytes().as_slice(), &[0; 6]].concat());
    let counts = [rows.len(), prerequisites.len(), updates.len(), usize::from(edns.is_some())];
    let mut message = [id.to_be_bytes(), [5 << 3, 0]].concat();
    message.extend(counts.iter().flat_map(|n| u16::try_from(*n).unwrap().to_be_bytes()));
    for part in [rows, prerequisites, updates, edns.into_iter().collect()] {
        message.extend(part.concat());
    }
    let Some(key) = Key::of(&case["key"]) else { return (message, Vec::new()) };
    let (mut message, mac) = tsig::sign(&message, id, &key);
    if key.twice {
        message = tsig::sign(&message, id, &key).0;
    }
    (message, mac)
}

fn question(zone: &str, rtype: &Value, class: &Value) -> Vec<u8> {
    let class = CLASSES.iter().find(|(n, _)| class == n).unwrap().1;
    [name(zone), type_of(rtype.as_str().unwrap()).to_be_bytes().to_vec(), class.to_be_bytes().to_vec()].concat()
}

/// An ordinary query.
pub fn query(owner: &str, rtype: u16, id: u16) -> Vec<u8> {
    let head = [id.to_be_bytes(), [0, 0], [0, 1], [0, 0], [0, 0], [0, 0]].concat();
    [head, name(owner), rtype.to_be_bytes().to_vec(), vec![0, 1]].concat()
}

/// A TCP connection from this source; only tokio lets one be chosen.
pub fn connect(server: SocketAddr, source: IpAddr) -> io::Result<TcpStream> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let stream = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4()?;
        socket.bind((source, 0).into())?;
        socket.connect(server).await?.into_std()
    })?;
    stream.set_nonblocking(false)?;
    Ok(stream)
}

/// Sends a message from `source` and gives the answer, or none if the server has nothing to say. That is known without
/// waiting: a query sent after it on the same way is answered first.
pub fn exchange(server: SocketAddr, source: IpAddr, tcp: bool, message: &[u8]) -> Option<Vec<u8>> {
    let id = u16::from_be_bytes([message[0], message[1]]);
    let marker = query("localhost", 6, !id);
    let mut next: Box<dyn FnMut() -> Vec<u8>> = if tcp {
        let mut stream = connect(server, source).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        for part in [message, &marker] {
            stream.write_all(&[&u16::try_from(part.len()).unwrap().to_be_bytes(), part].concat()).unwrap();
        }
        Box::new(move || {
            let mut length = [0; 2];
            stream.read_exact(&mut length).unwrap();
            let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
            stream.read_exact(&mut answer).unwrap();
            answer
        })
    } else {
        let socket = UdpSocket::bind((source, 0)).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        socket.send_to(message, server).unwrap();
        socket.send_to(&marker, server).unwrap();
        Box::new(move || {
            let mut answer = vec![0; 65_535];
            let length = socket.recv(&mut answer).unwrap();
            answer.truncate(length);
            answer
        })
    };
    let first = next();
    if first[..2] == marker[..2] {
        return None;
    }
    assert_eq!(first[..2], message[..2], "an answer to something else");
    next(); // the marker's, so that the server is done with both
    Some(first)
}

/// The end of the name at `at`.
fn skip(message: &[u8], mut at: usize) -> usize {
    loop {
        match message[at] {
            0 => return at + 1,
            n if n & 0xc0 != 0 => return at + 2,
            n => at += 1 + usize::from(n),
        }
    }
}

/// One record of an answer: where it starts, type, and where its data lies.
pub struct Found {
    /// Offset of the owner.
    pub start: usize,
    /// Type.
    pub rtype: u16,
    /// Offsets of the data.
    pub data: std::ops::Range<usize>,
}

/// All records of an answer, in all sections.
pub fn records(message: &[u8]) -> Vec<Found> {
    let number = |at: usize| u16::from_be_bytes([message[at], message[at + 1]]);
    let mut at = (0..number(4)).fold(12, |at, _| skip(message, at) + 4);
    let total = number(6) + number(8) + number(10);
    (0..total)
        .map(|_| {
            let start = at;
            let fixed = skip(message, at);
            let data = fixed + 10..fixed + 10 + usize::from(number(fixed + 8));
            at = data.end;
            Found { start, rtype: number(fixed), data }
        })
        .collect()
}
