//! This machine as a firewall: files replaced atomically, programs run with an empty environment.

use super::file::{Digest, NewFile};
use super::programs::Ran;
use crate::error::{Error, Result, plain};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// PATH of every child: a fixed one, since nothing is inherited.
const PATH: &str = "/sbin:/bin:/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin";
/// Longest answer taken from a socket: a configuration with 50,000 domains is about 12 MB.
const ANSWER_LIMIT: usize = 64 << 20;

/// Between a file's name and the number of the process that is about to replace it.
const ASIDE: &str = ".pfddns-";

/// The machine this program runs on.
pub struct Local;

/// An exclusive `flock(2)`, held until dropped.
pub struct Lock(#[expect(dead_code, reason = "closing the file is what unlocks")] File);

/// A file written next to its target and not yet in place. If dropped without `put`, it is removed.
pub struct Staged {
    pub(super) temporary: PathBuf,
    target: PathBuf,
    replaces: Option<Digest>,
    done: bool,
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.done {
            // Best effort: the failure that led here is already being reported.
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// A child that inherits only what it is given, not even Ctrl-C: a program in the middle of a change ends by itself,
/// and a daemon that it started keeps running.
pub(super) fn child(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", PATH).process_group(0);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn at(path: &Path, doing: &str) -> impl FnOnce(io::Error) -> Error {
    let text = format!("{}: {doing}", path.display());
    move |error| Error::new(format!("{text}: {}", plain(&error)))
}

impl Local {
    pub(super) fn read_if_there(&self, path: &Path) -> Result<Option<Vec<u8>>> {
        match fs::read(path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(at(path, "can't be read")(error)),
        }
    }

    pub(super) fn list(&self, folder: &Path) -> Result<Vec<String>> {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(at(folder, "can't be listed")(error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(at(folder, "can't be listed"))?;
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        Ok(names)
    }

    pub(super) fn mode(&self, path: &Path) -> Result<Option<u32>> {
        match fs::metadata(path) {
            Ok(data) => Ok(Some(data.mode() & 0o7777)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(at(path, "can't be inspected")(error)),
        }
    }

    pub(super) fn run(&self, argv: &[&str], stdin: &[u8], limit: Duration) -> Result<Ran> {
        let [program, arguments @ ..] = argv else { return Err(Error::new("no program was named")) };
        if !program.starts_with('/') {
            return Err(Error::usage(format!("{program}: programs are named by absolute path")));
        }
        let path = Path::new(program);
        let mut child = child(program).args(arguments).spawn().map_err(at(path, "can't be started"))?;
        // Each pipe has its own thread: a child that fills one while we read another would hang.
        let feed = child.stdin.take().map(|mut pipe| {
            let bytes = zeroize::Zeroizing::new(stdin.to_vec());
            thread::spawn(move || drop(pipe.write_all(&bytes)))
        });
        let stdout = drain(child.stdout.take());
        let stderr = drain(child.stderr.take());
        let deadline = Instant::now() + limit;
        let status = loop {
            match child.try_wait().map_err(at(path, "can't be waited for"))? {
                Some(status) => break status,
                None if Instant::now() < deadline => thread::sleep(Duration::from_millis(2)),
                None => {
                    let _ = child.kill();
                    let _ = child.wait();
                    return Err(Error::new(format!("{program}: still running after {} s, stopped", limit.as_secs())));
                }
            }
        };
        if let Some(feed) = feed {
            let _ = feed.join();
        }
        let code = status.code().or_else(|| status.signal().map(|signal| -signal)).unwrap_or(-1);
        Ok(Ran { code, stdout: collect(stdout), stderr: collect(stderr) })
    }

    /// A request and everything that is answered until the other side closes, all within `limit`.
    pub(super) fn talk(&self, socket: &Path, request: &[u8], limit: Duration) -> Result<Vec<u8>> {
        converse(socket, request, limit).map_err(|error| match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                Error::new(format!("{}: no whole answer within {} s", socket.display(), limit.as_secs()))
            }
            ErrorKind::PermissionDenied => {
                at(socket, "no answer")(error).hint("this user may not connect to it; run pfddns as root")
            }
            ErrorKind::FileTooLarge => {
                Error::new(format!("{}: an answer of more than {} MiB", socket.display(), ANSWER_LIMIT >> 20))
            }
            _ => at(socket, "no answer")(error),
        })
    }

    pub(super) fn datagram(&self, to: SocketAddr, bytes: &[u8]) -> Result<()> {
        let any: SocketAddr = if to.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0u16; 8], 0).into() };
        UdpSocket::bind(any)
            .and_then(|socket| socket.send_to(bytes, to))
            .map(|_| ())
            .map_err(|error| Error::new(format!("udp {to}: can't send: {}", plain(&error))))
    }

    /// `None` if somebody else still has it after `limit`. `mode`: of a file that has to be made.
    pub(super) fn lock(&self, path: &Path, mode: u32, limit: Duration) -> Result<Option<Lock>> {
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(mode)
            .open(path)
            .map_err(at(path, "can't be opened for locking"))?;
        let deadline = Instant::now() + limit;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Some(Lock(file))),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => thread::sleep(Duration::from_millis(20)),
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(at(path, "can't be locked")(error)),
            }
        }
    }

    pub(super) fn make_folder(&self, path: &Path, mode: u32) -> Result<()> {
        fs::DirBuilder::new().recursive(true).mode(mode).create(path).map_err(at(path, "can't be made"))
    }

    pub(super) fn stage(&self, path: &Path, file: &NewFile<'_>) -> Result<Staged> {
        let old = match fs::metadata(path) {
            Ok(data) => Some(data),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(at(path, "can't be inspected")(error)),
        };
        sweep(path);
        let temporary = PathBuf::from(format!("{}{ASIDE}{}", path.display(), std::process::id()));
        let write = || -> io::Result<()> {
            let mut out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
            out.write_all(file.bytes)?;
            let mut mode = file.mode;
            if let Some(old) = &old {
                std::os::unix::fs::fchown(&out, Some(old.uid()), Some(old.gid()))?;
                if file.keep_mode {
                    mode = old.mode() & 0o7777;
                }
            }
            out.set_permissions(fs::Permissions::from_mode(mode))?;
            out.sync_all()
        };
        let staged = Staged {
            temporary: temporary.clone(),
            target: path.to_owned(),
            replaces: file.replaces.clone(),
            done: false,
        };
        write().map_err(at(&temporary, "can't be written"))?;
        Ok(staged)
    }

    pub(super) fn put(&self, mut staged: Staged) -> Result<()> {
        self.unchanged(&staged.target, staged.replaces.as_ref())?;
        fs::rename(&staged.temporary, &staged.target).map_err(at(&staged.target, "can't be replaced"))?;
        staged.done = true;
        sync_folder(&staged.target)
    }

    /// Appends and waits until it is on disk. `at`: how long the file is; 0 makes it, anything behind it was torn by a
    /// power cut and goes.
    pub(super) fn append(&self, path: &Path, at_length: u64, bytes: &[u8]) -> Result<()> {
        let mut options = OpenOptions::new();
        options.append(true).create_new(at_length == 0).mode(0o600);
        let mut file = options.open(path).map_err(at(path, "can't be appended to"))?;
        let mut write = || -> io::Result<u64> {
            let length = file.metadata()?.len();
            if length > at_length {
                file.set_len(at_length)?;
            }
            if length >= at_length {
                file.write_all(bytes)?;
                file.sync_data()?;
            }
            Ok(length)
        };
        if write().map_err(at(path, "can't be appended to"))? < at_length {
            return Err(Error::new(format!("{}: the file is shorter than before", path.display())));
        }
        if at_length == 0 { sync_folder(path) } else { Ok(()) }
    }

    pub(super) fn remove(&self, path: &Path) -> Result<()> {
        match fs::remove_file(path) {
            Ok(()) => sync_folder(path),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(at(path, "can't be removed")(error)),
        }
    }

    /// Compare-and-swap on the digest: a foreign change in between is an error, not lost.
    fn unchanged(&self, path: &Path, replaces: Option<&Digest>) -> Result<()> {
        let now = match File::open(path).and_then(Digest::of_reader) {
            Ok(digest) => Some(digest),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(at(path, "can't be read")(error)),
        };
        if now.as_ref() == replaces {
            return Ok(());
        }
        let found = if now.is_none() { "is gone" } else { "has changed" };
        Err(Error::new(format!("{}: the file {found} since it was read; nothing was written", path.display()))
            .plan_again())
    }
}

