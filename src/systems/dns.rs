//! Dynamic updates (RFC 2136), their signatures (RFC 8945) and plain queries: what is the same for every server.
//! Not for: who may update what; that differs by server, see `servers`.

mod verdict;

pub use verdict::{Refusal, Verdict};

use crate::error::{Doing as _, Error, Result};
use crate::model::{Algorithm, DomainName, KeyName, ZoneName};
use crate::secret::Secret;
use crate::world::World;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hickory_proto::op::{Message, MessageType, OpCode, Query};
use hickory_proto::rr::rdata::tsig::TsigAlgorithm;
use hickory_proto::rr::rdata::{A, PTR, TXT};
use hickory_proto::rr::{DNSClass, Name, RData, Record as WireRecord, RecordType, TSigVerifier, TSigner};
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};

/// Allowed difference between the clocks of the two sides in seconds (RFC 8945 §10 recommends 300).
const FUDGE: u16 = 300;
/// The name below a zone that `may_update` deletes from: nobody writes it, so nothing changes.
const NOOP_LABEL: &str = "_pfddns-noop";

/// What an update is signed with.
#[derive(Clone, Copy)]
pub struct Signer<'a> {
    /// The key's name on the wire.
    pub key: &'a KeyName,
    /// Its algorithm.
    pub algorithm: Algorithm,
    /// Its secret in base64.
    pub secret: &'a Secret,
}

/// Record types this program writes, removes or asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rtype {
    /// IPv4 address
    A,
    /// IPv6 address
    Aaaa,
    /// Name of an address
    Ptr,
    /// Text
    Txt,
    /// Mark of the DHCP client that owns a name (RFC 4701)
    Dhcid,
    /// Name server
    Ns,
    /// Start of a zone
    Soa,
    /// In an update: every record of the name. In a query: any records that the server chooses.
    Any,
}

impl Rtype {
    fn wire(self) -> RecordType {
        match self {
            Self::A => RecordType::A,
            Self::Aaaa => RecordType::AAAA,
            Self::Ptr => RecordType::PTR,
            Self::Txt => RecordType::TXT,
            Self::Dhcid => RecordType::Unknown(49),
            Self::Ns => RecordType::NS,
            Self::Soa => RecordType::SOA,
            Self::Any => RecordType::ANY,
        }
    }
}

impl fmt::Display for Rtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Ptr => "PTR",
            Self::Txt => "TXT",
            Self::Dhcid => "DHCID",
            Self::Ns => "NS",
            Self::Soa => "SOA",
            Self::Any => "ANY",
        })
    }
}

/// The data of a record to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    /// IPv4 address
    A(Ipv4Addr),
    /// Name of an address
    Ptr(DomainName),
    /// One text of at most 255 bytes
    Txt(String),
}

impl Data {
    /// The type these data belong to.
    pub fn rtype(&self) -> Rtype {
        match self {
            Self::A(_) => Rtype::A,
            Self::Ptr(_) => Rtype::Ptr,
            Self::Txt(_) => Rtype::Txt,
        }
    }

    /// As `lookup` gives it back.
    pub fn text(&self) -> String {
        match self {
            Self::A(address) => address.to_string(),
            Self::Ptr(target) => target.to_string(),
            Self::Txt(text) => text.clone(),
        }
    }

    fn wire(&self) -> Result<RData> {
        Ok(match self {
            Self::A(address) => RData::A(A(*address)),
            Self::Ptr(target) => RData::PTR(PTR(wire_name(target.as_str())?)),
            Self::Txt(text) if text.len() > 255 => return Err(Error::usage("a text record holds at most 255 bytes")),
            Self::Txt(text) => RData::TXT(TXT::new(vec![text.clone()])),
        })
    }
}

/// A record to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Owner name.
    pub name: DomainName,
    /// Type and data.
    pub data: Data,
    /// Time to live in seconds. Above the zone's SOA EXPIRE Technitium never answers.
    pub ttl: u32,
}

/// Answer to a plain query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The server answers for the zone itself.
    pub aa: bool,
    /// RCODE: 0 NOERROR, 3 NXDOMAIN, …
    pub rcode: u16,
    /// Data of the answer's records that have the name and type asked for, sorted.
    pub records: Vec<String>,
}

