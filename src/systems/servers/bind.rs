//! BIND 9 (tested with 9.18) with one include file, which only pfddns writes, and rndc. The operator writes named.conf, with
//! `include "/etc/bind/pfddns.conf";` and in each managed zone `allow-update { "pfddns-lan.example"; };`.
//!
//! A zone's list is written as `acl "pfddns-<zone>"`, so it must exist before named.conf may name it: `set_rules` with
//! `Deny` writes it. The file must exist and named must be able to read it: `install -o root -g bind -m 640 /dev/null FILE`.

mod file;

use super::{HeldKey, NameServer, Standing, acl, check_bypass, check_secret, check_signed, moved, same_rules};
use crate::error::{Doing as _, Error, Result};
use crate::model::{GrantRow, KeyName, KeyRef, ServerName, UpdateMode, ZoneName, ZoneRules};
use crate::secret::Secret;
use crate::world::Program;
use crate::world::{Digest, Host, NewFile, World};
use file::{File, Key};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use zeroize::Zeroizing;

/// The programs that run on a firewall.
pub const PROGRAMS: [Program; 1] = [Program { name: "rndc", shapes: &[&["**"]] }];
/// rndc answers in milliseconds; reading 10,000 zones again takes named a few seconds.
const RNDC_LIMIT: Duration = Duration::from_secs(30);

/// One BIND server.
pub struct Bind {
    pub(super) name: ServerName,
    pub(super) dns: SocketAddr,
    file: PathBuf,
    rndc: Vec<String>,
}

impl Bind {
    /// A server by its configuration; nothing is asked yet. `rndc` is the program and its options.
    pub fn new(name: ServerName, dns: SocketAddr, file: &Path, rndc: Vec<String>) -> Self {
        Self { name, dns, file: file.to_owned(), rndc }
    }

    fn read(&self, world: &World) -> Result<(File, Zeroizing<Vec<u8>>)> {
        let host = world.first()?;
        let path = self.file.display();
        let Some(mode) = host.mode(&self.file)? else {
            return Err(Error::new(format!(
                "{path}: not found; the file must exist, and named must be able to read it"
            ))
            .hint(format!("install -o root -g bind -m 640 /dev/null {path}, and include it in named.conf")));
        };
        if mode & 0o007 != 0 {
            return Err(Error::new(format!("{path}: everybody may read the keys in it (mode {mode:04o})"))
                .hint(format!("chmod 640 {path}, and rotate the keys if somebody may have read them")));
        }
        let bytes = Zeroizing::new(host.read(&self.file)?);
        Ok((File::parse(&self.file, &bytes)?, bytes))
    }

    /// Writes the file and has named read it. If named refuses it, the old file is restored.
    fn install(&self, world: &mut World, file: &File, old: &[u8]) -> Result<()> {
        let new = file.render();
        let host = world.first_mut()?;
        let write = |host: &mut Host, from: &[u8], to: &[u8]| {
            let file = NewFile { bytes: to, replaces: Some(Digest::of(from)), mode: 0o640, keep_mode: true };
            host.write(&self.file, &file)
        };
        if new.as_bytes() != old {
            write(host, old, new.as_bytes())?;
        }
        // Also when nothing changed: after a run that was killed before this, named still has the old rules.
        let Err(error) = self.reconfig(host) else { return Ok(()) };
        if new.as_bytes() != old {
            write(host, new.as_bytes(), old).doing(|| format!("putting {} back", self.file.display()))?;
            self.reconfig(host).doing(|| format!("having {} read the old file again", self.name))?;
        }
        Err(error)
    }

    fn reconfig(&self, host: &mut Host) -> Result<()> {
        let argv: Vec<&str> = self.rndc.iter().map(String::as_str).chain(["reconfig"]).collect();
        let ran = host.run(&argv, b"", RNDC_LIMIT)?;
        if ran.code == 0 { Ok(()) } else { Err(self.rndc_error("reconfig", &ran.stderr)) }
    }

    fn ask(&self, world: &World, command: &[&str]) -> Result<String> {
        let host = world.first()?;
        let argv: Vec<&str> = self.rndc.iter().map(String::as_str).chain(command.iter().copied()).collect();
        let ran = host.ask(&argv, b"", RNDC_LIMIT)?;
        if ran.code != 0 {
            return Err(self.rndc_error(&command.join(" "), &ran.stderr));
        }
        Ok(String::from_utf8_lossy(&ran.stdout).into_owned())
    }

    fn rndc_error(&self, command: &str, stderr: &[u8]) -> Error {
        let text = String::from_utf8_lossy(stderr);
        let line = text.lines().next().unwrap_or("no reason given").trim_start_matches("rndc: ");
        Error::new(format!("{}: rndc {command}: {line}", self.name))
            .hint("named's log says why; check that `rndc` of this server in pfddns.toml is the command that works at the prompt")
    }

