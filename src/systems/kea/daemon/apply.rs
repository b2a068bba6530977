//! Gives a running D2 a new document without losing an update: checks, backup, atomic write, DHCP paused, reload over the
//! control channel, wait for the port, DHCP on again, proof. If anything fails, the old file is restored.

use super::listener;
use super::socket::{self, scrub};
use crate::error::{Doing as _, Error, Exit, Result};
use crate::model::HostName;
use crate::systems::kea::Version;
use crate::systems::kea::d2::Installed;
use crate::systems::kea::lint::{Checked, Severity, check};
use crate::systems::kea::text::Document;
use crate::world::{Clock, Digest, Host, NewFile, World};
use serde_json::json;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Seconds after which a paused DHCP server continues by itself if pfddns dies.
const MAX_PAUSE: u32 = 5;
/// Time for the daemon's own check of a file.
const CHECK_TIME: Duration = Duration::from_secs(60);

/// Paths of D2 and of the DHCP servers that send requests to it, on a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// D2's document.
    pub config: PathBuf,
    /// The `kea-dhcp-ddns` program.
    pub program: PathBuf,
    /// D2's control socket.
    pub socket: PathBuf,
    /// Control sockets of the DHCP servers to pause. Empty: no pause, and up to about one update in ten reloads at
    /// 300 leases a second is lost.
    pub pause: Vec<PathBuf>,
    /// Where the replaced file is kept. Must not exist yet.
    pub backup: PathBuf,
}

/// What `install` did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The backup, if there was a file before.
    pub backup: Option<PathBuf>,
    /// False if no D2 was running: the file is in place for its next start.
    pub reloaded: bool,
    /// How long DHCP was paused.
    pub held: Option<Duration>,
}

/// True if a daemon answers on this control socket, false if no process listens. A daemon that accepts the connection
/// but does not answer, or a socket that may not be used, is an error.
pub fn running(host: &Host, control: &Path) -> Result<bool> {
    if host.mode(control)?.is_none() {
        return Ok(false);
    }
    match socket::command(host, control, "version-get", None) {
        Ok(_) => Ok(true),
        // The socket file of a killed daemon stays.
        Err(error) if error.what().contains("refused") => Ok(false),
        Err(error) => Err(error),
    }
}

/// Version of an installed Kea program.
pub fn program_version(host: &Host, program: &Path) -> Result<Version> {
    let name = program.display().to_string();
    let ran = host.ask(&[&name, "-v"], b"", Duration::from_secs(10))?;
    Version::parse(&String::from_utf8_lossy(&ran.stdout)).ok_or_else(|| {
        Error::new(format!("{name}: `-v` gives no version")).hint("check that this is Kea's kea-dhcp-ddns")
    })
}

/// Our own checks and then the daemon's on a file that is not yet in place. Warnings pass.
pub fn validate(host: &Host, paths: &Paths, new: &[u8], at: &Path) -> Result<()> {
    let version = program_version(host, &paths.program)?;
    own_checks(&paths.config, new, version)?;
    let (program, file) = (paths.program.display().to_string(), at.display().to_string());
    let ran = host.ask(&[&program, "-t", &file], b"", CHECK_TIME)?;
    match ran.code {
        0 => Ok(()),
        signal if !(0..128).contains(&signal) => Err(Error::new(format!("{program} -t aborted on the new file"))
            .hint("this is a defect in the file that our own checks did not find: please report it")),
        _ => Err(Error::new(format!("{program} -t: {}", verdict(&ran.stdout, &ran.stderr, &file, paths)))),
    }
}

/// kea-dhcp4's own check of a configuration, by standard input.
pub fn test_dhcp4(host: &Host, program: &Path, new: &[u8]) -> Result<()> {
    let ran = host
        .ask(&[&program.display().to_string(), "-t", "/dev/stdin"], new, CHECK_TIME)
        .doing(|| "checking the merged DHCP configuration")?;
    if ran.code == 0 {
        return Ok(());
    }
    let said = [ran.stderr, ran.stdout].concat();
    let said = scrub(&String::from_utf8_lossy(&said));
    let line = said.lines().rev().find(|it| it.contains("rror")).unwrap_or("no reason").to_owned();
    Err(Error::new(format!("kea-dhcp4 -t refuses the merged configuration: {line}"))
        .hint("nothing was changed; the custom Kea JSON in pfSense may contain settings that this version of Kea does not know"))
}

