//! The DNS port: UDP and TCP, signature first, then query or UPDATE, the log lines, and silence on exceptions.

use super::control::{Shared, UpdateSeen};
use super::forward::Forward;
use super::message::{self, Request};
use super::names;
use super::state::{Server, Version};
use super::tsig::{self, Signer, Used, Verdict};
use super::update::Asker;
use domain::base::message_builder::AdditionalBuilder;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

/// What the product reads of a UDP message.
const UDP_READ: usize = 4096;
/// How long a TCP connection may idle.
const TCP_IDLE: Duration = Duration::from_secs(10);
const NOTIFY: u8 = 4;
const UPDATE: u8 = 5;
const RCODES: [&str; 11] = [
    "NoError",
    "FormatError",
    "ServerFailure",
    "NxDomain",
    "NotImplemented",
    "Refused",
    "YXDomain",
    "YXRRSet",
    "NXRRSet",
    "NotAuth",
    "NotZone",
];

/// What becomes of a message.
pub enum Fate {
    /// Answered, with several messages for a transfer and none at all for silence.
    Answers(Vec<Vec<u8>>),
    /// The primary is to answer.
    Forward(Box<Forward>),
}

/// Answers UDP until the runtime ends. Who waits for a primary holds up nobody else.
pub async fn serve_udp(socket: UdpSocket, shared: Shared) {
    let socket = Arc::new(socket);
    let mut buffer = vec![0u8; 65_535];
    loop {
        let Ok((length, source)) = socket.recv_from(&mut buffer).await else { continue };
        let request = buffer.get(..length).unwrap_or_default();
        let fate = shared.lock().dns(request, source, "UDP");
        match fate {
            Fate::Answers(answers) => {
                if let Some(answer) = answers.first() {
                    let _ = socket.send_to(answer, source).await;
                }
            }
            Fate::Forward(forward) => {
                let socket = socket.clone();
                tokio::spawn(async move {
                    if let Some(answer) = forward.run().await {
                        let _ = socket.send_to(&answer, source).await;
                    }
                });
            }
        }
    }
}

/// Accepts TCP until the runtime ends.
pub async fn serve_tcp(listener: TcpListener, shared: Shared) {
    loop {
        if let Ok((stream, source)) = listener.accept().await {
            tokio::spawn(connection(stream, source, shared.clone()));
        }
    }
}

async fn connection(mut stream: TcpStream, source: SocketAddr, shared: Shared) -> Option<()> {
    let start = shared.lock().start;
    loop {
        let length = tokio::time::timeout(TCP_IDLE, stream.read_u16()).await.ok()?.ok()?;
        let mut request = vec![0u8; usize::from(length)];
        stream.read_exact(&mut request).await.ok()?;
        let fate = {
            let mut server = shared.lock();
            if server.start != start {
                return None;
            }
            server.dns(&request, source, "TCP")
        };
        let answers = match fate {
            Fate::Answers(answers) => answers,
            Fate::Forward(forward) => forward.run().await.into_iter().collect(),
        };
        for answer in answers {
            stream.write_u16(u16::try_from(answer.len()).ok()?).await.ok()?;
            stream.write_all(&answer).await.ok()?;
        }
    }
}

impl Server {
    /// Answers one DNS message.
    pub fn dns(&mut self, bytes: &[u8], source: SocketAddr, transport: &str) -> Fate {
        self.catch_up();
        if !self.running || self.faults.unreachable || bytes.get(2).is_none_or(|flags| flags & 0x80 != 0) {
            return Fate::Answers(Vec::new());
        }
        let too_long = transport == "UDP" && bytes.len() > UDP_READ;
        let request = Request::parse(bytes)
            .filter(|request| !too_long && (self.version < Version::V15_2 || message::question_is_valid(request)));
        let Some(request) = request else {
            self.log.count(Some(1));
            return Fate::Answers(message::format_error(bytes).into_iter().collect());
        };
        match tsig::check(bytes, &self.live.config.keys) {
            Verdict::Unsigned => self.judged(bytes, &request, source, transport, None),
            Verdict::Good(used, signer) => self.judged(bytes, &request, source, transport, Some((used, *signer))),
            Verdict::Bad(rcode, refusal) => {
                let tag = format!("[{source}] [{transport}]");
                let answer = request.reply(rcode).additional(); // without OPT, also to a request with EDNS
                let error = refusal.as_ref().map_or("NoError".to_owned(), |refusal| error_word(refusal.error));
                self.log.write(&format!(
                    "{tag} DNS Server received a request that failed TSIG signature verification (RCODE: {}; TSIG Error: {error})",
                    rcode_word(rcode)
                ));
                self.finish(bytes, &request, &Asker { source, transport, key: None }, Some(rcode));
                let closed = match refusal {
                    Some(refusal) => refusal.close(answer),
                    None => answer.finish(),
                };
                Fate::Answers(vec![closed])
            }
        }
    }

