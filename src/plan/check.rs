//! Facts that can be looked up: what must hold before and after a step, and what a plan was made from.
//! Each variant is one line in `holds`; a check that can't be answered is an error, never true.

use super::{firewall, keys, rewire, supervise};
use crate::config::{Config, PROBE_LABEL};
use crate::error::{Error, Result};
use crate::model::{HostName, KeyName, KeyRef, ServerName, ZoneName, ZoneRules};
use crate::systems::dns::{self, Rtype, Signer, Verdict};
use crate::systems::kea::dhcp::generated::Wiring;
use crate::systems::kea::{self, d2::Installed};
use crate::systems::pfsense::Edit;
use crate::systems::servers::{NameServer, Server};
use crate::systems::store::Store;
use crate::world::{Digest, World};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;

/// A fact.
#[allow(missing_docs, reason = "each variant's sentence names its fields")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", tag = "check")]
pub enum Check {
    /// The configuration says the same as when the plan was made.
    ConfigIs { digest: Digest },
    /// The file has this content (`None`: there is no such file).
    FileIs { host: HostName, path: PathBuf, digest: Option<Digest> },
    /// The secret store is at this version.
    StoreIs { version: u64 },
    /// The store holds the key.
    KeyStored { key: KeyName },
    /// The store does not hold the key.
    KeyNotStored { key: KeyName },
    /// The store says that this key is the one in use.
    CurrentIs { key: Option<KeyName> },
    /// The store says that this key is retired, or is not.
    RetiredIs { key: KeyName, retired: bool },
    /// The server holds the key with the very secret the store has.
    ServerHasKey { server: ServerName, key: KeyRef },
    /// The server does not hold a key of this name.
    ServerLacksKey { server: ServerName, key: KeyName },
    /// The zones have exactly the rows this key needs.
    Granted { server: ServerName, zones: Vec<ZoneName>, key: KeyName },
    /// No zone has a row of this key.
    NotGranted { server: ServerName, zones: Vec<ZoneName>, key: KeyName },
    /// The zone's update rules are these.
    RulesAre { server: ServerName, zone: ZoneName, rules: ZoneRules },
    /// The server accepts an update signed with this key, in each zone.
    KeyAccepted { server: ServerName, zones: Vec<ZoneName>, key: KeyRef },
    /// The server refuses an update signed with this key, in each zone.
    KeyRefused { server: ServerName, zones: Vec<ZoneName>, key: KeyRef },
    /// The server refuses an unsigned update, in each zone.
    UnsignedRefused { server: ServerName, zones: Vec<ZoneName> },
    /// No probe record is left in these zones.
    ProbesGone { server: ServerName, zones: Vec<ZoneName> },
    /// The server has not been restarted since.
    NotRestarted { server: ServerName, started: String },
    /// pfSense's configuration says this.
    FirewallSays { host: HostName, what: String, edits: Vec<Edit> },
    /// pfSense's configuration is the one of this backup, but for its note about the last change.
    FirewallIs { host: HostName, backup: PathBuf },
    /// kea-dhcp4 runs and answers.
    DhcpRuns { host: HostName },
    /// The DNS Resolver answers, if it is on.
    ResolverRuns { host: HostName },
    /// The running kea-dhcp4 sends names to D2 (true), or does not (false).
    DhcpSends { host: HostName, sends: bool },
    /// The file that pfSense generates for kea-dhcp4 has these keys of ours (`None`: none).
    DhcpFileHas { host: HostName, wiring: Option<Box<Wiring>> },
    /// The running kea-dhcp4 sends names to D2 as this says.
    DhcpUses { host: HostName, wiring: Box<Wiring> },
    /// D2's start script is in place and may be run (true), or is not there (false).
    ScriptStands { host: HostName, stands: bool },
    /// D2 answers on its control socket (true), or nobody does (false).
    D2Up { host: HostName, up: bool },
    /// D2's file signs with this key in every domain (`None`: with none).
    D2FileUses { host: HostName, key: Option<KeyName> },
    /// The running D2 signs with this key in every domain (`None`: with none).
    D2Runs { host: HostName, key: Option<KeyName> },
}

