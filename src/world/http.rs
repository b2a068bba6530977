//! HTTP to the servers' APIs and the secret store: one client, and why a request came to nothing. Knows no product.

use crate::error::{Error, Result};
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

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

    /// The client. It follows no redirect and uses no proxy: a token must not travel on.
    pub fn client(&self) -> Result<&reqwest::Client> {
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
            .hint("ca-file in pfddns.toml names a PEM file with the certificates of your own authorities")
    };
    let bytes = std::fs::read(file).map_err(|error| {
        let text = error.to_string();
        wrong(&format!("can't be read: {}", text.split(" (os error").next().unwrap_or(&text).to_lowercase()))
    })?;
    let found = reqwest::Certificate::from_pem_bundle(&bytes).map_err(|_| wrong("not certificates in PEM form"))?;
    if found.is_empty() { Err(wrong("there is no certificate in it")) } else { Ok(found) }
}

/// Why a request came to nothing: the first cause, without Rust's `(os error N)`; never the request.
pub fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".into();
    }
    let text = deepest(error);
    let text = text.split(" (os error").next().unwrap_or(&text).to_lowercase();
    // webpki's words for a chain that ends at nobody known, and for an authority's certificate used as a server's.
    if text.contains("unknownissuer") {
        return "its certificate is by no authority that is trusted here".into();
    }
    if text.contains("causedasendentity") {
        return "it shows an authority's certificate as its own; it needs one signed by that authority".into();
    }
    text
}

/// What to try after such a reason, or the advice for any other.
pub fn advice(reason: &str, other: &str) -> String {
    match reason.contains("no authority that is trusted") {
        true => "name the certificate of its authority as ca-file under [site] in pfddns.toml".into(),
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
