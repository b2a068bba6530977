//! OpenSSH's server with keys, a port and a configuration of its own, and a client's configuration that leads to it.
//! Nothing of the system is read or changed, but that a server run by root wants /run/sshd to be there.

use super::{Daemon, Started, free_port, program, write};
use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A running sshd.
pub struct Sshd {
    /// For `ssh -F`: the hosts `fw`, `one` and `two` are this server.
    pub config: PathBuf,
    /// The daemon.
    pub daemon: Daemon,
    folder: TempDir,
}

impl Sshd {
    /// Starts one that lets in whoever has the key of this test, as the user who runs the test.
    pub fn start() -> Started<Self> {
        let sshd = program("/usr/sbin/sshd")?;
        program("/usr/bin/ssh")?;
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        if rustix::process::getuid().is_root() {
            fs::create_dir_all("/run/sshd").map_err(|error| error.to_string())?;
        }
        let (dir, port) = (folder.path().display().to_string(), free_port());
        for name in ["host", "other", "user"] {
            make_key(&folder.path().join(name))?;
        }
        fs::copy(folder.path().join("user.pub"), folder.path().join("authorized"))
            .map_err(|error| error.to_string())?;
        let server = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {dir}/host\nPidFile none\nUsePAM no\nStrictModes no\n\
             AuthorizedKeysFile {dir}/authorized\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
             PermitRootLogin prohibit-password\nPrintMotd no\nLogLevel VERBOSE\n"
        );
        write(&folder.path().join("sshd_config"), &server, 0o600);
        let client = format!(
            "Host fw one two\n  HostName 127.0.0.1\n  Port {port}\n  IdentityFile {dir}/user\n  IdentitiesOnly yes\n  \
             UserKnownHostsFile {dir}/known\n  GlobalKnownHostsFile none\n  LogLevel ERROR\n"
        );
        let config = folder.path().join("ssh_config");
        write(&config, &client, 0o600);
        let mut command = Command::new(sshd);
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .args(["-D", "-e", "-f"])
            .arg(folder.path().join("sshd_config"));
        let daemon = Daemon::start(&mut command, &folder.path().join("log"))?;
        let daemon = daemon.ready("sshd", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        let sshd = Self { config, daemon, folder };
        sshd.known("host", port);
        Ok(sshd)
    }

    fn known(&self, key: &str, port: u16) {
        let key = fs::read_to_string(self.path(&format!("{key}.pub"))).expect("a key of ours");
        write(&self.path("known"), &format!("[127.0.0.1]:{port} {key}"), 0o600);
    }

    /// The client knows no host any more.
    pub fn forget(&self) {
        write(&self.path("known"), "", 0o600);
    }

    /// The client knows another key of this host.
    pub fn change(&self) {
        let text = fs::read_to_string(self.path("known")).expect("a file of ours");
        let port = text.split(['[', ']', ':', ' ']).find_map(|it| it.parse::<u16>().ok()).expect("a port");
        self.known("other", port);
    }

    /// A file of its folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn make_key(path: &Path) -> Started<()> {
    let mut command = Command::new("/usr/bin/ssh-keygen");
    let made = command.args(["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f"]).arg(path).output();
    match made {
        Ok(out) if out.status.success() => Ok(()),
        Ok(out) => Err(format!("ssh-keygen: {}", String::from_utf8_lossy(&out.stderr))),
        Err(error) => Err(format!("ssh-keygen: {error}")),
    }
}
