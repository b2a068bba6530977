//! The facts for the checks of a document: the daemon's version and folders, and the files that the document names.

use crate::systems::kea::Version;
use base64::Engine as _;

/// The state of a file that a document names, as far as the checks need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// Missing.
    Missing,
    /// A folder, device or the like.
    NotAFile,
    /// Empty.
    Empty,
    /// A file with these permission bits.
    File(u32),
    /// A file whose first word is not a base64 secret.
    NoSecret,
    /// Not checked.
    Unknown,
}

impl Named {
    /// What a file is, by its permission bits and content. Daemons read its first word only.
    pub fn file(mode: u32, content: &[u8]) -> Self {
        let word = content.split(u8::is_ascii_whitespace).find(|it| !it.is_empty());
        match word.map(|it| std::str::from_utf8(it).ok().and_then(base64)) {
            None => Self::Empty,
            Some(None) => Self::NoSecret,
            Some(Some(_)) => Self::File(mode),
        }
    }
}

/// Against what a document is checked.
#[derive(Clone, Copy)]
pub struct Checked<'a> {
    /// Version of the daemon that will read it.
    pub version: Version,
    /// The only folder in which this build of the daemon accepts control sockets (from 2.6), if known.
    pub socket_folder: Option<&'a str>,
    /// Permission bits of that folder, if known.
    pub socket_folder_mode: Option<u32>,
    /// The only folder this build of the daemon logs to (from 2.6), if known.
    pub log_folder: Option<&'a str>,
    /// The only folder this build of the daemon loads hook libraries from (from 2.6), if known.
    pub hooks_folder: Option<&'a str>,
    /// True if no daemon could be asked: then a folder is recognised by its usual end.
    pub guess_folders: bool,
    /// Looks at a file that the document names.
    pub look: &'a dyn Fn(&str) -> Named,
}

impl Checked<'_> {
    /// Checks for a version that look at nothing but the document.
    pub fn new(version: Version) -> Self {
        Self {
            version,
            socket_folder: None,
            socket_folder_mode: None,
            log_folder: None,
            hooks_folder: None,
            guess_folders: false,
            look: &|_| Named::Unknown,
        }
    }
}

/// A decoded secret, as the daemons read it: blanks in between do not count.
pub(super) fn base64(text: &str) -> Option<zeroize::Zeroizing<Vec<u8>>> {
    let plain: zeroize::Zeroizing<String> =
        text.chars().filter(|char| !char.is_ascii_whitespace()).collect::<String>().into();
    base64::engine::general_purpose::STANDARD.decode(plain.as_bytes()).map(zeroize::Zeroizing::new).ok()
}