fn converse(socket: &Path, request: &[u8], limit: Duration) -> io::Result<Vec<u8>> {
    let deadline = Instant::now() + limit;
    // A time-out of zero would mean no time-out.
    let left = || match deadline.saturating_duration_since(Instant::now()) {
        Duration::ZERO => Err(io::Error::from(ErrorKind::TimedOut)),
        left => Ok(left),
    };
    let mut stream = connect(socket, left()?)?;
    let mut rest = request;
    while !rest.is_empty() {
        stream.set_write_timeout(Some(left()?))?;
        let written = unless_interrupted(stream.write(rest))?.unwrap_or(0);
        rest = rest.get(written..).unwrap_or_default();
    }
    let mut answer = Vec::new();
    let mut some = zeroize::Zeroizing::new(vec![0; 64 << 10]);
    loop {
        stream.set_read_timeout(Some(left()?))?;
        match unless_interrupted(stream.read(&mut some))? {
            None => {}
            Some(0) => return Ok(answer),
            Some(length) => answer.extend_from_slice(some.get(..length).unwrap_or_default()),
        }
        if answer.len() > ANSWER_LIMIT {
            return Err(io::Error::from(ErrorKind::FileTooLarge));
        }
    }
}

/// `None`: a signal came, ask again. With a time-out set the system never does that by itself.
fn unless_interrupted(done: io::Result<usize>) -> io::Result<Option<usize>> {
    match done {
        Err(error) if error.kind() == ErrorKind::Interrupted => Ok(None),
        done => done.map(Some),
    }
}

