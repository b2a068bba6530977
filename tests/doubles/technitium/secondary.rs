//! Secondary zones: the SOA query before one is made, the transfer after, on resync and at a start. NOTIFY goes to port
//! 53 in the product and so to nobody here; who wants copies to follow sets [`super::Options::follow`], or sends the
//! NOTIFY. Updates that a copy may take are forwarded to its primary.

use super::api::ApiError;
use super::control::Shared;
use super::http::Call;
use super::keys::TsigKey;
use super::message::{self, Request, Rr};
use super::names;
use super::rdata::{self, Soa};
use super::state::{Server, Version, timestamp};
use super::store::Store;
use super::zone_data::Record;
use super::zones::Kind;
use domain::base::message_builder::AdditionalBuilder;
use domain::base::{Message, MessageBuilder, Question, Rtype};
use domain::rdata::tsig::Time48;
use domain::tsig::{Algorithm, ClientSequence, Key, KeyName, ValidationError};
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr as _;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const PATIENCE: Duration = Duration::from_secs(4);
const TICK: Duration = Duration::from_millis(20);
const AXFR: u16 = 252;

/// Where a copy comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// As given.
    pub addresses: Vec<String>,
    /// `Tcp`, `Tls` or `Quic`; only TCP is played.
    pub protocol: String,
    /// Name of the key as given, empty for none.
    pub key: String,
}

impl Upstream {
    /// From the parameters of `zones/create`.
    pub fn of(call: &Call) -> Result<Self, ApiError> {
        let text = call.get("primaryNameServerAddresses").unwrap_or_default();
        let addresses = text.split(',').map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect();
        let given = call.get("zoneTransferProtocol").unwrap_or_else(|| "Tcp".into());
        let protocol = ["Tcp", "Tls", "Quic"].into_iter().find(|word| word.eq_ignore_ascii_case(&given));
        let protocol = protocol.ok_or_else(|| ApiError::text(format!("Requested value '{given}' was not found.")))?;
        Ok(Self { addresses, protocol: protocol.into(), key: call.get("tsigKeyName").unwrap_or_default() })
    }
}

/// `ip`, `ip:port` or `name (ip:port)`.
pub fn server_address(version: Version, text: &str) -> Result<SocketAddr, ApiError> {
    let inner = text.split_once('(').map_or(text, |(_, rest)| rest.trim_end_matches(')'));
    let parsed = inner.parse().or_else(|_| inner.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, 53)));
    parsed.map_err(|_| match names::check(version, inner) {
        Err(error) => error,
        Ok(()) => ApiError::text(format!(
            "DnsClient failed to resolve the request '{inner}. A IN'. Received a response with RCODE: ServerFailure"
        )),
    })
}

/// What to ask of whom.
#[derive(Debug, Clone)]
pub struct Ask {
    zone: String,
    servers: Vec<SocketAddr>,
    key: Option<TsigKey>,
    tcp: bool,
    version: Version,
}

impl Server {
    /// What a call needs asked before it can be answered: the SOA of a zone to be copied.
    pub fn ask_before(&mut self, call: &Call) -> Option<Ask> {
        let kind = call.get("type").unwrap_or_default();
        if call.path != "zones/create" || !kind.eq_ignore_ascii_case("Secondary") || self.session_of(call).is_err() {
            return None;
        }
        self.ask(&self.zone_parameter(call).ok()?, &Upstream::of(call).ok()?).ok()
    }

    /// Key names are looked up as given: capitals and final dots are not found.
    pub fn ask(&self, zone: &str, upstream: &Upstream) -> Result<Ask, ApiError> {
        let key = match upstream.key.as_str() {
            "" => None,
            name => {
                let found = self.live.config.keys.iter().find(|key| key.name == name).cloned();
                let text = format!("No such TSIG key was found configured: {name}");
                Some(found.ok_or_else(|| failure(self.version, zone, text))?)
            }
        };
        let servers = upstream.addresses.iter().map(|text| server_address(self.version, text));
        let servers = servers.collect::<Result<Vec<_>, _>>()?;
        let tcp = upstream.protocol == "Tcp";
        Ok(Ask { zone: zone.to_owned(), servers, key, tcp, version: self.version })
    }

