//! What a test may do to a running double and read from it.

use super::accounts::{Group, User};
use super::history::{self, History, Moment, Rules, Scope};
use super::http::Call;
use super::keys::TsigKey;
use super::state::Server;
use super::store::Store;
use super::zone_data::Record;
use super::zones::{Kind, Zone};
use super::{Handle, state};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// The server, shared by its tasks and its handle.
#[derive(Clone)]
pub struct Shared(Arc<Mutex<Server>>);

impl Shared {
    /// Wraps a server.
    pub fn new(server: Server) -> Self {
        Self(Arc::new(Mutex::new(server)))
    }

    /// The server itself; a panic of an observer does not make it unusable.
    pub fn lock(&self) -> MutexGuard<'_, Server> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is to go wrong with HTTP calls.
#[derive(Debug, Default)]
pub struct Faults {
    /// Nothing answers, neither HTTP nor DNS.
    pub unreachable: bool,
    before: Vec<(String, u32)>,
    after: Vec<(String, u32)>,
}

impl Faults {
    /// Is this call to be cut off unheard?
    pub fn cut_before(&mut self, path: &str) -> bool {
        take(&mut self.before, path)
    }

    /// Is this call's answer to be lost?
    pub fn cut_after(&mut self, path: &str) -> bool {
        take(&mut self.after, path)
    }
}

fn take(list: &mut [(String, u32)], path: &str) -> bool {
    let found = list.iter_mut().find(|(prefix, left)| *left > 0 && path.starts_with(prefix.as_str()));
    found.map(|(_, left)| *left -= 1).is_some()
}

/// One HTTP call, secrets included: it is for tests.
#[derive(Debug, Clone)]
pub struct CallSeen {
    /// `POST`, …
    pub method: String,
    /// Below `/api/`.
    pub path: String,
    /// Of the URL. A token here is a finding.
    pub query: Vec<(String, String)>,
    /// Of the form.
    pub form: Vec<(String, String)>,
    /// Of a JSON body.
    pub json: Option<Value>,
}

impl CallSeen {
    /// Notes a call.
    pub fn of(call: &Call) -> Self {
        let (method, path) = (call.method.clone(), call.path.clone());
        Self { method, path, query: call.query.clone(), form: call.form.clone(), json: call.json.clone() }
    }
}

/// One UPDATE and its fate.
#[derive(Debug, Clone)]
pub struct UpdateSeen {
    /// The zone that took it, if one did.
    pub zone: Option<String>,
    /// The key of a good signature.
    pub key: Option<String>,
    /// From where.
    pub source: SocketAddr,
    /// None: an exception, no answer.
    pub rcode: Option<u8>,
    /// Did the serial move?
    pub changed: bool,
}

/// What was asked of a server since its first start.
#[derive(Debug, Default)]
pub struct Seen {
    /// HTTP calls.
    pub calls: Vec<CallSeen>,
    /// UPDATE messages.
    pub updates: Vec<UpdateSeen>,
    /// Keys and rules, each time they changed.
    pub history: History,
}

/// Sums over the UPDATE messages seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// NOERROR.
    pub accepted: usize,
    /// REFUSED.
    pub refused: usize,
    /// The serial moved.
    pub changed: usize,
    /// Not answered.
    pub silent: usize,
}