impl Check {
    /// The firewall it is about, where it is about one.
    fn host(&self) -> Option<&HostName> {
        match self {
            Self::FirewallSays { host, .. }
            | Self::FirewallIs { host, .. }
            | Self::DhcpRuns { host }
            | Self::DhcpSends { host, .. }
            | Self::DhcpFileHas { host, .. }
            | Self::DhcpUses { host, .. }
            | Self::ScriptStands { host, .. }
            | Self::D2Up { host, .. }
            | Self::D2FileUses { host, .. }
            | Self::D2Runs { host, .. } => Some(host),
            _ => None,
        }
    }

    /// Ok if it holds; otherwise an error that says what was found instead.
    pub async fn holds(&self, config: &Config, world: &World) -> Result<()> {
        let config = &*match self.host() {
            Some(host) => config.on(host)?,
            None => Cow::Borrowed(config),
        };
        match self {
            Self::ConfigIs { digest } => config_is(config, digest),
            Self::FileIs { host, path, digest } => file_is(world, host, path, digest.as_ref()),
            Self::StoreIs { version } => store_is(config, world, *version).await,
            Self::KeyStored { key } => stored(config, world, key, true).await,
            Self::KeyNotStored { key } => stored(config, world, key, false).await,
            Self::CurrentIs { key } => current_is(config, world, key.as_ref()).await,
            Self::RetiredIs { key, retired } => retired_is(config, world, key, *retired).await,
            Self::ServerHasKey { server, key } => server_has_key(config, world, server, key).await,
            Self::ServerLacksKey { server, key } => server_lacks_key(config, world, server, key).await,
            Self::Granted { server, zones, key } => granted(config, world, server, zones, key, true).await,
            Self::NotGranted { server, zones, key } => granted(config, world, server, zones, key, false).await,
            Self::RulesAre { server, zone, rules } => rules_are(config, world, server, zone, rules).await,
            Self::KeyAccepted { server, zones, key } => accepted(config, world, server, zones, key).await,
            Self::KeyRefused { server, zones, key } => refused(config, world, server, zones, Some(key)).await,
            Self::UnsignedRefused { server, zones } => refused(config, world, server, zones, None).await,
            Self::ProbesGone { server, zones } => probes_gone(config, world, server, zones).await,
            Self::NotRestarted { server, started } => not_restarted(config, world, server, started).await,
            Self::FirewallSays { host, what, edits } => firewall::says(config, world, host, what, edits),
            Self::FirewallIs { host, backup } => firewall::is(config, world, host, backup),
            Self::DhcpRuns { host } => firewall::dhcp_runs(config, world, host),
            Self::ResolverRuns { host } => firewall::resolver_runs(config, world, host).await,
            Self::DhcpSends { host, sends } => firewall::dhcp_sends(config, world, host, *sends),
            Self::DhcpFileHas { host, wiring } => rewire::file_has(config, world, host, wiring.as_deref()),
            Self::DhcpUses { host, wiring } => rewire::uses(config, world, host, Some(wiring)),
            Self::ScriptStands { stands, .. } => supervise::script_stands(config, world, *stands),
            Self::D2Up { host, up } => supervise::d2_up(config, world, host, *up),
            Self::D2FileUses { host, key } => d2_file_uses(config, world, host, key.as_ref()),
            Self::D2Runs { host, key } => d2_runs(config, world, host, key.as_ref()),
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ConfigIs { .. } => f.write_str("pfddns.toml says the same as when the plan was made"),
            Self::FileIs { path, digest: Some(digest), .. } => {
                write!(f, "{} is as it was read ({digest})", path.display())
            }
            Self::FileIs { path, digest: None, .. } => write!(f, "there is no {}", path.display()),
            Self::StoreIs { version } => write!(f, "the store is at version {version}"),
            Self::KeyStored { key } => write!(f, "the store holds {key}"),
            Self::KeyNotStored { key } => write!(f, "the store does not hold {key}"),
            Self::CurrentIs { key: Some(key) } => write!(f, "the store names {key} as the key in use"),
            Self::CurrentIs { key: None } => f.write_str("the store names no key as in use"),
            Self::RetiredIs { key, retired: true } => write!(f, "the store names {key} as retired"),
            Self::RetiredIs { key, retired: false } => write!(f, "the store does not name {key} as retired"),
            Self::ServerHasKey { server, key } => {
                write!(f, "{server} holds {} with the secret of {}", key.name, key.secret)
            }
            Self::ServerLacksKey { server, key } => write!(f, "{server} does not hold {key}"),
            Self::Granted { server, zones, key } => write!(f, "{server} lets {key} update {}", many(zones)),
            Self::NotGranted { server, zones, key } => write!(f, "{server} grants {key} nothing in {}", many(zones)),
            Self::RulesAre { server, zone, rules } => write!(f, "{server} has for {zone}: {rules}"),
            Self::KeyAccepted { server, zones, key } => write!(f, "{server} accepts {} in {}", key.name, many(zones)),
            Self::KeyRefused { server, zones, key } => write!(f, "{server} refuses {} in {}", key.name, many(zones)),
            Self::UnsignedRefused { server, zones } => {
                write!(f, "{server} refuses unsigned updates in {}", many(zones))
            }
            Self::ProbesGone { server, zones } => write!(f, "{server} has no probe record in {}", many(zones)),
            Self::NotRestarted { server, started } => write!(f, "{server} is still the process started at {started}"),
            Self::FirewallSays { what, .. } => write!(f, "config.xml says: {what}"),
            Self::FirewallIs { backup, .. } => write!(f, "config.xml is as in {}", backup.display()),
            Self::DhcpRuns { .. } => f.write_str("kea-dhcp4 runs"),
            Self::ResolverRuns { .. } => f.write_str("the DNS Resolver answers"),
            Self::DhcpSends { sends: true, .. } => f.write_str("the running kea-dhcp4 sends names to D2"),
            Self::DhcpSends { sends: false, .. } => f.write_str("the running kea-dhcp4 sends no names to D2"),
            Self::DhcpFileHas { wiring: Some(_), .. } => f.write_str("kea-dhcp4's generated file has our keys"),
            Self::DhcpFileHas { wiring: None, .. } => f.write_str("kea-dhcp4's generated file has no keys of ours"),
            Self::DhcpUses { .. } => f.write_str("the running kea-dhcp4 sends names to D2"),
            Self::ScriptStands { stands: true, .. } => f.write_str("D2's start script is in place"),
            Self::ScriptStands { stands: false, .. } => f.write_str("D2 has no start script"),
            Self::D2Up { up: true, .. } => f.write_str("D2 runs"),
            Self::D2Up { up: false, .. } => f.write_str("D2 does not run"),
            Self::D2FileUses { key: Some(key), .. } => write!(f, "D2's file signs with {key}"),
            Self::D2FileUses { key: None, .. } => f.write_str("D2's file signs with no key"),
            Self::D2Runs { key: Some(key), .. } => write!(f, "the running D2 signs with {key}"),
            Self::D2Runs { key: None, .. } => f.write_str("the running D2 signs with no key"),
        }
    }
}

