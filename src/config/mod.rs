//! The configuration everyone uses. How the file is written is in `v1`; nothing here reads the environment.

mod firewalls;
mod place;
mod v1;
mod zones;

use crate::error::{Error, Result};
use crate::model::rules::ConflictMode;
use crate::model::{Algorithm, Destination, GrantRow, HostName, KeyName, Network, ServerName, ZoneName};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where the configuration is stored unless `--config` says otherwise.
pub const DEFAULT_PATH: &str =
    if cfg!(target_os = "freebsd") { "/usr/local/etc/pfddns/pfddns.toml" } else { "/etc/pfddns/pfddns.toml" };

/// The label that probes write below a zone and remove again. It has no underscore: BIND's check-names refuses an
/// address record at a name with one.
pub const PROBE_LABEL: &str = "pfddns-probe";

/// The label that is registered through D2, to see it arrive. Another one than the direct probe's, whose record is ours
/// alone to remove.
pub const D2_PROBE_LABEL: &str = "pfddns-d2-probe";

/// One site: firewalls, servers, zones, and where pfddns keeps its own files.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct Config {
    /// The site's name, shown in plans.
    pub site: String,
    /// PEM file with certificates that are trusted besides the system's, for the servers' APIs and the store.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// How keys are made.
    pub key: KeyPolicy,
    /// Where secrets are stored.
    pub store: StoreConfig,
    /// What is the same for each firewall's D2.
    pub d2: D2Config,
    /// The first firewall: journals, the store, BIND and the synchronised part of config.xml are its.
    pub primary: Firewall,
    /// The other firewalls of an HA pair.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<Firewall>,
    /// How firewalls elsewhere are reached.
    #[serde(skip_serializing_if = "SshConfig::is_default")]
    pub ssh: SshConfig,
    /// DNS servers, in the order of the file.
    pub servers: Vec<ServerConfig>,
    /// Forward zones, then the reverse zones derived from the subnets; each zone once.
    pub zones: Vec<ZoneConfig>,
    /// Subnets of the DHCP clients.
    pub subnets: Vec<Network>,
}

/// One firewall of the site.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct Firewall {
    /// Its name in plans, journals and reports.
    pub name: HostName,
    /// Where it is reached; `None`: it is this machine.
    pub ssh: Option<Destination>,
    /// Folder of its backups; on the first one also of journals, the bypass and the local store. Mode 0700.
    pub state: PathBuf,
    /// Where its D2 is.
    pub d2: D2Places,
    /// Its own configuration.
    pub pfsense: PfsenseConfig,
}

/// A time as a number; the key says the unit.
mod milliseconds {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::time::Duration;

    pub fn serialize<S: Serializer>(time: &(impl Into<Option<Duration>> + Copy), to: S) -> Result<S::Ok, S::Error> {
        (*time).into().map(|it| it.as_millis() as u64).serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
        Ok(Option::deserialize(from)?.map(Duration::from_millis))
    }
}

/// How ssh is used.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct SshConfig {
    /// OpenSSH's client.
    pub program: PathBuf,
    /// Another file than ~/.ssh/config.
    pub config: Option<PathBuf>,
    /// `pfddns` on the firewalls.
    pub hands: String,
}

impl SshConfig {
    fn is_default(&self) -> bool {
        self.program == Path::new("/usr/bin/ssh") && self.config.is_none() && self.hands == "/usr/local/bin/pfddns"
    }
}

/// How keys are named and made.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct KeyPolicy {
    /// First part of each key's name; a date and a letter follow.
    pub prefix: String,
    /// Algorithm of new keys.
    pub algorithm: Algorithm,
}

/// The secret store.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", tag = "type")]
pub enum StoreConfig {
    /// A sealed file on the firewall.
    File {
        /// The sealed file; its key is stored next to it, with the suffix `.key`.
        path: PathBuf,
        /// Name of the secret inside the store.
        secret: String,
    },
    /// Vault or OpenBao, KV version 2.
    Vault {
        /// Base URL without `/v1`.
        url: String,
        /// Mount of the KV v2 engine.
        mount: String,
        /// Path of the secret below the mount.
        secret: String,
        /// File that holds the token, mode 0600.
        token_file: PathBuf,
        /// Namespace, if any.
        namespace: Option<String>,
    },
}

