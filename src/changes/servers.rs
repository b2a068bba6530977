//! Keys and update rules on the DNS servers: adds and removes them, and waits until they are on disk. Each change may be
//! made twice.

use super::{Evidence, Nature, Step, Undo, secrets};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::model::words::{count, have, many};
use crate::model::{KeyName, KeyRef, ServerName, UpdateMode, ZoneName, ZoneRules};
use crate::systems::servers::{NameServer, Server, Standing};
use crate::world::World;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// A change on a DNS server.
#[allow(missing_docs, reason = "each variant's sentence names its fields")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema), schemars(rename = "ServersChange"))]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", tag = "change")]
pub enum Change {
    /// Adds the key to a server.
    AddServerKey { server: ServerName, key: KeyRef },
    /// Removes the key from a server.
    RemoveServerKey { server: ServerName, key: KeyName },
    /// Lets the key update these zones; rows of other keys stay.
    Grant { server: ServerName, zones: Vec<ZoneName>, key: KeyName },
    /// Removes the key's rows; rows of other keys stay. Never leaves a zone without any row.
    Revoke { server: ServerName, zones: Vec<ZoneName>, key: KeyName },
    /// Sets the update rules of one zone, if they are still `replaces`.
    SetRules { server: ServerName, zone: ZoneName, replaces: ZoneRules, rules: ZoneRules },
    /// Waits until the servers have everything on disk; a server that restarted meanwhile is given the key again.
    Settle {
        servers: Vec<ServerName>,
        zones: Vec<ZoneName>,
        present: Option<KeyRef>,
        absent: Option<KeyName>,
        /// A second key that must be there: a server may come back from a restart without any.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        keep: Option<KeyRef>,
    },
}

/// A fact about a DNS server.
#[allow(missing_docs, reason = "each variant's sentence names its fields")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema), schemars(rename = "ServersCheck"))]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", tag = "check")]
pub enum Check {
    /// The server has the key with the same secret as the store.
    ServerHasKey { server: ServerName, key: KeyRef },
    /// The server has no key of this name.
    ServerLacksKey { server: ServerName, key: KeyName },
    /// The zones have exactly the rows this key needs.
    Granted { server: ServerName, zones: Vec<ZoneName>, key: KeyName },
    /// No zone has a row of this key.
    NotGranted { server: ServerName, zones: Vec<ZoneName>, key: KeyName },
    /// The zone's update rules are these.
    RulesAre { server: ServerName, zone: ZoneName, rules: ZoneRules },
}

impl Change {
    pub(super) async fn run(&self, config: &Config, world: &mut World) -> Result<Evidence> {
        match self {
            Self::AddServerKey { server, key } => add_server_key(config, world, server, key).await?,
            Self::RemoveServerKey { server, key } => Server::of(config, server)?.remove_key(world, key).await?,
            Self::Grant { server, zones, key } => set_grants(config, world, server, zones, key, true).await?,
            Self::Revoke { server, zones, key } => set_grants(config, world, server, zones, key, false).await?,
            Self::SetRules { server, zone, replaces, rules } => {
                Server::of(config, server)?.set_rules(world, zone, replaces, rules).await?;
            }
            Self::Settle { servers, zones, present, absent, keep } => {
                let present = [present.as_ref(), keep.as_ref()];
                return settle_on(config, world, servers, &Settled { zones, present, absent: absent.as_ref() }).await;
            }
        }
        Ok(Evidence::default())
    }

    pub(super) fn nature(&self) -> Nature<'_> {
        let (servers, writes_more_than_once) = match self {
            Self::Grant { server, .. } | Self::Revoke { server, .. } => (vec![server], true),
            Self::AddServerKey { server, .. }
            | Self::RemoveServerKey { server, .. }
            | Self::SetRules { server, .. } => (vec![server], false),
            Self::Settle { servers, .. } => (servers.iter().collect(), false),
        };
        Nature { servers, writes_more_than_once, ..Nature::default() }
    }
}

