//! TSIG by hand (RFC 8945): signing requests, also wrongly, and checking answers.

use crate::wire;
use base64::Engine as _;
use md5::Md5;
use ring::digest;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha224};
use std::time::{SystemTime, UNIX_EPOCH};

/// A key as a case gives it, with the faults wanted.
pub struct Key {
    name: String,
    secret: Vec<u8>,
    algorithm: String,
    clock: i64,
    fudge: u16,
    mac_bytes: Option<usize>,
    /// Two TSIG records.
    pub twice: bool,
}

impl Key {
    /// From `{"name", "secret", "algorithm", …}`; none if there is no key.
    pub fn of(value: &Value) -> Option<Self> {
        let secret = value.get("secret")?.as_str()?;
        let bytes = base64::prelude::BASE64_STANDARD.decode(secret);
        let number = |name: &str| value.get(name).and_then(Value::as_i64);
        Some(Self {
            name: value["name"].as_str()?.to_owned(),
            secret: bytes.unwrap_or_else(|_| secret.as_bytes().to_vec()),
            algorithm: value["algorithm"].as_str()?.trim_end_matches('.').to_owned(),
            clock: number("clock").unwrap_or(0),
            fudge: u16::try_from(number("fudge").unwrap_or(300)).unwrap(),
            mac_bytes: number("mac_bytes").map(|n| usize::try_from(n).unwrap()),
            twice: value["twice"] == true,
        })
    }

    fn mac(&self, message: &[u8]) -> Vec<u8> {
        let mut mac = hmac(&self.algorithm, &self.secret, message);
        let full = match self.algorithm.as_str() {
            "hmac-sha256-128" => 16,
            "hmac-sha384-192" => 24,
            "hmac-sha512-256" => 32,
            _ => mac.len(),
        };
        mac.truncate(full);
        mac
    }

    fn time(&self) -> u64 {
        (now() + self.clock).unsigned_abs()
    }
}

fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

fn hash(algorithm: &str, data: &[u8]) -> Vec<u8> {
    let ring = |which| digest::digest(which, data).as_ref().to_vec();
    match algorithm {
        "hmac-md5.sig-alg.reg.int" => Md5::digest(data).to_vec(),
        "hmac-sha224" => Sha224::digest(data).to_vec(),
        "hmac-sha1" => ring(&digest::SHA1_FOR_LEGACY_USE_ONLY),
        "hmac-sha256" | "hmac-sha256-128" => ring(&digest::SHA256),
        "hmac-sha384" | "hmac-sha384-192" => ring(&digest::SHA384),
        "hmac-sha512" | "hmac-sha512-256" => ring(&digest::SHA512),
        other => panic!("algorithm {other} is not known here"),
    }
}

/// RFC 2104.
fn hmac(algorithm: &str, key: &[u8], message: &[u8]) -> Vec<u8> {
    let size = if algorithm.contains("sha384") || algorithm.contains("sha512") { 128 } else { 64 };
    let mut block = if key.len() > size { hash(algorithm, key) } else { key.to_vec() };
    block.resize(size, 0);
    let pad = |with: u8| block.iter().map(|byte| byte ^ with).collect::<Vec<u8>>();
    let inner = hash(algorithm, &[pad(0x36), message.to_vec()].concat());
    hash(algorithm, &[pad(0x5c), inner].concat())
}

/// The variables that are signed along (RFC 8945 §4.3.3).
fn variables(name: &[u8], algorithm: &[u8], time: &[u8], fudge: u16, error: u16, other: &[u8]) -> Vec<u8> {
    let mut out =
        [name.to_ascii_lowercase(), vec![0, 255, 0, 0, 0, 0], algorithm.to_ascii_lowercase(), time.to_vec()].concat();
    for number in [fudge, error, u16::try_from(other.len()).unwrap()] {
        out.extend(number.to_be_bytes());
    }
    out.extend(other);
    out
}

