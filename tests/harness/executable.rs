//! Programs that a test puts down and then runs.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// Puts a program there with this mode.
///
/// Another process writes it. A file this one held open for writing would be inherited by whatever child another
/// thread is just starting, and as long as that child has not come to its own `execve(2)` nobody can run the program:
/// "Text file busy".
pub fn executable(path: &Path, bytes: &[u8], mode: u32) {
    let mode = format!("-m{mode:o}");
    let mut install = Command::new("/usr/bin/install");
    let mut child =
        install.args([&mode, "/dev/stdin"]).arg(path).stdin(Stdio::piped()).spawn().expect("install(1) can be run");
    child.stdin.take().expect("it was asked for").write_all(bytes).expect("install(1) reads what it installs");
    let ended = child.wait().expect("a child of ours");
    assert!(ended.success(), "install {mode} {}: {ended}", path.display());
}
