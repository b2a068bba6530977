//! Leases from a running DHCP server, page by page (`lease4-get-page`, `lease6-get-page` of the hook libdhcp_lease_cmds):
//! for servers that keep them in a database. They are returned as the lease file's CSV, so that one reader parses both.

use crate::error::{Error, Result};
use crate::systems::kea::daemon::answer::{Answer, NotDone};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::fmt::Write as _;

/// Leases per page: about 150 KB of answer, far below what stalls a server.
pub const PAGE: usize = 500;
/// More pages than this are an error: five million leases.
const MOST: usize = 10_000;

const HEADER: &str = "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state\n";

/// All leases of a server as a lease file, read in pages; `ask` sends the server a command and its arguments. Errors:
/// no such command, an answer that is not whole or not the page asked for.
pub fn read(
    family: u8,
    at_once: usize,
    mut ask: impl FnMut(&str, Value) -> Result<std::result::Result<Answer, NotDone>>,
) -> Result<Vec<u8>> {
    let command = format!("lease{family}-get-page");
    let mut file = HEADER.to_owned();
    let mut from = "start".to_owned();
    let mut seen = HashSet::new();
    while seen.len() < MOST {
        let answer = match ask(&command, json!({ "from": from, "limit": at_once }))? {
            Ok(answer) => answer.arguments,
            // Nothing after the last page, or no lease at all.
            Err(NotDone::Empty) => return Ok(file.into_bytes()),
            Err(NotDone::Unsupported) => {
                return Err(Error::new(format!("the DHCP server has no command `{command}`"))
                    .hint("load its hook libdhcp_lease_cmds, or name its lease file: pfddns kea heal --leases FILE"));
            }
            Err(NotDone::Failed(text)) => return Err(Error::new(format!("`{command}` failed: {text}"))),
        };
        let half = || Error::new(format!("half an answer to `{command}`"));
        let (count, last) = page(&answer, &mut file).ok_or_else(half)?;
        if count < at_once {
            return Ok(file.into_bytes());
        }
        // Not by their order: a database may sort addresses as text.
        if count > at_once || !seen.insert(last.clone()) {
            return Err(Error::new(format!("`{command}` does not give the leases page by page")));
        }
        from = last;
    }
    Err(Error::new("more leases than can be read"))
}

/// Adds a page's leases; how many there were and the address of the last. `None` if the page is not whole.
fn page(answer: &Value, file: &mut String) -> Option<(usize, String)> {
    let leases = answer.get("leases")?.as_array()?;
    if answer.get("count")?.as_u64()? != leases.len() as u64 {
        return None;
    }
    for lease in leases {
        row(lease, file)?;
    }
    let last = leases.last().and_then(|it| it.get("ip-address")?.as_str()).unwrap_or_default();
    Some((leases.len(), last.to_owned()))
}

fn row(lease: &Value, file: &mut String) -> Option<()> {
    // A comma or a line end in any of them would make another lease; in a name Kea escapes the comma.
    let clean = |text: &str| !text.contains([',', '\n', '\r']);
    let text = |name: &str| Some(lease.get(name).and_then(Value::as_str).unwrap_or_default()).filter(|it| clean(it));
    let number = |name: &str| lease.get(name).and_then(Value::as_i64);
    let flag = |name: &str| lease.get(name).and_then(Value::as_bool).map(u8::from);
    let valid = number("valid-lft")?;
    let client = if text("duid")?.is_empty() { text("client-id")? } else { text("duid")? };
    let name = lease.get("hostname").and_then(Value::as_str).unwrap_or_default().replace(',', "&#x2c");
    writeln!(
        file,
        "{},{},{client},{valid},{},{},{},{},{},{}",
        Some(lease.get("ip-address")?.as_str()?).filter(|it| clean(it))?,
        text("hw-address")?,
        number("cltt")?.checked_add(valid)?,
        number("subnet-id")?,
        flag("fqdn-fwd")?,
        flag("fqdn-rev")?,
        Some(&name).filter(|it| clean(it))?,
        number("state")?
    )
    .ok()
}

#[cfg(test)]
mod tests {
    use super::super::file::Leases;
    use super::*;
    use crate::systems::kea::daemon::answer;

