//! One firewall with a D2: what the tests share.

use crate::harness::{Daemon, Kea, KeaHome, free_port, real};
use pfddns::model::{Algorithm, HostName, KeyName, KeyRef, ZoneName};
use pfddns::secret::{Secret, SecretRef};
use pfddns::systems::kea::d2::{self, D2Domain, D2Spec};
use pfddns::systems::kea::daemon::apply::{self, Outcome, Paths};
use pfddns::world::{Digest, Host, World};
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

pub struct Site {
    pub home: KeaHome,
    pub world: World,
    pub name: HostName,
    pub paths: Paths,
    pub spec: D2Spec,
    backups: u32,
}

/// Base64 of 32 bytes that differ by `seed`.
pub fn secret(seed: u8) -> Secret {
    use base64::Engine as _;
    Secret::new(base64::engine::general_purpose::STANDARD.encode([seed; 32]))
}

pub fn key(name: &str) -> KeyRef {
    let secret = SecretRef { path: "dns/ddns".into(), version: 1, field: name.into() };
    KeyRef { name: KeyName::new(name).unwrap(), algorithm: Algorithm::HmacSha256, secret }
}

impl Site {
    /// A site whose D2 does not run yet; `None` where this Kea is not installed (never in CI).
    pub fn new(kea: Kea) -> Option<Self> {
        let home = real(kea.home())?;
        let name = HostName::new("fw").unwrap();
        let mut spec = D2Spec::new(home.socket("d2").display().to_string(), Some(key("ddns-1").name));
        spec.listen = ([127, 0, 0, 1], free_port()).into();
        spec.timeout_ms = 500;
        spec.log = Some(d2::D2Log { output: "stdout".into(), severity: "DEBUG".into(), debug_level: 55 });
        let paths = Paths {
            config: home.folder().join("d2.conf"),
            program: home.d2.clone(),
            socket: home.socket("d2"),
            pause: Vec::new(),
            backup: PathBuf::new(),
        };
        Some(Self { home, world: World::here(name.clone()).unwrap(), name, paths, spec, backups: 0 })
    }

    pub fn domain(&mut self, zone: &str, servers: &[SocketAddr]) {
        let zone = ZoneName::new(zone).unwrap();
        let reverse = zone.is_reverse();
        self.spec.domains.push(D2Domain { zone, reverse, servers: servers.to_vec(), key: None });
    }

    /// The document with this one key in use.
    pub fn document(&mut self, name: &str, seed: u8) -> String {
        self.spec.key = Some(key(name).name);
        d2::render(&self.spec, &[(&key(name), &secret(seed))]).unwrap().to_string()
    }

    pub fn start_d2(&mut self, name: &str, seed: u8) -> Daemon {
        let document = self.document(name, seed);
        self.home.start_d2("d2", &document).unwrap()
    }

    /// Installs in place of what is there now.
    pub fn install(&mut self, new: &str) -> pfddns::error::Result<Outcome> {
        let now = fs::read(&self.paths.config).ok().map(|bytes| Digest::of(&bytes));
        self.install_over(new, now)
    }

    pub fn install_over(&mut self, new: &str, replaces: Option<Digest>) -> pfddns::error::Result<Outcome> {
        self.backups += 1;
        self.paths.backup = self.home.folder().join(format!("d2.conf.backup{}", self.backups));
        run(apply::install(&mut self.world, &self.name, &self.paths, new.as_bytes(), replaces))
    }

    pub fn host(&mut self) -> &mut Host {
        self.world.host_mut(&self.name).unwrap()
    }

    pub fn installed(&self) -> String {
        fs::read_to_string(&self.paths.config).unwrap()
    }
}

pub fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}
