//! What a step can do and what can be checked, one file per subject. A subject owns its changes and checks, how they run,
//! the words for them, and the builders of its steps. Nothing here knows the engine that runs them (`plan`).

pub mod bypass;
pub mod d2;
mod evidence;
pub mod files;
pub mod firewall;
pub mod heal;
pub mod keys;
pub mod probes;
pub mod secrets;
pub mod servers;
pub mod service;
mod step;
mod through_d2;
pub mod wiring;

use crate::config::Config;
use crate::error::Result;
use crate::model::{HostName, ServerName};
use crate::world::World;
use serde::{Deserialize, Serialize};
use std::fmt;

pub use evidence::Evidence;
pub use step::{Step, Undo};

/// One change. It can be saved, read, made twice and undone; it holds no secret.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", tag = "of")]
pub enum Change {
    /// The secret store's book of keys.
    Keys(keys::Change),
    /// Keys and update rules on the DNS servers.
    Servers(servers::Change),
    /// Proof by use.
    Probes(probes::Change),
    /// Files and pfddns.toml.
    Files(files::Change),
    /// D2's file, and the D2 that runs.
    D2(d2::Change),
    /// D2's start script, and whether D2 runs.
    Service(service::Change),
    /// What kea-dhcp4 sends to D2.
    Wiring(wiring::Change),
    /// pfSense's config.xml.
    Firewall(firewall::Change),
    /// Names that are missing in DNS.
    Heal(heal::Change),
    /// The emergency bypass.
    Bypass(bypass::Change),
}

/// A fact that can be looked up. A check that can't be answered is an error, never true.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", tag = "of")]
pub enum Check {
    /// The secret store's book of keys.
    Keys(keys::Check),
    /// Keys and update rules on the DNS servers.
    Servers(servers::Check),
    /// Proof by use.
    Probes(probes::Check),
    /// Files and pfddns.toml.
    Files(files::Check),
    /// D2's file, and the D2 that runs.
    D2(d2::Check),
    /// D2's start script, and whether D2 runs.
    Service(service::Check),
    /// What kea-dhcp4 sends to D2.
    Wiring(wiring::Check),
    /// pfSense's config.xml.
    Firewall(firewall::Check),
}

/// What the engine must know of a change besides how it is made.
#[derive(Debug, Default)]
pub struct Nature<'a> {
    /// The DNS servers it concerns.
    pub servers: Vec<&'a ServerName>,
    /// The firewalls it concerns.
    pub hosts: Vec<&'a HostName>,
    /// Only the secret store learns of it: no server and no D2 works differently.
    pub only_in_store: bool,
    /// It only asks, or removes what it wrote: there is nothing to undo.
    pub leaves_nothing: bool,
    /// It writes more than once, so a cut-off may leave neither the old state nor the new one. Such a change refuses to
    /// overwrite what is neither the old state nor its own, and is simply made again.
    pub writes_more_than_once: bool,
}

impl Change {
    /// Makes the change. Only the engine's loop calls this.
    pub async fn run(&self, config: &Config, world: &mut World) -> Result<Evidence> {
        match self {
            Self::Keys(it) => it.run(config, world).await,
            Self::Servers(it) => it.run(config, world).await,
            Self::Probes(it) => it.run(config, world).await,
            Self::Files(it) => it.run(config, world).await,
            Self::D2(it) => it.run(config, world).await,
            Self::Service(it) => it.run(config, world).await,
            Self::Wiring(it) => it.run(config, world).await,
            Self::Firewall(it) => it.run(config, world).await,
            Self::Heal(it) => it.run(config, world).await,
            Self::Bypass(it) => it.run(config, world).await,
        }
    }

    /// What the engine must know of it.
    pub fn nature(&self) -> Nature<'_> {
        match self {
            Self::Keys(it) => it.nature(),
            Self::Servers(it) => it.nature(),
            Self::Probes(it) => it.nature(),
            Self::Files(it) => it.nature(),
            Self::D2(it) => it.nature(),
            Self::Service(it) => it.nature(),
            Self::Wiring(it) => it.nature(),
            Self::Firewall(it) => it.nature(),
            Self::Heal(it) => it.nature(),
            Self::Bypass(it) => it.nature(),
        }
    }

    /// The same change without pausing DHCP while D2 reloads. False if it reloads no D2.
    pub fn do_not_pause(&mut self) -> bool {
        match self {
            Self::D2(it) => it.do_not_pause(),
            _ => false,
        }
    }
}

impl Check {
    /// Ok if it holds; otherwise an error that says what was found instead.
    pub async fn holds(&self, config: &Config, world: &World) -> Result<()> {
        match self {
            Self::Keys(it) => it.holds(config, world).await,
            Self::Servers(it) => it.holds(config, world).await,
            Self::Probes(it) => it.holds(config, world).await,
            Self::Files(it) => it.holds(config, world).await,
            Self::D2(it) => it.holds(config, world).await,
            Self::Service(it) => it.holds(config, world).await,
            Self::Wiring(it) => it.holds(config, world).await,
            Self::Firewall(it) => it.holds(config, world).await,
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keys(it) => it.fmt(f),
            Self::Servers(it) => it.fmt(f),
            Self::Probes(it) => it.fmt(f),
            Self::Files(it) => it.fmt(f),
            Self::D2(it) => it.fmt(f),
            Self::Service(it) => it.fmt(f),
            Self::Wiring(it) => it.fmt(f),
            Self::Firewall(it) => it.fmt(f),
        }
    }
}

/// A subject's change or check is one of all.
macro_rules! of_all {
    ($all:ident: $($variant:ident $subject:ident),+) => {
        $(impl From<$subject::$all> for $all {
            fn from(it: $subject::$all) -> Self {
                Self::$variant(it)
            }
        })+
    };
}
of_all!(Change: Keys keys, Servers servers, Probes probes, Files files, D2 d2, Service service, Wiring wiring, Firewall firewall, Heal heal, Bypass bypass);
of_all!(Check: Keys keys, Servers servers, Probes probes, Files files, D2 d2, Service service, Wiring wiring, Firewall firewall);
