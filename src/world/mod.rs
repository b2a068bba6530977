//! Everything outside this process: firewalls, HTTP, DNS packets, the clock. `&World` can look, `&mut World` can touch.
//! Knows no product by name.

pub mod clock;
pub mod host;
pub mod http;
pub mod local;
pub mod wire;

use crate::error::{Error, Result};
use crate::model::HostName;
use std::path::Path;
use std::time::Duration;

pub use clock::Clock;
pub use host::{Digest, Host, Lock, NewFile, Ran};
pub use wire::Wire;

/// The outside world of one run.
pub struct World {
    /// The firewalls, in the order of the configuration. Never empty.
    pub hosts: Vec<(HostName, Host)>,
    /// HTTP peers. Follows no redirect and uses no proxy: a token must not travel on.
    pub http: reqwest::Client,
    /// DNS messages.
    pub wire: Wire,
    /// Time, which tests own.
    pub clock: Clock,
}

impl World {
    /// The real world, with this machine as the one firewall.
    pub fn here(name: HostName) -> Result<Self> {
        Ok(Self {
            hosts: vec![(name, Host::Local(local::Local))],
            http: http::client(None)?,
            wire: Wire::default(),
            clock: Clock::Real,
        })
    }

    /// The same world, with the certificates in this PEM file trusted besides the system's.
    pub fn trusting(mut self, authorities: &Path) -> Result<Self> {
        self.http = http::client(Some(authorities))?;
        Ok(self)
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
        let mut waited = Duration::ZERO;
        loop {
            if holds(self).await? {
                return Ok(());
            }
            if waited >= deadline {
                return Err(Error::new(format!("{what}: not within {} s", deadline.as_secs())));
            }
            self.clock.sleep(every).await;
            waited += every;
        }
    }
}

fn unknown_host(name: &HostName) -> Error {
    Error::usage(format!("no firewall is called `{name}`"))
}
