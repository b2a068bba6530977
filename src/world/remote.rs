//! A firewall that is reached through a program whose input and output end at `hands` over there (see `ssh`). The same
//! calls as `Local`, each with a deadline. A connection is made at the first call; a lost one is never made again
//! within a run: its locks are lost too, so the run must stop and be resumed from its journal.

use super::file::NewFile;
use super::programs::Ran;
use super::protocol::{self, Answer, Ask, BEAT, Bytes, LINE_LIMIT, Line, PROTOCOL, Request, Said};
use super::ssh::{Carrier, Ended};
use crate::error::{Error, Result};
use std::collections::HashMap;
use std::io::{BufReader, Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

/// How long the other side may say nothing.
struct Patience {
    /// To the greeting: DNS, TCP, keys, and login scripts on a slow machine.
    greeting: Duration,
    /// For a call, in addition to its time over there: transfer of a long file on a slow line.
    way: Duration,
}

static PATIENCE: Patience = Patience { greeting: Duration::from_secs(40), way: Duration::from_secs(60) };
/// For releasing something at the end: without an answer the end of the connection releases it.
const LETTING_GO: Duration = Duration::from_secs(2);
/// A login may say this much before `hands` do.
const CHATTER: usize = 64 << 10;

/// A firewall elsewhere.
pub struct Remote {
    carrier: Carrier,
    patience: &'static Patience,
    link: OnceLock<Result<Arc<Link>>>,
}

/// A lock or a staged file over there. Dropping it releases it.
pub struct Held {
    link: Arc<Link>,
    number: u64,
    done: bool,
}

impl Drop for Held {
    fn drop(&mut self) {
        if !self.done {
            let _ = self.link.call(Ask::Release { held: self.number }, LETTING_GO);
        }
    }
}

impl Remote {
    /// Reached by this; nothing is started yet.
    pub fn new(carrier: Carrier) -> Self {
        Self { carrier, patience: &PATIENCE, link: OnceLock::new() }
    }

    fn link(&self) -> Result<&Arc<Link>> {
        let link = self.link.get_or_init(|| Link::start(&self.carrier, self.patience));
        link.as_ref().map_err(Clone::clone)
    }

    fn call(&self, ask: Ask, limit: Duration) -> Result<Said> {
        let said = self.link().and_then(|link| link.call(ask, limit + self.patience.way));
        said.map_err(|error| error.while_doing(format!("on {}", self.carrier.name)))
    }

    pub(super) fn read_if_there(&self, path: &Path) -> Result<Option<Vec<u8>>> {
        match self.call(Ask::Read { path: path.into() }, Duration::ZERO)? {
            Said::Bytes(bytes) => Ok(bytes.map(Bytes::take)),
            _ => Err(self.another_answer()),
        }
    }

    pub(super) fn list(&self, folder: &Path) -> Result<Vec<String>> {
        match self.call(Ask::List { folder: folder.into() }, Duration::ZERO)? {
            Said::Names(names) => Ok(names),
            _ => Err(self.another_answer()),
        }
    }

    pub(super) fn mode(&self, path: &Path) -> Result<Option<u32>> {
        match self.call(Ask::Mode { path: path.into() }, Duration::ZERO)? {
            Said::Mode(mode) => Ok(mode),
            _ => Err(self.another_answer()),
        }
    }

    pub(super) fn run(&self, argv: &[&str], stdin: &[u8], limit: Duration) -> Result<Ran> {
        let argv = argv.iter().map(ToString::to_string).collect();
        match self.call(Ask::Run { argv, stdin: Bytes::of(stdin), limit }, limit)? {
            Said::Ran { code, stdout, stderr } => Ok(Ran { code, stdout: stdout.take(), stderr: stderr.take() }),
            _ => Err(self.another_answer()),
        }
    }

    pub(super) fn talk(&self, socket: &Path, request: &[u8], limit: Duration) -> Result<Vec<u8>> {
        let ask = Ask::Talk { socket: socket.into(), request: Bytes::of(request), limit };
        match self.call(ask, limit)? {
            Said::Bytes(Some(bytes)) => Ok(bytes.take()),
            _ => Err(self.another_answer()),
        }
    }

    pub(super) fn datagram(&self, to: SocketAddr, bytes: &[u8]) -> Result<()> {
        self.done(Ask::Datagram { to, bytes: Bytes::of(bytes) })
    }

    /// A DNS message from the other machine's own address. Many may be under way at once.
    pub(super) async fn exchange(&self, server: SocketAddr, message: &[u8]) -> Result<Vec<u8>> {
        let ask = Ask::Exchange { server, message: Bytes::of(message) };
        let said = match self.link() {
            Ok(link) => link.call_aside(ask, self.patience.way).await,
            Err(error) => Err(error),
        };
        match said.map_err(|error| error.while_doing(format!("on {}", self.carrier.name)))? {
            Said::Bytes(Some(bytes)) => Ok(bytes.take()),
            _ => Err(self.another_answer()),
        }
    }

    pub(super) fn lock(&self, path: &Path, mode: u32, limit: Duration) -> Result<Option<Held>> {
        match self.call(Ask::Lock { path: path.into(), mode, limit }, limit)? {
            Said::Locked(number) => number.map(|number| self.held(number)).transpose(),
            _ => Err(self.another_answer()),
        }
    }

    pub(super) fn make_folder(&self, path: &Path, mode: u32) -> Result<()> {
        self.done(Ask::MakeFolder { path: path.into(), mode })
    }

    pub(super) fn stage(&self, path: &Path, file: &NewFile<'_>) -> Result<(Held, PathBuf)> {
        let NewFile { bytes, replaces, mode, keep_mode } = file;
        let (replaces, bytes) = (replaces.clone(), Bytes::of(bytes));
        let ask = Ask::Stage { path: path.into(), bytes, replaces, mode: *mode, keep_mode: *keep_mode };
        match self.call(ask, Duration::ZERO)? {
            Said::Staged { held, path } => Ok((self.held(held)?, path)),
            _ => Err(self.another_answer()),
        }
    }

    pub(super) fn put(&self, mut held: Held) -> Result<()> {
        // Put or refused, it is no longer held.
        held.done = true;
        self.done(Ask::Put { held: held.number })
    }

    pub(super) fn append(&self, path: &Path, at: u64, bytes: &[u8]) -> Result<()> {
        self.done(Ask::Append { path: path.into(), at, bytes: Bytes::of(bytes) })
    }

    pub(super) fn remove(&self, path: &Path) -> Result<()> {
        self.done(Ask::Remove { path: path.into() })
    }

    fn held(&self, number: u64) -> Result<Held> {
        Ok(Held { link: Arc::clone(self.link()?), number, done: false })
    }

    fn done(&self, ask: Ask) -> Result<()> {
        match self.call(ask, Duration::ZERO)? {
            Said::Done => Ok(()),
            _ => Err(self.another_answer()),
        }
    }

    fn another_answer(&self) -> Error {
        Error::new(format!("{} answered a different request", self.carrier.name)).hint(self.carrier.same())
    }
}

/// Who waits for an answer.
type Waiter = Box<dyn FnOnce(Result<Said>) + Send>;

/// One connection.
struct Link {
    to: Mutex<Option<Box<dyn Write + Send>>>,
    state: Arc<Mutex<State>>,
    next: AtomicU64,
    ended: Mutex<Ended>,
}

#[derive(Default)]
struct State {
    waiting: HashMap<u64, Waiter>,
    greeted: bool,
    /// Why there is no connection any more.
    dead: Option<Error>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Link {
    fn start(carrier: &Carrier, patience: &Patience) -> Result<Arc<Self>> {
        let link = Self::open(carrier)?;
        link.greet(carrier, patience.greeting)?;
        let beating = Arc::downgrade(&link);
        thread::spawn(move || {
            loop {
                thread::sleep(BEAT);
                let Some(link) = beating.upgrade() else { return };
                if link.send(Ask::Beat, Box::new(|_| {})).is_err() {
                    return;
                }
            }
        });
        Ok(link)
    }

    fn open(carrier: &Carrier) -> Result<Arc<Self>> {
        let (from, to, ended) = carrier.start()?;
        let state = Arc::new(Mutex::new(State::default()));
        let link = Arc::new(Self {
            to: Mutex::new(Some(to)),
            state: Arc::clone(&state),
            next: AtomicU64::new(1),
            ended: Mutex::new(ended.clone()),
        });
        let same = carrier.same();
        thread::spawn(move || listen(from, &state, &ended, &same));
        Ok(link)
    }

    fn greet(&self, carrier: &Carrier, limit: Duration) -> Result<()> {
        let ours = env!("CARGO_PKG_VERSION");
        match self.call(Ask::Hello { protocol: PROTOCOL, version: ours.to_owned() }, limit)? {
            Said::Hello { protocol: PROTOCOL, version, os } => {
                tracing::debug!("{}: pfddns {version} on {os}", carrier.name);
                Ok(())
            }
            Said::Hello { protocol, version, .. } => Err(Error::new(format!(
                "{} has pfddns {version}, which speaks protocol {protocol}; this is pfddns {ours}, which speaks {PROTOCOL}",
                carrier.name
            ))
            .hint(carrier.same())),
            _ => Err(Error::new(format!("{} gave an unexpected answer to the greeting", carrier.name)).hint(carrier.same())),
        }
    }

    /// Asks and waits for the answer. Without an answer in time the connection ends: the outcome is unknown.
    fn call(&self, ask: Ask, limit: Duration) -> Result<Said> {
        let (sender, receiver) = mpsc::sync_channel(1);
        self.send(ask, Box::new(move |said| drop(sender.send(said))))?;
        receiver.recv_timeout(limit).unwrap_or_else(|_| Err(self.give_up(limit)))
    }

    async fn call_aside(&self, ask: Ask, limit: Duration) -> Result<Said> {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        self.send(ask, Box::new(move |said| drop(sender.send(said))))?;
        match tokio::time::timeout(limit, receiver).await {
            Ok(Ok(said)) => said,
            Ok(Err(_)) | Err(_) => Err(self.give_up(limit)),
        }
    }

    fn send(&self, ask: Ask, waiter: Waiter) -> Result<()> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let line = protocol::line(&Request { id, ask })?;
        {
            let mut state = lock(&self.state);
            if let Some(dead) = &state.dead {
                return Err(dead.clone());
            }
            state.waiting.insert(id, waiter);
        }
        let mut to = lock(&self.to);
        // A failure shows at the other end too: the reader there knows the reason and tells all who wait.
        if let Some(to) = to.as_mut() {
            let _ = to.write_all(&line).and_then(|()| to.flush());
        }
        Ok(())
    }

    fn give_up(&self, limit: Duration) -> Error {
        let error = Error::new(format!("no answer within {} s", limit.as_secs()))
            .hint("check the network and that machine; `pfddns runs` shows whether a run was cut off");
        lock(&self.state).dead.get_or_insert_with(|| error.clone());
        lock(&self.ended).kill();
        error
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // The end of its input makes the other side release everything and end.
        drop(lock(&self.to).take());
        lock(&self.ended).wait();
    }
}

/// Takes answers to those who wait for them, until there are no more; then all are told why.
fn listen(from: impl Read, state: &Mutex<State>, ended: &Ended, same: &str) {
    let mut from = BufReader::new(from);
    let mut chatter = Vec::new();
    let why = loop {
        let line = match protocol::read_line(&mut from, LINE_LIMIT) {
            Ok(Line::Whole(line)) => line,
            Ok(Line::TooLong) => break Some("a line longer than any answer".to_owned()),
            Ok(Line::Half | Line::End) | Err(_) => break None,
        };
        let mut state = lock(state);
        match serde_json::from_slice::<Answer>(&line) {
            Ok(answer) => {
                state.greeted = true;
                let waiter = state.waiting.remove(&answer.id);
                drop(state);
                match (waiter, answer.said) {
                    (Some(waiter), said) => waiter(said),
                    (None, Err(error)) if answer.id == 0 => break Some(format!("that it was not understood: {error}")),
                    (None, _) => {}
                }
            }
            // Login scripts talk before `hands` do; never after.
            Err(_) if !state.greeted && chatter.len() < CHATTER => {
                chatter.extend_from_slice(&line);
                chatter.push(b'\n');
            }
            Err(_) if !state.greeted => break Some("endless unexpected output".to_owned()),
            Err(_) => break Some("something that is not an answer".to_owned()),
        }
    };
    let error = match why {
        Some(what) => {
            ended.kill();
            Error::new(format!("the other end said {what}")).hint(same)
        }
        None => ended.why(&chatter),
    };
    let mut state = lock(state);
    let error = state.dead.get_or_insert(error).clone();
    for (_, waiter) in state.waiting.drain() {
        waiter(Err(error.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by(script: &str) -> Carrier {
        let argv = ["/bin/sh", "-c", script].map(str::to_owned).to_vec();
        Carrier { name: "fw".into(), argv, environment: Vec::new(), hands: "/usr/local/bin/pfddns".into() }
    }

    #[test]
    fn silence_ends_the_connection_and_every_later_call_says_so_at_once() {
        let link = Link::open(&by("exec cat >/dev/null")).unwrap();
        let limit = Duration::from_millis(50);
        let error = link.call(Ask::Beat, limit).err().unwrap();
        assert!(error.what().starts_with("no answer within"), "{error}");
        // With no time to wait, only what is known already can be the answer.
        assert_eq!(link.call(Ask::Beat, Duration::MAX).err().unwrap().what(), error.what());
    }

    static LITTLE: Patience = Patience { greeting: Duration::from_millis(1900), way: Duration::from_millis(1900) };

    /// A firewall whose line goes dead: before a word, or right after the greeting.
    #[test]
    fn a_firewall_that_falls_silent_is_given_up_with_a_hint_by_every_call() {
        let hello =
            format!(r#"{{"id":1,"said":{{"Ok":{{"hello":{{"protocol":{PROTOCOL},"version":"1","os":"x"}}}}}}}}"#);
        for script in ["exec cat >/dev/null".to_owned(), format!("read hello; echo '{hello}'; exec cat >/dev/null")] {
            let remote = Remote { carrier: by(&script), patience: &LITTLE, link: OnceLock::new() };
            let error = remote.read_if_there(Path::new("/x")).unwrap_err();
            assert_eq!((error.what(), error.doing()), ("no answer within 1 s", &["on fw".to_owned()][..]), "{script}");
            assert!(error.hint_text().unwrap().contains("`pfddns runs`"), "{error}");
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let asked = runtime.block_on(remote.exchange(([127, 0, 0, 1], 53).into(), b"x"));
            for error in [remote.list(Path::new("/")).unwrap_err(), asked.unwrap_err()] {
                assert_eq!(error.what(), "no answer within 1 s", "{script}");
            }
        }
    }

    #[test]
    fn all_who_wait_hear_of_the_end() {
        let link = Link::open(&by("read a; read b; echo lost >&2; exit 255")).unwrap();
        let (sender, receiver) = mpsc::channel();
        for _ in 0..2 {
            let sender = sender.clone();
            link.send(Ask::Beat, Box::new(move |said| drop(sender.send(said.err().unwrap())))).unwrap();
        }
        for error in receiver.iter().take(2) {
            assert_eq!(error.what(), "no connection to fw: lost");
        }
    }
}