impl Check {
    pub(super) async fn holds(&self, config: &Config, world: &World) -> Result<()> {
        let found = match self {
            Self::ServerHasKey { server, key } => has_key(config, world, server, key).await?,
            Self::ServerLacksKey { server, key } => {
                let held = Server::of(config, server)?.keys(world).await?;
                held.iter().any(|it| &it.name == key).then(|| format!("{server} has {key}"))
            }
            Self::Granted { server, zones, key } => not_granted(config, world, server, zones, key).await?,
            Self::NotGranted { server, zones, key } => still_granted(config, world, server, zones, key).await?,
            Self::RulesAre { server, zone, rules } => {
                let backend = Server::of(config, server)?;
                let found = backend.rules(world, zone).await?;
                (!backend.same_rules(&found, rules)).then(|| format!("{server} has for {zone}: {found}"))
            }
        };
        found.map_or(Ok(()), |found| Err(Error::new(found)))
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ServerHasKey { server, key } => {
                write!(f, "{server} has {} with the secret of {}", key.name, key.secret)
            }
            Self::ServerLacksKey { server, key } => write!(f, "{server} does not have {key}"),
            Self::Granted { server, zones, key } => write!(f, "{server} lets {key} update {}", many(zones)),
            Self::NotGranted { server, zones, key } => {
                write!(f, "{server} lets {key} update nothing in {}", many(zones))
            }
            Self::RulesAre { server, zone, rules } => write!(f, "{server} has for {zone}: {rules}"),
        }
    }
}

/// What is wrong with a key on a server, if anything.
async fn has_key(config: &Config, world: &World, server: &ServerName, key: &KeyRef) -> Result<Option<String>> {
    let held = Server::of(config, server)?.keys(world).await?;
    let Some(held) = held.into_iter().find(|it| it.name == key.name) else {
        return Ok(Some(format!("{server} does not have {}", key.name)));
    };
    let wanted = secrets::secret(config, world, key).await?.fingerprint();
    Ok(match held.fingerprint {
        Some(found) if found == wanted => None,
        Some(found) => {
            Some(format!("{server} has {} with another secret (fingerprint {found}, not {wanted})", key.name))
        }
        None => Some(format!("{server} does not tell which secret it has for {}", key.name)),
    })
}

async fn not_granted(
    config: &Config,
    world: &World,
    server: &ServerName,
    zones: &[ZoneName],
    key: &KeyName,
) -> Result<Option<String>> {
    let backend = Server::of(config, server)?;
    for zone in zones {
        let found = backend.rules(world, zone).await?;
        if !backend.same_rules(&found, &found.with(key, &config.rows(key, zone))) {
            return Ok(Some(format!("{server} does not let {key} update {zone} as planned; it has {found}")));
        }
    }
    Ok(None)
}

async fn still_granted(
    config: &Config,
    world: &World,
    server: &ServerName,
    zones: &[ZoneName],
    key: &KeyName,
) -> Result<Option<String>> {
    let backend = Server::of(config, server)?;
    for zone in zones {
        if backend.rules(world, zone).await?.grants(key) {
            return Ok(Some(format!("{server} still lets {key} update names in {zone}")));
        }
    }
    Ok(None)
}

async fn add_server_key(config: &Config, world: &mut World, server: &ServerName, key: &KeyRef) -> Result<()> {
    let secret = secrets::secret(config, world, key).await?;
    Server::of(config, server)?.add_key(world, key, &secret).await
}

/// Gives the key its rows in each zone, or removes them.
async fn set_grants(
    config: &Config,
    world: &mut World,
    server: &ServerName,
    zones: &[ZoneName],
    key: &KeyName,
    granted: bool,
) -> Result<()> {
    let backend = Server::of(config, server)?;
    for zone in zones {
        let found = backend.rules(world, zone).await?;
        let rows = if granted { config.rows(key, zone) } else { Vec::new() };
        let rules = backend.normalise(&found.with(key, &rows));
        if !backend.same_rules(&found, &rules) {
            backend.set_rules(world, zone, &found, &rules).await?;
        }
    }
    Ok(())
}

/// What servers must have, or must not have any more, when a change is on disk.
struct Settled<'a> {
    zones: &'a [ZoneName],
    present: [Option<&'a KeyRef>; 2],
    absent: Option<&'a KeyName>,
}

