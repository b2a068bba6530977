//! `settings/get` and `settings/set`: parameters are applied one after another; an error in a later one does not undo
//! the earlier ones, and what was applied is saved.

use super::api::{ApiError, Reply};
use super::history::Scope;
use super::http::Call;
use super::keys;
use super::names;
use super::state::Server;
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
                self.live.config.settings.insert(name, converted(&old, value)?);
            }
        }
        Ok(())
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

    fn setting(&self, call: &Call, name: &str) -> Option<Value> {
        match &call.json {
            Some(body) => body.get(name).cloned(),
            None => call.get(name).map(Value::from),
        }
    }
}

/// A form's text in the shape that the setting has.
fn converted(old: &Value, new: Value) -> Result<Value, ApiError> {
    let Value::String(text) = &new else { return Ok(new) };
    Ok(match old {
        Value::Bool(_) => names::boolean(text)?.into(),
        Value::Number(_) => names::integer(text)?.into(),
        Value::Array(_) if text.eq_ignore_ascii_case("false") => json!([]),
        Value::Array(_) => text.split(',').map(|part| Value::from(part.trim())).collect(),
        _ => new,
    })
}