    #[test]
    fn a_page_reads_as_a_lease_file() {
        // As kea-dhcp4 2.6.3 and kea-dhcp6 3.0.4 answer.
        let answer = json!({"count": 2, "leases": [
            {"client-id": "01:02:00:00:00:00:01", "cltt": 1000, "fqdn-fwd": true, "fqdn-rev": false, "hostname": "a,b.lan.",
             "hw-address": "02:00:00:00:00:01", "ip-address": "192.0.2.1", "pool-id": 0, "state": 0, "subnet-id": 7, "valid-lft": 600},
            {"cltt": 1000, "duid": "00:03", "fqdn-fwd": true, "fqdn-rev": true, "hostname": "six.lan.", "iaid": 1,
             "ip-address": "2001:db8::1", "preferred-lft": 10, "state": 1, "subnet-id": 1, "type": "IA_NA", "valid-lft": 4294967295u32}]});
        let mut file = HEADER.to_owned();
        assert_eq!(page(&answer, &mut file), Some((2, "2001:db8::1".into())));
        let leases = Leases::read(file.as_bytes(), "f").unwrap();
        assert!(leases.bad_lines.is_empty() && !leases.torn);
        let four = &leases.all[0];
        assert_eq!((four.expires, four.forward, four.reverse, four.name.as_ref()), (1600, true, false, "a,b.lan."));
        assert_eq!((four.client, four.subnet), ("01:02:00:00:00:00:01", 7));
        let six = &leases.all[1];
        assert_eq!((six.client, six.state, six.expires), ("00:03", 1, 4_294_968_295));
    }

    #[test]
    fn a_page_that_is_not_whole_is_none() {
        let whole = json!({"count": 1, "leases": [{"cltt": 1, "fqdn-fwd": true, "fqdn-rev": true, "ip-address": "192.0.2.1",
            "state": 0, "subnet-id": 1, "valid-lft": 600}]});
        assert!(page(&whole, &mut String::new()).is_some());
        for lost in ["cltt", "fqdn-fwd", "fqdn-rev", "ip-address", "state", "subnet-id", "valid-lft"] {
            let mut half = whole.clone();
            half["leases"][0].as_object_mut().unwrap().remove(lost);
            assert_eq!(page(&half, &mut String::new()), None, "{lost}");
        }
        assert_eq!(page(&json!({"count": 2, "leases": []}), &mut String::new()), None);
        assert_eq!(page(&json!({}), &mut String::new()), None);
    }

    /// The result of these answers, the last one repeated; pages of two.
    fn all(answers: &[&str]) -> std::result::Result<usize, String> {
        let mut left = answers.iter();
        let mut last = "";
        let mut ask = |_: &str, _| {
            last = left.next().copied().unwrap_or(last);
            answer::read(last.as_bytes()).map_err(Error::new)
        };
        let file = read(4, 2, &mut ask).map_err(|error| error.what().to_owned())?;
        Ok(String::from_utf8(file).unwrap().lines().count() - 1)
    }

    #[test]
    fn pages_end_or_are_given_up() {
        let lease = |host: u8| {
            format!(
                r#"{{"cltt":1,"fqdn-fwd":true,"fqdn-rev":true,"hostname":"h","ip-address":"192.0.2.{host}","state":0,"subnet-id":1,"valid-lft":600}}"#
            )
        };
        let of = |hosts: &[u8]| {
            let leases: Vec<String> = hosts.iter().map(|it| lease(*it)).collect();
            format!(r#"{{"result":0,"arguments":{{"count":{},"leases":[{}]}}}}"#, leases.len(), leases.join(","))
        };
        let (two, four, one) = (of(&[1, 2]), of(&[3, 4]), of(&[5]));
        let none = r#"{"result":3,"arguments":{"count":0,"leases":[]},"text":"0 IPv4 lease(s) found."}"#;
        assert_eq!(all(&[&two, &four, &one]), Ok(5));
        assert_eq!(all(&[&two, &four, none]), Ok(4));
        assert_eq!(all(&[none]), Ok(0));
        let strange = Err("`lease4-get-page` does not give the leases page by page".to_owned());
        assert_eq!(all(&[&two]), strange);
        assert_eq!(all(&[&two, &four, &two]), strange);
        assert_eq!(all(&[&of(&[1, 2, 3])]), strange);
        let half = Err("half an answer to `lease4-get-page`".to_owned());
        assert_eq!(all(&[&two, &four.replace("\"count\":2", "\"count\":3")]), half);
        for (good, bad) in [
            ("\"h\"", "\"h\\n192.0.2.9,,,600,2000000000,1,1,1,x,0\""),
            ("\"192.0.2.1\"", "\"192.0.2.1,\""),
            ("\"cltt\":1", "\"cltt\":9223372036854775807"),
            ("\"state\"", "\"client-id\":\"01,02\",\"state\""),
        ] {
            assert_eq!(all(&[&two.replace(good, bad)]), half, "{bad}");
        }
        assert_eq!(all(&[&two, r#"{"result":1,"text":"no"}"#]), Err("`lease4-get-page` failed: no".to_owned()));
        assert_eq!(all(&[&two, "{"]), Err("half an answer (1 bytes, no whole JSON)".to_owned()));
    }
}
