//! Turns a `KeyRef` into its secret at the last moment: from the store, or, with the store down, from files on the
//! firewalls (D2's file and its backups). Only here does a plan get a secret; it is dropped at the end of the step.

use super::files::backups;
use crate::config::{Config, Firewall};
use crate::error::{Error, Result};
use crate::model::KeyRef;
use crate::secret::Secret;
use crate::systems::kea;
use crate::systems::store::Store;
use crate::world::World;
use std::path::PathBuf;

/// The secret of a key.
pub async fn secret(config: &Config, world: &World, key: &KeyRef) -> Result<Secret> {
    let error = match Store::of(config).secret(world, &key.secret).await {
        Ok(secret) => return Ok(secret),
        Err(error) => error,
    };
    tracing::warn!("the store does not return key {}; trying the files on the firewall: {}", key.name, error.what());
    for firewall in config.firewalls() {
        let host = world.host(&firewall.name)?;
        for path in places(firewall, world)? {
            let Some(bytes) = host.read_if_there(&path)? else { continue };
            if let Some(secret) = kea::d2::installed::secret_of(&bytes, &key.name) {
                return Ok(secret);
            }
        }
    }
    Err(error.while_doing(format!(
        "fetching the secret of {} ({}); the files on the firewall do not have it either",
        key.name, key.secret
    )))
}

/// D2's file, then its backups, newest first.
fn places(firewall: &Firewall, world: &World) -> Result<Vec<PathBuf>> {
    let folder = backups(firewall);
    let mut names = world.host(&firewall.name)?.list(&folder)?;
    names.retain(|name| name.starts_with("kea-dhcp-ddns.conf"));
    names.reverse();
    Ok(std::iter::once(firewall.d2.config.clone()).chain(names.into_iter().map(|name| folder.join(name))).collect())
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
