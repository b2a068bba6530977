//! The DNS Resolver of pfSense: it forwards the internal zone and its reverse zones, or has a copy of them.
//! Overrides are marked in their description, the text in `custom_options` by comment lines; only those are ever removed.

use super::custom_kea::decode;
use super::dhcp::check_servers;
use super::edit::Edit;
use super::xml::{Document, Seen};
use crate::error::{Error, Result};
use crate::model::ZoneName;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use std::net::{IpAddr, SocketAddr};

/// Description of the overrides that are ours.
pub const MARK: &str = "managed by pfddns";

/// What the resolver does with zones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct Resolver {
    /// Is the DNS Resolver on?
    pub enabled: bool,
    /// Does it send everything else to the system's servers?
    pub forwarding: bool,
    /// Domain overrides in file order.
    pub overrides: Vec<Override>,
    /// The text of the custom options, decoded.
    pub custom_options: String,
}

/// One domain override.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
pub struct Override {
    /// The domain, as written.
    pub domain: String,
    /// The server, perhaps with `@port`.
    pub server: String,
    /// Description.
    pub description: String,
}

/// Reads the resolver's settings.
pub fn show(document: &Document<'_>) -> Resolver {
    let Some(unbound) = document.at(&["unbound"]) else {
        return Resolver { enabled: false, forwarding: false, overrides: Vec::new(), custom_options: String::new() };
    };
    let text = |id, key: &str| document.text_of(id, key).unwrap_or_default();
    Resolver {
        enabled: document.child(unbound, "enable").is_some(),
        forwarding: document.child(unbound, "forwarding").is_some(),
        overrides: document
            .list(unbound, "domainoverrides")
            .map(|it| Override { domain: text(it, "domain"), server: text(it, "ip"), description: text(it, "descr") })
            .collect(),
        custom_options: String::from_utf8_lossy(&decode(&text(unbound, "custom_options"))).into_owned(),
    }
}

/// Where the firewall itself can ask its resolver; none if it is off, or listens on no address in this file.
pub fn listens(document: &Document<'_>) -> Option<SocketAddr> {
    let unbound = document.at(&["unbound"])?;
    document.child(unbound, "enable")?;
    let port = document.text_of(unbound, "port").and_then(|it| it.trim().parse().ok()).unwrap_or(53);
    let interfaces = document.text_of(unbound, "active_interface").unwrap_or_default();
    let mut interfaces = interfaces.split(',').map(str::trim);
    let address = if interfaces.clone().any(|it| matches!(it, "" | "all" | "lo0")) {
        IpAddr::from([127, 0, 0, 1])
    } else {
        let own = |name: &str| document.at(&["interfaces", name]).and_then(|it| document.text_of(it, "ipaddr"));
        interfaces.find_map(|name| own(name)?.parse().ok())?
    };
    Some((address, port).into())
}

fn domain(zone: &ZoneName) -> String {
    zone.to_string().trim_end_matches('.').to_owned()
}

fn same_domain(written: &str, zone: &ZoneName) -> bool {
    written.trim_end_matches('.').eq_ignore_ascii_case(&domain(zone))
}

/// The change that makes the resolver ask these servers for this zone; without servers, removes our overrides.
/// A foreign override of the same domain is refused.
pub fn forward(document: &Document<'_>, zone: &ZoneName, servers: &[IpAddr]) -> Result<Vec<Edit>> {
    check_servers(servers)?;
    let resolver = show(document);
    if !resolver.enabled && !servers.is_empty() {
        return Err(Error::usage("the DNS Resolver of this firewall is off")
            .hint("turn it on in Services > DNS Resolver, then run the command again"));
    }
    let foreign = resolver.overrides.iter().find(|it| same_domain(&it.domain, zone) && it.description != MARK);
    if let Some(it) = foreign {
        return Err(Error::new(format!(
            "the domain {} is already forwarded to {}, not by pfddns",
            it.domain, it.server
        ))
        .hint("remove that override in Services > DNS Resolver first"));
    }
    let members = match document.at(&["unbound"]) {
        Some(id) => document.list(id, "domainoverrides").map(|it| Seen::of(document, it)).collect(),
        None => Vec::new(),
    };
    let ours = |it: &Seen| {
        let text = |key| match it.get(key) {
            Some(Seen::Text(text)) => text.as_str(),
            _ => "",
        };
        same_domain(text("domain"), zone) && text("descr") == MARK
    };
    let wanted: Vec<Seen> = servers.iter().map(|it| entry(zone, *it)).collect();
    let present: Vec<&Seen> = members.iter().filter(|it| ours(it)).collect();
    if present.iter().copied().eq(wanted.iter()) {
        return Ok(Vec::new());
    }
    let mut all: Vec<Seen> = members.iter().filter(|it| !ours(it)).cloned().collect();
    all.extend(wanted);
    Ok(vec![Edit::put("unbound/domainoverrides", Seen::List(all))])
}