/// Servers write to disk seconds after they said ok, and a crash before that loses the change. So: read each server's
/// start time, wait the longest delay plus a margin, read it again. A server that restarted gets everything again, and
/// the wait starts again.
async fn settle_on(
    config: &Config,
    world: &mut World,
    servers: &[ServerName],
    wanted: &Settled<'_>,
) -> Result<Evidence> {
    for round in 1..=3 {
        let mut started = Vec::new();
        let mut delay = Duration::ZERO;
        for server in servers {
            let standing = patient_standing(config, world, server).await?;
            delay = delay.max(standing.save_delay);
            started.push(standing.started);
            ensure(config, world, server, wanted).await?;
        }
        let wait = delay + margin(delay);
        world.clock.sleep(wait).await;
        let mut restarted = Vec::new();
        for (server, started) in servers.iter().zip(&started) {
            if &patient_standing(config, world, server).await?.started != started {
                restarted.push(server.to_string());
            }
        }
        if restarted.is_empty() {
            let again =
                if round > 1 { format!(", after {} of a server", count(round - 1, "restart")) } else { String::new() };
            return Ok(Evidence::note(format!("waited {:.1} s{again}", wait.as_secs_f64())));
        }
        tracing::warn!("{} restarted before it had saved the change; waiting again", restarted.join(", "));
    }
    Err(Error::new("a server keeps restarting before it has saved the change")
        .hint("read that server's log; `pfddns tsig status` shows each server's start time"))
}

/// A server that crashed comes back after seconds; wait that long for it.
async fn patient_standing(config: &Config, world: &World, server: &ServerName) -> Result<Standing> {
    let backend = Server::of(config, server)?;
    let mut tries = 30;
    loop {
        match backend.standing(world).await {
            Ok(standing) => return Ok(standing),
            Err(error) if tries == 0 => return Err(error),
            Err(error) => tracing::info!(%server, "no answer, waiting: {}", error.what()),
        }
        tries -= 1;
        world.clock.sleep(Duration::from_secs(1)).await;
    }
}

/// Time on top of a save delay: a fifth, at least a fifth of a second.
fn margin(delay: Duration) -> Duration {
    (delay / 5).max(Duration::from_millis(200))
}

async fn ensure(config: &Config, world: &mut World, server: &ServerName, wanted: &Settled<'_>) -> Result<()> {
    let here: Vec<ZoneName> = zones_of(config, server, wanted.zones)?;
    for key in wanted.present.into_iter().flatten() {
        add_server_key(config, world, server, key).await?;
        set_grants(config, world, server, &here, &key.name, true).await?;
    }
    if let Some(key) = wanted.absent {
        set_grants(config, world, server, &here, key, false).await?;
        Server::of(config, server)?.remove_key(world, key).await?;
    }
    Ok(())
}

/// Those of `zones` that the server takes updates for.
fn zones_of(config: &Config, server: &ServerName, zones: &[ZoneName]) -> Result<Vec<ZoneName>> {
    let mut here = Vec::new();
    for zone in zones {
        if config.zone(zone)?.servers.contains(server) {
            here.push(zone.clone());
        }
    }
    Ok(here)
}

/// The step that adds a key to a server.
pub fn add_key(server: &ServerName, key: &KeyRef) -> Step {
    let (has, lacks) = (has(server, key), lacks(server, &key.name));
    let change = Change::AddServerKey { server: server.clone(), key: key.clone() };
    let undo = Undo::by(Change::RemoveServerKey { server: server.clone(), key: key.name.clone() });
    Step::new(format!("add key {} to {server}", key.name), change, vec![has], undo).given(vec![lacks])
}

/// The step that removes a key from a server.
pub fn remove_key(server: &ServerName, key: &KeyRef) -> Step {
    let (has, lacks) = (has(server, key), lacks(server, &key.name));
    let change = Change::RemoveServerKey { server: server.clone(), key: key.name.clone() };
    let undo = Undo::by(Change::AddServerKey { server: server.clone(), key: key.clone() });
    Step::new(format!("remove {} from {server}", key.name), change, vec![lacks], undo).given(vec![has])
}

