//! The embedded secret store: one file, sealed with ChaCha20-Poly1305 (RFC 8439) under a random key in `<file>.key`.
//!
//! The seal protects: a copy of the sealed file alone (a backup, a disk image of one folder, a mail) reveals nothing, and a
//! changed, damaged or swapped file is detected and refused. It does not protect against anyone who can read **both** files
//! (root, a backup with both): they can read the keys. Anyone who can write the file can restore an older copy of it.
//!
//! Form: the line `pfddns sealed store 1`, 12 bytes nonce, then the sealed JSON and its tag; the line is authenticated too.
//! The JSON keeps the last ten versions of each secret, as KV version 2 does.

use super::layout::Fields;
use super::{Edit, moved};
use crate::error::{Doing as _, Error, Result};
use crate::world::{Digest, Host, NewFile, World};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use zeroize::Zeroizing;

/// First words of the header line; the format's version and a newline follow.
const MAGIC: &[u8] = b"pfddns sealed store ";
/// The header line of the one format so far.
const HEADER: &[u8] = b"pfddns sealed store 1\n";
/// Versions kept of each secret, as in KV version 2.
const KEPT: usize = 10;
/// Longest wait for another writer, who needs milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// A sealed file on the firewall.
#[derive(Debug)]
pub struct FileStore {
    path: PathBuf,
    key_path: PathBuf,
    lock_path: PathBuf,
    pub(super) secret: String,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    secrets: BTreeMap<String, History>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct History {
    version: u64,
    versions: BTreeMap<u64, Fields>,
}

impl Content {
    /// Each secret has its latest version, and none beyond.
    fn is_whole(&self) -> bool {
        self.secrets.values().all(|it| it.versions.keys().next_back() == Some(&it.version))
    }
}

impl std::fmt::Display for FileStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.path.display(), self.secret)
    }
}

impl FileStore {
    /// The store in this file, and the name of our secret in it.
    pub fn new(path: &Path, secret: &str) -> Self {
        let beside = |suffix: &str| {
            let mut name = path.as_os_str().to_owned();
            name.push(suffix);
            PathBuf::from(name)
        };
        Self { path: path.into(), key_path: beside(".key"), lock_path: beside(".lock"), secret: secret.into() }
    }

    /// The latest version; 0 and empty if there is none.
    pub(super) fn read(&self, world: &World) -> Result<(u64, Fields)> {
        Ok(self.fields(world, &self.secret, None)?.unwrap_or_default())
    }

    /// One version of a secret, or the latest; `None` if it is not there (any more).
    pub(super) fn fields(&self, world: &World, secret: &str, version: Option<u64>) -> Result<Option<(u64, Fields)>> {
        let (mut content, _) = self.open(world.first()?)?;
        let Some(mut history) = content.secrets.remove(secret) else { return Ok(None) };
        let version = version.unwrap_or(history.version);
        Ok(history.versions.remove(&version).map(|fields| (version, fields)))
    }

