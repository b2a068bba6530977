//! The contract. It assumes nothing but what `NameServer` and RFC 2136 promise.

use crate::{Lab, new_secret};
use pfddns::model::{Algorithm, GrantRow, KeyName, KeyRef, UpdateMode, ZoneName, ZoneRules};
use pfddns::secret::{Secret, SecretRef};
use pfddns::systems::dns::{self, Data, Record, Refusal, Rtype, Signer, Verdict};
use pfddns::systems::servers::{NameServer as _, Server};
use pfddns::world::Clock;

const REFUSED_SIGNED: Verdict = Verdict::Refused(Refusal::Refused { signed: true });
const REFUSED: Verdict = Verdict::Refused(Refusal::Refused { signed: false });
const BADKEY: Verdict = Verdict::Refused(Refusal::BadKey);

/// A key of this test.
struct Key {
    it: KeyRef,
    secret: Secret,
}

impl Key {
    fn new(name: &str, algorithm: Algorithm) -> Self {
        let name = KeyName::new(&format!("pfddns-test-{name}-{:04x}", rand::random::<u16>())).unwrap();
        let secret = SecretRef { path: "dns/test".into(), version: 1, field: name.to_string() };
        Self { it: KeyRef { name, algorithm, secret }, secret: new_secret(algorithm.secret_bytes()) }
    }

    fn signer(&self) -> Signer<'_> {
        Signer { key: &self.it.name, algorithm: self.it.algorithm, secret: &self.secret }
    }

    fn rows(&self, zone: &ZoneName, types: &[&str]) -> Vec<GrantRow> {
        let name = format!("*.{}", zone.without_dot());
        vec![GrantRow { key: self.it.name.clone(), name, types: types.iter().map(ToString::to_string).collect() }]
    }
}

pub async fn all(lab: &mut Lab) {
    let foreign = lab.peer.foreign(&lab.world).await;
    let listed = lab.server.keys(&lab.world).await.unwrap();
    lab.zones_are_listed().await;
    let standing = lab.server.standing(&lab.world).await.unwrap();
    assert!(!standing.version.is_empty() && !standing.started.is_empty());

    let one = Key::new("one", Algorithm::HmacSha256);
    let two = Key::new("two", Algorithm::HmacSha512);
    lab.add_key(&one).await;
    for zone in lab.zones.clone() {
        let before = lab.server.rules(&lab.world, &zone).await.unwrap();
        assert_eq!(before.mode, UpdateMode::Deny, "{zone} is fresh");
        lab.grant(&zone, &one).await;
        lab.bad_signatures_are_told_apart(&zone, &one).await;
        lab.records(&zone, &one).await;
    }
    lab.add_key(&two).await;
    for zone in lab.zones.clone() {
        lab.overlap(&zone, &one, &two).await;
        lab.stale_changes_are_refused(&zone, &two).await;
        lab.bypass(&zone, &two).await;
        lab.withdraw(&zone, &one, &two).await;
    }
    lab.remove_key(&one).await;
    for zone in lab.zones.clone() {
        assert_eq!(lab.ask(&zone, Some(&one)).await, BADKEY);
        assert_eq!(lab.ask(&zone, Some(&two)).await, Verdict::Accepted);
        lab.close(&zone, &two).await;
    }
    lab.remove_key(&two).await;
    assert_eq!(lab.server.keys(&lab.world).await.unwrap(), listed);
    assert_eq!(lab.peer.foreign(&lab.world).await, foreign, "what is not ours");
    assert_eq!(lab.server.standing(&lab.world).await.unwrap(), standing, "nothing restarted the server");
}

impl Lab {
    async fn ask(&self, zone: &ZoneName, key: Option<&Key>) -> Verdict {
        let signer = key.map(Key::signer);
        dns::may_update(&self.world, self.server.dns(), zone, signer.as_ref()).await.unwrap()
    }

    async fn rules(&self, zone: &ZoneName) -> ZoneRules {
        self.server.rules(&self.world, zone).await.unwrap()
    }

    async fn serial(&self, zone: &ZoneName) -> u32 {
        dns::soa(&self.world, self.server.dns(), zone).await.unwrap().expect("the zone is served")
    }

    async fn set(&mut self, zone: &ZoneName, rules: &ZoneRules) {
        let now = self.rules(zone).await;
        self.server.set_rules(&mut self.world, zone, &now, rules).await.unwrap();
        assert!(self.server.same_rules(&self.rules(zone).await, rules));
        // What is there already is set again without complaint, whatever the plan thought to find.
        self.server.set_rules(&mut self.world, zone, &now, rules).await.unwrap();
        assert_eq!(self.rules(zone).await, self.server.normalise(rules), "given back as foretold");
    }