/// "3 zones" or the one name.
pub fn many(zones: &[ZoneName]) -> String {
    match zones {
        [one] => one.to_string(),
        all => format!("{} zones", all.len()),
    }
}

fn fail<T>(what: impl Into<String>) -> Result<T> {
    Err(Error::new(what))
}

/// Digest of a configuration's meaning: comments and order of the file don't count.
pub fn digest(config: &Config) -> Result<Digest> {
    let text = serde_json::to_vec(config).map_err(|error| Error::new(format!("the configuration: {error}")))?;
    Ok(Digest::of(&text))
}

fn config_is(config: &Config, wanted: &Digest) -> Result<()> {
    if &digest(config)? == wanted { Ok(()) } else { fail("pfddns.toml has changed since the plan was made") }
}

fn file_is(world: &World, host: &HostName, path: &std::path::Path, digest: Option<&Digest>) -> Result<()> {
    let found = world.host(host)?.read_if_there(path)?.map(|bytes| Digest::of(&bytes));
    match (&found, digest) {
        (found, wanted) if found.as_ref() == wanted => Ok(()),
        (None, _) => fail(format!("{} is gone", path.display())),
        (Some(_), None) => fail(format!("{} is there now", path.display())),
        (Some(found), Some(_)) => fail(format!("{} has changed (digest {found})", path.display())),
    }
}

