//! The grammar of each version: which members a map takes, of which kind, since when. From the parsers of 2.2.0, 2.6.3
//! and 3.0.4; unknown members are an error in a file (and silently ignored over the control channel).

use super::Version;
use super::check::{Path, Report};
use super::lex::Span;
use super::text::{Member, Node, Value};

/// Kinds of values.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// Any value.
    Any,
    /// A string; may be empty.
    Text,
    /// A string with something in it.
    Filled,
    /// One of these words in any case.
    Word(&'static [&'static str]),
    /// true or false
    Bool,
    /// A whole number between these.
    Int(i64, i64),
    /// Zero or a multiple of eight.
    Bits,
    /// Any map.
    AnyMap,
    /// Any list.
    AnyList,
    /// A map of this form.
    Map(&'static Form),
    /// A list of maps of this form.
    Maps(&'static Form),
}

/// A map's members.
pub(super) struct Form {
    /// What messages call it.
    name: &'static str,
    /// True if `{}` is refused.
    filled: bool,
    members: &'static [Field],
}

/// Name, kind, first version that has it.
type Field = (&'static str, Kind, Version);

const OLD: Version = Version(0, 0, 0);
const PORT: Kind = Kind::Int(1, 65535);
const ANY_INT: Kind = Kind::Int(i64::MIN, i64::MAX);
const CONTEXT: Field = ("user-context", Kind::AnyMap, OLD);
const COMMENT: Field = ("comment", Kind::Text, OLD);

/// A whole D2 file.
pub(super) static D2: Form =
    Form { name: "the document", filled: true, members: &[("DhcpDdns", Kind::Map(&DAEMON), OLD)] };

static DAEMON: Form = Form {
    name: "DhcpDdns",
    filled: true,
    members: &[
        ("ip-address", Kind::Text, OLD),
        ("port", PORT, OLD),
        ("dns-server-timeout", Kind::Int(1, i64::MAX), OLD),
        ("ncr-protocol", Kind::Word(&["UDP", "TCP"]), OLD),
        ("ncr-format", Kind::Word(&["JSON"]), OLD),
        ("forward-ddns", Kind::Map(&MANAGER), OLD),
        ("reverse-ddns", Kind::Map(&MANAGER), OLD),
        ("tsig-keys", Kind::Maps(&KEY), OLD),
        ("control-socket", Kind::Map(&SOCKET), OLD),
        ("control-sockets", Kind::Maps(&SOCKET), Version(2, 7, 2)),
        ("hooks-libraries", Kind::Maps(&HOOK), OLD),
        ("loggers", Kind::Maps(&LOGGER), OLD),
        CONTEXT,
        COMMENT,
    ],
};

static MANAGER: Form =
    Form { name: "the domain list", filled: false, members: &[("ddns-domains", Kind::Maps(&DOMAIN), OLD)] };

static DOMAIN: Form = Form {
    name: "ddns-domains",
    filled: true,
    members: &[
        ("name", Kind::Filled, OLD),
        ("key-name", Kind::Text, OLD),
        ("dns-servers", Kind::Maps(&SERVER), OLD),
        CONTEXT,
        COMMENT,
    ],
};

static SERVER: Form = Form {
    name: "dns-servers",
    filled: true,
    members: &[
        ("hostname", Kind::Word(&[""]), OLD),
        ("ip-address", Kind::Text, OLD),
        ("port", PORT, OLD),
        ("key-name", Kind::Text, OLD),
        CONTEXT,
        COMMENT,
    ],
};

static KEY: Form = Form {
    name: "tsig-keys",
    filled: true,
    members: &[
        ("name", Kind::Filled, OLD),
        ("algorithm", Kind::Filled, OLD),
        ("digest-bits", Kind::Bits, OLD),
        ("secret", Kind::Filled, OLD),
        ("secret-file", Kind::Filled, Version(2, 5, 8)),
        CONTEXT,
        COMMENT,
    ],
};

static SOCKET: Form = Form {
    name: "control-socket",
    filled: true,
    members: &[
        ("socket-type", Kind::Word(&["unix", "http", "https"]), OLD),
        ("socket-name", Kind::Text, OLD),
        ("socket-address", Kind::Text, Version(2, 7, 2)),
        ("socket-port", Kind::Int(0, 65535), Version(2, 7, 2)),
        ("authentication", Kind::AnyMap, Version(2, 7, 2)),
        ("trust-anchor", Kind::Text, Version(2, 7, 2)),
        ("cert-file", Kind::Text, Version(2, 7, 2)),
        ("key-file", Kind::Text, Version(2, 7, 2)),
        ("cert-required", Kind::Bool, Version(2, 7, 2)),
        ("http-headers", Kind::AnyList, Version(2, 7, 4)),
        CONTEXT,
        COMMENT,
    ],
};

static HOOK: Form = Form {
    name: "hooks-libraries",
    filled: true,
    members: &[("library", Kind::Filled, OLD), ("parameters", Kind::Any, OLD)],
};

static LOGGER: Form = Form {
    name: "loggers",
    filled: true,
    members: &[
        ("name", Kind::Text, OLD),
        ("output_options", Kind::Maps(&OUTPUT), OLD),
        ("output-options", Kind::Maps(&OUTPUT), Version(2, 5, 2)),
        ("debuglevel", Kind::Int(0, 99), OLD),
        ("severity", Kind::Text, OLD),
        CONTEXT,
        COMMENT,
    ],
};

static OUTPUT: Form = Form {
    name: "output_options",
    filled: true,
    members: &[
        ("output", Kind::Text, OLD),
        ("flush", Kind::Bool, OLD),
        ("maxsize", ANY_INT, OLD),
        ("maxver", ANY_INT, OLD),
        ("pattern", Kind::Text, OLD),
    ],
};

/// Members that are two names for one thing: giving both counts as giving it twice.
const SAME: [(&str, &str); 3] =
    [("secret", "secret-file"), ("control-socket", "control-sockets"), ("output_options", "output-options")];

/// Checks a tree against a form.
pub(super) fn check(report: &mut Report<'_>, root: &Node, form: &'static Form, version: Version) {
    map(report, root, form, version, &Path::root());
}

fn map(report: &mut Report<'_>, node: &Node, form: &'static Form, version: Version, path: &Path<'_>) {
    let Value::Map(members) = &node.value else { return wrong_kind(report, node, "a map", path) };
    if form.filled && members.is_empty() && report.document.includes().is_empty() {
        let close = Span { start: node.span.end.saturating_sub(1), ..node.span };
        let fix = "write its members, or leave the map out";
        return report.error("empty-map", close, path, format!("the daemon refuses an empty {} map", form.name), fix);
    }
    for member in members {
        field(report, member, form, version, &path.name(&member.name));
    }
    for (one, other) in SAME {
        let find = |name| members.iter().find(|it| it.name == name);
        if let (Some(one), Some(other)) = (find(one), find(other)) {
            let late = if one.name_span.start > other.name_span.start { one } else { other };
            let fact = format!("`{}` and `{}` exclude each other: the daemon refuses the file", one.name, other.name);
            report.error("duplicate", late.name_span, &path.name(&late.name), fact, "keep one of them");
        }
    }
}

fn field(report: &mut Report<'_>, member: &Member, form: &'static Form, version: Version, path: &Path<'_>) {
    let Some((_, kind, since)) = form.members.iter().find(|it| it.0 == member.name) else {
        let near = form.members.iter().find(|it| it.0.eq_ignore_ascii_case(&member.name));
        let fix = near.map_or("remove it, or correct its spelling".into(), |it| format!("write `{}`", it.0));
        let fact = format!("the daemon refuses the file: `{}` is not known in {}", member.name, form.name);
        return report.error("unknown-member", member.name_span, path, fact, &fix);
    };
    if *since > version {
        let fact = format!("Kea {version} refuses the file: `{}` came with {since}", member.name);
        return report.error("too-new-member", member.name_span, path, fact, "use what this version knows");
    }
    value(report, &member.node, member.colon, *kind, version, path);
}

fn value(report: &mut Report<'_>, node: &Node, colon: Span, kind: Kind, version: Version, path: &Path<'_>) {
    if matches!(node.value, Value::Included) {
        return;
    }
    match (kind, &node.value) {
        (Kind::Any, _)
        | (Kind::Text, Value::Text(_))
        | (Kind::Bool, Value::Bool(_))
        | (Kind::AnyMap, Value::Map(_))
        | (Kind::AnyList, Value::List(_)) => {}
        (Kind::Filled, Value::Text(text)) if !text.is_empty() => {}
        (Kind::Filled, Value::Text(_)) => {
            report.error("blank", colon, path, "the daemon refuses an empty text here".into(), "write a value");
        }
        (Kind::Word(words), Value::Text(text)) if words.iter().any(|it| it.eq_ignore_ascii_case(text)) => {}
        (Kind::Word([""]), Value::Text(_)) => {
            let fact = "the daemon refuses the file: servers are named by address, `hostname` is not supported";
            report.error("hostname", colon, path, fact.into(), "write `ip-address` instead");
        }
        (Kind::Word(words), Value::Text(_)) => {
            let fix = format!("write {}", words.join(" or "));
            report.error("bad-word", node.span, path, "the daemon refuses this word".into(), &fix);
        }
        (Kind::Int(low, high), Value::Int(number)) if (low..=high).contains(number) => {}
        (Kind::Int(low, high), Value::Int(_)) => {
            let fix = if high == i64::MAX { format!("at least {low}") } else { format!("{low} to {high}") };
            report.error("out-of-range", node.span, path, "the daemon refuses this number".into(), &fix);
        }
        (Kind::Bits, Value::Int(bits)) if *bits >= 0 && bits % 8 == 0 => {}
        (Kind::Bits, Value::Int(_)) => {
            let fact = "the daemon refuses the file: digest-bits is 0 or a multiple of 8";
            report.error("digest-bits", node.span, path, fact.into(), "leave `digest-bits` out: full length");
        }
        (Kind::Map(form), _) => map(report, node, form, version, path),
        (Kind::Maps(form), Value::List(items)) => {
            for (index, item) in items.iter().enumerate() {
                map(report, item, form, version, &path.item(index));
            }
        }
        (kind, _) => wrong_kind(report, node, expected(kind), path),
    }
}

fn expected(kind: Kind) -> &'static str {
    match kind {
        Kind::Any => "a value",
        Kind::Text | Kind::Filled | Kind::Word(_) => "a string",
        Kind::Bool => "true or false",
        Kind::Int(..) | Kind::Bits => "a whole number without quotes, point or exponent",
        Kind::AnyMap | Kind::Map(_) => "a map",
        Kind::AnyList | Kind::Maps(_) => "a list",
    }
}

fn wrong_kind(report: &mut Report<'_>, node: &Node, wanted: &str, path: &Path<'_>) {
    if !matches!(node.value, Value::Included) {
        let fact = format!("the daemon refuses the file: here it expects {wanted}");
        report.error("wrong-kind", node.span, path, fact, &format!("write {wanted}"));
    }
}
