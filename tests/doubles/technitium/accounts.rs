//! Users, sessions and API tokens, login and its lockout.

use super::api::{ApiError, Reply};
use super::http::Call;
use super::permissions::{ADMINISTRATORS, DNS_ADMINISTRATORS, Permissions};
use super::state::{Server, Version};
use super::store::Store;
use ring::rand::{SecureRandom as _, SystemRandom};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

const LOCKED: Duration = Duration::from_secs(300);

/// The stock groups that a test puts a user into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Everything.
    Administrators,
    /// Everything on zones, cache, apps and settings; no administration.
    DnsAdministrators,
    /// May look at most sections, at no zone and not at settings.
    Everyone,
}

/// A user.
#[derive(Debug, Clone)]
pub struct User {
    /// Name shown.
    pub display: String,
    /// Password in clear: this is a double.
    pub pass: String,
    /// Beside the group of all users.
    pub groups: BTreeSet<String>,
    /// `User account is disabled.`
    pub disabled: bool,
    /// Idle time of a login session.
    pub timeout_seconds: u32,
}

impl User {
    /// A user with the stock idle time.
    pub fn new(display: &str, pass: &str, group: Group) -> Self {
        let groups = match group {
            Group::Administrators => BTreeSet::from([ADMINISTRATORS.to_owned()]),
            Group::DnsAdministrators => BTreeSet::from([DNS_ADMINISTRATORS.to_owned()]),
            Group::Everyone => BTreeSet::new(),
        };
        Self { display: display.to_owned(), pass: pass.to_owned(), groups, disabled: false, timeout_seconds: 1800 }
    }
}

/// Somebody's token: a login session, or an API token if it has a name.
#[derive(Debug, Clone)]
pub struct Session {
    /// Whose.
    pub user: String,
    /// The name of an API token.
    pub api_name: Option<String>,
    /// Made in a way that does not schedule a save (15.2, `createToken` by session): a crash loses it.
    pub unsaved: bool,
    /// Last use; a login session ends by idling.
    pub seen: Instant,
}

impl Session {
    /// One made now.
    pub fn new(user: &str, api_name: Option<&str>, unsaved: bool) -> Self {
        Self { user: user.to_owned(), api_name: api_name.map(str::to_owned), unsaved, seen: Instant::now() }
    }
}

/// `auth.config`, and the lockout (memory only).
#[derive(Debug, Clone, Default)]
pub struct Auth {
    /// By name, lower case.
    pub users: BTreeMap<String, User>,
    /// Groups beside the stock ones: name and description.
    pub groups: BTreeMap<String, String>,
    /// By token.
    pub sessions: BTreeMap<String, Session>,
    /// Rights in sections and on zones.
    pub permissions: Permissions,
    failures: BTreeMap<IpAddr, (u32, Option<Instant>)>,
}

impl Auth {
    /// What goes to disk; a save keeps also what did not ask for one.
    pub fn saved(&mut self) -> Self {
        self.sessions.values_mut().for_each(|session| session.unsaved = false);
        Self { failures: BTreeMap::new(), ..self.clone() }
    }

    /// A wrong password from this address; the fifth blocks it.
    pub fn failed(&mut self, peer: IpAddr) {
        let failures = self.failures.entry(network(peer)).or_default();
        failures.0 += 1;
        if failures.0 >= 5 && failures.1.is_none() {
            failures.1 = Some(Instant::now());
        }
    }

    fn blocked(&mut self, peer: IpAddr) -> bool {
        let failures = self.failures.entry(network(peer)).or_default();
        if failures.1.is_some_and(|since| since.elapsed() >= LOCKED) {
            *failures = (0, None);
        }
        failures.1.is_some()
    }
}

/// Failures count per IPv4 address, and per /64 of IPv6.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64)).into(),
        v4 => v4,
    }
}

