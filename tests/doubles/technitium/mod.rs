//! A double of Technitium DNS Server 13.6, 14.3 or 15.2: HTTP API and DNS port on loopback, in this process, with the
//! product's traps. `state.rs` holds what it knows; `api.rs` and `dns.rs` are the two ways in; one file per area.

#![allow(unused_imports)] // each target names another part of what is exported

mod accounts;
mod acl;
mod admin;
mod api;
mod control;
mod dns;
mod forward;
mod history;
mod http;
mod keys;
mod logs;
mod message;
mod names;
mod options;
mod permissions;
mod query;
mod rdata;
mod rdata_form;
mod rdata_json;
mod records;
mod secondary;
mod settings;
mod state;
mod store;
mod tsig;
mod update;
mod zone_data;
mod zones;

pub use accounts::Group;
pub use control::{CallSeen, Counts, UpdateSeen};
pub use history::{Moment, Rules};
pub use keys::TsigKey;
pub use options::Policy;
pub use state::Version;
pub use store::Store;
pub use zone_data::Record;

use accounts::{Auth, Session, User};
use control::{Faults, Seen, Shared};
use permissions::Permissions;
use state::{Config, Live, Server};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::thread::JoinHandle;
use std::time::Duration;
use store::Files;
use tokio::sync::oneshot;

/// How a double is to be.
#[derive(Debug, Clone)]
pub struct Options {
    /// Which release.
    pub version: Version,
    /// `dnsServerDomain`, also the NS and SOA name of new zones.
    pub domain: String,
    /// A token of the administrator that is valid from the start.
    pub token: String,
    /// The administrator's password.
    pub password: String,
    /// Where HTTP listens; port 0 for a free one.
    pub http: SocketAddr,
    /// Where DNS listens, UDP and TCP; port 0 for a free one.
    pub dns: SocketAddr,
    /// From the first unsaved change to the save.
    pub save_delay: Duration,
    /// How late a wrong password is answered.
    pub login_delay: Duration,
    /// How often copies look for a newer serial. None: only when they are made, told to resync, or started, as in the
    /// product without NOTIFY (its refresh timer of 900 s is not played).
    pub follow: Option<Duration>,
}

impl Options {
    /// The version's own delays, free ports on 127.0.0.1.
    pub fn new(version: Version) -> Self {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self {
            version,
            domain: "ns1.lab.test".into(),
            token: accounts::new_token(),
            password: "labpassword".into(),
            http: any,
            dns: any,
            save_delay: version.save_delay(),
            login_delay: Duration::from_secs(1),
            follow: None,
        }
    }
}

/// Starts doubles.
pub struct Technitium;

/// A running double; dropping it stops it.
pub struct Handle {
    shared: Shared,
    token: String,
    http: SocketAddr,
    dns: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Technitium {
    /// Binds the ports and serves from a thread of its own. Fails if a port cannot be bound.
    pub fn start(options: Options) -> io::Result<Handle> {
        let http = TcpListener::bind(options.http)?;
        let (udp, tcp) = bind_dns(options.dns)?;
        let (http_at, dns_at) = (http.local_addr()?, udp.local_addr()?);
        http.set_nonblocking(true)?;
        udp.set_nonblocking(true)?;
        tcp.set_nonblocking(true)?;
        let shared = Shared::new(server(&options, http_at, dns_at));
        let (stop, stopped) = oneshot::channel::<()>();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (tasks, follow) = (shared.clone(), options.follow);
        let serve = async move {
            let http = tokio::net::TcpListener::from_std(http)?;
            let (udp, tcp) = (tokio::net::UdpSocket::from_std(udp)?, tokio::net::TcpListener::from_std(tcp)?);
            tokio::select! {
                () = http::serve(http, tasks.clone()) => (),
                () = dns::serve_udp(udp, tasks.clone()) => (),
                () = dns::serve_tcp(tcp, tasks.clone()) => (),
                () = secondary::serve(tasks, follow) => (),
                _ = stopped => (),
            }
            Ok::<(), io::Error>(())
        };
        let thread = std::thread::spawn(move || {
            let _ = runtime.block_on(serve); // sockets are bound: nothing left to fail
        });
        let (stop, thread) = (Some(stop), Some(thread));
        Ok(Handle { shared, token: options.token, http: http_at, dns: dns_at, stop, thread })
    }
}

/// UDP and TCP on one port; a free one is looked for until both have it.
fn bind_dns(wanted: SocketAddr) -> io::Result<(UdpSocket, TcpListener)> {
    for _ in 0..50 {
        let udp = UdpSocket::bind(wanted)?;
        match TcpListener::bind(udp.local_addr()?) {
            Ok(tcp) => return Ok((udp, tcp)),
            Err(error) if wanted.port() != 0 => return Err(error),
            Err(_) => (),
        }
    }
    Err(io::Error::new(io::ErrorKind::AddrInUse, "no port is free for both UDP and TCP"))
}

fn server(options: &Options, http: SocketAddr, dns: SocketAddr) -> Server {
    let mut auth = Auth::default();
    auth.permissions = Permissions::stock();
    auth.users.insert("admin".into(), User::new("Administrator", &options.password, Group::Administrators));
    auth.sessions.insert(options.token.clone(), Session::new("admin", None, false));
    let zones = zones::internal(&options.domain);
    auth.permissions.repair(zones.iter().map(|(name, zone)| (name, zone.internal)));
    let live = Live { config: Config::new(options.version), auth, zones };
    let mut server = Server {
        version: options.version,
        domain: options.domain.clone(),
        save_delay: options.save_delay,
        login_delay: options.login_delay,
        up_since: state::timestamp(),
        start: 1,
        running: true,
        files: Files::new(&live),
        log: logs::Log::default(),
        faults: Faults::default(),
        seen: Seen::default(),
        observer: None,
        refresh: Vec::new(),
        notified: Vec::new(),
        live,
        http,
        dns,
    };
    server.moment("start", &history::Scope::All);
    server
}

impl Handle {
    /// `http://127.0.0.1:port`, without a final slash.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.http)
    }

    /// Where its DNS listens.
    pub fn dns(&self) -> SocketAddr {
        self.dns
    }

    /// The administrator's token.
    pub fn token(&self) -> &str {
        &self.token
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
