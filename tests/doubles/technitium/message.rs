//! DNS messages: read into plain fields, answered through `domain`'s builder.

use super::names;
use domain::base::iana::{Class, Rcode, Rtype};
use domain::base::message_builder::{AdditionalBuilder, AnswerBuilder, RecordSectionBuilder};
use domain::base::rdata::ComposeRecordData as _;
use domain::base::rdata::UnknownRecordData;
use domain::base::{Message, MessageBuilder, Name, ParsedRecord, Question, Ttl};
use domain::rdata::AllRecordData;
use std::str::FromStr as _;

/// Type of OPT records.
const OPT: u16 = 41;
/// Type of TSIG records.
pub const TSIG: u16 = 250;

/// One record of a request.
#[derive(Debug, Clone)]
pub struct Rr {
    /// Owner without final dot, as sent.
    pub name: String,
    /// Type.
    pub rtype: u16,
    /// Class.
    pub class: u16,
    /// Seconds.
    pub ttl: u32,
    /// Uncompressed.
    pub data: Vec<u8>,
    /// RDLENGTH.
    pub wire_len: u16,
}

/// A request, taken apart.
#[derive(Debug, Clone)]
pub struct Request {
    /// ID.
    pub id: u16,
    /// Opcode; 5 is UPDATE.
    pub opcode: u8,
    /// RD.
    pub recursion_desired: bool,
    /// Name, type, class.
    pub questions: Vec<(String, u16, u16)>,
    /// Prerequisites of an UPDATE.
    pub answer: Vec<Rr>,
    /// The update section of an UPDATE.
    pub authority: Vec<Rr>,
    /// Payload size of EDNS, if asked for.
    pub edns: Option<u16>,
}

impl Request {
    /// Reads a request; none if anything in it does not parse.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let message = Message::from_octets(bytes).ok()?;
        let mut questions = Vec::new();
        for question in message.question() {
            let question = question.ok()?;
            questions.push((
                dotless(&question.qname().to_string()),
                question.qtype().to_int(),
                question.qclass().to_int(),
            ));
        }
        let mut edns = None;
        for record in message.additional().ok()? {
            let record = record.ok()?;
            if record.rtype().to_int() == OPT {
                edns = Some(record.class().to_int());
            }
        }
        let section = |records| Vec::into_iter(records).map(|record: ParsedRecord<'_, &[u8]>| read(&record)).collect();
        let answer: Option<Vec<Rr>> = section(message.answer().ok()?.collect::<Result<Vec<_>, _>>().ok()?);
        let authority: Option<Vec<Rr>> = section(message.authority().ok()?.collect::<Result<Vec<_>, _>>().ok()?);
        let header = message.header();
        Some(Self {
            id: header.id(),
            opcode: header.opcode().to_int(),
            recursion_desired: header.rd(),
            questions,
            answer: answer?,
            authority: authority?,
            edns,
        })
    }

    /// An answer with this RCODE and the question echoed, ready for records.
    pub fn reply(&self, rcode: u8) -> AnswerBuilder<Vec<u8>> {
        let mut builder = MessageBuilder::new_vec();
        let header = builder.header_mut();
        header.set_id(self.id);
        header.set_qr(true);
        header.set_opcode(self.opcode.into());
        header.set_rd(self.recursion_desired);
        header.set_rcode(Rcode::checked_from_int(rcode).unwrap_or(Rcode::SERVFAIL));
        let mut builder = builder.question();
        for (name, rtype, class) in &self.questions {
            let question = Question::new(wire_name(name), Rtype::from_int(*rtype), Class::from_int(*class));
            let _ = builder.push(question); // a Vec has room
        }
        builder.answer()
    }

    /// The additional section of an answer, with OPT if the request had one.
    pub fn closing(&self, builder: AdditionalBuilder<Vec<u8>>) -> AdditionalBuilder<Vec<u8>> {
        let mut builder = builder;
        if self.edns.is_some() {
            let _ = builder.opt(|opt| {
                opt.set_udp_payload_size(1232);
                Ok(())
            });
        }
        builder
    }

    /// What fits into one UDP answer.
    pub fn udp_limit(&self) -> usize {
        self.edns.map_or(512, |size| usize::from(size.clamp(512, 1232)))
    }
}

fn dotless(name: &str) -> String {
    if name == "." { String::new() } else { name.strip_suffix('.').unwrap_or(name).to_owned() }
}

/// A name for the builder; what is no name becomes the root.
pub fn wire_name(name: &str) -> Name<Vec<u8>> {
    Name::from_str(name).unwrap_or_else(|_| Name::root_vec())
}

/// Adds a record to an answer; a `Vec` has room for it.
pub fn push(builder: &mut impl RecordSectionBuilder<Vec<u8>>, name: &str, rtype: u16, ttl: u32, data: &[u8]) {
    if let Ok(data) = UnknownRecordData::from_octets(Rtype::from_int(rtype), data) {
        let _ = builder.push((wire_name(name), Class::IN, Ttl::from_secs(ttl), data));
    }
}

fn read(record: &ParsedRecord<'_, &[u8]>) -> Option<Rr> {
    let mut data = Vec::new();
    if record.rdlen() > 0 {
        let full = record.to_any_record::<AllRecordData<_, _>>().ok()?;
        full.data().compose_rdata(&mut data).ok()?;
    }
    Some(Rr {
        name: dotless(&record.owner().to_string()),
        rtype: record.rtype().to_int(),
        class: record.class().to_int(),
        ttl: record.ttl().as_secs(),
        data,
        wire_len: record.rdlen(),
    })
}

/// FORMERR to something that could not be read: the header alone, unsigned.
pub fn format_error(bytes: &[u8]) -> Option<Vec<u8>> {
    let id = bytes.get(..2)?;
    let opcode = bytes.get(2)? & 0x78;
    Some([id, &[0x80 | opcode, 1], &[0; 8]].concat())
}

/// Is the first question a name that 15.2 lets through?
pub fn question_is_valid(request: &Request) -> bool {
    let first = request.questions.first();
    first.is_none_or(|(name, _, _)| names::check(super::state::Version::V15_2, name).is_ok())
}