/// Asks, without changing anything, whether an update with this signature would be taken: it deletes the A records
/// (PTR in reverse zones) of a name nobody uses. Passes address list, key, name and type checks; no record and no serial
/// changes (seen with Technitium 13.6, 14.3, 15.2 and BIND 9.18). Silence and unproven answers are errors.
pub async fn may_update(
    world: &World,
    server: SocketAddr,
    zone: &ZoneName,
    signer: Option<&Signer<'_>>,
) -> Result<Verdict> {
    let rtype = if zone.is_reverse() { Rtype::Ptr } else { Rtype::A };
    may_update_type(world, server, zone, signer, rtype).await
}

/// Like `may_update`, for one record type; `Any` asks whether whole names may be removed, as D2 does at a lease's end.
pub async fn may_update_type(
    world: &World,
    server: SocketAddr,
    zone: &ZoneName,
    signer: Option<&Signer<'_>>,
    rtype: Rtype,
) -> Result<Verdict> {
    let name = zone.child(NOOP_LABEL)?;
    let ask = async { send(world, server, removal(zone, &name, rtype)?, signer).await };
    ask.await.doing(|| format!("asking {server} whether {} may update {zone}", who(signer)))
}

/// Adds one record if its name is not in use (`YxDomain` otherwise, also when a lost answer made us ask twice).
/// BIND refuses an address at a name with `_` (check-names, 9.18), so a probe below such a name is a text.
pub async fn add(
    world: &mut World,
    server: SocketAddr,
    zone: &ZoneName,
    signer: Option<&Signer<'_>>,
    record: &Record,
) -> Result<Verdict> {
    let ask = async {
        let name = wire_name(record.name.as_str())?;
        let mut message = update(zone, &record.name)?;
        // RFC 2136 §2.4.5: class NONE, type ANY, no data.
        let mut unused = WireRecord::update0(name.clone(), 0, RecordType::ANY);
        unused.dns_class = DNSClass::NONE;
        message.add_answer(unused);
        message.add_authority(WireRecord::from_rdata(name, record.ttl, record.data.wire()?));
        send(world, server, message, signer).await
    };
    ask.await.doing(|| format!("adding {} to {zone} on {server}", record.name))
}

/// Removes the records of one type at a name; it is fine if there are none.
pub async fn remove(
    world: &mut World,
    server: SocketAddr,
    zone: &ZoneName,
    signer: Option<&Signer<'_>>,
    name: &DomainName,
    rtype: Rtype,
) -> Result<Verdict> {
    let ask = async { send(world, server, removal(zone, name, rtype)?, signer).await };
    ask.await.doing(|| format!("removing {name} {rtype} from {zone} on {server}"))
}

/// Asks the server itself, without recursion.
pub async fn lookup(world: &World, server: SocketAddr, name: &DomainName, rtype: Rtype) -> Result<Answer> {
    let ask = async { query(world, server, name, rtype).await };
    let answer = ask.await.doing(|| format!("asking {server} for {name} {rtype}"))?;
    let owner = wire_name(name.as_str())?;
    let wanted = |it: &&WireRecord| it.name == owner && (rtype == Rtype::Any || it.record_type() == rtype.wire());
    let mut records: Vec<String> = answer.answers.iter().filter(wanted).map(|it| it.data.to_string()).collect();
    records.sort();
    Ok(Answer { aa: answer.metadata.authoritative, rcode: answer.metadata.response_code.into(), records })
}

/// The records of a zone that the server itself serves. Unlike `lookup`, any answer but an authoritative yes or no is an error.
pub async fn held(world: &World, server: SocketAddr, name: &DomainName, rtype: Rtype) -> Result<Vec<String>> {
    let answer = lookup(world, server, name, rtype).await?;
    match (answer.aa, answer.rcode) {
        (true, 0 | 3) => Ok(answer.records),
        (_, rcode) => Err(Error::new(format!("{server} does not answer for {name} itself (RCODE {rcode})"))
            .hint("is the zone still there, enabled and not expired?")),
    }
}

/// The zone's serial, or `None` if the server does not answer for the zone itself (absent, disabled, expired).
pub async fn soa(world: &World, server: SocketAddr, zone: &ZoneName) -> Result<Option<u32>> {
    let apex = DomainName::new(zone.as_str())?;
    let ask = async { query(world, server, &apex, Rtype::Soa).await };
    let answer = ask.await.doing(|| format!("asking {server} for the serial of {zone}"))?;
    let owner = wire_name(zone.as_str())?;
    let serial = answer.answers.iter().find_map(|it| match &it.data {
        RData::SOA(soa) if it.name == owner => Some(soa.serial),
        _ => None,
    });
    Ok(serial.filter(|_| answer.metadata.authoritative))
}

