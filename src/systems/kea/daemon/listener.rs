//! D2's UDP port: is it open, is data waiting in it, has it been reopened? Every reconfigure closes and reopens it after
//! the command has been answered (2.2 to 3.0), and requests that arrive in between are lost without a trace.

use super::ncr::KNOCK;
use super::socket::Statistics;
use crate::error::{Error, Result};
use crate::world::{Clock, Host};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

/// Between two looks.
const STEP: Duration = Duration::from_millis(3);
/// Looks by inode before sending probes instead (about 1 s).
const LOOKS: u32 = 300;
/// Probes before giving up (about 5 s).
const KNOCKS: u32 = 500;

/// A UDP socket as Linux shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Port {
    /// Tells one socket from the next on the same port.
    pub inode: u64,
    /// Bytes received and not yet read.
    pub waiting: u64,
}

/// The socket bound to `listen`; `None` if there is none, or if the system does not show it (only Linux does).
pub fn port(host: &Host, listen: SocketAddr) -> Option<Port> {
    let table = if listen.is_ipv4() { "/proc/net/udp" } else { "/proc/net/udp6" };
    let bytes = host.read_if_there(Path::new(table)).ok().flatten()?;
    find(&String::from_utf8_lossy(&bytes), listen)
}

/// Finds a port in the text of `/proc/net/udp`: address words in host byte order, port in hex, queues, …, inode.
fn find(table: &str, listen: SocketAddr) -> Option<Port> {
    let words: Vec<String> = match listen.ip() {
        IpAddr::V4(ip) => vec![format!("{:08X}", u32::from_ne_bytes(ip.octets()))],
        IpAddr::V6(ip) => {
            let octets = ip.octets();
            let quads = octets.chunks_exact(4).filter_map(|quad| quad.try_into().ok());
            quads.map(|quad| format!("{:08X}", u32::from_ne_bytes(quad))).collect()
        }
    };
    let local = format!("{}:{:04X}", words.concat(), listen.port());
    table.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        if fields.get(1) != Some(&local.as_str()) {
            return None;
        }
        let waiting = fields.get(4)?.split(':').nth(1).and_then(|it| u64::from_str_radix(it, 16).ok())?;
        Some(Port { inode: fields.get(9)?.parse().ok()?, waiting })
    })
}

/// Waits until D2 has read everything that was sent to it: nothing new counted in two readings 10 ms apart and, where
/// the system tells, an empty receive buffer.
pub async fn drained(clock: &Clock, host: &Host, socket: &Path, listen: SocketAddr) -> Result<()> {
    let mut before = Statistics::read(host, socket)?.received();
    for _ in 0..100 {
        clock.sleep(Duration::from_millis(10)).await;
        let now = Statistics::read(host, socket)?.received();
        if now == before && port(host, listen).is_none_or(|it| it.waiting == 0) {
            return Ok(());
        }
        before = now;
    }
    Err(Error::new("D2 still gets requests although DHCP is paused")
        .hint("another DHCP server may send to this D2; set its control socket too, so that it is paused"))
}

/// Waits until D2 listens again after a reconfigure. `before` is what `port` said before it.
pub async fn reopened(
    clock: &Clock,
    host: &mut Host,
    socket: &Path,
    listen: SocketAddr,
    before: Option<Port>,
) -> Result<()> {
    if let Some(before) = before {
        for _ in 0..LOOKS {
            if port(host, listen).is_some_and(|it| it.inode != before.inode) {
                return Ok(());
            }
            clock.sleep(STEP).await;
        }
    }
    knock(clock, host, socket, listen).await
}

/// Sends datagrams that D2 counts as invalid until it has counted two. The first may still be read by the socket that D2
/// is about to close; D2 reopens it while it answers the question about the first.
pub async fn knock(clock: &Clock, host: &mut Host, socket: &Path, listen: SocketAddr) -> Result<()> {
    let mut heard = 0;
    for _ in 0..KNOCKS {
        let before = Statistics::read(host, socket)?.get("ncr-invalid");
        // A closed port may show as an error here; the next probe tells.
        let _ = host.datagram(listen, &KNOCK);
        clock.sleep(STEP).await;
        if Statistics::read(host, socket)?.get("ncr-invalid") > before {
            heard += 1;
        }
        if heard == 2 {
            return Ok(());
        }
        clock.sleep(STEP).await;
    }
    Err(Error::new(format!("D2 does not listen on udp {listen}"))
        .hint("read D2's log; another program may use the port"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_found_by_address_and_number() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref\n\
            1: 00000000:CF09 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 111 2 0 0\n\
            2: 0100007F:CF09 00000000:0000 07 00000000:00000240 00:00000000 00000000     0        0 222 2 0 0\n";
        if cfg!(target_endian = "little") {
            assert_eq!(find(table, ([127, 0, 0, 1], 53001).into()), Some(Port { inode: 222, waiting: 0x240 }));
            assert_eq!(find(table, ([127, 0, 0, 1], 53002).into()), None);
        }
    }
}
