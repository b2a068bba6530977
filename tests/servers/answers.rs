//! Answers to updates that nobody can stand behind are errors, never "accepted".

use crate::canned;
use crate::{new_secret, world};
use pfddns::model::{Algorithm, DomainName, KeyName, ZoneName};
use pfddns::systems::dns::{self, Refusal, Rtype, Signer, Verdict};

/// Offset of the TSIG record: our probes have it last, after the update's one record.
fn without_tsig(mut message: Vec<u8>) -> Vec<u8> {
    // Header, question, update record up to its type, class, TTL and length; names end with a zero byte or a pointer.
    let mut at = 12;
    let name = |at: usize| {
        let mut end = at;
        loop {
            match message[end] {
                0 => return end + 1,
                length if length >= 0xc0 => return end + 2,
                length => end += 1 + usize::from(length),
            }
        }
    };
    at = name(at) + 4;
    at = name(at) + 10;
    message.truncate(at);
    message[11] = 0;
    message
}

fn answer(mut message: Vec<u8>, rcode: u8) -> Vec<u8> {
    message[2] |= 0x80;
    message[3] = rcode;
    message
}

async fn ask(answer: impl Fn(Vec<u8>) -> Vec<u8> + Send + 'static, signed: bool) -> Result<Verdict, String> {
    let server = canned::dns(answer);
    let (zone, key) = (ZoneName::new("lan.example").unwrap(), KeyName::new("ddns-1").unwrap());
    let secret = new_secret(32);
    let signer = Signer { key: &key, algorithm: Algorithm::HmacSha256, secret: &secret };
    let verdict = dns::may_update(&world(), server, &zone, signed.then_some(&signer)).await;
    verdict.map_err(|error| {
        let text = error.to_string();
        assert!(text.contains("lan.example.") && text.contains(&server.to_string()), "{text}");
        text
    })
}

#[tokio::test]
async fn yes_without_a_signature_is_an_error() {
    let error = ask(|it| answer(without_tsig(it), 0), true).await.unwrap_err();
    assert!(error.contains("without signing its answer"), "{error}");
    assert_eq!(ask(|it| answer(it, 0), false).await, Ok(Verdict::Accepted), "nothing was signed, nothing is expected");
}

#[tokio::test]
async fn a_wrong_signature_is_an_error_whatever_it_says() {
    for rcode in [0, 5, 9] {
        let error = ask(move |it| answer(it, rcode), true).await.unwrap_err();
        assert!(error.contains("has a wrong signature"), "{error}");
    }
}

#[tokio::test]
async fn unsigned_refusals_are_refusals() {
    for (rcode, refusal) in [
        (5, Refusal::Refused { signed: false }),
        (1, Refusal::Format),
        (2, Refusal::ServFail),
        (4, Refusal::NotImp),
        (9, Refusal::Other(9)),
        (10, Refusal::NotZone),
        (6, Refusal::YxDomain),
    ] {
        assert_eq!(ask(move |it| answer(without_tsig(it), rcode), true).await, Ok(Verdict::Refused(refusal)));
    }
    assert_eq!(ask(|it| answer(it, 9), false).await, Ok(Verdict::Refused(Refusal::NotAuth)));
}

#[tokio::test]
async fn a_truncated_yes_is_asked_again_by_tcp() {
    let truncated = |it| {
        let mut it = answer(without_tsig(it), 0);
        it[2] |= 0x02;
        it
    };
    let error = ask(truncated, true).await.unwrap_err();
    assert!(error.contains("no DNS answer"), "{error}");
}

#[tokio::test]
async fn garbage_and_echoes_are_errors() {
    assert!(ask(|it| it, true).await.unwrap_err().contains("not a DNS message"), "a request is no answer");
    let garbage = |it: Vec<u8>| [&it[..2], &[0xff; 40][..]].concat();
    assert!(ask(garbage, true).await.is_err());
    assert!(ask(|it| answer(it[..12].to_vec(), 0), true).await.is_err(), "counts without records");
    let query = |it| {
        let mut it = answer(without_tsig(it), 0);
        it[2] = 0x80;
        it
    };
    assert!(ask(query, false).await.is_err(), "an answer to a query is none to an update");
}

#[tokio::test]
async fn answers_to_another_question_are_errors() {
    let server = canned::dns(|mut it| {
        it[13] ^= 1;
        answer(it, 0)
    });
    let name = DomainName::new("host.lan.example").unwrap();
    assert!(dns::lookup(&world(), server, &name, Rtype::A).await.is_err());
    let server = canned::dns(|it| answer(it, 5));
    let refused = dns::lookup(&world(), server, &name, Rtype::A).await.unwrap();
    assert_eq!((refused.aa, refused.rcode, refused.records.len()), (false, 5, 0));
    assert_eq!(dns::soa(&world(), server, &ZoneName::new("lan.example").unwrap()).await.unwrap(), None);
}

#[tokio::test]
async fn names_outside_the_zone_and_bad_secrets_never_leave() {
    let server = canned::dns(|it| panic!("{it:?} was sent"));
    let (zone, key) = (ZoneName::new("lan.example").unwrap(), KeyName::new("ddns-1").unwrap());
    for text in ["", "not base64"] {
        let secret = pfddns::secret::Secret::new(text);
        let signer = Signer { key: &key, algorithm: Algorithm::HmacSha256, secret: &secret };
        let error = dns::may_update(&world(), server, &zone, Some(&signer)).await.unwrap_err();
        assert!(error.to_string().contains("can't sign"), "{error}");
    }
    let outside = DomainName::new("host.wlan.example").unwrap();
    let error = dns::remove(&mut world(), server, &zone, None, &outside, Rtype::A).await.unwrap_err();
    assert!(error.to_string().contains("is not in zone"), "{error}");
}
