//! A stand-in for kea-dhcp4: hands out leases at a steady pace, keeps them in a lease file, sends D2 one request for each,
//! and obeys `dhcp-disable` and `dhcp-enable` on its control socket, as the real one does (a paused server drops the
//! client's packets, and the client asks again, so a pause delays a lease and loses none). `config-get` gives what it does.

use serde_json::{Value, json};
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

/// Kea's columns since 2.2's lease file.
const COLUMNS: &str =
    "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context,pool_id\n";
/// Seconds a lease is good for.
const LIFETIME: u64 = 3600;

/// Name and address of a lease.
pub type Lease = (String, Ipv4Addr);

#[derive(Default)]
struct State {
    stop: AtomicBool,
    /// Leases per second; 0 for none.
    pace: AtomicU32,
    /// Until when it is paused.
    paused: Mutex<Option<Instant>>,
    /// Says no to `dhcp-enable`.
    stubborn: AtomicBool,
    leases: Mutex<Vec<Lease>>,
    zone: Mutex<String>,
    /// What it was started with.
    config: Value,
}

/// The running stand-in.
pub struct Dhcp4 {
    state: Arc<State>,
    socket: PathBuf,
    threads: Vec<JoinHandle<()>>,
}

impl Dhcp4 {
    /// Listens on the control socket, beside which its lease file lies; no leases yet. The names it gives in these subnets
    /// lie below `suffix`.
    pub fn start(socket: &Path, d2: SocketAddr, subnets: &[&str], suffix: &str) -> io::Result<Self> {
        let leases = socket.with_file_name("dhcp4.leases");
        let mut file = File::create(&leases)?;
        file.write_all(COLUMNS.as_bytes())?;
        let listener = UnixListener::bind(socket)?;
        listener.set_nonblocking(true)?;
        let udp = UdpSocket::bind("127.0.0.1:0")?;
        let state = Arc::new(State { config: config(socket, &leases, d2, subnets, suffix), ..State::default() });
        let (one, two) = (Arc::clone(&state), Arc::clone(&state));
        let threads = vec![
            std::thread::spawn(move || control(&listener, &one)),
            std::thread::spawn(move || serve(&udp, d2, file, &two)),
        ];
        Ok(Self { state, socket: socket.to_owned(), threads })
    }

    /// Hands out leases in 10.77.10.0/24 with names below `zone` from now on.
    pub fn lease(&self, per_second: u32, zone: &str) {
        *lock(&self.state.zone) = zone.to_owned();
        self.state.pace.store(per_second, Ordering::SeqCst);
    }

    /// Says no to `dhcp-enable` from now on, so that a pause ends by itself only.
    pub fn refuse_enable(&self) {
        self.state.stubborn.store(true, Ordering::SeqCst);
    }

    /// Stops and returns all leases so far.
    pub fn leases(&self) -> Vec<Lease> {
        self.state.pace.store(0, Ordering::SeqCst);
        lock(&self.state.leases).clone()
    }
}

