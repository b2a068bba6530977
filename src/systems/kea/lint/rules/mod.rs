//! The meaning of a D2 document: keys, domains, servers, sockets, and settings that lose updates. `-t` finds some mistakes,
//! aborts on one (a domain without servers), and accepts the rest.

use super::against::Checked;
use super::report::{Path, Report};
use crate::systems::kea::Version;
use crate::systems::kea::text::{Node, Value};
use sockets::ip;
use std::collections::HashMap;

mod keys;
mod paths;
pub(super) mod sockets;

/// Below this, a slow server costs updates.
const GOOD_TIMEOUT: i64 = 500;

/// Keys by their spelling.
type Keys<'a> = HashMap<&'a str, &'a Node>;

pub(super) fn check(report: &mut Report<'_>, d2: &Node, against: &Checked<'_>) {
    let root = Path::root();
    let path = root.name("DhcpDdns");
    // In the daemon's order, so that the first error is the one it stops at.
    paths::logs(report, d2, against, &path);
    keys::check(report, d2, against, &path);
    let keys = d2.get("tsig-keys").map(Node::items).unwrap_or_default();
    let keys: Keys<'_> = keys.iter().filter_map(|key| Some((key.text_of("name")?, key))).collect();
    // An include that was not opened may define anything.
    let complete = report.document.includes().is_empty();
    for member in ["forward-ddns", "reverse-ddns"] {
        let below = path.name(member);
        let Some(list) = d2.get(member).and_then(|it| it.get("ddns-domains")) else { continue };
        domains(report, list, complete.then_some(&keys), &below.name("ddns-domains"), member == "reverse-ddns");
    }
    listen(report, d2, against, &path);
    protocol_and_timeout(report, d2, against, &path);
    sockets::check(report, d2, against, &path);
    paths::hooks(report, d2, against, &path);
    one_sided(report, d2, &path);
}

fn listen(report: &mut Report<'_>, d2: &Node, against: &Checked<'_>, path: &Path<'_>) {
    let Some(node) = d2.get("ip-address") else { return };
    let (Some(text), path) = (node.text(), path.name("ip-address")) else { return };
    let fix = "write 127.0.0.1: requests carry no authentication";
    match ip(text) {
        None => {
            report.error("bad-address", node.span, &path, "the daemon refuses the file: not an address".into(), fix)
        }
        Some(ip) if ip.is_unspecified() && against.version < Version(2, 4, 0) => {
            let fact = "the daemon refuses the file: it can't listen on all addresses".into();
            report.error("listen-everywhere", node.span, &path, fact, fix);
        }
        Some(ip) if !ip.is_loopback() => {
            let fact = "anyone who can reach this address can write names: requests are not signed".into();
            report.warn("listen-open", node.span, &path, fact, fix);
        }
        Some(_) => {}
    }
}

fn protocol_and_timeout(report: &mut Report<'_>, d2: &Node, against: &Checked<'_>, path: &Path<'_>) {
    if let Some(node) = d2.get("ncr-protocol").filter(|it| it.text().is_some_and(|it| it.eq_ignore_ascii_case("tcp"))) {
        let fact = "the daemon refuses the file: requests by TCP are not supported".into();
        report.error("ncr-protocol", node.span, &path.name("ncr-protocol"), fact, "write UDP, or leave it out");
    }
    let fix = "write \"dns-server-timeout\": 1000";
    let lost = "ms for an answer, three tries: if a server is slower for a moment, updates are lost for good";
    match d2.get("dns-server-timeout") {
        Some(node) => {
            let path = path.name("dns-server-timeout");
            if let Some(ms) = node.int().filter(|ms| (1..GOOD_TIMEOUT).contains(ms)) {
                report.warn("short-timeout", node.span, &path, format!("{ms} {lost}"), fix);
            } else if node.int().is_some_and(|it| it > i64::from(u32::MAX)) {
                report.error("out-of-range", node.span, &path, "the daemon refuses this number".into(), fix);
            }
        }
        None if against.version < Version(2, 3, 4) && d2.get("forward-ddns").is_some() => {
            let fact = format!("this version waits 100 {lost}");
            report.warn("short-timeout", d2.span, path, fact, fix);
        }
        None => {}
    }
}

fn domains(report: &mut Report<'_>, list: &Node, keys: Option<&Keys<'_>>, path: &Path<'_>, reverse: bool) {
    let mut seen: HashMap<String, (&str, String)> = HashMap::new();
    for (index, node) in list.items().iter().enumerate() {
        let path = path.item(index);
        if !matches!(node.value, Value::Map(_)) || node.members().is_empty() {
            continue;
        }
        domain(report, node, keys, &path);
        let Some(name) = node.get("name") else { continue };
        let text = name.text().unwrap_or_default();
        domain_name(report, name, reverse, &path.name("name"));
        let same = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        match seen.get(&same) {
            Some((first, place)) if *first == text => {
                let fact = format!("the daemon refuses the file: domain {text} is already given at {place}");
                report.error("domain-twice", name.span, &path.name("name"), fact, "keep one of them");
            }
            Some((_, place)) => {
                let fact = format!("{text} is the same domain as the one at {place}: only one of them is used");
                report.error("domain-twice", name.span, &path.name("name"), fact, "keep one of them");
            }
            None => {
                seen.insert(same, (text, report.document.place(name.span)));
            }
        }
    }
}

