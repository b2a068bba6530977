//! The D2 document (`kea-dhcp-ddns.conf`) from values. Only members that 2.2, 2.4, 2.6 and 3.0 all understand are
//! written: `control-socket`, `output_options`, inline secrets. `installed` reads a document, `routes` finds a domain in it.

use crate::error::{Error, Result};
use crate::model::{Algorithm, KeyName, KeyRef, ZoneName};
use crate::secret::Secret;
use crate::systems::kea::text::quoted;
use std::fmt::Write as _;
use std::net::SocketAddr;
use zeroize::Zeroizing;

pub mod installed;
pub mod routes;

pub use installed::Installed;

/// Where D2 listens by default.
pub const LISTEN: ([u8; 4], u16) = ([127, 0, 0, 1], 53001);
/// Wait for a DNS server in milliseconds: 2.2's own 100 ms turns a slow server into lost updates.
pub const TIMEOUT_MS: u32 = 1000;

/// Everything in a D2 document except the secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct D2Spec {
    /// Address and port for name change requests.
    pub listen: SocketAddr,
    /// Path of the control socket. From 2.6 on its folder has to be the compiled-in one.
    pub socket: String,
    /// Wait for one answer of a DNS server, in milliseconds.
    pub timeout_ms: u32,
    /// The key that signs, unless a domain names its own; none for unsigned updates (a bypass).
    pub key: Option<KeyName>,
    /// Domains, forward and reverse, in the order they will have.
    pub domains: Vec<D2Domain>,
    /// Where D2 logs; its own default if none.
    pub log: Option<D2Log>,
}

/// One DDNS domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct D2Domain {
    /// Name of the zone on the servers.
    pub zone: ZoneName,
    /// True for PTR records.
    pub reverse: bool,
    /// Servers, tried in this order.
    pub servers: Vec<SocketAddr>,
    /// Its own key, or the document's.
    pub key: Option<KeyName>,
}

/// A logger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct D2Log {
    /// `stdout`, `stderr`, `syslog`, `syslog:NAME` or a file. From 2.6 on a file must be in the compiled-in folder.
    pub output: String,
    /// `INFO`, `WARN`, `DEBUG` …
    pub severity: String,
    /// 0 to 99, for `DEBUG`. From 50 on D2 names TSIG errors.
    pub debug_level: u8,
}

impl D2Spec {
    /// A spec with the usual address and timeout and without domains.
    pub fn new(socket: impl Into<String>, key: Option<KeyName>) -> Self {
        let socket = socket.into();
        Self { listen: LISTEN.into(), socket, timeout_ms: TIMEOUT_MS, key, domains: Vec::new(), log: None }
    }
}

/// A key name as the document spells it, in `tsig-keys` and in every `key-name`: D2 compares them letter by letter.
pub fn spelled(key: &KeyName) -> &str {
    key.without_dot()
}

/// Kea's spelling of an algorithm: `HMAC-SHA256`.
pub fn algorithm(it: Algorithm) -> String {
    it.name().to_ascii_uppercase()
}

/// The whole document, ready to install. It contains the secrets.
/// Errors: a domain without servers (it would abort the daemon), a key that is used and not among `keys`, a key twice.
pub fn render(spec: &D2Spec, keys: &[(&KeyRef, &Secret)]) -> Result<Zeroizing<String>> {
    complete(spec, keys)?;
    let mut out = Zeroizing::new(String::with_capacity(room(spec, keys)));
    // Writing to a String can't fail.
    let _ = write_document(&mut out, spec, keys);
    Ok(out)
}

/// Bytes that are always enough: a buffer that moved would leave a copy of the secrets in memory.
fn room(spec: &D2Spec, keys: &[(&KeyRef, &Secret)]) -> usize {
    let key = |(key, secret): &(&KeyRef, &Secret)| 128 + key.name.as_str().len() + secret.expose().len();
    let own = |it: &Option<KeyName>| it.as_ref().map_or(0, |it| it.as_str().len());
    let domain = |it: &D2Domain| 72 + it.zone.as_str().len() + own(&it.key).max(own(&spec.key)) + it.servers.len() * 88;
    let log = spec.log.as_ref().map_or(0, |it| (it.output.len() + it.severity.len()) * 6);
    let lists = keys.iter().map(key).sum::<usize>() + spec.domains.iter().map(domain).sum::<usize>();
    2048 + spec.socket.len() * 6 + log + lists
}

