//! Turns a `KeyRef` into its secret at the last moment: from the store, or, with the store down, from what lies on the
//! firewall (D2's file and its backups). The one place where a plan meets a secret; it is dropped at the end of the step.

use crate::config::Config;
use crate::error::{Error, Result};
use crate::model::KeyRef;
use crate::secret::Secret;
use crate::systems::kea;
use crate::systems::store::Store;
use crate::world::World;
use std::borrow::Cow;
use std::path::PathBuf;

/// The secret of a key.
pub async fn secret(config: &Config, world: &World, key: &KeyRef) -> Result<Secret> {
    let error = match Store::of(config).secret(world, &key.secret).await {
        Ok(secret) => return Ok(secret),
        Err(error) => error,
    };
    tracing::warn!("the store does not give key {}, so the firewall is asked: {}", key.name, error.what());
    // The firewall that asks comes first; another one of the site may have what it lacks.
    let others = config.each().into_iter().filter(|it| it.d2.host != config.d2.host);
    for config in std::iter::once(Cow::Borrowed(config)).chain(others) {
        let host = world.host(&config.d2.host)?;
        for path in places(&config, world)? {
            let Some(bytes) = host.read_if_there(&path)? else { continue };
            if let Some(secret) = kea::d2::installed::secret_of(&bytes, &key.name) {
                return Ok(secret);
            }
        }
    }
    Err(error.while_doing(format!(
        "fetching the secret of {} ({}), which no file on the firewall has either",
        key.name, key.secret
    )))
}

/// D2's file, then its backups, newest first.
fn places(config: &Config, world: &World) -> Result<Vec<PathBuf>> {
    let folder = backups(config);
    let mut names = world.host(&config.d2.host)?.list(&folder)?;
    names.retain(|name| name.starts_with("kea-dhcp-ddns.conf"));
    names.reverse();
    Ok(std::iter::once(config.d2.config.clone()).chain(names.into_iter().map(|name| folder.join(name))).collect())
}

/// Folder of backups on the firewall.
pub fn backups(config: &Config) -> PathBuf {
    config.state.join("backups")
}

/// Where the D2 file that a run replaces is kept: the run's name begins with its time, so names sort by age.
pub fn d2_backup(config: &Config, run: &str) -> PathBuf {
    backups(config).join(format!("kea-dhcp-ddns.conf.{run}"))
}

/// A new random secret of the right length, in base64.
pub fn new_secret(bytes: usize) -> Result<Secret> {
    use base64::Engine as _;
    use rand::TryRng as _;
    let mut raw = zeroize::Zeroizing::new(vec![0u8; bytes]);
    rand::rngs::SysRng
        .try_fill_bytes(&mut raw)
        .map_err(|error| Error::new(format!("the system gives no random bytes: {error}")))?;
    Ok(Secret::new(base64::engine::general_purpose::STANDARD.encode(&*raw)))
}