    /// Every copy is refreshed after a start.
    pub fn refresh_all(&mut self) {
        let copies = self.live.zones.values().filter(|zone| zone.kind == Kind::Secondary);
        self.refresh = copies.map(|zone| (zone.name.clone(), true)).collect();
    }

    fn next_refresh(&mut self, name: &str, force: bool) -> Option<(Ask, bool, u32)> {
        let zone = self.live.zones.get(name)?;
        let (upstream, serial) = (zone.upstream.clone()?, zone.serial());
        match self.ask(name, &upstream) {
            Ok(ask) => Some((ask, force, serial)),
            Err(error) => {
                let line = format!("DNS Server does not have TSIG key '{}' configured for refreshing", upstream.key);
                self.log.write(&format!("{line} {} zone: {name}", Kind::Secondary.name()));
                self.take_transfer(name, Err(error));
                None
            }
        }
    }

    fn take_transfer(&mut self, zone: &str, result: Result<Option<Vec<Record>>, ApiError>) {
        let Some(zone) = self.live.zones.get_mut(zone) else { return };
        zone.sync_failed = result.is_err();
        let records = match result {
            Ok(Some(records)) => records,
            Ok(None) => return,
            Err(error) => {
                let line = format!("DNS Server failed to refresh '{}' zone: {error:?}", zone.name);
                return self.log.write(&line);
            }
        };
        zone.nodes = BTreeMap::new();
        zone.expired = false;
        zone.modified = timestamp();
        records.into_iter().for_each(|record| zone.put(record));
        let until = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(i64::from(zone.soa().expire));
        zone.expiry = until.strftime("%Y-%m-%dT%H:%M:%S%.7fZ").to_string();
        let name = zone.name.clone();
        self.changed(Store::Zone(name));
    }
}

/// Refreshes what waits for it; with `follow`, looks for newer serials that often.
pub async fn serve(shared: Shared, follow: Option<Duration>) {
    let mut looked = std::time::Instant::now();
    loop {
        tokio::time::sleep(TICK).await;
        let asks: Vec<(Ask, bool, u32)> = {
            let mut server = shared.lock();
            server.catch_up();
            if follow.is_some_and(|every| looked.elapsed() >= every) {
                looked = std::time::Instant::now();
                let copies = server.live.zones.values().filter(|zone| zone.kind == Kind::Secondary);
                let copies: Vec<_> = copies.map(|zone| (zone.name.clone(), zone.expired)).collect();
                server.refresh.extend(copies);
            }
            server.wake_notified();
            let waiting = std::mem::take(&mut server.refresh);
            waiting.into_iter().filter_map(|(name, force)| server.next_refresh(&name, force)).collect()
        };
        for (ask, force, serial) in asks {
            let result = refresh(&ask, force, serial).await;
            shared.lock().take_transfer(&ask.zone, result);
        }
    }
}

async fn refresh(ask: &Ask, force: bool, have: u32) -> Result<Option<Vec<Record>>, ApiError> {
    let ahead = soa(ask).await?.serial.wrapping_sub(have);
    if !force && (ahead == 0 || ahead >= 1 << 31) {
        return Ok(None);
    }
    for server in &ask.servers {
        if let Ok(records) = exchange(ask, *server, AXFR).await {
            return Ok(Some(records.into_iter().map(record).collect()));
        }
    }
    Err(ApiError::text("the zone transfer was refused"))
}

fn record(rr: Rr) -> Record {
    let wire_len = rr.wire_len;
    Record { wire_len, ..Record::made(&rr.name, rr.rtype, rr.ttl, rr.data) }
}

/// The SOA at the primary, or the error that `zones/create` shows.
pub async fn soa(ask: &Ask) -> Result<Soa, ApiError> {
    let none = "DNS Server did not receive SOA record in response from any of the primary name servers for: ";
    let mut problem = ApiError::text(format!("{none}{}", ask.zone));
    if ask.servers.is_empty() && ask.version > Version::V13_6 {
        return Err(ApiError::text("The operation has timed out.")); // who is primary would be asked recursively
    }
    for server in &ask.servers {
        match exchange(ask, *server, rdata::SOA).await {
            Ok(records) => {
                let own = records.iter().find(|rr| rr.rtype == rdata::SOA && rr.name.eq_ignore_ascii_case(&ask.zone));
                if let Some(soa) = own.and_then(|rr| Soa::from_wire(&rr.data)) {
                    return Ok(soa);
                }
            }
            Err(cause) => problem = ask.failure(&cause),
        }
    }
    Err(problem)
}

