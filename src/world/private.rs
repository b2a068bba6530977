//! Files with a secret in them: refused where others on their machine can read them.

use super::Host;
use crate::error::{Error, Result};
use crate::secret::Secret;
use std::path::Path;
use zeroize::Zeroizing;

impl Host {
    /// The bytes of such a file, or `None` if there is no such file.
    pub fn read_private(&self, path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>> {
        let file = path.display();
        match self.mode(path)? {
            Some(mode) if mode & 0o077 != 0 => {
                Err(Error::new(format!("{file}: others on this machine may read it (mode {mode:04o})"))
                    .hint(format!("chmod 600 {file}; if somebody may have read it, replace what is in it")))
            }
            Some(_) => Ok(self.read_if_there(path)?.map(Zeroizing::new)),
            None => Ok(None),
        }
    }

    /// The token in such a file: one line that can be sent as an HTTP header.
    pub fn token(&self, path: &Path) -> Result<Secret> {
        let file = path.display();
        let bytes = self.read_private(path)?.ok_or_else(|| Error::new(format!("{file}: no such file")))?;
        let text = std::str::from_utf8(&bytes).unwrap_or_default().trim();
        match !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            true => Ok(Secret::new(text)),
            false => Err(Error::new(format!("{file}: not a token (one line of printable characters)"))),
        }
    }
}
