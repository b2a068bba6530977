//! DHCPv4 in config.xml: interfaces, option 6, pools and static maps, and a lint of the DNS servers handed to clients.
//! Not for: how Kea uses it; the running daemon is another system.

use super::edit::Edit;
use super::xml::{Document, Id, Seen};
use crate::error::{Error, Result};
use serde::Serialize;
use std::net::{IpAddr, Ipv4Addr};

/// The DHCP server behind `<dhcpbackend>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// Kea, named explicitly.
    Kea,
    /// ISC dhcpd: also when the tag is missing or says anything else.
    Isc,
}

/// One interface's DHCP server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct Scope {
    /// Key in config.xml: `lan`, `opt1`.
    pub interface: String,
    /// The name the web interface shows.
    pub description: String,
    /// Is DHCP on?
    pub enabled: bool,
    /// Configured address with prefix length; none for an interface that gets its own.
    pub address: Option<String>,
    /// First and last address of the main pool.
    pub range: Option<(String, String)>,
    /// Option 6. Empty: pfSense hands out the interface's or its own servers.
    pub dns_servers: Vec<String>,
    /// Option 15.
    pub domain: String,
    /// Further pools.
    pub pools: Vec<Pool>,
    /// Reservations.
    pub static_maps: Vec<StaticMap>,
    /// There is custom Kea JSON.
    pub custom_kea: bool,
}

/// A further pool of a scope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct Pool {
    /// First and last address.
    pub range: Option<(String, String)>,
    /// Its own option 6, if it has one.
    pub dns_servers: Vec<String>,
}

/// A reservation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct StaticMap {
    /// Hardware address.
    pub mac: String,
    /// Address; may be empty.
    pub address: String,
    /// Name; may be empty.
    pub hostname: String,
    /// Its own option 6, if it has one.
    pub dns_servers: Vec<String>,
}

/// Which DHCP server pfSense runs.
pub fn backend(document: &Document<'_>) -> Backend {
    let text = document.text_of(document.root(), "dhcpbackend");
    if text.as_deref() == Some("kea") { Backend::Kea } else { Backend::Isc }
}

/// All interfaces with a DHCP section, in file order.
pub fn scopes(document: &Document<'_>) -> Vec<Scope> {
    let Some(dhcpd) = document.at(&["dhcpd"]) else { return Vec::new() };
    document.children(dhcpd).map(|id| scope(document, id)).collect()
}

/// A setting of the interface a DHCP section is for, if it has one.
fn setting(document: &Document<'_>, id: Id, key: &str) -> Option<String> {
    let settings = document.at(&["interfaces", document.name(id)])?;
    document.text_of(settings, key).filter(|it| !it.is_empty())
}

fn description(document: &Document<'_>, id: Id) -> String {
    setting(document, id, "descr").unwrap_or_else(|| document.name(id).to_uppercase())
}

fn scope(document: &Document<'_>, id: Id) -> Scope {
    let of = |key: &str| setting(document, id, key);
    let address = of("ipaddr").filter(|it| it.parse::<Ipv4Addr>().is_ok());
    Scope {
        description: description(document, id),
        enabled: document.child(id, "enable").is_some(),
        address: address.and_then(|it| of("subnet").map(|length| format!("{it}/{length}"))),
        range: range(document, id),
        dns_servers: texts(document, id, "dnsserver"),
        domain: document.text_of(id, "domain").unwrap_or_default(),
        pools: document
            .list(id, "pool")
            .map(|it| Pool { range: range(document, it), dns_servers: texts(document, it, "dnsserver") })
            .collect(),
        static_maps: document
            .list(id, "staticmap")
            .map(|it| StaticMap {
                mac: document.text_of(it, "mac").unwrap_or_default(),
                address: document.text_of(it, "ipaddr").unwrap_or_default(),
                hostname: document.text_of(it, "hostname").unwrap_or_default(),
                dns_servers: texts(document, it, "dnsserver"),
            })
            .collect(),
        custom_kea: document.text_of(id, "custom_kea_config").is_some_and(|it| !it.is_empty()),
        interface: document.name(id).to_owned(),
    }
}

