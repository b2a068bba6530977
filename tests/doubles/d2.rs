//! A real kea-dhcp-ddns, started in the foreground for the lab and the tests, ended with its handle.

use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Where Debian's packages and pfSense put it.
const PLACES: [&str; 2] = ["/usr/sbin/kea-dhcp-ddns", "/usr/local/sbin/kea-dhcp-ddns"];
/// The one folder in which Kea 2.6.3 and later take a control socket, mode 0750.
const RUN: &str = "/run/kea";

/// A running D2.
pub struct RealD2 {
    /// Its configuration file.
    pub config: PathBuf,
    /// Its control socket.
    pub socket: PathBuf,
    /// Its program.
    pub program: PathBuf,
    /// Its log.
    pub log: PathBuf,
    child: Child,
}

/// The program, if it is installed.
pub fn installed() -> Option<PathBuf> {
    PLACES.iter().map(PathBuf::from).find(|path| path.exists())
}

/// Its version, such as `2.2.0`.
pub fn version(program: &Path) -> io::Result<String> {
    let out = Command::new(program).arg("-v").output()?;
    Ok(String::from_utf8_lossy(&out.stdout).trim().to_owned())
}

impl RealD2 {
    /// Starts it with nothing but its ports, as on a firewall where nobody has set up DDNS yet.
    pub fn start(program: &Path, folder: &Path, listen: SocketAddr) -> io::Result<Self> {
        // The base name of the file becomes that of the PID file: it must differ from any other D2's here.
        let name = format!("pfddns-{}-{}", std::process::id(), listen.port());
        std::fs::DirBuilder::new().recursive(true).mode(0o750).create(RUN)?;
        std::fs::set_permissions(RUN, std::fs::Permissions::from_mode(0o750))?;
        let config = folder.join(format!("{name}.conf"));
        let socket = Path::new(RUN).join(format!("{name}.sock"));
        let (ip, port) = (listen.ip(), listen.port());
        let text = format!(
            "{{ \"DhcpDdns\": {{ \"ip-address\": \"{ip}\", \"port\": {port},\n  \"control-socket\": {{ \"socket-type\": \"unix\", \"socket-name\": \"{}\" }} }} }}\n",
            socket.display()
        );
        super::site::private(&config, text.as_bytes())?;
        let log = folder.join(format!("{name}.log"));
        let out = File::create(&log)?;
        let child = Command::new(program)
            .args(["-c".as_ref(), config.as_os_str()])
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out)
            .spawn()?;
        let mut d2 = Self { config, socket, program: program.to_owned(), log, child };
        d2.wait()?;
        Ok(d2)
    }

    fn wait(&mut self) -> io::Result<()> {
        let deadline = Instant::now() + Duration::from_secs(15);
        while Instant::now() < deadline {
            if std::os::unix::net::UnixStream::connect(&self.socket).is_ok() {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                let log = std::fs::read_to_string(&self.log).unwrap_or_default();
                return Err(io::Error::other(format!("D2 ended with {status}: {log}")));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Err(io::Error::other("D2 has no control socket after 15 s"))
    }
}

impl Drop for RealD2 {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        // What it would remove itself, were it asked to end, and the lock that Kea never removes.
        let named = self.socket.with_extension("");
        for end in ["sock", "sock.lock", "kea-dhcp-ddns.pid"] {
            let _ = std::fs::remove_file(named.with_extension(end));
        }
    }
}
