//! From a call to an answer: which function, for whom, and the envelope that differs by version.

use super::http::Call;
use super::permissions::Right;
use super::state::{Server, Version};
use serde_json::{Map, Value, json};

/// Why a call failed, in the product's terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApiError {
    /// `status:error` with a text.
    Text(String),
    /// The same, caused by another exception.
    Inner(String, String),
    /// A wrong password: answered late, and counted unless it was the default one.
    WrongPassword {
        /// As given.
        user: String,
        /// Not for admin/admin.
        counts: bool,
    },
    /// `status:invalid-token`.
    InvalidToken,
    /// HTTP 404 with nothing in it.
    NotFound,
}

impl ApiError {
    /// An error with this text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A parameter is absent or empty.
    pub fn missing(name: &str) -> Self {
        Self::Text(format!("Parameter '{name}' missing."))
    }

    /// A right is not there.
    pub fn denied() -> Self {
        Self::text("Access was denied.")
    }

    /// A zone is not there.
    pub fn no_zone(name: &str) -> Self {
        Self::Text(format!("No such zone was found: {name}"))
    }
}

/// What a call answers.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// Wrapped in `response`.
    Response(Value),
    /// Fields at the top level.
    Bare(Map<String, Value>),
    /// A file.
    Text(String),
}

impl Reply {
    /// `"response":{}`.
    pub fn empty() -> Self {
        Self::Response(json!({}))
    }
}

/// What goes out: HTTP status, content type, body.
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// None for an empty answer.
    pub content_type: Option<&'static str>,
    /// The body.
    pub body: String,
    /// A wrong password is answered late; true if it counts for the lockout.
    pub late: Option<bool>,
}

impl Server {
    /// Runs one API call; `call.path` is what follows `/api/`.
    pub fn api(&mut self, call: &Call) -> Answer {
        let result = self.route(call);
        let late = match result {
            Err(ApiError::WrongPassword { counts, .. }) => Some(counts),
            _ => None,
        };
        let mut out = Map::new();
        match result {
            Ok(Reply::Text(body)) => {
                return Answer { status: 200, content_type: Some("text/plain"), body, late };
            }
            Ok(Reply::Response(response)) => {
                out.insert("response".into(), response);
                self.sign_envelope(&mut out, "ok");
            }
            Ok(Reply::Bare(fields)) => {
                out = fields;
                self.sign_envelope(&mut out, "ok");
            }
            Err(ApiError::NotFound) => return Answer { status: 404, content_type: None, body: String::new(), late },
            Err(error) => self.error(&mut out, error),
        }
        let body = Value::Object(out).to_string();
        Answer { status: 200, content_type: Some("application/json; charset=utf-8"), body, late }
    }

    fn sign_envelope(&self, out: &mut Map<String, Value>, status: &str) {
        if self.version >= Version::V14_3 {
            out.insert("server".into(), self.domain.clone().into());
        }
        out.insert("status".into(), status.into());
    }

    fn error(&mut self, out: &mut Map<String, Value>, error: ApiError) {
        let (text, inner) = match error {
            ApiError::InvalidToken => {
                self.sign_envelope(out, "invalid-token");
                out.insert("errorMessage".into(), "Invalid token or session expired.".into());
                return;
            }
            ApiError::WrongPassword { user, .. } => (format!("Invalid username or password for user: {user}"), None),
            ApiError::Inner(text, inner) => (text, Some(inner)),
            ApiError::Text(text) => (text, None),
            ApiError::NotFound => return,
        };
        self.sign_envelope(out, "error");
        out.insert("errorMessage".into(), text.into());
        if self.version < Version::V15_2 {
            out.insert("stackTrace".into(), "   at DnsServerCore.DnsWebService (of a double)".into());
        }
        if let Some(inner) = inner {
            out.insert("innerErrorMessage".into(), inner.into());
        }
    }

    fn route(&mut self, call: &Call) -> Result<Reply, ApiError> {
        let usual = matches!(call.method.as_str(), "GET" | "POST");
        match call.path.as_str() {
            "user/login" if usual => return self.login(call),
            "user/createToken" if usual => return self.create_token(call),
            _ => (),
        }
        let (token, session) = self.session_of(call)?;
        let user = session.user.as_str();
        if !usual {
            return self.unknown();
        }
        match call.path.as_str() {
            "user/session/get" => Ok(Reply::Bare(self.session_json(&token, &session, true))),
            "user/logout" => Ok(self.logout(&token)),
            "user/changePassword" => self.change_password(call, &session),
            "settings/get" => {
                self.permit(user, "Settings", Right::View)?;
                Ok(Reply::Response(self.settings()))
            }
            "settings/set" => {
                self.permit(user, "Settings", Right::Modify)?;
                self.set_settings(call, user)
            }
            "settings/getTsigKeyNames" => {
                let zones = self.permit(user, "Zones", Right::Modify);
                self.permit(user, "Settings", Right::View).or(zones)?;
                Ok(Reply::Response(json!({"tsigKeyNames": self.key_names()})))
            }
            path if path.starts_with("zones/") => self.zone_call(call, user),
            path if path.starts_with("dashboard/") => {
                self.permit(user, "Dashboard", Right::View)?;
                self.dashboard(call)
            }
            path if path.starts_with("logs/") => {
                self.permit(user, "Logs", Right::View)?;
                self.logs(call)
            }
            "admin/cluster/state" if self.version >= Version::V14_3 => {
                self.permit(user, "Administration", Right::View)?;
                Ok(Reply::Response(json!({"version": self.version.name(), "dnsServerDomain": self.domain,
                                          "clusterInitialized": false})))
            }
            "admin/sessions/createToken" => {
                self.permit(user, "Administration", Right::Modify)?;
                let whose = call.require("user")?;
                let name = call.require("tokenName")?;
                let key = whose.to_lowercase();
                match self.live.auth.users.get(&key) {
                    None => return Err(ApiError::text(format!("No such user exists: {whose}"))),
                    Some(user) if user.disabled && self.version >= Version::V15_2 => {
                        return Err(ApiError::text("User account is disabled. Please contact your administrator."));
                    }
                    Some(_) => (),
                }
                let fields = self.add_token(&key, &name, false);
                Ok(Reply::Response(Value::Object(fields)))
            }
            path if ["admin/users/", "admin/groups/", "admin/permissions/"].iter().any(|p| path.starts_with(p)) => {
                self.admin(call, user)
            }
            _ => self.unknown(),
        }
    }

    fn zone_call(&mut self, call: &Call, user: &str) -> Result<Reply, ApiError> {
        match call.path.as_str() {
            "zones/list" => self.list_zones(call, user),
            "zones/create" => self.create_zone(call, user),
            "zones/delete" => self.delete_zone(call, user),
            "zones/enable" => self.switch_zone(call, user, false),
            "zones/disable" => self.switch_zone(call, user, true),
            "zones/resync" => self.resync_zone(call, user),
            "zones/options/get" => self.get_options(call, user),
            "zones/options/set" => self.set_options(call, user),
            "zones/permissions/get" | "zones/permissions/set" => self.zone_permissions(call, user),
            "zones/records/get" => self.get_records(call, user),
            "zones/records/add" => self.add_record_call(call, user),
            "zones/records/delete" => self.delete_record_call(call, user),
            _ => self.unknown(),
        }
    }

    /// 13.6 says `ok` to any path below `/api/`.
    pub fn unknown(&self) -> Result<Reply, ApiError> {
        if self.version < Version::V14_3 { Ok(Reply::empty()) } else { Err(ApiError::NotFound) }
    }
}
