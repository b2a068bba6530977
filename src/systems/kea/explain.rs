//! `kea explain NAME|IP`: the path of an update for a name or an address: DHCP scope, D2 domain, servers in order, key,
//! conflict mode, and why. Pure; works the same with files and with the answers of running daemons.

use super::d2::installed::{Installed, InstalledDomain, same_key};
use super::d2::routes::Routes;
use super::dhcp::{Dhcp, Scope};
use super::lint::is_reserved;
use crate::error::Result;
use crate::model::rules::ConflictMode as Mode;
use crate::model::{DomainName, KeyName, network::reverse_name};
use serde::Serialize;
use std::net::{IpAddr, SocketAddr};

/// The question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// A name: full, or short as a client sends it.
    Name(String),
    /// A leased address.
    Address(IpAddr),
}

impl Asked {
    /// An address if it looks like one, a name otherwise.
    pub fn parse(text: &str) -> Self {
        text.parse().map_or_else(|_| Self::Name(text.to_owned()), Self::Address)
    }
}

/// The path of an update.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
pub struct Explanation {
    /// What was asked.
    pub asked: String,
    /// The full name D2 would be sent, if a name was asked.
    pub name: Option<String>,
    /// The subnet, if an address was asked or there is only one.
    pub subnet: Option<String>,
    /// Conflict mode of the subnet.
    pub mode: &'static str,
    /// The half that writes A or AAAA.
    pub forward: Route,
    /// The half that writes PTR.
    pub reverse: Route,
    /// True if D2 drops the whole request.
    pub dropped: bool,
    /// Why, in order, one sentence each.
    pub why: Vec<String>,
}

/// One half of an update.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", tag = "result")]
pub enum Route {
    /// Sent to these servers, each tried three times before the next.
    Sent {
        /// D2's domain, which is the zone of the update.
        domain: String,
        /// Servers in order, with the key that signs.
        servers: Vec<Hop>,
        /// Record types the key must be allowed to write.
        needs: Vec<&'static str>,
    },
    /// Not done; the rest of the update continues.
    Skipped,
    /// No domain fits.
    NoMatch,
    /// It depends on the other part (the name for an address, the address for a name).
    Unknown,
}

/// One server of a route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
pub struct Hop {
    /// Where to.
    pub server: SocketAddr,
    /// The key, as written; unsigned if none.
    pub key: Option<String>,
    /// Its algorithm, if the key is defined.
    pub algorithm: Option<String>,
    /// Fingerprint of its secret.
    pub fingerprint: Option<String>,
}

/// Explains one name or address. `dhcp` is the server that sends to this D2; without it only D2's half is explained.
pub fn explain(asked: &Asked, d2: &Installed, dhcp: &[Dhcp], reserved: &[String]) -> Result<Explanation> {
    let routes = Routes::of(d2);
    let mut why = Vec::new();
    let scope = scope(asked, dhcp, &mut why);
    let mode = scope.map_or(Mode::default(), |it| it.mode.value);
    let name = match asked {
        Asked::Name(text) => Some(full_name(text, scope, &mut why)?),
        Asked::Address(_) => {
            scope.filter(|it| !it.suffix.value.is_empty()).map(|it| format!("CLIENT.{}", dotted(&it.suffix.value)))
        }
    };
    if let Some(name) = name.as_deref().filter(|it| is_reserved(it, reserved)) {
        why.push(format!("{name} begins with a name that other machines look up and trust"));
    }
    let (forward, no_forward) = half(&routes, d2, name.as_deref(), mode, false, &mut why);
    let address = match asked {
        Asked::Address(ip) => Some(reverse_name(*ip)?.to_string()),
        Asked::Name(_) => None,
    };
    let (reverse, no_reverse) = half(&routes, d2, address.as_deref(), mode, true, &mut why);
    let dropped = no_forward || no_reverse;
    if dropped {
        why.push("if one half of a request finds no domain, D2 drops the whole request and never tries again".into());
    }
    Ok(Explanation {
        asked: match asked {
            Asked::Name(text) => text.clone(),
            Asked::Address(ip) => ip.to_string(),
        },
        name,
        subnet: scope.and_then(|it| it.network).map(|it| it.to_string()),
        mode: mode.name(),
        forward,
        reverse,
        dropped,
        why,
    })
}

