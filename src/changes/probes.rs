//! Proof by use: a server takes an update that is signed with the key, and refuses all others. Direct probes are here,
//! those through D2 in `through_d2`. Each may be made twice, and leaves nothing behind.

use super::{Evidence, Nature, Step, Undo, secrets, through_d2};
use crate::config::{Config, Firewall, PROBE_LABEL};
use crate::error::{Doing, Error, Result};
use crate::model::words::many;
use crate::model::{DomainName, HostName, KeyName, KeyRef, ServerName, ZoneName};
use crate::systems::dns::{self, Data, Record, Refusal, Rtype, Signer, Verdict};
use crate::world::World;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};

/// A proof.
#[allow(missing_docs, reason = "each variant's sentence names its fields")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema), schemars(rename = "ProbesChange"))]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", tag = "change")]
pub enum Change {
    /// Writes a probe record in each zone with the key, reads it, removes it, and sees it gone.
    Probe { server: ServerName, zones: Vec<ZoneName>, key: KeyRef },
    /// Removes the probe records, if a cut-off run left any.
    ForgetProbe { server: ServerName, zones: Vec<ZoneName>, key: KeyRef },
    /// Sends updates that must be refused in each zone: unsigned, with a wrong secret, with an unknown key, with each
    /// retired key. They would change nothing if they were accepted.
    ProbeRefusals { server: ServerName, zones: Vec<ZoneName>, key: KeyRef, retired: Vec<KeyRef> },
    /// Sends D2 a request of our own for a probe name and sees it arrive in DNS, signed with the key; then removes it.
    ProbeD2 { host: HostName, key: KeyName, zone: ZoneName },
    /// Removes the probe name, if a cut-off run left it.
    ForgetD2Probe { host: HostName, zone: ZoneName },
}

/// A fact that is proven by asking for an update that would change nothing.
#[allow(missing_docs, reason = "each variant's sentence names its fields")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema), schemars(rename = "ProbesCheck"))]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", tag = "check")]
pub enum Check {
    /// The server accepts an update signed with this key, in each zone.
    KeyAccepted { server: ServerName, zones: Vec<ZoneName>, key: KeyRef },
    /// The server refuses an update signed with this key, in each zone.
    KeyRefused { server: ServerName, zones: Vec<ZoneName>, key: KeyRef },
    /// The server refuses an unsigned update, in each zone.
    UnsignedRefused { server: ServerName, zones: Vec<ZoneName> },
    /// No probe record is left in these zones.
    ProbesGone { server: ServerName, zones: Vec<ZoneName> },
}

impl Change {
    pub(super) async fn run(&self, config: &Config, world: &mut World) -> Result<Evidence> {
        match self {
            Self::Probe { server, zones, key } => probe(config, world, server, zones, key).await,
            Self::ForgetProbe { server, zones, key } => forget_probe(config, world, server, zones, key).await,
            Self::ProbeRefusals { server, zones, key, retired } => {
                let at = config.server(server)?.dns;
                let cases = unwelcome(config, world, key, retired).await?;
                probe_refusals(world, (server, at), zones, &cases).await
            }
            Self::ProbeD2 { host, key, zone } => {
                through_d2::probe(config, config.firewall(host)?, world, key, zone).await
            }
            Self::ForgetD2Probe { host, zone } => through_d2::forget(config, config.firewall(host)?, world, zone).await,
        }
    }

    pub(super) fn nature(&self) -> Nature<'_> {
        match self {
            Self::Probe { server, .. } | Self::ProbeRefusals { server, .. } => {
                Nature { servers: vec![server], leaves_nothing: true, ..Nature::default() }
            }
            Self::ForgetProbe { server, .. } => Nature { servers: vec![server], ..Nature::default() },
            Self::ProbeD2 { host, .. } | Self::ForgetD2Probe { host, .. } => {
                Nature { hosts: vec![host], ..Nature::default() }
            }
        }
    }
}

impl Check {
    pub(super) async fn holds(&self, config: &Config, world: &World) -> Result<()> {
        match self {
            Self::KeyAccepted { server, zones, key } => takes(config, world, server, zones, key).await,
            Self::KeyRefused { server, zones, key } => refused(config, world, server, zones, Some(key)).await,
            Self::UnsignedRefused { server, zones } => refused(config, world, server, zones, None).await,
            Self::ProbesGone { server, zones } => probes_gone(config, world, server, zones).await,
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeyAccepted { server, zones, key } => write!(f, "{server} accepts {} in {}", key.name, many(zones)),
            Self::KeyRefused { server, zones, key } => write!(f, "{server} refuses {} in {}", key.name, many(zones)),
            Self::UnsignedRefused { server, zones } => {
                write!(f, "{server} refuses unsigned updates in {}", many(zones))
            }
            Self::ProbesGone { server, zones } => write!(f, "{server} has no probe record in {}", many(zones)),
        }
    }
}

