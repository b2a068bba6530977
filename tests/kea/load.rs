//! Changes of D2's key under load: kea-dhcp4, perfdhcp at 300 leases a second, D2, BIND. Every lease that was given has
//! to reach D2, through all changes; a plain reload in the same run shows what is lost without the pause.

use crate::harness::{Daemon, Kea, Named, free_port, program, real, until};
use crate::site::{Site, secret};
use pfddns::systems::kea::socket::{Statistics, command};
use pfddns::world::{Host, local::Local};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// One load at a time: two would compete for the processors.
static ONE: Mutex<()> = Mutex::new(());
const RATE: u32 = 340;
const CHANGES: u32 = 20;

#[test]
fn no_request_is_lost_by_twenty_changes_2_2() {
    twenty_changes(Kea::ALL[0]);
}

#[test]
fn no_request_is_lost_by_twenty_changes_2_6() {
    twenty_changes(Kea::ALL[1]);
}

#[test]
fn no_request_is_lost_by_twenty_changes_3_0() {
    twenty_changes(Kea::ALL[2]);
}

struct Load {
    site: Site,
    _named: Named,
    _d2: Daemon,
    _dhcp: Daemon,
    dhcp_socket: PathBuf,
    server_port: u16,
    client_port: u16,
}

/// What one phase gave.
struct Phase {
    leases: i64,
    received: i64,
    rate: f64,
}

fn twenty_changes(kea: Kea) {
    let _one = ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let Some(mut load) = Load::start(kea) else { return };
    let mut held = Vec::new();
    let ours = load.phase(1, |site, number| {
        let document = site.document(if number % 2 == 0 { "ddns-1" } else { "ddns-2" }, number as u8);
        held.push(site.install(&document).unwrap().held.unwrap());
    });
    let plain = load.phase(2, |site, _| {
        let socket = site.paths.socket.clone();
        command(site.host(), &socket, "config-reload", None).unwrap();
    });
    held.sort();
    let median = held[held.len() / 2].as_millis();
    let most = held[held.len() - 1].as_millis();
    let mut text = String::new();
    let lost = |it: &Phase| it.leases - it.received;
    let _ = writeln!(
        text,
        "Kea {}: {CHANGES} changes with DHCP paused: {} of {} requests lost, {:.0} leases/s, held {median} ms median, {most} ms at most",
        kea.series,
        lost(&ours),
        ours.leases,
        ours.rate
    );
    let _ = writeln!(
        text,
        "Kea {}: {CHANGES} plain reloads:            {} of {} requests lost, {:.0} leases/s",
        kea.series,
        lost(&plain),
        plain.leases,
        plain.rate
    );
    let _ = std::io::stderr().write_all(text.as_bytes());
    assert_eq!(lost(&ours), 0, "{text}");
    assert!(ours.leases > 1000, "{text}");
}

impl Load {
    fn start(kea: Kea) -> Option<Self> {
        real(program("/usr/sbin/perfdhcp"))?;
        let named = real(Named::start(|folder| {
            let key = |name: &str, seed| {
                format!("key \"{name}\" {{ algorithm hmac-sha256; secret \"{}\"; }};\n", secret(seed).expose())
            };
            // One secret per change: the test rotates through them under two names, so the server knows them all.
            let keys: String =
                (0..u8::try_from(CHANGES + 1).unwrap()).map(|it| key(&format!("ddns-{it}"), it)).collect();
            keys + &Named::zone(folder, "lan.example", "allow-update { 127.0.0.1; };")
        }))?;
        let mut site = Site::new(kea)?;
        site.domain("lan.example.", &[named.dns]);
        site.spec.log = None;
        let d2 = site.start_d2("ddns-1", 1);
        let dhcp_socket = site.home.socket("dhcp4");
        site.paths.pause = vec![dhcp_socket.clone()];
        let (server_port, client_port) = (free_port(), free_port());
        let config = site.home.folder().join("dhcp4.conf");
        crate::harness::write(&config, &dhcp4(&dhcp_socket, site.spec.listen.port()), 0o600);
        let mut command = Command::new(&site.home.dhcp4);
        command.env_clear().env("PATH", "/usr/bin:/bin").current_dir(site.home.folder());
        command.args(["-p", &server_port.to_string(), "-P", &client_port.to_string(), "-c"]).arg(&config);
        let dhcp = Daemon::start(&mut command, &site.home.folder().join("dhcp4.out")).unwrap();
        let dhcp = dhcp.ready("dhcp4", || std::os::unix::net::UnixStream::connect(&dhcp_socket).is_ok());
        Some(Self { site, _named: named, _d2: d2, _dhcp: dhcp, dhcp_socket, server_port, client_port })
    }

    /// Runs the load, and `change` 20 times, one after another with a pause.
    fn phase(&mut self, seed: u32, mut change: impl FnMut(&mut Site, u32)) -> Phase {
        let before = self.counts();
        let start = Instant::now();
        let mut load = Command::new("/usr/sbin/perfdhcp")
            .args(["-4", "-r", &RATE.to_string(), "-R", "1000000", "-p", "600", "-l", "127.0.0.1"])
            .args(["-b", &format!("mac=00:0c:0{seed}:00:00:00"), "-L", &self.client_port.to_string()])
            .args(["-N", &self.server_port.to_string(), "127.0.0.1"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(700));
        for number in 1..=CHANGES {
            change(&mut self.site, number);
            std::thread::sleep(Duration::from_millis(300));
        }
        let seconds = start.elapsed().as_secs_f64();
        let _ = load.kill();
        let _ = load.wait();
        let mut last = self.counts();
        until(Duration::from_secs(20), "D2 at rest", || {
            std::thread::sleep(Duration::from_millis(100));
            let now = self.counts();
            now == std::mem::replace(&mut last, now)
        })
        .unwrap();
        let leases = last.0 - before.0;
        Phase { leases, received: last.1 - before.1, rate: leases as f64 / seconds }
    }

    /// Leases given by kea-dhcp4 and requests received by D2, since they were started.
    fn counts(&self) -> (i64, i64) {
        let host = Host::Local(Local);
        let given = Statistics::read(&host, &self.dhcp_socket).unwrap().get("pkt4-ack-sent");
        (given, Statistics::read(&host, &self.site.paths.socket).unwrap().get("ncr-received"))
    }
}

fn dhcp4(socket: &Path, d2_port: u16) -> String {
    let socket = socket.display();
    format!(
        r#"{{"Dhcp4":{{"interfaces-config":{{"interfaces":["lo/127.0.0.1"],"dhcp-socket-type":"udp"}},
        "lease-database":{{"type":"memfile","persist":false}},
        "control-socket":{{"socket-type":"unix","socket-name":"{socket}"}},
        "dhcp-ddns":{{"enable-updates":true,"server-port":{d2_port}}},
        "ddns-replace-client-name":"always","ddns-generated-prefix":"h","ddns-qualifying-suffix":"lan.example.",
        "subnet4":[{{"id":1,"subnet":"10.0.0.0/8","relay":{{"ip-addresses":["127.0.0.1"]}},
                     "pools":[{{"pool":"10.0.0.1 - 10.9.255.254"}}]}}],
        "loggers":[{{"name":"kea-dhcp4","severity":"WARN","output_options":[{{"output":"stdout"}}]}}]}}}}"#
    )
}
