//! Delayed persistence: per store a one-shot timer, started by the first unsaved change and not postponed by later
//! ones. A crash goes back to the files. Nothing runs in the background: due saves are caught up before each access,
//! which is the same, as nothing changes in between.

use super::accounts::Auth;
use super::history::Scope;
use super::state::{Config, Live, Server, Version, timestamp};
use super::zones::Zone;
use std::collections::BTreeMap;
use std::time::Instant;

/// One file of the product, saved on its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Store {
    /// `dns.config`: settings and keys.
    Config,
    /// `auth.config`: users and tokens.
    Auth,
    /// `zones/<name>.zone`: records and options of one zone.
    Zone(String),
}

/// The files as last written.
pub struct Files {
    config: Option<Config>,
    auth: Option<Auth>,
    zones: BTreeMap<String, Option<Zone>>,
    due: BTreeMap<Store, Instant>,
}

impl Files {
    /// Everything saved, nothing due.
    pub fn new(live: &Live) -> Self {
        let own = live.zones.iter().filter(|(_, zone)| !zone.internal);
        let zones = own.map(|(name, zone)| (name.clone(), Some(zone.clone()))).collect();
        Self { config: Some(live.config.clone()), auth: Some(live.auth.clone()), zones, due: BTreeMap::new() }
    }
}

impl Server {
    /// Starts the timer of a store unless it runs already.
    pub fn changed(&mut self, store: Store) {
        let due = Instant::now() + self.save_delay;
        self.files.due.entry(store).or_insert(due);
    }

    /// Writes what is due. Called before anything else is done with the server.
    pub fn catch_up(&mut self) {
        let now = Instant::now();
        let due: Vec<Store> = self.files.due.iter().filter(|(_, at)| **at <= now).map(|(s, _)| s.clone()).collect();
        for store in due {
            self.files.due.remove(&store);
            if !self.save(&store) {
                self.changed(store); // tried again every interval, for ever
            }
        }
    }

    /// When a store will be written, if it waits to be.
    pub fn due(&self, store: &Store) -> Option<Instant> {
        self.files.due.get(store).copied()
    }

    /// Writes a store now, due or not.
    pub fn save_now(&mut self, store: &Store) {
        self.files.due.remove(store);
        if !self.save(store) {
            self.changed(store.clone());
        }
    }

    /// Is nothing waiting to be written?
    pub fn all_saved(&self) -> bool {
        self.files.due.is_empty()
    }

    fn save(&mut self, store: &Store) -> bool {
        match store {
            Store::Config => {
                // A length byte on disk: a longer secret stops this file from being written, a clean stop included.
                if self.live.config.keys.iter().any(|key| key.secret.len() > 255) {
                    self.log.write(
                        "System.ArgumentOutOfRangeException: Parameter 'value' exceeded max length of 255 bytes.",
                    );
                    return false;
                }
                self.files.config = Some(self.live.config.clone());
            }
            Store::Auth => self.files.auth = Some(self.live.auth.saved()),
            Store::Zone(name) => {
                let Some(zone) = self.live.zones.get(name) else { return true };
                if zone.options.too_large_to_save() {
                    return false;
                }
                self.files.zones.insert(name.clone(), Some(zone.clone()));
            }
        }
        true
    }

    /// A deleted zone's file goes at once.
    pub fn remove_file(&mut self, zone: &str) {
        self.files.zones.remove(zone);
        self.files.due.remove(&Store::Zone(zone.to_owned()));
    }

    /// Leaves a store's file empty, as a crash in the middle of writing does (13.6, 14.3 rewrite in place).
    pub fn damage(&mut self, store: &Store) {
        self.files.due.remove(store);
        match store {
            Store::Config => self.files.config = None,
            Store::Auth => self.files.auth = None,
            Store::Zone(name) => {
                self.files.zones.insert(name.to_ascii_lowercase(), None);
            }
        }
    }

    /// Kill and start: what was not saved is gone.
    pub fn crash(&mut self) {
        self.files.due.clear();
        self.load();
        self.moment("crash", &Scope::All);
    }

    /// A clean stop (SIGINT; from 14 on SIGTERM too) writes everything first.
    pub fn restart(&mut self) {
        let due: Vec<Store> = self.files.due.keys().cloned().collect();
        self.files.due.clear();
        for store in due {
            self.save(&store);
        }
        self.load();
        self.moment("restart", &Scope::All);
    }

    fn load(&mut self) {
        self.start += 1;
        self.up_since = timestamp();
        let (config, auth) = (self.files.config.clone(), self.files.auth.clone());
        // A broken auth.config stops every version, a broken dns.config only 13.6.
        self.running = auth.is_some() && (config.is_some() || self.version > Version::V13_6);
        if !self.running {
            return;
        }
        let mut config = config.unwrap_or_else(|| self.default_config());
        config.keys.iter_mut().for_each(super::keys::TsigKey::canonical);
        let mut zones = super::zones::internal(&self.domain);
        for (name, zone) in &self.files.zones {
            match zone {
                Some(zone) => {
                    let mut zone = zone.clone();
                    zone.reloaded();
                    zones.insert(name.clone(), zone);
                }
                None => self.log.write(&format!("DNS Server failed to load zone file: {name}")),
            }
        }
        let mut auth = auth.unwrap_or_default();
        auth.permissions.repair(zones.iter().map(|(name, zone)| (name, zone.internal)));
        self.live = Live { config, auth, zones };
        self.files.config.get_or_insert_with(|| self.live.config.clone());
        let lost: Vec<String> = self.files.zones.iter().filter(|(_, z)| z.is_none()).map(|(n, _)| n.clone()).collect();
        for name in lost {
            self.files.zones.remove(&name);
        }
        self.refresh_all();
    }

    /// An empty `dns.config` means a first start: endpoints and recursion as on a new server.
    fn default_config(&self) -> Config {
        let mut config = Config::new(self.version);
        config.settings.insert("dnsServerLocalEndPoints".into(), serde_json::json!(["0.0.0.0:53", "[::]:53"]));
        config.settings.insert("recursion".into(), "AllowOnlyForPrivateNetworks".into());
        config
    }
}
