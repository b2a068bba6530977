//! Reads everything a task may need: the store, each server's keys and rules, D2's file and daemon, a bypass.
//! If one part can't be read, that is an error: no plan is made from incomplete facts.

use crate::changes::bypass::{self, BypassState};
use crate::changes::{Change, Check, Step, files, keys, servers};
use crate::config::{Config, Firewall, ServerConfig, ServerKind};
use crate::error::{Doing, Error, Result};
use crate::model::{HostName, KeyName, KeyRef, ServerName, ZoneName, ZoneRules};
use crate::plan::journal::{self, Mark};
use crate::systems::kea::{self, d2::Installed};
use crate::systems::servers::{HeldKey, NameServer, Server, Standing};
use crate::systems::store::{Book, Store, StoredKey};
use crate::world::{Digest, World};
use futures::future::join_all;

/// Everything that was found.
pub struct Survey {
    /// The store.
    pub book: Book,
    /// Each server, in the configuration's order.
    pub servers: Vec<ServerSeen>,
    /// D2's file on each firewall, if there is one.
    pub d2: Vec<(HostName, Option<D2Seen>)>,
    /// An active bypass.
    pub bypass: Option<BypassState>,
}

/// One server.
pub struct ServerSeen {
    /// Its name.
    pub name: ServerName,
    /// Version and start time.
    pub standing: Standing,
    /// Its keys.
    pub keys: Vec<HeldKey>,
    /// The rules of each zone it takes updates for.
    pub zones: Vec<(ZoneName, ZoneRules)>,
}

/// D2's file.
pub struct D2Seen {
    /// Its text, secrets included: never shown, only compared and redacted.
    pub text: String,
    /// Its digest.
    pub digest: Digest,
    /// Its content.
    pub installed: Installed,
    /// Its defect, if any: then it is not overwritten.
    pub defect: Option<Error>,
}

impl ServerSeen {
    /// The zones it takes updates for.
    pub fn zone_names(&self) -> Vec<ZoneName> {
        self.zones.iter().map(|(zone, _)| zone.clone()).collect()
    }
}

impl Survey {
    /// Looks at everything; at all servers concurrently.
    pub async fn of(config: &Config, world: &World) -> Result<Self> {
        let book = Store::of(config).read(world).await.doing(|| "reading the secret store")?;
        let seen = join_all(config.servers.iter().map(|server| look(config, world, server))).await;
        let servers = seen.into_iter().collect::<Result<Vec<_>>>()?;
        let mut d2 = Vec::new();
        for firewall in config.firewalls().filter(|_| config.d2.manage) {
            let seen = d2_seen(firewall, world).map_err(|error| config.named(firewall, error))?;
            d2.push((firewall.name.clone(), seen));
        }
        Ok(Self { book, servers, d2, bypass: bypass::read(config, world)? })
    }

    /// D2's file on this firewall.
    pub fn d2(&self, firewall: &Firewall) -> Option<&D2Seen> {
        self.d2.iter().find(|(host, _)| *host == firewall.name).and_then(|(_, seen)| seen.as_ref())
    }

    /// The store's current key.
    pub fn current(&self) -> Result<&StoredKey> {
        let name = self.book.current.as_ref().ok_or_else(|| {
            Error::new("the store has no current key").hint("`pfddns tsig generate` makes the first one")
        })?;
        self.book
            .keys
            .iter()
            .find(|key| &key.name == name)
            .ok_or_else(|| Error::new(format!("{name} is the store's current key, but the store does not hold it")))
    }

    /// A reference to a stored key.
    pub fn key_ref(&self, config: &Config, key: &StoredKey) -> KeyRef {
        let secret = Store::of(config).place(self.book.version, &key.name);
        KeyRef { name: key.name.clone(), algorithm: key.algorithm, secret }
    }

    /// A name for a new key that nobody has used yet: `<prefix>-<date><letters>`.
    /// A key whose run was undone is gone from store and servers, but not from the firewall's backups: the journals know it.
    pub fn new_name(&self, config: &Config, world: &World) -> Result<KeyName> {
        let runs = journal::all(world, &config.primary.state)?;
        let made = |(step, mark): (&Step, &Mark), name: &KeyName| {
            *mark != Mark::Waiting
                && matches!(&step.change, Change::Keys(keys::Change::StoreKey { key }) if &key.name == name)
        };
        let used = |name: &KeyName| {
            runs.iter().any(|run| run.plan.steps.iter().zip(&run.marks).any(|step| made(step, name)))
                || self.book.keys.iter().any(|key| &key.name == name)
                || self.servers.iter().any(|server| {
                    server.keys.iter().any(|key| &key.name == name)
                        || server.zones.iter().any(|(_, rules)| rules.grants(name))
                })
        };
        let day = world.clock.now().strftime("%Y%m%d");
        for number in 0..26 * 26 {
            let name = KeyName::new(&format!("{}-{day}{}", config.key.prefix, letters(number)))?;
            if !used(&name) {
                return Ok(name);
            }
        }
        Err(Error::new("there are 676 keys of today already"))
    }

