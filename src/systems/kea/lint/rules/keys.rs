//! What is wrong with the TSIG keys of a D2 document. No finding ever shows a secret.

use crate::systems::kea::Version;
use crate::systems::kea::lint::against::{Checked, Named, base64};
use crate::systems::kea::lint::report::{Path, Report};
use crate::systems::kea::text::{Node, Value};
use std::collections::HashMap;

/// Kea's algorithms with half of their length in bits: the shortest digest it takes (RFC 8945 §5.2.2.1).
const ALGORITHMS: [(&str, i64); 6] = [
    ("HMAC-MD5", 80),
    ("HMAC-SHA1", 80),
    ("HMAC-SHA224", 112),
    ("HMAC-SHA256", 128),
    ("HMAC-SHA384", 192),
    ("HMAC-SHA512", 256),
];
/// A secret shorter than this many bytes can be guessed from one captured update.
const SHORT_SECRET: usize = 16;

pub(super) fn check(report: &mut Report<'_>, d2: &Node, against: &Checked<'_>, path: &Path<'_>) {
    let list = d2.get("tsig-keys").map(Node::items).unwrap_or_default();
    let path = path.name("tsig-keys");
    let mut seen: HashMap<String, &str> = HashMap::new();
    for (index, node) in list.iter().enumerate() {
        if !matches!(node.value, Value::Map(_)) || node.members().is_empty() {
            continue;
        }
        let path = path.item(index);
        key(report, node, against, &path);
        let Some(name) = node.text_of("name") else { continue };
        let span = node.get("name").map_or(node.span, |it| it.span);
        let same = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        match seen.get(&same) {
            Some(first) if *first == name => {
                let fact = format!("the daemon refuses the file: key `{name}` is defined twice");
                report.error("key-twice", span, &path, fact, "keep one of them");
            }
            Some(first) => {
                let fact = format!("`{first}` and `{name}` are the same name for a DNS server, but two keys here");
                let fix = "keep one; for a change of secret use a new name";
                report.error("key-same-name", span, &path, fact, fix);
            }
            None => {
                seen.insert(same, name);
            }
        }
    }
}

/// In the daemon's order: missing members, the algorithm with its digest, then name and secret together.
fn key(report: &mut Report<'_>, node: &Node, against: &Checked<'_>, path: &Path<'_>) {
    for member in ["name", "algorithm"] {
        if node.get(member).is_none() {
            missing(report, node, member, path);
        }
    }
    match (node.get("secret"), node.get("secret-file")) {
        (None, Some(file)) if against.version >= Version(2, 5, 8) => secret_file(report, node, file, against, path),
        (None, None) => missing(report, node, "secret", path),
        _ => {}
    }
    algorithm(report, node, path);
    name(report, node, path);
    if let Some(secret) = node.get("secret") {
        self::secret(report, node, secret, against, path);
    }
}

fn missing(report: &mut Report<'_>, key: &Node, member: &str, path: &Path<'_>) {
    let fact = format!("the daemon refuses the file: a key has no `{member}`");
    report.error("key-incomplete", key.span, path, fact, &format!("add `{member}`"));
}

fn name(report: &mut Report<'_>, node: &Node, path: &Path<'_>) {
    let Some(text) = node.text_of("name").filter(|it| !it.is_empty()) else { return };
    if !is_dns_name(text) || text.contains(':') {
        let fact = format!("the daemon refuses the file: `{text}` can't be the name of a key");
        let fix = "letters, digits and `-` in labels of 1 to 63 characters";
        report.error("key-name", node.span, path, fact, fix);
    }
}

/// A name as Kea's DNS library reads it (RFC 1035 §5.1): `\.`, `\065`, and `@` for the root.
fn is_dns_name(text: &str) -> bool {
    if matches!(text, "." | "@") {
        return true;
    }
    let mut bytes = text.bytes();
    let (mut label, mut whole, mut first) = (0, 1, true);
    while let Some(byte) = bytes.next() {
        match byte {
            b'.' if label == 0 => return false,
            b'.' => label = 0,
            b'\\' => match bytes.next() {
                None => return false,
                Some(b'[') if label == 0 => return false,
                Some(digit @ b'0'..=b'9') => {
                    let rest = [bytes.next(), bytes.next()].map(|it| it.filter(u8::is_ascii_digit));
                    let [Some(tens), Some(ones)] = rest else { return false };
                    let value = [digit, tens, ones].iter().fold(0u16, |sum, it| sum * 10 + u16::from(it - b'0'));
                    if value > 255 {
                        return false;
                    }
                    label += 1;
                }
                Some(_) => label += 1,
            },
            _ => label += 1,
        }
        // One byte of the wire for each character, one more for the length of each label.
        whole += 1 + usize::from(first && byte != b'.');
        first = byte == b'.';
        if label > 63 || whole > 255 {
            return false;
        }
    }
    true
}