/// The scope an update would come from, with the reasons why none may come at all.
fn scope<'a>(asked: &Asked, dhcp: &'a [Dhcp], why: &mut Vec<String>) -> Option<&'a Scope> {
    for server in dhcp.iter().filter(|it| !it.enabled.value) {
        why.push(format!("kea-dhcp{} sends no updates: `enable-updates` is off", server.family));
    }
    let found = match asked {
        Asked::Address(ip) => dhcp.iter().find_map(|it| it.scope_of(*ip)),
        Asked::Name(name) => {
            let all = || dhcp.iter().flat_map(|it| &it.scopes);
            let suits = |it: &&Scope| {
                !it.suffix.value.is_empty()
                    && dotted(name)
                        .to_ascii_lowercase()
                        .ends_with(&format!(".{}", dotted(&it.suffix.value).to_ascii_lowercase()))
            };
            all().filter(suits).max_by_key(|it| it.suffix.value.len()).or_else(|| all().next())
        }
    };
    match (found, asked) {
        (Some(scope), _) => {
            if !scope.send.value {
                why.push(format!("subnet {} has `ddns-send-updates` off", scope.id));
            }
            if scope.mode.span.is_none() {
                why.push(format!("no conflict mode is configured: the default is {}", scope.mode.value.name()));
            }
        }
        (None, Asked::Address(ip)) if !dhcp.is_empty() => why.push(format!("{ip} is in no subnet of the DHCP server")),
        _ => {}
    }
    found
}

/// The name as kea-dhcp4 sends it: a bare one gets the suffix, every one its final dot.
fn full_name(text: &str, scope: Option<&Scope>, why: &mut Vec<String>) -> Result<String> {
    let bare = !text.trim_end_matches('.').contains('.');
    let suffix = scope.map(|it| it.suffix.value.as_str()).unwrap_or_default();
    let name = if bare && !suffix.is_empty() {
        why.push(format!("a short name gets the subnet's suffix {suffix}"));
        format!("{}.{}", text.trim_end_matches('.'), dotted(suffix))
    } else {
        dotted(text)
    };
    Ok(DomainName::new(&name)?.to_string())
}

/// One half, and whether it makes D2 drop the request.
fn half(
    routes: &Routes<'_>,
    d2: &Installed,
    name: Option<&str>,
    mode: Mode,
    reverse: bool,
    why: &mut Vec<String>,
) -> (Route, bool) {
    let what = if reverse { "reverse" } else { "forward" };
    if !routes.enabled(reverse) {
        why.push(format!("D2 has no {what} domains: this half is skipped"));
        return (Route::Skipped, false);
    }
    let Some(name) = name else { return (Route::Unknown, false) };
    let Some(domain) = routes.find(name, reverse) else {
        why.push(format!("no {what} domain of D2 matches {name}{}", near_miss(d2, name, reverse)));
        return (Route::NoMatch, true);
    };
    why.push(if domain.zone == "*" {
        format!("{name} matches no named {what} domain: the catch-all `*` is used")
    } else {
        format!("{} is the longest {what} domain that matches {name}", domain.zone)
    });
    let servers: Vec<Hop> = domain.servers.iter().map(|it| hop(d2, it)).collect();
    if servers.iter().any(|it| it.key.is_none()) {
        why.push(format!("updates for {} are not signed at every server", domain.zone));
    }
    (Route::Sent { domain: domain.zone.clone(), servers, needs: mode.types(reverse).to_vec() }, false)
}

/// A domain that would match with a final dot.
fn near_miss(d2: &Installed, name: &str, reverse: bool) -> String {
    let lower = name.to_ascii_lowercase();
    let dotless = |it: &&InstalledDomain| {
        it.reverse == reverse
            && !it.zone.ends_with('.')
            && lower.ends_with(&format!(".{}.", it.zone.to_ascii_lowercase()))
    };
    d2.domains
        .iter()
        .find(dotless)
        .map(|it| format!("; `{}` would match with a final dot", it.zone))
        .unwrap_or_default()
}

fn hop(d2: &Installed, (server, key): &(SocketAddr, Option<String>)) -> Hop {
    let name = key.as_deref().and_then(|it| KeyName::new(it).ok());
    let exact = d2.keys.iter().find(|it| Some(&it.name) == key.as_ref());
    let known = exact.or_else(|| d2.keys.iter().find(|it| name.as_ref().is_some_and(|name| same_key(&it.name, name))));
    Hop {
        server: *server,
        key: key.clone(),
        algorithm: known.map(|it| it.algorithm.clone()),
        fingerprint: known.and_then(|it| it.fingerprint.as_ref()).map(ToString::to_string),
    }
}

fn dotted(name: &str) -> String {
    if name.ends_with('.') { name.to_owned() } else { format!("{name}.") }
}

