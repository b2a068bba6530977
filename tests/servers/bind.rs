//! A real named on free ports of 127.0.0.1, in a folder of its own; ended when dropped.

use crate::{Lab, Peer, new_secret, source_towards, world};
use pfddns::model::{Algorithm, KeyName, ServerName, ZoneName};
use pfddns::secret::Secret;
use pfddns::systems::dns::{self, Signer};
use pfddns::systems::servers::{Bind, Server};
use pfddns::world::World;
use std::fs;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const ZONES: [&str; 2] = ["1.18.198.in-addr.arpa", "lan.pfddns.test"];

/// A running named.
pub struct Named {
    child: Child,
    pub folder: tempfile::TempDir,
    dns: SocketAddr,
    foreign: Secret,
    pub rndc: Vec<String>,
}

impl Drop for Named {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            println!("named's log:\n{}", fs::read_to_string(self.folder.path().join("log")).unwrap_or_default());
        }
    }
}

impl Named {
    pub fn include_file(&self) -> PathBuf {
        self.folder.path().join("pfddns.conf")
    }

    pub fn server(&self) -> Bind {
        Bind::new(ServerName::new("ns1").unwrap(), self.dns, &self.include_file(), self.rndc.clone())
    }

    /// named.conf as it is, and that its own key still works in its own zone.
    pub async fn foreign(&self, world: &World) -> Vec<String> {
        let key = KeyName::new("foreign").unwrap();
        let signer = Signer { key: &key, algorithm: Algorithm::HmacSha256, secret: &self.foreign };
        let zone = ZoneName::new("foreign.test").unwrap();
        let verdict = dns::may_update(world, self.dns, &zone, Some(&signer)).await.unwrap();
        vec![verdict.to_string(), fs::read_to_string(self.folder.path().join("named.conf")).unwrap()]
    }
}

fn program(name: &str) -> Option<PathBuf> {
    let folders = ["/usr/sbin", "/usr/local/sbin", "/usr/bin", "/usr/local/bin", "/sbin"];
    folders.iter().map(|it| Path::new(it).join(name)).find(|it| it.exists())
}

fn free_port() -> u16 {
    loop {
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = udp.local_addr().unwrap().port();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

fn conf(folder: &Path, dns: u16, control: u16, secret: &Secret, foreign: &Secret) -> String {
    let at = folder.display();
    let zones: String = ZONES
        .iter()
        .map(|zone| {
            format!(
                "zone \"{zone}\" {{ type primary; file \"{at}/{zone}.db\"; allow-update {{ \"pfddns-{zone}\"; }}; }};\n"
            )
        })
        .collect();
    format!(
        "options {{ directory \"{at}\"; pid-file \"{at}/pid\"; session-keyfile \"{at}/session.key\"; recursion no;
  listen-on port {dns} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; dnssec-validation no; notify no; }};
include \"{at}/pfddns.conf\";
key \"rndc\" {{ algorithm hmac-sha256; secret \"{}\"; }};
key \"foreign\" {{ algorithm hmac-sha256; secret \"{}\"; }};
controls {{ inet 127.0.0.1 port {control} allow {{ 127.0.0.1; }} keys {{ \"rndc\"; }}; }};
zone \"foreign.test\" {{ type primary; file \"{at}/foreign.test.db\"; allow-update {{ key \"foreign\"; }}; }};
zone \"unwired.test\" {{ type primary; file \"{at}/unwired.test.db\"; }};
{zones}",
        secret.expose(),
        foreign.expose()
    )
}

/// Starts named; `None`, with the reason printed, if it is not installed.
pub async fn start() -> Option<Named> {
    let (Some(named), Some(rndc)) = (program("named"), program("rndc")) else {
        assert!(std::env::var("CI").is_err(), "named and rndc are not installed (apt-get install bind9 bind9-utils)");
        println!("skipped: named and rndc are not installed");
        return None;
    };
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let (dns, control, secret, foreign) = (free_port(), free_port(), new_secret(32), new_secret(32));
    let write = |name: &str, text: &str, mode: u32| {
        fs::write(at.join(name), text).unwrap();
        fs::set_permissions(at.join(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    for zone in ZONES.iter().chain(&["foreign.test", "unwired.test"]) {
        let text = "$TTL 60\n@ SOA ns h 1 3600 600 604800 60\n@ NS ns\nns A 127.0.0.1\n";
        write(&format!("{zone}.db"), text, 0o644);
    }
    // What an operator starts with: closed lists, so that named.conf may name them.
    let lists: String = ZONES.iter().map(|it| format!("acl \"pfddns-{it}\" {{\n\tnone;\n}};\n")).collect();
    let header = "// Written by pfddns, which refuses to touch this file once it was edited by hand.\n";
    write("pfddns.conf", &format!("{header}{lists}"), 0o640);
    write("named.conf", &conf(at, dns, control, &secret, &foreign), 0o600);
    let clause = format!("key \"rndc\" {{ algorithm hmac-sha256; secret \"{}\"; }};\n", secret.expose());
    let options = format!("options {{ default-key \"rndc\"; default-server 127.0.0.1; default-port {control}; }};\n");
    write("rndc.conf", &(clause + &options), 0o600);
    // Run from here: the profile some systems bind to its usual path keeps it out of our folder.
    let copy = at.join("named");
    crate::executable::executable(&copy, &fs::read(named).unwrap(), 0o755);
    let log = fs::File::create(at.join("log")).unwrap();
    let mut command = Command::new(copy);
    command.args(["-g", "-c"]).arg(at.join("named.conf"));
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
    let rndc = vec![rndc.display().to_string(), "-c".into(), at.join("rndc.conf").display().to_string()];
    let dns = SocketAddr::from(([127, 0, 0, 1], dns));
    let mut named = Named { child, folder, dns, foreign, rndc };
    named.wait_until_up();
    Some(named)
}

impl Named {
    fn wait_until_up(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let log = || fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            assert!(self.child.try_wait().unwrap().is_none(), "named ended:\n{}", log());
            let (program, arguments) = self.rndc.split_first().unwrap();
            let status = Command::new(program).args(arguments).arg("status").output().unwrap();
            if status.status.success() && log().contains("running\n") {
                return;
            }
            assert!(Instant::now() < deadline, "named does not come up:\n{}", log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

pub async fn lab() -> Option<Lab> {
    let named = start().await?;
    Some(Lab {
        server: Server::Bind(named.server()),
        world: world(),
        zones: ZONES.iter().map(|it| ZoneName::new(it).unwrap()).collect(),
        source: source_towards(named.dns),
        peer: Peer::Bind(named),
    })
}
