//! Leases of a server that keeps them in memory, read page by page from the real hook libdhcp_lease_cmds. kea-dhcp4
//! itself registers the names first (`lease4-resend-ddns`), so what heals them has to know each client by the same DHCID.

use crate::each_version;
use crate::harness::{Daemon, Kea, KeaHome, Named, real, write};
use crate::site::{Site, run, secret};
use pfddns::model::{DomainName, ZoneName};
use pfddns::systems::dns::{Rtype, held, remove};
use pfddns::systems::kea::daemon::socket::{NotDone, Statistics, ask, command};
use pfddns::world::{Host, World, local::Local};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

each_version!(leases_by_the_hook_heal_as_those_of_a_file);

const ZONES: [&str; 2] = ["lan.example", "2.10.in-addr.arpa"];
/// Two whole pages with the ones that are told apart below: the third is the answer that there are no more.
const LEASES: usize = 1000;

/// Leases beside the ordinary ones: last two bytes of the address, name, what else the command is told.
fn special() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        ("200.1", "by-hardware.lan.example.", json!({})),
        ("200.2", "by-client.lan.example.", json!({"client-id": "01:02:00:00:00:c8:02"})),
        ("200.3", "by-duid.lan.example.", json!({"client-id": "ff:00:00:00:01:00:03:00:01:02:00:00:00:c8:03"})),
        ("200.4", "odd-client.lan.example.", json!({"client-id": "00:70:72:69:6e:74:65:72"})),
        ("200.5", "forward-only.lan.example.", json!({"fqdn-rev": false})),
        ("200.6", "reverse-only.lan.example.", json!({"fqdn-fwd": false})),
        ("200.7", "for-ever.lan.example.", json!({"valid-lft": 4_294_967_295u32})),
        ("200.8", "without-dot.lan.example", json!({})),
        // No name of these is to come back.
        ("200.20", "wpad.lan.example.", json!({})),
        ("200.21", "not-asked.lan.example.", json!({"fqdn-fwd": false, "fqdn-rev": false})),
        ("200.22", "declined.lan.example.", json!({"state": 1})),
        ("200.23", "over.lan.example.", json!({"expire": 1_000_000_000, "valid-lft": 600})),
        ("200.24", "elsewhere.example.net.", json!({"fqdn-rev": false})),
    ]
}

/// How many of them `heal` has to bring back.
const HEALED: usize = 8;

fn dhcp4(socket: &Path, d2_port: u16, hook: Option<&Path>) -> String {
    let socket = socket.display();
    let hooks = hook.map(|it| format!(r#""hooks-libraries":[{{"library":"{}"}}],"#, it.display())).unwrap_or_default();
    format!(
        r#"{{"Dhcp4":{{"interfaces-config":{{"interfaces":[]}},{hooks}
        "lease-database":{{"type":"memfile","persist":false}},"expired-leases-processing":{{"reclaim-timer-wait-time":0}},
        "control-socket":{{"socket-type":"unix","socket-name":"{socket}"}},
        "dhcp-ddns":{{"enable-updates":true,"server-port":{d2_port}}},"ddns-qualifying-suffix":"lan.example.",
        "subnet4":[{{"id":1,"subnet":"10.2.0.0/16","pools":[{{"pool":"10.2.0.1 - 10.2.255.254"}}]}}],
        "loggers":[{{"name":"kea-dhcp4","severity":"INFO","output_options":[{{"output":"stdout"}}]}}]}}}}"#
    )
}

fn library(home: &KeaHome) -> PathBuf {
    let system = || format!("/usr/lib/{}-linux-gnu/kea/hooks", std::env::consts::ARCH).into();
    home.hooks.clone().unwrap_or_else(system).join("libdhcp_lease_cmds.so")
}

/// BIND that has the ordinary names already.
fn bind() -> Option<Named> {
    let key = format!("key \"ddns-1\" {{ algorithm hmac-sha256; secret \"{}\"; }};\n", secret(1).expose());
    let named = Named::start(|folder| {
        let allow = "allow-update { key \"ddns-1\"; 127.0.0.1; };";
        let zones = ZONES.map(|zone| Named::zone(folder, zone, allow)).concat();
        let (mut names, mut addresses) = (String::new(), String::new());
        for (high, low) in ordinary() {
            let _ = writeln!(names, "h{high}-{low} A 10.2.{high}.{low}");
            let _ = writeln!(addresses, "{low}.{high} PTR h{high}-{low}.lan.example.");
        }
        for (zone, text) in ZONES.iter().zip([names, addresses]) {
            let mut file = fs::OpenOptions::new().append(true).open(folder.join(format!("{zone}.zone"))).unwrap();
            file.write_all(text.as_bytes()).unwrap();
        }
        key + &zones
    });
    real(named)
}

