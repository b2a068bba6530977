//! The content of an installed D2 document: keys, domains, which parts are ours. Secrets are returned as fingerprints
//! only, except by `secret_of`, which returns an old key from a backup.

use crate::error::Result;
use crate::model::KeyName;
use crate::secret::{Fingerprint, Secret};
use crate::systems::kea::text::{Document, Node};
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

/// Members of `DhcpDdns` that `d2::render` writes; all others are foreign.
const OURS: [&str; 9] = [
    "user-context",
    "ip-address",
    "port",
    "dns-server-timeout",
    "control-socket",
    "tsig-keys",
    "forward-ddns",
    "reverse-ddns",
    "loggers",
];

/// A D2 document as found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// Key named in our marker, if the document is ours.
    pub marker: Option<String>,
    /// Address and port for name change requests.
    pub listen: Option<SocketAddr>,
    /// Path of the control socket (the first unix one).
    pub socket: Option<String>,
    /// Keys in order.
    pub keys: Vec<InstalledKey>,
    /// Domains in order, forward ones first.
    pub domains: Vec<InstalledDomain>,
    /// Parts that `render` would not write again: `FILE:line:column: what`. A document with any of these is not wholly ours.
    pub foreign: Vec<String>,
}

/// A key as found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstalledKey {
    /// Its name as written there.
    pub name: String,
    /// Its algorithm as spelled there.
    pub algorithm: String,
    /// Of its secret, if the document itself contains it.
    pub fingerprint: Option<Fingerprint>,
    /// The file with its secret.
    pub secret_file: Option<String>,
}

/// A domain as found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstalledDomain {
    /// Its name as written there.
    pub zone: String,
    /// True below `reverse-ddns`.
    pub reverse: bool,
    /// Its key, if any.
    pub key: Option<String>,
    /// Servers in order, each with the key that signs for it (its own, or the domain's).
    pub servers: Vec<(SocketAddr, Option<String>)>,
}

impl Installed {
    /// Reads a document; errors name `file`, line and column. Included files are not opened.
    pub fn read(bytes: &[u8], file: &str) -> Result<Self> {
        let document = Document::parse(bytes, file)?;
        Ok(Self::of(&document))
    }

    /// The same from a parsed document.
    pub fn of(document: &Document) -> Self {
        let d2 = document.root().get("DhcpDdns");
        let get = |name| d2.and_then(|it: &Node| it.get(name));
        let address = get("ip-address").map_or(Some("127.0.0.1"), Node::text).and_then(|it| it.parse::<IpAddr>().ok());
        let port = get("port").map_or(Some(53001), Node::int).and_then(|it| u16::try_from(it).ok());
        let mut domains = Vec::new();
        for (member, reverse) in [("forward-ddns", false), ("reverse-ddns", true)] {
            let list = get(member).and_then(|it| it.get("ddns-domains")).map(Node::items).unwrap_or_default();
            domains.extend(list.iter().map(|node| domain(node, reverse)));
        }
        Self {
            marker: marker(d2),
            listen: address.zip(port).map(SocketAddr::from),
            socket: d2.and_then(socket),
            keys: get("tsig-keys").map(Node::items).unwrap_or_default().iter().map(key).collect(),
            domains,
            foreign: foreign(document, d2),
        }
    }

