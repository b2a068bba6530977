//! OpenBao in its development mode: in memory, unsealed, KV version 2 at `secret/`.

use super::{Daemon, Started, free_port, peers, program, write};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// A running OpenBao.
pub struct Bao {
    /// `http://127.0.0.1:PORT`, or `https://…`
    pub url: String,
    /// A 0600 file with the root token.
    pub token_file: PathBuf,
    /// The daemon.
    pub daemon: Daemon,
    folder: TempDir,
    address: SocketAddr,
}

/// The root token of each of these servers.
pub const ROOT: &str = "root-token-of-a-test";

impl Bao {
    /// Starts one and waits until it answers.
    pub fn start() -> Started<Self> {
        let mut it = Self::launch("http", &[])?;
        let address = it.address;
        // Health alone comes too early: the mount of `secret/` is made a moment later.
        let ready = || talk(address, "GET", "sys/internal/ui/mounts/secret", ROOT, "").is_some_and(|it| it.0 == 200);
        it.daemon = it.daemon.ready("OpenBao", ready);
        Ok(it)
    }

    /// Starts one that speaks TLS, with a certificate by an authority of its own (`authority`). It listens when this
    /// returns; its mount may take a moment more.
    pub fn start_tls() -> Started<Self> {
        let mut it = Self::launch("https", &["-dev-tls", "-dev-tls-cert-dir=."])?;
        let address = it.address;
        it.daemon = it.daemon.ready("OpenBao", || TcpStream::connect(address).is_ok());
        Ok(it)
    }

    /// The authority of its certificate, in PEM.
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("vault-ca.pem")
    }

    fn launch(scheme: &str, more: &[&str]) -> Started<Self> {
        let bao = program(peers().join("bin/bao"))?;
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let token_file = folder.path().join("token");
        write(&token_file, ROOT, 0o600);
        let mut command = Command::new(bao);
        command.env_clear().env("HOME", folder.path()).current_dir(folder.path());
        command.args(["server", "-dev", "-dev-no-store-token", &format!("-dev-root-token-id={ROOT}")]);
        command.arg(format!("-dev-listen-address={address}")).args(more);
        let daemon = Daemon::start(&mut command, &folder.path().join("log"))?;
        Ok(Self { url: format!("{scheme}://{address}"), token_file, daemon, folder, address })
    }

    /// One API call as root: HTTP code and body. `path` is without `/v1/`.
    pub fn call(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        talk(self.address, method, path, ROOT, body).unwrap_or_else(|| panic!("no answer to {method} {path}"))
    }

    /// A 0600 file with this token in it.
    pub fn token_file(&self, name: &str, token: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        write(&path, token, 0o600);
        path
    }
}

/// HTTP/1.0 by hand, so that no client library of the program stands on both sides of a test.
fn talk(address: SocketAddr, method: &str, path: &str, token: &str, body: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    let kind = if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
    let head = format!("{method} /v1/{path} HTTP/1.0\r\nX-Vault-Token: {token}\r\nContent-Type: {kind}\r\n");
    write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}
