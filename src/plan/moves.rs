//! How each change is made. Short functions that fetch what they need (a secret at the last moment) and hand it to the
//! systems; every one of them may be done twice.

use super::{Evidence, keys};
use crate::config::{Config, PROBE_LABEL};
use crate::error::{Doing, Error, Result};
use crate::model::words::count;
use crate::model::{DomainName, KeyName, KeyRef, ServerName, ZoneName, ZoneRules};
use crate::systems::dns::{self, Data, Record, Refusal, Signer, Verdict};
use crate::systems::servers::{NameServer, Server, Standing};
use crate::systems::store::{Edit, Store, StoredKey};
use crate::world::World;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

pub(super) use super::moves_d2::{D2Place, drain, forget_d2_probe, install_d2, probe_d2, replace_d2, restore_d2};
pub(super) use super::moves_heal::heal;

pub(super) async fn store_key(config: &Config, world: &mut World, key: &KeyRef) -> Result<Evidence> {
    let store = Store::of(config);
    let book = store.read(world).await?;
    if book.keys.iter().any(|it| it.name == key.name) {
        return Ok(Evidence::note("it is there already"));
    }
    let secret = keys::new_secret(key.algorithm.secret_bytes())?;
    let created = world.clock.now();
    let stored = StoredKey { name: key.name.clone(), algorithm: key.algorithm, created, retired: None, secret };
    let version = store.edit(world, key.secret.version.saturating_sub(1), &[Edit::Add(&stored)]).await?;
    Ok(Evidence::note(format!("fingerprint {}, version {version}", stored.secret.fingerprint())))
}

/// Edits the store at whatever version it has now; check-and-set still guards the write itself.
async fn edit(
    config: &Config,
    world: &mut World,
    edit: impl FnOnce(&crate::systems::store::Book) -> Option<Edit<'static>>,
) -> Result<Evidence> {
    let store = Store::of(config);
    let book = store.read(world).await?;
    let Some(edit) = edit(&book) else { return Ok(Evidence::note("nothing to do")) };
    let version = store.edit(world, book.version, &[edit]).await?;
    Ok(Evidence::note(format!("version {version}")))
}

pub(super) async fn forget_key(config: &Config, world: &mut World, key: &KeyName) -> Result<Evidence> {
    edit(config, world, |book| book.keys.iter().any(|it| &it.name == key).then(|| Edit::Forget(key.clone()))).await
}

pub(super) async fn mark_current(config: &Config, world: &mut World, key: &KeyName) -> Result<Evidence> {
    edit(config, world, |book| (book.current.as_ref() != Some(key)).then(|| Edit::Current(key.clone()))).await
}

pub(super) async fn retire(config: &Config, world: &mut World, key: &KeyName, retired: bool) -> Result<Evidence> {
    let at = retired.then(|| world.clock.now());
    edit(config, world, |book| {
        let stands = book.keys.iter().any(|it| &it.name == key && it.retired.is_some() == retired);
        (!stands).then(|| at.map_or_else(|| Edit::Restore(key.clone()), |at| Edit::Retire(key.clone(), at)))
    })
    .await
}

pub(super) async fn add_server_key(
    config: &Config,
    world: &mut World,
    server: &ServerName,
    key: &KeyRef,
) -> Result<Evidence> {
    let secret = keys::secret(config, world, key).await?;
    Server::of(config, server)?.add_key(world, key, &secret).await?;
    Ok(Evidence::default())
}

pub(super) async fn remove_server_key(
    config: &Config,
    world: &mut World,
    server: &ServerName,
    key: &KeyName,
) -> Result<Evidence> {
    Server::of(config, server)?.remove_key(world, key).await?;
    Ok(Evidence::default())
}

pub(super) async fn grant(
    config: &Config,
    world: &mut World,
    server: &ServerName,
    zones: &[ZoneName],
    key: &KeyName,
) -> Result<Evidence> {
    let backend = Server::of(config, server)?;
    for zone in zones {
        let found = backend.rules(world, zone).await?;
        let rules = backend.normalise(&found.with(key, &config.rows(key, zone)));
        if !super::check::same_rules(&found, &rules) {
            backend.set_rules(world, zone, &found, &rules).await?;
        }
    }
    Ok(Evidence::default())
}

pub(super) async fn revoke(
    config: &Config,
    world: &mut World,
    server: &ServerName,
    zones: &[ZoneName],
    key: &KeyName,
) -> Result<Evidence> {
    let backend = Server::of(config, server)?;
    for zone in zones {
        let found = backend.rules(world, zone).await?;
        let rules = found.without(key);
        if rules != found {
            backend.set_rules(world, zone, &found, &rules).await?;
        }
    }
    Ok(Evidence::default())
}

