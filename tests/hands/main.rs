//! A firewall elsewhere, through a child that is a real `pfddns hands`: the same calls give the same results and the same
//! errors as here, what is held goes with the connection, and whatever else answers is told apart.

#![allow(clippy::unwrap_used)] // a test may fail loudly

#[path = "../harness/executable.rs"]
mod executable;
mod others;

use pfddns::model::HostName;
use pfddns::world::{Carrier, Digest, Host, NewFile, Remote, World, local::Local};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(20);

/// A connection by these words; the program over there is called `pfddns` in errors.
fn carrier(argv: &[&str]) -> Carrier {
    let argv = argv.iter().map(ToString::to_string).collect();
    Carrier { name: "admin@fw".into(), argv, environment: Vec::new(), hands: "/usr/local/bin/pfddns".into() }
}

fn remote() -> Host {
    Host::Remote(Remote::new(carrier(&[env!("CARGO_BIN_EXE_pfddns"), "hands"])))
}

fn here() -> Host {
    Host::Local(Local)
}

/// Each file's name, mode and bytes.
type State = Vec<(String, u32, Vec<u8>)>;

/// A folder with something to look at; made twice, once for each side.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        fs::write(place.at("file"), "some bytes\0\u{ff}").unwrap();
        fs::set_permissions(place.at("file"), fs::Permissions::from_mode(0o640)).unwrap();
        fs::create_dir(place.at("folder")).unwrap();
        fs::write(place.at("folder/b"), "b").unwrap();
        fs::write(place.at("folder/a"), "").unwrap();
        place
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn state(&self) -> State {
        let mut all = Vec::new();
        let mut folders = vec![self.0.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o7777;
                let name = path.strip_prefix(self.0.path()).unwrap().display().to_string();
                let bytes = if path.is_dir() { Vec::new() } else { fs::read(&path).unwrap() };
                all.push((name, mode, bytes));
                if path.is_dir() {
                    folders.push(path);
                }
            }
        }
        all.sort();
        all
    }
}

/// What came of a call, with the place's own folder and the names of temporary files taken out.
fn told<T: std::fmt::Debug>(place: &Place, result: pfddns::error::Result<T>) -> String {
    let text = match result {
        Ok(value) => format!("{value:?}"),
        Err(error) => format!("error {:?}: {} / {:?}", error.exit(), error.what(), error.hint_text()),
    };
    let text = text.replace(&place.0.path().display().to_string(), "[DIR]");
    match text.split_once(".pfddns-") {
        Some((head, tail)) => head.to_owned() + ".pfddns-N" + tail.trim_start_matches(|it: char| it.is_ascii_digit()),
        None => text,
    }
}

