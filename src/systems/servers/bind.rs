//! BIND 9 by one include file and rndc.

use super::{Feature, HeldKey, NameServer, Standing};
use crate::error::{Error, Result};
use crate::model::{KeyName, KeyRef, ServerName, ZoneName, ZoneRules};
use crate::secret::Secret;
use crate::world::World;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// One BIND server.
pub struct Bind {
    pub(super) name: ServerName,
    pub(super) dns: SocketAddr,
    file: PathBuf,
    rndc: Vec<String>,
}
impl Bind {
    /// new
    pub fn new(name: ServerName, dns: SocketAddr, file: &Path, rndc: Vec<String>) -> Self {
        Self { name, dns, file: file.to_owned(), rndc }
    }
    fn not_yet<T>(&self) -> Result<T> {
        Err(Error::new(format!("{}: BIND is not here yet ({} {})", self.name, self.file.display(), self.rndc.len())))
    }
}
impl NameServer for Bind {
    async fn zones(&self, _: &World) -> Result<Vec<ZoneName>> {
        self.not_yet()
    }
    async fn keys(&self, _: &World) -> Result<Vec<HeldKey>> {
        self.not_yet()
    }
    async fn add_key(&self, _: &mut World, _: &KeyRef, _: &Secret) -> Result<()> {
        self.not_yet()
    }
    async fn remove_key(&self, _: &mut World, _: &KeyName) -> Result<()> {
        self.not_yet()
    }
    async fn rules(&self, _: &World, _: &ZoneName) -> Result<ZoneRules> {
        self.not_yet()
    }
    async fn set_rules(&self, _: &mut World, _: &ZoneName, _: &ZoneRules, _: &ZoneRules) -> Result<()> {
        self.not_yet()
    }
    async fn set_bypass_rules(&self, _: &mut World, _: &ZoneName, _: &ZoneRules, _: &ZoneRules) -> Result<()> {
        self.not_yet()
    }
    async fn standing(&self, _: &World) -> Result<Standing> {
        self.not_yet()
    }
    fn cannot(&self) -> &'static [Feature] {
        &[]
    }
    fn normalise(&self, rules: &ZoneRules) -> ZoneRules {
        rules.clone()
    }
}
