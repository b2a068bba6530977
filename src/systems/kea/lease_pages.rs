//! Leases from a running DHCP server, page by page (`lease4-get-page`, `lease6-get-page` of the hook libdhcp_lease_cmds):
//! for servers that keep them in a database. They come out as the lease file's CSV, so that one reader judges both.

use super::socket::{self, Refusal};
use crate::error::{Error, Result};
use crate::world::Host;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;

/// Leases per page: about 150 KB of answer, far below what stalls a server.
const PAGE: usize = 500;
/// Pages after which something is wrong: five million leases.
const MOST: usize = 10_000;

const HEADER: &str = "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state\n";

/// All leases of a server as a lease file. Errors: no such command, an answer that is not whole or not the page asked for.
pub fn read(host: &Host, control: &Path, family: u8) -> Result<Vec<u8>> {
    let command = format!("lease{family}-get-page");
    let mut file = HEADER.to_owned();
    let mut from = "start".to_owned();
    for _ in 0..MOST {
        let arguments = json!({ "from": from, "limit": PAGE });
        let answer = match socket::ask(host, control, &command, Some(arguments))? {
            Ok(answer) => answer.arguments,
            // Nothing behind the last page, or no lease at all.
            Err(Refusal::Empty) => return Ok(file.into_bytes()),
            Err(Refusal::Unsupported) => {
                return Err(Error::new(format!("{}: the DHCP server has no command `{command}`", control.display()))
                    .hint("load its hook libdhcp_lease_cmds, or name its lease file: pfddns kea heal --leases FILE"));
            }
            Err(Refusal::Failed(text)) => {
                return Err(Error::new(format!("{}: `{command}` failed: {text}", control.display())));
            }
        };
        let last = page(&answer, &mut file)
            .ok_or_else(|| Error::new(format!("{}: half an answer to `{command}`", control.display())))?;
        match last {
            (count, _) if count < PAGE => return Ok(file.into_bytes()),
            (_, next) if next != from => from = next,
            _ => return Err(Error::new(format!("{}: `{command}` gives one page for ever", control.display()))),
        }
    }
    Err(Error::new(format!("{}: more leases than can be read", control.display())))
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
    let text = |name: &str| lease.get(name).and_then(Value::as_str).unwrap_or_default();
    let number = |name: &str| lease.get(name).and_then(Value::as_i64);
    let flag = |name: &str| lease.get(name).and_then(Value::as_bool).map(u8::from);
    let (start, valid) = (number("cltt")?, number("valid-lft")?);
    let client = if text("duid").is_empty() { text("client-id") } else { text("duid") };
    let name = text("hostname").replace(',', "&#x2c").replace('\n', "");
    writeln!(
        file,
        "{},{},{client},{valid},{},{},{},{},{name},{}",
        lease.get("ip-address")?.as_str()?,
        text("hw-address"),
        start + valid,
        number("subnet-id")?,
        flag("fqdn-fwd")?,
        flag("fqdn-rev")?,
        number("state")?
    )
    .ok()
}

#[cfg(test)]
mod tests {
    use super::super::leases::Leases;
    use super::*;

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
}
