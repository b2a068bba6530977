//! BIND 9 with the keys and zones a test gives it, and an rndc of its own.

use super::{Daemon, Started, free_port, program, write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A running named.
pub struct Named {
    /// Where it takes queries and updates, UDP and TCP.
    pub dns: SocketAddr,
    /// Its `named.conf`, made of the harness's options and the test's text.
    pub config: PathBuf,
    /// The daemon.
    pub daemon: Daemon,
    folder: TempDir,
    rndc_port: u16,
}

const NAMED: &str = "/usr/sbin/named";
const RNDC: &str = "/usr/sbin/rndc";

impl Named {
    /// Starts one in a folder of its own. `statements` is handed the folder and gives what follows `options` and
    /// `controls` in named.conf: keys, ACLs, zones; see [`Named::zone`].
    pub fn start(statements: impl FnOnce(&Path) -> String) -> Started<Self> {
        let named = program(NAMED)?;
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let (dir, port, rndc_port) = (folder.path(), free_port(), free_port());
        let secret = "cm5kYy1rZXktb2YtYS10ZXN0LW9ubHktMzItYnl0ZXM=";
        let key = format!("key \"rndc\" {{ algorithm hmac-sha256; secret \"{secret}\"; }};\n");
        write(&dir.join("rndc.key"), &key, 0o600);
        let dir_text = dir.display();
        let options = format!(
            "options {{ directory \"{dir_text}\"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};\n\
             pid-file none; session-keyfile none; lock-file none; recursion no; dnssec-validation no; notify no;\n\
             allow-transfer {{ 127.0.0.0/8; }}; querylog no; }};\n\
             include \"{dir_text}/rndc.key\";\n\
             controls {{ inet 127.0.0.1 port {rndc_port} allow {{ 127.0.0.1; }} keys {{ \"rndc\"; }}; }};\n"
        );
        let config = dir.join("named.conf");
        write(&config, &(options + &statements(dir)), 0o600);
        let mut command = Command::new(named);
        command.env_clear().args(["-g", "-4", "-n", "1", "-c"]).arg(&config);
        let daemon = Daemon::start(&mut command, &dir.join("log"))?;
        let log = dir.join("log");
        let ready = || std::fs::read_to_string(&log).is_ok_and(|text| text.contains(" running\n"));
        let daemon = daemon.ready("named", ready);
        Ok(Self { dns: (Ipv4Addr::LOCALHOST, port).into(), config, daemon, folder, rndc_port })
    }

    /// Writes a zone with SOA, one NS and its address, and gives the statement for it. `more` is put inside the
    /// statement: `update-policy { … };`.
    pub fn zone(folder: &Path, name: &str, more: &str) -> String {
        let name = name.trim_end_matches('.');
        let file = folder.join(format!("{}.zone", name.replace('/', "_")));
        let text =
            format!("$TTL 60\n@ SOA ns1.{name}. root.{name}. 1 3600 600 86400 60\n@ NS ns1.{name}.\nns1 A 127.0.0.1\n");
        write(&file, &text, 0o600);
        format!("zone \"{name}\" {{ type primary; file \"{}\"; {more} }};\n", file.display())
    }

    /// Its folder: zone files and everything it writes.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// `rndc` and its options, absolute path first, without a command.
    pub fn rndc(&self) -> Vec<String> {
        let key = self.folder.path().join("rndc.key");
        let port = self.rndc_port.to_string();
        [RNDC, "-s", "127.0.0.1", "-p", &port, "-k", &key.to_string_lossy()].map(String::from).to_vec()
    }
}
