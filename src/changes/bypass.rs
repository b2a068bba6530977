//! The emergency bypass: zones opened to listed addresses, and the record of the active bypass: the rules to restore, until
//! when, and why. The record is in the state folder and needs no secret store.

use super::{Evidence, Nature, Step, Undo, files, probes, servers};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::model::{HostName, ServerName, ZoneName, ZoneRules};
use crate::systems::servers::{NameServer, Server};
use crate::world::{Digest, NewFile, World};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A change of a bypass.
#[allow(missing_docs, reason = "each variant's sentence names its fields")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema), schemars(rename = "BypassChange"))]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", tag = "change")]
pub enum Change {
    /// Lets the listed addresses update without a signature. Never any address.
    OpenZone { server: ServerName, zone: ZoneName, replaces: ZoneRules, rules: ZoneRules },
    /// Writes the record of a bypass: the rules to restore, until when, and why.
    BeginBypass { state: BypassState },
    /// Removes that record.
    EndBypass { state: BypassState },
}

impl Change {
    pub(super) async fn run(&self, config: &Config, world: &mut World) -> Result<Evidence> {
        match self {
            Self::OpenZone { server, zone, replaces, rules } => {
                Server::of(config, server)?.set_bypass_rules(world, zone, replaces, rules).await?;
            }
            Self::BeginBypass { state } => begin(config, world, state)?,
            Self::EndBypass { .. } => world.first_mut()?.remove(&path(config))?,
        }
        Ok(Evidence::default())
    }

    pub(super) fn nature(&self) -> Nature<'_> {
        match self {
            Self::OpenZone { server, .. } => Nature { servers: vec![server], ..Nature::default() },
            Self::BeginBypass { .. } | Self::EndBypass { .. } => Nature::default(),
        }
    }
}

/// The rules of one zone on one server before the bypass.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Saved {
    /// The server.
    pub server: ServerName,
    /// The zone.
    pub zone: ZoneName,
    /// Exactly what it had.
    pub before: ZoneRules,
    /// What it has during the bypass.
    pub during: ZoneRules,
}

/// A bypass.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct BypassState {
    /// The run that started it.
    pub run: String,
    /// When it was started.
    pub since: Timestamp,
    /// When it ends by itself.
    pub until: Timestamp,
    /// The operator's reason.
    pub reason: String,
    /// The rules to restore.
    pub saved: Vec<Saved>,
    /// Backup of D2's file, if D2 was switched to unsigned updates.
    pub d2_backup: Option<PathBuf>,
    /// The same on the other firewalls.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub more_d2_backups: Vec<(HostName, PathBuf)>,
}

/// The file.
pub fn path(config: &Config) -> PathBuf {
    config.primary.state.join("bypass.json")
}

/// The active bypass, if any. A record that can't be read is an error: zones may be open.
pub fn read(config: &Config, world: &World) -> Result<Option<BypassState>> {
    let path = path(config);
    let Some(bytes) = world.first()?.read_if_there(&path)? else { return Ok(None) };
    serde_json::from_slice(&bytes).map(Some).map_err(|error| {
        Error::new(format!("{}:{}: not a record of a bypass: {error}", path.display(), error.line()))
            .hint("zones may be open: compare their update rules with the last journal in the same folder")
    })
}

/// Writes the record.
fn begin(config: &Config, world: &mut World, state: &BypassState) -> Result<()> {
    let path = path(config);
    let host = world.first_mut()?;
    let bytes =
        serde_json::to_vec_pretty(state).map_err(|error| Error::new(format!("the record of the bypass: {error}")))?;
    let replaces = host.read_if_there(&path)?.map(|old| Digest::of(&old));
    host.write(&path, &NewFile { bytes: &bytes, replaces, mode: 0o600, keep_mode: false })
}

/// The step that writes the record.
pub fn note(config: &Config, state: &BypassState) -> Step {
    let title = format!("save the rules to restore at {:.0}", state.until);
    let (change, undo) = (Change::BeginBypass { state: state.clone() }, Change::EndBypass { state: state.clone() });
    Step::new(title, change, Vec::new(), Undo::by(undo)).given(vec![no_note(config)])
}

/// The step that removes it.
pub fn forget(config: &Config, state: BypassState) -> Step {
    let undo = Undo::by(Change::BeginBypass { state: state.clone() });
    Step::new("forget the bypass", Change::EndBypass { state }, vec![no_note(config)], undo)
}

fn no_note(config: &Config) -> super::Check {
    files::is(&config.primary.name, &path(config), None)
}

/// The step that opens a zone.
pub fn open(saved: &Saved) -> Step {
    let (server, zone) = (&saved.server, &saved.zone);
    let (open, shut) = doors(saved);
    Step::new(
        format!("open {zone} on {server} to {}", saved.during.acl.join(", ")),
        open,
        vec![servers::rules_are(server, zone, &saved.during)],
        Undo::by(shut),
    )
    .given(vec![servers::rules_are(server, zone, &saved.before)])
    .showing(format!("- {}\n+ {}\n", saved.before, saved.during))
}

/// The step that restores a zone's rules.
pub fn close(saved: &Saved) -> Step {
    let (server, zone) = (&saved.server, &saved.zone);
    let (open, shut) = doors(saved);
    let after = vec![
        servers::rules_are(server, zone, &saved.before),
        probes::unsigned_refused(server, std::slice::from_ref(zone)),
    ];
    Step::new(format!("restore the rules of {zone} on {server}"), shut, after, Undo::by(open))
        .given(vec![servers::rules_are(server, zone, &saved.during)])
        .showing(format!("- {}\n+ {}\n", saved.during, saved.before))
}

/// The change that opens a zone, and the one that shuts it.
fn doors(saved: &Saved) -> (Change, servers::Change) {
    let names = || (saved.server.clone(), saved.zone.clone(), saved.before.clone(), saved.during.clone());
    let (server, zone, replaces, rules) = names();
    let open = Change::OpenZone { server, zone, replaces, rules };
    let (server, zone, rules, replaces) = names();
    (open, servers::Change::SetRules { server, zone, replaces, rules })
}
