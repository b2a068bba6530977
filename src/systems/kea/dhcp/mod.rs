//! The DDNS part of a kea-dhcp4 or kea-dhcp6 document: per subnet, which parameters apply and where they are set.
//! The rest of the document is not checked.

use crate::model::Network;
use crate::model::rules::ConflictMode as Mode;
use crate::systems::kea::Version;
use crate::systems::kea::d2::installed;
use crate::systems::kea::text::lex::Span;
use crate::systems::kea::text::{Document, Node, Value};
use std::net::{IpAddr, SocketAddr};

pub mod generated;

/// Lifetime of a lease in seconds where nothing is configured (both servers).
const LIFETIME: i64 = 7200;

/// A value that applies in a scope, and where it is written; `None` if it is the default.
#[derive(Debug, Clone)]
pub struct Held<T> {
    /// The value.
    pub value: T,
    /// Its place.
    pub span: Option<Span>,
}

/// One subnet with all inherited values.
#[derive(Debug, Clone)]
pub struct Scope {
    /// Its addresses; `None` if the text is not a subnet.
    pub network: Option<Network>,
    /// Its number.
    pub id: i64,
    /// Its place in the text.
    pub span: Span,
    /// JSON path of it, for findings.
    pub path: String,
    /// `ddns-send-updates`
    pub send: Held<bool>,
    /// `ddns-qualifying-suffix`, empty by default.
    pub suffix: Held<String>,
    /// `ddns-conflict-resolution-mode` or the older `ddns-use-conflict-resolution`.
    pub mode: Held<Mode>,
    /// `ddns-replace-client-name`
    pub replace: Held<String>,
    /// `ddns-override-client-update`
    pub override_client: Held<bool>,
    /// `hostname-char-set`: characters that are removed from the clients' names; empty for none.
    pub char_set: Held<String>,
    /// Longest lease in seconds: `max-valid-lifetime` or `valid-lifetime`.
    pub lifetime: Held<i64>,
    /// `ddns-ttl-percent` as a fraction, from 2.3.6.
    pub ttl_share: Option<f64>,
    /// `ddns-ttl` or `ddns-ttl-max`, from 2.7.6.
    pub ttl_most: Option<i64>,
    /// Hostnames of reservations, with their places.
    pub reserved: Vec<(String, Span)>,
}

/// A DHCP server's DDNS side.
#[derive(Debug, Clone)]
pub struct Dhcp {
    /// 4 or 6.
    pub family: u8,
    /// `enable-updates`, off by default.
    pub enabled: Held<bool>,
    /// Where requests are sent.
    pub sends_to: Option<SocketAddr>,
    /// Place of the `dhcp-ddns` map, if there is one.
    pub ddns_span: Option<Span>,
    /// Path of its control socket.
    pub socket: Option<String>,
    /// All subnets, those of shared networks too.
    pub scopes: Vec<Scope>,
}

impl Dhcp {
    /// Reads a document; `None` if it is neither kea-dhcp4's nor kea-dhcp6's.
    pub fn read(document: &Document) -> Option<Self> {
        let root = document.root();
        let (family, daemon) = [(4, "Dhcp4"), (6, "Dhcp6")].iter().find_map(|it| Some((it.0, root.get(it.1)?)))?;
        let ddns = daemon.get("dhcp-ddns");
        let enabled = ddns.and_then(|it| it.get("enable-updates"));
        let ip = ddns.and_then(|it| it.text_of("server-ip")).unwrap_or("127.0.0.1").parse::<IpAddr>().ok();
        let port = ddns.and_then(|it| it.get("server-port")).map_or(Some(53001), Node::int);
        Some(Self {
            family,
            enabled: Held { value: enabled.and_then(Node::bool).unwrap_or(false), span: enabled.map(|it| it.span) },
            sends_to: ip.zip(port.and_then(|it| u16::try_from(it).ok())).map(SocketAddr::from),
            ddns_span: ddns.map(|it| it.span),
            socket: installed::socket(daemon),
            scopes: scopes(daemon, family),
        })
    }

    /// The subnet of an address.
    pub fn scope_of(&self, address: IpAddr) -> Option<&Scope> {
        self.scopes.iter().find(|scope| scope.network.is_some_and(|it| it.contains(address)))
    }
}

impl Scope {
    /// The longest TTL D2 may give a record: 2.2 writes the whole lease, later versions a third, from 600 s up.
    pub fn longest_ttl(&self, version: Version) -> i64 {
        let lease = self.lifetime.value;
        if let Some(most) = self.ttl_most {
            return most.min(lease);
        }
        if version < Version(2, 3, 6) {
            return lease;
        }
        // A lifetime has no fraction that matters here.
        #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "seconds, far below 2^52")]
        let share = (lease as f64 * self.ttl_share.unwrap_or(1.0 / 3.0)) as i64;
        share.max(600).min(lease)
    }
}

/// All subnets: those of the daemon, then those of each shared network.
fn scopes(daemon: &Node, family: u8) -> Vec<Scope> {
    let member = if family == 4 { "subnet4" } else { "subnet6" };
    let top = if family == 4 { "Dhcp4" } else { "Dhcp6" };
    let mut all = Vec::new();
    let list = daemon.get(member).map(Node::items).unwrap_or_default();
    for (index, subnet) in list.iter().enumerate() {
        all.push(scope(&[subnet, daemon], format!("{top}/{member}/{index}")));
    }
    for (outer, shared) in daemon.get("shared-networks").map(Node::items).unwrap_or_default().iter().enumerate() {
        for (index, subnet) in shared.get(member).map(Node::items).unwrap_or_default().iter().enumerate() {
            all.push(scope(&[subnet, shared, daemon], format!("{top}/shared-networks/{outer}/{member}/{index}")));
        }
    }
    all
}