fn complete(spec: &D2Spec, keys: &[(&KeyRef, &Secret)]) -> Result<()> {
    for domain in &spec.domains {
        if domain.servers.is_empty() {
            return Err(Error::usage(format!("domain {} has no DNS server", domain.zone))
                .hint("name at least one server for it: D2 aborts on a domain without a server"));
        }
        let Some(name) = domain.key.as_ref().or(spec.key.as_ref()) else { continue };
        if !keys.iter().any(|(key, _)| &key.name == name) {
            return Err(Error::usage(format!(
                "domain {} is signed with key {name}, which is not among the keys",
                domain.zone
            )));
        }
    }
    for (index, (key, _)) in keys.iter().enumerate() {
        if keys.iter().take(index).any(|(other, _)| other.name == key.name) {
            return Err(Error::usage(format!("key {} is given twice", key.name)));
        }
    }
    Ok(())
}

fn write_document(out: &mut String, spec: &D2Spec, keys: &[(&KeyRef, &Secret)]) -> std::fmt::Result {
    let (address, port, timeout) = (spec.listen.ip(), spec.listen.port(), spec.timeout_ms);
    let marker = quoted(spec.key.as_ref().map_or("", spelled));
    out.push_str("# Written by pfddns. Changes made here by hand are overwritten; `pfddns kea render` shows what would change.\n");
    out.push_str("{ \"DhcpDdns\": {\n");
    writeln!(out, "  \"user-context\": {{ \"pfddns\": {{ \"format\": 1, \"key\": {marker} }} }},")?;
    writeln!(out, "  \"ip-address\": \"{address}\",\n  \"port\": {port},\n  \"dns-server-timeout\": {timeout},")?;
    let socket = quoted(&spec.socket);
    writeln!(out, "  \"control-socket\": {{ \"socket-type\": \"unix\", \"socket-name\": {socket} }},")?;
    out.push_str("  \"tsig-keys\": [");
    for (index, (key, secret)) in keys.iter().enumerate() {
        let (name, algorithm) = (quoted(spelled(&key.name)), algorithm(key.algorithm));
        let comma = if index > 0 { "," } else { "" };
        write!(out, "{comma}\n    {{ \"name\": {name}, \"algorithm\": \"{algorithm}\", \"secret\": ")?;
        quote_into(out, secret.expose());
        out.push_str(" }");
    }
    out.push_str("\n  ],\n");
    write_domains(out, spec, "forward-ddns", false)?;
    out.push_str(",\n");
    write_domains(out, spec, "reverse-ddns", true)?;
    if let Some(log) = &spec.log {
        let (output, severity) = (quoted(&log.output), quoted(&log.severity));
        write!(out, ",\n  \"loggers\": [\n    {{ \"name\": \"kea-dhcp-ddns\", \"severity\": {severity}, ")?;
        write!(out, "\"debuglevel\": {}, \"output_options\": [ {{ \"output\": {output} }} ] }}\n  ]", log.debug_level)?;
    }
    out.push_str("\n} }\n");
    Ok(())
}

/// A base64 text in quotes, without a copy of it: base64 characters need no escape, all others are dropped.
fn quote_into(out: &mut String, secret: &str) {
    out.push('"');
    out.extend(secret.chars().filter(|char| char.is_ascii_alphanumeric() || matches!(char, '+' | '/' | '=')));
    out.push('"');
}

fn write_domains(out: &mut String, spec: &D2Spec, member: &str, reverse: bool) -> std::fmt::Result {
    let mut any = false;
    write!(out, "  \"{member}\": {{")?;
    for domain in spec.domains.iter().filter(|it| it.reverse == reverse) {
        out.push_str(if any { ",\n" } else { " \"ddns-domains\": [\n" });
        any = true;
        let key = domain.key.as_ref().or(spec.key.as_ref()).map_or("", spelled);
        write!(out, "    {{ \"name\": \"{}\", \"key-name\": \"{key}\", \"dns-servers\": [", domain.zone)?;
        for (index, server) in domain.servers.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            write!(out, "{comma} {{ \"ip-address\": \"{}\", \"port\": {} }}", server.ip(), server.port())?;
        }
        out.push_str(" ] }");
    }
    out.push_str(if any { "\n  ] }" } else { "}" });
    Ok(())
}

#[cfg(test)]
mod tests;
