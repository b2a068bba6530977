//! Everything outside this process: firewalls, HTTP, DNS packets, the clock. `&World` can look, `&mut World` can touch.
//! Knows no product by name.

pub mod clock;
pub mod file;
#[cfg(feature = "firewall")]
pub mod hands;
pub mod host;
pub mod http;
pub mod local;
mod private;
mod programs;
mod protocol;
mod remote;
pub mod ssh;
pub mod wire;

use crate::error::{Error, Result};
use crate::model::HostName;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

pub use clock::Clock;
pub use file::{Digest, NewFile};
pub use host::{Host, Lock};
pub use http::Http;
pub use programs::{Program, Ran};
pub use remote::Remote;
pub use ssh::{Carrier, Ssh};
pub use wire::Wire;

/// The outside world of one run.
pub struct World {
    /// The firewalls, in the order of the configuration. Never empty.
    pub hosts: Vec<(HostName, Host)>,
    /// HTTP peers.
    pub http: Http,
    /// DNS messages.
    pub wire: Wire,
    /// Time, which tests own.
    pub clock: Clock,
}

impl World {
    /// The real world, with this machine as the one firewall.
    pub fn here(name: HostName) -> Result<Self> {
        Self::with(vec![(name, Host::Local(local::Local))])
    }

    /// The real world with these firewalls: at least one.
    pub fn with(hosts: Vec<(HostName, Host)>) -> Result<Self> {
        match hosts.is_empty() {
            true => Err(no_host()),
            false => Ok(Self { hosts, http: Http::default(), wire: Wire::default(), clock: Clock::Real }),
        }
    }

    /// The same world, with the certificates in this PEM file trusted besides the system's.
    pub fn trusting(mut self, authorities: &Path) -> Result<Self> {
        self.http = Http::trusting(authorities)?;
        Ok(self)
    }

    /// The first firewall, to look at: journals and the store are there.
    pub fn first(&self) -> Result<&Host> {
        self.hosts.first().map(|(_, host)| host).ok_or_else(no_host)
    }

    /// The first firewall, to change.
    pub fn first_mut(&mut self) -> Result<&mut Host> {
        self.hosts.first_mut().map(|(_, host)| host).ok_or_else(no_host)
    }

    /// The machine this program runs on: HTTP is sent from here, so its tokens are stored here.
    pub fn this_machine(&self) -> &Host {
        const HERE: &Host = &Host::Local(local::Local);
        HERE
    }

    /// A DNS message and its answer, from the first firewall's own address: that is the one the servers let in.
    pub async fn exchange(&self, server: SocketAddr, message: &[u8]) -> Result<Vec<u8>> {
        match self.first()? {
            Host::Local(_) => self.wire.exchange(server, message).await,
            Host::Remote(host) => host.exchange(server, message).await,
        }
    }

    /// A firewall to look at.
    pub fn host(&self, name: &HostName) -> Result<&Host> {
        let found = self.hosts.iter().find(|(it, _)| it == name);
        found.map(|(_, host)| host).ok_or_else(|| unknown_host(name))
    }

    /// A firewall to change.
    pub fn host_mut(&mut self, name: &HostName) -> Result<&mut Host> {
        let found = self.hosts.iter_mut().find(|(it, _)| it == name);
        found.map(|(_, host)| host).ok_or_else(|| unknown_host(name))
    }

    /// Asks `holds` every `every` until it says true or `deadline` has passed, which is an error naming `what`.
    pub async fn until(
        &self,
        deadline: Duration,
        every: Duration,
        what: &str,
        mut holds: impl AsyncFnMut(&Self) -> Result<bool>,
    ) -> Result<()> {
        let start = self.clock.now();
        let mut waited = Duration::ZERO;
        loop {
            if holds(self).await? {
                return Ok(());
            }
            // Looking may take longer than the pause between two looks; a clock that is set back must not extend the wait.
            let passed = Duration::try_from(self.clock.now().duration_since(start)).unwrap_or_default();
            if waited.max(passed) >= deadline {
                return Err(Error::new(format!("{what}: not within {} s", deadline.as_secs())));
            }
            self.clock.sleep(every).await;
            waited += every;
        }
    }
}

fn no_host() -> Error {
    Error::usage("no firewall is configured")
}

fn unknown_host(name: &HostName) -> Error {
    Error::usage(format!("no firewall is called `{name}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn a_slow_look_counts_as_waiting() {
        let mut world = World::here(HostName::new("fw").unwrap()).unwrap();
        world.clock = Clock::fake(jiff::Timestamp::UNIX_EPOCH);
        let mut looks = 0;
        let slow = async |world: &World| {
            looks += 1;
            world.clock.sleep(Duration::from_secs(15)).await;
            Ok(false)
        };
        let error =
            world.until(Duration::from_secs(30), Duration::from_millis(250), "it is up", slow).await.unwrap_err();
        assert_eq!((error.what(), looks), ("it is up: not within 30 s", 2));
    }
}