    async fn zones_are_listed(&self) {
        let zones = self.server.zones(&self.world).await.unwrap();
        for zone in &self.zones {
            assert!(zones.contains(zone), "{zone}");
        }
        for internal in ["localhost", "127.in-addr.arpa", "0.in-addr.arpa"] {
            assert!(!zones.contains(&ZoneName::new(internal).unwrap()), "{internal}");
        }
        let nowhere = ZoneName::new("nowhere.pfddns.test").unwrap();
        assert!(self.server.rules(&self.world, &nowhere).await.is_err());
        assert_eq!(dns::soa(&self.world, self.server.dns(), &nowhere).await.unwrap(), None);
    }

    async fn add_key(&mut self, key: &Key) {
        assert_eq!(self.ask(&self.zones[0].clone(), Some(key)).await, BADKEY);
        for _ in 0..2 {
            self.server.add_key(&mut self.world, &key.it, &key.secret).await.unwrap();
        }
        let held = self.server.keys(&self.world).await.unwrap();
        let held: Vec<_> = held.into_iter().filter(|it| it.name == key.it.name).collect();
        assert_eq!(held.len(), 1);
        assert_eq!(held[0].algorithm, Some(key.it.algorithm));
        assert_eq!(held[0].fingerprint, Some(key.secret.fingerprint()));
        // The name is taken now.
        let other = new_secret(32);
        let error = self.server.add_key(&mut self.world, &key.it, &other).await.unwrap_err().to_string();
        assert!(error.contains(key.it.name.as_str()) && !error.contains(other.expose()), "{error}");
        let other = KeyRef { algorithm: Algorithm::HmacSha384, ..key.it.clone() };
        assert!(self.server.add_key(&mut self.world, &other, &key.secret).await.is_err());
        // Nonsense never gets there.
        for bad in ["", "not base64!", "AAA", &"A".repeat(256)] {
            let it = Key::new("bad", Algorithm::HmacSha256).it;
            assert!(self.server.add_key(&mut self.world, &it, &Secret::new(bad)).await.is_err(), "{bad}");
            assert!(!self.server.keys(&self.world).await.unwrap().iter().any(|held| held.name == it.name));
        }
        assert_eq!(self.ask(&self.zones[0].clone(), Some(key)).await, REFUSED_SIGNED, "known, not granted");
    }

    async fn remove_key(&mut self, key: &Key) {
        for _ in 0..2 {
            self.server.remove_key(&mut self.world, &key.it.name).await.unwrap();
        }
        assert!(!self.server.keys(&self.world).await.unwrap().iter().any(|it| it.name == key.it.name));
        assert_eq!(self.ask(&self.zones[0].clone(), Some(key)).await, BADKEY);
    }

    /// From closed to "this address and this key".
    async fn grant(&mut self, zone: &ZoneName, key: &Key) {
        let closed = self.rules(zone).await;
        assert_eq!(self.ask(zone, Some(key)).await, REFUSED_SIGNED);
        assert_eq!(self.ask(zone, None).await, REFUSED);
        let mut rules = closed.with(&key.it.name, &key.rows(zone, &["ANY"]));
        rules.mode = UpdateMode::Acl;
        // Another address first: the right key from the wrong place is refused.
        rules.acl = vec!["192.0.2.77/32".into(), "2001:db8::77/64".into()];
        self.set(zone, &rules).await;
        assert_eq!(self.ask(zone, Some(key)).await, REFUSED_SIGNED);
        rules.acl.push(self.source.to_string());
        self.set(zone, &rules).await;
        assert_eq!(self.ask(zone, Some(key)).await, Verdict::Accepted);
        assert_eq!(self.ask(zone, None).await, REFUSED, "unsigned from the right address");
        // `!` and the order count.
        let last = rules.acl.len() - 1;
        rules.acl.insert(0, format!("!{}", self.source));
        self.set(zone, &rules).await;
        assert_eq!(self.ask(zone, Some(key)).await, REFUSED_SIGNED);
        rules.acl.remove(0);
        rules.acl.swap(0, last);
        self.set(zone, &rules).await;
        assert_eq!(self.ask(zone, Some(key)).await, Verdict::Accepted);
        if matches!(self.server, Server::Technitium(_)) {
            self.set(zone, &rules.with(&key.it.name, &key.rows(zone, &["TXT", "A"]))).await;
            let signer = key.signer();
            for (rtype, verdict) in [(Rtype::Txt, Verdict::Accepted), (Rtype::Any, REFUSED_SIGNED)] {
                let asked = dns::may_update_type(&self.world, self.server.dns(), zone, Some(&signer), rtype);
                assert_eq!(asked.await.unwrap(), verdict, "{rtype}");
            }
            self.set(zone, &rules).await;
        }
    }