fn domain(report: &mut Report<'_>, node: &Node, keys: Option<&Keys<'_>>, path: &Path<'_>) {
    if node.get("name").is_none() {
        report.error(
            "no-name",
            node.span,
            path,
            "the daemon refuses the file: a domain has no `name`".into(),
            "name it",
        );
    }
    let key = node.get("key-name");
    let servers = node.get("dns-servers").map(Node::items).unwrap_or_default();
    let own = |it: &Node| it.text_of("key-name").is_some_and(|it| !it.is_empty());
    let fix = "write \"dns-servers\": [ { \"ip-address\": \"…\" } ], or remove the domain";
    match node.get("dns-servers") {
        None if keys.is_some() => {
            let fact = "the daemon aborts on a domain without `dns-servers`, a running one too".into();
            report.error("no-dns-servers", node.span, path, fact, fix);
        }
        _ => {}
    }
    let mut told = false;
    for (index, server) in servers.iter().enumerate() {
        if let Some(key) = key.filter(|_| !own(server) && !std::mem::replace(&mut told, true)) {
            key_name(report, key, keys, &path.name("key-name"));
        }
        let below = path.name("dns-servers");
        self::server(report, server, key, keys, &below.item(index));
    }
}

fn server(report: &mut Report<'_>, node: &Node, domain_key: Option<&Node>, keys: Option<&Keys<'_>>, path: &Path<'_>) {
    if let Some(own) = node.get("key-name") {
        server_key(report, own, domain_key, keys, &path.name("key-name"));
    }
    match node.get("ip-address") {
        Some(address) => {
            if address.text() == Some("") {
                let fact = "the daemon refuses the file: a server without address".into();
                report.error("no-address", node.span, path, fact, "write its address");
            } else if address.text().is_some_and(|it| ip(it).is_none()) {
                let fact = "the daemon refuses the file: not an IP address".into();
                report.error(
                    "bad-address",
                    address.span,
                    &path.name("ip-address"),
                    fact,
                    "write an address, not a name",
                );
            }
        }
        None if !node.members().is_empty() => {
            let fact = "the daemon refuses the file: a server needs `ip-address`".into();
            report.error("no-address", node.span, path, fact, "write its address");
        }
        None => {}
    }
}

fn server_key(
    report: &mut Report<'_>,
    own: &Node,
    domain_key: Option<&Node>,
    keys: Option<&Keys<'_>>,
    path: &Path<'_>,
) {
    key_name(report, own, keys, path);
    let of_domain = domain_key.and_then(Node::text).unwrap_or_default();
    if own.text().is_some_and(|it| !it.is_empty() && !of_domain.is_empty() && it != of_domain) {
        let fact = format!("updates to this server are signed with its own key, not with {of_domain} of the domain");
        report.warn("server-key", own.span, path, fact, "remove it unless it is intended: a rotation must change both");
    }
}

/// A key is found by its exact spelling.
fn key_name(report: &mut Report<'_>, node: &Node, keys: Option<&Keys<'_>>, path: &Path<'_>) {
    let (Some(text), Some(keys)) = (node.text().filter(|it| !it.is_empty()), keys) else { return };
    if keys.contains_key(text) {
        return;
    }
    let plain = |text: &str| text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    let near = keys.keys().find(|it| plain(it) == plain(text));
    let fix = near.map_or("define it in `tsig-keys`, or correct the name".into(), |it| format!("write `{it}` exactly"));
    let fact = format!("the daemon refuses the file: no key has exactly the name `{text}`");
    report.error("undefined-key", node.span, path, fact, &fix);
}

fn domain_name(report: &mut Report<'_>, node: &Node, reverse: bool, path: &Path<'_>) {
    let Some(text) = node.text().filter(|it| !it.is_empty()) else { return };
    if text == "*" {
        let fact =
            "the catch-all domain matches every name that no other domain matches, also names in foreign zones".into();
        return report.warn("catch-all", node.span, path, fact, "name the zones one by one");
    }
    let name = text.strip_suffix('.').unwrap_or(text);
    if name.split('.').any(|label| label.is_empty() || label.len() > 63) || name.len() > 253 {
        let fact = format!("`{text}` is not a domain name: nothing ever matches it");
        return report.error("bad-domain", node.span, path, fact, "correct the name");
    }
    if name.len() == text.len() {
        let fact = format!("without the final dot `{text}` never matches: every update for it is dropped");
        return report.error("no-final-dot", node.span, path, fact, &format!("write `{text}.`"));
    }
    let lower = text.to_ascii_lowercase();
    if reverse && !lower.ends_with(".in-addr.arpa.") && !lower.ends_with(".ip6.arpa.") {
        let fact = format!("`{text}` is not a reverse zone: no address ever matches it");
        report.warn("not-reverse", node.span, path, fact, "move it to `forward-ddns`");
    }
}

fn one_sided(report: &mut Report<'_>, d2: &Node, path: &Path<'_>) {
    let count = |member: &str| d2.get(member).and_then(|it| it.get("ddns-domains")).map_or(0, |it| it.items().len());
    if count("forward-ddns") > 0 && count("reverse-ddns") == 0 && report.document.includes().is_empty() {
        let fact = "names are written, but reverse records are not: no client gets a PTR record".into();
        report.warn("no-reverse", d2.span, path, fact, "add `reverse-ddns` with the zones of the subnets");
    }
}
