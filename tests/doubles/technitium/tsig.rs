//! TSIG at the DNS port. Signatures are judged, and good answers signed, by the crate `domain`.
//!
//! On top of it, because the product answers what `domain` 0.12 cannot say:
//! - faults: `domain` reports a wrong MAC as FORMERR instead of BADSIG, a short MAC unsigned before it was checked, and
//!   signs eight bytes of "other data" in BADTIME where six are on the wire; so the table of faults is here;
//! - the algorithms HMAC-MD5 and HMAC-SHA*-128/-192/-256, which `domain` does not know.

use super::keys::TsigKey;
use super::message::TSIG;
use super::state::unix_now;
use domain::base::Message;
use domain::base::message_builder::AdditionalBuilder;
use domain::rdata::tsig::{Time48, Tsig};
use domain::tsig::{Algorithm, Key, KeyName, ServerSequence, ServerTransaction};
use md5::{Digest as _, Md5};
use ring::hmac;
use std::str::FromStr as _;

const FORMERR: u8 = 1;
const NOTAUTH: u8 = 9;
const BADSIG: u16 = 16;
const BADKEY: u16 = 17;
const BADTIME: u16 = 18;
const BADTRUNC: u16 = 22;

/// What the check of a request says.
pub enum Verdict {
    /// No TSIG at all.
    Unsigned,
    /// Good: by this key, and how to sign the answers.
    Good(Used, Box<Signer>),
    /// To be answered with this RCODE; then with this TSIG.
    Bad(u8, Option<Box<Refusal>>),
}

/// The key of a good signature.
#[derive(Debug, Clone)]
pub struct Used {
    /// Lower case, no final dot.
    pub name: String,
    /// The message less its TSIG, as it is sent on to a primary.
    pub unsigned: Vec<u8>,
    /// Was the name in small letters on the wire?
    pub in_small_letters: bool,
}

/// The TSIG of an answer to a faulty request.
pub struct Refusal {
    own: Own,
    /// TSIG error.
    pub error: u16,
    signed: bool,
}

/// Signs answers to one request.
pub enum Signer {
    /// Through `domain`.
    Library(Box<ServerSequence<Key>>, u16),
    /// By the code here.
    Own(Own),
}