fn range(document: &Document<'_>, id: Id) -> Option<(String, String)> {
    let range = document.child(id, "range")?;
    Some((document.text_of(range, "from")?, document.text_of(range, "to")?))
}

fn texts(document: &Document<'_>, id: Id, tag: &str) -> Vec<String> {
    document.list(id, tag).filter_map(|it| document.text(it)).collect()
}

/// The DHCP section of an interface, named by its key or by the name the web interface shows.
pub fn find_scope(document: &Document<'_>, name: &str) -> Result<Id> {
    let all: Vec<Id> = document.at(&["dhcpd"]).map(|it| document.children(it).collect()).unwrap_or_default();
    let found = all.iter().find(|it| document.name(**it).eq_ignore_ascii_case(name));
    let found = found.or_else(|| all.iter().find(|it| description(document, **it).eq_ignore_ascii_case(name)));
    found.copied().ok_or_else(|| {
        let known: Vec<_> = all.iter().map(|it| document.name(*it)).collect();
        match known.as_slice() {
            [] => Error::usage("config.xml has no DHCP section").hint("turn DHCP on in Services > DHCP Server first"),
            known => Error::usage(format!("no DHCP section for interface {name}"))
                .hint(format!("interfaces with one: {}", known.join(", "))),
        }
    })
}

/// Does this firewall send its configuration to another one? Then its DHCP sections replace the other's.
pub fn is_ha_primary(document: &Document<'_>) -> bool {
    let to = document.at(&["hasync", "synchronizetoip"]).and_then(|it| document.text(it));
    to.is_some_and(|it| !it.trim().is_empty())
}

/// Refuses the standby of an HA pair: the primary replaces its whole DHCP section at each sync.
pub fn not_standby(document: &Document<'_>) -> Result<()> {
    let role = document.at(&["kea", "ha", "role"]).and_then(|it| document.text(it));
    let on = document.at(&["kea", "ha", "enable"]).is_some();
    if on && role.as_deref() == Some("standby") {
        return Err(Error::usage(
            "this firewall is the standby of an HA pair: its DHCP settings are overwritten by the primary",
        )
        .hint("run the command on the primary"));
    }
    Ok(())
}

/// Refuses addresses that no server can have, and duplicates.
pub(super) fn check_servers(servers: &[IpAddr]) -> Result<()> {
    for (n, server) in servers.iter().enumerate() {
        if servers.iter().take(n).any(|it| it == server) {
            return Err(Error::usage(format!("{server} is named twice")));
        }
        if server.is_unspecified() || server.is_multicast() || *server == IpAddr::from(Ipv4Addr::BROADCAST) {
            return Err(Error::usage(format!("{server} is not an address that a server can have")));
        }
    }
    Ok(())
}

/// The change that makes these the DNS servers of an interface. None: back to pfSense's own choice.
pub fn set_dns_servers(document: &Document<'_>, interface: &str, servers: &[Ipv4Addr]) -> Result<Edit> {
    not_standby(document)?;
    let scope = find_scope(document, interface)?;
    if document.child(scope, "enable").is_none() {
        return Err(Error::usage(format!("DHCP is off on {}", document.name(scope)))
            .hint("turn it on in Services > DHCP Server, then run the command again"));
    }
    let addresses: Vec<IpAddr> = servers.iter().map(|it| IpAddr::from(*it)).collect();
    check_servers(&addresses)?;
    let path = format!("dhcpd/{}/dnsserver", document.name(scope));
    let list = servers.iter().map(|it| Seen::Text(it.to_string())).collect();
    Ok(Edit::put(&path, Seen::List(list)))
}

/// A warning about a list of DNS servers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
pub struct Warning {
    /// The fact, in one sentence.
    pub what: String,
}

/// If somebody saves the page in the web interface, servers after this many are lost.
pub const GUI_LIMIT: usize = 4;