    /// Names of all keys that named has, ours or not: `view "_default"; type "static"; key "ddns-1";`
    fn loaded_keys(&self, world: &World) -> Result<Vec<KeyName>> {
        let list = self.ask(world, &["tsig-list"])?;
        let name = |line: &str| KeyName::new(line.split("key \"").nth(1)?.split('"').next()?).ok();
        // Listed once per view, `_bind` included.
        let names: BTreeSet<KeyName> = list.lines().filter_map(name).collect();
        Ok(names.into_iter().collect())
    }

    /// True if named lets any client update the zone. An error if it does not serve the zone as primary.
    fn is_dynamic(&self, world: &World, zone: &ZoneName) -> Result<bool> {
        let status = self.ask(world, &["zonestatus", zone.without_dot()])?;
        if !matches!(field(&status, "type: "), Some("primary" | "master")) {
            return Err(Error::new(format!("{zone} is not a primary zone on {}", self.name))
                .hint("use the server that has it as a primary zone"));
        }
        Ok(field(&status, "dynamic: ") == Some("yes"))
    }

    fn read_rules(&self, world: &World, zone: &ZoneName) -> Result<ZoneRules> {
        let (file, _) = self.read(world)?;
        let dynamic = self.is_dynamic(world, zone)?;
        match file.zones.get(zone) {
            Some(rules) if dynamic || rules.mode == UpdateMode::Deny => Ok(rules.clone()),
            Some(_) => Err(self.not_wired(zone)),
            None if dynamic => Err(Error::new(format!("{}: named.conf itself sets who may update {zone}", self.name))
                .hint(format!(
                    "replace its allow-update or update-policy by `allow-update {{ \"pfddns-{}\"; }};`",
                    zone.without_dot()
                ))),
            None => Ok(ZoneRules { mode: UpdateMode::Deny, acl: Vec::new(), rows: Vec::new() }),
        }
    }

    fn not_wired(&self, zone: &ZoneName) -> Error {
        Error::new(format!("{}: named does not use the rules that {} has for {zone}", self.name, self.file.display()))
            .hint(format!("give the zone `allow-update {{ \"pfddns-{}\"; }};` in named.conf", zone.without_dot()))
    }

    fn change_rules(&self, world: &mut World, zone: &ZoneName, old: &ZoneRules, new: &ZoneRules) -> Result<()> {
        acl::check(&new.acl)?;
        if matches!(new.mode, UpdateMode::ZoneNameServers | UpdateMode::ZoneNameServersAndAcl) {
            return Err(Error::usage(format!("{}: BIND can't take updates from the zone's name servers", self.name)));
        }
        let below = format!("*.{}", zone.without_dot());
        if let Some(row) = new.rows.iter().find(|row| row.name != zone.without_dot() && row.name != below) {
            return Err(Error::usage(format!(
                "{}: BIND can't restrict a key to part of a zone ({})",
                self.name, row.name
            )));
        }
        let (old, new) = (self.normalise(old), self.normalise(new));
        let now = self.read_rules_or_unwired(world, zone)?;
        if !same_rules(&now, &new) && !same_rules(&now, &old) {
            return Err(moved(&self.name, zone));
        }
        let (mut file, bytes) = self.read(world)?;
        file.zones.insert(zone.clone(), new.clone());
        self.install(world, &file, &bytes)?;
        if new.mode != UpdateMode::Deny && !self.is_dynamic(world, zone)? {
            return Err(self.not_wired(zone));
        }
        Ok(())
    }

    /// Like `read_rules`, but rules that named does not use yet may be replaced.
    fn read_rules_or_unwired(&self, world: &World, zone: &ZoneName) -> Result<ZoneRules> {
        match self.read(world)?.0.zones.remove(zone) {
            Some(rules) => Ok(rules),
            None => self.read_rules(world, zone),
        }
    }

