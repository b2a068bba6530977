//! The forms of a D2 document's maps: which members, of which kind, since when. From the grammars of 2.2.0, 2.6.3 and
//! 3.0.4; `schema` holds a document against them.

use crate::systems::kea::Version;

/// Kinds of values.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// A string; may be empty.
    Text,
    /// A string that is not empty.
    Filled,
    /// One of these words in any case.
    Word(&'static [&'static str]),
    /// One of these words, in lower case.
    Exact(&'static [&'static str]),
    /// true or false
    Bool,
    /// A whole number between these.
    Int(i64, i64),
    /// A number with a point or an exponent.
    Float,
    /// Zero or a multiple of eight.
    Bits,
    /// Any map.
    AnyMap,
    /// A map of this form.
    Map(&'static Form),
    /// A list of maps of this form.
    Maps(&'static Form),
    /// The same, with one map at least.
    SomeMaps(&'static Form),
    /// `comment`, which is a member of `user-context` written outside of it.
    Comment,
    /// `user-context`
    Context,
}

/// A map's members.
pub(super) struct Form {
    /// What messages call it.
    pub(super) name: &'static str,
    /// True if `{}` is refused.
    pub(super) filled: bool,
    /// From which member on there is no room for unknown ones, so that their names alone are a mistake.
    pub(super) strict_from: usize,
    /// True if members that it does not name are not checked.
    pub(super) open: bool,
    /// Required members.
    pub(super) needs: &'static [&'static str],
    pub(super) members: &'static [Field],
}

/// Name, kind, first version that has it.
pub(super) type Field = (&'static str, Kind, Version);

const OLD: Version = Version(0, 0, 0);
const PORT: Kind = Kind::Int(1, 65535);
const ANY_INT: Kind = Kind::Int(i64::MIN, i64::MAX);
const CONTEXT: Field = ("user-context", Kind::Context, OLD);
const COMMENT: Field = ("comment", Kind::Comment, OLD);

/// A whole D2 file.
pub(super) static D2: Form = Form {
    name: "the document",
    filled: true,
    strict_from: 0,
    open: false,
    needs: &[],
    members: &[("DhcpDdns", Kind::Map(&DAEMON), OLD)],
};

static DAEMON: Form = Form {
    name: "DhcpDdns",
    filled: true,
    strict_from: usize::MAX,
    open: false,
    needs: &[],
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
        ("loggers", Kind::SomeMaps(&LOGGER), OLD),
        CONTEXT,
        COMMENT,
    ],
};

static MANAGER: Form = Form {
    name: "the domain list",
    filled: false,
    strict_from: usize::MAX,
    open: false,
    needs: &[],
    members: &[("ddns-domains", Kind::Maps(&DOMAIN), OLD)],
};

static DOMAIN: Form = Form {
    name: "ddns-domains",
    filled: true,
    strict_from: usize::MAX,
    open: false,
    needs: &[],
    members: &[
        ("name", Kind::Filled, OLD),
        ("key-name", Kind::Text, OLD),
        ("dns-servers", Kind::SomeMaps(&SERVER), OLD),
        CONTEXT,
        COMMENT,
    ],
};

static SERVER: Form = Form {
    name: "dns-servers",
    filled: true,
    strict_from: usize::MAX,
    open: false,
    needs: &[],
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
    strict_from: usize::MAX,
    open: false,
    needs: &[],
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
    strict_from: usize::MAX,
    open: false,
    needs: &[],
    members: &[
        ("socket-type", Kind::Text, OLD),
        ("socket-type", Kind::Exact(&["unix", "http", "https"]), Version(2, 7, 2)),
        ("socket-name", Kind::Text, OLD),
        ("socket-address", Kind::Text, Version(2, 7, 2)),
        ("socket-port", ANY_INT, Version(2, 7, 2)),
        ("authentication", Kind::Map(&AUTHENTICATION), Version(2, 7, 2)),
        ("trust-anchor", Kind::Text, Version(2, 7, 2)),
        ("cert-file", Kind::Text, Version(2, 7, 2)),
        ("key-file", Kind::Text, Version(2, 7, 2)),
        ("cert-required", Kind::Bool, Version(2, 7, 2)),
        ("http-headers", Kind::Maps(&HEADER), Version(3, 1, 0)),
        CONTEXT,
        COMMENT,
    ],
};

static AUTHENTICATION: Form = Form {
    name: "authentication",
    filled: true,
    strict_from: usize::MAX,
    open: false,
    needs: &["type"],
    members: &[
        ("type", Kind::Exact(&["basic"]), OLD),
        ("realm", Kind::Text, OLD),
        ("directory", Kind::Text, OLD),
        ("clients", Kind::Maps(&CLIENT), OLD),
        CONTEXT,
        COMMENT,
    ],
};

static CLIENT: Form = Form {
    name: "clients",
    filled: true,
    strict_from: usize::MAX,
    open: false,
    needs: &[],
    members: &[
        ("user", Kind::Text, OLD),
        ("user-file", Kind::Text, OLD),
        ("password", Kind::Text, OLD),
        ("password-file", Kind::Text, OLD),
        CONTEXT,
        COMMENT,
    ],
};

static HEADER: Form = Form {
    name: "http-headers",
    filled: true,
    strict_from: usize::MAX,
    open: false,
    needs: &[],
    members: &[("name", Kind::Text, OLD), ("value", Kind::Text, OLD), CONTEXT, COMMENT],
};

static HOOK: Form = Form {
    name: "hooks-libraries",
    filled: true,
    strict_from: 1,
    open: false,
    needs: &["library"],
    members: &[("library", Kind::Text, OLD), ("parameters", Kind::AnyMap, OLD)],
};

static LOGGER: Form = Form {
    name: "loggers",
    filled: true,
    strict_from: usize::MAX,
    open: false,
    needs: &[],
    members: &[
        ("name", Kind::Text, OLD),
        ("output_options", Kind::SomeMaps(&OUTPUT), OLD),
        ("output-options", Kind::SomeMaps(&OUTPUT), Version(2, 5, 2)),
        ("debuglevel", ANY_INT, OLD),
        ("severity", Kind::Text, OLD),
        CONTEXT,
        COMMENT,
    ],
};

static OUTPUT: Form = Form {
    name: "output_options",
    filled: true,
    strict_from: 0,
    open: false,
    needs: &[],
    members: &[
        ("output", Kind::Text, OLD),
        ("flush", Kind::Bool, OLD),
        ("maxsize", ANY_INT, OLD),
        ("maxver", ANY_INT, OLD),
        ("pattern", Kind::Text, OLD),
    ],
};

const BOTH: [&str; 2] = ["UDP", "TCP"];

/// `dhcp-ddns` of a DHCP server.
pub(super) static DDNS: Form = Form {
    name: "dhcp-ddns",
    filled: false,
    strict_from: usize::MAX,
    open: false,
    needs: &[],
    members: &[
        ("enable-updates", Kind::Bool, OLD),
        ("server-ip", Kind::Text, OLD),
        ("server-port", ANY_INT, OLD),
        ("sender-ip", Kind::Text, OLD),
        ("sender-port", ANY_INT, OLD),
        ("max-queue-size", ANY_INT, OLD),
        ("ncr-protocol", Kind::Word(&BOTH), OLD),
        ("ncr-format", Kind::Word(&["JSON"]), OLD),
        CONTEXT,
        COMMENT,
    ],
};

/// The settings for names of a DHCP server, a shared network, or a subnet; the rest is not checked.
pub(super) static SCOPE: Form = Form {
    name: "this scope",
    filled: false,
    strict_from: usize::MAX,
    open: true,
    needs: &[],
    members: &[
        ("ddns-send-updates", Kind::Bool, OLD),
        ("ddns-override-no-update", Kind::Bool, OLD),
        ("ddns-override-client-update", Kind::Bool, OLD),
        ("ddns-replace-client-name", Kind::Word(&["never", "always", "when-present", "when-not-present"]), OLD),
        ("ddns-generated-prefix", Kind::Text, OLD),
        ("ddns-qualifying-suffix", Kind::Text, OLD),
        ("ddns-update-on-renew", Kind::Bool, OLD),
        ("hostname-char-set", Kind::Text, OLD),
        ("hostname-char-replacement", Kind::Text, OLD),
        ("ddns-use-conflict-resolution", Kind::Bool, OLD),
        ("ddns-conflict-resolution-mode", Kind::Word(&MODES), Version(2, 5, 0)),
        ("ddns-ttl-percent", Kind::Float, Version(2, 3, 6)),
        ("ddns-ttl", ANY_INT, Version(2, 7, 6)),
        ("ddns-ttl-min", ANY_INT, Version(2, 7, 6)),
        ("ddns-ttl-max", ANY_INT, Version(2, 7, 6)),
    ],
};

const MODES: [&str; 4] =
    ["check-with-dhcid", "no-check-with-dhcid", "check-exists-with-dhcid", "no-check-without-dhcid"];
