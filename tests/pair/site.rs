//! An HA pair on one machine: two real D2s of two Keas, each with folders of its own, two Technitium doubles, and a way
//! to each firewall that a test chooses.

use crate::doubles::technitium::{Handle, Options, Technitium, Version};
use crate::harness::{Daemon, Kea, KeaHome, free_port, real, write};
use pfddns::config::Config;
use pfddns::model::HostName;
use pfddns::world::{Carrier, Host, Remote, World};
use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

pub const ZONES: [&str; 2] = ["lan.lab.test", "77.10.in-addr.arpa"];
pub const NAMES: [&str; 2] = ["one", "two"];

/// One firewall.
pub struct Fw {
    pub name: &'static str,
    pub d2: Option<Daemon>,
    pub home: KeaHome,
    pub folder: PathBuf,
    pub listen: u16,
}

impl Fw {
    fn start(name: &'static str, kea: Kea, folder: &Path) -> Option<Self> {
        let home = real(kea.home())?;
        let folder = folder.join(name);
        fs::create_dir(&folder).unwrap();
        let captured = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/pfsense/2.8/config.xml");
        fs::copy(captured, folder.join("config.xml")).unwrap();
        let mut fw = Self { name, d2: None, home, folder, listen: free_port() };
        let (port, socket) = (fw.listen, fw.socket());
        let text = format!(
            "{{ \"DhcpDdns\": {{ \"ip-address\": \"127.0.0.1\", \"port\": {port},\n  \"control-socket\": {{ \"socket-type\": \"unix\", \
             \"socket-name\": \"{}\" }} }} }}\n",
            socket.display()
        );
        write(&fw.config(), &text, 0o600);
        let mut command = Command::new(&fw.home.d2);
        command.env_clear().env("PATH", "/usr/bin:/bin").arg("-c").arg(fw.config()).current_dir(fw.home.folder());
        let daemon = Daemon::start(&mut command, &fw.home.folder().join("d2.out")).unwrap();
        fw.d2 = Some(daemon.ready("D2", || UnixStream::connect(&socket).is_ok()));
        Some(fw)
    }

    /// D2's file. Kea names its pid file after it.
    pub fn config(&self) -> PathBuf {
        self.folder.join("kea-dhcp-ddns.conf")
    }

    pub fn socket(&self) -> PathBuf {
        self.home.socket("d2")
    }

    pub fn file(&self) -> String {
        fs::read_to_string(self.config()).unwrap()
    }

    /// What the running D2 answers.
    pub fn says(&self, command: &str) -> String {
        use std::io::{Read as _, Write as _};
        let mut stream = UnixStream::connect(self.socket()).unwrap();
        write!(stream, r#"{{"command":"{command}"}}"#).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn toml(&self, ssh: bool) -> String {
        let (name, folder, run) = (self.name, self.folder.display(), self.home.run.display());
        let ssh = if ssh { format!("ssh = \"{name}\"\n") } else { String::new() };
        format!(
            "[[firewall]]\nname = \"{name}\"\n{ssh}state = \"{folder}/state\"\n[firewall.d2]\nconfig = \"{}\"\nsocket = \"{}\"\n\
             program = \"{}\"\nlisten = \"127.0.0.1:{}\"\n[firewall.pfsense]\nconfig = \"{folder}/config.xml\"\n\
             lock = \"{folder}/config.lock\"\ncache = \"{folder}/config.cache\"\nrestore-points = \"{folder}/backup\"\n\
             php = \"{folder}/no-php\"\nd2-script = \"{folder}/rc.d/pfddns_d2.sh\"\nkea-run = \"{run}\"\n",
            self.config().display(),
            self.socket().display(),
            self.home.d2.display(),
            self.listen,
        )
    }
}

/// The pair.
pub struct Pair {
    pub fws: [Fw; 2],
    pub servers: Vec<Handle>,
    pub folder: tempfile::TempDir,
}

impl Pair {
    /// `ssh`: the text of `[ssh]`, if both are reached so; else the first is this machine, and so is the way to the other.
    pub fn start(ssh: Option<&str>) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let fws = [Fw::start("one", Kea::ALL[1], folder.path())?, Fw::start("two", Kea::ALL[2], folder.path())?];
        let server = |version| {
            let options = Options { save_delay: Duration::ZERO, ..Options::new(version) };
            let server = Technitium::start(options).unwrap();
            ZONES.iter().for_each(|zone| server.put_zone(zone, Vec::new()));
            server
        };
        let pair = Self { fws, servers: vec![server(Version::V15_2)], folder };
        pair.configure(ssh);
        Some(pair)
    }

