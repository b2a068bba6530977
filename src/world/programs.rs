//! The programs that a firewall runs for a pfddns elsewhere. Each system names its own.

#[cfg(feature = "firewall")]
use std::path::Path;

/// A program that hands run: its file name, and the forms its arguments may have. It protects against a mistake on the
/// other side. It does not protect against an attacker: anyone who can write files here as root can do everything.
#[derive(Debug, Clone, Copy)]
pub struct Program {
    /// The last part of its path; a leading `*` matches anything.
    pub name: &'static str,
    /// Each a list of arguments: themselves, `*` for any one, `**` for any more.
    pub shapes: &'static [&'static [&'static str]],
}

#[cfg(feature = "firewall")]
impl Program {
    /// Is this a call of it?
    pub(super) fn takes(&self, program: &Path, arguments: &[String]) -> bool {
        let name = program.file_name().unwrap_or_default().to_string_lossy();
        let named = match self.name.strip_prefix('*') {
            Some(end) => name.ends_with(end),
            None => name == self.name,
        };
        let fits = |shape: &[&str]| match shape {
            [start @ .., "**"] => arguments.len() >= start.len() && alike(start, arguments),
            shape => arguments.len() == shape.len() && alike(shape, arguments),
        };
        named && self.shapes.iter().any(|shape| fits(shape))
    }
}

#[cfg(feature = "firewall")]
fn alike(shape: &[&str], arguments: &[String]) -> bool {
    shape.iter().zip(arguments).all(|(wanted, given)| *wanted == "*" || wanted == given)
}

/// What a program did.
#[derive(Debug)]
pub struct Ran {
    /// Exit code; minus the signal's number if a signal ended it.
    pub code: i32,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
}