fn count_one_more(message: &mut [u8]) {
    let count = u16::from_be_bytes([message[10], message[11]]) + 1;
    message[10..12].copy_from_slice(&count.to_be_bytes());
}

/// Adds a TSIG; gives the message and the MAC as sent.
pub fn sign(message: &[u8], id: u16, key: &Key) -> (Vec<u8>, Vec<u8>) {
    let (name, algorithm) = (wire::name(&key.name), wire::name(&key.algorithm));
    let time = key.time().to_be_bytes()[2..].to_vec();
    let mut mac = key.mac(&[message, &variables(&name, &algorithm, &time, key.fudge, 0, &[])].concat());
    if let Some(size) = key.mac_bytes {
        mac.resize(size, 0);
    }
    let size = u16::try_from(mac.len()).unwrap().to_be_bytes();
    let tail = [id.to_be_bytes(), [0, 0], [0, 0]].concat();
    let data = [&algorithm, time.as_slice(), &key.fudge.to_be_bytes(), &size, &mac, &tail].concat();
    let length = u16::try_from(data.len()).unwrap().to_be_bytes();
    let mut out = message.to_vec();
    out.extend([&name, [0, 250, 0, 255, 0, 0, 0, 0].as_slice(), &length, &data].concat());
    count_one_more(&mut out);
    (out, mac)
}

/// The TSIG of an answer as the fixtures describe it; null without one.
pub fn of_answer(answer: &[u8], key: Option<&Key>, request_mac: &[u8]) -> Value {
    let Some(found) = wire::records(answer).into_iter().find(|record| record.rtype == 250) else { return Value::Null };
    let name = read_name(answer, found.start);
    let algorithm = read_name(answer, found.data.start);
    let at = found.data.start + algorithm.len();
    let number = |at: usize| u16::from_be_bytes([answer[at], answer[at + 1]]);
    let (time, fudge, size) = (&answer[at..at + 6], number(at + 6), usize::from(number(at + 8)));
    let mac = &answer[at + 10..at + 10 + size];
    let tail = at + 10 + size;
    let (original, error, other) = (&answer[tail..tail + 2], number(tail + 2), &answer[tail + 6..found.data.end]);
    let verdict = match key {
        Some(key) if size > 0 => {
            let count = (number(10) - 1).to_be_bytes();
            let signed = [original, &answer[2..10], &count, &answer[12..found.start]].concat();
            let length = u16::try_from(request_mac.len()).unwrap().to_be_bytes();
            let variables = variables(&name, &algorithm, time, fudge, error, other);
            let good = key.mac(&[&length, request_mac, &signed, &variables].concat());
            if good == mac { "valid" } else { "invalid" }
        }
        _ => "none",
    };
    let mut out = Map::new();
    let word = match error {
        0 => Value::Null,
        16 => "BADSIG".into(),
        17 => "BADKEY".into(),
        18 => "BADTIME".into(),
        22 => "BADTRUNC".into(),
        other => other.into(),
    };
    out.insert("error".into(), word);
    out.insert("mac".into(), verdict.into());
    if error != 0 {
        let seconds = i64::try_from(time.iter().fold(0u64, |all, byte| all << 8 | u64::from(*byte))).unwrap();
        let near = |other: i64| (seconds - other).abs() < 60;
        let as_sent = key.is_some_and(|key| near(now() + key.clock));
        let skew = if near(now()) {
            "0"
        } else if as_sent {
            "as request"
        } else {
            "?"
        };
        out.insert("fudge".into(), fudge.into());
        out.insert("time".into(), skew.into());
        out.insert("other_bytes".into(), json!(other.len()));
    }
    Value::Object(out)
}

/// An uncompressed name, as bytes (names in a TSIG are never compressed).
fn read_name(message: &[u8], at: usize) -> Vec<u8> {
    let mut end = at;
    while message[end] != 0 {
        assert!(message[end] < 64, "a compressed name where none may be");
        end += 1 + usize::from(message[end]);
    }
    message[at..=end].to_vec()
}
