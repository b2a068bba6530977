//! D2's start script in plans: putting it in place, taking it away, and starting or ending the D2 it is for.

use super::{Evidence, keys};
use crate::config::Config;
use crate::error::{Error, Exit, Result};
use crate::model::HostName;
use crate::systems::kea::{self, daemon::rc};
use crate::world::{Digest, NewFile, World};
use std::path::{Path, PathBuf};

/// How often D2 is started before it counts as not starting; starting a D2 that runs does nothing.
const STARTS: u32 = 4;

/// What the script says for this site.
pub fn names(config: &Config) -> rc::Names<'_> {
    rc::Names { program: &config.d2.program, config: &config.d2.config, run: &config.pfsense.kea_run }
}

/// Where the script that a run replaces is kept.
pub fn script_backup(config: &Config, run: &str) -> PathBuf {
    let script = config.pfsense.d2_script.file_name().unwrap_or_default().to_string_lossy().into_owned();
    keys::backups(config).join(format!("{script}.{run}"))
}

/// The script that is there: whose, its mode and its digest.
pub fn script_seen(config: &Config, world: &World) -> Result<Option<(rc::Whose, u32, Digest)>> {
    let (host, path) = (world.host(&config.d2.host)?, &config.pfsense.d2_script);
    let (Some(text), Some(mode)) = (host.read_if_there(path)?, host.mode(path)?) else { return Ok(None) };
    Ok(Some((rc::whose(&text, &names(config)), mode, Digest::of(&text))))
}

/// Ok if the script is there, as it should be, and may be run (or, for `false`, if there is none).
pub(super) fn script_stands(config: &Config, world: &World, stands: bool) -> Result<()> {
    let path = config.pfsense.d2_script.display();
    let problem = match (script_seen(config, world)?, stands) {
        (None, false) => return Ok(()),
        (Some((rc::Whose::Ours, mode, _)), true) if mode & 0o111 == 0o111 => return Ok(()),
        (None, true) => "is not there",
        (Some(_), false) => "is there",
        (Some((rc::Whose::Ours, ..)), true) => "may not be run by everybody (mode 0755)",
        (Some(_), true) => "is not as pfddns writes it",
    };
    Err(Error::new(format!("{path} {problem}")))
}

pub(super) fn d2_up(config: &Config, world: &World, host: &HostName, up: bool) -> Result<()> {
    if kea::daemon::apply::running(world.host(host)?, &config.d2.socket)? == up {
        return Ok(());
    }
    let state = if up { "does not run" } else { "runs" };
    Err(Error::new(format!("D2 {state} ({})", config.d2.socket.display())))
}

/// Keeps what is there in `backup`. A repeat after a crash finds its own backup.
pub(super) fn keep(world: &mut World, host: &HostName, old: &[u8], backup: &Path, config: &Config) -> Result<()> {
    let host = world.host_mut(host)?;
    host.make_folder(&keys::backups(config), 0o700)?;
    if host.read_if_there(backup)?.as_deref() == Some(old) {
        return Ok(());
    }
    host.write(backup, &NewFile { bytes: old, replaces: None, mode: 0o600, keep_mode: false })
}

pub(super) fn put_script(
    config: &Config,
    world: &mut World,
    host: &HostName,
    replaces: Option<&Digest>,
    backup: &Path,
) -> Result<Evidence> {
    let path = &config.pfsense.d2_script;
    let found = world.host(host)?.read_if_there(path)?;
    let text = rc::script(&names(config));
    if found.as_ref().map(|it| Digest::of(it)).as_ref() != replaces && found.as_deref() != Some(text.as_bytes()) {
        return Err(Error::stale(path.display()));
    }
    if let Some(old) = found.as_deref().filter(|it| *it != text.as_bytes()) {
        keep(world, host, old, backup, config)?;
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
pub(super) fn restore_script(
    config: &Config,
    world: &mut World,
    host: &HostName,
    backup: &Path,
    mode: Option<u32>,
) -> Result<Evidence> {
    let path = &config.pfsense.d2_script;
    let found = world.host(host)?.read_if_there(path)?;
    if let Some(text) = found.as_deref().filter(|it| rc::whose(it, &names(config)) == rc::Whose::Foreign) {
        return Err(Error::new(format!("{} is somebody else's by now ({})", path.display(), Digest::of(text)))
            .hint("it is not overwritten; move it aside first"));
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

pub(super) fn remove_script(config: &Config, world: &mut World, host: &HostName, backup: &Path) -> Result<Evidence> {
    let path = &config.pfsense.d2_script;
    let Some(old) = world.host(host)?.read_if_there(path)? else { return Ok(Evidence::note("it was gone already")) };
    if !rc::is_ours(&old) {
        return Err(Error::new(format!("{} is not the one pfddns put there; it stays", path.display())));
    }
    keep(world, host, &old, backup, config)?;
    world.host_mut(host)?.remove(path)?;
    Ok(Evidence::default())
}

pub(super) async fn start_d2(config: &Config, world: &mut World, host: &HostName) -> Result<Evidence> {
    if kea::daemon::apply::running(world.host(host)?, &config.d2.socket)? {
        return Ok(Evidence::note("it runs already"));
    }
    // A D2 that has just died may still be in the process table: Kea sees its pid file, takes it for alive, and ends.
    for _ in 1..STARTS {
        rc::start(world.host_mut(host)?, &config.pfsense.d2_script)?;
        if rc::answers(world, host, &config.d2.socket).await.is_ok() {
            return Ok(Evidence::default());
        }
    }
    rc::start(world.host_mut(host)?, &config.pfsense.d2_script)?;
    rc::answers(world, host, &config.d2.socket).await.map(|()| Evidence::default())
}

/// Starts D2 without a journal: it may be asked each minute, and must work while another run is unfinished.
pub async fn ensure(config: &Config, world: &mut World, host: &HostName) -> Result<Evidence> {
    let config = config.on(host)?;
    start_d2(&config, world, host).await.map_err(|error| {
        error
            .while_doing(format!("starting D2{}", config.on_whom()))
            .and_hint("`pfddns kea lint` looks at its file")
            .exit_with(Exit::Failed)
    })
}

pub(super) async fn stop_d2(config: &Config, world: &mut World, host: &HostName) -> Result<Evidence> {
    if world.host(host)?.mode(&config.pfsense.d2_script)?.is_none() {
        return Ok(Evidence::note("its script is gone, so it was left as it is"));
    }
    rc::stop(world.host_mut(host)?, &config.pfsense.d2_script)?;
    Ok(Evidence::default())
}
