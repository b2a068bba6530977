//! The web service: HTTP/1.1 on loopback, what a call carries, and the ways a test can have it fail.

use super::control::CallSeen;
use super::control::Shared;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::io;
use std::net::IpAddr;
use tokio::net::{TcpListener, TcpStream};

/// One API call as it came.
#[derive(Debug, Clone)]
pub struct Call {
    /// `GET`, `POST`, …
    pub method: String,
    /// What follows `/api/`.
    pub path: String,
    /// Of the URL.
    pub query: Vec<(String, String)>,
    /// Of the body.
    pub form: Vec<(String, String)>,
    /// A JSON body, kept for `settings/set` only.
    pub json: Option<Value>,
    /// The body should have been JSON and was not.
    pub bad_json: bool,
    /// Of the `Authorization` header.
    pub bearer: Option<String>,
    /// From where.
    pub peer: IpAddr,
    /// What the primary said of a zone to be copied.
    pub primary: Option<Result<super::rdata::Soa, super::api::ApiError>>,
}

impl Call {
    /// A parameter: from the query if it is there, else from the form; repeated ones joined by commas.
    pub fn raw(&self, name: &str) -> Option<String> {
        let of = |rows: &[(String, String)]| {
            let values: Vec<&str> = rows.iter().filter(|(n, _)| n == name).map(|(_, v)| v.as_str()).collect();
            (!values.is_empty()).then(|| values.join(","))
        };
        of(&self.query).or_else(|| of(&self.form))
    }

    /// The same, but empty counts as absent.
    pub fn get(&self, name: &str) -> Option<String> {
        self.raw(name).filter(|value| !value.is_empty())
    }

    /// The token parameter.
    pub fn token(&self) -> Option<String> {
        self.get("token")
    }

    /// A parameter that must be there.
    pub fn require(&self, name: &str) -> Result<String, super::api::ApiError> {
        self.get(name).ok_or_else(|| super::api::ApiError::missing(name))
    }

    /// A switch, off if absent.
    pub fn flag(&self, name: &str) -> Result<bool, super::api::ApiError> {
        self.get(name).map_or(Ok(false), |text| super::names::boolean(&text))
    }
}

/// Accepts connections until the runtime ends.
pub async fn serve(listener: TcpListener, shared: Shared) {
    loop {
        if let Ok((stream, peer)) = listener.accept().await {
            tokio::spawn(connection(stream, peer.ip(), shared.clone()));
        }
    }
}

async fn connection(stream: TcpStream, peer: IpAddr, shared: Shared) {
    let start = shared.lock().start;
    let service = service_fn(|request| one(request, peer, start, shared.clone()));
    // An error here is what a cut connection looks like from inside.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn one(
    request: Request<Incoming>,
    peer: IpAddr,
    start: u64,
    shared: Shared,
) -> io::Result<Response<Full<Bytes>>> {
    let first_line = request.method().as_str().len() + request.uri().to_string().len() + " HTTP/1.1\r\n".len() + 1;
    if first_line > FIRST_LINE {
        return Ok(response(414, None, String::new()));
    }
    let call = read(request, peer).await?;
    let Some(mut call) = call else { return Ok(response(404, None, String::new())) };
    let ask = shared.lock().ask_before(&call);
    if let Some(ask) = ask {
        call.primary = Some(super::secondary::soa(&ask).await);
    }
    let from = call.peer;
    let (answer, delay) = {
        let mut server = shared.lock();
        server.catch_up();
        if !server.running || server.start != start || server.faults.unreachable || server.faults.cut_before(&call.path)
        {
            return Err(cut());
        }
        server.seen.calls.push(CallSeen::of(&call));
        let answer = server.api(&call);
        if server.faults.cut_after(&call.path) {
            return Err(cut());
        }
        let delay = server.login_delay;
        (answer, delay)
    };
    if let Some(counts) = answer.late {
        // The product hashes the password before it counts a failure: parallel ones get through meanwhile.
        tokio::time::sleep(delay / 20).await;
        if counts {
            shared.lock().live.auth.failed(from);
        }
        tokio::time::sleep(delay).await;
    }
    Ok(response(answer.status, answer.content_type, answer.body))
}

/// An error from the service makes hyper close the connection without an answer.
fn cut() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "the test wants this connection cut")
}

/// The longest first line of a request, as the product's web server has it.
const FIRST_LINE: usize = 8 * 1024;

async fn read(request: Request<Incoming>, peer: IpAddr) -> io::Result<Option<Call>> {
    let Some(path) = request.uri().path().strip_prefix("/api/").map(str::to_owned) else { return Ok(None) };
    let query = pairs(request.uri().query().unwrap_or_default().as_bytes());
    let header =
        |name| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let bearer = header(AUTHORIZATION).strip_prefix("Bearer ").map(str::to_owned);
    let (kind, method) = (header(CONTENT_TYPE), request.method().to_string());
    let body = request.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
    let form = match kind.split_once("boundary=") {
        _ if kind.starts_with("application/x-www-form-urlencoded") => pairs(&body),
        Some((_, boundary)) if kind.starts_with("multipart/form-data") => multipart(&body, boundary.trim_matches('"')),
        _ => Vec::new(),
    };
    let should_be_json = kind.starts_with("application/json");
    let json: Option<Value> = if should_be_json { serde_json::from_slice(&body).ok() } else { None };
    let bad_json = should_be_json && json.is_none();
    Ok(Some(Call { method, path, query, form, json, bad_json, bearer, peer, primary: None }))
}

/// The plain fields of a multipart body; files are passed over.
fn multipart(body: &[u8], boundary: &str) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(body);
    let field = |part: &str| {
        let (head, value) = part.split_once("\r\n\r\n")?;
        let (_, name) = head.split_once("; name=")?;
        let name = name.split([';', '\r']).next()?.trim_matches('"');
        (!head.contains("filename=")).then(|| (name.to_owned(), value.strip_suffix("\r\n").unwrap_or(value).to_owned()))
    };
    text.split(&format!("--{boundary}")).filter_map(field).collect()
}

fn pairs(text: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(text).into_owned().collect()
}

fn response(status: u16, content_type: Option<&'static str>, body: String) -> Response<Full<Bytes>> {
    let mut builder = Response::builder().status(status);
    if let Some(kind) = content_type {
        builder = builder.header(CONTENT_TYPE, kind);
    }
    builder.body(Full::new(Bytes::from(body))).unwrap_or_default()
}
