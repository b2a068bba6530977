//! A firewall: files, locks, programs and local sockets. Every kind of host offers the same. Knows no product.

use super::file::NewFile;
use super::local::{self, Local};
use super::programs::Ran;
use super::remote::{self, Remote};
use crate::error::{Error, Result};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// An exclusive `flock(2)`, held until dropped.
pub enum Lock {
    /// Of a file of this machine.
    Local(local::Lock),
    /// Of a file of another one; the end of the connection releases it too.
    Remote(remote::Held),
}

/// A file written next to its target and not yet in place. If dropped without `put`, it is removed.
pub enum Staged {
    /// On this machine.
    Local(local::Staged),
    /// On another one; the end of the connection removes it too.
    Remote(remote::Held, PathBuf),
}

impl Staged {
    /// Where the bytes are stored now, for a program that checks them.
    pub fn path(&self) -> &Path {
        match self {
            Self::Local(staged) => &staged.temporary,
            Self::Remote(_, path) => path,
        }
    }
}

/// A firewall of some kind.
pub enum Host {
    /// This machine.
    Local(Local),
    /// Another one, through `hands` there.
    Remote(Remote),
}

/// Calls that only look take `&self`, those that touch `&mut self`. All of them block; all are short.
impl Host {
    /// The file's bytes; an error names the path.
    pub fn read(&self, path: &Path) -> Result<Vec<u8>> {
        self.read_if_there(path)?.ok_or_else(|| Error::new(format!("{}: no such file", path.display())))
    }

    /// The file's bytes, or `None` if there is no such file.
    pub fn read_if_there(&self, path: &Path) -> Result<Option<Vec<u8>>> {
        match self {
            Self::Local(host) => host.read_if_there(path),
            Self::Remote(host) => host.read_if_there(path),
        }
    }

    /// Names in a folder, sorted; empty if there is no such folder.
    pub fn list(&self, folder: &Path) -> Result<Vec<String>> {
        match self {
            Self::Local(host) => host.list(folder),
            Self::Remote(host) => host.list(folder),
        }
    }

    /// Permission bits of a file, or `None` if there is none.
    pub fn mode(&self, path: &Path) -> Result<Option<u32>> {
        match self {
            Self::Local(host) => host.mode(path),
            Self::Remote(host) => host.mode(path),
        }
    }

    /// Runs a program that only looks. `argv[0]` is an absolute path; no shell, no inherited environment.
    pub fn ask(&self, argv: &[&str], stdin: &[u8], limit: Duration) -> Result<Ran> {
        match self {
            Self::Local(host) => host.run(argv, stdin, limit),
            Self::Remote(host) => host.run(argv, stdin, limit),
        }
    }

    /// Runs a program that changes something.
    pub fn run(&mut self, argv: &[&str], stdin: &[u8], limit: Duration) -> Result<Ran> {
        match self {
            Self::Local(host) => host.run(argv, stdin, limit),
            Self::Remote(host) => host.run(argv, stdin, limit),
        }
    }

    /// One request and its whole answer over a unix stream socket.
    pub fn talk(&self, socket: &Path, request: &[u8], limit: Duration) -> Result<Vec<u8>> {
        match self {
            Self::Local(host) => host.talk(socket, request, limit),
            Self::Remote(host) => host.talk(socket, request, limit),
        }
    }

    /// Sends one UDP datagram from this host.
    pub fn datagram(&mut self, to: SocketAddr, bytes: &[u8]) -> Result<()> {
        match self {
            Self::Local(host) => host.datagram(to, bytes),
            Self::Remote(host) => host.datagram(to, bytes),
        }
    }

    /// Takes an exclusive `flock(2)` on a file (made with mode 0666 less umask if absent), waiting at most `limit`.
    pub fn lock(&self, path: &Path, limit: Duration) -> Result<Lock> {
        self.lock_if_free(path, 0o666, limit)?.ok_or_else(|| {
            Error::new(format!("{}: locked by another program", path.display()))
                .hint("wait until it ends, then run the command again")
        })
    }

    /// The same; `None` if somebody else still has it after `limit`. `mode`: of a file that has to be made.
    pub fn lock_if_free(&self, path: &Path, mode: u32, limit: Duration) -> Result<Option<Lock>> {
        Ok(match self {
            Self::Local(host) => host.lock(path, mode, limit)?.map(Lock::Local),
            Self::Remote(host) => host.lock(path, mode, limit)?.map(Lock::Remote),
        })
    }

    /// Makes a folder and its parents with this mode; one that exists is left as it is.
    pub fn make_folder(&mut self, path: &Path, mode: u32) -> Result<()> {
        match self {
            Self::Local(host) => host.make_folder(path, mode),
            Self::Remote(host) => host.make_folder(path, mode),
        }
    }

    /// Writes and fsyncs the bytes next to the target, with their final owner and mode. The target is untouched.
    pub fn stage(&mut self, path: &Path, file: &NewFile<'_>) -> Result<Staged> {
        match self {
            Self::Local(host) => host.stage(path, file).map(Staged::Local),
            Self::Remote(host) => host.stage(path, file).map(|(held, path)| Staged::Remote(held, path)),
        }
    }

    /// Puts a staged file in place (rename, fsync of the folder), unless the target has changed since it was read.
    pub fn put(&mut self, staged: Staged) -> Result<()> {
        match (self, staged) {
            (Self::Local(host), Staged::Local(staged)) => host.put(staged),
            (Self::Remote(host), Staged::Remote(held, _)) => host.put(held),
            _ => Err(Error::new("a file can be put in place only on the machine on which it was staged")),
        }
    }

    /// `stage` and `put` in one.
    pub fn write(&mut self, path: &Path, file: &NewFile<'_>) -> Result<()> {
        let staged = self.stage(path, file)?;
        self.put(staged)
    }

    /// Appends to a file and waits until it is on disk. `at`: how long the file is; at 0 it is made (mode 0600) and must
    /// not exist yet. Bytes after `at` were torn by a power cut and are cut off.
    pub fn append(&mut self, path: &Path, at: u64, bytes: &[u8]) -> Result<()> {
        match self {
            Self::Local(host) => host.append(path, at, bytes),
            Self::Remote(host) => host.append(path, at, bytes),
        }
    }

    /// Removes a file; a missing file is fine.
    pub fn remove(&mut self, path: &Path) -> Result<()> {
        match self {
            Self::Local(host) => host.remove(path),
            Self::Remote(host) => host.remove(path),
        }
    }
}