/// Looks at the list itself; whether the servers answer is a question for the network.
pub fn lint_dns_servers(servers: &[String]) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let mut warn = |what: String| warnings.push(Warning { what });
    for server in servers {
        match server.parse::<IpAddr>() {
            Ok(IpAddr::V4(it)) if it.is_loopback() => {
                warn(format!("{server} is each client's own address: it would ask itself"));
            }
            Ok(IpAddr::V4(_)) => {}
            Ok(IpAddr::V6(_)) => warn(format!("{server} is IPv6: Kea's DHCPv4 server does not start with it")),
            Err(_) => warn(format!("{server} is not an address: Kea does not start with it")),
        }
    }
    if servers.len() > GUI_LIMIT {
        warn(format!(
            "{} servers: the web interface keeps only the first {GUI_LIMIT} when the page is saved",
            servers.len()
        ));
    }
    let (internal, public): (Vec<_>, Vec<_>) =
        servers.iter().filter_map(|it| it.parse::<Ipv4Addr>().ok()).partition(|it| is_internal(*it));
    if !internal.is_empty() {
        for it in public {
            warn(format!(
                "{it} is a public resolver among internal ones: a client may ask it first, then it does not find internal names \
                 and reveals which names it looked for"
            ));
        }
    }
    warnings
}

fn is_internal(it: Ipv4Addr) -> bool {
    // 100.64.0.0/10 is shared address space (RFC 6598).
    it.is_private() || it.is_loopback() || it.is_link_local() || (it.octets()[0] == 100 && it.octets()[1] & 0xc0 == 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = include_str!("../../../fixtures/pfsense/2.8/config.xml");

    #[test]
    fn reads_what_the_form_shows() {
        let document = Document::read(CONFIG.as_bytes()).unwrap();
        assert_eq!(backend(&document), Backend::Kea);
        let find = |name| find_scope(&document, name).map(|id| scope(&document, id));
        let lan = find("lan & management").unwrap();
        assert_eq!((lan.interface.as_str(), lan.enabled, lan.address.as_deref()), ("lan", true, Some("10.0.10.1/24")));
        assert_eq!(lan.range, Some(("10.0.10.100".into(), "10.0.10.199".into())));
        assert_eq!(lan.dns_servers, ["10.0.10.1"]);
        assert_eq!(lan.static_maps[0].hostname, "host-lan-10");
        assert_eq!(find("OPT1").unwrap().interface, "opt1");
        let error = find("opt9").unwrap_err().to_string();
        assert!(error.contains("interfaces with one: lan, opt1"), "{error}");
    }

    #[test]
    fn off_or_absent_is_an_error() {
        let off = "<pfsense><dhcpd><lan><range/></lan></dhcpd></pfsense>";
        let error = set_dns_servers(&Document::read(off.as_bytes()).unwrap(), "lan", &[]).unwrap_err();
        assert!(error.to_string().contains("DHCP is off on lan"));
        let none = "<pfsense><a>1</a></pfsense>";
        let error = set_dns_servers(&Document::read(none.as_bytes()).unwrap(), "lan", &[]).unwrap_err();
        assert!(error.to_string().contains("no DHCP section"));
    }

    #[test]
    fn the_lint_names_each_risk() {
        let lint = |list: &[&str]| {
            let list: Vec<String> = list.iter().map(|it| (*it).to_owned()).collect();
            lint_dns_servers(&list).into_iter().map(|it| it.what).collect::<Vec<_>>()
        };
        assert!(lint(&["10.0.0.1", "192.168.1.2"]).is_empty());
        assert!(lint(&["1.1.1.1", "9.9.9.9"]).is_empty());
        assert!(lint(&["10.0.0.1", "94.140.14.14"])[0].contains("public resolver among internal"));
        assert!(lint(&["fd00::1"])[0].contains("IPv6"));
        assert!(lint(&["127.0.0.1"])[0].contains("own address"));
        assert!(lint(&["ns1"])[0].contains("not an address"));
        assert!(lint(&["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5"])[0].contains("only the first 4"));
    }
}
