//! Real daemons for tests, on loopback, in temp folders, ended by their own pid when dropped. A test says
//! `let Some(bao) = real(Bao::start()) else { return };`: a daemon that is not installed is a printed skip at a desk
//! and a failure where `CI` or `PFDDNS_CI` is set. `packaging/ci/peers` installs them all.
//!
//! Use it with `#[path = "../harness/mod.rs"] mod harness;`.
#![allow(dead_code, unused_imports, reason = "each test program uses a part of it")]

mod bao;
mod dhcp;
mod executable;
mod kea;
mod named;
mod sshd;
mod unbound;

pub use bao::Bao;
pub use dhcp::Dhcp;
pub use executable::executable;
pub use kea::{Kea, KeaHome};
pub use named::Named;
pub use sshd::Sshd;
pub use unbound::Unbound;

use std::fs::File;
use std::hash::{BuildHasher as _, RandomState};
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};
use std::{env, fs};

/// What a start gives: the daemon, or why it can't be had.
pub type Started<T> = Result<T, String>;

/// The daemon, or a skip with its reason. In CI there are no skips.
pub fn real<T>(started: Started<T>) -> Option<T> {
    match started {
        Ok(daemon) => Some(daemon),
        Err(why) if in_ci() => panic!("no skips in CI: {why}"),
        Err(why) => {
            // Not `eprintln!`: the test runner would swallow it.
            let _ = writeln!(std::io::stderr(), "skipped: {why} (packaging/ci/peers installs it)");
            None
        }
    }
}

fn in_ci() -> bool {
    ["CI", "PFDDNS_CI"].iter().any(|name| env::var_os(name).is_some_and(|it| !it.is_empty() && it != "false"))
}

/// Where `packaging/ci/peers` put what Debian 12 does not have: `trixie/`, `forky/` (Kea) and `bin/bao`.
pub fn peers() -> PathBuf {
    if let Some(path) = env::var_os("PFDDNS_PEERS") {
        return path.into();
    }
    let cache = env::var_os("PFDDNS_CACHE").map(PathBuf::from);
    let home = || PathBuf::from(env::var_os("HOME").unwrap_or_else(|| "/root".into())).join(".cache/pfddns");
    cache.unwrap_or_else(home).join("peers")
}

/// The program, if it is installed.
pub fn program(path: impl Into<PathBuf>) -> Started<PathBuf> {
    let path = path.into();
    if path.is_file() { Ok(path) } else { Err(format!("{} is not installed", path.display())) }
}

/// A port of 127.0.0.1 that nobody has by TCP or UDP, below the range of outgoing connections, never given twice here.
/// The next three are not given to anybody else either: OpenBao takes the one after its own for its cluster.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Test programs that run side by side start at different places.
    static START: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(std::process::id()));
    for _ in 0..5_000 {
        let step = START.wrapping_add(u64::from(NEXT.fetch_add(1, Ordering::Relaxed)));
        let port = u16::try_from(10_000 + step % 5_000 * 4).expect("below 65536");
        let is_free = |port| {
            let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, port));
            tcp.is_ok() && UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
        };
        if is_free(port) && is_free(port + 1) {
            return port;
        }
    }
    panic!("no free port on 127.0.0.1");
}

/// Asks until it is so; an error says what was not.
pub fn until(limit: Duration, what: &str, mut holds: impl FnMut() -> bool) -> Started<()> {
    let deadline = Instant::now() + limit;
    while !holds() {
        if Instant::now() > deadline {
            return Err(format!("{what}: not within {} s", limit.as_secs()));
        }
        sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// Puts a file there with this mode, one to be run too.
pub fn write(path: &Path, text: &str, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    if mode & 0o111 != 0 {
        return executable(path, text.as_bytes(), mode);
    }
    fs::write(path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a file of ours has a mode we may set");
}

/// A running program of ours. Dropping it ends it: SIGTERM, after three seconds SIGKILL.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    log: PathBuf,
}

impl Daemon {
    /// Starts it with nothing inherited but what `command` says; its output goes to `log`.
    pub fn start(command: &mut Command, log: &Path) -> Started<Self> {
        let out = File::options().create(true).append(true).open(log).map_err(|error| error.to_string())?;
        let err = out.try_clone().map_err(|error| error.to_string())?;
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command.stdin(Stdio::null()).stdout(out).stderr(err).spawn();
        Ok(Self { child: child.map_err(|error| format!("{program}: {error}"))?, log: log.into() })
    }

    /// Waits until it is ready. A daemon that has ended, or takes longer than 15 s, is a failure with the end of its log,
    /// never a skip: it is installed and should work.
    pub fn ready(mut self, what: &str, mut holds: impl FnMut() -> bool) -> Self {
        let done = until(Duration::from_secs(15), what, || !self.is_running() || holds());
        if done.is_err() || !self.is_running() {
            panic!("{what}: it did not come up\n{}", self.log_end());
        }
        self
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// False once it has ended.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// The last lines it printed.
    pub fn log_end(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// Sends it SIGHUP: reread the configuration.
    pub fn hang_up(&self) {
        self.signal(rustix::process::Signal::HUP);
    }

    /// Ends it at once, as a crash would.
    pub fn crash(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Ends it the polite way.
    pub fn stop(&mut self) {
        if self.is_running() {
            self.signal(rustix::process::Signal::TERM);
        }
        if until(Duration::from_secs(3), "ending", || !self.is_running()).is_err() {
            self.crash();
        }
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let pid = i32::try_from(self.pid()).ok().and_then(rustix::process::Pid::from_raw);
        if let Some(pid) = pid {
            let _ = rustix::process::kill_process(pid, signal);
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.stop();
    }
}
