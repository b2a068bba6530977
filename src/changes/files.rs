//! Files: whether one is unchanged, where a run keeps the file that it replaces, and removal of old backups.

use super::{Evidence, Nature, Step, Undo};
use crate::config::{Config, Firewall};
use crate::error::{Error, Result};
use crate::model::HostName;
use crate::world::{Digest, NewFile, World};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::{Path, PathBuf};

/// A change of files that no other subject owns.
#[allow(missing_docs, reason = "each variant's sentence names its fields")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema), schemars(rename = "FilesChange"))]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", tag = "change")]
pub enum Change {
    /// Removes old backups, but never the newest one that pfSense would read.
    RemoveBackups { host: HostName, files: Vec<PathBuf> },
}

/// A fact about a file.
#[allow(missing_docs, reason = "each variant's sentence names its fields")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema), schemars(rename = "FilesCheck"))]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", tag = "check")]
pub enum Check {
    /// The configuration says the same as when the plan was made.
    ConfigIs { digest: Digest },
    /// The file has this content (`None`: there is no such file).
    FileIs { host: HostName, path: PathBuf, digest: Option<Digest> },
}

impl Change {
    pub(super) async fn run(&self, _: &Config, world: &mut World) -> Result<Evidence> {
        let Self::RemoveBackups { host, files } = self;
        let host = world.host_mut(host)?;
        files.iter().try_for_each(|file| host.remove(file))?;
        Ok(Evidence::default())
    }

    pub(super) fn nature(&self) -> Nature<'_> {
        let Self::RemoveBackups { host, .. } = self;
        Nature { hosts: vec![host], ..Nature::default() }
    }
}

impl Check {
    pub(super) async fn holds(&self, config: &Config, world: &World) -> Result<()> {
        match self {
            Self::ConfigIs { digest: wanted } if &digest(config)? == wanted => Ok(()),
            Self::ConfigIs { .. } => {
                Err(Error::new("pfddns.toml has changed since the plan was made, or another version of pfddns made it"))
            }
            Self::FileIs { host, path, digest } => file_is(world, host, path, digest.as_ref()),
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
        }
    }
}

/// Digest of a configuration's meaning: comments and order of the file don't count.
pub fn digest(config: &Config) -> Result<Digest> {
    let text = serde_json::to_vec(config).map_err(|error| Error::new(format!("the configuration: {error}")))?;
    Ok(Digest::of(&text))
}

fn file_is(world: &World, host: &HostName, path: &Path, digest: Option<&Digest>) -> Result<()> {
    let found = world.host(host)?.read_if_there(path)?.map(|bytes| Digest::of(&bytes));
    let path = path.display();
    Err(Error::new(match (&found, digest) {
        (found, wanted) if found.as_ref() == wanted => return Ok(()),
        (None, _) => format!("{path} is gone"),
        (Some(_), None) => format!("{path} exists now"),
        (Some(found), Some(_)) => format!("{path} has changed (digest {found})"),
    }))
}

/// The file has this content (`None`: there is none).
pub fn is(host: &HostName, path: &Path, digest: Option<Digest>) -> super::Check {
    Check::FileIs { host: host.clone(), path: path.to_owned(), digest }.into()
}

/// Folder of backups on a firewall.
pub fn backups(firewall: &Firewall) -> PathBuf {
    firewall.state.join("backups")
}

/// Where a run keeps the file it replaces: the run's name begins with its time, so names sort by age.
pub fn backup(firewall: &Firewall, file: &str, run: &str) -> PathBuf {
    backups(firewall).join(format!("{file}.{run}"))
}

/// Keeps the old content of a file in `backup`. A repeat after a crash finds its own backup.
pub(super) fn keep(world: &mut World, firewall: &Firewall, old: &[u8], backup: &Path) -> Result<()> {
    let host = world.host_mut(&firewall.name)?;
    host.make_folder(&backups(firewall), 0o700)?;
    if host.read_if_there(backup)?.as_deref() == Some(old) {
        return Ok(());
    }
    host.write(backup, &NewFile { bytes: old, replaces: None, mode: 0o600, keep_mode: false })
}

/// The step that removes old backups.
pub fn remove_backups(config: &Config, firewall: &Firewall, files: Vec<PathBuf>) -> Step {
    let names: String = files.iter().map(|it| format!("- {}\n", it.display())).collect();
    let after = files.iter().map(|path| is(&firewall.name, path, None)).collect();
    let title = format!("remove {} old files{}", files.len(), config.on(firewall));
    let change = Change::RemoveBackups { host: firewall.name.clone(), files };
    Step::new(title, change, after, Undo::Impossible("a removed backup is gone".into())).showing(names)
}