    /// Writes a new version, under the store's lock.
    pub(super) fn edit(&self, world: &mut World, expects: u64, edits: &[Edit<'_>]) -> Result<u64> {
        self.edit_on(world.first_mut()?, expects, edits).doing(|| format!("writing keys to {self}"))
    }

    fn edit_on(&self, host: &mut Host, expects: u64, edits: &[Edit<'_>]) -> Result<u64> {
        host.make_folder(self.path.parent().unwrap_or(Path::new("/")), 0o700)?;
        let _lock = host.lock(&self.lock_path, PATIENCE)?;
        let (mut content, digest) = self.open(host)?;
        let history = content.secrets.entry(self.secret.clone()).or_default();
        if history.version != expects {
            return Err(moved(self, expects, Some(history.version)));
        }
        let now = history.versions.get(&expects).cloned().unwrap_or_default();
        let (_, after) = now.edited(edits)?;
        history.version += 1;
        history.versions.insert(history.version, after);
        while history.versions.len() > KEPT {
            history.versions.pop_first();
        }
        let version = history.version;
        let key = match (self.key(host)?, &digest) {
            (Some(key), _) => key,
            (None, None) => self.make_key(host)?,
            (None, Some(_)) => return Err(self.key_missing()),
        };
        let bytes = seal(&key, &content)?;
        host.write(&self.path, &NewFile { bytes: &bytes, replaces: digest, mode: 0o600, keep_mode: false })?;
        Ok(version)
    }

    /// The file's content and digest; empty if there is no file.
    fn open(&self, host: &Host) -> Result<(Content, Option<Digest>)> {
        let Some(bytes) = host.read_private(&self.path)? else { return Ok((Content::default(), None)) };
        let sealed = self.strip_header(&bytes)?;
        let key = self.key(host)?.ok_or_else(|| self.key_missing())?;
        let text = unseal(&key, sealed).ok_or_else(|| {
            let (file, key) = (self.path.display(), self.key_path.display());
            Error::new(format!("{file}: the seal is broken: the file was changed or damaged, or {key} is not its key"))
                .hint("restore both files from the same backup; nothing was overwritten")
        })?;
        // The JSON library's message could quote a value: it is not shown.
        let content = serde_json::from_slice::<Content>(&text).ok().filter(Content::is_whole).ok_or_else(|| {
            Error::new(format!(
                "{}: the seal is right, but this program does not know the content's format",
                self.path.display()
            ))
            .hint("a newer pfddns may have written it")
        })?;
        Ok((content, Some(Digest::of(&bytes))))
    }

    /// What follows the header of a file in our format.
    fn strip_header<'a>(&self, bytes: &'a [u8]) -> Result<&'a [u8]> {
        let file = self.path.display();
        if let Some(sealed) = bytes.strip_prefix(HEADER) {
            let shortest = NONCE_LEN + CHACHA20_POLY1305.tag_len();
            return match sealed.len() >= shortest {
                true => Ok(sealed),
                false => {
                    Err(Error::new(format!("{file}: the sealed store is cut short")).hint("restore it from a backup"))
                }
            };
        }
        Err(match bytes.strip_prefix(MAGIC) {
            Some(_) => {
                Error::new(format!("{file}: a sealed store in a format that this program does not know (it knows 1)"))
                    .hint("use the pfddns that wrote it, or a newer one")
            }
            None => Error::new(format!("{file}: not a sealed store of pfddns; it was not changed"))
                .hint("set another path in [store], or restore the store from a backup"),
        })
    }

    fn key(&self, host: &Host) -> Result<Option<LessSafeKey>> {
        let Some(bytes) = host.read_private(&self.key_path)? else { return Ok(None) };
        let key = UnboundKey::new(&CHACHA20_POLY1305, &bytes).map_err(|_| {
            Error::new(format!("{}: {} bytes, but a key has 32", self.key_path.display(), bytes.len()))
                .hint("restore the key file from a backup")
        })?;
        Ok(Some(LessSafeKey::new(key)))
    }

    fn make_key(&self, host: &mut Host) -> Result<LessSafeKey> {
        let mut bytes = Zeroizing::new([0u8; 32]);
        SystemRandom::new().fill(&mut *bytes).map_err(|_| Error::new("the system gives no random bytes"))?;
        host.write(&self.key_path, &NewFile { bytes: &*bytes, replaces: None, mode: 0o600, keep_mode: false })?;
        self.key(host)?.ok_or_else(|| self.key_missing())
    }

    fn key_missing(&self) -> Error {
        let (key, file) = (self.key_path.display(), self.path.display());
        Error::new(format!("{key}: not found, and {file} can't be read without it"))
            .hint("restore the key file from a backup; without a backup, remove the sealed file and make new keys")
    }
}

fn seal(key: &LessSafeKey, content: &Content) -> Result<Vec<u8>> {
    let wrong = |_| Error::new("the store could not be sealed");
    // Room for the tag: a buffer that grows would leave a copy of the secrets behind.
    let mut text = Zeroizing::new(Vec::with_capacity(64 << 10));
    serde_json::to_writer(&mut *text, content).map_err(|_| Error::new("the store could not be written as JSON"))?;
    let mut nonce = [0u8; NONCE_LEN];
    SystemRandom::new().fill(&mut nonce).map_err(|_| Error::new("the system gives no random bytes"))?;
    let tag = key
        .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(HEADER), &mut text)
        .map_err(wrong)?;
    Ok([HEADER, &nonce, &text, tag.as_ref()].concat())
}

fn unseal(key: &LessSafeKey, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, rest) = sealed.split_at_checked(NONCE_LEN)?;
    let mut text = Zeroizing::new(rest.to_vec());
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let length = key.open_in_place(nonce, Aad::from(HEADER), &mut text).ok()?.len();
    text.truncate(length);
    Some(text)
}
