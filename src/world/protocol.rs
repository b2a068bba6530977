//! What is said between a `Remote` and the `hands` that serve it: one JSON object a line, bytes as base64, one answer for
//! each request, told apart by their numbers. Lines may hold whole files with secrets: they are wiped after use.

use super::file::Digest;
use crate::error::{Error, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::io::{self, BufRead, Read as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use zeroize::Zeroizing;

/// Number of this protocol. Another number on the other side is refused: the two programs must be of one build.
pub const PROTOCOL: u32 = 1;
/// Longest line: the longest answer of a socket (64 MiB) in base64, and its wrapping.
pub const LINE_LIMIT: u64 = 96 << 20;
/// A sign of life is sent this often. Its absence shows that a connection was cut silently.
pub const BEAT: Duration = Duration::from_secs(15);

/// Bytes, in base64 on the line.
pub struct Bytes(pub Zeroizing<Vec<u8>>);

impl Bytes {
    /// A copy of these.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Zeroizing::new(bytes.to_vec()))
    }

    /// Hands the bytes over; wiping them is the caller's from here on.
    pub fn take(mut self) -> Vec<u8> {
        std::mem::take(&mut *self.0)
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(&Zeroizing::new(STANDARD.encode(&*self.0)))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        let bytes = STANDARD.decode(text.as_bytes()).map_err(|_| serde::de::Error::custom("bytes are not base64"))?;
        Ok(Self(Zeroizing::new(bytes)))
    }
}

/// A request and its number.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Counted up by the side that asks.
    pub id: u64,
    /// What is asked.
    pub ask: Ask,
}

/// What can be asked: exactly what `Host` offers.
#[allow(missing_docs, reason = "each variant is the call of `Host` of the same name")]
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", tag = "do", deny_unknown_fields)]
pub enum Ask {
    /// Comes first.
    Hello {
        protocol: u32,
        version: String,
    },
    /// A sign of life.
    Beat,
    Read {
        path: PathBuf,
    },
    List {
        folder: PathBuf,
    },
    Mode {
        path: PathBuf,
    },
    Run {
        argv: Vec<String>,
        stdin: Bytes,
        limit: Duration,
    },
    Talk {
        socket: PathBuf,
        request: Bytes,
        limit: Duration,
    },
    Datagram {
        to: SocketAddr,
        bytes: Bytes,
    },
    /// A DNS message and its answer, from the address of the machine that serves.
    Exchange {
        server: SocketAddr,
        message: Bytes,
    },
    /// Answered with what `Release` takes, or with `None` if somebody else has it.
    Lock {
        path: PathBuf,
        mode: u32,
        limit: Duration,
    },
    MakeFolder {
        path: PathBuf,
        mode: u32,
    },
    Stage {
        path: PathBuf,
        bytes: Bytes,
        replaces: Option<Digest>,
        mode: u32,
        keep_mode: bool,
    },
    Put {
        held: u64,
    },
    /// Releases a lock, or removes a staged file that is not put in place.
    Release {
        held: u64,
    },
    Append {
        path: PathBuf,
        at: u64,
        bytes: Bytes,
    },
    Remove {
        path: PathBuf,
    },
}

/// An answer and the number of what it answers (0: of nothing that could be read).
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The request's number.
    pub id: u64,
    /// What came of it.
    pub said: std::result::Result<Said, Error>,
}

/// What can be answered.
#[allow(missing_docs, reason = "named after what is asked")]
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Said {
    Hello { protocol: u32, version: String, os: String },
    Done,
    Bytes(Option<Bytes>),
    Names(Vec<String>),
    Mode(Option<u32>),
    Ran { code: i32, stdout: Bytes, stderr: Bytes },
    Locked(Option<u64>),
    Staged { held: u64, path: PathBuf },
}

/// A line with its end.
pub fn line(message: &impl Serialize) -> Result<Zeroizing<Vec<u8>>> {
    let bytes = serde_json::to_vec(message).map_err(|error| Error::new(format!("a line of the protocol: {error}")))?;
    let mut bytes = Zeroizing::new(bytes);
    bytes.push(b'\n');
    Ok(bytes)
}

/// What was read.
pub enum Line {
    /// A line without its end.
    Whole(Zeroizing<Vec<u8>>),
    /// More than the limit before an end; the rest of it was passed over.
    TooLong,
    /// The stream ended within a line.
    Half,
    /// The stream ended between two lines.
    End,
}

/// Reads up to the end of a line, and never keeps more than the limit.
pub fn read_line(input: &mut impl BufRead, limit: u64) -> io::Result<Line> {
    let mut bytes = Zeroizing::new(Vec::new());
    input.by_ref().take(limit).read_until(b'\n', &mut bytes)?;
    match bytes.last() {
        None => Ok(Line::End),
        Some(b'\n') => {
            bytes.pop();
            Ok(Line::Whole(bytes))
        }
        Some(_) if (bytes.len() as u64) < limit => Ok(Line::Half),
        Some(_) => {
            input.skip_until(b'\n')?;
            Ok(Line::TooLong)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_apart() {
        let mut input: &[u8] = b"one\n\nlonger than that\ntwo\nhal";
        let mut next = || match read_line(&mut input, 8).unwrap() {
            Line::Whole(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
            Line::TooLong => "too long".into(),
            Line::Half => "half".into(),
            Line::End => "end".into(),
        };
        assert_eq!(std::array::from_fn(|_| next()), ["one", "", "too long", "two", "half", "end"]);
    }

    #[test]
    fn bytes_come_back_as_they_were() {
        let bytes: Vec<u8> = (0..=255).collect();
        let ask =
            Ask::Stage { path: "/a b".into(), bytes: Bytes::of(&bytes), replaces: None, mode: 0o600, keep_mode: true };
        let text = line(&Request { id: 7, ask }).unwrap();
        assert_eq!(text.iter().filter(|it| **it == b'\n').count(), 1);
        let Request { id: 7, ask: Ask::Stage { path, bytes: back, .. } } = serde_json::from_slice(&text).unwrap()
        else {
            panic!("another request")
        };
        assert_eq!((path, back.take()), ("/a b".into(), bytes));
    }

    #[test]
    fn an_error_crosses_with_all_its_lines() {
        let error = Error::usage("a fact").while_doing("this").while_doing("that").hint("try it");
        let text = line(&Answer { id: 1, said: Err(error.clone()) }).unwrap();
        let back: Answer = serde_json::from_slice(&text).unwrap();
        let back = back.said.err().unwrap();
        assert_eq!((back.to_string(), back.exit()), (error.to_string(), error.exit()));
    }

    #[test]
    fn what_nobody_asks_for_is_refused() {
        for text in [
            r#"{"id":1,"ask":{"do":"read"}}"#,
            r#"{"id":1,"ask":{"do":"shell","path":"/"}}"#,
            r#"{"id":1,"ask":{"do":"read","path":"/x","mode":1}}"#,
            r#"{"id":-1,"ask":{"do":"beat"}}"#,
            r#"{"id":1,"ask":{"do":"datagram","to":"127.0.0.1:1","bytes":"%"}}"#,
            r#"{"id":1}"#,
            "[]",
            "",
        ] {
            assert!(serde_json::from_str::<Request>(text).is_err(), "{text}");
        }
    }
}
