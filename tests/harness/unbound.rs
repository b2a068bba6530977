//! Unbound with the options a test gives it, as pfSense's DNS Resolver would have them.

use super::{Daemon, Started, free_port, program, write};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use tempfile::TempDir;

/// A running unbound that validates, knows the root's real anchor, and reaches nothing but loopback.
pub struct Unbound {
    /// Where it answers.
    pub dns: SocketAddr,
    /// The daemon.
    pub daemon: Daemon,
    _folder: TempDir,
}

impl Unbound {
    /// `options` is appended to the configuration, as pfSense appends its custom options. Whatever it does not know by
    /// those, it would have to ask `root`, which is no root.
    pub fn start(options: &str, root: SocketAddr) -> Started<Self> {
        let unbound = program("/usr/sbin/unbound")?;
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let (dir, port) = (folder.path().display().to_string(), free_port());
        let text = format!(
            "server:\n chroot: \"\"\n username: \"\"\n directory: \"{dir}\"\n pidfile: \"\"\n do-daemonize: no\n use-syslog: no\n \
             interface: 127.0.0.1@{port}\n do-ip6: no\n do-not-query-localhost: no\n module-config: \"validator iterator\"\n \
             trust-anchor: \". DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D\"\n \
             private-address: 10.0.0.0/8\nstub-zone:\n name: \".\"\n stub-addr: 127.0.0.1@{}\n{options}",
            root.port()
        );
        let config = folder.path().join("unbound.conf");
        write(&config, &text, 0o600);
        let log = folder.path().join("log");
        let mut command = Command::new(unbound);
        command.env_clear().arg("-c").arg(&config);
        let daemon = Daemon::start(&mut command, &log)?;
        let ready = || std::fs::read_to_string(&log).is_ok_and(|text| text.contains("start of service"));
        let daemon = daemon.ready("unbound", ready);
        Ok(Self { dns: (Ipv4Addr::LOCALHOST, port).into(), daemon, _folder: folder })
    }
}