/// Our own checks on the installed file: a defect must not be overwritten silently, since somebody may have meant
/// something else. The error names the place, the consequence, and both fixes.
pub fn sound(host: &Host, program: &Path, file: &Path, text: &[u8]) -> Result<()> {
    let version = program_version(host, program)?;
    own_checks(file, text, version).map_err(|error| {
        let fix = error.hint_text().unwrap_or("mend it").to_owned();
        let both = format!("{fix}; or move the file aside, then `pfddns kea render` writes a complete one");
        Error::usage(error.what()).hint(both)
    })
}

/// Our own checks of a document that will be `file`: the first error, with its place, consequence and fix.
fn own_checks(file: &Path, new: &[u8], version: Version) -> Result<()> {
    let name = file.display().to_string();
    let document = Document::parse(new, &name)?;
    let findings = check::d2(&document, &Checked::new(version));
    match findings.iter().find(|it| it.severity == Severity::Error) {
        None => Ok(()),
        Some(found) => Err(Error::usage(format!("{}: {}", found.place, found.consequence)).hint(found.fix.clone())),
    }
}

/// The daemon's line with the reason, without secrets and with the real file's name.
fn verdict(stdout: &[u8], stderr: &[u8], file: &str, paths: &Paths) -> String {
    let text = [String::from_utf8_lossy(stderr), String::from_utf8_lossy(stdout)].join("\n");
    let telling = |line: &&str| line.contains("failed with") || line.contains("Error encountered");
    let line = text.lines().find(telling).or_else(|| text.lines().find(|line| !line.trim().is_empty()));
    scrub(&line.unwrap_or("no reason given").replace(file, &paths.config.display().to_string()))
}

/// Replaces the file with digest `replaces` (`None`: there is no file yet) by `new` and makes D2 use it.
/// Errors before anything changed have exit code 1 or 2; code 3 says the old file is restored and in use, 4 that it is not.
pub async fn install(
    world: &mut World,
    name: &HostName,
    paths: &Paths,
    new: &[u8],
    replaces: Option<Digest>,
) -> Result<Outcome> {
    let clock = world.clock.clone();
    let host = world.host_mut(name)?;
    let live = running(host, &paths.socket)?;
    let file = NewFile { bytes: new, replaces: replaces.clone(), mode: 0o600, keep_mode: false };
    let staged = host.stage(&paths.config, &file)?;
    validate(host, paths, new, staged.path()).doing(|| "checking the new D2 file")?;
    let old = host.read_if_there(&paths.config)?.map(zeroize::Zeroizing::new);
    if let Some(old) = &old {
        let kept = NewFile { bytes: old, replaces: None, mode: 0o600, keep_mode: false };
        host.write(&paths.backup, &kept).doing(|| "keeping a backup of the D2 file")?;
    }
    host.put(staged)?;
    let backup = old.as_ref().map(|_| paths.backup.clone());
    if !live {
        return Ok(Outcome { backup, reloaded: false, held: None });
    }
    let mut asked = false;
    match change(&clock, host, paths, new, &mut asked).await {
        Ok(held) => Ok(Outcome { backup, reloaded: true, held }),
        Err(error) => {
            let old = old.as_ref().map(|it| it.as_slice());
            Err(go_back(&clock, host, paths, new, old, asked, error).await)
        }
    }
}

/// Makes a running D2 read its file again, without loss if DHCP can be paused, and proves that it uses `new`. `asked`
/// tells, after a failure too, whether D2 was asked to read it.
async fn change(
    clock: &Clock,
    host: &mut Host,
    paths: &Paths,
    new: &[u8],
    asked: &mut bool,
) -> Result<Option<Duration>> {
    let wanted = Installed::read(new, &paths.config.display().to_string())?;
    let held = reload_telling(clock, host, paths, wanted.listen, asked).await?;
    verify(host, &paths.socket, &wanted)?;
    Ok(held)
}

/// True if every DHCP server that runs also answers.
pub fn can_pause(host: &Host, paths: &Paths) -> bool {
    paths.pause.iter().all(|dhcp| running(host, dhcp).is_ok())
}

/// Pause, reload, wait, continue. Without DHCP servers to pause it only reloads and waits.
pub async fn reload(
    clock: &Clock,
    host: &mut Host,
    paths: &Paths,
    listen: Option<SocketAddr>,
) -> Result<Option<Duration>> {
    reload_telling(clock, host, paths, listen, &mut false).await
}

