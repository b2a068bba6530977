//! Vault and OpenBao, KV version 2 (API as of Vault 1.9 and OpenBao 2.x; run against OpenBao 2.7).
//! `vaultrs` brings client and request headers; reading with the version, PATCH and the first write are endpoints of
//! ours, because it has no KV v2 PATCH and its POST would replace fields that belong to others.
//! Nothing is taken from the environment: neither `VAULT_ADDR` nor `VAULT_TOKEN` nor a proxy.

use super::layout::Fields;
use super::{Edit, moved, private};
use crate::error::{Doing as _, Error, Result};
use crate::secret::Secret;
use crate::world::World;
use rustify::clients::reqwest::Client as Http;
use rustify::endpoint::{Endpoint, MiddleWare};
use rustify::enums::{RequestMethod, RequestType, ResponseType};
use rustify::errors::ClientError;
use serde_json::{Value, json};
use std::path::PathBuf;
use vaultrs::api::EndpointMiddleware;

/// One secret in a KV v2 mount.
#[derive(Debug)]
pub struct VaultStore {
    pub(super) url: String,
    pub(super) mount: String,
    pub(super) path: String,
    pub(super) token_file: PathBuf,
    pub(super) namespace: Option<String>,
}

impl std::fmt::Display for VaultStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{} at {}", self.mount, self.path, self.url)
    }
}

/// What the server said, when it said no: its HTTP code and its own words, which never hold what we sent.
struct No {
    code: u16,
    words: String,
    /// The answer's `data`: a deleted version answers 404 with one.
    data: Option<Value>,
}

impl VaultStore {
    /// The latest version; 0 and nothing if the secret was never written.
    pub(super) async fn read(&self, world: &World) -> Result<(u64, Fields)> {
        let client = self.client(world)?;
        self.latest(&client).await.doing(|| format!("reading {self}"))
    }

    /// One version of a secret in our mount, or the latest; `None` if it is not there (any more).
    pub(super) async fn fields(
        &self,
        world: &World,
        path: &str,
        version: Option<u64>,
    ) -> Result<Option<(u64, Fields)>> {
        let client = self.client(world)?;
        match client.call(Call::read(&self.mount, path, version)).await {
            Ok(answer) => self.version_and_fields(answer).map(Some),
            Err(Failed::No(no)) if no.code == 404 && no.words.is_empty() => Ok(None),
            Err(failed) => Err(self.explain(failed)),
        }
        .doing(|| format!("reading {self}"))
    }

