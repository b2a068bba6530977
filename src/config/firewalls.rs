//! The firewalls of a site as written: `[[firewall]]`, `[ssh]`, and how `--host` replaces them.

use super::place::Place;
use super::{D2Places, Firewall, PfsenseConfig, SshConfig};
use crate::error::{Error, Result};
use crate::model::{Destination, HostName};
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::PathBuf;
use toml::Spanned;

/// One firewall. Its own tables hold the paths that differ on it.
#[derive(Deserialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct FirewallSpec {
    name: HostName,
    ssh: Option<Destination>,
    state: Option<PathBuf>,
    #[serde(default)]
    d2: D2Spec,
    #[serde(default)]
    #[cfg_attr(feature = "operator", schemars(with = "PfsenseConfig"))]
    pfsense: toml::Table,
}

#[derive(Deserialize, Default)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct D2Spec {
    config: Option<PathBuf>,
    socket: Option<PathBuf>,
    program: Option<PathBuf>,
    listen: Option<SocketAddr>,
    dhcp4_socket: Option<PathBuf>,
    dhcp6_socket: Option<PathBuf>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(super) struct SshSpec {
    program: PathBuf,
    config: Option<PathBuf>,
    #[cfg_attr(feature = "operator", schemars(with = "String"))]
    hands: Spanned<String>,
}

impl Default for SshSpec {
    fn default() -> Self {
        Self { program: "/usr/bin/ssh".into(), config: None, hands: Spanned::new(0..0, "/usr/local/bin/pfddns".into()) }
    }
}

impl SshSpec {
    /// The remote shell can be any (pfSense's users have tcsh), so only characters that every shell takes literally.
    pub(super) fn checked(self, place: &Place<'_>) -> Result<SshConfig> {
        let good = |it: char| it.is_ascii_alphanumeric() || "/._-".contains(it);
        let hands = self.hands.get_ref();
        if !hands.starts_with('/') || !hands.chars().all(good) {
            let what = format!("`{}` is not an absolute path of letters, digits and `/._-`", hands.escape_debug());
            return Err(place.error(Some(self.hands.span()), &what));
        }
        Ok(SshConfig { program: self.program, config: self.config, hands: self.hands.into_inner() })
    }
}

/// Are the firewalls' own paths those of another machine?
pub(super) fn elsewhere(specs: &[Spanned<FirewallSpec>], hosts: &[Destination]) -> bool {
    !hosts.is_empty() || specs.first().is_some_and(|it| it.get_ref().ssh.is_some())
}

/// The firewalls: those of `--host`, else those of the file, else `plain`, this machine alone. `plain` has what the tables
/// say for all of them.
pub(super) fn resolve(
    place: &Place<'_>,
    plain: &Firewall,
    specs: Vec<Spanned<FirewallSpec>>,
    hosts: &[Destination],
) -> Result<(Firewall, Vec<Firewall>)> {
    let mut listed: Vec<Firewall> = Vec::new();
    for spec in specs {
        let span = spec.span();
        let spec = spec.into_inner();
        if listed.iter().any(|it| it.name == spec.name) {
            return Err(place.error(Some(span), &format!("two firewalls are called `{}`", spec.name)));
        }
        if spec.ssh.is_none() && listed.iter().any(|it| it.ssh.is_none()) {
            return Err(place.error(Some(span), "only one firewall can be this machine: the others need `ssh`"));
        }
        let pfsense = overlaid(&plain.pfsense, spec.pfsense).map_err(|what| place.error(Some(span), &what))?;
        let (own, d2) = (spec.d2, plain.d2.clone());
        listed.push(Firewall {
            d2: D2Places {
                config: own.config.unwrap_or(d2.config),
                socket: own.socket.unwrap_or(d2.socket),
                program: own.program.unwrap_or(d2.program),
                listen: own.listen.unwrap_or(d2.listen),
                dhcp4_socket: own.dhcp4_socket.or(d2.dhcp4_socket),
                dhcp6_socket: own.dhcp6_socket.or(d2.dhcp6_socket),
            },
            state: spec.state.unwrap_or_else(|| plain.state.clone()),
            name: spec.name,
            ssh: spec.ssh,
            pfsense,
        });
    }
    let mut all = if hosts.is_empty() { listed } else { chosen(&listed, hosts, plain)? }.into_iter();
    Ok((all.next().unwrap_or_else(|| plain.clone()), all.collect()))
}

/// The firewalls of `--host`. Journals know a firewall by its name, so one that the file lists keeps it.
fn chosen(listed: &[Firewall], hosts: &[Destination], plain: &Firewall) -> Result<Vec<Firewall>> {
    let called = |name: HostName, host: &Destination| Firewall { name, ssh: Some(host.clone()), ..plain.clone() };
    let mut all: Vec<Firewall> = Vec::new();
    for host in hosts {
        let firewall = match listed.iter().find(|it| it.ssh.as_ref() == Some(host)) {
            Some(known) => known.clone(),
            // The file lists no firewall: this one gets the name that it has when pfddns runs on it.
            None if listed.is_empty() && all.is_empty() => called(plain.name.clone(), host),
            None => called(host.host()?, host),
        };
        if all.iter().any(|it| it.name == firewall.name || it.ssh == firewall.ssh) {
            return Err(Error::usage(format!("--host {host}: the same firewall twice")));
        }
        all.push(firewall);
    }
    Ok(all)
}