/// The changes of overrides and custom options that lead from one configuration to another.
pub fn differences(old: &Document<'_>, new: &Document<'_>) -> Vec<Edit> {
    let mut edits = Vec::new();
    let overrides = |document: &Document<'_>| match document.at(&["unbound"]) {
        Some(id) => document.list(id, "domainoverrides").map(|it| Seen::of(document, it)).collect(),
        None => Vec::new(),
    };
    if overrides(old) != overrides(new) {
        edits.push(Edit::put("unbound/domainoverrides", Seen::List(overrides(new))));
    }
    let options = |document: &Document<'_>| {
        document.at(&["unbound", "custom_options"]).and_then(|it| document.text(it)).filter(|it| !it.is_empty())
    };
    match (options(old), options(new)) {
        (before, after) if before == after => {}
        (_, Some(after)) => edits.push(Edit::put("unbound/custom_options", after.as_str())),
        (_, None) => edits.push(Edit::remove("unbound/custom_options")),
    }
    edits
}

/// In the key order of pfSense's own form.
fn entry(zone: &ZoneName, server: IpAddr) -> Seen {
    let text = |it: String| Seen::Text(it);
    Seen::Map(vec![
        ("domain".into(), text(domain(zone))),
        ("ip".into(), text(server.to_string())),
        ("descr".into(), text(MARK.to_owned())),
        ("tls_hostname".into(), text(String::new())),
    ])
}

/// The change that makes the resolver keep a copy of the zone, from these servers; without servers, removes it.
pub fn auth_zone(document: &Document<'_>, zone: &ZoneName, primaries: &[IpAddr]) -> Result<Vec<Edit>> {
    check_servers(primaries)?;
    let resolver = show(document);
    if !resolver.enabled && !primaries.is_empty() {
        return Err(Error::usage("the DNS Resolver of this firewall is off")
            .hint("turn it on in Services > DNS Resolver, then run the command again"));
    }
    let without = without_block(&resolver.custom_options, zone)?;
    let declared = format!("name: \"{}\"", domain(zone));
    if without.contains(&declared) && !primaries.is_empty() {
        return Err(Error::new(format!("the resolver's custom options already have lines for {}", domain(zone)))
            .hint("remove it in Services > DNS Resolver first"));
    }
    let mut text = without;
    if !primaries.is_empty() {
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(&block(zone, primaries));
    }
    if text == resolver.custom_options {
        return Ok(Vec::new());
    }
    Ok(vec![match text.is_empty() {
        true => Edit::remove("unbound/custom_options"),
        false => Edit::put("unbound/custom_options", STANDARD.encode(text).as_str()),
    }])
}

fn begin(zone: &ZoneName) -> String {
    format!("# pfddns begin {}", domain(zone))
}

fn end(zone: &ZoneName) -> String {
    format!("# pfddns end {}", domain(zone))
}

fn block(zone: &ZoneName, primaries: &[IpAddr]) -> String {
    let primaries: String = primaries.iter().map(|it| format!("  primary: {it}\n")).collect();
    let name = domain(zone);
    // unbound has built-in answers for the reverse zones of private networks, and they come first.
    let let_through = match zone.is_reverse() {
        true => format!("  local-zone: \"{name}\" typetransparent\n"),
        false => String::new(),
    };
    // for-downstream: no keeps the resolver's own rules (rebinding protection, local data) in force for the answer;
    // fallback-enabled asks the network while there is no copy yet. A resolver that validates would find that the root
    // knows no such zone and answer SERVFAIL: the rest is what pfSense writes for a domain override (services.inc). It ends
    // in `server:`, which is what text behind it may count on.
    format!(
        "{}\nauth-zone:\n  name: \"{name}\"\n{primaries}  for-downstream: no\n  for-upstream: yes\n  fallback-enabled: yes\n\
         server:\n  private-domain: \"{name}\"\n  domain-insecure: \"{name}\"\n{let_through}{}\n",
        begin(zone),
        end(zone)
    )
}

