//! `settings/get` and `settings/set`: parameters are applied one after another; an error in a later one does not undo
//! the earlier ones, and what was applied is saved.

use super::acl::Entry;
use super::api::{ApiError, Reply};
use super::history::Scope;
use super::http::Call;
use super::keys;
use super::names;
use super::rdata;
use super::state::{Server, Version};
use super::store::Store;
use serde_json::{Value, json};

/// Not to be set here: what the double listens on, and what it is.
const FIXED: [&str; 5] = ["version", "uptimestamp", "tsigKeys", "dnsServerLocalEndPoints", "webServiceHttpPort"];

impl Server {
    /// `settings/get`: secrets in clear.
    pub fn settings(&self) -> Value {
        let mut out = self.live.config.settings.clone();
        let mut put = |name: &str, value: Value| {
            if let Some(slot) = out.get_mut(name) {
                *slot = value;
            }
        };
        put("version", self.version.name().into());
        put("uptimestamp", self.up_since.clone().into());
        put("dnsServerDomain", self.domain.clone().into());
        put("tsigKeys", keys::to_json(&self.live.config.keys));
        Value::Object(out)
    }

    /// `settings/set`: a JSON body, if there is one, is the only source.
    pub fn set_settings(&mut self, call: &Call, user: &str) -> Result<Reply, ApiError> {
        let before = (self.live.config.keys.clone(), self.live.config.settings.clone());
        let result = self.apply_settings(call);
        if result.is_ok() || before != (self.live.config.keys.clone(), self.live.config.settings.clone()) {
            self.changed(Store::Config);
        }
        result?;
        self.log.write(&format!("[{}] [{user}] DNS Settings were updated successfully.", call.peer));
        Ok(Reply::Response(self.settings()))
    }

    fn apply_settings(&mut self, call: &Call) -> Result<(), ApiError> {
        if call.bad_json {
            return Err(ApiError::text("The input does not contain valid JSON."));
        }
        if let Some(domain) = self.setting(call, "dnsServerDomain") {
            self.domain = domain.as_str().unwrap_or_default().trim_end_matches('.').to_owned();
        }
        let names: Vec<String> = self.live.config.settings.keys().cloned().collect();
        for name in names {
            if name == "tsigKeys" {
                self.apply_keys(call)?;
            } else if !FIXED.contains(&name.as_str())
                && let Some(value) = self.setting(call, &name)
            {
                let old = self.live.config.settings.get(&name).cloned().unwrap_or(Value::Null);
                if let Some(value) = converted(&name, &old, value)? {
                    self.live.config.settings.insert(name, value);
                }
            }
        }
        self.logging();
        Ok(())
    }

    /// `enableLogging` is an older way to read `loggingType`.
    fn logging(&mut self) {
        let settings = &mut self.live.config.settings;
        let on = settings.get("loggingType").is_none_or(|kind| kind != "None");
        if let Some(slot) = settings.get_mut("enableLogging") {
            *slot = on.into();
        }
    }

    fn apply_keys(&mut self, call: &Call) -> Result<(), ApiError> {
        let keys = match &call.json {
            Some(body) => match body.get("tsigKeys") {
                Some(value) => Some(keys::from_json(self.version, value)?),
                None => None,
            },
            None => match call.raw("tsigKeys") {
                Some(text) => keys::from_form(self.version, &text)?,
                None => None,
            },
        };
        if let Some(keys) = keys {
            self.live.config.keys = keys;
            self.moment("settings/set tsigKeys", &Scope::Keys);
        }
        Ok(())
    }

    /// A parameter that is there. An empty text is none, but from 14 on an empty list is one.
    fn setting(&self, call: &Call, name: &str) -> Option<Value> {
        if let Some(body) = &call.json {
            return body.get(name).cloned();
        }
        let is_list = self.live.config.settings.get(name).is_some_and(Value::is_array);
        match is_list && self.version >= Version::V14_3 {
            true => call.raw(name).map(Value::from),
            false => call.get(name).map(Value::from),
        }
    }
}

/// Settings that are words, in the order of their numbers; a word that is none of them changes nothing.
fn words(name: &str) -> Option<&'static [&'static str]> {
    Some(match name {
        "recursion" => &["Deny", "Allow", "AllowOnlyForPrivateNetworks", "UseSpecifiedNetworkACL"],
        "loggingType" => &["None", "File", "Console", "FileAndConsole"],
        "blockingType" => &["AnyAddress", "NxDomain", "CustomAddress"],
        "forwarderProtocol" => &["Udp", "Tcp", "Tls", "Https", "Quic"],
        "ipv6Mode" => &["Disabled", "Enabled", "Preferred"],
        _ => return None,
    })
}

/// A parameter in the shape that the setting has; none if it says nothing.
fn converted(name: &str, old: &Value, new: Value) -> Result<Option<Value>, ApiError> {
    let text = match (&new, old) {
        (Value::String(text), _) => text.clone(),
        (Value::Number(number), Value::Number(_)) => number.to_string(),
        (Value::Bool(_), Value::Bool(_)) | (Value::Array(_), Value::Array(_)) => return Ok(Some(new)),
        (Value::Null, Value::Array(_)) => return Ok(Some(json!([]))),
        _ => {
            let text = "The requested operation requires an element of another type.";
            return Err(ApiError::text(text));
        }
    };
    if let Some(words) = words(name) {
        return Ok(names::enum_value(words, &text).map(|value| names::enum_word(words, value).into()));
    }
    Ok(Some(match old {
        Value::Bool(_) => names::boolean(&text)?.into(),
        Value::Number(_) if name.ends_with("Ttl") || name.starts_with("minSoa") => rdata::seconds(&text)?.into(),
        Value::Number(_) => number(name, &text)?,
        Value::Array(_) if text.is_empty() || text.eq_ignore_ascii_case("false") => json!([]),
        Value::Array(_) => list(name, &text)?,
        _ => new,
    }))
}

fn number(name: &str, text: &str) -> Result<Value, ApiError> {
    let number = names::integer(text)?;
    let (fits, kind) = match name {
        "udpPayloadSize" => (u16::try_from(number).is_ok(), "a UInt16"),
        _ if name.ends_with("PrefixLength") => (u8::try_from(number).is_ok(), "an unsigned byte"),
        _ => (i32::try_from(number).is_ok(), "an Int32"),
    };
    let large = || ApiError::text(format!("Value was either too large or too small for {kind}."));
    if fits { Ok(number.into()) } else { Err(large()) }
}

fn list(name: &str, text: &str) -> Result<Value, ApiError> {
    let networks = name.ends_with("Networks") || name.ends_with("BypassList") || name.ends_with("NetworkACL");
    let item = |part: &str| match Entry::parse(part) {
        _ if !networks => Ok(Value::from(part)),
        Some(entry) => Ok(entry.to_string().into()),
        None if name.ends_with("NetworkACL") => {
            Err(ApiError::text(format!("Invalid Network Access Control value was specified: {part}")))
        }
        None => Err(ApiError::text(format!("Invalid network address was specified: {part}"))),
    };
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(item).collect()
}