/// The last two bytes of the ordinary leases' addresses.
fn ordinary() -> impl Iterator<Item = (usize, usize)> {
    (0..LEASES - special().len()).map(|it| (it / 200, it % 200 + 1))
}

struct Bench {
    site: Site,
    named: Named,
    toml: PathBuf,
    dhcp_socket: PathBuf,
    _d2: Daemon,
    dhcp: Option<Daemon>,
}

impl Bench {
    fn start(kea: Kea) -> Option<Self> {
        let named = bind()?;
        let mut site = Site::new(kea)?;
        for zone in ZONES {
            site.domain(zone, &[named.dns]);
        }
        site.spec.timeout_ms = 2000;
        site.spec.log = None;
        let d2 = site.start_d2("ddns-1", 1);
        let dhcp_socket = site.home.socket("dhcp4");
        let toml = site.home.folder().join("pfddns.toml");
        let text = configuration(&site, &named, &dhcp_socket);
        write(&toml, &text, 0o600);
        let mut bench = Self { site, named, toml, dhcp_socket, _d2: d2, dhcp: None };
        let hook = library(&bench.site.home);
        bench.restart_dhcp(Some(&hook));
        Some(bench)
    }

    fn restart_dhcp(&mut self, hook: Option<&Path>) {
        self.dhcp = None;
        let text = dhcp4(&self.dhcp_socket, self.site.spec.listen.port(), hook);
        self.dhcp = Some(self.site.home.start_dhcp4("dhcp4", &text).unwrap());
    }

    /// A command to kea-dhcp4.
    fn tell(&self, name: &str, arguments: Value) -> Value {
        command(&Host::Local(Local), &self.dhcp_socket, name, Some(arguments)).unwrap().arguments
    }

    fn add(&self, address: &str, hardware: &str, name: &str, more: &Value) {
        let mut lease = json!({"ip-address": address, "hw-address": hardware, "hostname": name, "subnet-id": 1,
            "valid-lft": 7200, "fqdn-fwd": true, "fqdn-rev": true});
        lease.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.tell("lease4-add", lease);
    }

    fn heal(&self, more: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pfddns"));
        command.env_clear().arg("--config").arg(&self.toml).args(["--json", "kea", "heal"]).args(more);
        command.output().unwrap()
    }

    /// Whatever D2 has been sent is done.
    fn rest(&mut self) {
        let socket = self.site.paths.socket.clone();
        crate::harness::until(std::time::Duration::from_secs(20), "D2 at rest", || {
            let before = Statistics::read(self.site.host(), &socket).unwrap();
            std::thread::sleep(std::time::Duration::from_millis(100));
            before.at_rest() && Statistics::read(self.site.host(), &socket).unwrap() == before
        })
        .unwrap();
    }

    /// Everything in DNS about the special leases: owner, type, data.
    fn records(&self) -> Vec<String> {
        let mut all = Vec::new();
        for (address, name, _) in special() {
            let name = DomainName::new(name).unwrap();
            if ZoneName::new(ZONES[0]).unwrap().covers(&name) {
                for rtype in [Rtype::A, Rtype::Dhcid] {
                    all.extend(look(&self.site.world, self.named.dns, &name, rtype));
                }
            }
            all.extend(look(&self.site.world, self.named.dns, &owner(address), Rtype::Ptr));
        }
        all
    }

    /// Takes away the addresses and PTRs of the special leases and leaves the DHCIDs: only who has the same may come back.
    fn lose(&mut self) {
        for (address, name, _) in special() {
            let name = DomainName::new(name).unwrap();
            let (names, addresses) = (ZoneName::new(ZONES[0]).unwrap(), ZoneName::new(ZONES[1]).unwrap());
            let dns = self.named.dns;
            if names.covers(&name) {
                run(remove(&mut self.site.world, dns, &names, None, &name, Rtype::A)).unwrap();
            }
            run(remove(&mut self.site.world, dns, &addresses, None, &owner(address), Rtype::Ptr)).unwrap();
        }
    }
}

fn look(world: &World, server: SocketAddr, name: &DomainName, rtype: Rtype) -> Vec<String> {
    run(held(world, server, name, rtype)).unwrap().iter().map(|it| format!("{name} {rtype} {it}")).collect()
}

fn owner(address: &str) -> DomainName {
    let (high, low) = address.split_once('.').unwrap();
    DomainName::new(&format!("{low}.{high}.{}", ZONES[1])).unwrap()
}