/// The text without our block. The web interface may have turned line ends into CRLF.
fn without_block(text: &str, zone: &ZoneName) -> Result<String> {
    let (begin, end) = (begin(zone), end(zone));
    let mut kept = String::new();
    let mut inside = false;
    for line in text.split_inclusive('\n') {
        let bare = line.trim_end();
        match inside {
            false if bare == begin => inside = true,
            false => kept.push_str(line),
            true if bare == end => inside = false,
            true => {}
        }
    }
    if inside {
        return Err(Error::new(format!("the resolver's custom options have `{begin}` without the end line"))
            .hint("repair the text in Services > DNS Resolver > Custom options"));
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = include_str!("../../../fixtures/pfsense/2.8/config.xml");

    fn zone() -> ZoneName {
        ZoneName::new("lan.example.").unwrap()
    }

    fn apply(text: &str, edits: &[Edit]) -> String {
        String::from_utf8(Document::read(text.as_bytes()).unwrap().edited(edits).unwrap()).unwrap()
    }

    fn addresses(list: &[&str]) -> Vec<IpAddr> {
        list.iter().map(|it| it.parse().unwrap()).collect()
    }

    #[test]
    fn overrides_come_change_and_go() {
        let document = Document::read(CONFIG.as_bytes()).unwrap();
        let one = apply(CONFIG, &forward(&document, &zone(), &addresses(&["10.0.10.53"])).unwrap());
        let wired = Document::read(one.as_bytes()).unwrap();
        assert_eq!(show(&wired).overrides[0].server, "10.0.10.53");
        assert!(forward(&wired, &zone(), &addresses(&["10.0.10.53"])).unwrap().is_empty());
        let two = apply(&one, &forward(&wired, &zone(), &addresses(&["10.0.10.54", "10.0.10.53"])).unwrap());
        let wired = Document::read(two.as_bytes()).unwrap();
        assert_eq!(show(&wired).overrides.len(), 2);
        assert_eq!(apply(&two, &forward(&wired, &zone(), &[]).unwrap()), CONFIG);
    }

    #[test]
    fn a_foreign_override_is_left_alone() {
        let document = Document::read(CONFIG.as_bytes()).unwrap();
        let foreign = Seen::Map(vec![
            ("domain".into(), "lan.example".into()),
            ("ip".into(), "9.9.9.9".into()),
            ("descr".into(), "mine".into()),
        ]);
        let text = apply(
            CONFIG,
            &[Edit::Append { path: ["unbound", "domainoverrides"].map(str::to_owned).into(), value: foreign }],
        );
        let wired = Document::read(text.as_bytes()).unwrap();
        let error = forward(&wired, &zone(), &addresses(&["10.0.10.53"])).unwrap_err().to_string();
        assert!(error.contains("already forwarded to 9.9.9.9"), "{error}");
        let other = ZoneName::new("10.0.10.in-addr.arpa.").unwrap();
        let both = apply(&text, &forward(&wired, &other, &addresses(&["10.0.10.53"])).unwrap());
        let both = Document::read(both.as_bytes()).unwrap();
        assert_eq!(show(&both).overrides.len(), 2);
        assert!(document.at(&["unbound", "domainoverrides"]).is_none());
    }

    #[test]
    fn the_copy_of_a_zone_stands_beside_the_operators_options() {
        let document = Document::read(CONFIG.as_bytes()).unwrap();
        let before = show(&document).custom_options;
        assert!(before.starts_with("server:"));
        let text = apply(CONFIG, &auth_zone(&document, &zone(), &addresses(&["10.0.10.53"])).unwrap());
        let wired = Document::read(text.as_bytes()).unwrap();
        let options = show(&wired).custom_options;
        assert!(options.starts_with(&before) && options.contains("  primary: 10.0.10.53\n"), "{options}");
        assert!(auth_zone(&wired, &zone(), &addresses(&["10.0.10.53"])).unwrap().is_empty());
        assert_eq!(apply(&text, &auth_zone(&wired, &zone(), &[]).unwrap()), CONFIG);
        // After a save in the web interface.
        let crlf = STANDARD.encode(options.replace('\n', "\r\n"));
        let text = apply(&text, &[Edit::put("unbound/custom_options", crlf.as_str())]);
        let saved = Document::read(text.as_bytes()).unwrap();
        let off = apply(&text, &auth_zone(&saved, &zone(), &[]).unwrap());
        assert_eq!(show(&Document::read(off.as_bytes()).unwrap()).custom_options, before.replace('\n', "\r\n"));
    }

    #[test]
    fn where_it_can_be_asked_is_found() {
        let at = |from: &str, to: &str| listens(&Document::read(CONFIG.replace(from, to).as_bytes()).unwrap());
        let local = |port: u16| Some(SocketAddr::from(([127, 0, 0, 1], port)));
        assert_eq!(at("", ""), local(53));
        let (list, end) = ("<active_interface>lan,opt1,wan,lo0", "</active_interface>");
        assert_eq!(at(list, "<port>5353</port><active_interface>"), local(5353));
        assert_eq!(at(list, "<active_interface>all"), local(53));
        assert_eq!(at(list, "<active_interface>opt7,lan,wan"), Some(SocketAddr::from(([10, 0, 10, 1], 53))));
        assert_eq!(at(&format!("{list}{end}"), "<active_interface>opt7</active_interface>"), None);
        assert_eq!(at("<unbound>\n\t\t<enable></enable>", "<unbound>"), None);
    }

    #[test]
    fn servers_that_nobody_can_ask_are_refused() {
        let document = Document::read(CONFIG.as_bytes()).unwrap();
        for (bad, why) in [(["10.0.10.53", "10.0.10.53"], "named twice"), (["10.0.10.53", "::"], "not an address")] {
            let error = forward(&document, &zone(), &addresses(&bad)).unwrap_err();
            assert!(error.what().contains(why) && auth_zone(&document, &zone(), &addresses(&bad)).is_err(), "{error}");
        }
    }

    #[test]
    fn off_is_off() {
        let text = CONFIG.replace("<unbound>\n\t\t<enable></enable>", "<unbound>");
        let document = Document::read(text.as_bytes()).unwrap();
        assert!(forward(&document, &zone(), &addresses(&["10.0.10.53"])).unwrap_err().to_string().contains("is off"));
        assert!(auth_zone(&document, &zone(), &addresses(&["10.0.10.53"])).unwrap_err().to_string().contains("is off"));
    }
}
