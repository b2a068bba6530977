//! RDATA: type numbers, the SOA's fields, times, names on the wire, and when two RDATA count as equal. How the API reads
//! and shows RDATA is in `rdata_form.rs` and `rdata_json.rs`.

use super::api::ApiError;
use domain::base::Name;
use serde_json::{Value, json};
use std::net::IpAddr;
use std::str::FromStr as _;

/// Type numbers used by name.
pub const A: u16 = 1;
/// NS
pub const NS: u16 = 2;
/// CNAME
pub const CNAME: u16 = 5;
/// SOA
pub const SOA: u16 = 6;
/// PTR
pub const PTR: u16 = 12;
/// MX
pub const MX: u16 = 15;
/// TXT
pub const TXT: u16 = 16;
/// RP
pub const RP: u16 = 17;
/// AAAA
pub const AAAA: u16 = 28;
/// SRV
pub const SRV: u16 = 33;
/// NAPTR
pub const NAPTR: u16 = 35;
/// DNAME
pub const DNAME: u16 = 39;
/// DS
pub const DS: u16 = 43;
/// SSHFP
pub const SSHFP: u16 = 44;
/// TLSA
pub const TLSA: u16 = 52;
/// SVCB
pub const SVCB: u16 = 64;
/// HTTPS
pub const HTTPS: u16 = 65;
/// URI
pub const URI: u16 = 256;
/// CAA
pub const CAA: u16 = 257;
/// The product's name for an apex alias.
pub const ANAME: u16 = 65280;
/// The product's conditional forwarder record.
pub const FWD: u16 = 65281;
/// The product's DNS app record.
pub const APP: u16 = 65282;

const UNITS: [(&str, u32); 5] = [("w", 604_800), ("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)];

/// The fields of an SOA record; times in seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Soa {
    /// Primary name server.
    pub mname: String,
    /// Mailbox as a domain name.
    pub rname: String,
    /// Serial.
    pub serial: u32,
    /// Refresh.
    pub refresh: u32,
    /// Retry.
    pub retry: u32,
    /// Expire: the upper limit of any TTL in the zone.
    pub expire: u32,
    /// Minimum.
    pub minimum: u32,
}

impl Default for Soa {
    fn default() -> Self {
        Self::new("", "")
    }
}

impl Soa {
    /// That of a new zone.
    pub fn new(server: &str, zone: &str) -> Self {
        let rname = format!("hostadmin.{zone}");
        Self { mname: server.to_owned(), rname, serial: 1, refresh: 900, retry: 300, expire: 604_800, minimum: 900 }
    }

    /// Reads RDATA.
    pub fn from_wire(data: &[u8]) -> Option<Self> {
        let (mname, rest) = read_name(data)?;
        let (rname, rest) = read_name(rest)?;
        let number = |at: usize| rest.get(at * 4..at * 4 + 4).and_then(|b| b.try_into().ok()).map(u32::from_be_bytes);
        let (serial, refresh, retry) = (number(0)?, number(1)?, number(2)?);
        Some(Self { mname, rname, serial, refresh, retry, expire: number(3)?, minimum: number(4)? })
    }

    /// Writes RDATA.
    pub fn to_wire(&self) -> Vec<u8> {
        let mut out = name_to_wire(&self.mname);
        out.extend(name_to_wire(&self.rname));
        for number in [self.serial, self.refresh, self.retry, self.expire, self.minimum] {
            out.extend(number.to_be_bytes());
        }
        out
    }

    /// As `records/get` shows it.
    pub fn to_json(&self) -> Value {
        let person = self.rname.replacen('.', "@", 1);
        json!({"primaryNameServer": self.mname, "responsiblePerson": person, "serial": self.serial,
               "refresh": self.refresh, "retry": self.retry, "expire": self.expire, "minimum": self.minimum,
               "refreshString": duration(self.refresh), "retryString": duration(self.retry),
               "expireString": duration(self.expire), "minimumString": duration(self.minimum)})
    }
}

/// `1d2h`, as `ttlString` has it.
pub fn duration(seconds: u32) -> String {
    let mut rest = seconds;
    let mut out = String::new();
    for (unit, size) in UNITS {
        if rest >= size {
            out.push_str(&format!("{}{unit}", rest / size));
            rest %= size;
        }
    }
    if out.is_empty() { "0s".to_owned() } else { out }
}

/// `300` or `1h30m` in seconds.
pub fn seconds(text: &str) -> Result<u32, ApiError> {
    let wrong = || ApiError::text(format!("The input string '{text}' was not in a correct format."));
    let (mut total, mut digits) = (0u64, String::new());
    for c in text.trim().chars() {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        let unit = UNITS.iter().find(|(unit, _)| unit.eq_ignore_ascii_case(&c.to_string())).ok_or_else(wrong)?;
        total = total.saturating_add(digits.parse::<u64>().map_err(|_| wrong())?.saturating_mul(u64::from(unit.1)));
        digits.clear();
    }
    if !digits.is_empty() {
        total = total.saturating_add(digits.parse::<u64>().map_err(|_| wrong())?);
    }
    u32::try_from(total).map_err(|_| ApiError::text("Value was either too large or too small for a UInt32."))
}

/// A name without final dot to wire form; what is no name becomes the root.
pub fn name_to_wire(name: &str) -> Vec<u8> {
    Name::<Vec<u8>>::from_str(name).map_or_else(|_| vec![0], |name| name.as_slice().to_vec())
}

/// Reads an uncompressed name, without final dot, and what follows it.
pub fn read_name(data: &[u8]) -> Option<(String, &[u8])> {
    let mut at = 0;
    loop {
        let length = usize::from(*data.get(at)?);
        at += length + 1;
        if length == 0 {
            let name = Name::from_octets(data.get(..at)?).ok()?;
            return Some((name.to_string().trim_end_matches('.').to_owned(), data.get(at..)?));
        }
    }
}

/// The address in A or AAAA data.
pub fn address(data: &[u8]) -> Option<IpAddr> {
    match data.len() {
        4 => <[u8; 4]>::try_from(data).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(data).ok().map(IpAddr::from),
        _ => None,
    }
}

/// Do two RDATA count as equal? Names in them in any case.
pub fn same(rtype: u16, a: &[u8], b: &[u8]) -> bool {
    match rtype {
        NS | CNAME | SOA | PTR | MX | RP | SRV | NAPTR | DNAME | ANAME => a.eq_ignore_ascii_case(b),
        _ => a == b,
    }
}

/// Types whose data cannot be empty: a record of them without data breaks 13.6's listing.
pub fn needs_data(rtype: u16) -> bool {
    matches!(rtype, A | NS | CNAME | SOA | PTR | MX | TXT | AAAA | SRV | DNAME | DS | CAA)
}
