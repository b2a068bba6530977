//! The secret store's book of keys: a new key, the current one, retired ones. No secret is in a plan, only its reference.

use super::{Evidence, Nature, Step, Undo, secrets};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::model::{KeyName, KeyRef};
use crate::systems::store::{Book, Edit, Store, StoredKey};
use crate::world::World;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A change of the store.
#[allow(missing_docs, reason = "each variant's sentence names its fields")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema), schemars(rename = "KeysChange"))]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", tag = "change")]
pub enum Change {
    /// Makes a random secret and stores it, if the store is still at the version before the key's.
    StoreKey { key: KeyRef },
    /// Removes a key from the store's newest version.
    ForgetKey { key: KeyName },
    /// Makes this key the current one.
    MarkCurrent { key: KeyName },
    /// Marks a key as retired, or removes the mark. Its secret stays, for proofs and for undo.
    Retire { key: KeyName, retired: bool },
}

/// A fact about the store.
#[allow(missing_docs, reason = "each variant's sentence names its fields")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema), schemars(rename = "KeysCheck"))]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", tag = "check")]
pub enum Check {
    /// The secret store is at this version.
    StoreIs { version: u64 },
    /// The store has the key.
    KeyStored { key: KeyName },
    /// The store does not have the key.
    KeyNotStored { key: KeyName },
    /// This key is the store's current one (`None`: it has none).
    CurrentIs { key: Option<KeyName> },
    /// The store says that this key is retired, or is not.
    RetiredIs { key: KeyName, retired: bool },
}

impl Change {
    pub(super) async fn run(&self, config: &Config, world: &mut World) -> Result<Evidence> {
        match self {
            Self::StoreKey { key } => store_key(config, world, key).await,
            Self::ForgetKey { key } => {
                let held = |book: &Book| book.keys.iter().any(|it| &it.name == key);
                edit(config, world, |book| held(book).then(|| Edit::Forget(key.clone()))).await
            }
            Self::MarkCurrent { key } => {
                let is = |book: &Book| book.current.as_ref() == Some(key);
                edit(config, world, |book| (!is(book)).then(|| Edit::Current(key.clone()))).await
            }
            Self::Retire { key, retired } => {
                let at = retired.then(|| world.clock.now());
                let is = |book: &Book| book.keys.iter().any(|it| &it.name == key && it.retired.is_some() == *retired);
                let change = || at.map_or_else(|| Edit::Restore(key.clone()), |at| Edit::Retire(key.clone(), at));
                edit(config, world, |book| (!is(book)).then(change)).await
            }
        }
    }

    pub(super) fn nature(&self) -> Nature<'_> {
        Nature { only_in_store: true, ..Nature::default() }
    }
}

impl Check {
    pub(super) async fn holds(&self, config: &Config, world: &World) -> Result<()> {
        let book = Store::of(config).read(world).await?;
        let held = |key: &KeyName| book.keys.iter().find(|it| &it.name == key);
        let found = match self {
            Self::StoreIs { version } if book.version == *version => return Ok(()),
            Self::StoreIs { version } => format!("the store is at version {}, not {version}", book.version),
            Self::CurrentIs { key } if book.current == *key => return Ok(()),
            Self::CurrentIs { .. } => match &book.current {
                Some(name) => format!("{name} is the store's current key"),
                None => "the store has no current key".to_owned(),
            },
            Self::KeyNotStored { key } => match held(key) {
                None => return Ok(()),
                Some(_) => format!("the store has {key}"),
            },
            Self::KeyStored { key } | Self::RetiredIs { key, .. } => match (held(key), self) {
                (None, _) => format!("the store does not have {key}"),
                (Some(found), Self::RetiredIs { retired, .. }) if found.retired.is_some() != *retired => {
                    format!("the store says that {key} is {}", if *retired { "not retired" } else { "retired" })
                }
                (Some(_), _) => return Ok(()),
            },
        };
        Err(Error::new(found))
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StoreIs { version } => write!(f, "the store is at version {version}"),
            Self::KeyStored { key } => write!(f, "the store has {key}"),
            Self::KeyNotStored { key } => write!(f, "the store does not have {key}"),
            Self::CurrentIs { key: Some(key) } => write!(f, "{key} is the store's current key"),
            Self::CurrentIs { key: None } => f.write_str("the store has no current key"),
            Self::RetiredIs { key, retired: true } => write!(f, "the store says that {key} is retired"),
            Self::RetiredIs { key, retired: false } => write!(f, "the store says that {key} is not retired"),
        }
    }
}

async fn store_key(config: &Config, world: &mut World, key: &KeyRef) -> Result<Evidence> {
    let store = Store::of(config);
    let book = store.read(world).await?;
    if book.keys.iter().any(|it| it.name == key.name) {
        return Ok(Evidence::note("it existed already"));
    }
    let secret = secrets::new_secret(key.algorithm.secret_bytes())?;
    let created = world.clock.now();
    let stored = StoredKey { name: key.name.clone(), algorithm: key.algorithm, created, retired: None, secret };
    let version = store.edit(world, key.secret.version.saturating_sub(1), &[Edit::Add(&stored)]).await?;
    Ok(Evidence::note(format!("fingerprint {}, version {version}", stored.secret.fingerprint())))
}

/// Edits the store at its current version; check-and-set still protects the write.
async fn edit(
    config: &Config,
    world: &mut World,
    edit: impl FnOnce(&Book) -> Option<Edit<'static>>,
) -> Result<Evidence> {
    let store = Store::of(config);
    let book = store.read(world).await?;
    let Some(edit) = edit(&book) else { return Ok(Evidence::note("nothing to do")) };
    let version = store.edit(world, book.version, &[edit]).await?;
    Ok(Evidence::note(format!("version {version}")))
}

/// The step that makes a new key and stores it.
pub fn store(key: &KeyRef) -> Step {
    let name = key.name.clone();
    Step::new(
        format!("make key {name} ({}) and store it as {}", key.algorithm, key.secret),
        Change::StoreKey { key: key.clone() },
        vec![Check::KeyStored { key: name.clone() }.into()],
        Undo::by(Change::ForgetKey { key: name.clone() }),
    )
    .given(vec![Check::KeyNotStored { key: name }.into()])
}

/// The step that makes a key the current one, in place of `old`.
pub fn mark_current(old: Option<&KeyName>, new: &KeyName) -> Step {
    let (change, is) = (Change::MarkCurrent { key: new.clone() }, |key| vec![Check::CurrentIs { key }.into()]);
    // Without an old one, the undo of the step that stored the key is enough: it also removes the mark from the store.
    let undo = old.map_or(Undo::NotNeeded, |old| Undo::by(Change::MarkCurrent { key: old.clone() }));
    let step = Step::new(format!("make {new} the current key"), change, is(Some(new.clone())), undo);
    if old.is_some() { step.given(is(old.cloned())) } else { step }
}

/// The step that marks a key as retired.
pub fn retire(old: &KeyName) -> Step {
    let change = |retired| Change::Retire { key: old.clone(), retired };
    let is = |retired| vec![Check::RetiredIs { key: old.clone(), retired }.into()];
    Step::new(format!("mark {old} as retired"), change(true), is(true), Undo::by(change(false))).given(is(false))
}
