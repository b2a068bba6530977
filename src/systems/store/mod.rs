//! Where TSIG secrets are stored: a sealed file on the firewall, or Vault and OpenBao (KV version 2).
//! Both count versions of the whole secret and write only on top of the version that was read.
//! Not for: making keys or deciding which one is used; that is a task.

mod file;
mod layout;
mod vault;

use crate::config::{Config, StoreConfig};
use crate::error::{Error, Result};
use crate::model::{Algorithm, KeyName};
use crate::secret::{Secret, SecretRef};
use crate::world::World;
use jiff::Timestamp;

pub use file::FileStore;
pub use vault::VaultStore;

/// One TSIG key as the store holds it.
#[derive(Debug)]
pub struct StoredKey {
    /// Its name on the wire; never used for another key.
    pub name: KeyName,
    /// Its algorithm.
    pub algorithm: Algorithm,
    /// When it was made.
    pub created: Timestamp,
    /// When it was taken out of use, if it was.
    pub retired: Option<Timestamp>,
    /// The secret, base64 as on every wire.
    pub secret: Secret,
}

/// The whole secret at one version.
#[derive(Debug)]
pub struct Book {
    /// Version of the secret; 0 if nothing was written yet.
    pub version: u64,
    /// The key in use. It is among `keys` and not retired.
    pub current: Option<KeyName>,
    /// All keys, oldest first as a rule.
    pub keys: Vec<StoredKey>,
}

/// One change to the secret. Changes of other people's fields can't be said.
#[derive(Debug)]
pub enum Edit<'a> {
    /// Stores a new key. A field of its name must not be there.
    Add(&'a StoredKey),
    /// Makes a stored key the one in use.
    Current(KeyName),
    /// Marks a key as taken out of use. Refused for the key that is still in use when all edits are done.
    Retire(KeyName, Timestamp),
    /// Takes the mark away again.
    Restore(KeyName),
    /// Removes a key from this version on. If it is the one in use, then none is.
    Forget(KeyName),
}

/// The secret store of a site.
#[derive(Debug)]
pub enum Store {
    /// A sealed file on the firewall.
    File(FileStore),
    /// Vault or OpenBao.
    Vault(VaultStore),
}

impl Store {
    /// The store the configuration names. Touches nothing yet.
    pub fn of(config: &Config) -> Self {
        match &config.store {
            StoreConfig::File { path, secret } => Self::File(FileStore::new(path, secret)),
            StoreConfig::Vault { url, mount, secret, token_file, namespace } => Self::Vault(VaultStore {
                url: url.clone(),
                mount: mount.clone(),
                path: secret.clone(),
                token_file: token_file.clone(),
                namespace: namespace.clone(),
            }),
        }
    }

    /// All keys at the latest version. A secret that was never written is version 0; one that was deleted is an error.
    pub async fn read(&self, world: &World) -> Result<Book> {
        let (version, fields) = match self {
            Self::File(store) => store.read(world)?,
            Self::Vault(store) => store.read(world).await?,
        };
        let keys = fields.keys().map_err(|error| error.while_doing(self.reading()))?;
        let current = fields.current().map_err(|error| error.while_doing(self.reading()))?;
        Ok(Book { version, current, keys })
    }

    /// Writes all edits as one new version on top of `expects_version`, or nothing, and returns the new version.
    /// Fields that are not ours stay as they are. Another version in the store is an error.
    pub async fn edit(&self, world: &mut World, expects_version: u64, edits: &[Edit<'_>]) -> Result<u64> {
        match self {
            Self::File(store) => store.edit(world, expects_version, edits),
            Self::Vault(store) => store.edit(world, expects_version, edits).await,
        }
    }

    /// The secret at this place. If its version is gone (stores keep the last ten by default), the same field of the
    /// latest version is as good: names are never used twice.
    pub async fn secret(&self, world: &World, at: &SecretRef) -> Result<Secret> {
        for version in [Some(at.version), None] {
            let fields = match self {
                Self::File(store) => store.fields(world, &at.path, version)?,
                Self::Vault(store) => store.fields(world, &at.path, version).await?,
            };
            let Some((_, fields)) = fields else { continue };
            if let Some(secret) = fields.secret(&at.field).map_err(|error| error.while_doing(self.reading()))? {
                return Ok(secret);
            }
        }
        Err(Error::new(format!("{self}: key {} is neither in version {} nor in the latest one", at.field, at.version))
            .hint("its version was deleted after the key was removed; `pfddns tsig status` shows the stored keys"))
    }

    /// The place of a key written with this version.
    pub fn place(&self, version: u64, key: &KeyName) -> SecretRef {
        let path = match self {
            Self::File(store) => store.secret.clone(),
            Self::Vault(store) => store.path.clone(),
        };
        SecretRef { path, version, field: key.without_dot().to_owned() }
    }

    fn reading(&self) -> String {
        format!("reading the keys in {self}")
    }
}

impl std::fmt::Display for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(store) => write!(f, "{store}"),
            Self::Vault(store) => write!(f, "{store}"),
        }
    }
}

/// Check-and-set failed: the one sentence for it.
fn moved(store: &impl std::fmt::Display, expects: u64, found: Option<u64>) -> Error {
    let found = found.map_or_else(|| "is at another version".to_owned(), |found| format!("is at version {found}"));
    Error::new(format!("{store}: the secret {found}, not {expects}: somebody else wrote it; nothing was written"))
        .plan_again()
}

#[cfg(test)]
mod tests;