/// A scope from its levels, the innermost first.
fn scope(levels: &[&Node], path: String) -> Scope {
    let find = |name: &str| levels.iter().find_map(|level| level.get(name));
    let flag = |name: &str, default: bool| held(find(name), Node::bool, default);
    let text = |name: &str, default: &str| held(find(name), |it| it.text().map(str::to_owned), default.to_owned());
    let subnet = levels.first().copied();
    // The daemon's values apply in each subnet.
    let hosts = levels.iter().filter_map(|it| it.get("reservations")).flat_map(Node::items);
    let reserved = hosts.filter_map(|host| host.get("hostname"));
    Scope {
        network: subnet.and_then(|it| it.text_of("subnet")).and_then(|it| Network::new(it).ok()),
        id: subnet.and_then(|it| it.get("id")).and_then(Node::int).unwrap_or(0),
        span: subnet.map(|it| it.span).unwrap_or_default(),
        path,
        send: flag("ddns-send-updates", true),
        suffix: text("ddns-qualifying-suffix", ""),
        mode: mode(levels),
        replace: text("ddns-replace-client-name", "never"),
        override_client: flag("ddns-override-client-update", false),
        char_set: text("hostname-char-set", "[^A-Za-z0-9.-]"),
        lifetime: held(find("max-valid-lifetime").or_else(|| find("valid-lifetime")), Node::int, LIFETIME),
        ttl_share: find("ddns-ttl-percent").and_then(number),
        ttl_most: find("ddns-ttl").or_else(|| find("ddns-ttl-max")).and_then(Node::int),
        reserved: reserved.filter_map(|it| Some((it.text()?.to_owned(), it.span))).collect(),
    }
}

/// The mode of the innermost level that names one, in either spelling.
fn mode(levels: &[&Node]) -> Held<Mode> {
    for level in levels {
        if let Some(node) = level.get("ddns-conflict-resolution-mode") {
            return held(Some(node), |it| it.text().and_then(Mode::parse), Mode::default());
        }
        if let Some(node) = level.get("ddns-use-conflict-resolution") {
            let of = |it: bool| if it { Mode::CheckWithDhcid } else { Mode::NoCheckWithDhcid };
            return held(Some(node), |it| it.bool().map(of), Mode::default());
        }
    }
    Held { value: Mode::default(), span: None }
}

fn held<T>(node: Option<&Node>, read: impl Fn(&Node) -> Option<T>, default: T) -> Held<T> {
    match node.and_then(|it| Some((read(it)?, it.span))) {
        Some((value, span)) => Held { value, span: Some(span) },
        None => Held { value: default, span: None },
    }
}

fn number(node: &Node) -> Option<f64> {
    match node.value {
        Value::Float(number) => Some(number),
        #[expect(clippy::cast_precision_loss, reason = "0 or 1 in practice")]
        Value::Int(number) => Some(number as f64),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"{"Dhcp4":{
      "ddns-qualifying-suffix":"lan.example.", "valid-lifetime":3600, "ddns-use-conflict-resolution":false,
      "dhcp-ddns":{"enable-updates":true,"server-port":53002},
      "control-socket":{"socket-type":"unix","socket-name":"/run/kea/4"},
      "subnet4":[{"id":1,"subnet":"192.0.2.0/24","ddns-qualifying-suffix":"a.example.",
                  "ddns-conflict-resolution-mode":"check-exists-with-dhcid",
                  "reservations":[{"hostname":"printer"}]}], "reservations":[{"hostname":"global"}],
      "shared-networks":[{"ddns-send-updates":false,"max-valid-lifetime":999999,
                          "subnet4":[{"id":2,"subnet":"198.51.100.0/24"}]}]}}"#;

    #[test]
    fn the_innermost_value_holds() {
        let document = Document::parse(FILE.as_bytes(), "f").unwrap();
        let dhcp = Dhcp::read(&document).unwrap();
        assert_eq!((dhcp.family, dhcp.enabled.value), (4, true));
        assert_eq!(dhcp.sends_to, Some("127.0.0.1:53002".parse().unwrap()));
        assert_eq!(dhcp.socket.as_deref(), Some("/run/kea/4"));
        let one = dhcp.scope_of("192.0.2.7".parse().unwrap()).unwrap();
        assert_eq!((one.suffix.value.as_str(), one.mode.value), ("a.example.", Mode::CheckExistsWithDhcid));
        assert_eq!((one.lifetime.value, one.send.value, one.reserved.len()), (3600, true, 2));
        let two = dhcp.scope_of("198.51.100.7".parse().unwrap()).unwrap();
        assert_eq!((two.suffix.value.as_str(), two.mode.value), ("lan.example.", Mode::NoCheckWithDhcid));
        assert_eq!((two.lifetime.value, two.send.value), (999_999, false));
        assert_eq!(two.path, "Dhcp4/shared-networks/0/subnet4/0");
        assert_eq!(two.longest_ttl(Version(2, 2, 0)), 999_999);
        assert_eq!(two.longest_ttl(Version(3, 0, 4)), 333_333);
        assert!(dhcp.scope_of("203.0.113.1".parse().unwrap()).is_none());
    }

    #[test]
    fn other_documents_are_not_dhcp() {
        assert!(Dhcp::read(&Document::parse(b"{\"DhcpDdns\":{}}", "f").unwrap()).is_none());
    }
}