/// Kea's DDNS daemon (D2) and the DHCP server that feeds it, as the site wants them.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct D2Config {
    /// False if pfddns must not change D2: then it changes only the DNS servers and the store.
    pub manage: bool,
    /// Wait for a DNS answer, per try.
    #[serde(rename = "timeout-ms", serialize_with = "milliseconds::serialize")]
    #[cfg_attr(feature = "operator", schemars(with = "u64"))]
    pub timeout: Duration,
    /// First labels that no client should get, in lower case, besides those reserved on every network.
    pub reserved_names: Vec<String>,
    /// What kea-dhcp4 is told about names that exist already; decides which record types a key must be granted.
    pub conflict_mode: ConflictMode,
}

/// Where D2 and the DHCP servers are on one firewall.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct D2Places {
    /// `kea-dhcp-ddns.conf`
    pub config: PathBuf,
    /// Its control socket, as written into the file.
    pub socket: PathBuf,
    /// `kea-dhcp-ddns`, for `-t`.
    pub program: PathBuf,
    /// Where it takes requests from kea-dhcp4.
    pub listen: SocketAddr,
    /// kea-dhcp4's control socket: if set, DHCP is paused for the milliseconds of a reload.
    pub dhcp4_socket: Option<PathBuf>,
    /// kea-dhcp6's, if it feeds the same D2.
    pub dhcp6_socket: Option<PathBuf>,
}

/// Who writes config.xml.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Writer {
    /// This program: only the touched lines change.
    Pfddns,
    /// pfSense's PHP: it writes the whole file, and the hooks of `write_config()` run.
    Pfsense,
}

/// pfSense's configuration on the firewall of D2.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct PfsenseConfig {
    /// `config.xml`
    pub config: PathBuf,
    /// Who writes it.
    pub writer: Writer,
    /// pfSense's lock for it.
    pub lock: PathBuf,
    /// pfSense's serialised copy of it.
    pub cache: PathBuf,
    /// pfSense's own backups.
    pub restore_points: PathBuf,
    /// pfSense's PHP, which rebuilds and restarts its services. Absent: changes wait for pfSense's next save.
    pub php: PathBuf,
    /// The script that starts D2, in the folder whose `*.sh` pfSense runs at boot.
    pub d2_script: PathBuf,
    /// Folder of D2's pid file and control socket.
    pub kea_run: PathBuf,
    /// The configuration pfSense writes for kea-dhcp4.
    pub kea_dhcp4_config: PathBuf,
    /// `kea-dhcp4`, for `-t`.
    pub kea_dhcp4_program: PathBuf,
    /// pfSense's lock while it rebuilds that file and restarts kea-dhcp4.
    pub dhcp_lock: PathBuf,
}

impl Default for PfsenseConfig {
    fn default() -> Self {
        Self {
            config: "/cf/conf/config.xml".into(),
            writer: Writer::Pfddns,
            lock: "/tmp/config.lock".into(),
            cache: "/tmp/config.cache".into(),
            restore_points: "/cf/conf/backup".into(),
            php: "/usr/local/bin/php".into(),
            d2_script: "/usr/local/etc/rc.d/pfddns_d2.sh".into(),
            kea_run: "/var/run/kea".into(),
            kea_dhcp4_config: "/usr/local/etc/kea/kea-dhcp4.conf".into(),
            kea_dhcp4_program: "/usr/local/sbin/kea-dhcp4".into(),
            dhcp_lock: "/tmp/dhcpdconfigure.lock".into(),
        }
    }
}

/// One DNS server that takes updates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct ServerConfig {
    /// Its name in plans and reports.
    pub name: ServerName,
    /// Its DNS port.
    pub dns: SocketAddr,
    /// What it is and how it is managed.
    #[serde(flatten)]
    pub kind: ServerKind,
}

/// How a server is managed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", tag = "type")]
pub enum ServerKind {
    /// Technitium DNS Server 13.6 to 15.2, by its HTTP API.
    Technitium {
        /// Base URL, `http://ns1:5380` or `https://…`.
        url: String,
        /// File that holds an API token, mode 0600.
        token_file: PathBuf,
        /// Longest time from a change to the file on its disk; `None`: by version (13.6 10 s, later 5 s).
        #[serde(rename = "save-delay-ms", with = "milliseconds")]
        #[cfg_attr(feature = "operator", schemars(with = "Option<u64>"))]
        save_delay: Option<Duration>,
    },
    /// BIND 9 on the firewall or this machine, by one include file and `rndc`.
    Bind {
        /// File with our keys and ACLs, included once by named.conf.
        include_file: PathBuf,
        /// rndc and its options, absolute path first.
        rndc: Vec<String>,
    },
}

