//! What every DNS server must do for us, tried on a real BIND, on the Technitium double and on real Technitium servers.
//! The last are named by `PFDDNS_TECHNITIUM_URLS` and `PFDDNS_TECHNITIUM_DNS` (comma lists, in the same order) and
//! `PFDDNS_TECHNITIUM_TOKEN` (one for all, or a comma list too); there the tests make zones and keys of their own and
//! remove them again, also after a failure.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests stop at the first surprise and say what they skip")]
#![allow(missing_docs, reason = "a test target has no readers of its documentation")]

mod answers;
mod bind;
mod bind_traps;
mod canned;
mod contract;
#[path = "../harness/executable.rs"]
mod executable;
mod technitium;
mod traps;

#[path = "../doubles/mod.rs"]
mod doubles;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use doubles::technitium::Version;
use futures::FutureExt as _;
use pfddns::model::{HostName, ZoneName};
use pfddns::secret::Secret;
use pfddns::systems::servers::Server;
use pfddns::world::World;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::panic::{AssertUnwindSafe, resume_unwind};

/// A server with two fresh zones, ready for the contract.
pub struct Lab {
    pub server: Server,
    pub world: World,
    pub zones: Vec<ZoneName>,
    /// The address the server sees our updates come from.
    pub source: IpAddr,
    pub peer: Peer,
}

/// The server from the side, past the code under test.
pub enum Peer {
    Bind(bind::Named),
    Technitium(technitium::Api),
}

impl Peer {
    /// Everything that is not ours, in some form: it must be the same before and after.
    pub async fn foreign(&self, world: &World) -> Vec<String> {
        match self {
            Self::Bind(named) => named.foreign(world).await,
            Self::Technitium(api) => api.foreign().await,
        }
    }

    async fn clean_up(&self) {
        match self {
            Self::Bind(_) => (), // dropping it ends it
            Self::Technitium(api) => api.clean_up().await,
        }
    }
}

pub fn world() -> World {
    World::here(HostName::new("here").unwrap()).unwrap()
}

/// The address packets to `server` leave from.
pub fn source_towards(server: SocketAddr) -> IpAddr {
    let socket = UdpSocket::bind(if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" }).unwrap();
    socket.connect(server).unwrap();
    socket.local_addr().unwrap().ip()
}

pub fn new_secret(bytes: usize) -> Secret {
    let bytes: Vec<u8> = (0..bytes).map(|_| rand::random()).collect();
    Secret::new(STANDARD.encode(bytes))
}

/// Runs the contract and cleans up also when it fails.
async fn run(mut lab: Lab) {
    let outcome = AssertUnwindSafe(contract::all(&mut lab)).catch_unwind().await;
    lab.peer.clean_up().await;
    if let Err(panic) = outcome {
        resume_unwind(panic);
    }
}

#[tokio::test]
async fn bind_keeps_the_contract() {
    if let Some(lab) = bind::lab().await {
        run(lab).await;
    }
}

#[tokio::test]
async fn the_double_of_13_6_keeps_the_contract() {
    run(technitium::double(Version::V13_6).await).await;
}

#[tokio::test]
async fn the_double_of_14_3_keeps_the_contract() {
    run(technitium::double(Version::V14_3).await).await;
}

#[tokio::test]
async fn the_double_of_15_2_keeps_the_contract() {
    run(technitium::double(Version::V15_2).await).await;
}

#[tokio::test]
async fn real_technitium_servers_keep_the_contract() {
    let servers = technitium::real_servers();
    if servers.is_empty() {
        println!("PFDDNS_TECHNITIUM_URLS names no server: the contract is kept by the doubles alone");
    }
    for (number, (url, dns, token)) in servers.into_iter().enumerate() {
        println!("on {url}");
        run(technitium::lab(&url, dns, &token, number, None).await).await;
    }
}

/// The way to real servers, walked with doubles behind the addresses: nothing may be left behind on any of them.
#[tokio::test]
async fn servers_named_by_address_keep_the_contract_and_are_left_as_they_were() {
    let doubles: Vec<_> = Version::ALL.into_iter().map(technitium::start).collect();
    let list =
        |part: &dyn Fn(&doubles::technitium::Handle) -> String| doubles.iter().map(part).collect::<Vec<_>>().join(", ");
    let urls = list(&|it| format!("{}/", it.base_url()));
    let servers = technitium::named_servers(&urls, &list(&|it| it.dns().to_string()), &list(&|it| it.token().into()));
    for (number, (url, dns, token)) in servers.into_iter().enumerate() {
        run(technitium::lab(&url, dns, &token, number, None).await).await;
    }
    for double in &doubles {
        assert_eq!((double.keys().len(), double.rules().len()), (0, 0), "something is left behind");
    }
    let one = technitium::named_servers("http://a,http://b", "127.0.0.1,[::1]:5300", "t");
    assert_eq!((one[0].1.port(), one[1].1.port(), one[1].2.as_str()), (53, 5300, "t"));
}

#[tokio::test]
async fn a_contract_that_stops_early_leaves_nothing_either() {
    let double = technitium::start(Version::V14_3);
    double.fail_before("zones/options/set", 1);
    let url = double.base_url();
    let lab = technitium::lab(&url, double.dns(), double.token(), 0, None);
    assert!(AssertUnwindSafe(lab).catch_unwind().await.is_err());
    assert_eq!((double.faults_left(), double.keys().len(), double.rules().len()), (0, 0, 0));
}
