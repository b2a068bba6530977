//! D2's start script, and whether D2 runs: installs and removes the script, starts and stops D2.

use super::{Evidence, Nature, Step, Undo, d2, files};
use crate::config::{Config, Firewall};
use crate::error::{Error, Exit, Result};
use crate::model::{HostName, KeyName};
use crate::systems::kea::{self, daemon::rc};
use crate::world::{Digest, NewFile, World};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::{Path, PathBuf};

/// How often D2 is started before it counts as not starting; starting a D2 that runs does nothing.
const STARTS: u32 = 4;

/// A change of D2's start script, or of whether D2 runs.
#[allow(missing_docs, reason = "each variant's sentence names its fields")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema), schemars(rename = "ServiceChange"))]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", tag = "change")]
pub enum Change {
    /// Installs D2's start script, after a backup of the file that it replaces.
    PutScript { host: HostName, replaces: Option<Digest>, backup: PathBuf },
    /// Restores the old script, with its mode (`None`: there was none).
    RestoreScript { host: HostName, backup: PathBuf, mode: Option<u32> },
    /// Removes the script that pfddns installed, after a backup.
    RemoveScript { host: HostName, backup: PathBuf },
    /// Starts D2 through its script, and waits until it answers.
    StartD2 { host: HostName },
    /// Stops D2 through its script: D2 finishes its queue first.
    StopD2 { host: HostName },
}

/// A fact about the script or the process.
#[allow(missing_docs, reason = "each variant's sentence names its fields")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema), schemars(rename = "ServiceCheck"))]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", tag = "check")]
pub enum Check {
    /// D2's start script is in place and may be run (true), or is not there (false).
    ScriptStands { host: HostName, stands: bool },
    /// D2 answers on its control socket (true), or nothing does (false).
    D2Up { host: HostName, up: bool },
}

impl Change {
    pub(super) async fn run(&self, config: &Config, world: &mut World) -> Result<Evidence> {
        match self {
            Self::PutScript { host, replaces, backup } => {
                put_script(config.firewall(host)?, world, replaces.as_ref(), backup)
            }
            Self::RestoreScript { host, backup, mode } => restore_script(config.firewall(host)?, world, backup, *mode),
            Self::RemoveScript { host, backup } => remove_script(config.firewall(host)?, world, backup),
            Self::StartD2 { host } => start_d2(config.firewall(host)?, world).await,
            Self::StopD2 { host } => stop_d2(config.firewall(host)?, world),
        }
    }

    pub(super) fn nature(&self) -> Nature<'_> {
        let (host, writes_more_than_once) = match self {
            Self::PutScript { host, .. } | Self::RemoveScript { host, .. } => (host, true),
            Self::RestoreScript { host, .. } | Self::StartD2 { host } | Self::StopD2 { host } => (host, false),
        };
        Nature { hosts: vec![host], writes_more_than_once, ..Nature::default() }
    }
}

impl Check {
    pub(super) async fn holds(&self, config: &Config, world: &World) -> Result<()> {
        match self {
            Self::ScriptStands { host, stands } => script_stands(config.firewall(host)?, world, *stands),
            Self::D2Up { host, up } => d2_up(config.firewall(host)?, world, *up),
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ScriptStands { stands: true, .. } => "D2's start script is in place",
            Self::ScriptStands { stands: false, .. } => "D2 has no start script",
            Self::D2Up { up: true, .. } => "D2 runs",
            Self::D2Up { up: false, .. } => "D2 does not run",
        })
    }
}

/// What the script says for this site.
pub fn names(firewall: &Firewall) -> rc::Names<'_> {
    rc::Names { program: &firewall.d2.program, config: &firewall.d2.config, run: &firewall.pfsense.kea_run }
}

/// Where the script that a run replaces is kept.
pub fn script_backup(firewall: &Firewall, run: &str) -> PathBuf {
    let script = firewall.pfsense.d2_script.file_name().unwrap_or_default().to_string_lossy();
    files::backup(firewall, &script, run)
}

