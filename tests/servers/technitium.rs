//! Technitium servers for the contract: the double, and real ones by their address.

use crate::doubles::site::http;
use crate::doubles::technitium::{Handle, Options, Technitium as Double, Version};
use crate::{Lab, Peer, source_towards, world};
use futures::FutureExt as _;
use pfddns::model::{ServerName, ZoneName};
use pfddns::systems::servers::{Server, Technitium};
use serde_json::Value;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::path::PathBuf;

/// The HTTP API, used past the code under test.
pub struct Api {
    url: String,
    token: String,
    http: reqwest::Client,
    zones: Vec<String>,
    foreign_key: String,
    /// Kept alive.
    pub double: Option<Handle>,
    folder: tempfile::TempDir,
}

impl Api {
    pub fn new(url: &str, token: &str, double: Option<Handle>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let api = Self {
            url: url.to_owned(),
            token: token.to_owned(),
            http: http().unwrap(),
            zones: Vec::new(),
            foreign_key: format!("foreign-{:04x}", rand::random::<u16>()),
            double,
            folder,
        };
        fs::write(api.token_file(), format!("{token}\n")).unwrap();
        fs::set_permissions(api.token_file(), fs::Permissions::from_mode(0o600)).unwrap();
        api
    }

    pub fn token_file(&self) -> PathBuf {
        self.folder.path().join("token")
    }

    pub fn server(&self, dns: SocketAddr) -> Technitium {
        Technitium::new(ServerName::new("ns1").unwrap(), dns, &self.url, &self.token_file(), None)
    }

    pub async fn call(&self, path: &str, form: &[(&str, &str)]) -> Value {
        let form = [form, &[("token", self.token.as_str())]].concat();
        let answer = self.http.post(format!("{}/api/{path}", self.url)).form(&form).send().await.unwrap();
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(answer["status"], "ok", "{path}: {}", answer["errorMessage"]);
        answer["response"].clone()
    }

    /// The key table, row by row.
    pub async fn keys(&self) -> Vec<[String; 3]> {
        let settings = self.call("settings/get", &[]).await;
        let cell = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
        let rows = settings["tsigKeys"].as_array().unwrap().iter();
        rows.map(|row| [cell(row, "keyName"), cell(row, "sharedSecret"), cell(row, "algorithmName")]).collect()
    }

    pub async fn set_keys(&self, rows: &[[String; 3]]) {
        let cells: Vec<&str> = rows.iter().flatten().map(String::as_str).collect();
        let table = if cells.is_empty() { "false".to_owned() } else { cells.join("|") };
        self.call("settings/set", &[("tsigKeys", &table)]).await;
    }

    /// All keys but the contract's, and what the zones have beside update rules.
    pub async fn foreign(&self) -> Vec<String> {
        let ours = |row: &[String; 3]| row[0].starts_with("pfddns-test-");
        let mut all: Vec<String> = self.keys().await.iter().filter(|it| !ours(it)).map(|it| it.join("|")).collect();
        for zone in &self.zones {
            all.push(self.call("zones/options/get", &[("zone", zone)]).await.to_string());
        }
        all
    }

