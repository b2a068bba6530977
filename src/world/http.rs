//! HTTP to the servers' APIs and the secret store: one client, and the reason why a request failed. Knows no product.

use crate::error::{Error, Result, plain};
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;
use zeroize::Zeroizing;

pub use reqwest::header::HeaderValue;
pub use reqwest::{Method, RequestBuilder, Url};

/// An answer with any status.
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Where a redirect leads.
    pub location: Option<String>,
    /// Wiped when dropped: it may hold secrets.
    pub body: Zeroizing<Vec<u8>>,
}

/// One client for all, made when it is first needed: reading a system's certificates takes longer than most commands
/// that need none of them.
#[derive(Default)]
pub struct Http {
    trusted: Vec<reqwest::Certificate>,
    client: OnceLock<reqwest::Client>,
}

impl Http {
    /// Trusts the certificates of this PEM file besides the system's. An error names the file.
    pub(super) fn trusting(authorities: &Path) -> Result<Self> {
        Ok(Self { trusted: certificates(authorities)?, client: OnceLock::new() })
    }

    /// A request to be filled in and sent.
    pub fn request(&self, method: Method, url: Url) -> Result<RequestBuilder> {
        Ok(self.client()?.request(method, url))
    }

    /// Sends a request: the one way out. An error is the reason why no answer came; never the request.
    pub async fn send(&self, request: RequestBuilder) -> std::result::Result<Answer, String> {
        let (client, request) = request.build_split();
        let request = request.map_err(|error| reason(&error))?;
        let what =
            format!("{} {}{}", request.method(), request.url().origin().ascii_serialization(), request.url().path());
        let answer = client.execute(request).await.map_err(|error| reason(&error))?;
        tracing::debug!("{what}: HTTP {}", answer.status().as_u16());
        let status = answer.status().as_u16();
        let location = answer.headers().get("location").and_then(|it| it.to_str().ok()).map(str::to_owned);
        let body = answer.bytes().await.map_err(|error| reason(&error))?;
        Ok(Answer { status, location, body: Zeroizing::new(Vec::from(body)) })
    }

    /// The client. It follows no redirect and uses no proxy: a token must reach no other server.
    fn client(&self) -> Result<&reqwest::Client> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        // Another part of the program may have installed it already; both are the same provider.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(Duration::from_secs(20))
            .tls_certs_merge(self.trusted.clone());
        let client =
            builder.build().map_err(|error| Error::new(format!("HTTP can't be used here: {}", deepest(&error))))?;
        Ok(self.client.get_or_init(|| client))
    }
}

fn certificates(file: &Path) -> Result<Vec<reqwest::Certificate>> {
    let wrong = |why: &str| {
        Error::usage(format!("{}: {why}", file.display()))
            .hint("set ca-file in pfddns.toml to a PEM file with the certificates of your own authorities")
    };
    let bytes = std::fs::read(file).map_err(|error| wrong(&format!("can't be read: {}", plain(&error))))?;
    let found = reqwest::Certificate::from_pem_bundle(&bytes).map_err(|_| wrong("not certificates in PEM form"))?;
    if found.is_empty() { Err(wrong("there is no certificate in it")) } else { Ok(found) }
}

/// Why a request came to nothing: the first cause.
fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".into();
    }
    let text = plain(&deepest(error));
    // webpki's messages for a chain that ends at an unknown authority, and for an authority's certificate used by a server.
    if text.contains("unknownissuer") {
        return "its certificate is not signed by a trusted authority".into();
    }
    if text.contains("causedasendentity") {
        return "it uses an authority's certificate as its own; it needs one signed by that authority".into();
    }
    text
}

/// What to try after such a reason, or the advice for any other.
pub fn advice(reason: &str, other: &str) -> String {
    match reason.contains("not signed by a trusted authority") {
        true => "set ca-file under [site] in pfddns.toml to the certificate of its authority".into(),
        false => other.into(),
    }
}

/// The outer errors only say that something went wrong.
fn deepest(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
