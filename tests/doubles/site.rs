//! A whole site on loopback: Technitium doubles, a firewall's folder, a real D2 where one is installed, and a stand-in
//! for kea-dhcp4 that feeds it. Used by the lab and by the tests; knows nothing of pfddns but its configuration file.

use super::d2::RealD2;
use super::dhcp4::Dhcp4;
use super::technitium::{Handle, Options, Technitium, Version};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What the site is made of.
pub struct Plan {
    /// One server each, called ns1, ns2, …
    pub versions: Vec<Version>,
    /// Time until a server has a change on disk. Real ones take 5 or 10 s; the lab and the tests don't wait so long.
    pub save_delay: Duration,
    /// Program of a real D2, if there is one.
    pub d2: Option<PathBuf>,
    /// Forward zones.
    pub zones: Vec<&'static str>,
    /// Subnets of /24.
    pub subnets: Vec<&'static str>,
    /// Folder to work in.
    pub folder: PathBuf,
}

impl Plan {
    /// Three servers of three versions, two forward zones, two subnets.
    pub fn new(folder: &Path) -> Self {
        Self {
            versions: vec![Version::V13_6, Version::V14_3, Version::V15_2],
            save_delay: Duration::from_millis(300),
            d2: None,
            zones: vec!["lan.lab.test", "iot.lab.test"],
            subnets: vec!["10.77.10.0/24", "10.77.20.0/24"],
            folder: folder.to_owned(),
        }
    }
}

/// A running site. Everything stops when it is dropped.
pub struct Site {
    /// The servers.
    pub servers: Vec<Handle>,
    /// The D2.
    pub d2: Option<RealD2>,
    /// The stand-in for kea-dhcp4.
    pub dhcp4: Dhcp4,
    /// Its folder.
    pub folder: PathBuf,
    /// All zones, forward and reverse.
    pub zones: Vec<String>,
}

impl Site {
    /// Starts everything and writes `pfddns.toml` and the token files.
    pub fn start(plan: &Plan) -> io::Result<Self> {
        let reverse = plan.subnets.iter().filter_map(|subnet| reverse_of(subnet));
        let zones: Vec<String> = plan.zones.iter().map(ToString::to_string).chain(reverse).collect();
        let mut servers = Vec::new();
        for version in &plan.versions {
            let options = Options { save_delay: plan.save_delay, ..Options::new(*version) };
            let server = Technitium::start(options)?;
            make_zones(&server, &zones)?;
            servers.push(server);
        }
        std::fs::create_dir_all(plan.folder.join("state"))?;
        let listen = free_udp()?;
        let d2 = plan.d2.as_ref().map(|program| RealD2::start(program, &plan.folder, listen)).transpose()?;
        let suffix = plan.zones.first().copied().unwrap_or_default();
        let dhcp4 = Dhcp4::start(&plan.folder.join("kea4-ctrl-socket"), listen, &plan.subnets, suffix)?;
        let site = Self { servers, d2, dhcp4, folder: plan.folder.clone(), zones };
        site.write_configuration(plan, listen)?;
        Ok(site)
    }

    /// `pfddns.toml`
    pub fn config(&self) -> PathBuf {
        self.folder.join("pfddns.toml")
    }

    fn write_configuration(&self, plan: &Plan, listen: SocketAddr) -> io::Result<()> {
        let folder = self.folder.display();
        let mut text = format!(
            "version = \"v1\"\n\n[site]\nname = \"lab\"\nstate = \"{folder}/state\"\n\n[d2]\nhost = \"firewall\"\n"
        );
        match &self.d2 {
            None => text.push_str("manage = false\n"),
            Some(d2) => text.push_str(&format!(
                "config = \"{}\"\nsocket = \"{}\"\nprogram = \"{}\"\nlisten = \"{listen}\"\n\
                 dhcp4-socket = \"{folder}/kea4-ctrl-socket\"\ndns-server-timeout-milliseconds = 200\n",
                d2.config.display(),
                d2.socket.display(),
                d2.program.display(),
            )),
        }
        for (number, server) in self.servers.iter().enumerate() {
            let name = format!("ns{}", number + 1);
            let token = self.folder.join(format!("{name}.token"));
            private(&token, server.token().as_bytes())?;
            text.push_str(&format!(
                "\n[[server]]\nname = \"{name}\"\ntype = \"technitium\"\ndns = \"{}\"\nurl = \"{}\"\n\
                 token-file = \"{}\"\nsave-delay-seconds = {:.3}\n",
                server.dns(),
                server.base_url(),
                token.display(),
                plan.save_delay.as_secs_f64(),
            ));
        }
        for zone in &plan.zones {
            text.push_str(&format!("\n[[zone]]\nname = \"{zone}\"\nsources = [\"127.0.0.0/8\"]\n"));
        }
        for subnet in &plan.subnets {
            text.push_str(&format!("\n[[subnet]]\nnetwork = \"{subnet}\"\nsources = [\"127.0.0.0/8\"]\n"));
        }
        private(&self.config(), text.as_bytes())
    }
}

/// The reverse zone of a /24, by hand: the program under test derives its own.
fn reverse_of(subnet: &str) -> Option<String> {
    let mut octets = subnet.split('/').next()?.split('.');
    let (a, b, c) = (octets.next()?, octets.next()?, octets.next()?);
    Some(format!("{c}.{b}.{a}.in-addr.arpa"))
}

fn make_zones(server: &Handle, zones: &[String]) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let http = http()?;
        for zone in zones {
            let form = [("token", server.token()), ("zone", zone), ("type", "Primary")];
            let url = format!("{}/api/zones/create", server.base_url());
            let answer = http.post(url).form(&form).send().await.map_err(io::Error::other)?;
            let text = answer.text().await.map_err(io::Error::other)?;
            if !text.contains("\"status\":\"ok\"") {
                return Err(io::Error::other(format!("{zone} can't be made: {text}")));
            }
        }
        Ok(())
    })
}

/// A UDP port that is free now.
pub fn free_udp() -> io::Result<SocketAddr> {
    std::net::UdpSocket::bind("127.0.0.1:0")?.local_addr()
}

/// An HTTP client past the code under test.
pub fn http() -> io::Result<reqwest::Client> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().map_err(io::Error::other)
}

/// Writes a file of mode 0600.
pub fn private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::io::Write as _;
    let mut file = std::fs::OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(bytes)
}
