//! RDATA from the parameters of `zones/records/add` and `delete`.

use super::api::ApiError;
use super::http::Call;
use super::names;
use super::rdata::{
    A, AAAA, ANAME, CAA, CNAME, DNAME, DS, FWD, HTTPS, MX, NAPTR, NS, PTR, RP, SRV, SSHFP, SVCB, TLSA, TXT, URI,
    name_to_wire,
};
use super::rdata_json::{
    DIGESTS, DNSSEC_ALGORITHMS, SSH_ALGORITHMS, SSH_FINGERPRINTS, SVC_PARAMS, TLSA_MATCHING, TLSA_SELECTORS,
    TLSA_USAGES,
};
use std::net::IpAddr;

const PROTOCOLS: [&str; 5] = ["Udp", "Tcp", "Tls", "Https", "Quic"];
const PROXIES: [&str; 4] = ["DefaultProxy", "NoProxy", "Http", "Socks5"];
const TOO_LARGE: &str = "Value was either too large or too small for a UInt16.";

fn either(call: &Call, name: &str) -> Result<String, ApiError> {
    call.get(name).or_else(|| call.get("value")).ok_or_else(|| ApiError::missing(name))
}

fn target(call: &Call, name: &str) -> Result<Vec<u8>, ApiError> {
    either(call, name).map(|text| name_to_wire(text.trim_matches('.')))
}

fn number(call: &Call, name: &str) -> Result<u16, ApiError> {
    u16::try_from(names::integer(&call.require(name)?)?).map_err(|_| ApiError::text(TOO_LARGE))
}

fn byte(call: &Call, name: &str) -> Result<u8, ApiError> {
    let large = |_| ApiError::text("Value was either too large or too small for an unsigned byte.");
    u8::try_from(names::integer(&call.require(name)?)?).map_err(large)
}

/// A word of an enum, in any case and with `-` for `_`, or its number.
fn word(call: &Call, name: &str, words: &[(&str, u16)]) -> Result<u8, ApiError> {
    let given = call.require(name)?.replace('-', "_");
    let found = words.iter().find(|(word, _)| word.eq_ignore_ascii_case(&given)).map(|(_, n)| *n);
    let found = found.and_then(|n| u8::try_from(n).ok()).or_else(|| given.parse().ok());
    found.ok_or_else(|| ApiError::text(format!("Requested value '{given}' was not found.")))
}

fn hex(text: &str) -> Result<Vec<u8>, ApiError> {
    let bad = || {
        ApiError::text(
            "The input is not a valid hex string as it contains a non-hex character, or is of odd length.".to_owned(),
        )
    };
    let pairs = text.as_bytes().chunks(2);
    let pair = |pair: &[u8]| {
        let text = std::str::from_utf8(pair).ok().filter(|text| text.len() == 2);
        text.and_then(|text| u8::from_str_radix(text, 16).ok()).ok_or_else(bad)
    };
    pairs.map(pair).collect()
}

fn string(text: &str) -> Vec<u8> {
    let text = text.as_bytes().get(..255).unwrap_or(text.as_bytes());
    [&[u8::try_from(text.len()).unwrap_or(255)], text].concat()
}

fn txt(call: &Call) -> Result<Vec<u8>, ApiError> {
    let text = either(call, "text")?;
    if call.flag("splitText")? {
        return Ok(text.split(['\r', '\n']).filter(|line| !line.is_empty()).flat_map(string).collect());
    }
    let part = |part: &[u8]| [&[u8::try_from(part.len()).unwrap_or(255)], part].concat();
    Ok(text.as_bytes().chunks(255).flat_map(part).collect())
}

fn svcb(call: &Call) -> Result<Vec<u8>, ApiError> {
    let mut out = number(call, "svcPriority")?.to_be_bytes().to_vec();
    out.extend(name_to_wire(call.require("svcTargetName")?.trim_matches('.')));
    let params = call.require("svcParams")?;
    if params.eq_ignore_ascii_case("false") {
        return Ok(out);
    }
    let cells: Vec<&str> = params.split('|').collect();
    let mut rows = Vec::new();
    for row in cells.chunks(2) {
        let [name, value] = row else { return Err(ApiError::text("Index was outside the bounds of the array.")) };
        let key = SVC_PARAMS.iter().find(|(word, _)| word.eq_ignore_ascii_case(name));
        let (_, key) = key.ok_or_else(|| ApiError::text(format!("Requested value '{name}' was not found.")))?;
        rows.push((*key, svc_value(*key, value)?));
    }
    rows.sort_by_key(|(key, _)| *key);
    for (key, value) in rows {
        let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
        out.extend([key.to_be_bytes().to_vec(), length.to_be_bytes().to_vec(), value].concat());
    }
    Ok(out)
}