fn algorithm(report: &mut Report<'_>, node: &Node, path: &Path<'_>) {
    let Some(value) = node.get("algorithm") else { return };
    let Some(text) = value.text().filter(|it| !it.is_empty()) else { return };
    let Some((known, least)) = ALGORITHMS.iter().find(|it| it.0.eq_ignore_ascii_case(text)) else {
        let fact = format!("the daemon refuses the file: it does not know the algorithm `{text}`");
        let fix = "write HMAC-SHA256 (or HMAC-SHA384, HMAC-SHA512), with the dash and without a final dot";
        return report.error("algorithm", value.span, &path.name("algorithm"), fact, fix);
    };
    if ["HMAC-MD5", "HMAC-SHA1", "HMAC-SHA224"].contains(known) {
        let fact = match *known {
            "HMAC-SHA224" => "some servers accept the key and then answer BADKEY to every update signed with it".into(),
            known => format!("{known} is obsolete"),
        };
        let fix = "make a new key with HMAC-SHA256: pfddns tsig rotate";
        report.warn("old-algorithm", value.span, &path.name("algorithm"), fact, fix);
    }
    let Some(bits) = node.get("digest-bits") else { return };
    match bits.int() {
        Some(number) if number > 0 && number % 8 == 0 && number < *least => {
            let fact = format!("the daemon refuses the file: {number} bits are too few for {known}");
            let fix = "leave `digest-bits` out: full length";
            report.error("digest-bits", bits.span, &path.name("digest-bits"), fact, fix);
        }
        Some(number) if number >= *least => {
            let fact = "servers that require the full length answer BADTRUNC to a shortened signature".into();
            let fix = "leave `digest-bits` out: full length";
            report.warn("digest-bits-set", bits.span, &path.name("digest-bits"), fact, fix);
        }
        _ => {}
    }
}

fn secret(report: &mut Report<'_>, key: &Node, node: &Node, against: &Checked<'_>, path: &Path<'_>) {
    let Some(text) = node.text().filter(|it| !it.is_empty()) else { return };
    let apart = against.version < Version(2, 6, 0) && is_padding_apart(text);
    match base64(text).filter(|_| !apart) {
        None => {
            let fact = "the daemon refuses the file: the secret of this key is not base64 with its padding".into();
            let fix = "copy the whole value with its `=`; a plain password must be encoded first";
            report.error("secret-base64", key.span, path, fact, fix);
        }
        Some(bytes) if bytes.len() < SHORT_SECRET => {
            let fact = format!("a secret of {} bytes can be found by trying all values", bytes.len());
            report.warn("secret-short", node.span, &path.name("secret"), fact, "make a new key: pfddns tsig rotate");
        }
        Some(_) => {}
    }
}

/// Older daemons require the `=` at the end of a secret without blanks between.
fn is_padding_apart(text: &str) -> bool {
    let end = text.trim_ascii_end().trim_end_matches('=');
    end.len() < text.trim_ascii_end().len() && end.trim_ascii_end().ends_with('=')
}

fn secret_file(report: &mut Report<'_>, key: &Node, node: &Node, against: &Checked<'_>, path: &Path<'_>) {
    let Some(file) = node.text().filter(|it| !it.is_empty()) else { return };
    let path = path.name("secret-file");
    let wrong = match (against.look)(file) {
        Named::Missing => Some("does not exist"),
        Named::NotAFile => Some("is not a file"),
        Named::Empty => Some("is empty"),
        Named::NoSecret => {
            let fact = format!("the daemon refuses the file: the content of {file} is not base64");
            return report.error("secret-base64", key.span, &path, fact, "write the secret in base64 into that file");
        }
        Named::File(mode) => {
            if mode & 0o007 != 0 {
                let fact = format!("{file} can be read or written by everybody (mode {mode:04o})");
                report.warn("secret-file-mode", node.span, &path, fact, &format!("chmod 0640 {file}"));
            }
            None
        }
        Named::Unknown => None,
    };
    if let Some(wrong) = wrong {
        let fact = format!("the daemon refuses the file: {file} {wrong}");
        report.error("secret-file", node.span, &path, fact, "write the absolute path of a file with the base64 secret");
    } else if !file.starts_with('/') {
        let fact = "a relative path is looked up in the daemon's current working directory, which can change".into();
        report.warn("secret-file-relative", node.span, &path, fact, "write an absolute path");
    }
}
