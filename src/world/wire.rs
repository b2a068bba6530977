//! DNS messages as bytes: one question, one answer, over UDP, then TCP if needed (RFC 1035 §4.2, RFC 7766).
//! Knows only their header. It does not use the libraries' own clients: they check TSIG themselves and report BADKEY,
//! BADSIG, BADTIME and an unsigned refusal as one error, and this program must tell these apart.

use crate::error::{Error, Result, plain};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, UdpSocket};
use tokio::time::timeout;

/// Largest message sent by UDP: Technitium reads 4096 bytes, but EDNS-less paths are safe only up to this.
const UDP_LIMIT: usize = 1232;

/// How DNS messages travel.
#[derive(Debug, Clone)]
pub struct Wire {
    /// Wait for an answer, per try.
    pub patience: Duration,
    /// Tries by UDP before giving up.
    pub tries: u32,
    /// Address to send from; the system's choice if none.
    pub source: Option<IpAddr>,
}

impl Default for Wire {
    fn default() -> Self {
        Self { patience: Duration::from_secs(2), tries: 3, source: None }
    }
}

impl Wire {
    /// Sends `message` and returns the answer with the same ID. Silence is an error: unknown is not fine.
    pub async fn exchange(&self, server: SocketAddr, message: &[u8]) -> Result<Vec<u8>> {
        if message.len() > UDP_LIMIT {
            return self.by_tcp(server, message).await;
        }
        let answer = self.by_udp(server, message).await?;
        let truncated = answer.get(2).is_some_and(|flags| flags & 0x02 != 0);
        if truncated { self.by_tcp(server, message).await } else { Ok(answer) }
    }

    async fn by_udp(&self, server: SocketAddr, message: &[u8]) -> Result<Vec<u8>> {
        let wrong = |error: io::Error| dns_error(server, &error);
        let socket = UdpSocket::bind(self.bind_address(server)).await.map_err(wrong)?;
        socket.connect(server).await.map_err(wrong)?;
        let mut buffer = vec![0u8; 65535];
        for _ in 0..self.tries {
            socket.send(message).await.map_err(wrong)?;
            let read = async {
                loop {
                    let length = socket.recv(&mut buffer).await?;
                    // Answers to something else (a late duplicate, a guess) are passed over.
                    if length >= 12 && buffer.get(..2) == message.get(..2) {
                        return Ok::<usize, io::Error>(length);
                    }
                }
            };
            match timeout(self.patience, read).await {
                Ok(length) => return Ok(buffer.get(..length.map_err(wrong)?).unwrap_or_default().to_vec()),
                Err(_) => tracing::debug!(%server, "no answer in time"),
            }
        }
        Err(silent(server))
    }

    async fn by_tcp(&self, server: SocketAddr, message: &[u8]) -> Result<Vec<u8>> {
        let talk = async {
            let socket = if server.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
            socket.bind(self.bind_address(server))?;
            let mut stream = socket.connect(server).await?;
            let length =
                u16::try_from(message.len()).map_err(|_| io::Error::other("the message is over 65535 bytes"))?;
            stream.write_all(&[&length.to_be_bytes(), message].concat()).await?;
            let mut answer = vec![0u8; usize::from(stream.read_u16().await?)];
            stream.read_exact(&mut answer).await?;
            if answer.len() < 12 || answer.get(..2) != message.get(..2) {
                return Err(io::Error::other("an answer to something else"));
            }
            Ok(answer)
        };
        match timeout(self.patience * self.tries, talk).await {
            Ok(answer) => answer.map_err(|error| dns_error(server, &error)),
            Err(_) => Err(silent(server)),
        }
    }

    fn bind_address(&self, server: SocketAddr) -> SocketAddr {
        let any: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        SocketAddr::new(self.source.filter(|it| it.is_ipv4() == server.is_ipv4()).unwrap_or(any), 0)
    }
}

fn silent(server: SocketAddr) -> Error {
    Error::new(format!("no DNS answer from {server}"))
        .hint("check that the server is up and its DNS port is open from here; `pfddns tsig status` asks all servers")
}

fn dns_error(server: SocketAddr, error: &io::Error) -> Error {
    Error::new(format!("no DNS answer from {server}: {}", plain(error)))
}
