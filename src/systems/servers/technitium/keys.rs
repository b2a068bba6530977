//! Technitium's key table. The API has no call for one key: the whole table is read, changed and written at once, so
//! every foreign row must be kept unchanged, or nothing is written.

use super::Technitium;
use super::api::Response;
use crate::error::{Doing as _, Error, Result};
use crate::model::{Algorithm, KeyName, KeyRef};
use crate::secret::Secret;
use crate::systems::servers::{HeldKey, check_secret};
use crate::world::World;
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

/// More are an error (13.6 to 15.2).
const MOST_KEYS: usize = 255;

/// One row, as the server gives it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    key_name: String,
    #[serde(deserialize_with = "secret")]
    shared_secret: Secret,
    algorithm_name: String,
}

/// The part of the settings that this program reads.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Settings {
    tsig_keys: Vec<Row>,
}

fn secret<'de, D: Deserializer<'de>>(text: D) -> std::result::Result<Secret, D::Error> {
    String::deserialize(text).map(Secret::new)
}

impl Row {
    fn is(&self, name: &KeyName) -> bool {
        self.key_name.trim_end_matches('.').eq_ignore_ascii_case(name.without_dot())
    }

    fn equals(&self, other: &Self) -> bool {
        self.key_name.eq_ignore_ascii_case(&other.key_name)
            && self.shared_secret.expose() == other.shared_secret.expose()
            && long_name(&self.algorithm_name) == long_name(&other.algorithm_name)
    }
}

/// Until a restart the server returns the name as it was written, then in its canonical form.
fn long_name(algorithm: &str) -> String {
    let name = algorithm.to_ascii_lowercase();
    if name == "hmac-md5" { "hmac-md5.sig-alg.reg.int".into() } else { name }
}

impl Technitium {
    pub(super) async fn held_keys(&self, world: &World) -> Result<Vec<HeldKey>> {
        let rows = self.table(world).await.doing(|| format!("reading the keys of {}", self.name))?;
        // A name that this program can't parse is never ours; it stays in the table and is not listed.
        Ok(rows
            .iter()
            .filter_map(|row| {
                Some(HeldKey {
                    name: KeyName::new(&row.key_name).ok()?,
                    algorithm: Algorithm::parse(&row.algorithm_name),
                    fingerprint: Some(row.shared_secret.fingerprint()),
                })
            })
            .collect())
    }

    pub(super) async fn put_key(&self, world: &World, key: &KeyRef, secret: &Secret) -> Result<()> {
        check_secret(&key.name, secret)?;
        let change = async {
            self.writable(world).await?;
            let mut rows = self.table(world).await?;
            if let Some(row) = rows.iter().find(|row| row.is(&key.name)) {
                return self.same_key(row, key, secret);
            }
            if rows.len() >= MOST_KEYS {
                return Err(Error::new(format!("{} has {} keys and can't store more", self.name, rows.len()))
                    .hint("remove unused keys in its web console, Settings, TSIG"));
            }
            rows.push(Row {
                key_name: key.name.without_dot().to_owned(),
                shared_secret: Secret::new(secret.expose()),
                algorithm_name: key.algorithm.name().to_owned(),
            });
            self.replace_table(world, &rows).await
        };
        change.await.doing(|| format!("adding key {} to {}", key.name, self.name))
    }

    pub(super) async fn drop_key(&self, world: &World, name: &KeyName) -> Result<()> {
        let change = async {
            self.writable(world).await?;
            let mut rows = self.table(world).await?;
            let before = rows.len();
            rows.retain(|row| !row.is(name));
            if rows.len() == before { Ok(()) } else { self.replace_table(world, &rows).await }
        };
        change.await.doing(|| format!("removing key {name} from {}", self.name))
    }

    fn same_key(&self, row: &Row, key: &KeyRef, secret: &Secret) -> Result<()> {
        let differs = match (
            row.shared_secret.expose() == secret.expose(),
            Algorithm::parse(&row.algorithm_name) == Some(key.algorithm),
        ) {
            (true, true) => return Ok(()),
            (false, _) => "secret",
            (true, false) => "algorithm",
        };
        Err(Error::new(format!("{} has a key {} with another {differs}; it was not changed", self.name, key.name))
            .hint("a key's name is used once: make a new key, or remove the old one from the server if it is unused"))
    }

    async fn table(&self, world: &World) -> Result<Vec<Row>> {
        let answer: Response<Settings> = self.call(world, "settings/get", &[], &[]).await?;
        Ok(answer.response.tsig_keys)
    }

    /// Writes the whole table and reads it back. The server keeps no version, so this comes right after reading.
    async fn replace_table(&self, world: &World, rows: &[Row]) -> Result<()> {
        let mut cells: Vec<&str> = Vec::new();
        for row in rows {
            let name = &row.key_name;
            let refuse = |why: &str| {
                Err(Error::new(format!("{}: key {name} can't be written back: {why}; nothing was changed", self.name))
                    .hint("repair or remove that key in the server's web console, Settings, TSIG"))
            };
            let row = [name.as_str(), row.shared_secret.expose(), row.algorithm_name.as_str()];
            // An empty secret would make the server generate one; a `|` would shift every cell after it.
            if row.iter().any(|cell| cell.contains('|')) {
                return refuse("it contains a `|`");
            }
            if row.iter().skip(1).any(|cell| cell.is_empty()) {
                return refuse("its secret or algorithm is empty");
            }
            cells.extend(row);
        }
        // An empty value means "no change" to 13.6 and "delete all" to 14 and later; `false` deletes all everywhere.
        let table = Zeroizing::new(if cells.is_empty() { "false".to_owned() } else { cells.join("|") });
        let secrets: Vec<&str> = rows.iter().map(|row| row.shared_secret.expose()).collect();
        // Sent alone: an error in a later parameter would not undo this one.
        let _: serde::de::IgnoredAny = self.call(world, "settings/set", &[("tsigKeys", &table)], &secrets).await?;
        self.read_back(world, rows).await
    }

    async fn read_back(&self, world: &World, wanted: &[Row]) -> Result<()> {
        let found = self.table(world).await?;
        let missing = wanted.iter().find(|row| !found.iter().any(|it| it.equals(row)));
        let surplus = found.iter().find(|row| !wanted.iter().any(|it| it.equals(row)));
        let Some(row) = missing.or(surplus) else { return Ok(()) };
        Err(Error::new(format!("{} does not have the keys that were written: {} differs", self.name, row.key_name))
            .hint("somebody else changed the keys at the same moment, or saved the settings in an old browser tab; run the command again"))
    }
}