pub(super) async fn set_rules(
    config: &Config,
    world: &mut World,
    server: &ServerName,
    zone: &ZoneName,
    replaces: &ZoneRules,
    rules: &ZoneRules,
) -> Result<Evidence> {
    Server::of(config, server)?.set_rules(world, zone, replaces, rules).await?;
    Ok(Evidence::default())
}

pub(super) async fn open_zone(
    config: &Config,
    world: &mut World,
    server: &ServerName,
    zone: &ZoneName,
    replaces: &ZoneRules,
    rules: &ZoneRules,
) -> Result<Evidence> {
    Server::of(config, server)?.set_bypass_rules(world, zone, replaces, rules).await?;
    Ok(Evidence::default())
}

/// What servers must have, or must not have any more, when a change is on disk.
pub(super) struct Wanted<'a> {
    pub zones: &'a [ZoneName],
    pub present: [Option<&'a KeyRef>; 2],
    pub absent: Option<&'a KeyName>,
}

/// Servers write to disk seconds after they said ok, and a crash before that forgets it. So: note each server's start
/// time, wait the longest delay plus a margin, look again. A server that restarted is given everything again, and the
/// wait begins anew.
pub(super) async fn settle(
    config: &Config,
    world: &mut World,
    servers: &[ServerName],
    wanted: &Wanted<'_>,
) -> Result<Evidence> {
    for round in 1..=3 {
        let mut started = Vec::new();
        let mut delay = Duration::ZERO;
        for server in servers {
            let standing = patient_standing(config, world, server).await?;
            delay = delay.max(standing.save_delay);
            started.push(standing.started);
            ensure(config, world, server, wanted).await?;
        }
        let wait = delay + margin(delay);
        world.clock.sleep(wait).await;
        let mut restarted = Vec::new();
        for (server, started) in servers.iter().zip(&started) {
            if &patient_standing(config, world, server).await?.started != started {
                restarted.push(server.to_string());
            }
        }
        if restarted.is_empty() {
            let again =
                if round > 1 { format!(", after {} of a server", count(round - 1, "restart")) } else { String::new() };
            return Ok(Evidence::note(format!("waited {:.1} s{again}", wait.as_secs_f64())));
        }
        tracing::warn!("{} restarted before it had saved the change; waiting again", restarted.join(", "));
    }
    Err(Error::new("a server keeps restarting before it has saved the change")
        .hint("look at that server's log; `pfddns tsig status` shows each server's start time"))
}

/// A server that crashed comes back after seconds; for that long its silence is waited out.
async fn patient_standing(config: &Config, world: &World, server: &ServerName) -> Result<Standing> {
    let backend = Server::of(config, server)?;
    let mut tries = 30;
    loop {
        match backend.standing(world).await {
            Ok(standing) => return Ok(standing),
            Err(error) if tries == 0 => return Err(error),
            Err(error) => tracing::info!(%server, "not there, waiting: {}", error.what()),
        }
        tries -= 1;
        world.clock.sleep(Duration::from_secs(1)).await;
    }
}

/// Time on top of a save delay: a fifth, at least a fifth of a second.
fn margin(delay: Duration) -> Duration {
    (delay / 5).max(Duration::from_millis(200))
}

async fn ensure(config: &Config, world: &mut World, server: &ServerName, wanted: &Wanted<'_>) -> Result<()> {
    let here: Vec<ZoneName> = zones_of(config, server, wanted.zones)?;
    for key in wanted.present.into_iter().flatten() {
        add_server_key(config, world, server, key).await?;
        grant(config, world, server, &here, &key.name).await?;
    }
    if let Some(key) = wanted.absent {
        revoke(config, world, server, &here, key).await?;
        remove_server_key(config, world, server, key).await?;
    }
    Ok(())
}

/// Those of `zones` that the server takes updates for.
fn zones_of(config: &Config, server: &ServerName, zones: &[ZoneName]) -> Result<Vec<ZoneName>> {
    let mut here = Vec::new();
    for zone in zones {
        if config.zone(zone)?.servers.contains(server) {
            here.push(zone.clone());
        }
    }
    Ok(here)
}

pub(super) async fn probe(
    config: &Config,
    world: &mut World,
    server: &ServerName,
    zones: &[ZoneName],
    key: &KeyRef,
) -> Result<Evidence> {
    let at = config.server(server)?.dns;
    let secret = keys::secret(config, world, key).await?;
    let signer = Signer { key: &key.name, algorithm: key.algorithm, secret: &secret };
    let mut evidence = Evidence::default();
    for zone in zones {
        probe_zone(world, at, zone, &signer).await.doing(|| format!("proving {} in {zone} on {server}", key.name))?;
        evidence.accepted += 1;
    }
    Ok(evidence)
}