async fn probe(
    config: &Config,
    world: &mut World,
    server: &ServerName,
    zones: &[ZoneName],
    key: &KeyRef,
) -> Result<Evidence> {
    let at = config.server(server)?.dns;
    let secret = secrets::secret(config, world, key).await?;
    let signer = Signer { key: &key.name, algorithm: key.algorithm, secret: &secret };
    let mut evidence = Evidence::default();
    for zone in zones {
        probe_zone(world, at, zone, &signer).await.doing(|| format!("proving {} in {zone} on {server}", key.name))?;
        evidence.accepted += 1;
    }
    Ok(evidence)
}

/// Writes, reads and removes a record, and checks that it is gone. A probe record of a killed run is removed first.
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
        // The answer to the first try was lost, and the second try found the name in use: by us, since it was free before.
        Verdict::Refused(Refusal::YxDomain)
            if dns::held(world, at, &record.name, kind).await? == [record.data.text()] => {}
        verdict => accepted(verdict, "writing the probe record")?,
    }
    let seen = dns::held(world, at, &record.name, kind).await;
    let removed = dns::remove(world, at, zone, Some(signer), &record.name, kind).await;
    // The record is removed even if the look-up failed; the look-up's result is checked after that.
    if seen?.is_empty() {
        return Err(Error::new("the update was accepted, but the record does not exist"));
    }
    accepted(removed?, "removing the probe record")?;
    if !dns::held(world, at, &record.name, kind).await?.is_empty() {
        return Err(Error::new(format!("the probe record {} still exists after its removal", record.name)));
    }
    Ok(())
}

/// Removes the record of a run that was killed in the middle of `probe`.
async fn forget_probe(
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
        let secret = secrets::secret(config, world, key).await?;
        let signer = Signer { key: &key.name, algorithm: key.algorithm, secret: &secret };
        let removed = dns::remove(world, at, zone, Some(&signer), &record.name, kind).await?;
        accepted(removed, &format!("removing the probe record {} on {server}", record.name))
            .map_err(|error| error.hint("a run that was cut off left it: remove that record by hand"))?;
    }
    Ok(Evidence::default())
}

