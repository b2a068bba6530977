//! Asks a server for names, with the resolver code of the doubles' DNS library, not with that of the program under test.

use super::dhcp4::Lease;
use domain::base::iana::Rtype;
use domain::base::{Message, MessageBuilder, Name};
use domain::rdata::A;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::str::FromStr;
use std::time::{Duration, Instant};

/// How many of the leases' names do not have their address after `patience`.
pub fn missing(server: SocketAddr, leases: &[Lease], patience: Duration) -> io::Result<usize> {
    let deadline = Instant::now() + patience;
    let mut open: Vec<&Lease> = leases.iter().collect();
    loop {
        let mut still = Vec::new();
        for lease in open {
            if !addresses(server, &lease.0)?.contains(&lease.1) {
                still.push(lease);
            }
        }
        open = still;
        if open.is_empty() || Instant::now() > deadline {
            return Ok(open.len());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The A records of a name.
pub fn addresses(server: SocketAddr, name: &str) -> io::Result<Vec<Ipv4Addr>> {
    let name = Name::<Vec<u8>>::from_str(name).map_err(io::Error::other)?;
    let mut question = MessageBuilder::new_vec().question();
    question.push((name, Rtype::A)).map_err(io::Error::other)?;
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.set_read_timeout(Some(Duration::from_secs(2)))?;
    socket.send_to(&question.finish(), server)?;
    let mut buffer = [0u8; 4096];
    let length = socket.recv(&mut buffer)?;
    let answer = Message::from_octets(buffer.get(..length).unwrap_or_default()).map_err(io::Error::other)?;
    let section = answer.answer().map_err(io::Error::other)?;
    Ok(section.limit_to::<A>().filter_map(Result::ok).map(|record| record.data().addr()).collect())
}