/// Writes, reads, removes, and sees it gone. A probe record that a killed run left behind is removed first.
async fn probe_zone(world: &mut World, at: SocketAddr, zone: &ZoneName, signer: &Signer<'_>) -> Result<()> {
    let record = probe_record(zone)?;
    let kind = record.data.rtype();
    let left = dns::held(world, at, &record.name, kind).await?;
    if left == [record.data.text()] {
        let removed = dns::remove(world, at, zone, Some(signer), &record.name, kind).await?;
        accepted(removed, "removing an old probe record")?;
    } else if !left.is_empty() {
        return Err(Error::new(format!("{} exists and is not a probe's: {}", record.name, left.join(", ")))
            .hint("rename that host: pfddns writes its probes to this name"));
    }
    match dns::add(world, at, zone, Some(signer), &record).await? {
        // The answer to a first try was lost and the second found the name in use: by us, since it was free just now.
        Verdict::Refused(Refusal::YxDomain)
            if dns::held(world, at, &record.name, kind).await? == [record.data.text()] => {}
        verdict => accepted(verdict, "writing the probe record")?,
    }
    let seen = dns::held(world, at, &record.name, kind).await;
    let removed = dns::remove(world, at, zone, Some(signer), &record.name, kind).await;
    // The record is removed whatever the look-up said; only then is the look-up judged.
    if seen?.is_empty() {
        return Err(Error::new("the update was accepted, but the record is not there"));
    }
    accepted(removed?, "removing the probe record")?;
    if !dns::held(world, at, &record.name, kind).await?.is_empty() {
        return Err(Error::new(format!("the probe record {} is still there after its removal", record.name)));
    }
    Ok(())
}

/// Takes away what a run left that was killed in the middle of `probe`.
pub(super) async fn forget_probe(
    config: &Config,
    world: &mut World,
    server: &ServerName,
    zones: &[ZoneName],
    key: &KeyRef,
) -> Result<Evidence> {
    let at = config.server(server)?.dns;
    for zone in zones {
        let record = probe_record(zone)?;
        let kind = record.data.rtype();
        if dns::held(world, at, &record.name, kind).await? != [record.data.text()] {
            continue;
        }
        let secret = keys::secret(config, world, key).await?;
        let signer = Signer { key: &key.name, algorithm: key.algorithm, secret: &secret };
        let removed = dns::remove(world, at, zone, Some(&signer), &record.name, kind).await?;
        accepted(removed, &format!("removing the probe record {} on {server}", record.name))
            .map_err(|error| error.hint("a run that was cut off left it: remove that record by hand"))?;
    }
    Ok(Evidence::default())
}

fn probe_record(zone: &ZoneName) -> Result<Record> {
    let name = zone.child(PROBE_LABEL)?;
    // 192.0.2.0/24 is for documentation (RFC 5737); nobody is reached by it.
    let data = if zone.is_reverse() {
        Data::Ptr(DomainName::new("pfddns-probe.invalid")?)
    } else {
        Data::A(Ipv4Addr::new(192, 0, 2, 1))
    };
    Ok(Record { name, data, ttl: 60 })
}

fn accepted(verdict: Verdict, doing: &str) -> Result<()> {
    match verdict {
        Verdict::Accepted => Ok(()),
        Verdict::Refused(why) => Err(Error::new(format!("the server refused the update: {why}")).while_doing(doing)),
    }
}

pub(super) async fn probe_refusals(
    config: &Config,
    world: &mut World,
    server: &ServerName,
    zones: &[ZoneName],
    key: &KeyRef,
    retired: &[KeyRef],
) -> Result<Evidence> {
    let at = config.server(server)?.dns;
    let wrong = keys::new_secret(key.algorithm.secret_bytes())?;
    let unknown = KeyName::new(&format!("{}-nobody-{:08x}", config.key.prefix, rand::random::<u32>()))?;
    let mut cases = vec![
        ("an unsigned update".to_owned(), None),
        (format!("{} with a wrong secret", key.name), Some((key.name.clone(), key.algorithm, wrong))),
        ("an unknown key".to_owned(), Some((unknown, key.algorithm, keys::new_secret(key.algorithm.secret_bytes())?))),
    ];
    for old in retired {
        let secret = keys::secret(config, world, old).await?;
        cases.push((format!("retired {}", old.name), Some((old.name.clone(), old.algorithm, secret))));
    }
    let mut evidence = Evidence::default();
    for zone in zones {
        for (who, signed) in &cases {
            let signer = signed.as_ref().map(|(key, algorithm, secret)| Signer { key, algorithm: *algorithm, secret });
            match dns::may_update(world, at, zone, signer.as_ref()).await? {
                Verdict::Refused(why) if why.is_about_the_right() => evidence.refused += 1,
                Verdict::Refused(why) => {
                    return Err(Error::new(format!("{server} refused {who} in {zone}, but for another reason: {why}")));
                }
                Verdict::Accepted => {
                    return Err(Error::new(format!("{server} accepts {who} in {zone}"))
                        .hint("close it: `pfddns plan` shows what differs from the configuration"));
                }
            }
        }
    }
    Ok(evidence)
}
