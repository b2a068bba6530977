//! Peers that give fixed answers, for what no real server can be made to say on demand.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread;

/// An HTTP server that answers each path below `/api/` from a list. It lives as long as the test process.
pub struct Http {
    pub at: SocketAddr,
    calls: Arc<Mutex<Vec<String>>>,
}

impl Http {
    /// `answers`: path, status line, extra header lines, body.
    pub fn start(answers: Vec<(&'static str, &'static str, String, String)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        let calls = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&calls);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut bytes = Vec::new();
                let mut buffer = [0u8; 4096];
                let path = loop {
                    let length = stream.read(&mut buffer).unwrap_or(0);
                    bytes.extend_from_slice(&buffer[..length]);
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    let Some((head, body)) = text.split_once("\r\n\r\n") else {
                        if length == 0 {
                            break String::new();
                        }
                        continue;
                    };
                    let wanted =
                        head.lines().find_map(|it| it.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
                    if body.len() >= wanted.unwrap_or(0) || length == 0 {
                        break head.split(' ').nth(1).unwrap_or_default().to_owned();
                    }
                };
                seen.lock().unwrap().push(path.clone());
                let found = answers.iter().find(|(it, ..)| path == format!("/api/{it}"));
                let (status, headers, body) =
                    found.map_or(("404 Not Found", "", ""), |(_, status, headers, body)| (status, headers, body));
                let length = body.len();
                let _ = write!(
                    stream,
                    "HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
                );
            }
        });
        Self { at, calls }
    }

    /// Answers with HTTP 200.
    pub fn json(answers: &[(&'static str, &str)]) -> Self {
        Self::start(answers.iter().map(|(path, body)| (*path, "200 OK", String::new(), (*body).to_owned())).collect())
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.at)
    }

    /// Paths asked for, in order.
    pub fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }
}

/// A DNS server that makes its answer out of the request's bytes; TCP is closed on that port.
pub fn dns(answer: impl Fn(Vec<u8>) -> Vec<u8> + Send + 'static) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let at = socket.local_addr().unwrap();
    thread::spawn(move || {
        let mut buffer = [0u8; 4096];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let _ = socket.send_to(&answer(buffer[..length].to_vec()), from);
        }
    });
    at
}
