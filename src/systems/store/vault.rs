//! Vault and OpenBao, KV version 2 (API as of Vault 1.9 and OpenBao 2.x; run against OpenBao 2.7).
//! By hand, over `world.http`: `vaultrs` takes no client but its own, and has no PATCH for KV version 2.
//! Nothing is taken from the environment: neither `VAULT_ADDR` nor `VAULT_TOKEN` nor a proxy.

use super::layout::Fields;
use super::{Edit, moved};
use crate::error::{Doing as _, Error, Result};
use crate::secret::Secret;
use crate::world::World;
use crate::world::http::{self, HeaderValue, Method, Url};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;

/// How long a mount may take to be ready after its server was unsealed or became the active one.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_secs(1);

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

/// The server's refusal: its HTTP code and its own message, which never contains what we sent.
struct No {
    code: u16,
    words: String,
    /// The answer's `data`: a deleted version answers 404 with one.
    data: Option<Value>,
}

impl No {
    /// "Upgrading from non-versioned to versioned data. This backend will be unavailable for a brief period …"
    fn is_not_ready(&self) -> bool {
        self.code == 400 && self.words.contains("Upgrading from non-versioned")
    }
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
        match client.read(path, version).await {
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

    async fn write(&self, client: &Client<'_>, expects: u64, edits: &[Edit<'_>]) -> Result<u64> {
        let (found, now) = self.latest(client).await?;
        if found != expects {
            return Err(moved(self, expects, Some(found)));
        }
        let (patch, after) = now.edited(edits)?;
        let written = match expects {
            0 => {
                self.is_version_two(client).await?;
                client.write(Method::POST, "application/json", expects, &after).await
            }
            // Anything else as its Content-Type is answered 415.
            _ => client.write(Method::PATCH, "application/merge-patch+json", expects, &patch).await,
        };
        match written {
            Ok(answer) => answer.get("version").and_then(Value::as_u64).ok_or_else(|| self.nonsense()),
            // No version has a separate status for a failed check-and-set: the message decides.
            Err(Failed::No(no)) if no.code == 400 && no.words.contains("did not match the current version") => {
                Err(moved(self, expects, None))
            }
            Err(failed) => Err(self.explain(failed)),
        }
    }

    async fn latest(&self, client: &Client<'_>) -> Result<(u64, Fields)> {
        match client.read(&self.path, None).await {
            Ok(answer) => self.version_and_fields(answer),
            Err(Failed::No(no)) if no.code == 404 && no.data.is_some() => {
                let version = no.data.as_ref().and_then(|it| it.pointer("/metadata/version")).and_then(Value::as_u64);
                let version = version.ok_or_else(|| self.nonsense())?;
                let what = format!("the latest version ({version}) of the secret was deleted or destroyed");
                Err(Error::new(what).hint(format!(
                    "restore it (`bao kv undelete -mount={} -versions={version} {}`), or set another secret in [store]",
                    self.mount, self.path
                )))
            }
            Err(Failed::No(no)) if no.code == 404 && no.words.is_empty() => Ok((0, Fields::default())),
            Err(failed) => Err(self.explain(failed)),
        }
    }

    /// A mount of KV version 1 answers 404 like an unwritten secret and would accept the first write, at a wrong path.
    async fn is_version_two(&self, client: &Client<'_>) -> Result<()> {
        let place = format!("sys/internal/ui/mounts/{}", self.mount);
        let answer = client.call(Method::GET, &place, None, None).await.map_err(|failed| self.explain(failed))?;
        if answer.pointer("/options/version").and_then(Value::as_str) == Some("2") {
            return Ok(());
        }
        let kind = answer.get("type").and_then(Value::as_str).unwrap_or("unknown");
        Err(Error::new(format!("mount `{}` is not KV version 2 (type {kind}); nothing was written", self.mount))
            .hint("set a KV version 2 mount in [store], or upgrade this one (`bao kv enable-versioning`)"))
    }

    fn version_and_fields(&self, mut answer: Value) -> Result<(u64, Fields)> {
        let version = answer.pointer("/metadata/version").and_then(Value::as_u64);
        match (version, answer.get_mut("data").map(Value::take)) {
            (Some(version), Some(Value::Object(fields))) if version > 0 => Ok((version, Fields(fields))),
            _ => Err(self.nonsense()),
        }
    }

    fn nonsense(&self) -> Error {
        Error::new("the answer is not that of a KV version 2 secret").hint("check that [store] url is Vault or OpenBao")
    }

    fn client<'a>(&'a self, world: &'a World) -> Result<Client<'a>> {
        let token = world.this_machine().token(&self.token_file).map_err(|error| {
            error.hint(format!("put a token for {}/{} there, with mode 0600", self.mount, self.path))
        })?;
        if self.namespace.as_ref().is_some_and(|it| !it.bytes().all(|byte| byte.is_ascii_graphic())) {
            return Err(Error::usage("[store] namespace has a character that is not allowed there"));
        }
        Ok(Client { store: self, world, token, base: self.base()? })
    }