/// The installed script: its owner, its mode and its digest.
pub fn script_seen(firewall: &Firewall, world: &World) -> Result<Option<(rc::Whose, u32, Digest)>> {
    let (host, path) = (world.host(&firewall.name)?, &firewall.pfsense.d2_script);
    let (Some(text), Some(mode)) = (host.read_if_there(path)?, host.mode(path)?) else { return Ok(None) };
    Ok(Some((rc::whose(&text, &names(firewall)), mode, Digest::of(&text))))
}

/// Ok if the script is there, as it should be, and may be run (or, for `false`, if there is none).
fn script_stands(firewall: &Firewall, world: &World, stands: bool) -> Result<()> {
    let path = firewall.pfsense.d2_script.display();
    let problem = match (script_seen(firewall, world)?, stands) {
        (None, false) => return Ok(()),
        (Some((rc::Whose::Ours, mode, _)), true) if mode & 0o111 == 0o111 => return Ok(()),
        (None, true) => "is missing",
        (Some(_), false) => "is there",
        (Some((rc::Whose::Ours, ..)), true) => "is not executable by everybody (mode 0755)",
        (Some(_), true) => "differs from the script that pfddns writes",
    };
    Err(Error::new(format!("{path} {problem}")))
}

fn d2_up(firewall: &Firewall, world: &World, up: bool) -> Result<()> {
    if kea::daemon::apply::running(world.host(&firewall.name)?, &firewall.d2.socket)? == up {
        return Ok(());
    }
    let state = if up { "does not run" } else { "runs" };
    Err(Error::new(format!("D2 {state} ({})", firewall.d2.socket.display())))
}

fn put_script(firewall: &Firewall, world: &mut World, replaces: Option<&Digest>, backup: &Path) -> Result<Evidence> {
    let (host, path) = (&firewall.name, &firewall.pfsense.d2_script);
    let found = world.host(host)?.read_if_there(path)?;
    let text = rc::script(&names(firewall));
    if found.as_ref().map(|it| Digest::of(it)).as_ref() != replaces && found.as_deref() != Some(text.as_bytes()) {
        return Err(Error::stale(path.display()));
    }
    if let Some(old) = found.as_deref().filter(|it| *it != text.as_bytes()) {
        files::keep(world, firewall, old, backup)?;
    }
    let host = world.host_mut(host)?;
    if let Some(folder) = path.parent() {
        host.make_folder(folder, 0o755)?;
    }
    let replaces = found.as_ref().map(|it| Digest::of(it));
    host.write(path, &NewFile { bytes: text.as_bytes(), replaces, mode: 0o755, keep_mode: false })?;
    Ok(Evidence::default())
}

/// `mode`: of the script in the backup; `None` if there was no script before.
fn restore_script(firewall: &Firewall, world: &mut World, backup: &Path, mode: Option<u32>) -> Result<Evidence> {
    let (host, path) = (&firewall.name, &firewall.pfsense.d2_script);
    let found = world.host(host)?.read_if_there(path)?;
    if let Some(text) = found.as_deref().filter(|it| rc::whose(it, &names(firewall)) == rc::Whose::Foreign) {
        return Err(Error::new(format!("{} is no longer pfddns's script ({})", path.display(), Digest::of(text)))
            .hint("pfddns does not overwrite it; move it aside first"));
    }
    let Some(mode) = mode else {
        world.host_mut(host)?.remove(path)?;
        return Ok(Evidence::default());
    };
    // Only its mode was wrong, or the step was cut off before it had replaced anything: there is no backup.
    let kept = world.host(host)?.read_if_there(backup)?.or_else(|| found.clone());
    let Some(kept) = kept else {
        return Err(Error::new(format!("{} is gone, and so is its backup", path.display())));
    };
    let replaces = found.as_ref().map(|it| Digest::of(it));
    world.host_mut(host)?.write(path, &NewFile { bytes: &kept, replaces, mode, keep_mode: false })?;
    Ok(Evidence::default())
}

fn remove_script(firewall: &Firewall, world: &mut World, backup: &Path) -> Result<Evidence> {
    let (host, path) = (&firewall.name, &firewall.pfsense.d2_script);
    let Some(old) = world.host(host)?.read_if_there(path)? else { return Ok(Evidence::note("it was gone already")) };
    if !rc::is_ours(&old) {
        return Err(Error::new(format!("{} is not the script that pfddns installed; it stays", path.display())));
    }
    files::keep(world, firewall, &old, backup)?;
    world.host_mut(host)?.remove(path)?;
    Ok(Evidence::default())
}

