//! `pfddns.toml`, version "v1", as written. Turned into `Config` at once; nobody else sees these types.

use super::firewalls::{self, FirewallSpec, SshSpec};
use super::place::Place;
use super::zones::{SubnetSpec, ZoneSpec, zones};
use super::{Config, D2Config, D2Places, Firewall, KeyPolicy, PfsenseConfig, ServerConfig, ServerKind, StoreConfig};
use crate::error::Result;
use crate::model::rules::ConflictMode;
use crate::model::{Algorithm, Destination, HostName, ServerName};
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml::Spanned;

#[derive(Deserialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema), schemars(title = "pfddns.toml"))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct File {
    #[cfg_attr(feature = "operator", schemars(with = "String", extend("const" = "v1")))]
    version: Spanned<String>,
    #[serde(default)]
    site: Site,
    #[serde(default)]
    key: Key,
    #[serde(default)]
    store: Option<Store>,
    #[serde(default)]
    d2: D2,
    #[serde(default)]
    pfsense: PfsenseConfig,
    #[serde(default)]
    #[cfg_attr(feature = "operator", schemars(with = "Vec<FirewallSpec>"))]
    firewall: Vec<Spanned<FirewallSpec>>,
    #[serde(default)]
    ssh: SshSpec,
    #[serde(default)]
    #[cfg_attr(feature = "operator", schemars(with = "Vec<Server>"))]
    server: Vec<Spanned<Server>>,
    #[serde(default)]
    #[cfg_attr(feature = "operator", schemars(with = "Vec<ZoneSpec>"))]
    zone: Vec<Spanned<ZoneSpec>>,
    #[serde(default)]
    #[cfg_attr(feature = "operator", schemars(with = "Vec<SubnetSpec>"))]
    subnet: Vec<Spanned<SubnetSpec>>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
struct Site {
    name: String,
    state: Option<PathBuf>,
    ca_file: Option<PathBuf>,
}

impl Default for Site {
    fn default() -> Self {
        Self { name: "site".into(), state: None, ca_file: None }
    }
}

#[derive(Deserialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
struct Key {
    #[cfg_attr(feature = "operator", schemars(with = "String"))]
    prefix: Spanned<String>,
    algorithm: Algorithm,
}

impl Default for Key {
    fn default() -> Self {
        Self { prefix: Spanned::new(0..0, "ddns".into()), algorithm: Algorithm::default() }
    }
}

#[derive(Deserialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields, tag = "type")]
enum Store {
    #[serde(rename_all = "kebab-case")]
    File {
        path: Option<PathBuf>,
        #[serde(default = "default_secret")]
        secret: String,
    },
    #[serde(rename_all = "kebab-case")]
    Vault {
        url: String,
        #[serde(default = "default_mount")]
        mount: String,
        #[serde(default = "default_secret")]
        secret: String,
        token_file: PathBuf,
        namespace: Option<String>,
    },
}

fn default_mount() -> String {
    "secret".into()
}

fn default_secret() -> String {
    "dns/ddns".into()
}

#[derive(Deserialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
struct D2 {
    manage: bool,
    host: HostName,
    config: Option<PathBuf>,
    socket: Option<PathBuf>,
    program: Option<PathBuf>,
    listen: SocketAddr,
    dns_server_timeout_milliseconds: u64,
    dhcp4_socket: Option<PathBuf>,
    dhcp6_socket: Option<PathBuf>,
    #[cfg_attr(feature = "operator", schemars(with = "Option<Vec<String>>"))]
    reserved_names: Option<Spanned<Vec<String>>>,
    conflict_mode: ConflictMode,
}

impl Default for D2 {
    fn default() -> Self {
        Self {
            manage: true,
            host: HostName::new("firewall").unwrap_or_else(|_| unreachable!("a plain word is a host name")),
            config: None,
            socket: None,
            program: None,
            listen: SocketAddr::from(([127, 0, 0, 1], 53001)),
            dns_server_timeout_milliseconds: 1000,
            dhcp4_socket: None,
            dhcp6_socket: None,
            reserved_names: None,
            conflict_mode: ConflictMode::default(),
        }
    }
}

#[derive(Deserialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields, tag = "type")]
enum Server {
    #[serde(rename_all = "kebab-case")]
    Technitium { name: ServerName, dns: SocketAddr, url: String, token_file: PathBuf, save_delay_seconds: Option<f64> },
    #[serde(rename_all = "kebab-case")]
    Bind { name: ServerName, dns: SocketAddr, include_file: PathBuf, rndc: Vec<String> },
}