    fn judged(
        &mut self,
        bytes: &[u8],
        request: &Request,
        source: SocketAddr,
        transport: &str,
        signer: Option<(Used, Signer)>,
    ) -> Fate {
        let key = signer.as_ref().map(|(used, _)| used.name.clone());
        let asker = Asker { source, transport, key: key.as_deref() };
        let bare = |rcode| (rcode, request.closing(request.reply(rcode).additional()));
        let answers = match request.opcode {
            UPDATE => {
                let outcome = self.update(request, &asker);
                let (rcode, changed, key) = (outcome.rcode, outcome.changed, key.clone());
                if let (true, Some(zone)) = (outcome.forward, &outcome.zone) {
                    let forward = self.forward(zone, bytes, request, signer);
                    return forward.map_or(Fate::Answers(Vec::new()), |forward| Fate::Forward(Box::new(forward)));
                }
                self.note_update(UpdateSeen { zone: outcome.zone, key, source, rcode, changed });
                rcode.map(bare).into_iter().collect()
            }
            NOTIFY => vec![bare(self.notify(request, &asker))],
            _ => self.query(request, &asker),
        };
        self.finish(bytes, request, &asker, answers.first().map(|(rcode, _)| *rcode));
        let mut signer = signer.map(|(_, signer)| signer);
        let mut close = |answer: AdditionalBuilder<Vec<u8>>| match &mut signer {
            Some(signer) => signer.sign(answer),
            None => answer.finish(),
        };
        let closed = answers.into_iter().map(|(rcode, answer)| (rcode, close(answer))).collect::<Vec<_>>();
        let fits = |answer: &Vec<u8>| transport == "TCP" || answer.len() <= request.udp_limit();
        let cut = |(rcode, answer)| if fits(&answer) { answer } else { truncated(request, rcode) };
        Fate::Answers(closed.into_iter().map(cut).collect())
    }

    /// The query log line, if wanted, and the counters.
    fn finish(&mut self, bytes: &[u8], request: &Request, asker: &Asker<'_>, rcode: Option<u8>) {
        self.log.count(rcode);
        if !self.live.config.flag("logQueries") {
            return;
        }
        let question = request.questions.first().map_or_else(String::new, |(name, rtype, class)| {
            let class = if *class == 1 { "IN".to_owned() } else { class.to_string() };
            format!(" QNAME: {name}; QTYPE: {}; QCLASS: {class};", names::type_name(*rtype))
        });
        // The TSIG error shown is the request's own field, so it says NoError even for BADKEY.
        let tsig = tsig::names(bytes).map_or_else(String::new, |(key, algorithm)| {
            format!(" TSIG KeyName: {key}; TSIG Algo: {algorithm}; TSIG Error: NoError;")
        });
        let end = rcode.map_or_else(
            || " NO RESPONSE FROM SERVER!".into(),
            |rcode| format!(" RCODE: {}; ANSWER: []", rcode_word(rcode)),
        );
        self.log.write(&format!("[{}] [{}]{question}{tsig}{end}", asker.source, asker.transport));
    }
}

/// TC: the question alone.
fn truncated(request: &Request, rcode: u8) -> Vec<u8> {
    let mut builder = request.reply(rcode);
    builder.header_mut().set_tc(true);
    builder.finish()
}

fn rcode_word(rcode: u8) -> &'static str {
    RCODES.get(usize::from(rcode)).copied().unwrap_or("ServerFailure")
}

fn error_word(error: u16) -> String {
    match error {
        16 => "BADSIG".into(),
        17 => "BADKEY".into(),
        18 => "BADTIME".into(),
        22 => "BADTRUNC".into(),
        other => other.to_string(),
    }
}
