//! The worst server there is: its error messages repeat the whole request, so that whatever is passed on of them leaks.

use serde_json::json;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

/// Starts it on a free port for the rest of the test; gives its URL.
pub fn start() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A client that has gone away is none of ours to judge.
            let _ = answer(stream);
        }
    });
    url
}

fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    while !whole(&request) {
        match stream.read(&mut buffer)? {
            0 => break,
            read => request.extend_from_slice(&buffer[..read]),
        }
    }
    let text = String::from_utf8_lossy(&request).into_owned();
    // A token in a form arrives percent-encoded; a server would show it decoded.
    let shown = text.replace("%2B", "+").replace("%2F", "/").replace("%3D", "=");
    // Vault says no with a code and `errors`, Technitium with HTTP 200 and `status`.
    let code = if text.contains(" /v1/") { "403 Forbidden" } else { "200 OK" };
    let line = shown.replace(['\r', '\n'], " ");
    let body =
        json!({ "status": "error", "errorMessage": line, "innerErrorMessage": line, "errors": [line] }).to_string();
    write!(
        stream,
        "HTTP/1.1 {code}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// Has the whole request arrived?
fn whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_ascii_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    body.len() >= length.and_then(|it| it.trim().parse().ok()).unwrap_or(0)
}
