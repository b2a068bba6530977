//! DNS servers: what the protocol can't do. Zones that take updates, keys, and who may update what.
//! Not for: the updates themselves; they are the same for every server, in `dns`.

pub mod acl;
pub mod bind;
pub mod technitium;

pub use bind::Bind;
pub use technitium::Technitium;

use crate::config::{Config, ServerKind};
use crate::error::{Error, Result};
use crate::model::{Algorithm, KeyName, KeyRef, ServerName, UpdateMode, ZoneName, ZoneRules};
use crate::secret::{Fingerprint, Secret};
use crate::world::World;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

/// A key of the server. Its secret was hashed on arrival and dropped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
pub struct HeldKey {
    /// Name on the wire.
    pub name: KeyName,
    /// Algorithm; `None` if it is not one of ours.
    pub algorithm: Option<Algorithm>,
    /// Fingerprint of the secret; `None` if the server does not tell.
    pub fingerprint: Option<Fingerprint>,
}

/// The state of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The version it reports.
    pub version: String,
    /// When its process started, as it reports it: another value means that it was restarted in between.
    pub started: String,
    /// Longest time from a change to the file on its disk; a crash before it loses the change.
    pub save_delay: Duration,
}

/// What every server offers. Calls that look can be made at any time; calls that change can be repeated.
#[allow(async_fn_in_trait, reason = "one thread, no dyn: no Send bound is needed")]
pub trait NameServer {
    /// Zones that can take updates here, the server's internal ones left out.
    async fn zones(&self, world: &World) -> Result<Vec<ZoneName>>;
    /// The server's keys, foreign ones too.
    async fn keys(&self, world: &World) -> Result<Vec<HeldKey>>;
    /// Adds a key and reads it back. An existing equal key is fine; the same name with another secret or algorithm is an
    /// error and is not changed.
    async fn add_key(&self, world: &mut World, key: &KeyRef, secret: &Secret) -> Result<()>;
    /// Removes a key and reads back that it is gone; absent is fine.
    async fn remove_key(&self, world: &mut World, name: &KeyName) -> Result<()>;
    /// The rules by which the server decides updates of this zone.
    async fn rules(&self, world: &World, zone: &ZoneName) -> Result<ZoneRules>;
    /// Replaces `replaces` by `rules`; other rules on the server are an error, unless they are `rules` already. At no moment
    /// in between does the zone accept unsigned updates. Rules that require no signature are refused.
    async fn set_rules(
        &self,
        world: &mut World,
        zone: &ZoneName,
        replaces: &ZoneRules,
        rules: &ZoneRules,
    ) -> Result<()>;
    /// Like `set_rules`, for the bypass: only this call sets rules that require no signature, and only for a short list of
    /// addresses. It never opens a zone to everybody.
    async fn set_bypass_rules(
        &self,
        world: &mut World,
        zone: &ZoneName,
        replaces: &ZoneRules,
        rules: &ZoneRules,
    ) -> Result<()>;
    /// Version, start time and save delay.
    async fn standing(&self, world: &World) -> Result<Standing>;
    /// The rules as the server returns them after these are set.
    fn normalise(&self, rules: &ZoneRules) -> ZoneRules;
}

/// A server of some kind.
pub enum Server {
    /// Technitium DNS Server, by its HTTP API.
    Technitium(Technitium),
    /// BIND 9, by an include file and rndc.
    Bind(Bind),
}

impl Server {
    /// The server of this name in the configuration.
    pub fn of(config: &Config, name: &ServerName) -> Result<Self> {
        let it = config.server(name)?;
        Ok(match &it.kind {
            ServerKind::Technitium { url, token_file, save_delay } => {
                Self::Technitium(Technitium::new(it.name.clone(), it.dns, url, token_file, *save_delay))
            }
            ServerKind::Bind { include_file, rndc } => {
                Self::Bind(Bind::new(it.name.clone(), it.dns, include_file, rndc.clone()))
            }
        })
    }

    /// Its DNS port.
    pub fn dns(&self) -> SocketAddr {
        match self {
            Self::Technitium(it) => it.dns,
            Self::Bind(it) => it.dns,
        }
    }

    /// True if both mean the same to this server: order and repeats of rows and types do not count.
    pub fn same_rules(&self, one: &ZoneRules, other: &ZoneRules) -> bool {
        same_rules(&self.normalise(one), &self.normalise(other))
    }
}

impl NameServer for Server {
    async fn zones(&self, world: &World) -> Result<Vec<ZoneName>> {
        match self {
            Self::Technitium(it) => it.zones(world).await,
            Self::Bind(it) => it.zones(world).await,
        }
    }

    async fn keys(&self, world: &World) -> Result<Vec<HeldKey>> {
        match self {
            Self::Technitium(it) => it.keys(world).await,
            Self::Bind(it) => it.keys(world).await,
        }
    }