    fn base(&self) -> Result<Url> {
        let wrong = || Error::usage(format!("[store] url `{}` is not http(s)://host[:port]", self.url));
        let url = Url::parse(&self.url).map_err(|_| wrong())?;
        let plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
        let plain = plain && url.fragment().is_none() && url.path() == "/";
        match plain && matches!(url.scheme(), "http" | "https") && url.has_host() {
            true => Ok(url),
            false => Err(wrong()),
        }
    }

    /// Each failure with its own message.
    fn explain(&self, failed: Failed) -> Error {
        let no = match failed {
            Failed::Unreachable(why) => {
                let advice = "check that it is up and [store] url is right; after a write without an answer run `pfddns tsig status`";
                return Error::new(format!("no answer from {}: {why}", self.url)).hint(http::advice(&why, advice));
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
            400 if no.is_not_ready() => {
                Error::new(format!("{url}: mount `{mount}` is still not ready after {} s", PATIENCE.as_secs()))
                    .hint("its own log says why; once it is ready, run the command again")
            }
            307 | 429 | 472 | 473 => Error::new(format!("{url} is a standby (HTTP {})", no.code))
                .hint("set [store] url to the address of the active server, or of the load balancer"),
            501 => Error::new(format!("{url} was never initialised")).hint("bao operator init"),
            code => Error::new(format!("{url} refused the request (HTTP {code})")).hint("its own log says why"),
        }
    }
}

struct Client<'a> {
    store: &'a VaultStore,
    world: &'a World,
    token: Secret,
    base: Url,
}

enum Failed {
    Unreachable(String),
    No(No),
    Nonsense,
}

/// A Content-Type and what is sent.
type Body = (&'static str, Vec<u8>);

impl Client<'_> {
    async fn read(&self, path: &str, version: Option<u64>) -> std::result::Result<Value, Failed> {
        self.call(Method::GET, &format!("{}/data/{path}", self.store.mount), version, None).await
    }

    async fn write(
        &self,
        method: Method,
        kind: &'static str,
        version: u64,
        data: &Fields,
    ) -> std::result::Result<Value, Failed> {
        let body = json!({ "options": { "cas": version }, "data": data }).to_string().into_bytes();
        self.call(method, &format!("{}/data/{}", self.store.mount, self.store.path), None, Some((kind, body))).await
    }

    /// The answer's `data`. A mount that is not ready yet has done nothing, so it is asked again.
    async fn call(
        &self,
        method: Method,
        path: &str,
        version: Option<u64>,
        body: Option<Body>,
    ) -> std::result::Result<Value, Failed> {
        let mut left = PATIENCE;
        loop {
            match self.once(method.clone(), path, version, body.as_ref()).await {
                Err(Failed::No(no)) if no.is_not_ready() && !left.is_zero() => {
                    tracing::info!("{}: mount `{}` is not ready yet", self.store.url, self.store.mount);
                    left = left.saturating_sub(PAUSE);
                    self.world.clock.sleep(PAUSE).await;
                }
                done => return done,
            }
        }
    }

    async fn once(
        &self,
        method: Method,
        path: &str,
        version: Option<u64>,
        body: Option<&Body>,
    ) -> std::result::Result<Value, Failed> {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.clear().push("v1").extend(path.split('/'));
        }
        url.set_query(version.map(|it| format!("version={it}")).as_deref());
        let request = self.world.http.request(method, url).map_err(|error| Failed::Unreachable(error.what().into()))?;
        let mut token = HeaderValue::from_str(self.token.expose()).map_err(|_| Failed::Nonsense)?;
        token.set_sensitive(true);
        let mut request = request.header("X-Vault-Request", "true").header("X-Vault-Token", token);
        if let Some(namespace) = &self.store.namespace {
            request = request.header("X-Vault-Namespace", namespace);
        }
        if let Some((kind, body)) = body {
            request = request.header("Content-Type", *kind).body(body.clone());
        }
        let answer = self.world.http.send(request).await.map_err(Failed::Unreachable)?;
        let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
        match answer.status {
            200..300 => Ok(body.ok_or(Failed::Nonsense)?.get_mut("data").map(Value::take).unwrap_or_default()),
            code => Err(no(code, body.unwrap_or_default())),
        }
    }
}

/// The store's own no. A 404 of a web server or a proxy must not pass for an unwritten secret.
fn no(code: u16, body: Value) -> Failed {
    if code == 404 && body.get("errors").is_none() && body.get("data").is_none() {
        return Failed::Nonsense;
    }
    let words = body.get("errors").and_then(Value::as_array).into_iter().flatten();
    let words = words.filter_map(Value::as_str).collect::<Vec<_>>().join("; ");
    Failed::No(No { code, words, data: body.get("data").filter(|it| it.is_object()).cloned() })
}
