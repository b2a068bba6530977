//! Technitium's HTTP API as a transport: POST with a form, the token in it; HTTP 200 with an error inside is an error.
//! Not for: what the calls mean.

use super::Technitium;
use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::world::{World, http};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

/// What every answer begins or ends with (13.6 to 15.2).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    status: String,
    error_message: Option<String>,
    inner_error_message: Option<String>,
}

/// The answer of most calls.
#[derive(Deserialize)]
pub(super) struct Response<T> {
    pub response: T,
}

impl Technitium {
    /// One call. `secrets` are texts the server may echo in an error; they are taken out of it.
    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        world: &World,
        path: &str,
        form: &[(&str, &str)],
        secrets: &[&str],
    ) -> Result<T> {
        let token = self.token(world)?;
        let mut form: Vec<(&str, &str)> = form.to_vec();
        form.push(("token", token.expose()));
        let request = world.http.client()?.post(format!("{}/api/{path}", self.url)).form(&form);
        let answer = request.send().await.map_err(|error| self.unreachable(&error))?;
        let status = answer.status();
        if status.is_redirection() {
            let to = answer.headers().get("location").and_then(|it| it.to_str().ok()).and_then(origin);
            let to = to.unwrap_or_else(|| "another place".into());
            // Not followed: the token would travel on (Technitium redirects HTTP to TLS with a 307).
            return Err(Error::new(format!("{} redirects {} to {to}", self.name, self.url))
                .hint("write the address it redirects to as url of this server in pfddns.toml"));
        }
        if !status.is_success() {
            return Err(Error::new(format!("{} answered {path} with HTTP {}", self.name, status.as_u16()))
                .hint(format!("is {} the web service of a Technitium DNS Server 13.6 or later?", self.url)));
        }
        let body = answer.bytes().await.map_err(|error| self.unreachable(&error))?;
        let body = Zeroizing::new(Vec::from(body));
        self.open(path, &body, secrets, token.expose())
    }

    fn open<T: DeserializeOwned>(&self, path: &str, body: &[u8], secrets: &[&str], token: &str) -> Result<T> {
        // The parser's own message could quote the body.
        let garbled = || {
            Error::new(format!("{} answered {path} with something this program can't read", self.name))
                .hint("Technitium DNS Server 13.6 to 15.2 are known; `pfddns status` shows the version")
        };
        let envelope: Envelope = serde_json::from_slice(body).map_err(|_| garbled())?;
        match envelope.status.as_str() {
            "ok" => serde_json::from_slice(body).map_err(|_| garbled()),
            "invalid-token" => Err(self.bad_token("the token is unknown or its user is disabled")),
            "2fa-required" => Err(self.bad_token("the server asks for a second factor, so this is no API token")),
            _ => {
                let texts = [envelope.error_message, envelope.inner_error_message];
                let text = texts.into_iter().flatten().collect::<Vec<_>>().join(" ");
                if text == "Parameter 'token' missing." {
                    return Err(self.bad_token("the token did not arrive"));
                }
                let error = Error::new(format!(
                    "{} refused {path}: {}",
                    self.name,
                    scrub(&text, secrets.iter().chain([&token]))
                ));
                Err(if text.starts_with("Access was denied") {
                    error.hint("the token's user needs the group DNS Administrators, or Settings: Modify, Zones: Modify and the zone's own rights")
                } else {
                    error
                })
            }
        }
    }

    /// The API token, from its file on the machine this program runs on.
    fn token(&self, world: &World) -> Result<Secret> {
        let file = self.token_file.display();
        let host = world.this_machine();
        match host.mode(&self.token_file)? {
            None => return Err(self.bad_token("there is no such file")),
            Some(mode) if mode & 0o077 != 0 => {
                return Err(Error::new(format!(
                    "{file}: others may read the API token of {} (mode {mode:04o})",
                    self.name
                ))
                .hint(format!("chmod 600 {file}, and make a new token if somebody may have read it")));
            }
            Some(_) => {}
        }
        let bytes = Zeroizing::new(host.read(&self.token_file)?);
        let text = std::str::from_utf8(&bytes).unwrap_or_default().trim();
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(self.bad_token("the file does not hold one line with a token"));
        }
        Ok(Secret::new(text))
    }

    fn bad_token(&self, why: &str) -> Error {
        let file = self.token_file.display();
        Error::new(format!("{}: API token of {}: {why}", file, self.name)).hint(format!(
            "make one in the server's web console (Administration, Sessions, Create Token; on the primary node of a cluster) \
             and write it into {file}, mode 0600"
        ))
    }

    fn unreachable(&self, error: &reqwest::Error) -> Error {
        let reason = http::reason(error);
        let advice = http::advice(&reason, "is its web service up, and its port open from here?");
        Error::new(format!("no HTTP answer from {} at {}: {reason}", self.name, self.url)).hint(advice)
    }
}

/// Scheme, host and port of a URL: the rest of a redirect's target may hold what we sent.
fn origin(location: &str) -> Option<String> {
    let (scheme, rest) = location.split_once("://")?;
    let host = rest.split(['/', '?', '#']).next().filter(|it| !it.is_empty() && !it.contains('@'))?;
    Some(format!("{scheme}://{host}"))
}

/// A remote text fit for a report: first line, no control characters, nothing that is or looks like a secret.
fn scrub<'a>(text: &str, secrets: impl Iterator<Item = &'a &'a str>) -> String {
    let mut text = text.lines().next().unwrap_or_default().to_owned();
    for secret in secrets.filter(|it| !it.is_empty()) {
        text = text.replace(*secret, "[secret]");
    }
    let alphabet = |it: char| it.is_ascii_alphanumeric() || matches!(it, '+' | '/' | '=');
    let mut clean = String::new();
    for part in text.split_inclusive(|it| !alphabet(it)) {
        let word = part.trim_end_matches(|it| !alphabet(it));
        if word.len() >= 24 {
            clean.push_str("[secret]");
            clean.push_str(part.get(word.len()..).unwrap_or_default());
        } else {
            clean.push_str(part);
        }
    }
    clean.chars().filter(|it| !it.is_control()).take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remote_texts_lose_what_looks_like_a_secret() {
        let short = "c2hvcnQ=";
        let text = format!(
            "An item with the same key: AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=, {short}\n at Stack.Trace()"
        );
        let clean = scrub(&text, [&short].into_iter());
        assert_eq!(clean, "An item with the same key: [secret], [secret]");
        let plain = "No such zone was found: a-rather-long-label-in-it.lan.example";
        assert_eq!(scrub(plain, [].into_iter()), plain);
    }

    #[test]
    fn a_redirect_is_named_without_its_query() {
        assert_eq!(origin("https://ns1:53443/api/x?token=abc").as_deref(), Some("https://ns1:53443"));
        assert_eq!(origin("/elsewhere"), None);
    }
}
