//! The connection to another machine: OpenSSH's own client as a child, which knows ~/.ssh/config, agents, jump hosts and
//! known_hosts better than any library. Tests use other programs that carry lines. Not for: what the lines say.

use super::local;
use crate::error::{Error, Result, plain};
use crate::model::Destination;
use std::ffi::OsString;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::Child;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Kept of what it says about itself.
const SAID: u64 = 16 << 10;
/// To end by itself once its input has ended.
const PARTING: Duration = Duration::from_secs(3);

/// How the ssh client is used.
#[derive(Debug, Clone)]
pub struct Ssh {
    /// `ssh`
    pub program: PathBuf,
    /// Another file than ~/.ssh/config.
    pub config: Option<PathBuf>,
    /// `pfddns` over there: only characters that every shell takes literally.
    pub hands: String,
    /// Variables the client needs of ours.
    pub environment: Vec<(&'static str, OsString)>,
}

/// A program to start whose input and output end at `hands`.
#[derive(Debug, Clone)]
pub struct Carrier {
    /// What it leads to, in errors.
    pub name: String,
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// All of its environment but PATH.
    pub environment: Vec<(&'static str, OsString)>,
    /// The program over there, in errors.
    pub hands: String,
}

impl Ssh {
    /// The connection to a firewall. No terminal, no questions, no unknown host key; dead peers are noticed.
    pub fn to(&self, destination: &Destination) -> Carrier {
        let mut argv = vec![self.program.display().to_string(), "-T".to_owned()];
        argv.extend(self.config.iter().flat_map(|it| ["-F".to_owned(), it.display().to_string()]));
        for option in [
            "BatchMode=yes",
            "StrictHostKeyChecking=yes",
            "ConnectTimeout=15",
            "ServerAliveInterval=15",
            "ServerAliveCountMax=3",
            "ForwardAgent=no",
            "ForwardX11=no",
            "ClearAllForwardings=yes",
            "PermitLocalCommand=no",
        ] {
            argv.extend(["-o".to_owned(), option.to_owned()]);
        }
        argv.extend(["--".to_owned(), destination.to_string(), format!("{} hands", self.hands)]);
        Carrier {
            name: destination.to_string(),
            argv,
            environment: self.environment.clone(),
            hands: self.hands.clone(),
        }
    }
}

impl Carrier {
    /// What to do when the two programs do not understand each other.
    pub fn same(&self) -> String {
        format!("install the same pfddns there as {} and try again", self.hands)
    }

    /// Starts it: its output, its input, and its end.
    pub(super) fn start(&self) -> Result<(impl Read + Send + 'static, Box<dyn Write + Send>, Ended)> {
        let [program, arguments @ ..] = self.argv.as_slice() else { return Err(Error::new("no program was named")) };
        let mut command = local::child(program);
        command.args(arguments).envs(self.environment.iter().map(|(name, value)| (name, value)));
        let mut child = command.spawn().map_err(|error| {
            Error::new(format!("{program}: can't be started: {}", plain(&error)))
                .hint("is OpenSSH's client installed here?")
        })?;
        let pipes = (child.stdout.take(), child.stdin.take(), child.stderr.take());
        let (Some(from), Some(to), Some(errors)) = pipes else {
            return Err(Error::new(format!("{program}: started without pipes")));
        };
        let said = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&said);
        let listening = thread::spawn(move || keep(errors, &kept));
        let child = Arc::new(Mutex::new(child));
        let ended = Ended { child, said, listening: Arc::new(Mutex::new(Some(listening))), carrier: self.clone() };
        Ok((from, Box::new(to), ended))
    }
}

/// Keeps the beginning of what a program says, and reads all of it: a full pipe would stop the program.
fn keep(mut errors: impl Read, kept: &Mutex<Vec<u8>>) {
    let mut part = [0u8; 4096];
    while let Ok(length @ 1..) = errors.read(&mut part) {
        let mut kept = lock(kept);
        if (kept.len() as u64) < SAID {
            kept.extend_from_slice(part.get(..length).unwrap_or_default());
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The end of a started carrier.
#[derive(Clone)]
pub(super) struct Ended {
    child: Arc<Mutex<Child>>,
    said: Arc<Mutex<Vec<u8>>>,
    listening: Arc<Mutex<Option<thread::JoinHandle<()>>>>,
    carrier: Carrier,
}

impl Ended {
    /// Ends it now.
    pub fn kill(&self) {
        let mut child = lock(&self.child);
        let _ = child.kill();
        let _ = child.wait();
    }

    /// Waits for its end, a little; then ends it. Its exit code.
    pub fn wait(&self) -> Option<i32> {
        let deadline = Instant::now() + PARTING;
        loop {
            if let Ok(Some(status)) = lock(&self.child).try_wait() {
                return status.code();
            }
            if Instant::now() > deadline {
                self.kill();
                return None;
            }
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Why its output has ended. `chatter`: what came before any answer.
    pub fn why(&self, chatter: &[u8]) -> Error {
        let code = self.wait();
        // Its output is complete when its pipe has ended; a child of it might keep the pipe open.
        if code.is_some()
            && let Some(listening) = lock(&self.listening).take()
        {
            let _ = listening.join();
        }
        let said = lock(&self.said).clone();
        let said = last_line(&said).or_else(|| last_line(chatter));
        let (name, hands) = (&self.carrier.name, &self.carrier.hands);
        let quoted = said.as_ref().map_or_else(String::new, |it| format!(": {it}"));
        match code {
            Some(127) => Error::new(format!("{name} has no {hands}{quoted}"))
                .hint("install pfddns there, or set its path: hands = \"…\" in [ssh] of pfddns.toml"),
            Some(2) => Error::new(format!("{name}: {hands} does not know the command `hands`{quoted}"))
                .hint(self.carrier.same()),
            Some(255) => Error::new(format!("no connection to {name}{quoted}"))
                .hint(connection_hint(said.as_deref().unwrap_or_default(), name)),
            Some(code) => Error::new(format!("the connection to {name} has ended (exit code {code}){quoted}")).hint(
                format!("`ssh {name} {hands} --version` shows its version; `pfddns runs` lists runs that were cut off"),
            ),
            None => Error::new(format!("the connection to {name} was cut{quoted}"))
                .hint("`pfddns runs` shows whether a run was cut off; `pfddns resume` continues it"),
        }
    }
}

fn connection_hint(said: &str, name: &str) -> String {
    if said.contains("Host key verification failed") || said.contains("host key") {
        return format!(
            "`ssh {name}` shows its key: compare it with the firewall's own (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub there), then accept it once"
        );
    }
    if said.contains("Permission denied") {
        return format!(
            "`ssh -o BatchMode=yes {name}` must work without a question: an agent or a key file without passphrase"
        );
    }
    format!("`ssh {name}` must work from here, without a question")
}

/// The last line of a program's words, without control characters.
fn last_line(said: &[u8]) -> Option<String> {
    let text =
        String::from_utf8_lossy(said.get(..said.len().min(usize::try_from(SAID).unwrap_or(0))).unwrap_or_default());
    let line = text.lines().rev().map(str::trim).find(|line| !line.is_empty())?;
    let plain: String = line.chars().filter(|it| !it.is_control()).take(200).collect();
    Some(plain.trim_end_matches('.').to_owned())
}
