//! `templates/rc.d/pfddns_d2.sh` with a real D2: started once however often it is asked for, stopped, never started with
//! a file that its own check refuses.

use crate::each_version;
use crate::harness::{Kea, KeaHome, real, until, write};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::Duration;

each_version!(d2_is_started_once_and_stopped);

const SCRIPT: &str = include_str!("../../templates/rc.d/pfddns_d2.sh");

struct Rc<'a> {
    home: &'a KeaHome,
}

impl Rc<'_> {
    fn call(&self, word: &str) -> (i32, String) {
        let out = Command::new(self.home.folder().join("rc.sh"))
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .arg(word)
            .output()
            .unwrap();
        (out.status.code().unwrap(), String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned())
    }

    fn pid(&self) -> Option<String> {
        self.call("status").1.strip_prefix("kea-dhcp-ddns is running as pid ").map(|it| it.trim().to_owned())
    }
}

/// Stops what the script started, whatever the test did.
impl Drop for Rc<'_> {
    fn drop(&mut self) {
        self.call("stop");
    }
}

fn d2_is_started_once_and_stopped(kea: Kea) {
    let Some(home) = real(kea.home()) else { return };
    let config = home.folder().join("d2.conf");
    let script = SCRIPT
        .replace("program=/usr/local/sbin/kea-dhcp-ddns", &format!("program={}", home.d2.display()))
        .replace("config=/usr/local/etc/kea/kea-dhcp-ddns.conf", &format!("config={}", config.display()))
        .replace("run=/var/run/kea", &format!("run={}", home.run.display()));
    assert!(!script.contains("/usr/local/sbin") && !script.contains("run=/var"), "the script's paths have moved");
    write(&home.folder().join("rc.sh"), &script, 0o700);
    let rc = Rc { home: &home };
    // Nothing to start yet: no complaint, so that a boot goes on.
    assert_eq!(rc.call("start").0, 0);
    assert_eq!(rc.call("status").0, 1);
    let port = crate::harness::free_port();
    let socket = home.socket("d2");
    let good = format!(
        "{{\"DhcpDdns\":{{\"port\":{port},\"control-socket\":{{\"socket-type\":\"unix\",\"socket-name\":\"{}\"}}}}}}",
        socket.display()
    );
    let secret = "bm90IGJhc2U2NCBhdCBhbGwh!!!!";
    let bad = good.replace(
        "\"port\"",
        &format!("\"tsig-keys\":[{{\"name\":\"k\",\"algorithm\":\"HMAC-SHA256\",\"secret\":\"{secret}\"}}],\"port\""),
    );
    write(&config, &bad, 0o600);
    let (code, said) = rc.call("start");
    assert_eq!(code, 1);
    assert!(
        said.contains("d2.conf:1:") && said.contains("pfddns kea lint") && !said.contains("bm90IGJhc2U2"),
        "{said}"
    );
    write(&config, &good, 0o600);
    // A wrong mode keeps 2.6 from starting.
    fs::set_permissions(&home.run, fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(rc.call("start"), (0, String::new()));
    until(Duration::from_secs(15), "D2 answers", || UnixStream::connect(&socket).is_ok()).unwrap();
    let first = rc.pid().unwrap();
    assert_eq!(rc.call("start"), (0, String::new()));
    assert_eq!(rc.pid(), Some(first));
    assert_eq!(rc.call("stop").0, 0);
    assert_eq!((rc.call("status").0, rc.call("stop").0), (1, 0));
    // What a power cut leaves: a pid file whose number somebody else has by now, here one who has D2's file open.
    let mut editor = Command::new("sh");
    editor.args(["-c", "read line", "kea-dhcp-ddns", &config.display().to_string()]);
    let mut other = editor.stdin(std::process::Stdio::piped()).spawn().unwrap();
    fs::write(home.run.join("d2.kea-dhcp-ddns.pid"), format!("{}\n", other.id())).unwrap();
    assert_eq!((rc.call("status").0, rc.call("stop").0), (1, 0));
    assert!(other.try_wait().unwrap().is_none(), "stop has ended somebody else");
    assert_eq!(rc.call("start"), (0, String::new()));
    until(Duration::from_secs(15), "D2 answers", || UnixStream::connect(&socket).is_ok()).unwrap();
    assert_ne!(rc.pid(), Some(other.id().to_string()));
    drop(other.stdin.take());
    other.wait().unwrap();
    assert_eq!(rc.call("stop").0, 0);
    // What a RAM disk leaves after a boot: nothing.
    fs::remove_dir_all(&home.run).unwrap();
    assert_eq!(rc.call("start"), (0, String::new()));
    until(Duration::from_secs(15), "D2 answers", || UnixStream::connect(&socket).is_ok()).unwrap();
    assert_eq!(fs::metadata(&home.run).unwrap().permissions().mode() & 0o777, 0o750);
    assert_eq!(rc.call("begin").0, 2);
}