fn probe_record(zone: &ZoneName) -> Result<Record> {
    let name = zone.child(PROBE_LABEL)?;
    // 192.0.2.0/24 is for documentation (RFC 5737); no host has such an address.
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

/// Who must be refused, in words, and with what each signs.
type Unwelcome = Vec<(String, Option<(KeyName, crate::model::Algorithm, crate::secret::Secret)>)>;

async fn unwelcome(config: &Config, world: &World, key: &KeyRef, retired: &[KeyRef]) -> Result<Unwelcome> {
    let (algorithm, new) = (key.algorithm, || secrets::new_secret(key.algorithm.secret_bytes()));
    let unknown = KeyName::new(&format!("{}-nobody-{:08x}", config.key.prefix, rand::random::<u32>()))?;
    let mut cases = vec![
        ("an unsigned update".to_owned(), None),
        (format!("{} with a wrong secret", key.name), Some((key.name.clone(), algorithm, new()?))),
        ("an unknown key".to_owned(), Some((unknown, algorithm, new()?))),
    ];
    for old in retired {
        let secret = secrets::secret(config, world, old).await?;
        cases.push((format!("retired {}", old.name), Some((old.name.clone(), old.algorithm, secret))));
    }
    Ok(cases)
}

async fn probe_refusals(
    world: &World,
    (server, at): (&ServerName, SocketAddr),
    zones: &[ZoneName],
    cases: &Unwelcome,
) -> Result<Evidence> {
    let mut evidence = Evidence::default();
    for zone in zones {
        for (who, signed) in cases {
            let signer = signed.as_ref().map(|(key, algorithm, secret)| Signer { key, algorithm: *algorithm, secret });
            match dns::may_update(world, at, zone, signer.as_ref()).await? {
                Verdict::Refused(why) if why.is_about_the_right() => evidence.refused += 1,
                Verdict::Refused(why) => {
                    return Err(Error::new(format!("{server} refused {who} in {zone}, but for another reason: {why}")));
                }
                Verdict::Accepted => {
                    return Err(Error::new(format!("{server} accepts {who} in {zone}"))
                        .hint("`pfddns plan` shows what differs from the configuration"));
                }
            }
        }
    }
    Ok(evidence)
}

async fn takes(config: &Config, world: &World, server: &ServerName, zones: &[ZoneName], key: &KeyRef) -> Result<()> {
    let at = config.server(server)?.dns;
    let secret = secrets::secret(config, world, key).await?;
    let signer = Signer { key: &key.name, algorithm: key.algorithm, secret: &secret };
    for zone in zones {
        if let Verdict::Refused(why) = dns::may_update(world, at, zone, Some(&signer)).await? {
            return Err(Error::new(format!("{server} refused key {} in {zone}: {why}", key.name)));
        }
    }
    Ok(())
}

async fn refused(
    config: &Config,
    world: &World,
    server: &ServerName,
    zones: &[ZoneName],
    key: Option<&KeyRef>,
) -> Result<()> {
    let at = config.server(server)?.dns;
    let secret = match key {
        Some(key) => Some(secrets::secret(config, world, key).await?),
        None => None,
    };
    let signer =
        key.zip(secret.as_ref()).map(|(key, secret)| Signer { key: &key.name, algorithm: key.algorithm, secret });
    for zone in zones {
        match dns::may_update(world, at, zone, signer.as_ref()).await? {
            Verdict::Refused(why) if why.is_about_the_right() => {}
            Verdict::Refused(why) => {
                return Err(Error::new(format!("{server} refused an update of {zone}, but for another reason: {why}")));
            }
            Verdict::Accepted => {
                let who = key.map_or_else(|| "an unsigned update".to_owned(), |key| format!("key {}", key.name));
                return Err(Error::new(format!("{server} still accepts {who} in {zone}")));
            }
        }
    }
    Ok(())
}

async fn probes_gone(config: &Config, world: &World, server: &ServerName, zones: &[ZoneName]) -> Result<()> {
    let at = config.server(server)?.dns;
    for zone in zones {
        let name = zone.child(PROBE_LABEL)?;
        for kind in [Rtype::A, Rtype::Ptr] {
            if !dns::held(world, at, &name, kind).await?.is_empty() {
                return Err(Error::new(format!("the probe record {name} is still on {server}")));
            }
        }
    }
    Ok(())
}

/// The step that proves a key by use in each of these zones, and that unsigned updates are refused.
pub fn prove(server: &ServerName, zones: &[ZoneName], key: &KeyRef) -> Step {
    let title = format!("prove {} by use in {} on {server}", key.name, many(zones));
    let mut step = by_use(title, server, zones, key);
    step.after = vec![
        super::servers::granted(server, zones, &key.name),
        unsigned_refused(server, zones),
        // A proof that was cut off while its record existed is not done yet, even if all else holds.
        probes_gone_from(server, zones),
    ];
    step
}

/// The step that writes and removes a record in each zone.
pub fn by_use(title: String, server: &ServerName, zones: &[ZoneName], key: &KeyRef) -> Step {
    let (server, zones, key) = (server.clone(), zones.to_vec(), key.clone());
    let undo = Change::ForgetProbe { server: server.clone(), zones: zones.clone(), key: key.clone() };
    Step::new(title, Change::Probe { server, zones, key }, Vec::new(), Undo::by(undo))
}

/// The step that proves what is refused.
pub fn refusals(server: &ServerName, zones: &[ZoneName], key: &KeyRef, retired: Vec<KeyRef>) -> Step {
    let title = format!("{server}: unsigned, wrong and retired keys are refused in {}", many(zones));
    let after = vec![probes_gone_from(server, zones)];
    let (server, zones, key) = (server.clone(), zones.to_vec(), key.clone());
    Step::new(title, Change::ProbeRefusals { server, zones, key, retired }, after, Undo::NotNeeded)
}

/// The server accepts an update signed with this key, in each zone.
pub fn accepted_by(server: &ServerName, zones: &[ZoneName], key: &KeyRef) -> super::Check {
    Check::KeyAccepted { server: server.clone(), zones: zones.to_vec(), key: key.clone() }.into()
}

/// The server refuses an update signed with this key, in each zone.
pub fn refused_by(server: &ServerName, zones: &[ZoneName], key: &KeyRef) -> super::Check {
    Check::KeyRefused { server: server.clone(), zones: zones.to_vec(), key: key.clone() }.into()
}

/// The server refuses an unsigned update, in each zone.
pub fn unsigned_refused(server: &ServerName, zones: &[ZoneName]) -> super::Check {
    Check::UnsignedRefused { server: server.clone(), zones: zones.to_vec() }.into()
}

fn probes_gone_from(server: &ServerName, zones: &[ZoneName]) -> super::Check {
    Check::ProbesGone { server: server.clone(), zones: zones.to_vec() }.into()
}

/// The step that checks that D2 writes a name with this key, in the first forward zone. `None`: no forward zone.
pub fn through_d2(config: &Config, firewall: &Firewall, key: &KeyName) -> Option<Step> {
    let zone = &config.zones.iter().find(|zone| !zone.name.is_reverse())?.name;
    let (host, on) = (&firewall.name, config.on(firewall));
    let change = Change::ProbeD2 { host: host.clone(), key: key.clone(), zone: zone.clone() };
    let undo = Undo::by(Change::ForgetD2Probe { host: host.clone(), zone: zone.clone() });
    Some(Step::new(format!("check that D2{on} writes to {zone} with {key}"), change, Vec::new(), undo))
}