    fn configure(&self, ssh: Option<&str>) {
        let mut text =
            "version = \"v1\"\n[d2]\ndns-server-timeout-milliseconds = 50\nconflict-mode = \"no-check-with-dhcid\"\n"
                .to_owned();
        text.push_str(&ssh.map_or_else(String::new, |it| format!("[ssh]\n{it}\n")));
        for (number, fw) in self.fws.iter().enumerate() {
            text.push_str(&fw.toml(ssh.is_some() || number > 0));
        }
        for (number, server) in self.servers.iter().enumerate() {
            let token = self.folder.path().join(format!("ns{number}.token"));
            write(&token, server.token(), 0o600);
            text.push_str(&format!(
                "[[server]]\nname = \"ns{number}\"\ntype = \"technitium\"\ndns = \"{}\"\nurl = \"{}\"\ntoken-file = \"{}\"\nsave-delay-seconds = 0.0\n",
                server.dns(),
                server.base_url(),
                token.display()
            ));
        }
        let sources = "sources = [\"127.0.0.1\"]";
        text.push_str(&format!(
            "[[zone]]\nname = \"lan.lab.test\"\n{sources}\n[[subnet]]\nnetwork = \"10.77.0.0/16\"\n{sources}\n"
        ));
        write(&self.file(), &text, 0o600);
    }

    pub fn file(&self) -> PathBuf {
        self.folder.path().join("pfddns.toml")
    }

    pub fn config(&self) -> Config {
        Config::parse(&self.file(), &fs::read_to_string(self.file()).unwrap()).unwrap()
    }

    /// A world in which both are reached through a child; a shell script may stand in the way of one.
    pub fn world(&self, cut: Option<(&str, &str)>) -> World {
        let host = |name: &str| {
            let hands = env!("CARGO_BIN_EXE_pfddns").to_owned();
            let argv = match cut.filter(|it| it.0 == name) {
                None => vec![hands, "hands".into()],
                Some((_, script)) => vec!["/bin/sh".into(), "-c".into(), script.to_owned(), hands],
            };
            let carrier = Carrier { name: name.into(), argv, environment: Vec::new(), hands: "pfddns".into() };
            (HostName::new(name).unwrap(), Host::Remote(Remote::new(carrier)))
        };
        World::with(NAMES.iter().map(|name| host(name)).collect()).unwrap()
    }

    pub fn run(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pfddns"));
        command.env_clear().env("USER", "tester").current_dir(self.folder.path()).stdin(Stdio::null());
        command.arg("--config").arg(self.file()).args(args).output().unwrap()
    }

    pub fn ok(&self, args: &[&str]) -> String {
        let out = self.run(args);
        assert_eq!(out.status.code(), Some(0), "{args:?}: {}{}", text(&out.stderr), text(&out.stdout));
        text(&out.stdout)
    }

    /// Name of each key that the servers hold.
    pub fn keys(&self) -> Vec<String> {
        let mut all: Vec<String> = self.servers.iter().flat_map(Handle::keys).map(|key| key.name).collect();
        all.sort();
        all.dedup();
        all
    }

    /// Keys and rules of the servers and both D2's files; nothing half-written beside them, no probe left.
    pub fn state(&self) -> Vec<String> {
        let mut all: Vec<String> = self.fws.iter().map(Fw::file).collect();
        for server in &self.servers {
            all.push(format!("{:?} {:?}", server.keys(), server.rules()));
            for zone in ZONES {
                let records = server.records(zone).into_iter().map(|it| format!("{it:?}"));
                let probes: Vec<String> = records.filter(|it| it.contains("probe")).collect();
                assert_eq!(probes, [""; 0], "a probe was left in {zone}");
            }
        }
        for fw in &self.fws {
            for folder in [fw.folder.clone(), fw.folder.join("state"), fw.folder.join("state/backups")] {
                for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                    let name = entry.file_name().to_string_lossy().into_owned();
                    assert!(!name.contains(".pfddns-"), "{name} was left on {}", fw.name);
                }
            }
        }
        all
    }

    /// Both D2s, files and daemons, sign with the one key there is.
    pub fn agrees(&self) {
        let keys = self.keys();
        assert_eq!(keys.len(), 1, "{keys:?}");
        for fw in &self.fws {
            assert!(fw.file().contains(&keys[0]), "D2's file on {}", fw.name);
            assert!(fw.says("config-get").contains(&keys[0]), "the D2 on {}", fw.name);
        }
    }
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
