//! The other end of a `Remote`: does on this machine what each line asks for, through the same `Local` as everything here.
//! `pfddns hands` runs this on standard input and output. When the input ends, all locks and staged files are released.

use super::local::{Local, Lock, Staged};
use super::protocol::{self, Answer, Ask, Bytes, LINE_LIMIT, Line, PROTOCOL, Request, Said};
use super::{NewFile, Program, Ran, Wire};
use crate::error::{Error, Result};
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use std::collections::HashMap;
use std::io::{BufReader, Read, Write};
use std::path::Path;
use std::time::Duration;
use tokio::sync::mpsc;

/// After this long without a line the other side counts as gone: locks must not outlive it.
const SILENCE: Duration = Duration::from_secs(60);

/// What a connection holds.
enum Held {
    Lock(#[expect(dead_code, reason = "dropping it is what unlocks")] Lock),
    Staged(Staged),
}

struct Hands<'a> {
    programs: &'a [Program],
    held: HashMap<u64, Held>,
    greeted: bool,
}

/// Serves until the input ends, or nothing has come for too long, or nobody reads the answers any more.
pub async fn serve(input: impl Read + Send + 'static, output: impl Write, programs: &[Program]) -> Result<()> {
    answer(read_in_a_thread(input), output, programs).await
}

async fn answer(mut lines: mpsc::Receiver<Line>, mut output: impl Write, programs: &[Program]) -> Result<()> {
    let mut hands = Hands { programs, held: HashMap::new(), greeted: false };
    let mut asked = FuturesUnordered::new();
    loop {
        let answer = tokio::select! {
            // DNS answers are awaited concurrently; everything else is short, or the other side waits for it alone.
            Some(answer) = asked.next(), if !asked.is_empty() => answer,
            line = tokio::time::timeout(SILENCE, lines.recv()) => match line {
                Err(_) => return Err(Error::new(format!("nothing was heard for {} s", SILENCE.as_secs()))),
                Ok(None | Some(Line::End)) => return Ok(()),
                Ok(Some(line)) => match read(line) {
                    Ok(Request { id, ask: Ask::Exchange { server, message } }) if hands.greeted => {
                        asked.push(async move {
                            let answer = Wire::default().exchange(server, &message.0).await;
                            Answer { id, said: answer.map(|it| Said::Bytes(Some(Bytes::of(&it)))) }
                        });
                        continue;
                    }
                    Ok(Request { id, ask }) => Answer { id, said: hands.obey(id, ask) },
                    Err(error) => Answer { id: 0, said: Err(error) },
                },
            },
        };
        let line = protocol::line(&answer)?;
        if output.write_all(&line).and_then(|()| output.flush()).is_err() {
            return Ok(());
        }
    }
}

/// Only a thread can wait for standard input while the rest continues.
fn read_in_a_thread(input: impl Read + Send + 'static) -> mpsc::Receiver<Line> {
    let (sender, receiver) = mpsc::channel(16);
    std::thread::spawn(move || {
        let mut input = BufReader::new(input);
        while let Ok(line) = protocol::read_line(&mut input, LINE_LIMIT) {
            let last = matches!(line, Line::End | Line::Half);
            if sender.blocking_send(line).is_err() || last {
                return;
            }
        }
    });
    receiver
}

fn read(line: Line) -> Result<Request> {
    match line {
        Line::Whole(bytes) => serde_json::from_slice(&bytes)
            // Not the parser's words: they may quote the line.
            .map_err(|_| Error::usage("a line that is not a request of this protocol").hint(SAME)),
        Line::TooLong => Err(Error::usage(format!("a line of more than {} MiB", LINE_LIMIT >> 20))),
        Line::Half => Err(Error::usage("half a line")),
        Line::End => Err(Error::usage("no line at all")),
    }
}

/// What to do about a program with another protocol.
const SAME: &str = "install the same pfddns on both ends";

