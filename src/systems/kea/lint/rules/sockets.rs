//! Control sockets of a D2 document: what each version accepts, and what it refuses only when it starts.

use super::paths;
use crate::systems::kea::Version;
use crate::systems::kea::lint::against::Checked;
use crate::systems::kea::lint::report::{Path, Report};
use crate::systems::kea::text::Node;
use crate::systems::kea::text::lex::Span;
use std::net::IpAddr;

/// First version with `control-sockets`, http and https; it looks at sockets in `-t` too.
const MANY: Version = Version(2, 7, 2);

pub(super) fn check(report: &mut Report<'_>, d2: &Node, against: &Checked<'_>, path: &Path<'_>) {
    let many = d2.get("control-sockets").map(Node::items).unwrap_or_default();
    let one = d2.get("control-socket");
    if one.is_none() && many.is_empty() && report.document.includes().is_empty() {
        let fact =
            "no control socket: D2 can be reloaded only by a signal, and can't be asked for its configuration".into();
        report.warn("no-control-socket", d2.span, path, fact, "add a `control-socket`");
    }
    if let Some(node) = one {
        socket(report, node, against, &path.name("control-socket"));
    }
    let path = path.name("control-sockets");
    for (index, node) in many.iter().enumerate() {
        socket(report, node, against, &path.item(index));
    }
}

/// The unix sockets of a DHCP server: only their folder is checked.
pub fn of_dhcp(report: &mut Report<'_>, daemon: &Node, against: &Checked<'_>, path: &Path<'_>) {
    let many = daemon.get("control-sockets").map(Node::items).unwrap_or_default();
    let unix = |it: &&Node| it.text_of("socket-type").is_none_or(|kind| kind == "unix");
    for name in daemon.get("control-socket").into_iter().chain(many).filter(unix).filter_map(|it| it.get("socket-name"))
    {
        paths::socket(report, name, against, &path.name("control-socket"));
    }
}

fn socket(report: &mut Report<'_>, node: &Node, against: &Checked<'_>, path: &Path<'_>) {
    if node.members().is_empty() {
        return;
    }
    let late = if against.version < MANY { ", which `-t` does not report" } else { "" };
    let kind = match node.get("socket-type") {
        Some(kind) => kind.text().unwrap_or_default().to_owned(),
        None => {
            let fact = format!("the daemon can't start{late}: a control socket has no `socket-type`");
            return report.error("socket-type", node.span, path, fact, "add \"socket-type\": \"unix\"");
        }
    };
    match kind.as_str() {
        "http" | "https" if against.version >= MANY => http(report, node, &kind, path),
        "unix" => unix(report, node, against, path),
        _ => {
            let span = node.get("socket-type").map_or(node.span, |it| it.span);
            let fact = format!("the daemon can't start{late}: it does not know this kind of socket");
            report.error("socket-type", span, &path.name("socket-type"), fact, "write \"unix\"");
        }
    }
}

fn unix(report: &mut Report<'_>, node: &Node, against: &Checked<'_>, path: &Path<'_>) {
    if let Some(address) = node.get("socket-address") {
        foreign(report, address.span, &path.name("socket-address"), "a unix socket has no address");
    }
    match node.get("socket-name") {
        Some(name) => paths::socket(report, name, against, &path.name("socket-name")),
        None => {
            let fact = "the daemon can't start: a control socket has no `socket-name`".into();
            report.error("socket-name", node.span, path, fact, "write the path of the socket");
        }
    }
}

fn http(report: &mut Report<'_>, node: &Node, kind: &str, path: &Path<'_>) {
    if let Some(name) = node.get("socket-name") {
        foreign(report, name.span, &path.name("socket-name"), "only a unix socket has a name");
    }
    if let Some(address) = node.get("socket-address").filter(|it| it.text().is_some_and(|it| ip(it).is_none())) {
        let fact = "the daemon refuses the file: not an address".into();
        report.error("bad-address", address.span, &path.name("socket-address"), fact, "write 127.0.0.1");
    }
    if let Some(port) = node.get("socket-port").filter(|it| it.int().is_some_and(|it| u16::try_from(it).is_err())) {
        let fact = "the daemon refuses this number".into();
        report.error("out-of-range", port.span, &path.name("socket-port"), fact, "0 to 65535");
    }
    if let Some(clients) = node.get("authentication").and_then(|it| it.get("clients")) {
        let path = path.name("authentication");
        let path = path.name("clients");
        for (index, client) in clients.items().iter().enumerate() {
            self::client(report, client, &path.item(index));
        }
    }
    let given = |name: &&str| node.text_of(name).is_some_and(|it| !it.is_empty());
    const TLS: [&str; 3] = ["trust-anchor", "cert-file", "key-file"];
    let count = TLS.iter().filter(|it| given(it)).count();
    if count != 3 && (count > 0 || kind == "https") {
        let fact = "the daemon refuses the file: TLS needs `trust-anchor`, `cert-file` and `key-file`".into();
        report.error("socket-tls", node.span, path, fact, "write all three of them");
    } else if count == 0 && node.get("authentication").is_none() {
        let fact = "anyone who can reach this port can control D2 and read its keys".into();
        report.warn("socket-open", node.span, path, fact, "use a unix socket, or add `authentication` and TLS");
    }
}

fn client(report: &mut Report<'_>, node: &Node, path: &Path<'_>) {
    let both = |one: &str, two: &str| Some((node.get(one)?.span, node.get(two)?.span));
    if let Some((span, _)) = both("password", "password-file").or_else(|| both("user", "user-file")) {
        foreign(report, span, path, "both a value and a file for it");
    }
    if ["user", "user-file", "password-file"].iter().all(|it| node.get(it).is_none()) && !node.members().is_empty() {
        let fact = "the daemon refuses the file: a client has no `user`".into();
        report.error("socket-user", node.span, path, fact, "add `user`");
    }
    if let Some(user) = node.get("user").filter(|it| it.text().is_some_and(|it| it.is_empty() || it.contains(':'))) {
        let fact = "the daemon refuses the file: a user must not be empty or contain `:`".into();
        report.error("socket-user", user.span, &path.name("user"), fact, "write another name");
    }
}

fn foreign(report: &mut Report<'_>, span: Span, path: &Path<'_>, why: &str) {
    report.error("socket-member", span, path, format!("the daemon refuses the file: {why}"), "remove it");
}

/// An address as the daemon reads it: of IPv6 with any `%scope`.
pub fn ip(text: &str) -> Option<IpAddr> {
    let scoped = || text.split_once('%').and_then(|it| it.0.parse().ok()).map(IpAddr::V6);
    text.parse().ok().or_else(scoped)
}
