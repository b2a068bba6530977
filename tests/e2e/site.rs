//! One site with everything real that can be: D2 of a given Kea, a named with rndc, OpenBao; Technitium by its double.
//! pfddns itself is the real program, run as a child with an empty environment.

use crate::doubles::dhcp4::Dhcp4;
pub use crate::doubles::dhcp4::Lease;
use crate::doubles::technitium::{Handle, Options, Technitium, Version};
use crate::harness::{Bao, Daemon, Kea, KeaHome, Named, Started, free_port, real, until, write};
use std::cell::Cell;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

pub const ZONE: &str = "lan.lab.test";
/// In the order in which pfddns writes them: by name.
pub const ZONES: [&str; 2] = ["20.77.10.in-addr.arpa", ZONE];

/// What a test may choose.
pub struct Plan {
    pub kea: Kea,
    /// BIND is the server D2 writes to; else the newer Technitium.
    pub bind_first: bool,
    /// Keys in OpenBao; else in the sealed file.
    pub vault: bool,
    /// D2's patience with a DNS server; decides how long a rotation waits for updates under way.
    pub timeout_ms: u32,
    /// Folder of pfddns, if not below the site's own.
    pub state: Option<PathBuf>,
    /// Folder of D2's file, if not the site's own.
    pub d2_folder: Option<PathBuf>,
}

impl Plan {
    pub fn new(kea: Kea) -> Self {
        Self { kea, bind_first: false, vault: false, timeout_ms: 100, state: None, d2_folder: None }
    }
}

/// A running site; everything ends when it is dropped.
pub struct Site {
    pub servers: Vec<Handle>,
    pub named: Named,
    pub bao: Option<Bao>,
    pub dhcp4: Dhcp4,
    pub state: PathBuf,
    pub d2_config: PathBuf,
    /// The server D2 writes to.
    pub first: SocketAddr,
    pub versions: String,
    include: PathBuf,
    config: PathBuf,
    looked_at: Cell<usize>,
    d2: Daemon,
    _home: KeaHome,
    _folder: tempfile::TempDir,
}

impl Site {
    /// Starts it; `None` where a real peer is missing (never in CI).
    pub fn start(plan: &Plan) -> Option<Self> {
        let home = real(plan.kea.home())?;
        let named = real(start_named())?;
        let bao = if plan.vault { Some(real(Bao::start())?) } else { None };
        let folder = tempfile::tempdir().unwrap();
        let servers: Vec<Handle> = [Version::V13_6, Version::V15_2].map(technitium).into();
        let state = plan.state.clone().unwrap_or_else(|| folder.path().join("state"));
        let d2_config = plan.d2_folder.as_deref().unwrap_or_else(|| folder.path()).join("kea-dhcp-ddns.conf");
        let listen = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let d2 = start_d2(&home, &d2_config, listen);
        let dhcp4 = Dhcp4::start(&folder.path().join("kea4-ctrl-socket"), listen, &["10.77.10.0/24"], ZONE).unwrap();
        let first = if plan.bind_first { named.dns } else { servers[1].dns() };
        let mut site = Self {
            include: named.folder().join("pfddns.conf"),
            config: folder.path().join("pfddns.toml"),
            versions: String::new(),
            looked_at: Cell::new(0),
            _home: home,
            _folder: folder,
            servers,
            named,
            bao,
            dhcp4,
            state,
            d2_config,
            first,
            d2,
        };
        site.versions = site.seen_versions();
        write(&site.config, &site.configuration(plan, listen), 0o600);
        Some(site)
    }