/// The server has the key.
pub fn has(server: &ServerName, key: &KeyRef) -> super::Check {
    Check::ServerHasKey { server: server.clone(), key: key.clone() }.into()
}

fn lacks(server: &ServerName, key: &KeyName) -> super::Check {
    Check::ServerLacksKey { server: server.clone(), key: key.clone() }.into()
}

/// The zones have exactly the rows this key needs.
pub fn granted(server: &ServerName, zones: &[ZoneName], key: &KeyName) -> super::Check {
    Check::Granted { server: server.clone(), zones: zones.to_vec(), key: key.clone() }.into()
}

/// The zone's update rules are these.
pub fn rules_are(server: &ServerName, zone: &ZoneName, rules: &ZoneRules) -> super::Check {
    Check::RulesAre { server: server.clone(), zone: zone.clone(), rules: rules.clone() }.into()
}

/// The step that lets a key update these zones.
pub fn grant(server: &ServerName, zones: &[ZoneName], key: &KeyName) -> Step {
    let (there, back, is, is_not) = grants(server, zones, key);
    Step::new(format!("let {key} update {} on {server}", many(zones)), there, vec![is], Undo::by(back))
        .given(vec![is_not])
}

/// The step that ends a key's updates of these zones.
pub fn revoke(server: &ServerName, zones: &[ZoneName], key: &KeyName) -> Step {
    let (back, there, is, is_not) = grants(server, zones, key);
    Step::new(format!("refuse updates by {key} on {server}"), there, vec![is_not], Undo::by(back)).given(vec![is])
}

/// Grant and revoke, and what holds after each.
fn grants(server: &ServerName, zones: &[ZoneName], key: &KeyName) -> (Change, Change, super::Check, super::Check) {
    let all = || (server.clone(), zones.to_vec(), key.clone());
    let [(a, b, c), (d, e, g), (h, i, j)] = [all(), all(), all()];
    (
        Change::Grant { server: a, zones: b, key: c },
        Change::Revoke { server: d, zones: e, key: g },
        granted(server, zones, key),
        Check::NotGranted { server: h, zones: i, key: j }.into(),
    )
}

/// The step that sets who may update a zone.
pub fn set_rules(server: &ServerName, zone: &ZoneName, found: &ZoneRules, rules: &ZoneRules) -> Step {
    // Undo does not open a zone that was open before: safety is more important than exactness here, and the plan says so.
    let closed = found.signature_required();
    let back = if closed { found.clone() } else { ZoneRules { mode: UpdateMode::Deny, ..found.clone() } };
    let set = |replaces: &ZoneRules, rules: &ZoneRules| {
        let (replaces, rules) = (replaces.clone(), rules.clone());
        Change::SetRules { server: server.clone(), zone: zone.clone(), replaces, rules }
    };
    let title = format!("set who may update {zone} on {server}");
    let after = vec![rules_are(server, zone, rules)];
    let step = Step::new(title, set(found, rules), after, Undo::by(set(rules, &back)))
        .showing(format!("- {found}\n+ {rules}\n"));
    if closed { step.given(vec![rules_are(server, zone, found)]) } else { step }
}

/// The step that waits until servers have keys on disk, or have forgotten one.
pub fn settle(
    config: &Config,
    servers: Vec<ServerName>,
    present: [Option<&KeyRef>; 2],
    absent: Option<&KeyName>,
) -> Step {
    let zones: Vec<ZoneName> = config.zones.iter().map(|zone| zone.name.clone()).collect();
    let of = |server: &ServerName| {
        let held = present.into_iter().flatten().map(|key| has(server, key));
        held.chain(absent.map(|key| lacks(server, key))).collect::<Vec<_>>()
    };
    let after = servers.iter().flat_map(of).collect();
    let title = format!("wait until {} it on disk", have(&servers));
    let ([present, keep], absent) = (present.map(Option::<&KeyRef>::cloned), absent.cloned());
    Step::new(title, Change::Settle { servers, zones, present, absent, keep }, after, Undo::NotNeeded)
}
