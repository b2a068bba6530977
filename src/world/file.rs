//! A file as a value: what it said, and what it shall say.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::io::{self, Read};

/// SHA-256 of a file's bytes, in hex.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
pub struct Digest(String);

impl Digest {
    /// Digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self::from(Sha256::digest(bytes).as_slice())
    }

    /// Digest of what can be read there.
    pub fn of_reader(mut from: impl Read) -> io::Result<Self> {
        let (mut digest, mut block) = (Sha256::new(), vec![0; 1 << 16]);
        loop {
            match from.read(&mut block) {
                Ok(0) => return Ok(Self::from(digest.finalize().as_slice())),
                Ok(length) => digest.update(block.get(..length).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn from(digest: &[u8]) -> Self {
        Self(digest.iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.get(..12).unwrap_or(&self.0))
    }
}

/// A file to be put in place of what was read.
pub struct NewFile<'a> {
    /// Its whole content.
    pub bytes: &'a [u8],
    /// Digest of what it replaces; `None` if there must be no file yet. Anything else there is refused.
    pub replaces: Option<Digest>,
    /// Mode for a new file. A file that exists keeps its owner, and its mode with `keep_mode`.
    pub mode: u32,
    /// Keep the mode of the file that is replaced.
    pub keep_mode: bool,
}