    fn configuration(&self, plan: &Plan, listen: SocketAddr) -> String {
        let folder = self.config.parent().unwrap().display();
        let mut text = format!(
            "version = \"v1\"\n[site]\nname = \"e2e\"\nstate = \"{}\"\n[d2]\nhost = \"firewall\"\nconfig = \"{}\"\n\
             socket = \"{}\"\nprogram = \"{}\"\nlisten = \"{listen}\"\ndhcp4-socket = \"{folder}/kea4-ctrl-socket\"\n\
             dns-server-timeout-milliseconds = {}\n",
            self.state.display(),
            self.d2_config.display(),
            self._home.socket("d2").display(),
            self._home.d2.display(),
            plan.timeout_ms,
        );
        if let Some(bao) = &self.bao {
            let (url, token) = (&bao.url, bao.token_file.display());
            text.push_str(&format!("[store]\ntype = \"vault\"\nurl = \"{url}\"\ntoken-file = \"{token}\"\n"));
        }
        let bind = format!(
            "[[server]]\nname = \"bind\"\ntype = \"bind\"\ndns = \"{}\"\ninclude-file = \"{}\"\nrndc = {:?}\n",
            self.named.dns,
            self.include.display(),
            self.named.rndc(),
        );
        let technitium = |(name, server): (&str, &Handle)| {
            let token = self.config.with_file_name(format!("{name}.token"));
            write(&token, server.token(), 0o600);
            format!(
                "[[server]]\nname = \"{name}\"\ntype = \"technitium\"\ndns = \"{}\"\nurl = \"{}\"\ntoken-file = \"{}\"\n\
                 save-delay-seconds = 0.3\n",
                server.dns(),
                server.base_url(),
                token.display()
            )
        };
        let mut all: Vec<String> = ["old", "new"].into_iter().zip(&self.servers).map(technitium).collect();
        all.reverse();
        all.insert(if plan.bind_first { 0 } else { 1 }, bind);
        text.push_str(&all.concat());
        let sources = "sources = [\"127.0.0.1\"]";
        text + &format!("[[zone]]\nname = \"{ZONE}\"\n{sources}\n[[subnet]]\nnetwork = \"10.77.20.0/24\"\n{sources}\n")
    }

    fn seen_versions(&self) -> String {
        let first_line = |out: Output| String::from_utf8_lossy(&out.stdout).lines().next().unwrap_or("?").to_owned();
        let kea = first_line(Command::new(&self._home.d2).env_clear().arg("-v").output().unwrap());
        let bind = first_line(Command::new("/usr/sbin/named").env_clear().arg("-v").output().unwrap());
        let bao = self.bao.as_ref().map_or_else(|| "the sealed file".to_owned(), bao_version);
        format!("real D2 {kea}, real {bind}, keys in {bao}, Technitium doubles 13.6 and 15.2")
    }

    /// The program with these arguments, to its end.
    pub fn pfddns(&self, args: &[&str]) -> Ran {
        let out = self.command(args).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ran { code: out.status.code(), stdout: text(&out.stdout), stderr: text(&out.stderr) }
    }

    /// The same, and it must succeed.
    pub fn ok(&self, args: &[&str]) -> Ran {
        let ran = self.pfddns(args);
        assert_eq!(ran.code, Some(0), "{args:?} at {}:\n{}{}", self.versions, ran.stderr, ran.stdout);
        ran
    }

    /// The program started and let alone, to be watched and killed.
    pub fn begin(&self, args: &[&str]) -> Running {
        let mut child = self.command(args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap());
        Running { child, lines, seen: String::new() }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pfddns"));
        command.env_clear().stdin(Stdio::null()).arg("--config").arg(&self.config).args(args);
        command
    }

    /// Where updates are taken.
    pub fn dns(&self) -> Vec<SocketAddr> {
        self.servers.iter().map(Handle::dns).chain([self.named.dns]).collect()
    }

    /// BIND's include file.
    pub fn include(&self) -> String {
        fs::read_to_string(&self.include).unwrap()
    }

    /// D2's file.
    pub fn d2_file(&self) -> String {
        fs::read_to_string(&self.d2_config).unwrap()
    }

    /// Name and secret of each key that a Technitium holds.
    pub fn keys(&self) -> Vec<(String, String)> {
        self.servers[0].keys().into_iter().map(|key| (key.name, key.secret)).collect()
    }

    /// Keys and rules of all servers and D2's file, to the byte and in their order; no record of a probe.
    pub fn snapshot(&self) -> Vec<String> {
        let mut all = vec![self.d2_file(), self.include()];
        for server in &self.servers {
            all.push(format!("{:?}", server.keys()));
            all.push(format!("{:?}", server.rules()));
            for zone in ZONES {
                let probes = server.records(zone).iter().filter(|it| format!("{it:?}").contains("probe")).count();
                assert_eq!(probes, 0, "a probe was left in {zone}");
            }
        }
        all
    }