/// A zone that clients' names or addresses are written into.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct ZoneConfig {
    /// Its name.
    pub name: ZoneName,
    /// The servers that take updates for it, in D2's order.
    pub servers: Vec<ServerName>,
    /// Addresses or networks that may send updates.
    pub sources: Vec<String>,
}

/// The schema of pfddns.toml.
#[cfg(feature = "operator")]
pub fn schema() -> schemars::Schema {
    schemars::generate::SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<v1::File>()
}

impl Config {
    /// Reads the file's text. Errors name the file, the line and the key, and end the program with exit code 2.
    pub fn parse(file: &Path, text: &str) -> Result<Self> {
        v1::parse(file, text, &[])
    }

    /// The same, for these firewalls instead of those in the file.
    pub fn parse_for(file: &Path, text: &str, hosts: &[Destination]) -> Result<Self> {
        v1::parse(file, text, hosts)
    }

    /// All firewalls, the first one first.
    pub fn firewalls(&self) -> impl Iterator<Item = &Firewall> {
        std::iter::once(&self.primary).chain(&self.others)
    }

    /// All firewalls by name.
    pub fn names(&self) -> String {
        self.firewalls().map(|it| it.name.to_string()).collect::<Vec<_>>().join(", ")
    }

    /// The firewall of this name.
    pub fn firewall(&self, name: &HostName) -> Result<&Firewall> {
        self.firewalls().find(|it| &it.name == name).ok_or_else(|| {
            Error::usage(format!("no firewall is called `{name}`")).hint("see [[firewall]] in pfddns.toml")
        })
    }

    /// An error with the name of this firewall, where there are several.
    pub fn named(&self, firewall: &Firewall, error: Error) -> Error {
        if self.others.is_empty() { error } else { error.while_doing(format!("looking at {}", firewall.name)) }
    }

    /// ` on NAME`, where there are several firewalls.
    pub fn on(&self, firewall: &Firewall) -> String {
        if self.others.is_empty() { String::new() } else { format!(" on {}", firewall.name) }
    }

    /// The server of this name.
    pub fn server(&self, name: &ServerName) -> Result<&ServerConfig> {
        let found = self.servers.iter().find(|it| &it.name == name);
        found.ok_or_else(|| Error::usage(format!("no server is called `{name}`")).hint("see [[server]] in pfddns.toml"))
    }

    /// The zone of this name.
    pub fn zone(&self, name: &ZoneName) -> Result<&ZoneConfig> {
        let found = self.zones.iter().find(|it| &it.name == name);
        found.ok_or_else(|| {
            Error::usage(format!("zone {name} is not managed here")).hint("see [[zone]] and [[subnet]] in pfddns.toml")
        })
    }

    /// Every pair of server and zone that takes updates, server by server.
    pub fn pairs(&self) -> impl Iterator<Item = (&ServerConfig, &ZoneConfig)> {
        self.servers.iter().flat_map(|server| {
            self.zones.iter().filter(|zone| zone.servers.contains(&server.name)).map(move |zone| (server, zone))
        })
    }

    /// The rows a key needs in a zone: everything below the apex, with the types D2 writes there.
    pub fn rows(&self, key: &KeyName, zone: &ZoneName) -> Vec<GrantRow> {
        let types = self.d2.conflict_mode.types(zone.is_reverse()).iter().map(ToString::to_string).collect();
        vec![GrantRow { key: key.clone(), name: format!("*.{}", zone.without_dot()), types }]
    }

    /// Longest time D2 may still work at an update it has begun: both directions, three tries at each server
    /// (Kea's constant), twice over for the add-then-replace steps of the check modes.
    pub fn in_flight_bound(&self) -> Duration {
        let servers = self.zones.iter().map(|zone| zone.servers.len()).max().unwrap_or(1);
        let rounds = if self.d2.conflict_mode.checks() { 2 } else { 1 };
        self.d2.timeout * u32::try_from(2 * 3 * servers * rounds).unwrap_or(u32::MAX)
    }
}