    /// The keys in use, each once, as spelled there.
    pub fn used_keys(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self
            .domains
            .iter()
            .flat_map(|domain| domain.servers.iter().filter_map(|(_, key)| key.as_deref()))
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The first difference that matters between this document and a `wanted` one (of a running D2 and its file, or of
    /// the two firewalls of a pair): keys by secret, domains by servers. Secrets are compared by fingerprint.
    pub fn differs(&self, wanted: &Self) -> Option<String> {
        let keys: HashMap<&str, &InstalledKey> = self.keys.iter().map(|it| (it.name.as_str(), it)).collect();
        for key in &wanted.keys {
            let same = keys.get(key.name.as_str()).is_some_and(|it| {
                it.fingerprint == key.fingerprint && it.algorithm.eq_ignore_ascii_case(&key.algorithm)
            });
            if !same {
                return Some(format!("does not have key {} as the file has it", key.name));
            }
        }
        let domains: HashMap<(bool, &str), &InstalledDomain> =
            self.domains.iter().map(|it| ((it.reverse, it.zone.as_str()), it)).collect();
        for domain in &wanted.domains {
            let found = domains.get(&(domain.reverse, domain.zone.as_str()));
            if found.is_none_or(|it| it.servers != domain.servers) {
                return Some(format!("has different servers or keys for {}", domain.zone));
            }
        }
        let same_size = self.keys.len() == wanted.keys.len() && self.domains.len() == wanted.domains.len();
        (!same_size).then(|| "has keys or domains that the file does not have".to_owned())
    }
}

/// The secret of a key in a document, by its DNS name; `None` if it is missing or in another file.
pub fn secret_of(bytes: &[u8], name: &KeyName) -> Option<Secret> {
    let document = Document::parse(bytes, "").ok()?;
    let keys = document.root().at(&["DhcpDdns", "tsig-keys"])?;
    let found = keys.items().iter().find(|key| key.text_of("name").is_some_and(|it| same_key(it, name)))?;
    found.text_of("secret").map(Secret::new)
}

/// True if the text is this name in any spelling.
pub fn same_key(text: &str, name: &KeyName) -> bool {
    KeyName::new(text).is_ok_and(|it| &it == name)
}

/// The path of the first unix control socket, by either name of that member.
pub fn socket(daemon: &Node) -> Option<String> {
    let list = daemon.get("control-sockets").map(Node::items).unwrap_or_default();
    let all = daemon.get("control-socket").into_iter().chain(list);
    let unix = |it: &&Node| it.text_of("socket-type").is_none_or(|kind| kind == "unix");
    all.filter(unix).find_map(|it| it.text_of("socket-name")).map(str::to_owned)
}

fn marker(d2: Option<&Node>) -> Option<String> {
    d2?.at(&["user-context", "pfddns", "key"])?.text().map(str::to_owned)
}

fn key(node: &Node) -> InstalledKey {
    let text = |name| node.text_of(name).unwrap_or_default().to_owned();
    InstalledKey {
        name: text("name"),
        algorithm: text("algorithm"),
        fingerprint: node.text_of("secret").map(|it| Secret::new(it).fingerprint()),
        secret_file: node.text_of("secret-file").map(str::to_owned),
    }
}

fn domain(node: &Node, reverse: bool) -> InstalledDomain {
    let name = |node: &Node| node.text_of("key-name").filter(|it| !it.is_empty()).map(str::to_owned);
    let own = name(node);
    let servers = node.get("dns-servers").map(Node::items).unwrap_or_default().iter().filter_map(|server| {
        let address: IpAddr = server.text_of("ip-address")?.parse().ok()?;
        let port = server.get("port").map_or(Some(53), Node::int).and_then(|it| u16::try_from(it).ok())?;
        Some(((address, port).into(), name(server).or_else(|| own.clone())))
    });
    let servers = servers.collect();
    InstalledDomain { zone: node.text_of("name").unwrap_or_default().to_owned(), reverse, key: own, servers }
}

/// Parts that a new rendering would not write again.
fn foreign(document: &Document, d2: Option<&Node>) -> Vec<String> {
    let mut found = Vec::new();
    let ours = marker(d2).is_some();
    let first_comment = usize::from(ours);
    for span in document.comments().iter().skip(first_comment).take(1) {
        found.push(format!("{}: comments", document.place(*span)));
    }
    for (file, span) in document.includes() {
        found.push(format!("{}: an include of {file}", document.place(*span)));
    }
    for member in d2.map(Node::members).unwrap_or_default() {
        if !OURS.contains(&member.name.as_str()) {
            found.push(format!("{}: `{}`", document.place(member.name_span), member.name));
        }
    }
    let keys = d2.and_then(|it| it.get("tsig-keys")).map(Node::items).unwrap_or_default();
    for extra in keys.iter().flat_map(Node::members) {
        if !["name", "algorithm", "secret", "digest-bits"].contains(&extra.name.as_str()) {
            found.push(format!("{}: `{}` of a key", document.place(extra.name_span), extra.name));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"{"DhcpDdns":{"ip-address":"127.0.0.1","port":53002,
      "control-socket":{"socket-type":"unix","socket-name":"/run/kea/d2"}, "hooks-libraries":[],
      "tsig-keys":[{"name":"Old.Example","algorithm":"HMAC-SHA256","secret":"c2VjcmV0"},
                   {"name":"new","algorithm":"hmac-sha512","secret-file":"/etc/new"}],
      "forward-ddns":{"ddns-domains":[{"name":"lan.example.","key-name":"Old.Example",
         "dns-servers":[{"ip-address":"192.0.2.1"},{"ip-address":"192.0.2.2","port":5353,"key-name":"new"}]}]}}}"#;

    #[test]
    fn keys_domains_and_foreign_members_are_seen() {
        let installed = Installed::read(FILE.as_bytes(), "d2.conf").unwrap();
        assert_eq!(installed.listen, Some("127.0.0.1:53002".parse().unwrap()));
        assert_eq!(installed.socket.as_deref(), Some("/run/kea/d2"));
        assert_eq!(installed.marker, None);
        assert_eq!(installed.keys[0].fingerprint, Some(Secret::new("c2VjcmV0").fingerprint()));
        assert_eq!(installed.used_keys(), ["Old.Example", "new"]);
        assert_eq!(
            installed.domains.first().unwrap().servers,
            [
                ("192.0.2.1:53".parse().unwrap(), Some("Old.Example".into())),
                ("192.0.2.2:5353".parse().unwrap(), Some("new".into()))
            ]
        );
        assert_eq!(installed.foreign, ["d2.conf:2:76: `hooks-libraries`", "d2.conf:4:60: `secret-file` of a key"]);
    }

    #[test]
    fn an_old_secret_comes_back_by_any_spelling_of_its_name() {
        let secret = secret_of(FILE.as_bytes(), &KeyName::new("OLD.example.").unwrap()).unwrap();
        assert_eq!(secret.expose(), "c2VjcmV0");
        assert!(secret_of(FILE.as_bytes(), &KeyName::new("new").unwrap()).is_none());
        assert!(secret_of(b"{", &KeyName::new("new").unwrap()).is_none());
    }
}