fn svc_value(key: u16, text: &str) -> Result<Vec<u8>, ApiError> {
    let parts = text.split(',').map(str::trim);
    let address = |part: &str| match part.parse() {
        Ok(IpAddr::V4(v4)) => Ok(v4.octets().to_vec()),
        Ok(IpAddr::V6(v6)) => Ok(v6.octets().to_vec()),
        Err(_) => Err(ApiError::text("An invalid IP address was specified.")),
    };
    Ok(match key {
        1 => parts.flat_map(string).collect(),
        3 => u16::try_from(names::integer(text)?).map_err(|_| ApiError::text(TOO_LARGE))?.to_be_bytes().to_vec(),
        4 | 6 => parts.map(address).collect::<Result<Vec<_>, _>>()?.concat(),
        _ => text.as_bytes().to_vec(),
    })
}

/// A conditional forwarder, kept as text: it never goes out on the wire here.
pub fn forwarder(call: &Call) -> Result<Vec<u8>, ApiError> {
    let pick = |name: &str, words: &[&'static str]| {
        let given = call.get(name).unwrap_or_else(|| words.first().copied().unwrap_or_default().to_owned());
        let found = words.iter().find(|word| word.eq_ignore_ascii_case(&given)).copied();
        found.ok_or_else(|| ApiError::text(format!("Requested value '{given}' was not found.")))
    };
    let (protocol, target) = (pick("protocol", &PROTOCOLS)?, either(call, "forwarder")?);
    let checks = call.flag("dnssecValidation")?;
    let proxy = if target == "this-server" { "DefaultProxy" } else { pick("proxyType", &PROXIES)? };
    let priority = call.get("forwarderPriority").map_or(Ok(0), |_| byte(call, "forwarderPriority"))?;
    Ok(format!("{protocol}|{priority}|{checks}|{proxy}|{target}").into_bytes())
}

/// RDATA of a type.
pub fn from_form(rtype: u16, call: &Call) -> Result<Vec<u8>, ApiError> {
    let optional = |name: &str| call.get(name).unwrap_or_default();
    Ok(match rtype {
        A | AAAA => {
            let text = either(call, "ipAddress")?;
            let text = if text == "request-ip-address" { call.peer.to_string() } else { text };
            let address =
                names::address(&text).ok_or_else(|| ApiError::text("An invalid IP address was specified."))?;
            match (address, rtype) {
                (IpAddr::V4(v4), A) => v4.octets().to_vec(),
                (IpAddr::V6(v6), AAAA) => v6.octets().to_vec(),
                _ => return Err(ApiError::text(format!("Invalid IP address was specified: {text}"))),
            }
        }
        NS => target(call, "nameServer")?,
        CNAME => target(call, "cname")?,
        PTR => target(call, "ptrName")?,
        DNAME => target(call, "dname")?,
        ANAME => target(call, "aname")?,
        TXT => txt(call)?,
        MX => [number(call, "preference")?.to_be_bytes().to_vec(), target(call, "exchange")?].concat(),
        SRV => {
            let numbers = [number(call, "priority")?, number(call, "weight")?, number(call, "port")?];
            [numbers.iter().flat_map(|n| n.to_be_bytes()).collect(), target(call, "target")?].concat()
        }
        RP => [optional("mailbox").replacen('@', ".", 1), optional("txtDomain")]
            .iter()
            .flat_map(|name| name_to_wire(name.trim_matches('.')))
            .collect(),
        NAPTR => {
            let mut out = number(call, "naptrOrder")?.to_be_bytes().to_vec();
            out.extend(number(call, "naptrPreference")?.to_be_bytes());
            for name in ["naptrFlags", "naptrServices", "naptrRegexp"] {
                out.extend(string(&optional(name)));
            }
            out.extend(name_to_wire(optional("naptrReplacement").trim_matches('.')));
            out
        }
        DS => {
            let mut out = number(call, "keyTag")?.to_be_bytes().to_vec();
            out.push(word(call, "algorithm", &DNSSEC_ALGORITHMS)?);
            out.push(word(call, "digestType", &DIGESTS)?);
            out.extend(hex(&either(call, "digest")?)?);
            out
        }
        SSHFP => {
            let mut out = vec![word(call, "sshfpAlgorithm", &SSH_ALGORITHMS)?];
            out.push(word(call, "sshfpFingerprintType", &SSH_FINGERPRINTS)?);
            out.extend(hex(&call.require("sshfpFingerprint")?)?);
            out
        }
        TLSA => {
            let mut out = vec![word(call, "tlsaCertificateUsage", &TLSA_USAGES)?];
            out.push(word(call, "tlsaSelector", &TLSA_SELECTORS)?);
            out.push(word(call, "tlsaMatchingType", &TLSA_MATCHING)?);
            out.extend(hex(&call.require("tlsaCertificateAssociationData")?)?);
            out
        }
        SVCB | HTTPS => svcb(call)?,
        URI => {
            let numbers = [number(call, "uriPriority")?, number(call, "uriWeight")?];
            [numbers.iter().flat_map(|n| n.to_be_bytes()).collect(), call.require("uri")?.into_bytes()].concat()
        }
        CAA => {
            let (flags, tag, value) = (byte(call, "flags")?, call.require("tag")?, call.require("value")?);
            [vec![flags], string(&tag), value.into_bytes()].concat()
        }
        FWD => forwarder(call)?,
        _ => {
            let text = either(call, "rdata")?;
            hex(&text.replace(':', ""))?
        }
    })
}
