//! A real kea-dhcp4 on ports of its own, fed by perfdhcp, that sends a request for each lease to a D2.

use super::{Daemon, KeaHome, Started, free_port, program, write};
use pfddns::systems::kea::daemon::socket::Statistics;
use pfddns::world::{Host, local::Local};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// A running DHCP server that gives each client a name of its own.
pub struct Dhcp {
    /// Its control socket.
    pub socket: PathBuf,
    daemon: Daemon,
    ports: [u16; 2],
}

/// perfdhcp under way; ended when dropped.
pub struct Load(Child);

impl Drop for Load {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const PERFDHCP: &str = "/usr/sbin/perfdhcp";

impl Dhcp {
    /// Starts one. `domain`: of its clients; `subnet` and `pool` as Kea writes them.
    pub fn start(home: &KeaHome, d2_port: u16, domain: &str, subnet: &str, pool: &str) -> Started<Self> {
        program(PERFDHCP)?;
        let (socket, ports) = (home.socket("dhcp4"), [free_port(), free_port()]);
        let text = format!(
            r#"{{"Dhcp4":{{"interfaces-config":{{"interfaces":["lo/127.0.0.1"],"dhcp-socket-type":"udp"}},
            "lease-database":{{"type":"memfile","persist":false}},
            "control-socket":{{"socket-type":"unix","socket-name":"{}"}},
            "dhcp-ddns":{{"enable-updates":true,"server-port":{d2_port}}},
            "ddns-replace-client-name":"always","ddns-generated-prefix":"h","ddns-qualifying-suffix":"{domain}",
            "subnet4":[{{"id":1,"subnet":"{subnet}","relay":{{"ip-addresses":["127.0.0.1"]}},"pools":[{{"pool":"{pool}"}}]}}],
            "loggers":[{{"name":"kea-dhcp4","severity":"WARN","output_options":[{{"output":"stdout"}}]}}]}}}}"#,
            socket.display()
        );
        let config = home.folder().join("dhcp4.conf");
        write(&config, &text, 0o600);
        let mut command = Command::new(&home.dhcp4);
        command.env_clear().env("PATH", "/usr/bin:/bin").current_dir(home.folder());
        command.args(["-p", &ports[0].to_string(), "-P", &ports[1].to_string(), "-c"]).arg(&config);
        let daemon = Daemon::start(&mut command, &home.folder().join("dhcp4.out"))?;
        let daemon = daemon.ready("kea-dhcp4", || UnixStream::connect(&socket).is_ok());
        Ok(Self { socket, daemon, ports })
    }

    /// New clients ask for leases, so many a second, until it is dropped. `mac`: the first client's hardware address.
    pub fn load(&self, rate: u32, mac: &str) -> Load {
        let [server, client] = self.ports.map(|it| it.to_string());
        let mut command = Command::new(PERFDHCP);
        command.args(["-4", "-r", &rate.to_string(), "-R", "1000000", "-p", "600", "-l", "127.0.0.1", "-b"]);
        command.args([&format!("mac={mac}"), "-L", &client, "-N", &server, "127.0.0.1"]);
        Load(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("perfdhcp is there"))
    }

    /// Leases it has given.
    pub fn given(&self) -> i64 {
        self.counters().get("pkt4-ack-sent")
    }

    /// Its counters.
    pub fn counters(&self) -> Statistics {
        Statistics::read(&Host::Local(Local), &self.socket).expect("kea-dhcp4 answers")
    }
}
