//! The note of a bypass in force: which rules to go back to, until when, and why. It lies in the state folder and needs
//! no secret store.

use super::Evidence;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::model::{HostName, ServerName, ZoneName, ZoneRules};
use crate::world::{Digest, NewFile, World};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The rules of one zone on one server before the bypass.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct BypassState {
    /// The run that opened it.
    pub run: String,
    /// When it was opened.
    pub since: Timestamp,
    /// When it ends by itself.
    pub until: Timestamp,
    /// The operator's words.
    pub reason: String,
    /// The rules to go back to.
    pub saved: Vec<Saved>,
    /// Backup of D2's file, if D2 was switched to unsigned updates.
    pub d2_backup: Option<PathBuf>,
    /// The same on the other firewalls.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub more_d2_backups: Vec<(HostName, PathBuf)>,
}

/// The file.
pub fn path(config: &Config) -> PathBuf {
    config.state.join("bypass.json")
}

/// The bypass in force, if any. A note that can't be read is an error: zones may be open.
pub fn read(config: &Config, world: &World) -> Result<Option<BypassState>> {
    let path = path(config);
    let Some(bytes) = world.first()?.read_if_there(&path)? else { return Ok(None) };
    serde_json::from_slice(&bytes).map(Some).map_err(|error| {
        Error::new(format!("{}:{}: not a note of a bypass: {error}", path.display(), error.line()))
            .hint("zones may be open: compare their update rules with the last journal in the same folder")
    })
}

/// Writes the note.
pub(super) fn begin(config: &Config, world: &mut World, state: &BypassState) -> Result<Evidence> {
    let path = path(config);
    let host = world.first_mut()?;
    let bytes =
        serde_json::to_vec_pretty(state).map_err(|error| Error::new(format!("the note of the bypass: {error}")))?;
    let replaces = host.read_if_there(&path)?.map(|old| Digest::of(&old));
    host.write(&path, &NewFile { bytes: &bytes, replaces, mode: 0o600, keep_mode: false })?;
    Ok(Evidence::default())
}

/// Removes the note.
pub(super) fn end(config: &Config, world: &mut World) -> Result<Evidence> {
    world.first_mut()?.remove(&path(config))?;
    Ok(Evidence::default())
}