    /// What the running D2 answers.
    pub fn d2_says(&self, command: &str) -> String {
        use std::io::Write as _;
        let mut stream = UnixStream::connect(self._home.socket("d2")).unwrap();
        write!(stream, r#"{{"command":"{command}"}}"#).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Stops the leases and waits until each name given out since the last call is on one of the servers, but not for
    /// ever. D2 itself turns to the next server after three timeouts, so on a slow machine a few are not on the first.
    pub fn names(&self) -> Names {
        let mut missing = self.dhcp4.leases().split_off(self.looked_at.get());
        let all = missing.len();
        self.looked_at.set(self.looked_at.get() + all);
        let mut elsewhere = 0;
        let _ = until(Duration::from_secs(90), "all names", || {
            missing.retain(|(name, address)| !crate::wire::resolves(self.first, name, *address));
            let others: Vec<_> = self.dns().into_iter().filter(|it| *it != self.first).collect();
            let before = missing.len();
            missing.retain(|(name, address)| !others.iter().any(|it| crate::wire::resolves(*it, name, *address)));
            elsewhere += before - missing.len();
            missing.is_empty() || self.d2_is_idle()
        });
        Names { all, elsewhere, lost: missing }
    }

    /// D2 has nothing under way: it counts the same for longer than it waits for an answer.
    fn d2_is_idle(&self) -> bool {
        let before = self.d2_says("statistic-get-all");
        std::thread::sleep(Duration::from_secs(2));
        self.d2_says("statistic-get-all") == before
    }

    /// How often D2 has waited for a DNS server in vain since it was started.
    pub fn d2_timeouts(&self) -> usize {
        let answer: serde_json::Value = serde_json::from_str(&self.d2_says("statistic-get-all")).unwrap();
        answer["arguments"]["update-timeout"][0][0].as_u64().unwrap().try_into().unwrap()
    }

    /// Still the same process.
    pub fn d2_is_running(&mut self) -> bool {
        self.d2.is_running()
    }
}

/// What became of leased names.
pub struct Names {
    pub all: usize,
    /// Not on the first server but on another.
    pub elsewhere: usize,
    /// On none.
    pub lost: Vec<Lease>,
}

/// How a program ended.
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// A pfddns under way.
pub struct Running {
    child: Child,
    lines: BufReader<std::process::ChildStderr>,
    seen: String,
}

impl Running {
    /// Reads progress until a line has this text; false if the program ended before.
    pub fn reaches(&mut self, text: &str) -> bool {
        let mut line = String::new();
        while self.lines.read_line(&mut line).unwrap() > 0 {
            self.seen.push_str(&line);
            if line.contains(text) {
                return true;
            }
            line.clear();
        }
        false
    }

    /// SIGKILL.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        assert_eq!(self.child.wait().unwrap().code(), None, "it had ended before it was killed:\n{}", self.seen);
    }

    /// Waits for its end: exit code and everything it said.
    pub fn end(mut self) -> (Option<i32>, String) {
        self.lines.read_to_string(&mut self.seen).unwrap();
        (self.child.wait().unwrap().code(), self.seen)
    }
}

fn bao_version(bao: &Bao) -> String {
    let (_, body) = bao.call("GET", "sys/health", "");
    let version = body.split("\"version\":\"").nth(1).and_then(|it| it.split('"').next()).unwrap_or("?");
    format!("real OpenBao {version}")
}

fn technitium(version: Version) -> Handle {
    let options = Options { save_delay: Duration::from_millis(300), ..Options::new(version) };
    let server = Technitium::start(options).unwrap();
    ZONES.iter().for_each(|zone| server.put_zone(zone, Vec::new()));
    server
}

/// A named as its operator prepares it: the include file with each zone closed, named once in named.conf.
fn start_named() -> Started<Named> {
    Named::start(|folder| {
        let include = folder.join("pfddns.conf");
        let mut text =
            "// Written by pfddns, which refuses to touch this file once it was edited by hand.\n".to_owned();
        let mut zones = format!("include \"{}\";\n", include.display());
        for zone in ZONES {
            text.push_str(&format!("acl \"pfddns-{zone}\" {{\n\tnone;\n}};\n"));
            zones.push_str(&Named::zone(folder, zone, &format!("allow-update {{ \"pfddns-{zone}\"; }};")));
        }
        write(&include, &text, 0o640);
        zones
    })
}

/// A D2 that nobody has set up yet: it has its ports and nothing else.
fn start_d2(home: &KeaHome, config: &Path, listen: SocketAddr) -> Daemon {
    let socket = home.socket("d2");
    let (ip, port, name) = (listen.ip(), listen.port(), socket.display());
    let text = format!(
        "{{ \"DhcpDdns\": {{ \"ip-address\": \"{ip}\", \"port\": {port},\n  \"control-socket\": {{ \"socket-type\": \"unix\", \
         \"socket-name\": \"{name}\" }} }} }}\n"
    );
    write(config, &text, 0o600);
    let mut command = Command::new(&home.d2);
    command.env_clear().env("PATH", "/usr/bin:/bin").arg("-c").arg(config).current_dir(home.folder());
    let daemon = Daemon::start(&mut command, &home.folder().join("d2.out")).unwrap();
    daemon.ready("D2", || UnixStream::connect(&socket).is_ok())
}