    fn change_key(&self, world: &mut World, name: &KeyName, new: Option<Key>) -> Result<()> {
        let (mut file, bytes) = self.read(world)?;
        let wanted = new.is_some();
        let ours = file.keys.iter().position(|it| &it.name == name);
        if ours.is_none() && self.loaded_keys(world)?.contains(name) {
            return Err(Error::new(format!(
                "{} has a key {name} outside {}; it was not changed",
                self.name,
                self.file.display()
            ))
            .hint("its key clause is in named.conf or another include file"));
        }
        match (ours, new) {
            (Some(at), Some(new)) => {
                let same = file
                    .keys
                    .get(at)
                    .is_some_and(|it| it.algorithm == new.algorithm && it.secret.expose() == new.secret.expose());
                if !same {
                    return Err(Error::new(format!(
                        "{} has a key {name} with another secret or algorithm; it was not changed",
                        self.name
                    ))
                    .hint("a key's name is used once: make a new key"));
                }
            }
            (Some(at), None) => drop(file.keys.remove(at)),
            (None, Some(new)) => file.keys.push(new),
            (None, None) => return Ok(()),
        }
        self.install(world, &file, &bytes)?;
        if self.loaded_keys(world)?.contains(name) == wanted {
            return Ok(());
        }
        Err(Error::new(format!("{}: named does not use the keys in {}", self.name, self.file.display()))
            .hint(format!("include \"{}\"; in named.conf, once, outside views", self.file.display())))
    }
}

impl NameServer for Bind {
    async fn zones(&self, world: &World) -> Result<Vec<ZoneName>> {
        // rndc can't list zones; ours are those for which named.conf refers to our lists.
        let doing = || format!("listing the zones of {}", self.name);
        Ok(self.read(world).doing(doing)?.0.zones.into_keys().collect())
    }

    async fn keys(&self, world: &World) -> Result<Vec<HeldKey>> {
        let doing = || format!("reading the keys of {}", self.name);
        let (file, _) = self.read(world).doing(doing)?;
        let ours = |name: &KeyName| file.keys.iter().find(|it| &it.name == name);
        let held = self.loaded_keys(world).doing(doing)?.into_iter().map(|name| HeldKey {
            algorithm: ours(&name).map(|it| it.algorithm),
            fingerprint: ours(&name).map(|it| it.secret.fingerprint()),
            name,
        });
        Ok(held.collect())
    }

    async fn add_key(&self, world: &mut World, key: &KeyRef, secret: &Secret) -> Result<()> {
        let doing = || format!("adding key {} to {}", key.name, self.name);
        check_secret(&key.name, secret).doing(doing)?;
        let new = Key { name: key.name.clone(), algorithm: key.algorithm, secret: Secret::new(secret.expose()) };
        self.change_key(world, &key.name, Some(new)).doing(doing)
    }

    async fn remove_key(&self, world: &mut World, name: &KeyName) -> Result<()> {
        self.change_key(world, name, None).doing(|| format!("removing key {name} from {}", self.name))
    }

    async fn rules(&self, world: &World, zone: &ZoneName) -> Result<ZoneRules> {
        self.read_rules(world, zone).doing(|| format!("reading the update rules of {zone} on {}", self.name))
    }

    async fn set_rules(&self, world: &mut World, zone: &ZoneName, old: &ZoneRules, new: &ZoneRules) -> Result<()> {
        check_signed(zone, new)?;
        let change = self.change_rules(world, zone, old, new);
        change.doing(|| format!("changing the update rules of {zone} on {}", self.name))
    }

    async fn set_bypass_rules(
        &self,
        world: &mut World,
        zone: &ZoneName,
        old: &ZoneRules,
        new: &ZoneRules,
    ) -> Result<()> {
        check_bypass(zone, new)?;
        let change = self.change_rules(world, zone, old, new);
        change.doing(|| format!("opening the bypass of {zone} on {}", self.name))
    }

    async fn standing(&self, world: &World) -> Result<Standing> {
        let status = self.ask(world, &["status"]).doing(|| format!("asking {} for its state", self.name))?;
        let get = |name: &str| {
            let found = field(&status, name).map(str::to_owned);
            found.ok_or_else(|| Error::new(format!("{}: rndc status has no line `{name}`", self.name)))
        };
        let version = get("version: ")?;
        let version = version.trim_start_matches("BIND ").split(' ').next().unwrap_or_default().to_owned();
        // The include file is synced to disk before named reads it.
        Ok(Standing { version, started: get("boot time: ")?, save_delay: Duration::ZERO })
    }

    fn normalise(&self, rules: &ZoneRules) -> ZoneRules {
        let mut rows: Vec<GrantRow> = Vec::new();
        for row in &rules.rows {
            if !rows.iter().any(|it| it.key == row.key) {
                let zone = row.name.strip_prefix("*.").unwrap_or(&row.name);
                rows.push(GrantRow { key: row.key.clone(), name: format!("*.{zone}"), types: vec!["ANY".into()] });
            }
        }
        let (mode, acl) = match rules.mode {
            // An empty list allows no client.
            UpdateMode::Acl if rules.acl.is_empty() => (UpdateMode::Deny, Vec::new()),
            UpdateMode::Allow => (UpdateMode::Allow, Vec::new()),
            mode => (mode, acl::normalise(&rules.acl)),
        };
        ZoneRules { mode, acl, rows }
    }
}

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim)
}
