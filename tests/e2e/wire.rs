//! DNS messages of the tests' own making: a look-up, an unsigned update from any loopback address, and a signed one.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

/// A question or an update of one zone, without a signature (RFC 1035 §4.1, RFC 2136 §2). `0` where it has no records.
fn message(opcode: u8, name: &str, rtype: u16, updates: u8) -> Vec<u8> {
    let mut bytes = vec![0x12, 0x34, opcode << 3, 0, 0, 1, 0, 0, 0, updates, 0, 0];
    bytes.extend(wire(name));
    bytes.extend(rtype.to_be_bytes());
    bytes.extend([0, 1]);
    bytes
}

fn wire(name: &str) -> Vec<u8> {
    let labels = name.trim_end_matches('.').split('.');
    labels.flat_map(|label| [&[u8::try_from(label.len()).unwrap()], label.as_bytes()].concat()).chain([0]).collect()
}

fn ask(from: [u8; 4], server: SocketAddr, message: &[u8]) -> Vec<u8> {
    let socket = UdpSocket::bind((Ipv4Addr::from(from), 0)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
    let mut answer = [0u8; 1500];
    for _ in 0..3 {
        socket.send_to(message, server).unwrap();
        if let Ok(length) = socket.recv(&mut answer) {
            return answer[..length].to_vec();
        }
    }
    panic!("{server} does not answer");
}

/// The server has this address for the name: an answer that is not empty, and in it four bytes of data, these.
pub fn resolves(server: SocketAddr, name: &str, address: Ipv4Addr) -> bool {
    let answer = ask([127, 0, 0, 1], server, &message(0, name, 1, 0));
    answer[7] > 0 && answer.windows(6).any(|it| it == [&[0, 4], &address.octets()[..]].concat())
}

/// The code of the answer to an unsigned update from this address that would delete what is not there.
pub fn unsigned(from: [u8; 4], server: SocketAddr, zone: &str) -> u8 {
    let mut bytes = message(5, zone, 6, 1);
    bytes.extend(wire(&format!("nobody-has-this.{zone}")));
    // Type A or PTR, class ANY, TTL 0, no data: RFC 2136 §2.5.2.
    let rtype = if zone.ends_with("arpa") { 12 } else { 1 };
    bytes.extend([0, rtype, 0, 255, 0, 0, 0, 0, 0, 0]);
    ask(from, server, &bytes)[3] & 15
}

/// What the server says to an update signed with this key, in the words of pfddns.
pub fn signed(server: SocketAddr, zone: &str, key: &(String, String)) -> pfddns::systems::dns::Verdict {
    use pfddns::model::{Algorithm, HostName, KeyName, ZoneName};
    use pfddns::systems::dns::{Signer, may_update};
    let world = pfddns::world::World::here(HostName::new("firewall").unwrap()).unwrap();
    let (name, secret) = (KeyName::new(&key.0).unwrap(), pfddns::secret::Secret::new(&*key.1));
    let signer = Signer { key: &name, algorithm: Algorithm::default(), secret: &secret };
    let zone = ZoneName::new(zone).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(may_update(&world, server, &zone, Some(&signer))).unwrap()
}