impl Drop for Dhcp4 {
    fn drop(&mut self) {
        self.state.stop.store(true, Ordering::SeqCst);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
        let _ = std::fs::remove_file(&self.socket);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn control(listener: &UnixListener, state: &State) {
    while !state.stop.load(Ordering::SeqCst) {
        match listener.accept() {
            Ok((stream, _)) => drop(answer(stream, state)),
            Err(_) => std::thread::sleep(Duration::from_millis(2)),
        }
    }
}

/// One request, one answer. Kea reads until the JSON is whole, not until the end of the stream.
fn answer(mut stream: UnixStream, state: &State) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    let mut bytes = Vec::new();
    let mut part = [0u8; 4096];
    let request: Value = loop {
        let length = stream.read(&mut part)?;
        bytes.extend_from_slice(part.get(..length).unwrap_or_default());
        match serde_json::from_slice(&bytes) {
            Ok(request) => break request,
            Err(error) if length == 0 => return Err(error.into()),
            Err(_) => {}
        }
    };
    let answer = match request.get("command").and_then(Value::as_str) {
        Some("dhcp-disable") => {
            let most = request.pointer("/arguments/max-period").and_then(Value::as_u64).unwrap_or(3600);
            *lock(&state.paused) = Some(Instant::now() + Duration::from_secs(most));
            json!({"result": 0, "text": "DHCPv4 service disabled for ".to_owned() + &most.to_string() + " seconds"})
        }
        Some("dhcp-enable") if state.stubborn.load(Ordering::SeqCst) => {
            json!({"result": 1, "text": "DHCP service is held by its HA peer"})
        }
        Some("dhcp-enable") => {
            *lock(&state.paused) = None;
            json!({"result": 0, "text": "DHCP service successfully enabled"})
        }
        Some("config-get") => json!({"result": 0, "arguments": state.config}),
        Some("version-get") => json!({"result": 0, "text": "2.6.3", "arguments": {"extended": "2.6.3"}}),
        Some(other) => json!({"result": 2, "text": format!("'{other}' command not supported.")}),
        None => json!({"result": 1, "text": "missing command"}),
    };
    stream.write_all(answer.to_string().as_bytes())
}

/// The configuration that makes the real one do what this one does.
fn config(socket: &Path, leases: &Path, d2: SocketAddr, subnets: &[&str], suffix: &str) -> Value {
    let subnet = |(number, subnet): (usize, &&str)| {
        json!({
            "id": number + 1, "subnet": subnet, "ddns-send-updates": true, "ddns-override-client-update": true,
            "ddns-override-no-update": true, "ddns-qualifying-suffix": format!("{suffix}."),
        })
    };
    json!({"Dhcp4": {
        "control-socket": {"socket-type": "unix", "socket-name": socket},
        "lease-database": {"type": "memfile", "persist": true, "name": leases},
        "valid-lifetime": LIFETIME,
        "dhcp-ddns": {
            "enable-updates": true, "server-ip": d2.ip(), "server-port": d2.port(),
            "ncr-protocol": "UDP", "ncr-format": "JSON",
        },
        "ddns-send-updates": false,
        "ddns-replace-client-name": "when-not-present",
        "subnet4": subnets.iter().enumerate().map(subnet).collect::<Vec<_>>(),
    }})
}

/// A line of the lease file: forward only, as the request.
fn line(name: &str, address: Ipv4Addr, number: u32) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let [a, b, c, d] = number.to_be_bytes();
    let expires = now + LIFETIME;
    format!("{address},02:00:{a:02x}:{b:02x}:{c:02x}:{d:02x},,{LIFETIME},{expires},1,1,0,{name},0,,0\n")
}

fn serve(udp: &UdpSocket, d2: SocketAddr, mut file: File, state: &State) {
    let mut number: u32 = 0;
    while !state.stop.load(Ordering::SeqCst) {
        let pace = state.pace.load(Ordering::SeqCst);
        let paused = lock(&state.paused).is_some_and(|until| until > Instant::now());
        if pace == 0 || paused {
            std::thread::sleep(Duration::from_millis(1));
            continue;
        }
        number += 1;
        let [_, _, high, low] = number.to_be_bytes();
        let address = Ipv4Addr::new(10, 77, 10, low.clamp(1, 254));
        let name = format!("host{high}-{low}-{number}.{}", lock(&state.zone));
        let kept = file.write_all(line(&name, address, number).as_bytes());
        if kept.is_ok() && udp.send_to(&request(&name, address, number), d2).is_ok() {
            lock(&state.leases).push((name, address));
        }
        std::thread::sleep(Duration::from_secs(1) / pace);
    }
}

/// A NameChangeRequest as kea-dhcp4 2.2 and later sends it: two bytes of length, then JSON. Forward only, since the
/// names outnumber the addresses.
fn request(name: &str, address: Ipv4Addr, number: u32) -> Vec<u8> {
    let body = json!({
        "change-type": 0, "forward-change": true, "reverse-change": false, "fqdn": format!("{name}."),
        "ip-address": address.to_string(), "dhcid": format!("000001{number:064X}"),
        "lease-expires-on": "20300101000000", "lease-length": LIFETIME, "use-conflict-resolution": true
    })
    .to_string();
    let length = u16::try_from(body.len()).unwrap_or(u16::MAX);
    [&length.to_be_bytes(), body.as_bytes()].concat()
}
