//! One option-6 edit for the bench, as a process of its own: `edit recipe|bare DIR IP...`.
//! `recipe` is what the program does (lock, two backups, revision, cache); `bare` only reads, proves and replaces the file.

use jiff::Timestamp;
use pfddns::error::{Error, Result};
use pfddns::systems::pfsense::{Edit, Paths, Save, Seen, read, save};
use pfddns::world::local::Local;
use pfddns::world::{Digest, Host, NewFile};
use std::path::Path;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [mode, folder, servers @ ..] = arguments.as_slice() else {
        return Err(Error::usage("edit recipe|bare DIR IP..."));
    };
    let folder = Path::new(folder);
    let mut host = Host::Local(Local);
    let list = servers.iter().map(|it| Seen::from(it.as_str())).collect();
    let edits = [Edit::put("dhcpd/lan/dnsserver", Seen::List(list))];
    let config = folder.join("config.xml");
    if mode == "bare" {
        let bytes = host.read(&config)?;
        let new = read(&bytes)?.edited(&edits)?;
        let file = NewFile { bytes: &new, replaces: Some(Digest::of(&bytes)), mode: 0o600, keep_mode: true };
        return host.write(&config, &file);
    }
    let paths = Paths {
        config,
        lock: folder.join("config.lock"),
        cache: folder.join("config.cache"),
        own_backups: folder.join("pfddns"),
        restore_points: folder.join("backup"),
    };
    save(&mut host, &paths, &Save { edits: &edits, reason: "bench", replaces: None, run: "bench" }, Timestamp::now())
        .map(|_| ())
}