/// On Linux, connecting to a daemon that accepts no more waits forever, unless the socket has a time-out before.
fn connect(path: &Path, limit: Duration) -> io::Result<UnixStream> {
    use rustix::net;
    let socket = net::socket_with(net::AddressFamily::UNIX, net::SocketType::STREAM, net::SocketFlags::CLOEXEC, None)?;
    net::sockopt::set_socket_timeout(&socket, net::sockopt::Timeout::Send, Some(limit))?;
    let address = net::SocketAddrUnix::new(path)?;
    rustix::io::retry_on_intr(|| net::connect(&socket, &address))?;
    Ok(socket.into())
}

/// Removes what our killed processes left next to a file that they were replacing: it may hold secrets. Files of a
/// living process stay.
fn sweep(path: &Path) {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return };
    let start = format!("{}{ASIDE}", name.to_string_lossy());
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let found = entry.file_name().to_string_lossy().strip_prefix(&start).and_then(|it| it.parse::<i32>().ok());
        let Some(pid) = found.and_then(rustix::process::Pid::from_raw) else { continue };
        let ours = u32::try_from(pid.as_raw_nonzero().get()).is_ok_and(|it| it == std::process::id());
        if ours || rustix::process::test_kill_process(pid) == Err(rustix::io::Errno::SRCH) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Makes a rename or removal durable.
fn sync_folder(path: &Path) -> Result<()> {
    // The parent of a bare file name is "": the current folder.
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) => Path::new("."),
        None => Path::new("/"),
    };
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(at(folder, "can't be synced to disk"))
}

type Reader = Option<thread::JoinHandle<Vec<u8>>>;

fn drain(pipe: Option<impl Read + Send + 'static>) -> Reader {
    pipe.map(|mut pipe| {
        thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = pipe.read_to_end(&mut bytes);
            bytes
        })
    })
}

fn collect(reader: Reader) -> Vec<u8> {
    reader.and_then(|thread| thread.join().ok()).unwrap_or_default()
}