impl Handle {
    fn server(&self) -> MutexGuard<'_, Server> {
        let mut server = self.shared.lock();
        server.catch_up();
        server
    }

    /// kill -9 and start: what was not saved is gone, `uptimestamp` is new.
    pub fn crash(&self) {
        self.server().crash();
    }

    /// A clean stop and start: everything is saved first.
    pub fn restart(&self) {
        self.server().restart();
    }

    /// SIGTERM and start: 13.6 ignores the signal and goes on. True if it stopped.
    pub fn terminate(&self) -> bool {
        let mut server = self.server();
        let stops = server.version > state::Version::V13_6;
        if stops {
            server.restart();
        }
        stops
    }

    /// A crash in the middle of writing this file: it is found empty at the next start.
    pub fn break_store(&self, store: &Store) {
        self.server().damage(store);
    }

    /// Writes one store before its time, so that a crash then finds stores of different age.
    pub fn save(&self, store: &Store) {
        self.server().save_now(store);
    }

    /// A settings page that a browser has shown since the key table was this is saved now: each key made since is gone.
    pub fn save_old_page(&self, keys: &[TsigKey]) {
        let mut server = self.server();
        server.live.config.keys = keys.to_vec();
        server.changed(Store::Config);
        server.moment("an old page", &Scope::All);
    }

    /// When a store will be written, if it waits to be.
    pub fn due(&self, store: &Store) -> Option<Instant> {
        self.server().due(store)
    }

    /// Does it run? After a start with a broken file it may not.
    pub fn is_running(&self) -> bool {
        self.server().running
    }

    /// The next `times` calls below `prefix` are executed, their answers lost.
    pub fn lose_reply(&self, prefix: &str, times: u32) {
        self.server().faults.after.push((prefix.to_owned(), times));
    }

    /// The next `times` calls below `prefix` are cut off before they are executed.
    pub fn fail_before(&self, prefix: &str, times: u32) {
        self.server().faults.before.push((prefix.to_owned(), times));
    }

    /// How many of the faults asked for have not happened yet. More than none at a test's end: it tested nothing.
    pub fn faults_left(&self) -> u32 {
        let server = self.server();
        server.faults.before.iter().chain(&server.faults.after).map(|(_, left)| left).sum()
    }

    /// Neither HTTP nor DNS answers.
    pub fn unreachable(&self, on: bool) {
        self.server().faults.unreachable = on;
    }

    /// Adds a user and gives an API token of theirs, saved at once.
    pub fn add_user(&self, name: &str, pass: &str, group: Group) -> String {
        let mut server = self.server();
        server.live.auth.users.insert(name.to_owned(), User::new(name, pass, group));
        let fields = server.add_token(name, "double", false);
        fields.get("token").and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// Puts a primary zone there with these records beside its SOA and NS, without a call per record.
    pub fn put_zone(&self, name: &str, records: Vec<Record>) {
        let mut server = self.server();
        let mut zone = Zone::new(name, Kind::Primary, &server.domain, (900, 3600));
        records.into_iter().for_each(|record| zone.put(record));
        let key = zone.name.clone();
        server.live.zones.insert(key.clone(), zone);
        server.own_zone("admin", &key);
        server.changed(Store::Zone(key.clone()));
        server.moment("put_zone", &Scope::Zone(&key));
    }

    /// The key table.
    pub fn keys(&self) -> Vec<TsigKey> {
        self.server().live.config.keys.clone()
    }

    /// Who may update each zone that is not internal.
    pub fn rules(&self) -> BTreeMap<String, Rules> {
        history::rules(&self.server().live)
    }

    /// Lists the record types of each row the other way round, as a person or another version may.
    pub fn reverse_types(&self) -> usize {
        let mut server = self.server();
        let rows = server.live.zones.values_mut().flat_map(|zone| zone.options.policies.iter_mut());
        rows.filter(|row| row.types.len() > 1).map(|row| row.types.reverse()).count()
    }

    /// The records of a zone.
    pub fn records(&self, zone: &str) -> Vec<Record> {
        let server = self.server();
        let zone = server.live.zones.get(&zone.to_ascii_lowercase());
        zone.map(|zone| zone.records().cloned().collect()).unwrap_or_default()
    }

    /// The SOA serial of a zone.
    pub fn serial(&self, zone: &str) -> Option<u32> {
        self.server().live.zones.get(&zone.to_ascii_lowercase()).map(Zone::serial)
    }

    /// `uptimestamp`.
    pub fn up_since(&self) -> String {
        self.server().up_since.clone()
    }

    /// Is everything on disk?
    pub fn all_saved(&self) -> bool {
        self.server().all_saved()
    }

    /// HTTP calls seen.
    pub fn calls(&self) -> Vec<CallSeen> {
        self.server().seen.calls.clone()
    }

    /// UPDATE messages seen (those with a good signature or none).
    pub fn updates(&self) -> Vec<UpdateSeen> {
        self.server().seen.updates.clone()
    }

    /// Sums over them.
    pub fn counts(&self) -> Counts {
        let server = self.server();
        let count = |what: &dyn Fn(&UpdateSeen) -> bool| server.seen.updates.iter().filter(|u| what(u)).count();
        Counts {
            accepted: count(&|u| u.rcode == Some(0)),
            refused: count(&|u| u.rcode == Some(5)),
            changed: count(&|u| u.changed),
            silent: count(&|u| u.rcode.is_none()),
        }
    }

    /// Keys and rules, each time they changed.
    pub fn history(&self) -> Vec<Moment> {
        self.server().seen.history.moments()
    }

    /// Calls `observer` with each new moment, from within the change (so it must not call back).
    pub fn observe(&self, observer: impl Fn(&Moment) + Send + 'static) {
        self.server().observer = Some(Box::new(observer));
    }

    /// The log of the day.
    pub fn log(&self) -> Vec<String> {
        self.server().log.lines.clone()
    }
}