/// Paths on FreeBSD, or on Linux: state, D2's file, its socket, its program.
fn places(freebsd: bool) -> [&'static str; 4] {
    if freebsd {
        let (config, program) = ("/usr/local/etc/kea/kea-dhcp-ddns.conf", "/usr/local/sbin/kea-dhcp-ddns");
        ["/cf/conf/pfddns", config, "/var/run/kea/kea-ddns-ctrl-socket", program]
    } else {
        let (config, program) = ("/etc/kea/kea-dhcp-ddns.conf", "/usr/sbin/kea-dhcp-ddns");
        ["/var/lib/pfddns", config, "/run/kea/kea-ddns-ctrl-socket", program]
    }
}

/// Reads the text and turns it into the `Config`; errors carry file, line and key. `hosts`: the firewalls to go to,
/// instead of those in the file.
pub(super) fn parse(file: &Path, text: &str, hosts: &[Destination]) -> Result<Config> {
    let place = Place { file, text };
    let spec: File = toml::from_str(text).map_err(|error| place.error(error.span(), error.message()))?;
    if spec.version.get_ref() != "v1" {
        let what = format!("version `{}` is not supported; this program reads \"v1\"", spec.version.get_ref());
        return Err(place.error(Some(spec.version.span()), &what));
    }
    check_prefix(&spec.key.prefix).map_err(|what| place.error(Some(spec.key.prefix.span()), &what))?;
    let servers = servers(&place, spec.server)?;
    let zones = zones(&place, &servers, spec.zone, &spec.subnet)?;
    let d2 = spec.d2;
    if !(50..=60_000).contains(&d2.dns_server_timeout_milliseconds) {
        return Err(place.error(None, "d2.dns-server-timeout-milliseconds must be between 50 and 60000"));
    }
    // A firewall that is reached by ssh is a pfSense, also when this machine is Linux.
    let far = firewalls::elsewhere(&spec.firewall, hosts);
    let [state, d2_config, d2_socket, d2_program] = places(far || cfg!(target_os = "freebsd"));
    let plain = Firewall {
        name: d2.host,
        ssh: None,
        state: spec.site.state.unwrap_or_else(|| state.into()),
        d2: D2Places {
            config: d2.config.unwrap_or_else(|| d2_config.into()),
            socket: d2.socket.unwrap_or_else(|| d2_socket.into()),
            program: d2.program.unwrap_or_else(|| d2_program.into()),
            listen: d2.listen,
            dhcp4_socket: d2.dhcp4_socket,
            dhcp6_socket: d2.dhcp6_socket,
        },
        pfsense: spec.pfsense,
    };
    let (primary, others) = firewalls::resolve(&place, &plain, spec.firewall, hosts)?;
    Ok(Config {
        // Its own file is on the first firewall, whichever that is now.
        store: store(spec.store, &primary.state),
        site: spec.site.name,
        ca_file: spec.site.ca_file,
        key: KeyPolicy { prefix: spec.key.prefix.into_inner().to_ascii_lowercase(), algorithm: spec.key.algorithm },
        d2: D2Config {
            manage: d2.manage,
            timeout: Duration::from_millis(d2.dns_server_timeout_milliseconds),
            reserved_names: reserved(&place, d2.reserved_names)?,
            conflict_mode: d2.conflict_mode,
        },
        primary,
        others,
        ssh: spec.ssh.checked(&place)?,
        servers,
        zones,
        subnets: spec.subnet.iter().map(|it| it.get_ref().network).collect(),
    })
}

/// First labels, in lower case. A dot would make a name that never matches.
fn reserved(place: &Place<'_>, names: Option<Spanned<Vec<String>>>) -> Result<Vec<String>> {
    let Some(names) = names else { return Ok(Vec::new()) };
    let label = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    match names.get_ref().iter().find(|it| it.is_empty() || !it.bytes().all(label)) {
        Some(bad) => {
            Err(place.error(Some(names.span()), &format!("`{bad}` is not the first part of a name, like \"nas\"")))
        }
        None => Ok(names.into_inner().iter().map(|it| it.to_ascii_lowercase()).collect()),
    }
}

fn check_prefix(prefix: &Spanned<String>) -> std::result::Result<(), String> {
    let text = prefix.get_ref();
    let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if text.is_empty() || text.len() > 40 || !text.bytes().all(good) {
        return Err(format!("`{text}` can't be the start of a key's name: use 1 to 40 letters, digits or `-`"));
    }
    Ok(())
}