impl Hands<'_> {
    fn obey(&mut self, id: u64, ask: Ask) -> Result<Said> {
        if !self.greeted && !matches!(ask, Ask::Hello { .. }) {
            return Err(Error::usage("a request before the greeting").hint(SAME));
        }
        match ask {
            // The side that asks decides whether the versions fit: it can tell its operator.
            Ask::Hello { protocol, .. } => {
                self.greeted = protocol == PROTOCOL;
                let version = env!("CARGO_PKG_VERSION").to_owned();
                Ok(Said::Hello { protocol: PROTOCOL, version, os: std::env::consts::OS.to_owned() })
            }
            Ask::Beat => Ok(Said::Done),
            Ask::Read { path } => {
                Ok(Said::Bytes(Local.read_if_there(whole(&path)?)?.map(|it| Bytes(zeroize::Zeroizing::new(it)))))
            }
            Ask::List { folder } => Ok(Said::Names(Local.list(whole(&folder)?)?)),
            Ask::Mode { path } => Ok(Said::Mode(Local.mode(whole(&path)?)?)),
            Ask::Run { argv, stdin, limit } => self.run(&argv, &stdin, limit),
            Ask::Talk { socket, request, limit } => {
                let answer = Local.talk(whole(&socket)?, &request.0, limit)?;
                Ok(Said::Bytes(Some(Bytes(zeroize::Zeroizing::new(answer)))))
            }
            Ask::Datagram { to, bytes } => Local.datagram(to, &bytes.0).map(|()| Said::Done),
            Ask::Exchange { .. } => Err(Error::usage("a request before the greeting").hint(SAME)),
            Ask::Lock { path, mode, limit } => {
                let lock = Local.lock(whole(&path)?, mode, limit)?;
                Ok(Said::Locked(lock.map(|lock| self.hold(id, Held::Lock(lock)))))
            }
            Ask::MakeFolder { path, mode } => Local.make_folder(whole(&path)?, mode).map(|()| Said::Done),
            Ask::Stage { path, bytes, replaces, mode, keep_mode } => {
                self.stage(id, &path, &NewFile { bytes: &bytes.0, replaces, mode, keep_mode })
            }
            Ask::Put { held } => match self.held.remove(&held) {
                Some(Held::Staged(staged)) => Local.put(staged).map(|()| Said::Done),
                Some(Held::Lock(_)) | None => Err(Error::usage("no such staged file")),
            },
            Ask::Release { held } => {
                self.held.remove(&held);
                Ok(Said::Done)
            }
            Ask::Append { path, at, bytes } => Local.append(whole(&path)?, at, &bytes.0).map(|()| Said::Done),
            Ask::Remove { path } => Local.remove(whole(&path)?).map(|()| Said::Done),
        }
    }

    fn hold(&mut self, id: u64, held: Held) -> u64 {
        self.held.insert(id, held);
        id
    }

    fn stage(&mut self, id: u64, path: &Path, file: &NewFile<'_>) -> Result<Said> {
        let staged = Local.stage(whole(path)?, file)?;
        let path = staged.temporary.clone();
        Ok(Said::Staged { held: self.hold(id, Held::Staged(staged)), path })
    }

    fn run(&self, argv: &[String], stdin: &Bytes, limit: Duration) -> Result<Said> {
        if let [program, arguments @ ..] = argv
            && program.starts_with('/')
            && !self.programs.iter().any(|it| it.takes(Path::new(program), arguments))
        {
            let words = argv.join(" ");
            return Err(Error::usage(format!("`{words}` is not on the list of programs that `pfddns hands` runs"))
                .hint("the last part of its path must be the name the program has in its own package"));
        }
        let argv: Vec<&str> = argv.iter().map(String::as_str).collect();
        let Ran { code, stdout, stderr } = Local.run(&argv, &stdin.0, limit)?;
        let bytes = |it| Bytes(zeroize::Zeroizing::new(it));
        Ok(Said::Ran { code, stdout: bytes(stdout), stderr: bytes(stderr) })
    }
}

/// Only absolute paths mean the same on both ends: this process's working folder is arbitrary.
fn whole(path: &Path) -> Result<&Path> {
    match path.is_absolute() {
        true => Ok(path),
        false => Err(Error::usage(format!("{}: files on another machine need an absolute path", path.display()))),
    }
}

#[cfg(test)]
#[path = "hands_tests.rs"]
mod tests;
