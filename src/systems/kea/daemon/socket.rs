//! Kea's control channel: one JSON request per connection on a unix socket (2.2 to 3.0). What comes back is for `answer`.

use super::answer;
use crate::error::{Error, Result};
use crate::systems::kea::Version;
use crate::world::Host;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

pub use super::answer::{Answer, NotDone, Statistics, scrub};

/// Wait for an answer: a reload with 50,000 domains takes about a second; half a request would hang forever.
const PATIENCE: Duration = Duration::from_secs(10);

/// Sends a command and returns its arguments; anything but result 0 is an error that names the command.
pub fn command(host: &Host, socket: &Path, name: &str, arguments: Option<Value>) -> Result<Answer> {
    ask(host, socket, name, arguments)?.map_err(|refusal| {
        let at = socket.display();
        match refusal {
            NotDone::Failed(text) => Error::new(format!("{at}: `{name}` failed: {text}")),
            NotDone::Unsupported => Error::new(format!("{at}: the daemon has no command `{name}`"))
                .hint("check that this is the right daemon's socket and that its hook library is loaded"),
            NotDone::Empty => Error::new(format!("{at}: `{name}` found nothing")),
        }
    })
}

/// Sends a command; the inner result keeps a refusal apart from a daemon that can't be reached.
pub fn ask(
    host: &Host,
    socket: &Path,
    name: &str,
    arguments: Option<Value>,
) -> Result<std::result::Result<Answer, NotDone>> {
    let mut request = json!({ "command": name });
    if let (Some(arguments), Some(map)) = (arguments, request.as_object_mut()) {
        map.insert("arguments".into(), arguments);
    }
    let bytes = host.talk(socket, request.to_string().as_bytes(), PATIENCE).map_err(|error| {
        error
            .while_doing(format!("asking the daemon for `{name}`"))
            .hint("check that the daemon is running and that this is its socket")
    })?;
    answer::read(&zeroize::Zeroizing::new(bytes)).map_err(|fact| {
        Error::new(format!("{}: {fact} to `{name}`", socket.display()))
            .hint("read the daemon's log; it may just be stopping")
    })
}

impl Statistics {
    /// Reads all of a daemon's counters.
    pub fn read(host: &Host, socket: &Path) -> Result<Self> {
        Ok(Self::of(&command(host, socket, "statistic-get-all", None)?.arguments))
    }

    /// A counter of a key: `sent`, `success`, `timeout`, `error`.
    pub fn of_key(&self, key: &crate::model::KeyName, what: &str) -> i64 {
        self.get(&format!("key[{key}].update-{what}"))
    }
}

/// The daemon's version.
pub fn version(host: &Host, socket: &Path) -> Result<Version> {
    let text = command(host, socket, "version-get", None)?.text;
    Version::parse(&text).ok_or_else(|| Error::new(format!("{}: no version in the answer", socket.display())))
}

#[cfg(test)]
#[path = "socket_tests.rs"]
mod tests;
