//! HTTP/1.1 by hand: one call per connection.

use crate::doubles::technitium::Handle;
use serde_json::Value;
use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// What to send.
#[derive(Default)]
pub struct Request {
    /// `POST` if empty.
    pub method: String,
    /// Below `/api/`.
    pub path: String,
    /// Goes into the URL.
    pub query: Vec<(String, String)>,
    /// Content type and body.
    pub body: Option<(&'static str, String)>,
    /// `Authorization: Bearer`.
    pub bearer: Option<String>,
    /// The client's address, 127.0.0.1 if none.
    pub source: Option<IpAddr>,
}

/// `a=b&c=d`, everything but letters and digits encoded.
pub fn encode(pairs: &[(String, String)]) -> String {
    let part = |text: &str| -> String {
        let byte = |b: u8| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") };
        text.bytes().map(byte).collect()
    };
    pairs.iter().map(|(name, value)| format!("{}={}", part(name), part(value))).collect::<Vec<_>>().join("&")
}

/// Status and body; an error if the connection ends before an answer.
pub fn send(server: &Handle, request: &Request) -> io::Result<(u16, String)> {
    let base = server.base_url();
    let address = base.strip_prefix("http://").unwrap();
    let source = request.source.unwrap_or(Ipv4Addr::LOCALHOST.into());
    let mut stream = crate::wire::connect(address.parse().unwrap(), source)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let method = if request.method.is_empty() { "POST" } else { &request.method };
    let query = encode(&request.query);
    let url = if query.is_empty() { request.path.clone() } else { format!("{}?{query}", request.path) };
    let mut head = format!("{method} /api/{url} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    let body = request.body.as_ref().map(|(_, body)| body.as_str()).unwrap_or_default();
    if let Some((kind, _)) = &request.body {
        head.push_str(&format!("Content-Type: {kind}\r\nContent-Length: {}\r\n", body.len()));
    }
    if let Some(token) = &request.bearer {
        head.push_str(&format!("Authorization: Bearer {token}\r\n"));
    }
    stream.write_all(format!("{head}\r\n{body}").as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap();
    Ok((status, body.to_owned()))
}

/// A POST of a form with the administrator's token.
pub fn try_call(server: &Handle, path: &str, form: &[(&str, &str)]) -> io::Result<Value> {
    let mut pairs: Vec<(String, String)> = form.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    pairs.push(("token".into(), server.token().into()));
    let body = Some(("application/x-www-form-urlencoded", encode(&pairs)));
    let (_, text) = send(server, &Request { path: path.into(), body, ..Request::default() })?;
    Ok(serde_json::from_str(&text).unwrap_or(Value::Null))
}

/// The same, where an answer must come.
pub fn call(server: &Handle, path: &str, form: &[(&str, &str)]) -> Value {
    try_call(server, path, form).unwrap()
}

/// The same, where the answer must be `ok`.
pub fn ok(server: &Handle, path: &str, form: &[(&str, &str)]) -> Value {
    let answer = call(server, path, form);
    assert_eq!(answer["status"], "ok", "{path}: {answer}");
    answer["response"].clone()
}