async fn reload_telling(
    clock: &Clock,
    host: &mut Host,
    paths: &Paths,
    listen: Option<SocketAddr>,
    asked: &mut bool,
) -> Result<Option<Duration>> {
    let start = clock.now();
    let mut paused = Vec::new();
    let mut result = Ok(());
    for dhcp in &paths.pause {
        // It does not run, so it sends nothing that could be lost. The step's evidence says so.
        if running(host, dhcp).is_ok_and(|it| !it) {
            tracing::info!("no DHCP server answers on {}, so none is paused", dhcp.display());
            continue;
        }
        let arguments = json!({ "max-period": MAX_PAUSE });
        match socket::command(host, dhcp, "dhcp-disable", Some(arguments)) {
            Ok(_) => paused.push(dhcp),
            Err(error) => {
                result = Err(error
                    .while_doing(format!("pausing DHCP by {}", dhcp.display()))
                    .hint("`--no-pause` continues without pausing DHCP, which may lose updates"));
                break;
            }
        }
    }
    if result.is_ok() {
        result = match listen.filter(|_| !paused.is_empty()) {
            Some(listen) => listener::drained(clock, host, &paths.socket, listen).await,
            None => Ok(()),
        };
    }
    if result.is_ok() {
        *asked = true;
        result = reload_now(clock, host, paths, listen).await;
    }
    for dhcp in &paused {
        // It continues by itself after MAX_PAUSE seconds, so a failure here is reported but does not fail the change.
        if let Err(error) = socket::command(host, dhcp, "dhcp-enable", None) {
            tracing::warn!("DHCP is still paused; it continues by itself within {MAX_PAUSE} s: {}", error.what());
        }
    }
    let held = Duration::try_from(clock.now().duration_since(start)).unwrap_or_default();
    result.map(|()| (!paused.is_empty()).then_some(held))
}

async fn reload_now(clock: &Clock, host: &mut Host, paths: &Paths, listen: Option<SocketAddr>) -> Result<()> {
    let before = listen.and_then(|listen| listener::port(host, listen));
    socket::command(host, &paths.socket, "config-reload", None).doing(|| "reloading D2")?;
    match listen {
        Some(listen) => listener::reopened(clock, host, &paths.socket, listen, before).await,
        None => Ok(()),
    }
}

/// Compares the running D2 with its intended configuration; secrets are compared by fingerprint and never shown.
pub fn verify(host: &Host, control: &Path, wanted: &Installed) -> Result<()> {
    in_use(host, control)?.differs(wanted).map_or(Ok(()), |fact| {
        Err(Error::new(format!("the running D2 {fact}")).hint("another program may have changed its file meanwhile"))
    })
}

/// The running D2's configuration, from `config-get`.
pub fn in_use(host: &Host, control: &Path) -> Result<Installed> {
    let answer = socket::command(host, control, "config-get", None)?;
    let text = zeroize::Zeroizing::new(answer.arguments.to_string());
    Installed::read(text.as_bytes(), "config-get")
}

/// Restores the old file, reloads if the new one may have been read, and returns the first error with the exit code.
async fn go_back(
    clock: &Clock,
    host: &mut Host,
    paths: &Paths,
    new: &[u8],
    old: Option<&[u8]>,
    asked: bool,
    error: Error,
) -> Error {
    let Some(old) = old else {
        return error.while_doing("installing the first D2 file").exit_with(Exit::NeedsPerson);
    };
    match restore(clock, host, paths, new, old, asked).await {
        Ok(()) => error.while_doing("changing D2 (the old file is restored and in use)").exit_with(Exit::Undone),
        Err(second) => error
            .while_doing(format!("changing D2; restoring the old file failed too: {}", second.what()))
            .hint(format!("copy {} over {} and reload D2", paths.backup.display(), paths.config.display()))
            .exit_with(Exit::NeedsPerson),
    }
}

async fn restore(clock: &Clock, host: &mut Host, paths: &Paths, new: &[u8], old: &[u8], asked: bool) -> Result<()> {
    let file = NewFile { bytes: old, replaces: Some(Digest::of(new)), mode: 0o600, keep_mode: true };
    host.write(&paths.config, &file)?;
    if !asked {
        return Ok(());
    }
    let wanted = Installed::read(old, "the old file")?;
    // With a pause if possible: the undo must not wait for a DHCP server, nor for a D2 that is always busy.
    if !can_pause(host, paths) || reload(clock, host, paths, wanted.listen).await.is_err() {
        reload(clock, host, &Paths { pause: Vec::new(), ..paths.clone() }, wanted.listen).await?;
    }
    verify(host, &paths.socket, &wanted)
}
