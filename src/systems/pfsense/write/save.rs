//! Writes config.xml so that pfSense, other writers and a power cut do no harm: pfSense's lock, compare-and-swap, our own
//! backup, a restore point, a new revision, rename, and pfSense's cache removed before the lock is released.
//! No program of pfSense may be started meanwhile: each of them takes the same lock and would wait forever.

use crate::error::{Doing, Error, Result};
use crate::systems::pfsense::edit::Edit;
use crate::systems::pfsense::xml::{Document, Kind, Seen};
use crate::world::{Digest, Host, NewFile};
use jiff::Timestamp;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// pfSense holds its lock for one file write; this is far longer.
const LOCK_LIMIT: Duration = Duration::from_secs(30);

/// Paths on a firewall.
#[derive(Debug, Clone)]
pub struct Paths {
    /// The file itself; `/conf` is a link to this folder on a real box, so the link's target is named.
    pub config: PathBuf,
    /// pfSense's lock for it.
    pub lock: PathBuf,
    /// pfSense's serialised copy, which it trusts more than the file.
    pub cache: PathBuf,
    /// Our own backups. Not pfSense's folder: it would adopt them, or take one for its newest backup.
    pub own_backups: PathBuf,
    /// pfSense's backups, offered in its web interface.
    pub restore_points: PathBuf,
}

impl Default for Paths {
    fn default() -> Self {
        Self {
            config: "/cf/conf/config.xml".into(),
            lock: "/tmp/config.lock".into(),
            cache: "/tmp/config.cache".into(),
            own_backups: "/cf/conf/pfddns/backups".into(),
            restore_points: "/cf/conf/backup".into(),
        }
    }
}

/// What to write.
pub struct Save<'a> {
    /// The changes.
    pub edits: &'a [Edit],
    /// Shown in pfSense's list of changes and part of the backup's name.
    pub reason: &'a str,
    /// Digest of the file the changes were made for; another file is refused.
    pub replaces: Option<&'a Digest>,
    /// Names the backup: `config.xml.<run>`. A run's name begins with its time, so names sort by age.
    pub run: &'a str,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// Digest of the file before, if there was one.
    pub before: Option<Digest>,
    /// Digest of the file now; the same if there was nothing to change.
    pub after: Digest,
    /// Our backup of the file before; `None` if there was none, or nothing to change.
    pub backup: Option<PathBuf>,
}

/// A point between two effects, for tests that end the process there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The lock is held, nothing is written.
    Locked,
    /// Our backup is on disk.
    BackedUp,
    /// pfSense's restore point is on disk.
    RestorePoint,
    /// The new file is on disk next to the old one.
    Staged,
    /// The new file is in place.
    Put,
    /// The cache is gone, the lock is still held.
    CacheRemoved,
}

/// Changes config.xml. Writes nothing if the file already has the changes.
pub fn save(host: &mut Host, paths: &Paths, what: &Save<'_>, now: Timestamp) -> Result<Saved> {
    save_watched(host, paths, what, now, &mut |_| {})
}

/// `save`, telling after each step.
pub fn save_watched(
    host: &mut Host,
    paths: &Paths,
    what: &Save<'_>,
    now: Timestamp,
    watch: &mut dyn FnMut(Moment),
) -> Result<Saved> {
    let edit = |old: Result<&Document<'_>>| -> Result<Option<Vec<u8>>> {
        let old = old?;
        if old.holds(what.edits)? {
            return Ok(None);
        }
        let mut edits = what.edits.to_vec();
        edits.extend(revision(old, what.reason, now)?);
        old.edited(&edits).map(Some)
    };
    replace(host, paths, what.run, what.replaces, edit, watch)
}

/// Restores a whole earlier file with the same steps, also if pfSense can't read the current file or it is missing. The
/// revision is the one in the file. `what.edits` are not used.
pub fn restore(host: &mut Host, paths: &Paths, bytes: &[u8], what: &Save<'_>, now: Timestamp) -> Result<Saved> {
    let edit = |old: Result<&Document<'_>>| -> Result<Option<Vec<u8>>> {
        let new = read(bytes).doing(|| "checking the backup")?;
        if old.as_ref().is_ok_and(|old| same_but_revision(&new, old)) {
            return Ok(None);
        }
        let edits = revision_after(&new, old.unwrap_or(&new), what.reason, now)?;
        new.edited(&edits).map(Some)
    };
    replace(host, paths, what.run, what.replaces, edit, &mut |_| {})
}

