//! Tag names as small numbers: a config.xml has thousands of elements and a few hundred names.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Names in lower case, numbered in order of appearance.
#[derive(Default)]
pub(super) struct Names {
    numbers: HashMap<String, u32, BuildHasherDefault<Mix>>,
    texts: Vec<String>,
    /// Written forms met before, so that the usual lower-case name costs one comparison.
    recent: Vec<u32>,
}

impl Names {
    /// The number of a name as written (any case).
    #[inline]
    pub fn number(&mut self, written: &[u8]) -> u32 {
        let slot = slot(written);
        if let Some(number) = self.recent.get(slot)
            && self.texts.get(*number as usize).is_some_and(|it| it.as_bytes() == written)
        {
            return *number;
        }
        self.slow(written, slot)
    }

    fn slow(&mut self, written: &[u8], slot: usize) -> u32 {
        let text = String::from_utf8_lossy(written).to_ascii_lowercase();
        let number = match self.numbers.get(text.as_str()) {
            Some(number) => *number,
            None => {
                let number = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
                self.texts.push(text.clone());
                self.numbers.insert(text, number);
                number
            }
        };
        if self.recent.is_empty() {
            self.recent = vec![u32::MAX; SLOTS];
        }
        if let Some(it) = self.recent.get_mut(slot) {
            *it = number;
        }
        number
    }

    /// The number of a name in lower case, if the document has it.
    pub fn find(&self, name: &str) -> Option<u32> {
        self.numbers.get(name).copied()
    }

    /// The name of a number.
    pub fn text(&self, number: u32) -> &str {
        self.texts.get(number as usize).map(String::as_str).unwrap_or_default()
    }

    /// All names.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        self.texts.iter().map(String::as_str)
    }
}

const SLOTS: usize = 1024;

/// First, middle and last byte and the length tell nearly all names of a configuration apart.
fn slot(written: &[u8]) -> usize {
    let byte = |at: usize| usize::from(written.get(at).copied().unwrap_or(0));
    let length = written.len();
    (byte(0) ^ (byte(length / 2) << 3) ^ (byte(length.saturating_sub(1)) << 5) ^ (length << 6)) % SLOTS
}

/// A fast hash for short names from a local file; collisions cost time, nothing else.
#[derive(Default, Clone)]
pub(super) struct Mix(u64);

impl Hasher for Mix {
    fn write(&mut self, bytes: &[u8]) {
        for part in bytes.chunks(8) {
            let mut word = [0; 8];
            for (to, from) in word.iter_mut().zip(part) {
                *to = *from;
            }
            self.0 = (self.0.rotate_left(5) ^ u64::from_le_bytes(word)).wrapping_mul(0x517c_c1b7_2722_0a95);
        }
        self.0 = self.0.wrapping_add(bytes.len() as u64);
    }

    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 29)
    }
}