    /// Writes a new version by merge patch and check-and-set.
    pub(super) async fn edit(&self, world: &World, expects: u64, edits: &[Edit<'_>]) -> Result<u64> {
        let client = self.client(world)?;
        self.write(&client, expects, edits).await.doing(|| format!("writing keys to {self}"))
    }

    async fn write(&self, client: &Client, expects: u64, edits: &[Edit<'_>]) -> Result<u64> {
        let (found, now) = self.latest(client).await?;
        if found != expects {
            return Err(moved(self, expects, Some(found)));
        }
        let (patch, after) = now.edited(edits)?;
        let call = match expects {
            0 => {
                self.is_version_two(client).await?;
                Call::write(&self.mount, &self.path, RequestMethod::POST, expects, &after)
            }
            _ => Call::write(&self.mount, &self.path, RequestMethod::PATCH, expects, &patch),
        };
        match client.call(call).await {
            Ok(answer) => answer.get("version").and_then(Value::as_u64).ok_or_else(|| self.nonsense()),
            // There is no status of its own for a failed check-and-set, in no version: the words decide.
            Err(Failed::No(no)) if no.code == 400 && no.words.contains("did not match the current version") => {
                Err(moved(self, expects, None))
            }
            Err(failed) => Err(self.explain(failed)),
        }
    }

    async fn latest(&self, client: &Client) -> Result<(u64, Fields)> {
        match client.call(Call::read(&self.mount, &self.path, None)).await {
            Ok(answer) => self.version_and_fields(answer),
            Err(Failed::No(no)) if no.code == 404 && no.data.is_some() => {
                let version = no.data.as_ref().and_then(|it| it.pointer("/metadata/version")).and_then(Value::as_u64);
                let version = version.ok_or_else(|| self.nonsense())?;
                let what = format!("the latest version ({version}) of the secret was deleted or destroyed");
                Err(Error::new(what).hint(format!(
                    "bring it back (`bao kv undelete -mount={} -versions={version} {}`), or name another secret in [store]",
                    self.mount, self.path
                )))
            }
            Err(Failed::No(no)) if no.code == 404 && no.words.is_empty() => Ok((0, Fields::default())),
            Err(failed) => Err(self.explain(failed)),
        }
    }

    /// A mount of KV version 1 answers 404 like an unwritten secret and would take the first write, at a wrong place.
    async fn is_version_two(&self, client: &Client) -> Result<()> {
        let answer = client.call(Call::mount(&self.mount)).await.map_err(|failed| self.explain(failed))?;
        if answer.pointer("/options/version").and_then(Value::as_str) == Some("2") {
            return Ok(());
        }
        let kind = answer.get("type").and_then(Value::as_str).unwrap_or("unknown");
        Err(Error::new(format!("mount `{}` is not KV version 2 (type {kind}); nothing was written", self.mount))
            .hint("name a KV version 2 mount in [store], or upgrade this one (`bao kv enable-versioning`)"))
    }

    fn version_and_fields(&self, mut answer: Value) -> Result<(u64, Fields)> {
        let version = answer.pointer("/metadata/version").and_then(Value::as_u64);
        match (version, answer.get_mut("data").map(Value::take)) {
            (Some(version), Some(Value::Object(fields))) if version > 0 => Ok((version, Fields(fields))),
            _ => Err(self.nonsense()),
        }
    }

    fn nonsense(&self) -> Error {
        Error::new("the answer is not that of a KV version 2 secret").hint("does [store] url lead to Vault or OpenBao?")
    }

    fn client(&self, world: &World) -> Result<Client> {
        let (token, base) = (self.token(world)?, self.base()?);
        if self.namespace.as_ref().is_some_and(|it| !is_header_text(it)) {
            return Err(Error::usage("[store] namespace has a character that does not belong in one"));
        }
        let middle = EndpointMiddleware {
            token: token.expose().into(),
            version: "v1".into(),
            wrap: None,
            namespace: self.namespace.clone(),
        };
        Ok(Client { http: Http::new(&base, world.http.client()?.clone()), middle: Headers(middle) })
    }

    fn base(&self) -> Result<String> {
        let url = self.url.trim_end_matches('/');
        let wrong = || Error::usage(format!("[store] url `{}` is not http(s)://host[:port]", self.url));
        let parsed = reqwest::Url::parse(url).map_err(|_| wrong())?;
        let plain = parsed.username().is_empty() && parsed.password().is_none() && parsed.query().is_none();
        let plain = plain && parsed.fragment().is_none() && parsed.path() == "/";
        match plain && matches!(parsed.scheme(), "http" | "https") && parsed.has_host() {
            true => Ok(url.to_owned()),
            false => Err(wrong()),
        }
    }

    fn token(&self, world: &World) -> Result<Secret> {
        let (host, file) = (world.this_machine(), self.token_file.display());
        let bytes = zeroize::Zeroizing::new(host.read(&self.token_file).map_err(|error| {
            error.hint(format!("put a token for {}/{} there, with mode 0600", self.mount, self.path))
        })?);
        private(host, &self.token_file)?;
        let token = std::str::from_utf8(&bytes).map(str::trim).unwrap_or_default();
        match !token.is_empty() && is_header_text(token) {
            true => Ok(Secret::new(token)),
            false => Err(Error::new(format!("{file}: not a token (one line of printable characters)"))),
        }
    }

    /// Each way to fail in its own words.
    fn explain(&self, failed: Failed) -> Error {
        let no = match failed {
            Failed::Unreachable(why) => {
                let advice =
                    "is it up, and is [store] url right? after a write without an answer look at `pfddns tsig status`";
                return Error::new(format!("no answer from {}: {why}", self.url))
                    .hint(crate::world::http::advice(&why, advice));
            }
            Failed::Nonsense => return self.nonsense(),
            Failed::No(no) => no,
        };
        let (url, file, mount) = (&self.url, self.token_file.display(), &self.mount);
        match no.code {
            503 => Error::new(format!("{url} is sealed")).hint(format!("bao operator unseal -address={url}")),
            403 => Error::new(format!("{url} refused the token in {file} (HTTP 403)")).hint(format!(
                "it may have expired, or its policy lacks create, read and patch on {mount}/data/{}",
                self.path
            )),
            404 if no.words.contains("no handler for route") => Error::new(format!("{url} has no mount `{mount}`"))
                .hint(format!("see `bao secrets list`; `bao secrets enable -path={mount} -version=2 kv` makes one")),
            307 | 429 | 472 | 473 => Error::new(format!("{url} is a standby (HTTP {})", no.code))
                .hint("put the address of the active server, or of the balancer before them, into [store] url"),
            501 => Error::new(format!("{url} was never initialised")).hint("bao operator init"),
            code => Error::new(format!("{url} refused the request (HTTP {code})")).hint("its own log says why"),
        }
    }
}

/// HTTP header values are visible ASCII here: the client library gives up on anything else.
fn is_header_text(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

struct Client {
    http: Http,
    middle: Headers,
}

enum Failed {
    Unreachable(String),
    No(No),
    Nonsense,
}

impl Client {
    /// The answer's `data`.
    async fn call(&self, call: Call) -> std::result::Result<Value, Failed> {
        let answer = call.with_middleware(&self.middle).exec(&self.http).await.map_err(failed)?;
        let mut answer = answer.parse().map_err(|_| Failed::Nonsense)?;
        Ok(answer.get_mut("data").map(Value::take).unwrap_or_default())
    }
}

fn failed(error: ClientError) -> Failed {
    match error {
        ClientError::ServerResponseError { code, content } => {
            let body: Value = content.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
            let words = body.get("errors").and_then(Value::as_array).into_iter().flatten();
            let words = words.filter_map(Value::as_str).collect::<Vec<_>>().join("; ");
            // A 404 that is not the store's own (a web server, a proxy) must not pass for an unwritten secret.
            if code == 404 && body.get("errors").is_none() && body.get("data").is_none() {
                return Failed::Nonsense;
            }
            Failed::No(No { code, words, data: body.get("data").filter(|it| it.is_object()).cloned() })
        }
        ClientError::RequestError { source, .. } => Failed::Unreachable(reason(source.downcast_ref())),
        ClientError::ResponseError { source } => Failed::Unreachable(reason(source.downcast_ref())),
        _ => Failed::Nonsense,
    }
}

fn reason(error: Option<&reqwest::Error>) -> String {
    error.map_or_else(|| "the connection broke".into(), crate::world::http::reason)
}

/// vaultrs' request headers, and the one Content-Type that PATCH takes (anything else is answered 415).
struct Headers(EndpointMiddleware);

impl MiddleWare for Headers {
    fn request<E: Endpoint>(
        &self,
        endpoint: &E,
        request: &mut http::Request<Vec<u8>>,
    ) -> std::result::Result<(), ClientError> {
        self.0.request(endpoint, request)?;
        let kind = match endpoint.method() {
            RequestMethod::PATCH => "application/merge-patch+json",
            RequestMethod::POST => "application/json",
            _ => return Ok(()),
        };
        request.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(kind));
        Ok(())
    }

    fn response<E: Endpoint>(&self, _: &E, _: &mut http::Response<Vec<u8>>) -> std::result::Result<(), ClientError> {
        Ok(())
    }
}

/// One request to the API.
struct Call {
    method: RequestMethod,
    path: String,
    version: Option<u64>,
    body: Option<Vec<u8>>,
}

impl Call {
    fn read(mount: &str, path: &str, version: Option<u64>) -> Self {
        Self { method: RequestMethod::GET, path: format!("{mount}/data/{path}"), version, body: None }
    }

    fn mount(mount: &str) -> Self {
        Self { method: RequestMethod::GET, path: format!("sys/internal/ui/mounts/{mount}"), version: None, body: None }
    }

    fn write(mount: &str, path: &str, method: RequestMethod, cas: u64, data: &Fields) -> Self {
        let body = json!({ "options": { "cas": cas }, "data": data }).to_string().into_bytes();
        Self { method, path: format!("{mount}/data/{path}"), version: None, body: Some(body) }
    }
}

impl Endpoint for Call {
    type Response = Value;
    const REQUEST_BODY_TYPE: RequestType = RequestType::JSON;
    const RESPONSE_BODY_TYPE: ResponseType = ResponseType::JSON;

    fn path(&self) -> String {
        self.path.clone()
    }

    fn method(&self) -> RequestMethod {
        self.method.clone()
    }

    fn query(&self) -> std::result::Result<Option<String>, ClientError> {
        Ok(self.version.map(|version| format!("version={version}")))
    }

    fn body(&self) -> std::result::Result<Option<Vec<u8>>, ClientError> {
        Ok(self.body.clone())
    }
}