fn replace(
    host: &mut Host,
    paths: &Paths,
    run: &str,
    replaces: Option<&Digest>,
    edit: impl FnOnce(Result<&Document<'_>>) -> Result<Option<Vec<u8>>>,
    watch: &mut dyn FnMut(Moment),
) -> Result<Saved> {
    let config = &paths.config;
    let _lock = host.lock(&paths.lock, LOCK_LIMIT).doing(|| "taking pfSense's lock on its configuration")?;
    watch(Moment::Locked);
    let bytes = host.read_if_there(config)?;
    let before = bytes.as_deref().map(Digest::of);
    if replaces.is_some() && replaces != before.as_ref() {
        return Err(Error::stale(config.display()));
    }
    let old = match &bytes {
        Some(bytes) => read(bytes).doing(|| format!("reading {}", config.display())),
        None => Err(Error::new(format!("{}: no such file", config.display()))),
    };
    let Some(new) = edit(old.as_ref().map_err(Clone::clone)).doing(|| format!("editing {}", config.display()))? else {
        return Ok(Saved { after: Digest::of(bytes.as_deref().unwrap_or_default()), before, backup: None });
    };
    let backup = match &bytes {
        Some(bytes) => Some(back_up(host, paths, bytes, run).doing(|| "keeping a backup of config.xml")?),
        None => None,
    };
    watch(Moment::BackedUp);
    // pfSense deletes restore points that it can't read.
    if let (Ok(old), Some(bytes)) = (&old, &bytes) {
        restore_point(host, paths, old, bytes).doing(|| "keeping a restore point for pfSense")?;
    }
    watch(Moment::RestorePoint);
    let file = NewFile { bytes: &new, replaces: before.clone(), mode: 0o600, keep_mode: true };
    let staged = host.stage(config, &file)?;
    watch(Moment::Staged);
    // Before the rename too: killed in between, we must not leave a cache that hides the new file. And after it, since
    // 2.8 reads without the lock and may have rebuilt it from the old file.
    host.remove(&paths.cache)?;
    host.put(staged)?;
    watch(Moment::Put);
    host.remove(&paths.cache).map_err(|error| {
        error.hint(format!(
            "config.xml is written, but pfSense does not use it until {} is removed",
            paths.cache.display()
        ))
    })?;
    watch(Moment::CacheRemoved);
    Ok(Saved { before, after: Digest::of(&new), backup })
}

/// Reads a configuration, or says why pfSense would not.
pub fn read(bytes: &[u8]) -> Result<Document<'_>> {
    Document::read(bytes).map_err(|refusal| {
        Error::new(format!("config.xml: {refusal}"))
            .hint("pfddns changes only files that pfSense can read; `pfddns backup list` names backups to restore")
    })
}

/// The three values pfSense keeps about its last change. The time must grow: the next backup is named after it.
fn revision(old: &Document<'_>, reason: &str, now: Timestamp) -> Result<Vec<Edit>> {
    revision_after(old, old, reason, now)
}

fn revision_after(of: &Document<'_>, before: &Document<'_>, reason: &str, now: Timestamp) -> Result<Vec<Edit>> {
    let last = revision_time(of).into_iter().chain(revision_time(before)).max();
    let time = last.map_or(now.as_second(), |last| now.as_second().max(last.saturating_add(1)));
    let description = format!("(system): pfddns: {}", plain(reason));
    let values = [("time", time.to_string()), ("description", description), ("username", "(system)".to_owned())];
    let map = values.into_iter().map(|(key, value)| (key.to_owned(), Seen::Text(value)));
    Ok(match of.at(&["revision"]) {
        Some(revision) if of.kind(revision) == Kind::Elements => {
            map.map(|(key, value)| Edit::Put { path: vec!["revision".into(), key], value }).collect()
        }
        _ => vec![Edit::Put { path: vec!["revision".into()], value: Seen::Map(map.collect()) }],
    })
}

/// `<revision><time>`, if it is a number.
fn revision_time(document: &Document<'_>) -> Option<i64> {
    let time = document.at(&["revision", "time"])?;
    document.text(time)?.trim().parse().ok()
}

/// ASCII without line ends: fit for pfSense's lists and for a file name.
fn plain(reason: &str) -> String {
    reason.chars().map(|it| if it == ' ' || it.is_ascii_graphic() { it } else { '?' }).collect()
}

/// `config.xml.<run>` in our own folder, mode 0600. A run that was killed and resumed finds its own backup there.
pub(super) fn back_up(host: &mut Host, paths: &Paths, bytes: &[u8], run: &str) -> Result<PathBuf> {
    host.make_folder(&paths.own_backups, 0o700)?;
    for n in 0..1000 {
        let count = if n == 0 { String::new() } else { format!(".{n}") };
        let path = paths.own_backups.join(format!("config.xml.{run}{count}"));
        match host.read_if_there(&path)? {
            Some(there) if there == bytes => return Ok(path),
            Some(_) => {}
            None => {
                host.write(&path, &NewFile { bytes, replaces: None, mode: 0o600, keep_mode: false })?;
                return Ok(path);
            }
        }
    }
    Err(Error::new(format!("{}: this run has a thousand backups already", paths.own_backups.display())))
}

/// Are two configurations the same, except for the record of the last change?
pub fn same_but_revision(a: &Document<'_>, b: &Document<'_>) -> bool {
    let rest = |document: &Document<'_>| {
        let span = document.at(&["revision"]).map(|it| document.span(it)).unwrap_or_default();
        let head = document.bytes().get(..span.start).unwrap_or_default();
        let tail = document.bytes().get(span.end..).unwrap_or_default();
        [head, tail].concat()
    };
    rest(a) == rest(b)
}

/// As pfSense itself does before a change: the old file is stored under the time of its revision.
fn restore_point(host: &mut Host, paths: &Paths, old: &Document<'_>, bytes: &[u8]) -> Result<()> {
    let Some(time) = revision_time(old) else { return Ok(()) };
    let path: PathBuf = paths.restore_points.join(format!("config-{time}.xml"));
    if host.mode(&path)?.is_some() {
        return Ok(());
    }
    let mode = host.mode(&paths.config)?.unwrap_or(0o600);
    make_missing(host, &paths.restore_points)?;
    host.write(&path, &NewFile { bytes, replaces: None, mode, keep_mode: false })
}

fn make_missing(host: &mut Host, folder: &Path) -> Result<()> {
    match host.mode(folder)? {
        Some(_) => Ok(()),
        None => host.make_folder(folder, 0o755),
    }
}
