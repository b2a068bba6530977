//! Domain names as the product checks them, record type names, and .NET's way of reading enums, numbers and booleans.

use super::api::ApiError;
use super::state::Version;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const TYPES: &[(&str, u16)] = &[
    ("Unknown", 0),
    ("A", 1),
    ("NS", 2),
    ("MD", 3),
    ("MF", 4),
    ("CNAME", 5),
    ("SOA", 6),
    ("MB", 7),
    ("MG", 8),
    ("MR", 9),
    ("NULL", 10),
    ("WKS", 11),
    ("PTR", 12),
    ("HINFO", 13),
    ("MINFO", 14),
    ("MX", 15),
    ("TXT", 16),
    ("RP", 17),
    ("AFSDB", 18),
    ("X25", 19),
    ("ISDN", 20),
    ("RT", 21),
    ("NSAP", 22),
    ("NSAP_PTR", 23),
    ("SIG", 24),
    ("KEY", 25),
    ("PX", 26),
    ("GPOS", 27),
    ("AAAA", 28),
    ("LOC", 29),
    ("NXT", 30),
    ("EID", 31),
    ("NIMLOC", 32),
    ("SRV", 33),
    ("ATMA", 34),
    ("NAPTR", 35),
    ("KX", 36),
    ("CERT", 37),
    ("A6", 38),
    ("DNAME", 39),
    ("SINK", 40),
    ("OPT", 41),
    ("APL", 42),
    ("DS", 43),
    ("SSHFP", 44),
    ("IPSECKEY", 45),
    ("RRSIG", 46),
    ("NSEC", 47),
    ("DNSKEY", 48),
    ("DHCID", 49),
    ("NSEC3", 50),
    ("NSEC3PARAM", 51),
    ("TLSA", 52),
    ("SMIMEA", 53),
    ("HIP", 55),
    ("NINFO", 56),
    ("RKEY", 57),
    ("TALINK", 58),
    ("CDS", 59),
    ("CDNSKEY", 60),
    ("OPENPGPKEY", 61),
    ("CSYNC", 62),
    ("ZONEMD", 63),
    ("SVCB", 64),
    ("HTTPS", 65),
    ("SPF", 99),
    ("UINFO", 100),
    ("UID", 101),
    ("GID", 102),
    ("UNSPEC", 103),
    ("NID", 104),
    ("L32", 105),
    ("L64", 106),
    ("LP", 107),
    ("EUI48", 108),
    ("EUI64", 109),
    ("TKEY", 249),
    ("TSIG", 250),
    ("IXFR", 251),
    ("AXFR", 252),
    ("MAILB", 253),
    ("MAILA", 254),
    ("ANY", 255),
    ("URI", 256),
    ("CAA", 257),
    ("AVC", 258),
    ("TA", 32768),
    ("DLV", 32769),
    ("ANAME", 65280),
    ("FWD", 65281),
    ("APP", 65282),
    ("ALIAS", 65283),
];

/// `PTR` for 12, the number itself for a type without a name.
pub fn type_name(rtype: u16) -> String {
    TYPES.iter().find(|(_, n)| *n == rtype).map_or_else(|| rtype.to_string(), |(name, _)| (*name).to_owned())
}

/// A record type by name in any case, or by number.
pub fn type_number(text: &str) -> Result<u16, ApiError> {
    let text = text.trim();
    if let Ok(number) = text.parse::<i128>() {
        return u16::try_from(number)
            .map_err(|_| ApiError::text("Value was either too large or too small for a UInt16."));
    }
    let found = TYPES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
    found.map(|(_, n)| *n).ok_or_else(|| ApiError::text(format!("Requested value '{text}' was not found.")))
}

/// .NET's `Enum.TryParse` for a byte: a number (defined or not), or names in any case, joined by commas.
pub fn enum_value(words: &[&str], text: &str) -> Option<u8> {
    if let Ok(number) = text.trim().parse::<i64>() {
        return u8::try_from(number).ok();
    }
    let position = |word: &str| words.iter().position(|w| w.eq_ignore_ascii_case(word.trim()));
    text.split(',').try_fold(0u8, |all, word| Some(all | u8::try_from(position(word)?).ok()?))
}