/// The fields of a request's TSIG, and its key.
#[derive(Clone)]
pub struct Own {
    name: Vec<u8>,
    algorithm: Vec<u8>,
    key: Vec<u8>,
    hash: Hash,
    full: usize,
    time: u64,
    fudge: u16,
    mac: Vec<u8>,
    id: u16,
    later: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Hash {
    Md5,
    Ring(&'static str),
}

/// The hash and MAC size of an algorithm that works; SHA-224 and GSS are stored but never work.
fn known(algorithm: &str) -> Option<(Hash, usize)> {
    Some(match algorithm {
        "hmac-md5.sig-alg.reg.int" => (Hash::Md5, 16),
        "hmac-sha1" => (Hash::Ring("1"), 20),
        "hmac-sha256" => (Hash::Ring("256"), 32),
        "hmac-sha256-128" => (Hash::Ring("256"), 16),
        "hmac-sha384" => (Hash::Ring("384"), 48),
        "hmac-sha384-192" => (Hash::Ring("384"), 24),
        "hmac-sha512" => (Hash::Ring("512"), 64),
        "hmac-sha512-256" => (Hash::Ring("512"), 32),
        _ => return None,
    })
}

impl Hash {
    fn mac(self, key: &[u8], message: &[u8]) -> Vec<u8> {
        let algorithm = match self {
            Self::Md5 => return hmac_md5(key, message),
            Self::Ring("1") => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Ring("384") => hmac::HMAC_SHA384,
            Self::Ring("512") => hmac::HMAC_SHA512,
            Self::Ring(_) => hmac::HMAC_SHA256,
        };
        hmac::sign(&hmac::Key::new(algorithm, key), message).as_ref().to_vec()
    }
}

/// RFC 2104 over MD5, which ring does not offer.
fn hmac_md5(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut block = if key.len() > 64 { Md5::digest(key).to_vec() } else { key.to_vec() };
    block.resize(64, 0);
    let pad = |with: u8| block.iter().map(|byte| byte ^ with).collect::<Vec<u8>>();
    let inner = Md5::digest([pad(0x36).as_slice(), message].concat());
    Md5::digest([pad(0x5c).as_slice(), inner.as_slice()].concat()).to_vec()
}

impl Own {
    fn variables(&self, time: u64, error: u16, other: &[u8]) -> Vec<u8> {
        let stamp = [&time.to_be_bytes()[2..], &self.fudge.to_be_bytes()].concat();
        if self.later {
            return stamp; // messages after the first sign their timers only (RFC 8945 §5.3.1)
        }
        let length = u16::try_from(other.len()).unwrap_or(0).to_be_bytes();
        let mut out =
            [self.name.to_ascii_lowercase(), vec![0, 255, 0, 0, 0, 0], self.algorithm.to_ascii_lowercase()].concat();
        out.extend([stamp, error.to_be_bytes().to_vec(), length.to_vec(), other.to_vec()].concat());
        out
    }

    /// The full MAC over a request.
    fn of_request(&self, before_tsig: &[u8], error: u16, other: &[u8]) -> Vec<u8> {
        let mut mac = self.hash.mac(&self.key, &[before_tsig, &self.variables(self.time, error, other)].concat());
        mac.truncate(self.full);
        mac
    }

    /// Adds a TSIG to a finished answer; with an empty MAC if it is not to be signed.
    fn close(&mut self, answer: Vec<u8>, time: u64, error: u16, signed: bool) -> Vec<u8> {
        let other = if error == BADTIME { unix_now().to_be_bytes()[2..].to_vec() } else { Vec::new() };
        let mut mac = Vec::new();
        if signed {
            let length = u16::try_from(self.mac.len()).unwrap_or(0).to_be_bytes();
            let input = [length.as_slice(), &self.mac, &answer, &self.variables(time, error, &other)].concat();
            mac = self.hash.mac(&self.key, &input);
            mac.truncate(self.full);
            (self.mac, self.later) = (mac.clone(), true);
        }
        self.append(answer, time, error, &mac, &other)
    }

    /// The message with this TSIG after it.
    fn append(&self, mut message: Vec<u8>, time: u64, error: u16, mac: &[u8], other: &[u8]) -> Vec<u8> {
        let size = |bytes: &[u8]| u16::try_from(bytes.len()).unwrap_or(0).to_be_bytes();
        let data = [
            &self.algorithm,
            &time.to_be_bytes()[2..],
            &self.fudge.to_be_bytes(),
            &size(mac),
            mac,
            &self.id.to_be_bytes(),
            &error.to_be_bytes(),
            &size(other),
            other,
        ]
        .concat();
        message.extend([&self.name, [0, 250, 0, 255, 0, 0, 0, 0].as_slice(), &size(&data), &data].concat());
        count_one_more(&mut message);
        message
    }
}

/// ARCOUNT plus one.
fn count_one_more(message: &mut [u8]) {
    if let Some([high, low]) = message.get_mut(10..12) {
        let count = u16::from_be_bytes([*high, *low]).wrapping_add(1);
        [*high, *low] = count.to_be_bytes();
    }
}

impl Signer {
    /// Signs one answer; time is now, fudge the request's.
    pub fn sign(&mut self, answer: AdditionalBuilder<Vec<u8>>) -> Vec<u8> {
        let mut answer = answer;
        match self {
            Self::Library(sequence, fudge) => {
                let _ = sequence.answer_with_fudge(&mut answer, Time48::now(), *fudge); // a Vec has room
                answer.finish()
            }
            Self::Own(own) => own.close(answer.finish(), unix_now(), 0, true),
        }
    }
}

impl Refusal {
    /// The answer's TSIG: the request's time, the request's fudge.
    pub fn close(mut self, answer: AdditionalBuilder<Vec<u8>>) -> Vec<u8> {
        let time = self.own.time;
        self.own.close(answer.finish(), time, self.error, self.signed)
    }
}

/// A request's TSIG as found.
struct Found {
    start: usize,
    own: Own,
    key: String,
    algorithm: String,
    error: u16,
    other: Vec<u8>,
    extra: bool,
}

/// The TSIG, if it is the last record; anywhere else it counts as none.
fn find(message: &[u8]) -> Option<Found> {
    let parsed = Message::from_octets(message).ok()?;
    let mut section = parsed.additional().ok()?;
    let mut count = 0;
    let mut last = None;
    loop {
        let start = section.pos();
        let Some(record) = section.next() else { break };
        let record = record.ok()?;
        count += usize::from(record.rtype().to_int() == TSIG);
        last = Some((start, record));
    }
    let (start, record) = last?;
    let tsig = record.to_record::<Tsig<_, _>>().ok()??;
    let data = tsig.data();
    let text = |name: String| name.trim_end_matches('.').to_ascii_lowercase();
    let wire = |name: &str| super::message::wire_name(name).as_slice().to_vec();
    let own = Own {
        name: wire(&record.owner().to_string()),
        algorithm: wire(&data.algorithm().to_string()),
        key: Vec::new(),
        hash: Hash::Md5,
        full: 0,
        time: u64::from(data.time_signed()),
        fudge: data.fudge(),
        mac: data.mac_slice().to_vec(),
        id: data.original_id(),
        later: false,
    };
    let (key, algorithm) = (text(record.owner().to_string()), text(data.algorithm().to_string()));
    let (error, other) = (data.error().to_int(), data.other().to_vec());
    Some(Found { start, own, key, algorithm, error, other, extra: count > 1 })
}

/// Key and algorithm that a request names, known here or not: what the query log shows.
pub fn names(message: &[u8]) -> Option<(String, String)> {
    find(message).map(|found| (found.key, found.algorithm))
}

/// Is the clock within the fudge? Fractions count, so a fudge of 0 is met in the first instant of a second only.
fn in_time(own: &Own) -> bool {
    let now = jiff::Timestamp::now().as_nanosecond();
    let (signed, fudge) = (i128::from(own.time) * 1_000_000_000, i128::from(own.fudge) * 1_000_000_000);
    (signed - fudge..=signed + fudge).contains(&now)
}

/// The message as it was before its TSIG was added.
fn without(message: &[u8], start: usize, id: u16) -> Vec<u8> {
    let mut before = message.get(..start).unwrap_or_default().to_vec();
    if let Some([a, b, .., high, low]) = before.first_chunk_mut::<12>() {
        [*a, *b] = id.to_be_bytes();
        [*high, *low] = u16::from_be_bytes([*high, *low]).wrapping_sub(1).to_be_bytes();
    }
    before
}

/// Judges a request, in the product's order: key, length, MAC, time, truncation, more than one.
pub fn check(message: &[u8], keys: &[TsigKey]) -> Verdict {
    let Some(Found { start, mut own, key: name, algorithm, error, other, extra }) = find(message) else {
        return Verdict::Unsigned;
    };
    let refuse = |own: Own, error, signed| Verdict::Bad(NOTAUTH, Some(Box::new(Refusal { own, error, signed })));
    let stored = keys.iter().find(|key| key.name == name && key.algorithm_name() == algorithm);
    let (Some(stored), Some((hash, full))) = (stored, known(&algorithm)) else { return refuse(own, BADKEY, false) };
    (own.key, own.hash, own.full) = (stored.bytes(), hash, full);
    if own.mac.len() > full || own.mac.len() < (full / 2).max(10) {
        return Verdict::Bad(FORMERR, None);
    }
    if !own.of_request(&without(message, start, own.id), error, &other).starts_with(&own.mac) {
        return refuse(own, BADSIG, false);
    }
    if !in_time(&own) {
        return refuse(own, BADTIME, true);
    }
    if own.mac.len() < full {
        return refuse(own, BADTRUNC, true);
    }
    if extra {
        return Verdict::Bad(FORMERR, None);
    }
    let used = Used {
        name,
        unsigned: without(message, start, own.id),
        in_small_letters: !own.name.iter().any(u8::is_ascii_uppercase),
    };
    match by_library(message, stored, &algorithm, own.fudge) {
        Some(Ok(signer)) => Verdict::Good(used, Box::new(signer)),
        Some(Err(())) => refuse(own, BADSIG, false), // the library has the last word
        None => Verdict::Good(used, Box::new(Signer::Own(own))),
    }
}

/// Signs a request of this server's own, fudge 300. The second part reads the answer.
pub fn sign_request(message: Vec<u8>, key: &TsigKey) -> Option<(Vec<u8>, Own)> {
    let algorithm = key.algorithm_name();
    let (hash, full) = known(&algorithm)?;
    let wire = |name: &str| super::message::wire_name(name).as_slice().to_vec();
    let id = message.get(..2).and_then(|id| id.try_into().ok()).map(u16::from_be_bytes)?;
    let (time, later) = (unix_now(), false);
    let (name, algorithm, mac) = (wire(&key.name), wire(&algorithm), Vec::new());
    let mut own = Own { name, algorithm, key: key.bytes(), hash, full, time, fudge: 300, mac, id, later };
    own.mac = own.of_request(&message, 0, &[]);
    let mac = own.mac.clone();
    Some((own.append(message, time, 0, &mac, &[]), own))
}

/// Is this the answer to a request of `sign_request`, well signed and without an error in its TSIG?
pub fn answer_is_good(answer: &[u8], request: &Own) -> bool {
    let Some(Found { start, own, error, other, .. }) = find(answer) else { return false };
    let length = u16::try_from(request.mac.len()).unwrap_or(0).to_be_bytes();
    let keyed = Own { fudge: own.fudge, ..request.clone() };
    let before = without(answer, start, own.id);
    let input = [length.as_slice(), &request.mac, &before, &keyed.variables(own.time, error, &other)].concat();
    let mut mac = keyed.hash.mac(&keyed.key, &input);
    mac.truncate(keyed.full);
    error == 0 && mac == own.mac
}

/// The library's verdict; none for what it does not know.
fn by_library(message: &[u8], stored: &TsigKey, algorithm: &str, fudge: u16) -> Option<Result<Signer, ()>> {
    let algorithm = Algorithm::from_str(algorithm).ok()?;
    let name = KeyName::from_str(&stored.name).ok()?;
    let key = Key::new(algorithm, &stored.bytes(), name, None, None).ok()?;
    let mut message = Message::from_octets(message.to_vec()).ok()?;
    match ServerTransaction::request(&key, &mut message, Time48::now()) {
        Ok(Some(transaction)) => Some(Ok(Signer::Library(Box::new(transaction.into()), fudge))),
        _ => Some(Err(())),
    }
}
