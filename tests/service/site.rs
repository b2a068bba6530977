//! A firewall's folder with one Technitium double; D2 is started by the service under test only.

use crate::doubles::technitium::{Handle, Options, Technitium, Version};
use crate::harness::{Bao, Kea, KeaHome, free_port, real, until, write};
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

pub struct Site {
    pub server: Handle,
    home: KeaHome,
    listen: u16,
    _bao: Option<Bao>,
    folder: tempfile::TempDir,
}

impl Site {
    /// `None` where this Kea is not installed (never in CI).
    pub fn start(kea: Kea, bao: Option<Bao>) -> Option<Self> {
        let home = real(kea.home())?;
        let folder = tempfile::tempdir().unwrap();
        let options = Options { save_delay: Duration::from_millis(100), ..Options::new(Version::V15_2) };
        let server = Technitium::start(options).unwrap();
        for zone in ["lan.lab.test", "20.77.10.in-addr.arpa"] {
            server.put_zone(zone, Vec::new());
        }
        let store = bao.as_ref().map_or_else(String::new, |it| {
            format!("[store]\ntype = \"vault\"\nurl = \"{}\"\ntoken-file = \"{}\"\n", it.url, it.token_file.display())
        });
        let site = Self { server, home, listen: free_port(), _bao: bao, folder };
        let captured = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/pfsense/2.8/config.xml");
        fs::copy(captured, site.at("config.xml")).unwrap();
        let root = site.folder.path().display();
        let text = format!(
            "version = \"v1\"\n[site]\nstate = \"{root}/state\"\n{store}[d2]\nconfig = \"{root}/kea-dhcp-ddns.conf\"\n\
             socket = \"{}\"\nprogram = \"{}\"\nlisten = \"127.0.0.1:{}\"\ndns-server-timeout-milliseconds = 200\n\
             [pfsense]\nconfig = \"{root}/config.xml\"\nlock = \"{root}/config.lock\"\ncache = \"{root}/config.cache\"\n\
             restore-points = \"{root}/backup\"\nphp = \"{root}/php\"\nd2-script = \"{root}/rc.d/pfddns_d2.sh\"\n\
             kea-run = \"{}\"\n[[server]]\nname = \"ns1\"\ntype = \"technitium\"\ndns = \"{}\"\nurl = \"{}\"\n\
             token-file = \"{root}/ns1.token\"\nsave-delay-seconds = 0.1\n[[zone]]\nname = \"lan.lab.test\"\n\
             sources = [\"127.0.0.1\"]\n[[subnet]]\nnetwork = \"10.77.20.0/24\"\nsources = [\"127.0.0.1\"]\n",
            site.home.socket("d2").display(),
            site.home.d2.display(),
            site.listen,
            site.home.run.display(),
            site.server.dns(),
            site.server.base_url(),
        );
        write(&site.at("pfddns.toml"), &text, 0o600);
        write(&site.at("ns1.token"), site.server.token(), 0o600);
        Some(site)
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn script(&self) -> PathBuf {
        self.at("rc.d/pfddns_d2.sh")
    }

    pub fn config_xml(&self) -> String {
        fs::read_to_string(self.at("config.xml")).unwrap()
    }

    /// Exit code and everything said.
    pub fn pfddns(&self, args: &[&str]) -> (i32, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pfddns"));
        command.env_clear().stdin(Stdio::null()).arg("--config").arg(self.at("pfddns.toml")).args(args);
        let out = command.output().unwrap();
        let said = String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned();
        (out.status.code().unwrap(), said)
    }

    pub fn ok(&self, args: &[&str]) -> String {
        let (code, said) = self.pfddns(args);
        assert_eq!(code, 0, "{args:?}: {said}");
        said
    }

    /// A D2 file with nothing but its ports.
    pub fn empty_d2(&self) -> String {
        let socket = self.home.socket("d2");
        format!(
            "{{\"DhcpDdns\":{{\"port\":{},\"control-socket\":{{\"socket-type\":\"unix\",\"socket-name\":\"{}\"}}}}}}",
            self.listen,
            socket.display()
        )
    }

    pub fn d2_answers(&self) -> bool {
        UnixStream::connect(self.home.socket("d2")).is_ok()
    }

    pub fn d2_says(&self, command: &str) -> String {
        let mut stream = UnixStream::connect(self.home.socket("d2")).unwrap();
        write!(stream, r#"{{"command":"{command}"}}"#).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Name of the key in D2's file.
    pub fn d2_key(&self) -> String {
        let text = fs::read_to_string(self.at("kea-dhcp-ddns.conf")).unwrap();
        let at = text.find("\"ddns-").expect("a key's name") + 1;
        text[at..].split('"').next().unwrap().trim_end_matches('.').to_owned()
    }

    /// The running D2, by its script.
    pub fn pid(&self) -> Option<String> {
        let out = Command::new(self.script()).env_clear().env("PATH", "/usr/bin:/bin").arg("status").output().ok()?;
        let said = String::from_utf8(out.stdout).unwrap();
        said.strip_prefix("kea-dhcp-ddns is running as pid ").map(|it| it.trim().to_owned())
    }

    /// SIGKILL, as a power cut for the one process: pid file and socket stay.
    pub fn crash(&self, pid: &str) {
        assert!(Command::new("/bin/kill").args(["-KILL", pid]).status().unwrap().success());
        until(Duration::from_secs(10), "D2 is gone", || !self.d2_answers()).unwrap();
    }

    /// A new disk with config.xml restored.
    pub fn reinstall(&self, keep_state: bool) {
        self.crash(&self.pid().unwrap());
        fs::remove_dir_all(self.at("rc.d")).unwrap();
        fs::remove_file(self.at("kea-dhcp-ddns.conf")).unwrap();
        fs::remove_dir_all(&self.home.run).unwrap();
        if !keep_state {
            fs::remove_dir_all(self.at("state")).unwrap();
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(pid) = self.pid() {
            let _ = Command::new("/bin/kill").args(["-KILL", &pid]).status();
        }
    }
}

/// config.xml without its note about the last change.
pub fn without_revision(text: &str) -> String {
    let (head, rest) = text.split_once("<revision>").unwrap();
    format!("{head}{}", rest.split_once("</revision>").unwrap().1)
}

/// Mode of a file.
pub fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}