/// Does everything a host offers, well and badly, and writes down what came of it.
fn everything(host: &mut Host) -> (Vec<String>, State) {
    let place = Place::new();
    let at = |name: &str| place.at(name);
    let mut all: Vec<String> = Vec::new();
    for path in [at("file"), at("none"), at("folder"), at("file/below"), PathBuf::from("/proc/self/mem")] {
        all.push(told(&place, host.read_if_there(&path)));
        all.push(told(&place, host.read(&path)));
        all.push(told(&place, host.mode(&path)));
        all.push(told(&place, host.list(&path)));
    }
    let file =
        |bytes: &'static str, replaces| NewFile { bytes: bytes.as_bytes(), replaces, mode: 0o604, keep_mode: false };
    let old = || Some(Digest::of("some bytes\0\u{ff}".as_bytes()));
    all.push(told(&place, host.write(&at("file"), &file("x", None))));
    all.push(told(&place, host.write(&at("none"), &file("x", old()))));
    all.push(told(&place, host.write(&at("new"), &file("new", None))));
    all.push(told(&place, host.write(&at("none/below"), &file("x", None))));
    all.push(told(&place, host.write(&at("file"), &NewFile { keep_mode: true, ..file("changed", old()) })));
    {
        let staged = host.stage(&at("new"), &file("never", Some(Digest::of(b"new")))).unwrap();
        all.push(told(&place, Ok(staged.path().display().to_string())));
        all.push(told(&place, host.read(staged.path())));
    }
    let staged = host.stage(&at("raced"), &file("mine", None)).unwrap();
    fs::write(at("raced"), "theirs").unwrap();
    all.push(told(&place, host.put(staged)));
    all.push(told(&place, host.make_folder(&at("deep/er"), 0o710)));
    all.push(told(&place, host.make_folder(&at("file/er"), 0o710)));
    all.push(told(&place, host.append(&at("log"), 0, b"one\n")));
    all.push(told(&place, host.append(&at("log"), 0, b"one\n")));
    all.push(told(&place, host.append(&at("log"), 4, b"two\nto")));
    all.push(told(&place, host.append(&at("log"), 8, b"three\n")));
    all.push(told(&place, host.append(&at("log"), 100, b"never")));
    all.push(told(&place, host.append(&at("none/log"), 0, b"x")));
    all.push(told(&place, host.remove(&at("folder/b"))));
    all.push(told(&place, host.remove(&at("folder/b"))));
    all.push(told(&place, host.remove(&at("folder"))));
    let lock = host.lock(&at("lock"), LIMIT).unwrap();
    all.push(told(&place, here().lock(&at("lock"), Duration::ZERO).map(drop)));
    drop(lock);
    all.push(told(&place, here().lock(&at("lock"), LIMIT).map(drop)));
    let other = here().lock(&at("lock"), LIMIT).unwrap();
    all.push(told(&place, host.lock(&at("lock"), Duration::from_millis(30)).map(drop)));
    all.push(told(&place, host.lock_if_free(&at("lock"), 0o600, Duration::ZERO).map(|it| it.is_none())));
    drop(other);
    all.push(told(&place, host.lock(&at("none/lock"), Duration::ZERO).map(drop)));
    programs(host, &place, &mut all);
    sockets(host, &place, &mut all);
    (all, place.state())
}

fn programs(host: &mut Host, place: &Place, all: &mut Vec<String>) {
    let program = place.at("rndc");
    let text = "#!/bin/sh\ncase $1 in env) env;; sleep) exec sleep 60;; *) cat; echo \"$@\" >&2; exit 3;; esac\n";
    executable::executable(&program, text.as_bytes(), 0o755);
    let name = program.display().to_string();
    let big = vec![b'x'; 300_000];
    all.push(told(place, host.ask(&[&name, "a b", "'", "$HOME", "-x"], b"input\0", LIMIT).map(|it| format!("{it:?}"))));
    all.push(told(place, host.run(&[&name, "x"], &big, LIMIT).map(|it| (it.code, it.stdout.len()))));
    all.push(told(place, host.run(&[&name, "env"], b"", LIMIT).map(|it| String::from_utf8(it.stdout))));
    all.push(told(place, host.run(&[&name, "sleep"], b"", Duration::from_millis(50)).map(|it| it.code)));
    all.push(told(place, host.run(&["rndc"], b"", LIMIT).map(|it| it.code)));
    all.push(told(place, host.run(&[], b"", LIMIT).map(|it| it.code)));
    all.push(told(place, host.run(&["/nonexistent/rndc"], b"", LIMIT).map(|it| it.code)));
}

fn sockets(host: &mut Host, place: &Place, all: &mut Vec<String>) {
    let listener = UnixListener::bind(place.at("socket")).unwrap();
    let answering = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0u8; 4];
        stream.read_exact(&mut request).unwrap();
        stream.write_all(&request.repeat(50_000)).unwrap();
        drop(stream);
        // The next one is taken and never answered.
        listener.accept().unwrap()
    });
    all.push(told(place, host.talk(&place.at("socket"), b"ping", LIMIT).map(|it| it.len())));
    all.push(told(place, host.talk(&place.at("socket"), b"ping", Duration::from_millis(50))));
    drop(answering.join().unwrap());
    all.push(told(place, host.talk(&place.at("socket"), b"ping", LIMIT)));
    all.push(told(place, host.talk(&place.at("none"), b"ping", LIMIT)));
    fs::remove_file(place.at("socket")).unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    udp.set_read_timeout(Some(LIMIT)).unwrap();
    all.push(told(place, host.datagram(udp.local_addr().unwrap(), b"hello")));
    let mut buffer = [0u8; 10];
    let length = udp.recv(&mut buffer).unwrap();
    all.push(format!("{:?}", &buffer[..length]));
    let big = vec![0u8; 70_000];
    all.push(told(place, host.datagram("127.0.0.1:9".parse().unwrap(), &big)));
}

