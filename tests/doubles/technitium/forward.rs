//! What a copy does beside answering queries: updates are sent on to its primary, and a NOTIFY wakes it up.

use super::acl::{self, Entry};
use super::keys::TsigKey;
use super::message::Request;
use super::secondary::server_address;
use super::state::{Server, Version};
use super::tsig::{self, Signer, Used};
use super::update::Asker;
use super::zones::Kind;
use ring::rand::{SecureRandom as _, SystemRandom};
use serde_json::Value;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const TRIES: usize = 3;
const PATIENCE: Duration = Duration::from_secs(2);
const NOERROR: u8 = 0;
const REFUSED: u8 = 5;

/// An UPDATE on its way to a primary.
pub struct Forward {
    servers: Vec<SocketAddr>,
    message: Vec<u8>,
    key: Option<TsigKey>,
    request: Request,
    signer: Option<Signer>,
}

impl Server {
    /// Prepares an UPDATE for the primary: over the transport of transfers, whatever the client used, and signed anew
    /// with the client's key. None where the product throws: a name in capitals is not found among the keys.
    pub fn forward(
        &self,
        zone: &str,
        bytes: &[u8],
        request: &Request,
        used: Option<(Used, Signer)>,
    ) -> Option<Forward> {
        let upstream = self.live.zones.get(zone)?.upstream.as_ref().filter(|upstream| upstream.protocol == "Tcp")?;
        let servers = upstream.addresses.iter().filter_map(|text| server_address(self.version, text).ok()).collect();
        let (used, signer) = used.unzip();
        let key = match &used {
            Some(used) if !used.in_small_letters => return None,
            Some(used) => Some(self.live.config.keys.iter().find(|key| key.name == used.name)?.clone()),
            None => None,
        };
        let mut message = used.map_or_else(|| bytes.to_vec(), |used| used.unsigned);
        let _ = SystemRandom::new().fill(message.get_mut(..2)?); // an old ID would do as well
        Some(Forward { servers, message, key, request: request.clone(), signer })
    }

    /// NOTIFY is taken from the zone's primaries and from `notifyAllowedNetworks`, and acted on after a while.
    pub fn notify(&mut self, request: &Request, asker: &Asker<'_>) -> u8 {
        let name = request.questions.first().map(|(name, _, _)| name.to_ascii_lowercase()).unwrap_or_default();
        let zone = self.live.zones.get(&name).filter(|zone| zone.kind == Kind::Secondary && !zone.disabled);
        let Some(upstream) = zone.and_then(|zone| zone.upstream.as_ref()) else { return REFUSED };
        let source = asker.source.ip().to_canonical();
        let tag = format!("[{}] [{}] DNS Server", asker.source, asker.transport);
        let primaries = upstream.addresses.iter().filter_map(|text| server_address(self.version, text).ok());
        let known = primaries.into_iter().any(|address| address.ip().to_canonical() == source);
        if !known && !self.network_listed("notifyAllowedNetworks", asker.source) {
            let why = "since the request IP address was not recognized by the secondary zone";
            self.log.write(&format!("{tag} refused a NOTIFY request {why}: {name}"));
            return REFUSED;
        }
        self.log.write(&format!("{tag} received a NOTIFY request for secondary zone: {name}"));
        let wait = Duration::from_secs(if self.version < Version::V14_3 { 10 } else { 5 });
        if !self.notified.iter().any(|(waiting, _)| *waiting == name) {
            self.notified.push((name, Instant::now() + wait));
        }
        NOERROR
    }

    /// Is an address within a setting's list of networks?
    pub fn network_listed(&self, setting: &str, source: SocketAddr) -> bool {
        let networks = self.live.config.settings.get(setting).and_then(Value::as_array);
        let networks = networks.into_iter().flatten().filter_map(|text| Entry::parse(text.as_str()?));
        acl::allows(&networks.collect::<Vec<_>>(), source.ip())
    }

    /// Moves what was notified long enough ago to what is refreshed.
    pub fn wake_notified(&mut self) {
        let now = Instant::now();
        let (due, waiting) = std::mem::take(&mut self.notified).into_iter().partition(|(_, at)| *at <= now);
        self.notified = waiting;
        let due: Vec<(String, Instant)> = due;
        self.refresh.extend(due.into_iter().map(|(name, _)| (name, false)));
    }
}

impl Forward {
    /// The primary's RCODE, signed for the client; nothing at all if the primary is silent or does not like the key.
    pub async fn run(mut self) -> Option<Vec<u8>> {
        let (message, own) = match &self.key {
            Some(key) => tsig::sign_request(self.message.clone(), key).map(|(message, own)| (message, Some(own)))?,
            None => (self.message.clone(), None),
        };
        for server in self.servers.iter().cycle().take(TRIES * self.servers.len()) {
            let answer = tokio::time::timeout(PATIENCE, exchange(*server, &message)).await;
            let Ok(Some(answer)) = answer else { continue };
            if own.as_ref().is_some_and(|own| !tsig::answer_is_good(&answer, own)) {
                return None;
            }
            let rcode = answer.get(3)? & 15;
            let closed = self.request.closing(self.request.reply(rcode).additional());
            return Some(match &mut self.signer {
                Some(signer) => signer.sign(closed),
                None => closed.finish(),
            });
        }
        None
    }
}

async fn exchange(server: SocketAddr, message: &[u8]) -> Option<Vec<u8>> {
    let mut stream = TcpStream::connect(server).await.ok()?;
    stream.write_u16(u16::try_from(message.len()).ok()?).await.ok()?;
    stream.write_all(message).await.ok()?;
    let length = stream.read_u16().await.ok()?;
    let mut answer = vec![0u8; usize::from(length)];
    stream.read_exact(&mut answer).await.ok()?;
    (answer.get(..2) == message.get(..2)).then_some(answer)
}