async fn start_d2(firewall: &Firewall, world: &mut World) -> Result<Evidence> {
    if kea::daemon::apply::running(world.host(&firewall.name)?, &firewall.d2.socket)? {
        return Ok(Evidence::note("it runs already"));
    }
    // A D2 that has just died may still be in the process table: Kea sees its pid file, believes it is alive, and ends.
    for _ in 1..STARTS {
        rc::start(world.host_mut(&firewall.name)?, &firewall.pfsense.d2_script)?;
        if rc::answers(world, &firewall.name, &firewall.d2.socket).await.is_ok() {
            return Ok(Evidence::default());
        }
    }
    rc::start(world.host_mut(&firewall.name)?, &firewall.pfsense.d2_script)?;
    rc::answers(world, &firewall.name, &firewall.d2.socket).await.map(|()| Evidence::default())
}

/// Starts D2 without a journal: it may be called each minute, and must work while another run is unfinished.
pub async fn ensure(config: &Config, world: &mut World, host: &HostName) -> Result<Evidence> {
    let firewall = config.firewall(host)?;
    start_d2(firewall, world).await.map_err(|error| {
        error
            .while_doing(format!("starting D2{}", config.on(firewall)))
            .and_hint("`pfddns kea lint` checks its file")
            .exit_with(Exit::Failed)
    })
}

fn stop_d2(firewall: &Firewall, world: &mut World) -> Result<Evidence> {
    if world.host(&firewall.name)?.mode(&firewall.pfsense.d2_script)?.is_none() {
        return Ok(Evidence::note("its script is gone, so it was left as it is"));
    }
    rc::stop(world.host_mut(&firewall.name)?, &firewall.pfsense.d2_script)?;
    Ok(Evidence::default())
}

/// The step that replaces the script `seen` (its mode and digest).
pub fn put(config: &Config, firewall: &Firewall, seen: Option<(u32, Digest)>, run: &str) -> Step {
    let (path, backup) = (&firewall.pfsense.d2_script, script_backup(firewall, run));
    let (mode, digest) = seen.unzip();
    let before = files::is(&firewall.name, path, digest.clone());
    let change = Change::PutScript { host: firewall.name.clone(), replaces: digest, backup: backup.clone() };
    let undo = Undo::by(Change::RestoreScript { host: firewall.name.clone(), backup, mode });
    let title = format!("install D2's start script at {}{}", path.display(), config.on(firewall));
    Step::new(title, change, vec![in_place(firewall, true)], undo).given(vec![before])
}

/// The step that removes the script, which has this mode and text.
pub fn remove(config: &Config, firewall: &Firewall, (mode, text): (u32, &[u8]), run: &str) -> Step {
    let (path, backup) = (&firewall.pfsense.d2_script, script_backup(firewall, run));
    let before = files::is(&firewall.name, path, Some(Digest::of(text)));
    let change = Change::RemoveScript { host: firewall.name.clone(), backup: backup.clone() };
    let undo = Undo::by(Change::RestoreScript { host: firewall.name.clone(), backup, mode: Some(mode) });
    let title = format!("remove {}{}; a running D2 keeps running", path.display(), config.on(firewall));
    Step::new(title, change, vec![in_place(firewall, false)], undo).given(vec![before])
}

fn in_place(firewall: &Firewall, stands: bool) -> super::Check {
    Check::ScriptStands { host: firewall.name.clone(), stands }.into()
}

/// The step that starts D2. `key`: what it must sign with then, where that is known.
pub fn start(config: &Config, firewall: &Firewall, key: Option<&KeyName>) -> Step {
    let host = || firewall.name.clone();
    let up = |up| super::Check::from(Check::D2Up { host: host(), up });
    let mut after = vec![up(true)];
    after.extend(key.map(|key| d2::Check::D2Runs { host: host(), key: Some(key.clone()) }.into()));
    let title = format!("start D2{}", config.on(firewall));
    Step::new(title, Change::StartD2 { host: host() }, after, Undo::by(Change::StopD2 { host: host() }))
        .given(vec![up(false)])
}