#[test]
fn elsewhere_is_as_here() {
    let (wanted, files) = everything(&mut here());
    let (found, found_files) = everything(&mut remote());
    assert!(wanted.len() > 50 && wanted.iter().filter(|it| it.starts_with("error")).count() > 20);
    for (number, (wanted, found)) in wanted.iter().zip(&found).enumerate() {
        assert_eq!(wanted, found, "call {number}");
    }
    assert_eq!(wanted.len(), found.len());
    assert_eq!(files, found_files);
    assert!(!files.iter().any(|(name, ..)| name.contains(".pfddns-")), "{files:?}");
}

#[test]
fn an_error_says_where() {
    let error = remote().read(Path::new("/nonexistent/x/..")).unwrap_err();
    assert_eq!(error.what(), "/nonexistent/x/..: no such file");
    let error = remote().list(Path::new("/etc/hostname")).unwrap_err();
    assert_eq!(error.doing(), ["on admin@fw"], "{error}");
}

#[test]
fn a_hand_that_is_killed_leaves_its_temporary_file_to_the_next_one() {
    let place = Place::new();
    let dead = place.at("file.pfddns-999999999");
    let alive = place.at("file.pfddns-1");
    let foreign = place.at("file.pfddns-x");
    for path in [&dead, &alive, &foreign] {
        fs::write(path, "left").unwrap();
    }
    let replaces = Some(Digest::of("some bytes\0\u{ff}".as_bytes()));
    remote().write(&place.at("file"), &NewFile { bytes: b"y", replaces, mode: 0o600, keep_mode: true }).unwrap();
    assert!(!dead.exists() && alive.exists() && foreign.exists());
}

#[test]
fn only_the_listed_programs_are_run_and_only_whole_paths_named() {
    let mut host = remote();
    for argv in
        [&["/bin/sh", "-c", "id"][..], &["/usr/bin/env"], &["/bin/kea-dhcp-ddns", "-c", "/x"], &["/x/php", "-r", "1"]]
    {
        let error = host.run(argv, b"", LIMIT).unwrap_err();
        assert!(error.what().contains("is not on the list of programs"), "{argv:?}: {error}");
    }
    for error in [host.read(Path::new("x")).unwrap_err(), host.remove(Path::new("../x")).unwrap_err()] {
        assert!(error.what().contains("absolute path"), "{error}");
    }
}

/// A DNS server that says which port asked it, and answers the first of `count` questions last.
fn echo(count: usize) -> std::net::SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut asked = Vec::new();
        for _ in 0..count {
            let mut buffer = [0u8; 512];
            let (length, from) = socket.recv_from(&mut buffer).unwrap();
            asked.push((buffer[..length].to_vec(), from));
        }
        for (message, from) in asked.iter().rev() {
            socket.send_to(message, from).unwrap();
        }
    });
    address
}

#[test]
fn dns_questions_are_asked_side_by_side() {
    let host = remote();
    let world = World::with(vec![(HostName::new("fw").unwrap(), host)]).unwrap();
    let server = echo(20);
    let messages: Vec<Vec<u8>> = (0..20u8).map(|it| [&[it, 7][..], &[0; 10]].concat()).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let answers = runtime.block_on(futures::future::join_all(messages.iter().map(|it| world.exchange(server, it))));
    let answers: Vec<Vec<u8>> = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers, messages);
}
