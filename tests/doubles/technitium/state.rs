//! What a server holds: keys, zones, users, its saved files, and what tests may watch. One mutex guards all of it;
//! every handler is a plain function on [`Server`].

use super::accounts::Auth;
use super::control::{Faults, Seen, UpdateSeen};
use super::history::Moment;
use super::keys::TsigKey;
use super::logs::Log;
use super::store::Files;
use super::zones::Zone;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// The recorded answer of `settings/get` per version; what is not modelled is answered from here.
const SETTINGS: &str = include_str!("settings.json");

/// A release of Technitium DNS Server whose behaviour was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// 13.6 of 2025-04-26.
    V13_6,
    /// 14.3 of 2025-12-20.
    V14_3,
    /// 15.2 of 2026-05-09.
    V15_2,
}

impl Version {
    /// All of them, oldest first.
    pub const ALL: [Self; 3] = [Self::V13_6, Self::V14_3, Self::V15_2];

    /// As the server writes it: `14.3`.
    pub fn name(self) -> &'static str {
        match self {
            Self::V13_6 => "13.6",
            Self::V14_3 => "14.3",
            Self::V15_2 => "15.2",
        }
    }

    /// Reads `14.3`.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|version| version.name() == text)
    }

    /// Time from the first unsaved change to the save, as seen on running servers.
    pub fn save_delay(self) -> Duration {
        Duration::from_secs(if self == Self::V13_6 { 10 } else { 5 })
    }
}

/// `dns.config`: settings and TSIG keys.
#[derive(Debug, Clone)]
pub struct Config {
    /// Keys in the order they were given.
    pub keys: Vec<TsigKey>,
    /// The other fields of `settings/get`.
    pub settings: Map<String, Value>,
}

impl Config {
    /// A fresh server's.
    pub fn new(version: Version) -> Self {
        let all: Value = serde_json::from_str(SETTINGS).unwrap_or_default();
        let settings = all.get(version.name()).and_then(Value::as_object).cloned().unwrap_or_default();
        Self { keys: Vec::new(), settings }
    }

    /// A number among the settings.
    pub fn number(&self, name: &str, otherwise: u32) -> u32 {
        let number = self.settings.get(name).and_then(Value::as_u64);
        number.and_then(|n| u32::try_from(n).ok()).unwrap_or(otherwise)
    }

    /// A switch among the settings.
    pub fn flag(&self, name: &str) -> bool {
        self.settings.get(name).and_then(Value::as_bool).unwrap_or(false)
    }
}

/// Everything in memory that a crash can lose.
#[derive(Debug, Clone)]
pub struct Live {
    /// Settings and keys.
    pub config: Config,
    /// Users and tokens.
    pub auth: Auth,
    /// Zones by lower-case name, the internal ones too.
    pub zones: BTreeMap<String, Zone>,
}

/// Who is told of each change.
pub type Observer = Box<dyn Fn(&Moment) + Send>;

/// One server.
pub struct Server {
    /// Which release it plays.
    pub version: Version,
    /// `dnsServerDomain`.
    pub domain: String,
    /// Where its HTTP listens.
    pub http: SocketAddr,
    /// Where its DNS listens.
    pub dns: SocketAddr,
    /// Time from the first unsaved change of a store to its save.
    pub save_delay: Duration,
    /// How long a wrong password is answered late.
    pub login_delay: Duration,
    /// `uptimestamp`.
    pub up_since: String,
    /// Counts the starts; connections of an older start are cut.
    pub start: u64,
    /// False after a start that a broken file made impossible.
    pub running: bool,
    /// What is in memory.
    pub live: Live,
    /// What is on disk.
    pub files: Files,
    /// The log file of the day.
    pub log: Log,
    /// What tests want to go wrong.
    pub faults: Faults,
    /// What was asked of it.
    pub seen: Seen,
    /// Who is told of each change.
    pub observer: Option<Observer>,
    /// Copies to be refreshed, and whether they are transferred even if the serial stands still.
    pub refresh: Vec<(String, bool)>,
    /// Copies that got a NOTIFY, and when they act on it.
    pub notified: Vec<(String, Instant)>,
}

impl Server {
    /// Notes an UPDATE and its fate.
    pub fn note_update(&mut self, seen: UpdateSeen) {
        self.seen.updates.push(seen);
    }

    /// The zone that covers a name: the closest one upwards.
    pub fn zone_for(&self, name: &str) -> Option<&Zone> {
        let name = name.to_ascii_lowercase();
        let mut rest = name.as_str();
        loop {
            if let Some(zone) = self.live.zones.get(rest) {
                return Some(zone);
            }
            if rest.is_empty() {
                return None;
            }
            rest = rest.split_once('.').map_or("", |(_, up)| up);
        }
    }
}

/// Now, as the API writes times.
pub fn timestamp() -> String {
    let now = jiff::Timestamp::now();
    format!("{}Z", now.strftime("%Y-%m-%dT%H:%M:%S%.7f"))
}

/// Seconds since 1970.
pub fn unix_now() -> u64 {
    u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or(0)
}