    /// Two fresh zones, a foreign key, and a foreign row in the first zone.
    async fn prepare(&mut self, number: usize) {
        let mut keys = self.keys().await;
        // Not base64, capitals in the algorithm: carried through all the same.
        keys.push([self.foreign_key.clone(), "a foreign/secret+=".into(), "HMAC-SHA1".into()]);
        self.set_keys(&keys).await;
        let id = std::process::id() % 65536;
        let reverse = format!("{}.{}.18.198.in-addr.arpa", id % 256, (id / 256 + number as u32) % 256);
        for zone in [format!("c{id}-{number}.pfddns.test"), reverse] {
            self.call("zones/create", &[("zone", &zone), ("type", "Primary")]).await;
            self.zones.push(zone);
            // Its file of users and rights may be damaged when zones are made faster than this.
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        let row = format!("{}|mail.{1}|MX,TXT|{0}|{1}|MX", self.foreign_key, self.zones[0]);
        self.call("zones/options/set", &[("zone", &self.zones[0]), ("updateSecurityPolicies", &row)]).await;
    }

    /// Everything the tests made goes away; nothing else does. What fails is told when all has been tried.
    pub async fn clean_up(&self) {
        let mut outcomes = Vec::new();
        for zone in &self.zones {
            outcomes
                .push(AssertUnwindSafe(self.call("zones/delete", &[("zone", zone)])).catch_unwind().await.map(|_| ()));
        }
        let keys = async {
            let mut keys = self.keys().await;
            keys.retain(|row| !row[0].starts_with("pfddns-test-") && row[0] != self.foreign_key);
            self.set_keys(&keys).await;
        };
        outcomes.push(AssertUnwindSafe(keys).catch_unwind().await);
        if let Some(panic) = outcomes.into_iter().find_map(Result::err) {
            resume_unwind(panic);
        }
        let zones = self.call("zones/list", &[]).await;
        let left = |zone: &&String| zones["zones"].as_array().unwrap().iter().any(|it| it["name"] == **zone);
        assert_eq!(self.zones.iter().filter(left).count(), 0, "zones of the tests are left on {}", self.url);
        assert!(self.keys().await.iter().all(|row| row[0] != self.foreign_key), "a key is left on {}", self.url);
    }
}

pub async fn lab(url: &str, dns: SocketAddr, token: &str, number: usize, double: Option<Handle>) -> Lab {
    let mut api = Api::new(url, token, double);
    if let Err(panic) = AssertUnwindSafe(api.prepare(number)).catch_unwind().await {
        api.clean_up().await;
        resume_unwind(panic);
    }
    Lab {
        server: Server::Technitium(api.server(dns)),
        world: world(),
        zones: api.zones.iter().map(|it| ZoneName::new(it).unwrap()).collect(),
        source: source_towards(dns),
        peer: Peer::Technitium(api),
    }
}

pub fn start(version: Version) -> Handle {
    Double::start(Options::new(version)).unwrap()
}

pub async fn double(version: Version) -> Lab {
    let handle = start(version);
    let (url, dns, token) = (handle.base_url(), handle.dns(), handle.token().to_owned());
    lab(&url, dns, &token, 0, Some(handle)).await
}

/// URL, DNS address and token of each server named in the environment.
pub fn real_servers() -> Vec<(String, SocketAddr, String)> {
    let get = |name: &str| std::env::var(name).ok().filter(|it| !it.trim().is_empty());
    let Some(urls) = get("PFDDNS_TECHNITIUM_URLS") else { return Vec::new() };
    let token = get("PFDDNS_TECHNITIUM_TOKEN").expect("PFDDNS_TECHNITIUM_TOKEN goes with PFDDNS_TECHNITIUM_URLS");
    let dns = get("PFDDNS_TECHNITIUM_DNS").expect("PFDDNS_TECHNITIUM_DNS goes with PFDDNS_TECHNITIUM_URLS");
    named_servers(&urls, &dns, &token)
}

/// Comma lists in one order; one token may stand for all, one DNS port is 53 if none is given.
pub fn named_servers(urls: &str, dns: &str, tokens: &str) -> Vec<(String, SocketAddr, String)> {
    let list = |text: &str| text.split(',').map(|it| it.trim().to_owned()).collect::<Vec<_>>();
    let (urls, dns, mut tokens) = (list(urls), list(dns), list(tokens));
    if tokens.len() == 1 {
        tokens.resize(urls.len(), tokens[0].clone());
    }
    assert_eq!((urls.len(), urls.len()), (dns.len(), tokens.len()), "as many DNS addresses, and tokens, as URLs");
    let address = |text: &str| {
        let plain = text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, 53));
        text.parse().or(plain).unwrap_or_else(|_| panic!("`{text}` is no address, with or without a port"))
    };
    let row =
        |((url, dns), token): ((String, String), String)| (url.trim_end_matches('/').to_owned(), address(&dns), token);
    urls.into_iter().zip(dns).zip(tokens).map(row).collect()
}