impl std::fmt::Display for Explanation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.asked)?;
        if let Some(name) = self.name.as_ref().filter(|it| **it != self.asked) {
            write!(f, " → {name}")?;
        }
        writeln!(f)?;
        if let Some(subnet) = &self.subnet {
            writeln!(f, "  subnet   {subnet}")?;
        }
        writeln!(f, "  mode     {}", self.mode)?;
        for (title, route) in [("forward", &self.forward), ("reverse", &self.reverse)] {
            match route {
                Route::Sent { domain, servers, needs } => {
                    writeln!(f, "  {title}  zone {domain}, needs {}", needs.join(" "))?;
                    for hop in servers {
                        let key = hop.key.as_deref().unwrap_or("no key: unsigned");
                        let print = hop.fingerprint.as_deref().map(|it| format!(" ({it})")).unwrap_or_default();
                        writeln!(f, "           {} with {key}{print}", hop.server)?;
                    }
                }
                Route::Skipped => writeln!(f, "  {title}  not done")?,
                Route::NoMatch => writeln!(f, "  {title}  no domain matches: dropped")?,
                Route::Unknown if title == "reverse" => {
                    writeln!(f, "  {title}  depends on the address: ask for the address")?
                }
                Route::Unknown => writeln!(f, "  {title}  depends on the name: ask for the name")?,
            }
        }
        self.why.iter().try_for_each(|it| writeln!(f, "  because  {it}"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::text::Document;
    use super::*;

    const D2: &str = r#"{"DhcpDdns":{"tsig-keys":[{"name":"k1","algorithm":"HMAC-SHA256","secret":"QQ=="}],
      "forward-ddns":{"ddns-domains":[
        {"name":"lan.example.","key-name":"k1","dns-servers":[{"ip-address":"192.0.2.53"},{"ip-address":"192.0.2.54"}]},
        {"name":"guest.example","dns-servers":[{"ip-address":"192.0.2.53"}]}]},
      "reverse-ddns":{"ddns-domains":[{"name":"2.0.192.in-addr.arpa.","key-name":"k1","dns-servers":[{"ip-address":"192.0.2.53"}]}]}}}"#;
    const DHCP: &str = r#"{"Dhcp4":{"dhcp-ddns":{"enable-updates":true},"ddns-qualifying-suffix":"lan.example.",
      "subnet4":[{"id":1,"subnet":"192.0.2.0/24"},{"id":2,"subnet":"198.51.100.0/24","ddns-qualifying-suffix":"guest.example"}]}}"#;

    fn ask(text: &str) -> Explanation {
        let d2 = Installed::read(D2.as_bytes(), "f").unwrap();
        let dhcp = Dhcp::read(&Document::parse(DHCP.as_bytes(), "f").unwrap()).unwrap();
        explain(&Asked::parse(text), &d2, &[dhcp], &[]).unwrap()
    }

    #[test]
    fn a_bare_name_goes_to_its_suffix() {
        let found = ask("Printer");
        assert_eq!(found.name.as_deref(), Some("printer.lan.example."));
        let Route::Sent { domain, servers, needs } = &found.forward else { panic!("{found}") };
        assert_eq!((domain.as_str(), servers.len(), needs.as_slice()), ("lan.example.", 2, ["ANY"].as_slice()));
        assert_eq!(servers[0].fingerprint, Some(crate::secret::Secret::new("QQ==").fingerprint().to_string()));
        assert_eq!((&found.reverse, found.dropped), (&Route::Unknown, false));
        assert!(!found.to_string().contains("QQ=="));
    }

    #[test]
    fn a_missing_dot_and_a_missing_reverse_zone_are_named() {
        let found = ask("x.guest.example");
        assert_eq!((&found.forward, found.dropped), (&Route::NoMatch, true));
        assert!(found.why.iter().any(|it| it.contains("would match with a final dot")), "{found}");
        let found = ask("198.51.100.7");
        assert_eq!((&found.reverse, found.dropped), (&Route::NoMatch, true));
        assert_eq!(found.subnet.as_deref(), Some("198.51.100.0/24"));
        assert!(ask("203.0.113.9").why.iter().any(|it| it.contains("is in no subnet")));
    }

    #[test]
    fn an_address_tells_both_halves() {
        let found = ask("192.0.2.7");
        assert_eq!(found.name.as_deref(), Some("CLIENT.lan.example."));
        assert!(matches!(&found.reverse, Route::Sent { domain, .. } if domain == "2.0.192.in-addr.arpa."));
        assert!(matches!(&found.forward, Route::Sent { domain, .. } if domain == "lan.example."));
    }
}