async fn store_is(config: &Config, world: &World, version: u64) -> Result<()> {
    let found = Store::of(config).read(world).await?.version;
    if found == version { Ok(()) } else { fail(format!("the store is at version {found}, not {version}")) }
}

async fn stored(config: &Config, world: &World, key: &KeyName, wanted: bool) -> Result<()> {
    let book = Store::of(config).read(world).await?;
    match (book.keys.iter().any(|it| &it.name == key), wanted) {
        (true, false) => fail(format!("the store holds {key}")),
        (false, true) => fail(format!("the store does not hold {key}")),
        _ => Ok(()),
    }
}

async fn current_is(config: &Config, world: &World, key: Option<&KeyName>) -> Result<()> {
    let book = Store::of(config).read(world).await?;
    if book.current.as_ref() == key {
        return Ok(());
    }
    let name = book.current.map_or_else(|| "no key".to_owned(), |it| it.to_string());
    fail(format!("the store names {name} as the key in use"))
}

async fn retired_is(config: &Config, world: &World, key: &KeyName, retired: bool) -> Result<()> {
    let book = Store::of(config).read(world).await?;
    let found = book.keys.iter().find(|it| &it.name == key);
    let Some(found) = found else { return fail(format!("the store does not hold {key}")) };
    match (found.retired.is_some(), retired) {
        (true, false) => fail(format!("the store names {key} as retired")),
        (false, true) => fail(format!("the store does not name {key} as retired")),
        _ => Ok(()),
    }
}

async fn server_has_key(config: &Config, world: &World, server: &ServerName, key: &KeyRef) -> Result<()> {
    let held = Server::of(config, server)?.keys(world).await?;
    let Some(held) = held.into_iter().find(|it| it.name == key.name) else {
        return fail(format!("{server} does not hold {}", key.name));
    };
    let wanted = keys::secret(config, world, key).await?.fingerprint();
    match held.fingerprint {
        Some(found) if found != wanted => {
            fail(format!("{server} holds {} with another secret (fingerprint {found}, not {wanted})", key.name))
        }
        Some(_) => Ok(()),
        None => fail(format!("{server} does not tell which secret it holds for {}", key.name)),
    }
}

async fn server_lacks_key(config: &Config, world: &World, server: &ServerName, key: &KeyName) -> Result<()> {
    let held = Server::of(config, server)?.keys(world).await?;
    if held.iter().any(|it| &it.name == key) { fail(format!("{server} holds {key}")) } else { Ok(()) }
}

async fn granted(
    config: &Config,
    world: &World,
    server: &ServerName,
    zones: &[ZoneName],
    key: &KeyName,
    wanted: bool,
) -> Result<()> {
    let backend = Server::of(config, server)?;
    for zone in zones {
        let found = backend.rules(world, zone).await?;
        if !wanted {
            if found.grants(key) {
                return fail(format!("{server} still grants {key} something in {zone}"));
            }
            continue;
        }
        let full = backend.normalise(&found.with(key, &config.rows(key, zone)));
        if found != full && !same_rows(&found, &full) {
            return fail(format!("{server} does not let {key} update {zone} as planned; it has {found}"));
        }
    }
    Ok(())
}

/// Rows compare as sets: the servers give them back in their own order.
fn same_rows(one: &ZoneRules, other: &ZoneRules) -> bool {
    one.rows.len() == other.rows.len() && one.rows.iter().all(|row| other.rows.contains(row))
}

/// True if two rule sets say the same.
pub fn same_rules(one: &ZoneRules, other: &ZoneRules) -> bool {
    one.mode == other.mode && one.acl == other.acl && same_rows(one, other)
}