    async fn bad_signatures_are_told_apart(&mut self, zone: &ZoneName, key: &Key) {
        let refused = |it| Verdict::Refused(it);
        let serial = self.serial(zone).await;
        let ask = async |lab: &Self, signer: Signer<'_>| {
            dns::may_update(&lab.world, lab.server.dns(), zone, Some(&signer)).await.unwrap()
        };
        let wrong = new_secret(32);
        assert_eq!(ask(self, Signer { secret: &wrong, ..key.signer() }).await, refused(Refusal::BadSig));
        let unknown = KeyName::new("pfddns-test-unknown").unwrap();
        assert_eq!(ask(self, Signer { key: &unknown, ..key.signer() }).await, BADKEY);
        assert_eq!(ask(self, Signer { algorithm: Algorithm::HmacSha384, ..key.signer() }).await, BADKEY);
        let now = self.world.clock.now().as_second();
        for skew in [-1000, 1000] {
            self.world.clock = Clock::fake(jiff::Timestamp::from_second(now + skew).unwrap());
            assert_eq!(ask(self, key.signer()).await, refused(Refusal::BadTime));
        }
        self.world.clock = Clock::Real;
        assert_eq!(ask(self, key.signer()).await, Verdict::Accepted);
        assert_eq!(self.serial(zone).await, serial, "asking changes nothing");
        let elsewhere = ZoneName::new("nowhere.pfddns.test").unwrap();
        assert_eq!(self.ask(&elsewhere, Some(key)).await, refused(Refusal::NotAuth));
    }

    async fn records(&mut self, zone: &ZoneName, key: &Key) {
        let (server, signer) = (self.server.dns(), key.signer());
        // A host name: BIND refuses an address at `_pfddns-probe` (check-names), though not a text.
        let name = zone.child("pfddns-test-host").unwrap();
        let data = if zone.is_reverse() {
            Data::Ptr(pfddns::model::DomainName::new("host.lan.example").unwrap())
        } else {
            Data::A("192.0.2.7".parse().unwrap())
        };
        let (rtype, shown) = match &data {
            Data::Ptr(name) => (Rtype::Ptr, name.to_string()),
            _ => (Rtype::A, "192.0.2.7".to_owned()),
        };
        let serial = self.serial(zone).await;
        let record = Record { name: name.clone(), data, ttl: 60 };
        assert_eq!(dns::add(&mut self.world, server, zone, None, &record).await.unwrap(), REFUSED);
        assert_eq!(dns::lookup(&self.world, server, &name, rtype).await.unwrap().rcode, 3);
        assert_eq!(dns::add(&mut self.world, server, zone, Some(&signer), &record).await.unwrap(), Verdict::Accepted);
        let answer = dns::lookup(&self.world, server, &name, rtype).await.unwrap();
        assert!(answer.aa && answer.rcode == 0);
        assert_eq!(answer.records, [shown]);
        assert_ne!(self.serial(zone).await, serial);
        let again = dns::add(&mut self.world, server, zone, Some(&signer), &record).await.unwrap();
        assert_eq!(again, Verdict::Refused(Refusal::YxDomain));
        for _ in 0..2 {
            let gone = dns::remove(&mut self.world, server, zone, Some(&signer), &name, Rtype::Any).await.unwrap();
            assert_eq!(gone, Verdict::Accepted);
        }
        let answer = dns::lookup(&self.world, server, &name, rtype).await.unwrap();
        assert_eq!((answer.rcode, answer.records.len()), (3, 0));
        let name = zone.child("_pfddns-probe").unwrap();
        let text = Record { name: name.clone(), data: Data::Txt("proof".into()), ttl: 60 };
        assert_eq!(dns::add(&mut self.world, server, zone, Some(&signer), &text).await.unwrap(), Verdict::Accepted);
        assert_eq!(dns::lookup(&self.world, server, &name, Rtype::Txt).await.unwrap().records.len(), 1);
        let gone = dns::remove(&mut self.world, server, zone, Some(&signer), &name, Rtype::Txt).await.unwrap();
        assert_eq!(gone, Verdict::Accepted);
        assert_eq!(dns::lookup(&self.world, server, &name, Rtype::Txt).await.unwrap().rcode, 3);
    }

    async fn overlap(&mut self, zone: &ZoneName, one: &Key, two: &Key) {
        assert_eq!(self.ask(zone, Some(two)).await, REFUSED_SIGNED);
        let rules = self.rules(zone).await;
        self.set(zone, &rules.with(&two.it.name, &two.rows(zone, &["ANY"]))).await;
        for key in [one, two] {
            assert_eq!(self.ask(zone, Some(key)).await, Verdict::Accepted);
        }
        assert_eq!(self.ask(zone, None).await, REFUSED);
    }

    async fn stale_changes_are_refused(&mut self, zone: &ZoneName, two: &Key) {
        let now = self.rules(zone).await;
        let stale = now.without(&two.it.name);
        let third = Key::new("three", Algorithm::HmacSha256);
        let new = stale.with(&third.it.name, &third.rows(zone, &["ANY"]));
        let error = self.server.set_rules(&mut self.world, zone, &stale, &new).await.unwrap_err();
        assert!(error.to_string().contains(zone.as_str()), "{error}");
        assert_eq!(self.rules(zone).await, now);
    }

    async fn bypass(&mut self, zone: &ZoneName, key: &Key) {
        let normal = self.rules(zone).await;
        let open = ZoneRules { mode: UpdateMode::Acl, acl: vec![self.source.to_string()], rows: Vec::new() };
        // Not by the ordinary way, and never to everybody.
        assert!(self.server.set_rules(&mut self.world, zone, &normal, &open).await.is_err());
        for bad in [
            ZoneRules { mode: UpdateMode::Allow, ..open.clone() },
            ZoneRules { acl: Vec::new(), ..open.clone() },
            ZoneRules { acl: vec!["0.0.0.0/0".into()], ..open.clone() },
            ZoneRules { acl: vec!["10.0.0.1/0".into()], ..open.clone() },
            ZoneRules { acl: vec!["0.0.0.0/1".into(), "128.0.0.0/1".into()], ..open.clone() },
            ZoneRules { acl: vec!["::/0".into()], ..open.clone() },
            ZoneRules { acl: vec!["!192.0.2.1".into()], ..open.clone() },
            ZoneRules { acl: vec!["any".into()], ..open.clone() },
        ] {
            assert!(self.server.set_bypass_rules(&mut self.world, zone, &normal, &bad).await.is_err(), "{bad}");
        }
        assert_eq!(self.rules(zone).await, normal);
        assert_eq!(self.ask(zone, None).await, REFUSED);
        // A bypass for another address opens nothing to us.
        let elsewhere = ZoneRules { acl: vec!["192.0.2.77".into()], ..open.clone() };
        self.server.set_bypass_rules(&mut self.world, zone, &normal, &elsewhere).await.unwrap();
        assert_eq!(self.ask(zone, None).await, REFUSED);
        self.server.set_bypass_rules(&mut self.world, zone, &elsewhere, &open).await.unwrap();
        self.server.set_bypass_rules(&mut self.world, zone, &elsewhere, &open).await.unwrap();
        assert_eq!(self.rules(zone).await, self.server.normalise(&open));
        assert_eq!(self.ask(zone, None).await, Verdict::Accepted);
        assert_eq!(self.ask(zone, Some(key)).await, Verdict::Accepted);
        self.server.set_rules(&mut self.world, zone, &open, &normal).await.unwrap();
        assert_eq!(self.rules(zone).await, normal, "exactly as before");
        assert_eq!(self.ask(zone, None).await, REFUSED);
        assert_eq!(self.ask(zone, Some(key)).await, Verdict::Accepted);
    }

    async fn withdraw(&mut self, zone: &ZoneName, one: &Key, two: &Key) {
        let rules = self.rules(zone).await;
        self.set(zone, &rules.without(&one.it.name)).await;
        assert_eq!(self.ask(zone, Some(one)).await, REFUSED_SIGNED, "still known, not granted any more");
        assert_eq!(self.ask(zone, Some(two)).await, Verdict::Accepted);
    }

    async fn close(&mut self, zone: &ZoneName, key: &Key) {
        let mut rules = self.rules(zone).await.without(&key.it.name);
        rules.mode = UpdateMode::Deny;
        rules.acl.clear();
        self.set(zone, &rules).await;
        assert_eq!(self.ask(zone, Some(key)).await, REFUSED_SIGNED);
        assert_eq!(self.ask(zone, None).await, REFUSED);
    }
}
