//! Users, sessions and API tokens, login and its lockout, and who may do what.

use super::api::{ApiError, Reply};
use super::http::Call;
use super::state::{Server, Version};
use super::store::Store;
use ring::rand::{SecureRandom as _, SystemRandom};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// The sections of `permissions`, in the product's order.
const SECTIONS: [&str; 11] = [
    "Dashboard",
    "Zones",
    "Cache",
    "Allowed",
    "Blocked",
    "Apps",
    "DnsClient",
    "Settings",
    "DhcpServer",
    "Administration",
    "Logs",
];
const LOCKED: Duration = Duration::from_secs(300);

/// Kinds of right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// canView
    View,
    /// canModify
    Modify,
    /// canDelete
    Delete,
}

/// The stock groups, with their stock rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Everything.
    Administrators,
    /// Everything on zones, cache, apps and settings; no administration.
    DnsAdministrators,
    /// May look at most sections, at no zone and not at settings.
    Everyone,
}

impl Group {
    fn may(self, section: &str, right: Right) -> bool {
        let dns = ["Zones", "Cache", "Allowed", "Blocked", "Apps", "DnsClient", "Settings"];
        let looks = !matches!(section, "Settings" | "Administration") && right == Right::View;
        match self {
            Self::Administrators => true,
            Self::DnsAdministrators => dns.contains(&section) || looks,
            Self::Everyone => looks,
        }
    }

    /// Rights on zones made through the API.
    pub fn may_zones(self) -> bool {
        self != Self::Everyone
    }
}

/// A user.
#[derive(Debug, Clone)]
pub struct User {
    /// Name shown.
    pub display: String,
    /// Password in clear: this is a double.
    pub pass: String,
    /// The one group that counts.
    pub group: Group,
    /// `User account is disabled.`
    pub disabled: bool,
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
}

/// `auth.config`, and the lockout (memory only).
#[derive(Debug, Clone, Default)]
pub struct Auth {
    /// By name.
    pub users: BTreeMap<String, User>,
    /// By token.
    pub sessions: BTreeMap<String, Session>,
    failures: BTreeMap<IpAddr, (u32, Option<Instant>)>,
}

impl Auth {
    /// What goes to disk; a save keeps also what did not ask for one.
    pub fn saved(&mut self) -> Self {
        self.sessions.values_mut().for_each(|session| session.unsaved = false);
        Self { failures: BTreeMap::new(), ..self.clone() }
    }
}

/// A new token: 64 lower-case hex digits.
pub fn new_token() -> String {
    let mut bytes = [0u8; 32];
    let _ = SystemRandom::new().fill(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Server {
    /// Makes sure that the user of a call has a right in a section.
    pub fn permit(&self, user: &str, section: &str, right: Right) -> Result<(), ApiError> {
        let group = self.live.auth.users.get(user).map(|user| user.group);
        if group.is_some_and(|group| group.may(section, right)) { Ok(()) } else { Err(ApiError::denied()) }
    }

    /// May this user do something with zones made through the API?
    pub fn permit_zone(&self, user: &str) -> Result<(), ApiError> {
        let group = self.live.auth.users.get(user).map(|user| user.group);
        if group.is_some_and(Group::may_zones) { Ok(()) } else { Err(ApiError::denied()) }
    }

    /// Does this user see the internal zones?
    pub fn is_administrator(&self, user: &str) -> bool {
        self.live.auth.users.get(user).is_some_and(|user| user.group == Group::Administrators)
    }

    /// The token of a call and whose it is. A header, where it is known, wins over a parameter.
    pub fn session_of(&self, call: &Call) -> Result<(String, Session), ApiError> {
        let header = if self.version >= Version::V15_2 { call.bearer.clone() } else { None };
        let Some(token) = header.or_else(|| call.token()) else {
            return Err(match self.version {
                Version::V15_2 => ApiError::InvalidToken,
                _ => ApiError::missing("token"),
            });
        };
        let session = self.live.auth.sessions.get(&token).ok_or(ApiError::InvalidToken)?;
        match self.live.auth.users.get(&session.user) {
            Some(user) if !user.disabled => Ok((token, session.clone())),
            _ => Err(ApiError::InvalidToken),
        }
    }

    /// `user/login`.
    pub fn login(&mut self, call: &Call) -> Result<Reply, ApiError> {
        let (user, pass) = (call.require("user")?, call.require("pass")?);
        self.authenticate(call.peer, &user, &pass)?;
        let token = new_token();
        let session = Session { user, api_name: None, unsaved: false };
        self.live.auth.sessions.insert(token.clone(), session.clone());
        self.changed(Store::Auth);
        let info = call.flag("includeInfo")?;
        Ok(Reply::Bare(self.session_json(&token, &session, info)))
    }

    /// `user/createToken`: by user and password, or (15.2) by a login session.
    pub fn create_token(&mut self, call: &Call) -> Result<Reply, ApiError> {
        let by_session = self.version >= Version::V15_2 && call.get("user").is_none();
        let (user, unsaved) = if by_session {
            let (_, session) = self.session_of(call)?;
            if session.api_name.is_some() {
                return Err(ApiError::denied());
            }
            (session.user, true)
        } else {
            let (user, pass) = (call.require("user")?, call.require("pass")?);
            call.require("tokenName")?;
            self.authenticate(call.peer, &user, &pass)?;
            (user, false)
        };
        let name = call.require("tokenName")?;
        Ok(Reply::Bare(self.add_token(&user, &name, unsaved)))
    }

    /// Makes an API token and gives it in the product's words.
    pub fn add_token(&mut self, user: &str, name: &str, unsaved: bool) -> Map<String, Value> {
        let token = new_token();
        let session = Session { user: user.to_owned(), api_name: Some(name.to_owned()), unsaved };
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
        let may = |section: &str, right| self.permit(user, section, right).is_ok();
        let sections = SECTIONS.iter().map(|section| {
            let rights = json!({"canView": may(section, Right::View), "canModify": may(section, Right::Modify),
                                "canDelete": may(section, Right::Delete)});
            ((*section).to_owned(), rights)
        });
        info.insert("permissions".into(), Value::Object(sections.collect()));
        Value::Object(info)
    }

    fn authenticate(&mut self, peer: IpAddr, user: &str, pass: &str) -> Result<(), ApiError> {
        let failures = self.live.auth.failures.entry(peer).or_default();
        if failures.1.is_some_and(|since| since.elapsed() >= LOCKED) {
            *failures = (0, None);
        }
        if failures.1.is_some() {
            return Err(ApiError::text("Max limit of 5 attempts exceeded. Access blocked for 300 seconds."));
        }
        let known = self.live.auth.users.get(user);
        if known.is_some_and(|known| known.pass == pass) {
            *failures = (0, None);
            if known.is_some_and(|known| known.disabled) {
                return Err(ApiError::text("User account is disabled. Please contact your administrator."));
            }
            return Ok(());
        }
        if (user, pass) != ("admin", "admin") {
            failures.0 += 1;
            failures.1 = (failures.0 >= 5).then(Instant::now);
        }
        Err(ApiError::WrongPassword(user.to_owned()))
    }
}