/// The tables' values, replaced by those of one firewall where it has its own.
fn overlaid(base: &PfsenseConfig, own: toml::Table) -> std::result::Result<PfsenseConfig, String> {
    if own.is_empty() {
        return Ok(base.clone());
    }
    let mut table = toml::Table::try_from(base).map_err(|error| error.to_string())?;
    table.extend(own);
    table.try_into::<PfsenseConfig>().map_err(|error| error.message().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use std::path::Path;

    const REST: &str = "version = \"v1\"\n[d2]\nhost = \"fw\"\nsocket = \"/run/d2\"\n[[server]]\nname = \"ns1\"\ntype = \"technitium\"\n\
        dns = \"10.0.0.1:53\"\nurl = \"http://x\"\ntoken-file = \"/t\"\n";

    fn with(text: &str, hosts: &[&str]) -> Result<Config> {
        let hosts: Vec<Destination> = hosts.iter().map(|it| Destination::new(it).unwrap()).collect();
        Config::parse_for(Path::new("f.toml"), &format!("{REST}{text}"), &hosts)
    }

    fn names(config: &Config) -> Vec<String> {
        let of = |it: &Firewall| format!("{} {}", it.name, it.ssh.as_ref().map_or("here".into(), ToString::to_string));
        config.firewalls().map(of).collect()
    }

    const PAIR: &str = "[[firewall]]\nname = \"one\"\nssh = \"admin@10.0.0.2\"\n[[firewall]]\nname = \"two\"\nssh = \"admin@10.0.0.3\"\n\
        [firewall.d2]\nsocket = \"/run/other\"\n[firewall.pfsense]\nphp = \"/php\"\n";

    #[test]
    fn this_machine_alone_unless_said_otherwise() {
        let config = with("", &[]).unwrap();
        assert_eq!(names(&config), ["fw here"]);
        assert_eq!(names(&with("", &["admin@gate"]).unwrap()), ["fw admin@gate"]);
        assert_eq!(names(&with("", &["gate", "admin@10.0.0.3"]).unwrap()), ["fw gate", "10.0.0.3 admin@10.0.0.3"]);
    }

    #[test]
    fn each_firewall_has_its_own_places() {
        let config = with(PAIR, &[]).unwrap();
        assert_eq!(names(&config), ["one admin@10.0.0.2", "two admin@10.0.0.3"]);
        let two = HostName::new("two").unwrap();
        let (one, two) = (&config.primary, config.firewall(&two).unwrap());
        assert_eq!((one.name.as_str(), one.d2.socket.to_str().unwrap()), ("one", "/run/d2"));
        assert_eq!((two.name.as_str(), two.d2.socket.to_str().unwrap()), ("two", "/run/other"));
        assert_eq!((one.pfsense.php.to_str(), two.pfsense.php.to_str()), (Some("/usr/local/bin/php"), Some("/php")));
        // A firewall elsewhere is always pfSense, also when this machine is Linux.
        assert_eq!(
            (one.d2.config.to_str(), one.state.to_str()),
            (Some("/usr/local/etc/kea/kea-dhcp-ddns.conf"), Some("/cf/conf/pfddns"))
        );
        assert!(config.firewall(&HostName::new("three").unwrap()).is_err());
        let own = PAIR.replacen("ssh =", "state = \"/own\"\nssh =", 1);
        assert_eq!(
            with(&own, &[]).unwrap().store,
            crate::config::StoreConfig::File { path: "/own/keys.sealed".into(), secret: "dns/ddns".into() }
        );
    }

    #[test]
    fn a_firewall_keeps_its_name_when_named_by_host() {
        assert_eq!(names(&with(PAIR, &["admin@10.0.0.3"]).unwrap()), ["two admin@10.0.0.3"]);
        assert_eq!(names(&with(PAIR, &["new", "admin@10.0.0.2"]).unwrap()), ["new new", "one admin@10.0.0.2"]);
        let error = with(PAIR, &["admin@10.0.0.3", "admin@10.0.0.3"]).unwrap_err();
        assert!(error.what().contains("the same firewall twice"), "{error}");
    }

    #[test]
    fn bad_ones_are_named_with_their_line() {
        for (text, what) in [
            (
                "[[firewall]]\nname = \"a\"\nssh = \"-oProxyCommand=id\"\n",
                "f.toml:13: ssh: `-oProxyCommand=id` is not an ssh destination",
            ),
            (
                "[[firewall]]\nname = \"a\"\n[[firewall]]\nname = \"a\"\nssh = \"x\"\n",
                "f.toml:13: [[firewall]]: two firewalls are called `a`",
            ),
            (
                "[[firewall]]\nname = \"a\"\n[[firewall]]\nname = \"b\"\n",
                "f.toml:13: [[firewall]]: only one firewall can be this machine",
            ),
            ("[[firewall]]\nname = \"a b\"\n", "f.toml:12: name: `a b` is not a short name"),
            ("[[firewall]]\nname = \"a\"\nport = 22\n", "port"),
            ("[[firewall]]\nname = \"a\"\n[firewall.d2]\nhost = \"b\"\n", "unknown field `host`"),
            ("[[firewall]]\nname = \"a\"\n[firewall.pfsense]\nphpp = \"/b\"\n", "unknown field `phpp`"),
            ("[ssh]\nhands = \"pfddns\"\n", "f.toml:12: hands: `pfddns` is not an absolute path"),
            ("[ssh]\nhands = \"/bin/pfddns; id\"\n", "f.toml:12: hands: `/bin/pfddns; id` is not an absolute path"),
            ("[ssh]\nport = 22\n", "unknown field `port`"),
        ] {
            let error = with(text, &[]).err().map_or_else(String::new, |it| it.to_string());
            assert!(error.contains(what), "{text}: {error}");
        }
    }
}
