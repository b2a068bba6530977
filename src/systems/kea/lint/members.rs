//! Checks a DHCP server's settings for names against its version: kinds of values, members that are new, removed or in the
//! wrong place. The rest of the document is not checked.

use super::forms;
use super::report::{Path, Report};
use super::rules::sockets::ip;
use super::schema::Grammar;
use crate::systems::kea::Version;
use crate::systems::kea::text::{Member, Node, Value};

/// Up to this version some members were accepted in `dhcp-ddns` too, with a warning.
const MOVED_BEFORE: Version = Version(2, 5, 0);
const MOVED: [&str; 7] = [
    "qualifying-suffix",
    "override-no-update",
    "override-client-update",
    "replace-client-name",
    "generated-prefix",
    "hostname-char-set",
    "hostname-char-replacement",
];
/// From this version on pools may have settings for names.
const POOLS: Version = Version(2, 7, 6);

pub(super) fn check(report: &mut Report<'_>, version: Version) {
    for (name, subnets, pools) in [("Dhcp4", "subnet4", &["pools"][..]), ("Dhcp6", "subnet6", &["pools", "pd-pools"])] {
        let Some(daemon) = report.document.root().get(name) else { continue };
        let (root, mut grammar) = (Path::root(), Grammar::new(report.document, version, ["dhcp-member"; 2]));
        let path = root.name(name);
        if let Some(member) = daemon.members().iter().find(|it| it.name == "dhcp-ddns") {
            ddns(&mut grammar, member, version, &path.name("dhcp-ddns"));
        }
        scope(&mut grammar, daemon, version, &path);
        let networks = path.name("shared-networks");
        let shared = daemon.get("shared-networks").map(Node::items).unwrap_or_default();
        for (index, node) in shared.iter().enumerate() {
            let path = networks.item(index);
            scope(&mut grammar, node, version, &path);
            self::subnets(&mut grammar, node, subnets, pools, version, &path);
        }
        self::subnets(&mut grammar, daemon, subnets, pools, version, &path);
        grammar.tell(report);
        if let Some(node) = daemon.get("dhcp-ddns") {
            senders(report, node, &path.name("dhcp-ddns"));
        }
    }
}

fn subnets(grammar: &mut Grammar<'_>, node: &Node, member: &str, pools: &[&str], version: Version, path: &Path<'_>) {
    let list = path.name(member);
    for (index, subnet) in node.get(member).map(Node::items).unwrap_or_default().iter().enumerate() {
        let path = list.item(index);
        scope(grammar, subnet, version, &path);
        for member in pools {
            let list = path.name(member);
            for (index, pool) in subnet.get(member).map(Node::items).unwrap_or_default().iter().enumerate() {
                self::pool(grammar, pool, version, &list.item(index));
            }
        }
    }
}

fn pool(grammar: &mut Grammar<'_>, node: &Node, version: Version, path: &Path<'_>) {
    if version >= POOLS {
        return grammar.map(node, &forms::SCOPE, path);
    }
    let told = |it: &&Member| forms::SCOPE.members.iter().any(|known| known.0 == it.name);
    for member in node.members().iter().filter(told) {
        let fact = format!("Kea {version} refuses the file: in this version pools have no settings for names");
        let fix = format!("move `{}` to the subnet", member.name);
        grammar.error("dhcp-member", member.name_span, &path.name(&member.name), fact, &fix);
    }
}

fn scope(grammar: &mut Grammar<'_>, node: &Node, version: Version, path: &Path<'_>) {
    if !matches!(node.value, Value::Map(_)) {
        return;
    }
    grammar.map(node, &forms::SCOPE, path);
    let place = |name: &str| node.members().iter().find(|it| it.name == name).map(|it| it.name_span);
    let (old, new) = (place("ddns-use-conflict-resolution"), place("ddns-conflict-resolution-mode"));
    if let (Some(old), Some(new)) = (old, new)
        && old.start < new.start
        && version >= Version(2, 5, 0)
    {
        let fact = "the daemon refuses the file: `ddns-use-conflict-resolution` already sets this".into();
        let path = path.name("ddns-conflict-resolution-mode");
        grammar.error("dhcp-member", new, &path, fact, "remove `ddns-use-conflict-resolution`");
    }
    let refused = |one: &str, other: &str| format!("the daemon refuses the file: `{one}` together with `{other}`");
    for other in ["ddns-ttl-percent", "ddns-ttl-min", "ddns-ttl-max"] {
        if let (Some(span), Some(_), true) = (place("ddns-ttl"), place(other), version >= POOLS) {
            grammar.error("dhcp-member", span, &path.name("ddns-ttl"), refused("ddns-ttl", other), "keep one of them");
        }
    }
    let number = |name: &str| node.get(name).and_then(Node::int);
    if let (Some(least), Some(most), Some(span)) =
        (number("ddns-ttl-min"), number("ddns-ttl-max"), place("ddns-ttl-max"))
        && least > most
        && version >= POOLS
    {
        let fact = "the daemon refuses the file: the longest TTL is below the shortest".into();
        grammar.error("dhcp-member", span, &path.name("ddns-ttl-max"), fact, "raise it");
    }
}

fn ddns(grammar: &mut Grammar<'_>, member: &Member, version: Version, path: &Path<'_>) {
    let node = &member.node;
    // Old daemons accept these here; newer ones only one level up.
    let moved = |it: &&Member| MOVED.contains(&it.name.as_str());
    let mut rest = node.clone();
    if let Value::Map(members) = &mut rest.value {
        members.retain(|it| !moved(&it));
    }
    for member in node.members().iter().filter(moved).filter(|_| version >= MOVED_BEFORE) {
        let fact = format!("the daemon refuses the file: `{}` is no longer a member of `dhcp-ddns`", member.name);
        let fix = "move it one level up, with `ddns-` before its name";
        grammar.error("dhcp-member", member.name_span, &path.name(&member.name), fact, fix);
    }
    grammar.map(&rest, &forms::DDNS, path);
}

/// Addresses and numbers, which the daemon checks after it has read the whole file.
fn senders(report: &mut Report<'_>, node: &Node, path: &Path<'_>) {
    for name in ["server-ip", "sender-ip"] {
        let wrong = |it: &str| ip(it).is_none() && (name == "server-ip" || !it.is_empty());
        if let Some(value) = node.get(name).filter(|it| it.text().is_some_and(wrong)) {
            let fact = "the daemon refuses the file: not an address".into();
            report.error("bad-address", value.span, &path.name(name), fact, "write 127.0.0.1, or leave it out");
        }
    }
    for name in ["server-port", "sender-port", "max-queue-size"] {
        if let Some(value) = node.get(name).filter(|it| it.int().is_some_and(|it| u32::try_from(it).is_err())) {
            report.error(
                "out-of-range",
                value.span,
                &path.name(name),
                "the daemon refuses this number".into(),
                "leave it out",
            );
        }
    }
    if let Some(value) =
        node.get("ncr-protocol").filter(|it| it.text().is_some_and(|it| it.eq_ignore_ascii_case("tcp")))
    {
        let fact = "the daemon refuses the file: requests by TCP are not supported".into();
        report.error("ncr-protocol", value.span, &path.name("ncr-protocol"), fact, "write UDP, or leave it out");
    }
}