/// A new token: 64 lower-case hex digits.
pub fn new_token() -> String {
    let mut bytes = [0u8; 32];
    let _ = SystemRandom::new().fill(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Server {
    /// The token of a call and whose it is. A header, where it is known, wins over a parameter. Any use keeps a
    /// session alive.
    pub fn session_of(&mut self, call: &Call) -> Result<(String, Session), ApiError> {
        let header = if self.version >= Version::V15_2 { call.bearer.clone() } else { None };
        let Some(token) = header.or_else(|| call.token()) else {
            return Err(match self.version {
                Version::V15_2 => ApiError::InvalidToken,
                _ => ApiError::missing("token"),
            });
        };
        let auth = &mut self.live.auth;
        let session = auth.sessions.get_mut(&token).ok_or(ApiError::InvalidToken)?;
        let user = auth.users.get(&session.user).filter(|user| !user.disabled).ok_or(ApiError::InvalidToken)?;
        let idle = Duration::from_secs(user.timeout_seconds.into());
        if session.api_name.is_none() && !idle.is_zero() && session.seen.elapsed() > idle {
            auth.sessions.remove(&token);
            return Err(ApiError::InvalidToken);
        }
        session.seen = Instant::now();
        Ok((token, session.clone()))
    }

    /// `user/login`.
    pub fn login(&mut self, call: &Call) -> Result<Reply, ApiError> {
        let (user, pass) = (call.require("user")?, call.require("pass")?);
        let info = call.flag("includeInfo")?;
        let user = self.authenticate(call.peer, &user, &pass)?;
        let (token, session) = (new_token(), Session::new(&user, None, false));
        self.live.auth.sessions.insert(token.clone(), session.clone());
        self.changed(Store::Auth);
        self.log.write(&format!("[{}] [{user}] User logged in.", call.peer));
        Ok(Reply::Bare(self.session_json(&token, &session, info)))
    }

    /// `user/createToken`: by user and password, or (15.2) by a login session, which goes first.
    pub fn create_token(&mut self, call: &Call) -> Result<Reply, ApiError> {
        if self.version >= Version::V15_2
            && let Ok((_, session)) = self.session_of(call)
        {
            if session.api_name.is_some() {
                return Err(ApiError::denied());
            }
            let name = call.require("tokenName")?;
            return Ok(Reply::Bare(self.add_token(&session.user, &name, true)));
        }
        let (user, pass) = (call.require("user")?, call.require("pass")?);
        let name = call.require("tokenName")?;
        let user = self.authenticate(call.peer, &user, &pass)?;
        Ok(Reply::Bare(self.add_token(&user, &name, false)))
    }

    /// Makes an API token and gives it in the product's words.
    pub fn add_token(&mut self, user: &str, name: &str, unsaved: bool) -> Map<String, Value> {
        let (token, session) = (new_token(), Session::new(user, Some(name), unsaved));
        let shown = self.session_json(&token, &session, false);
        self.live.auth.sessions.insert(token, session);
        if !unsaved {
            self.changed(Store::Auth);
        }
        shown
    }

    /// `user/logout`: an API token is deleted by it too.
    pub fn logout(&mut self, token: &str) -> Reply {
        self.live.auth.sessions.remove(token);
        self.changed(Store::Auth);
        Reply::Bare(Map::new())
    }

    /// `user/changePassword`: not for API tokens. 13.6 takes the new one only, and does not ask for the old.
    pub fn change_password(&mut self, call: &Call, session: &Session) -> Result<Reply, ApiError> {
        if session.api_name.is_some() {
            return Err(ApiError::denied());
        }
        let pass = call.require("pass")?;
        let new = if self.version >= Version::V14_3 {
            let new = call.require("newPass")?;
            self.authenticate(call.peer, &session.user, &pass)?;
            new
        } else {
            pass
        };
        if let Some(user) = self.live.auth.users.get_mut(&session.user) {
            user.pass = new;
        }
        self.changed(Store::Auth);
        Ok(Reply::Bare(Map::new()))
    }

    /// Who a token belongs to, and the server's `info`.
    pub fn session_json(&self, token: &str, session: &Session, info: bool) -> Map<String, Value> {
        let mut out = Map::new();
        if let Some(name) = &session.api_name {
            out.insert("username".into(), session.user.clone().into());
            out.insert("tokenName".into(), name.clone().into());
        } else {
            let display = self.live.auth.users.get(&session.user).map(|user| user.display.clone());
            out.insert("displayName".into(), display.into());
            out.insert("username".into(), session.user.clone().into());
            if self.version >= Version::V15_2 {
                out.insert("isSsoUser".into(), false.into());
            }
            if self.version >= Version::V14_3 {
                out.insert("totpEnabled".into(), false.into());
            }
        }
        out.insert("token".into(), token.into());
        if info {
            out.insert("info".into(), self.info(&session.user));
        }
        out
    }

    fn info(&self, user: &str) -> Value {
        let config = &self.live.config;
        let mut info = Map::new();
        info.insert("version".into(), self.version.name().into());
        info.insert("uptimestamp".into(), self.up_since.clone().into());
        info.insert("dnsServerDomain".into(), self.domain.clone().into());
        let copied = [
            "defaultRecordTtl",
            "defaultNsRecordTtl",
            "defaultSoaRecordTtl",
            "useSoaSerialDateScheme",
            "dnssecValidation",
        ];
        for name in copied {
            if let Some(value) = config.settings.get(name) {
                info.insert(name.into(), value.clone());
            }
        }
        if self.version >= Version::V14_3 {
            info.insert("clusterInitialized".into(), false.into());
        }
        info.insert("permissions".into(), self.rights_of(user));
        Value::Object(info)
    }

    /// The user's name as it is kept. A wrong password is counted when it is answered, not when it comes in
    /// (`ApiError::WrongPassword`), so parallel ones slip through as they do in the product.
    fn authenticate(&mut self, peer: IpAddr, user: &str, pass: &str) -> Result<String, ApiError> {
        if self.live.auth.blocked(peer) {
            return Err(ApiError::text("Max limit of 5 attempts exceeded. Access blocked for 300 seconds."));
        }
        let name = user.to_lowercase();
        match self.live.auth.users.get(&name).filter(|known| known.pass == pass) {
            None => Err(ApiError::WrongPassword { user: user.to_owned(), counts: (user, pass) != ("admin", "admin") }),
            Some(known) => {
                let disabled = known.disabled;
                self.live.auth.failures.remove(&network(peer));
                if disabled {
                    return Err(ApiError::text("User account is disabled. Please contact your administrator."));
                }
                Ok(name)
            }
        }
    }
}
