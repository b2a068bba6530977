//! Technitium's HTTP API as a transport: POST with a form, the token in it; HTTP 200 with an error inside is an error.
//! Not for: what the calls mean.

use super::Technitium;
use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::text::hide_runs;
use crate::world::World;
use crate::world::http::{self, Method, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;

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
        let url = format!("{}/api/{path}", self.url);
        let url = Url::parse(&url).map_err(|_| Error::usage(format!("{}: `{}` is not a URL", self.name, self.url)))?;
        let request = world.http.request(Method::POST, url)?.form(&form);
        let answer = world.http.send(request).await.map_err(|reason| self.unreachable(&reason))?;
        match answer.status {
            200..300 => self.open(path, &answer.body, secrets, token.expose()),
            300..400 => {
                let to = answer.location.as_deref().and_then(origin).unwrap_or_else(|| "another place".into());
                // Not followed: the token would be sent there too (Technitium redirects HTTP to TLS with a 307).
                Err(Error::new(format!("{} redirects {} to {to}", self.name, self.url))
                    .hint("set url of this server in pfddns.toml to the address it redirects to"))
            }
            status => Err(Error::new(format!("{} answered {path} with HTTP {status}", self.name))
                .hint(format!("check that {} is the web service of a Technitium DNS Server 13.6 or later", self.url))),
        }
    }

    fn open<T: DeserializeOwned>(&self, path: &str, body: &[u8], secrets: &[&str], token: &str) -> Result<T> {
        // The parser's own message could quote the body.
        let garbled = || {
            Error::new(format!("{} sent an answer to {path} that this program can't read", self.name))
                .hint("this program knows Technitium DNS Server 13.6 to 15.2; `pfddns status` shows the version")
        };
        let envelope: Envelope = serde_json::from_slice(body).map_err(|_| garbled())?;
        match envelope.status.as_str() {
            "ok" => serde_json::from_slice(body).map_err(|_| garbled()),
            "invalid-token" => Err(self.bad_token("the token is unknown or its user is disabled")),
            "2fa-required" => Err(self.bad_token("the server asks for a second factor, so this is not an API token")),
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
        world.this_machine().token(&self.token_file).map_err(|error| error.hint(self.new_token()))
    }

    fn bad_token(&self, why: &str) -> Error {
        Error::new(format!("{}: API token of {}: {why}", self.token_file.display(), self.name)).hint(self.new_token())
    }

    fn new_token(&self) -> String {
        format!(
            "make an API token in the server's web console (Administration, Sessions, Create Token; on the primary node of a cluster) \
             and write it into {}, mode 0600",
            self.token_file.display()
        )
    }

    fn unreachable(&self, reason: &str) -> Error {
        let advice = http::advice(reason, "check that its web service is up and its port is open from here");
        Error::new(format!("no HTTP answer from {} at {}: {reason}", self.name, self.url)).hint(advice)
    }
}

/// Scheme, host and port of a URL: the rest of a redirect's target may contain what we sent.
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
    hide_runs(&text).chars().filter(|it| !it.is_control()).take(300).collect()
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