    /// What a plan made from this survey relies on.
    pub fn given(&self, config: &Config) -> Result<Vec<Check>> {
        let version = self.book.version;
        let mut given = vec![
            files::Check::ConfigIs { digest: files::digest(config)? }.into(),
            keys::Check::StoreIs { version }.into(),
        ];
        for firewall in config.firewalls().filter(|_| config.d2.manage) {
            let digest = self.d2(firewall).map(|d2| d2.digest.clone());
            given.push(files::is(&firewall.name, &firewall.d2.config, digest));
        }
        for server in &self.servers {
            given.extend(server.zones.iter().map(|(zone, rules)| servers::rules_are(&server.name, zone, rules)));
        }
        Ok(given)
    }

    /// Refuses while a bypass is active: no plan may start from its rules.
    pub fn no_bypass(&self) -> Result<()> {
        match &self.bypass {
            None => Ok(()),
            Some(state) => Err(Error::new(format!("a bypass is active until {:.0}: {}", state.until, state.reason))
                .hint("`pfddns bypass disable` restores the exact rules")),
        }
    }
}

/// a … z, then aa … zz
fn letters(number: u32) -> String {
    let letter = |n: u32| char::from_u32(u32::from(b'a') + n % 26).unwrap_or('a');
    if number < 26 { letter(number).to_string() } else { format!("{}{}", letter(number / 26 - 1), letter(number)) }
}

/// Looks at one server.
pub async fn look(config: &Config, world: &World, server: &ServerConfig) -> Result<ServerSeen> {
    let doing = || format!("looking at {}", server.name);
    let backend = Server::of(config, &server.name)?;
    let standing = backend.standing(world).await.doing(doing)?;
    let keys = backend.keys(world).await.doing(doing)?;
    let hosted = backend.zones(world).await.doing(doing)?;
    let mut zones = Vec::new();
    for zone in config.zones.iter().filter(|zone| zone.servers.contains(&server.name)) {
        if !hosted.contains(&zone.name) {
            let hint = match &server.kind {
                ServerKind::Technitium { .. } => {
                    "create it there as a primary zone, or remove it from pfddns.toml".into()
                }
                ServerKind::Bind { include_file, .. } => format!(
                    "once by hand: write `acl \"pfddns-{0}\" {{ none; }};` into {1}, and `allow-update {{ \"pfddns-{0}\"; }};` into the zone",
                    zone.name.without_dot(),
                    include_file.display()
                ),
            };
            return Err(
                Error::new(format!("{} has no zone {} that accepts updates", server.name, zone.name)).hint(hint)
            );
        }
        let rules = backend.rules(world, &zone.name).await.doing(doing)?;
        zones.push((zone.name.clone(), rules));
    }
    Ok(ServerSeen { name: server.name.clone(), standing, keys, zones })
}

/// Looks at D2's file.
pub fn d2_seen(firewall: &Firewall, world: &World) -> Result<Option<D2Seen>> {
    let path = &firewall.d2.config;
    let Some(bytes) = world.host(&firewall.name)?.read_if_there(path)? else { return Ok(None) };
    let text = String::from_utf8(bytes)
        .map_err(|_| Error::new(format!("{}: not UTF-8, so not a file Kea would read", path.display())))?;
    let installed = Installed::read(text.as_bytes(), &path.display().to_string())?;
    let defect =
        kea::daemon::apply::sound(world.host(&firewall.name)?, &firewall.d2.program, path, text.as_bytes()).err();
    Ok(Some(D2Seen { digest: Digest::of(text.as_bytes()), text, installed, defect }))
}

#[cfg(test)]
mod tests {
    use super::letters;

    #[test]
    fn letters_do_not_repeat() {
        let all: std::collections::BTreeSet<String> = (0..26 * 26).map(letters).collect();
        assert_eq!(all.len(), 26 * 26);
        assert_eq!(
            (letters(0), letters(25), letters(26), letters(52)),
            ("a".into(), "z".into(), "aa".into(), "ba".into())
        );
    }
}