fn store(store: Option<Store>, state: &Path) -> StoreConfig {
    let beside = |path: Option<PathBuf>| path.unwrap_or_else(|| state.join("keys.sealed"));
    match store {
        None => StoreConfig::File { path: beside(None), secret: default_secret() },
        Some(Store::File { path, secret }) => StoreConfig::File { path: beside(path), secret },
        Some(Store::Vault { url, mount, secret, token_file, namespace }) => StoreConfig::Vault {
            url: url.trim_end_matches('/').to_owned(),
            mount: mount.trim_matches('/').to_owned(),
            secret: secret.trim_matches('/').to_owned(),
            token_file,
            namespace,
        },
    }
}

fn servers(place: &Place<'_>, specs: Vec<Spanned<Server>>) -> Result<Vec<ServerConfig>> {
    let mut servers: Vec<ServerConfig> = Vec::new();
    for spec in specs {
        let span = spec.span();
        let server = match spec.into_inner() {
            Server::Technitium { name, dns, url, token_file, save_delay_seconds } => {
                if !url.starts_with("http://") && !url.starts_with("https://") {
                    return Err(
                        place.error(Some(span), &format!("server {name}: url must begin with http:// or https://"))
                    );
                }
                let delay = save_delay_seconds.map(Duration::try_from_secs_f64).transpose();
                let save_delay =
                    delay.map_err(|_| place.error(Some(span.clone()), "save-delay-seconds is not a time"))?;
                let url = url.trim_end_matches('/').to_owned();
                ServerConfig { name, dns, kind: ServerKind::Technitium { url, token_file, save_delay } }
            }
            Server::Bind { name, dns, include_file, rndc } => {
                if !rndc.first().is_some_and(|program| program.starts_with('/')) {
                    return Err(
                        place.error(Some(span), &format!("server {name}: rndc must begin with an absolute path"))
                    );
                }
                ServerConfig { name, dns, kind: ServerKind::Bind { include_file, rndc } }
            }
        };
        if servers.iter().any(|it| it.name == server.name) {
            return Err(place.error(Some(span), &format!("two servers are called `{}`", server.name)));
        }
        servers.push(server);
    }
    Ok(servers)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = include_str!("../../templates/pfddns.toml");

    fn config(text: &str) -> Result<Config> {
        parse(Path::new("pfddns.toml"), text, &[])
    }

    fn wrong(from: &str, to: &str) -> String {
        assert!(TEMPLATE.contains(from), "{from}");
        config(&TEMPLATE.replacen(from, to, 1)).unwrap_err().to_string()
    }

    #[test]
    fn the_template_is_a_configuration() {
        let config = config(TEMPLATE).unwrap();
        let zones: Vec<String> = config.zones.iter().map(|zone| zone.name.to_string()).collect();
        assert_eq!(zones, ["lan.example.", "10.0.10.in-addr.arpa."]);
        assert_eq!(config.key.prefix, "ddns");
    }

    #[test]
    fn every_option_of_the_template_exists() {
        let on: String = TEMPLATE
            .lines()
            .map(|line| match line.strip_prefix('#') {
                Some(option) if !option.starts_with(' ') => format!("{option}\n"),
                _ => format!("{line}\n"),
            })
            .collect();
        config(&on).unwrap();
    }

    #[test]
    fn errors_name_file_line_and_key() {
        let unknown = wrong("[key]", "[key]\ncolour = \"red\"");
        let line = 2 + TEMPLATE.lines().position(|line| line == "[key]").unwrap();
        assert!(unknown.starts_with(&format!("pfddns.toml:{line}: colour: unknown field `colour`")), "{unknown}");
        let deep = wrong("token-file = \"/cf/conf/pfddns/ns1", "tokenfile = \"/cf/conf/pfddns/ns1");
        let line = 1 + TEMPLATE.lines().position(|line| line.starts_with("token-file")).unwrap();
        assert!(deep.starts_with(&format!("pfddns.toml:{line}: tokenfile: unknown field `tokenfile`")), "{deep}");
        let server = wrong("#servers = [\"ns1\"]", "servers = [\"ns9\"]");
        assert!(server.contains("servers: no [[server]] is called `ns9`"), "{server}");
        let version = wrong("version = \"v1\"", "version = \"v2\"");
        assert!(version.starts_with("pfddns.toml:5: version: version `v2` is not supported"), "{version}");
        let empty = wrong("sources = [\"10.0.10.1\"]", "sources = []");
        assert!(empty.contains("sources must name at least one address"), "{empty}");
        let missing = wrong("version = \"v1\"", "");
        assert!(missing.contains("missing field `version`"), "{missing}");
        let bits = wrong("10.0.10.0/24\"\n", "10.0.10.1/24\"\n");
        assert!(bits.contains("host bits set"), "{bits}");
    }
}