/// 13.6 puts the cause behind one sentence for all.
fn failure(version: Version, zone: &str, cause: String) -> ApiError {
    match version {
        Version::V13_6 => ApiError::Inner(format!("DNS Server failed to find SOA record for: {zone}"), cause),
        _ => ApiError::text(cause),
    }
}

impl Ask {
    fn failure(&self, cause: &io::Error) -> ApiError {
        let text = match cause.kind() {
            io::ErrorKind::ConnectionRefused => "Connection refused".to_owned(),
            io::ErrorKind::TimedOut => {
                let server = self.servers.first().map(|server| server.ip().to_string()).unwrap_or_default();
                format!(
                    "DnsClient failed to resolve the request '{}. SOA IN': request timed out for name server [{server}].",
                    self.zone
                )
            }
            _ => cause.to_string(),
        };
        failure(self.version, &self.zone, text)
    }

    fn signing_key(&self) -> Option<Key> {
        let key = self.key.as_ref()?;
        let algorithm = Algorithm::from_str(&key.algorithm_name()).ok()?;
        Key::new(algorithm, &key.bytes(), KeyName::from_str(&key.name).ok()?, None, None).ok()
    }

    fn question(&self, rtype: u16) -> AdditionalBuilder<Vec<u8>> {
        let mut builder = MessageBuilder::new_vec().question();
        let _ = builder.push(Question::new_in(message::wire_name(&self.zone), Rtype::from_int(rtype)));
        builder.additional()
    }
}

/// Asks over TCP and collects the answer section; a transfer until its second SOA.
async fn exchange(ask: &Ask, server: SocketAddr, rtype: u16) -> io::Result<Vec<Rr>> {
    if !ask.tcp {
        return Err(io::ErrorKind::ConnectionRefused.into()); // nothing here listens for TLS or QUIC
    }
    let late = |_| io::Error::from(io::ErrorKind::TimedOut);
    let mut stream = tokio::time::timeout(PATIENCE, TcpStream::connect(server)).await.map_err(late)??;
    let mut question = ask.question(rtype);
    let key = ask.signing_key();
    let mut sequence = match key {
        Some(key) => Some(ClientSequence::request(key, &mut question, Time48::now()).map_err(io::Error::other)?),
        None => None,
    };
    let question = question.finish();
    stream.write_u16(u16::try_from(question.len()).unwrap_or(0)).await?;
    stream.write_all(&question).await?;
    let mut out: Vec<Rr> = Vec::new();
    loop {
        let length = tokio::time::timeout(PATIENCE, stream.read_u16()).await.map_err(late)??;
        let mut answer = vec![0u8; usize::from(length)];
        tokio::time::timeout(PATIENCE, stream.read_exact(&mut answer)).await.map_err(late)??;
        let mut answer = Message::from_octets(answer).map_err(io::Error::other)?;
        if let Some(sequence) = &mut sequence {
            sequence.answer(&mut answer, Time48::now()).map_err(tsig_error)?;
        }
        let parsed = Request::parse(answer.as_slice()).ok_or_else(|| io::Error::other("the answer does not parse"))?;
        if answer.header().rcode().to_int() != 0 {
            return if rtype == AXFR { Err(io::Error::other("the transfer was refused")) } else { Ok(Vec::new()) };
        }
        out.extend(parsed.answer);
        let ended = out.len() > 1 && out.last().is_some_and(|rr| rr.rtype == rdata::SOA);
        if rtype != AXFR || ended {
            out.truncate(if ended && rtype == AXFR { out.len() - 1 } else { out.len() });
            return Ok(out);
        }
    }
}

fn tsig_error(error: ValidationError) -> io::Error {
    let word = match error {
        ValidationError::ServerBadKey => "BADKEY",
        ValidationError::ServerBadSig => "BADSIG",
        other => return io::Error::other(format!("TSIG verification failed: {other}")),
    };
    io::Error::other(format!("TSIG Request failed (Server RCODE=NotAuth, Server TSIG Error={word})."))
}
