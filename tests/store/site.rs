//! One store to test, of either kind, and the blocking calls that make tests short.

use crate::harness::Bao;
use pfddns::config::Config;
use pfddns::model::{Algorithm, HostName, KeyName};
use pfddns::secret::{Secret, SecretRef};
use pfddns::systems::store::{Book, Edit, Store, StoredKey};
use pfddns::world::World;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

/// A store, the world it is used from, and what it lies on.
pub struct Site {
    pub store: Store,
    pub world: World,
    pub config: Config,
    pub ground: Arc<Ground>,
}

/// What a store lies on.
pub enum Ground {
    File(#[expect(dead_code, reason = "held until the test is done")] TempDir),
    Bao(Bao),
}

pub fn name(text: &str) -> KeyName {
    KeyName::new(text).unwrap()
}

/// A key whose secret tells its name.
pub fn key(text: &str) -> StoredKey {
    let created = "2026-01-02T03:04:05.678Z".parse().unwrap();
    let secret = Secret::new(format!("canary-{text}-+/=="));
    StoredKey { name: name(text), algorithm: Algorithm::HmacSha384, created, retired: None, secret }
}

pub fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

pub fn config(store: &str) -> Config {
    let text = format!("version = \"v1\"\n[store]\n{store}\n");
    Config::parse(Path::new("test.toml"), &text).unwrap()
}

impl Site {
    pub fn file() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = config(&format!("type = \"file\"\npath = \"{}/sub/keys.sealed\"", folder.path().display()));
        Self::new(config, Ground::File(folder).into())
    }

    pub fn bao(bao: Bao) -> Self {
        let store = format!("type = \"vault\"\nurl = \"{}\"\ntoken-file = \"{}\"", bao.url, bao.token_file.display());
        Self::new(config(&store), Ground::Bao(bao).into())
    }

    pub fn new(config: Config, ground: Arc<Ground>) -> Self {
        let world = World::here(HostName::new("fw").unwrap()).unwrap();
        Self { store: Store::of(&config), world, config, ground }
    }

    /// The same store, seen by somebody else.
    pub fn another(&self) -> Self {
        Self::new(self.config.clone(), self.ground.clone())
    }

    pub fn bao_server(&self) -> &Bao {
        match &*self.ground {
            Ground::Bao(bao) => bao,
            Ground::File(_) => panic!("this store is a file"),
        }
    }

    pub fn try_read(&self) -> Result<Book, String> {
        run(self.store.read(&self.world)).map_err(|error| error.to_string())
    }

    pub fn read(&self) -> Book {
        self.try_read().unwrap()
    }

    pub fn edit(&mut self, version: u64, edits: &[Edit<'_>]) -> Result<u64, String> {
        run(self.store.edit(&mut self.world, version, edits)).map_err(|error| error.to_string())
    }

    pub fn secret(&self, at: &SecretRef) -> Result<String, String> {
        run(self.store.secret(&self.world, at)).map(|it| it.expose().to_owned()).map_err(|error| error.to_string())
    }

    /// Puts somebody else's data beside ours and returns the version ours is at then. In a KV secret that is fields of
    /// the same secret, in the file another secret.
    pub fn plant_siblings(&mut self) -> u64 {
        let Ground::Bao(bao) = &*self.ground else {
            let mut other = self.sibling();
            let foreign = key("foreign");
            other.edit(0, &[Edit::Add(&foreign)]).unwrap();
            return 0;
        };
        let foreign = r#"{"foreign":"a\"b\\c\n\u0000\u20ac<>&","number":1.5,"deep":{"secret":"x","list":[null,{"k":true}]},
            "half-a-key":{"secret":"s","algorithm":"aes"},"text":"current"}"#;
        let (code, body) = bao.call("POST", "secret/data/dns/ddns", &format!(r#"{{"data":{foreign}}}"#));
        assert_eq!(code, 200, "{body}");
        1
    }

    /// What lies beside our keys, as text.
    pub fn siblings(&self) -> String {
        let Ground::Bao(bao) = &*self.ground else {
            let book = self.sibling().read();
            return format!("{} {:?} {}", book.version, book.keys, book.keys[0].secret.expose());
        };
        let (_, body) = bao.call("GET", "secret/data/dns/ddns", "");
        let mut whole: serde_json::Value = serde_json::from_str(&body).unwrap();
        let fields = whole["data"]["data"].as_object_mut().unwrap();
        fields.retain(|field, _| !field.starts_with("ddns-") && field != "current");
        whole["data"]["data"].to_string()
    }

    fn sibling(&self) -> Self {
        let mut config = self.config.clone();
        if let pfddns::config::StoreConfig::File { secret, .. } = &mut config.store {
            *secret = "dns/foreign".into();
        }
        Self::new(config, self.ground.clone())
    }
}