/// The word of an enum's value, or its number.
pub fn enum_word(words: &[&str], value: u8) -> String {
    words.get(usize::from(value)).map_or_else(|| value.to_string(), |word| (*word).to_owned())
}

/// .NET's `bool.Parse`.
pub fn boolean(text: &str) -> Result<bool, ApiError> {
    match text.trim() {
        t if t.eq_ignore_ascii_case("true") => Ok(true),
        t if t.eq_ignore_ascii_case("false") => Ok(false),
        _ => Err(ApiError::text(format!("String '{text}' was not recognized as a valid Boolean."))),
    }
}

/// .NET's `int.Parse`.
pub fn integer(text: &str) -> Result<i64, ApiError> {
    text.trim().parse().map_err(|_| ApiError::text(format!("The input string '{text}' was not in a correct format.")))
}

/// .NET's `IPAddress.Parse`: IPv4 also in fewer parts, in octal and hex; IPv6 also in brackets or with a scope.
pub fn address(text: &str) -> Option<IpAddr> {
    if text.contains(':') {
        let inner = text.strip_prefix('[').and_then(|rest| rest.split_once(']')).map_or(text, |(inner, _)| inner);
        let inner = inner.split_once('%').map_or(inner, |(address, _)| address);
        return inner.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    }
    let number = |part: &str| match part.strip_prefix("0x").or_else(|| part.strip_prefix("0X")) {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None if part.len() > 1 && part.starts_with('0') => u32::from_str_radix(part, 8).ok(),
        None => part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse().ok()).flatten(),
    };
    let parts = text.split('.').map(number).collect::<Option<Vec<u32>>>()?;
    let (last, first) = parts.split_last()?;
    let room = 4usize.checked_sub(first.len())?;
    let fits = room > 0 && first.iter().all(|n| *n < 256) && u64::from(*last) < 1u64 << (8 * room);
    let head = first.iter().enumerate().map(|(at, n)| n << (24 - 8 * at)).sum::<u32>();
    fits.then(|| IpAddr::V4(Ipv4Addr::from_bits(head | last)))
}

/// Non-ASCII names become A-labels, as everywhere in the product.
pub fn ascii(name: &str) -> String {
    if name.is_ascii() {
        return name.to_owned();
    }
    idna::domain_to_ascii(name).unwrap_or_else(|_| name.to_owned())
}

/// `nameIdn`: what a name with A-labels stands for.
pub fn unicode(name: &str) -> Option<String> {
    let has = name.to_ascii_lowercase().split('.').any(|label| label.starts_with("xn--"));
    has.then(|| idna::domain_to_unicode(name).0)
}

/// The check of every domain name that enters through the API, with the product's messages.
pub fn check(version: Version, name: &str) -> Result<(), ApiError> {
    let bad = |why: String| Err(ApiError::text(format!("Invalid domain name [{name}]: {why}")));
    if name.is_empty() {
        return Ok(());
    }
    if name.len() > 255 {
        return bad("length cannot exceed 255 bytes.".into());
    }
    let mut labels: Vec<&str> = name.split('.').collect();
    if version >= Version::V15_2 {
        labels.reverse(); // 15.2 looks from the right
    }
    match labels.into_iter().find_map(fault) {
        Some(why) => bad(why),
        None => Ok(()),
    }
}

fn fault(label: &str) -> Option<String> {
    if label.is_empty() {
        Some("label length cannot be 0 byte.".into())
    } else if label.len() > 63 {
        Some("label length cannot exceed 63 bytes.".into())
    } else if label.starts_with('-') {
        Some("label cannot start with hyphen.".into())
    } else if label.ends_with('-') {
        Some("label cannot end with hyphen.".into())
    } else if label == "*" {
        None
    } else {
        let good = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '/');
        label.chars().find(|c| !good(c)).map(|c| format!("invalid character [{}] was found.", u32::from(c)))
    }
}

/// Is `name` the zone or below it? Both without final dot, any case.
pub fn within(name: &str, zone: &str) -> bool {
    let (name, zone) = (name.to_ascii_lowercase(), zone.to_ascii_lowercase());
    zone.is_empty() || name == zone || name.strip_suffix(&zone).is_some_and(|rest| rest.ends_with('.'))
}