async fn query(world: &World, server: SocketAddr, name: &DomainName, rtype: Rtype) -> Result<Message> {
    let mut message = Message::new(rand::random(), MessageType::Query, OpCode::Query);
    message.add_query(Query::query(wire_name(name.as_str())?, rtype.wire()));
    let bytes = message.to_vec().map_err(|_| Error::new(format!("a query for {name} can't be built")))?;
    let answer = world.exchange(server, &bytes).await?;
    let answer = parse(&answer, server)?;
    if answer.metadata.op_code != OpCode::Query || answer.queries != message.queries {
        return Err(Error::new(format!("{server} answered a different question than {name} {rtype}")));
    }
    Ok(answer)
}

/// An empty update message for the zone. The name must be in the zone: the server would answer NOTZONE otherwise.
fn update(zone: &ZoneName, name: &DomainName) -> Result<Message> {
    if !zone.covers(name) {
        return Err(Error::usage(format!("{name} is not in zone {zone}")));
    }
    let mut message = Message::new(rand::random(), MessageType::Query, OpCode::Update);
    message.add_query(Query::query(wire_name(zone.as_str())?, RecordType::SOA));
    Ok(message)
}

/// RFC 2136 §2.5.2 and §2.5.3: class ANY, TTL 0, no data.
fn removal(zone: &ZoneName, name: &DomainName, rtype: Rtype) -> Result<Message> {
    let mut message = update(zone, name)?;
    let mut gone = WireRecord::update0(wire_name(name.as_str())?, 0, rtype.wire());
    gone.dns_class = DNSClass::ANY;
    message.add_authority(gone);
    Ok(message)
}

async fn send(world: &World, server: SocketAddr, mut message: Message, signer: Option<&Signer<'_>>) -> Result<Verdict> {
    let verifier = signer.map(|signer| sign(world, &mut message, signer)).transpose()?;
    let bytes = message.to_vec().map_err(|_| Error::new("the update can't be built"))?;
    let answer = world.exchange(server, &bytes).await?;
    let parsed = parse(&answer, server)?;
    if parsed.metadata.op_code != OpCode::Update {
        return Err(Error::new(format!("{server} sent an answer that is not to an update")));
    }
    verdict::judge(server, &answer, &parsed, verifier)
}

fn sign(world: &World, message: &mut Message, signer: &Signer<'_>) -> Result<TSigVerifier> {
    let bad = |why: &str| Error::new(format!("key {} can't sign: {why}", signer.key));
    let key = STANDARD.decode(signer.secret.expose()).map_err(|_| bad("its secret is not base64"))?;
    if key.is_empty() {
        return Err(bad("its secret is empty"));
    }
    let algorithm = match signer.algorithm {
        Algorithm::HmacSha256 => TsigAlgorithm::HmacSha256,
        Algorithm::HmacSha384 => TsigAlgorithm::HmacSha384,
        Algorithm::HmacSha512 => TsigAlgorithm::HmacSha512,
    };
    let signer = TSigner::new(key, algorithm, wire_name(signer.key.as_str())?, FUDGE)
        .map_err(|_| bad("its algorithm is not supported"))?;
    let now = u64::try_from(world.clock.now().as_second()).map_err(|_| bad("the clock is before 1970"))?;
    let verifier = message.finalize(&signer, now).map_err(|_| bad("the message can't be built"))?;
    verifier.ok_or_else(|| bad("the answer could not be checked"))
}

fn parse(answer: &[u8], server: SocketAddr) -> Result<Message> {
    let garbled = || Error::new(format!("{server} answered something that is not a DNS message"));
    let message = Message::from_vec(answer).map_err(|_| garbled())?;
    if message.metadata.message_type == MessageType::Response { Ok(message) } else { Err(garbled()) }
}

fn wire_name(text: &str) -> Result<Name> {
    // Our names are ASCII already (`model::name`); the other readers would run them through IDNA.
    Name::from_ascii(text).map_err(|_| Error::usage(format!("`{text}` is not a name")))
}

fn who(signer: Option<&Signer<'_>>) -> String {
    signer.map_or_else(|| "an unsigned update".into(), |signer| format!("key {}", signer.key))
}