async fn rules_are(
    config: &Config,
    world: &World,
    server: &ServerName,
    zone: &ZoneName,
    rules: &ZoneRules,
) -> Result<()> {
    let backend = Server::of(config, server)?;
    let found = backend.rules(world, zone).await?;
    if same_rules(&found, &backend.normalise(rules)) {
        Ok(())
    } else {
        fail(format!("{server} has for {zone}: {found}"))
    }
}

async fn accepted(config: &Config, world: &World, server: &ServerName, zones: &[ZoneName], key: &KeyRef) -> Result<()> {
    let at = config.server(server)?.dns;
    let secret = keys::secret(config, world, key).await?;
    let signer = Signer { key: &key.name, algorithm: key.algorithm, secret: &secret };
    for zone in zones {
        if let Verdict::Refused(why) = dns::may_update(world, at, zone, Some(&signer)).await? {
            return fail(format!("{server} refused key {} in {zone}: {why}", key.name));
        }
    }
    Ok(())
}

async fn refused(
    config: &Config,
    world: &World,
    server: &ServerName,
    zones: &[ZoneName],
    key: Option<&KeyRef>,
) -> Result<()> {
    let at = config.server(server)?.dns;
    let secret = match key {
        Some(key) => Some(keys::secret(config, world, key).await?),
        None => None,
    };
    let signer =
        key.zip(secret.as_ref()).map(|(key, secret)| Signer { key: &key.name, algorithm: key.algorithm, secret });
    for zone in zones {
        match dns::may_update(world, at, zone, signer.as_ref()).await? {
            Verdict::Refused(why) if why.is_about_the_right() => {}
            Verdict::Refused(why) => {
                return fail(format!(
                    "{server} refused an update of {zone} for another reason than the one to prove: {why}"
                ));
            }
            Verdict::Accepted => {
                let who = key.map_or_else(|| "an unsigned update".to_owned(), |key| format!("key {}", key.name));
                return fail(format!("{server} still accepts {who} in {zone}"));
            }
        }
    }
    Ok(())
}

async fn probes_gone(config: &Config, world: &World, server: &ServerName, zones: &[ZoneName]) -> Result<()> {
    let at = config.server(server)?.dns;
    for zone in zones {
        let name = zone.child(PROBE_LABEL)?;
        for kind in [Rtype::A, Rtype::Ptr] {
            if !dns::held(world, at, &name, kind).await?.is_empty() {
                return fail(format!("{server} still has the probe record {name}"));
            }
        }
    }
    Ok(())
}

async fn not_restarted(config: &Config, world: &World, server: &ServerName, started: &str) -> Result<()> {
    let found = Server::of(config, server)?.standing(world).await?.started;
    if found == started { Ok(()) } else { fail(format!("{server} was restarted at {found}")) }
}

fn d2_file_uses(config: &Config, world: &World, host: &HostName, key: Option<&KeyName>) -> Result<()> {
    let bytes = world.host(host)?.read(&config.d2.config)?;
    let installed = Installed::read(&bytes, &config.d2.config.display().to_string())?;
    uses(&format!("{}", config.d2.config.display()), &installed, key)
}

fn d2_runs(config: &Config, world: &World, host: &HostName, key: Option<&KeyName>) -> Result<()> {
    let installed = kea::daemon::apply::in_use(world.host(host)?, &config.d2.socket)?;
    uses("the running D2", &installed, key)
}

/// Ok if every domain, and every server in it, is signed for with this key (`None`: with none).
pub fn uses(who: &str, installed: &Installed, key: Option<&KeyName>) -> Result<()> {
    if installed.domains.is_empty() && key.is_some() {
        return fail(format!("{who} has no domain at all"));
    }
    for domain in &installed.domains {
        // A server's own key-name outranks its domain's, so it is the servers that count.
        for (_, found) in &domain.servers {
            let same = match (found.as_deref().filter(|it| !it.is_empty()), key) {
                (None, None) => true,
                (Some(found), Some(key)) => kea::d2::installed::same_key(found, key),
                _ => false,
            };
            if !same {
                let found = found.clone().unwrap_or_else(|| "no key".to_owned());
                return fail(format!("{who} signs updates of {} with {found}", domain.zone));
            }
        }
    }
    Ok(())
}