fn configuration(site: &Site, named: &Named, dhcp_socket: &Path) -> String {
    let folder = site.home.folder().display();
    let (d2, socket, program) = (&site.paths.config, &site.paths.socket, &site.paths.program);
    format!(
        "version = \"v1\"\n[site]\nname = \"hook\"\nstate = \"{folder}/state\"\n[d2]\nhost = \"firewall\"\n\
         config = \"{}\"\nsocket = \"{}\"\nprogram = \"{}\"\nlisten = \"{}\"\ndhcp4-socket = \"{}\"\n\
         [[server]]\nname = \"bind\"\ntype = \"bind\"\ndns = \"{}\"\ninclude-file = \"{folder}/include\"\nrndc = {:?}\n\
         [[zone]]\nname = \"{}\"\nsources = [\"127.0.0.1\"]\n[[subnet]]\nnetwork = \"10.2.0.0/16\"\nsources = [\"127.0.0.1\"]\n",
        d2.display(),
        socket.display(),
        program.display(),
        site.spec.listen,
        dhcp_socket.display(),
        named.dns,
        named.rndc(),
        ZONES[0],
    )
}

fn leases_by_the_hook_heal_as_those_of_a_file(kea: Kea) {
    let Some(mut bench) = Bench::start(kea) else { return };
    for (high, low) in ordinary() {
        let hardware = format!("02:00:00:00:{high:02x}:{low:02x}");
        bench.add(&format!("10.2.{high}.{low}"), &hardware, &format!("h{high}-{low}.lan.example."), &json!({}));
    }
    for (number, (address, name, more)) in special().iter().enumerate() {
        bench.add(&format!("10.2.{address}"), &format!("02:00:00:00:c8:{number:02x}"), name, more);
    }
    // Where kea-dhcp4 would not ask D2 for anything, it says so.
    let resent = special().into_iter().filter(|(address, ..)| {
        let arguments = json!({"ip-address": format!("10.2.{address}")});
        let answer = ask(&Host::Local(Local), &bench.dhcp_socket, "lease4-resend-ddns", Some(arguments)).unwrap();
        assert!(!matches!(answer, Err(NotDone::Unsupported)));
        answer.is_ok()
    });
    let resent: Vec<&str> = resent.map(|it| it.1).collect();
    assert!(resent.len() > HEALED && !resent.contains(&"not-asked.lan.example."), "{resent:?}");
    bench.rest();
    let by_kea = bench.records();
    bench.lose();
    assert!(bench.records().iter().all(|it| it.contains(" DHCID ")), "{:?}", bench.records());

    let out = bench.heal(&["--dry-run"]);
    assert_eq!(out.status.code(), Some(5), "{}", String::from_utf8_lossy(&out.stderr));
    let plan: Value = serde_json::from_slice(&out.stdout).unwrap();
    let shown = plan["plan"]["steps"][0]["diff"].as_str().unwrap();
    assert_eq!(
        shown.lines().collect::<Vec<_>>(),
        [
            "+ by-hardware.lan.example. 10.2.200.1 (address and PTR)",
            "+ by-client.lan.example. 10.2.200.2 (address and PTR)",
            "+ by-duid.lan.example. 10.2.200.3 (address and PTR)",
            "+ odd-client.lan.example. 10.2.200.4 (address and PTR)",
            "+ forward-only.lan.example. 10.2.200.5 (address)",
            "+ reverse-only.lan.example. 10.2.200.6 (PTR)",
            "+ for-ever.lan.example. 10.2.200.7 (address and PTR)",
            "+ without-dot.lan.example. 10.2.200.8 (address and PTR)",
        ]
    );
    let out = bench.heal(&[]);
    assert_eq!(out.status.code(), Some(0), "{}", String::from_utf8_lossy(&out.stderr));
    bench.rest();
    let healed =
        |it: &&String| special().iter().take(HEALED).any(|(_, name, _)| it.contains(name.trim_end_matches('.')));
    let wanted: Vec<&String> = by_kea.iter().filter(healed).collect();
    // Seven addresses with their DHCIDs, seven PTRs.
    assert_eq!(wanted.len(), 21, "{by_kea:#?}");
    let back = bench.records();
    assert_eq!(back.iter().filter(healed).collect::<Vec<_>>(), wanted);
    assert_eq!(bench.heal(&["--dry-run"]).status.code(), Some(0), "healing twice is boring");

    // The same server without its hook.
    bench.restart_dhcp(None);
    let out = bench.heal(&[]);
    let said = String::from_utf8_lossy(&out.stderr).into_owned() + &String::from_utf8_lossy(&out.stdout);
    assert_eq!(out.status.code(), Some(1), "{said}");
    assert!(said.contains("has no command `lease4-get-page`") && said.contains("libdhcp_lease_cmds"), "{said}");
    // And with it, but with no lease at all: nothing proves that names are missing.
    let hook = library(&bench.site.home);
    bench.restart_dhcp(Some(&hook));
    let out = bench.heal(&[]);
    let said = String::from_utf8_lossy(&out.stderr).into_owned() + &String::from_utf8_lossy(&out.stdout);
    assert_eq!(out.status.code(), Some(1), "{said}");
    assert!(said.contains("the file has no active lease"), "{said}");
}