    async fn add_key(&self, world: &mut World, key: &KeyRef, secret: &Secret) -> Result<()> {
        match self {
            Self::Technitium(it) => it.add_key(world, key, secret).await,
            Self::Bind(it) => it.add_key(world, key, secret).await,
        }
    }

    async fn remove_key(&self, world: &mut World, name: &KeyName) -> Result<()> {
        match self {
            Self::Technitium(it) => it.remove_key(world, name).await,
            Self::Bind(it) => it.remove_key(world, name).await,
        }
    }

    async fn rules(&self, world: &World, zone: &ZoneName) -> Result<ZoneRules> {
        match self {
            Self::Technitium(it) => it.rules(world, zone).await,
            Self::Bind(it) => it.rules(world, zone).await,
        }
    }

    async fn set_rules(&self, world: &mut World, zone: &ZoneName, old: &ZoneRules, new: &ZoneRules) -> Result<()> {
        match self {
            Self::Technitium(it) => it.set_rules(world, zone, old, new).await,
            Self::Bind(it) => it.set_rules(world, zone, old, new).await,
        }
    }

    async fn set_bypass_rules(
        &self,
        world: &mut World,
        zone: &ZoneName,
        old: &ZoneRules,
        new: &ZoneRules,
    ) -> Result<()> {
        match self {
            Self::Technitium(it) => it.set_bypass_rules(world, zone, old, new).await,
            Self::Bind(it) => it.set_bypass_rules(world, zone, old, new).await,
        }
    }

    async fn standing(&self, world: &World) -> Result<Standing> {
        match self {
            Self::Technitium(it) => it.standing(world).await,
            Self::Bind(it) => it.standing(world).await,
        }
    }

    fn normalise(&self, rules: &ZoneRules) -> ZoneRules {
        match self {
            Self::Technitium(it) => it.normalise(rules),
            Self::Bind(it) => it.normalise(rules),
        }
    }
}

/// Checks a secret before it is sent: a server accepts any text and then answers BADSIG, and Technitium never saves its
/// settings again after one is longer than 255 bytes.
fn check_secret(key: &KeyName, secret: &Secret) -> Result<()> {
    let text = secret.expose();
    match STANDARD.decode(text) {
        Ok(bytes) if !bytes.is_empty() && text.len() <= 255 => Ok(()),
        Ok(_) => Err(Error::new(format!("the secret of {key} is empty or longer than 255 characters"))),
        Err(_) => Err(Error::new(format!("the secret of {key} is not base64"))),
    }
}

/// `set_rules` must not leave a zone that accepts unsigned updates.
fn check_signed(zone: &ZoneName, rules: &ZoneRules) -> Result<()> {
    if rules.signature_required() {
        return Ok(());
    }
    Err(Error::new(format!("with these rules {zone} would accept unsigned updates; nothing was changed")).hint(
        "name at least one key, or close the zone; `pfddns bypass enable` opens it for a limited time, to few addresses",
    ))
}

/// The bypass opens a zone to listed addresses only, and the list must not cover nearly all addresses.
fn check_bypass(zone: &ZoneName, rules: &ZoneRules) -> Result<()> {
    let refuse = |why: &str| {
        Err(Error::new(format!("the bypass rules for {zone} {why}; nothing was changed"))
            .hint("a bypass lists the addresses that may update without a signature, such as the firewall's"))
    };
    if rules.mode != UpdateMode::Acl {
        return refuse("use no address list");
    }
    if !rules.rows.is_empty() {
        return refuse("name keys, so they are not a bypass");
    }
    if !rules.acl.iter().any(|entry| !entry.trim().starts_with('!')) {
        return refuse("name no address");
    }
    for entry in &rules.acl {
        if acl::Entry::parse(entry)?.is_nearly_everybody() {
            return refuse(&format!("would open it to nearly everybody ({entry})"));
        }
    }
    Ok(())
}

/// The rules have changed since the change was planned.
fn moved(server: &ServerName, zone: &ZoneName) -> Error {
    Error::new(format!(
        "{server}: the update rules of {zone} have changed since the plan was made; nothing was changed"
    ))
    .plan_again()
}

/// Order and repeats of rows and types do not count; those of addresses do, the first match decides.
fn same_rules(one: &ZoneRules, other: &ZoneRules) -> bool {
    fn table(rules: &ZoneRules) -> BTreeMap<(&KeyName, &str), BTreeSet<String>> {
        let mut table = BTreeMap::<_, BTreeSet<String>>::new();
        for row in &rules.rows {
            let types = table.entry((&row.key, row.name.as_str())).or_default();
            types.extend(row.types.iter().map(|it| it.to_ascii_uppercase()));
        }
        table
    }
    one.mode == other.mode && one.acl == other.acl && table(one) == table(other)
}
