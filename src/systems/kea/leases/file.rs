//! Leases in Kea's memfile: CSV with a header, one line per change, the last one of an address counts.
//! Read by header name, so files of 2.2 to 3.0 and both families are the same. Values borrow from the bytes.

use crate::error::{Error, Result};
use std::borrow::Cow;
use std::collections::HashMap;
use std::net::IpAddr;

/// A lease with what DDNS needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease<'a> {
    /// Leased address.
    pub address: IpAddr,
    /// Hardware address as written: `aa:bb:…`; may be empty.
    pub hardware: &'a str,
    /// Client identifier (v4) or DUID (v6) as written; may be empty.
    pub client: &'a str,
    /// Length in seconds.
    pub valid_seconds: u32,
    /// End, seconds since 1970.
    pub expires: i64,
    /// Number of its subnet.
    pub subnet: u32,
    /// DHCP asked D2 for the A or AAAA record.
    pub forward: bool,
    /// DHCP asked D2 for the PTR record.
    pub reverse: bool,
    /// Full name, lower case as Kea keeps it, with or without final dot; may be empty.
    pub name: Cow<'a, str>,
    /// 0 in use, 1 declined, 2 expired and reclaimed (3 released, from 3.0).
    pub state: u8,
}

/// The content of a lease file.
#[derive(Debug, Default)]
pub struct Leases<'a> {
    /// The last state of each address, in the order they first came.
    pub all: Vec<Lease<'a>>,
    /// The last line has no end: Kea was writing, or died while writing. That line is not used.
    pub torn: bool,
    /// Numbers of lines that could not be read.
    pub bad_lines: Vec<usize>,
    index: HashMap<IpAddr, usize>,
}

/// Columns by their place.
struct Columns {
    address: usize,
    hardware: Option<usize>,
    client: Option<usize>,
    valid: usize,
    expires: usize,
    subnet: usize,
    forward: usize,
    reverse: usize,
    name: usize,
    state: usize,
    most: usize,
}

impl<'a> Leases<'a> {
    /// Reads one file's bytes. Errors: no header, or one without a column DDNS needs.
    pub fn read(bytes: &'a [u8], file: &str) -> Result<Self> {
        let mut leases = Self::default();
        leases.add(bytes, file)?;
        Ok(leases)
    }

    /// Adds a newer file's lines. During its cleanup Kea has older leases in other files: read `FILE.completed` if it exists,
    /// else `FILE.2` and `FILE.1`, then `FILE`.
    pub fn add(&mut self, bytes: &'a [u8], file: &str) -> Result<()> {
        self.torn = !bytes.is_empty() && !bytes.ends_with(b"\n");
        let whole =
            if self.torn { bytes.iter().rposition(|it| *it == b'\n').map_or(0, |end| end + 1) } else { bytes.len() };
        let text = String::from_utf8_lossy(bytes.get(..whole).unwrap_or_default());
        // Kea writes ASCII. In a file with other bytes a line that is not whole counts as bad, below.
        let Cow::Borrowed(text) = text else {
            return Err(Error::new(format!("{file}: not a lease file: it is not UTF-8")));
        };
        let mut lines = text.lines().enumerate();
        let header = lines.next().map(|it| it.1).unwrap_or_default();
        let columns = Columns::of(header).ok_or_else(|| {
            Error::new(format!("{file}: not a lease file of Kea: its first line lacks a column that DDNS needs"))
                .hint("check that this is the file named by `lease-database`, and not a half-written copy")
        })?;
        let guess = text.len() / 120;
        self.all.reserve(guess);
        self.index.reserve(guess);
        for (number, line) in lines.filter(|it| !it.1.is_empty()) {
            match columns.lease(line) {
                Some(lease) => self.put(lease),
                None => self.bad_lines.push(number + 1),
            }
        }
        Ok(())
    }

    fn put(&mut self, lease: Lease<'a>) {
        match self.index.get(&lease.address).and_then(|at| self.all.get_mut(*at)) {
            Some(old) => *old = lease,
            None => {
                self.index.insert(lease.address, self.all.len());
                self.all.push(lease);
            }
        }
    }

    /// Leases in use at this second.
    pub fn active(&self, now: i64) -> impl Iterator<Item = &Lease<'a>> {
        self.all.iter().filter(move |it| it.state == 0 && it.expires > now && it.valid_seconds > 0)
    }
}

impl Columns {
    fn of(header: &str) -> Option<Self> {
        let names: Vec<&str> = header.trim_end().split(',').collect();
        let at = |name: &str| names.iter().position(|it| *it == name);
        let needed = |name: &str| at(name);
        let mut columns = Self {
            address: needed("address")?,
            hardware: at("hwaddr"),
            client: at("client_id").or_else(|| at("duid")),
            valid: needed("valid_lifetime")?,
            expires: needed("expire")?,
            subnet: needed("subnet_id")?,
            forward: needed("fqdn_fwd")?,
            reverse: needed("fqdn_rev")?,
            name: needed("hostname")?,
            state: needed("state")?,
            most: 0,
        };
        columns.most = names.len();
        Some(columns)
    }

    fn lease<'a>(&self, line: &'a str) -> Option<Lease<'a>> {
        let mut cells = [""; 32];
        let mut count = 0;
        for cell in line.split(',') {
            *cells.get_mut(count)? = cell;
            count += 1;
        }
        // Newer versions append columns; a line with fewer than the ones needed is damaged.
        if count > self.most.max(13) + 8 {
            return None;
        }
        let cell = |at: usize| cells.get(at).copied().filter(|_| at < count);
        let flag = |at: usize| match cell(at)? {
            "0" => Some(false),
            "1" => Some(true),
            _ => None,
        };
        Some(Lease {
            address: cell(self.address)?.parse().ok()?,
            hardware: self.hardware.and_then(cell).unwrap_or_default(),
            client: self.client.and_then(cell).unwrap_or_default(),
            valid_seconds: cell(self.valid)?.parse().ok()?,
            expires: cell(self.expires)?.parse().ok()?,
            subnet: cell(self.subnet)?.parse().ok()?,
            forward: flag(self.forward)?,
            reverse: flag(self.reverse)?,
            name: unescape(cell(self.name)?),
            state: cell(self.state)?.parse().ok()?,
        })
    }
}

/// Kea writes a comma inside a value as `&#x2c`.
fn unescape(text: &str) -> Cow<'_, str> {
    if text.contains("&#x2c") { Cow::Owned(text.replace("&#x2c", ",")) } else { Cow::Borrowed(text) }
}

/// The bytes of `aa:bb:cc`.
pub fn hex_bytes(text: &str) -> Option<Vec<u8>> {
    if text.is_empty() {
        return None;
    }
    text.split(':').map(|pair| u8::from_str_radix(pair, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str =
        "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context\n";

    #[test]
    fn the_last_line_of_an_address_counts() {
        let text = format!(
            "{HEADER}192.0.2.1,aa:bb:cc:00:00:01,,3600,1000,1,1,1,a.lan.example.,0,\n\
             192.0.2.2,aa:bb:cc:00:00:02,01:aa,3600,1000,1,1,0,b.lan.example.,0,\n\
             192.0.2.1,aa:bb:cc:00:00:01,,0,1000,1,1,1,a.lan.example.,0,\n\
             192.0.2.2,aa:bb:cc:00:00:02,01:aa,3600,2000,1,1,1,b.lan.example.,0,{{ \"a\": 1&#x2c \"b\": 2 }}\n"
        );
        let leases = Leases::read(text.as_bytes(), "f").unwrap();
        let active: Vec<_> = leases.active(1500).map(|it| (it.address.to_string(), it.reverse)).collect();
        assert_eq!(active, [("192.0.2.2".to_owned(), true)]);
        assert_eq!(hex_bytes(leases.all[1].client), Some(vec![1, 0xaa]));
        assert!(!leases.torn && leases.bad_lines.is_empty());
    }

    #[test]
    fn a_torn_last_line_is_not_used() {
        let text = format!("{HEADER}192.0.2.1,aa,,3600,1000,1,1,1,a.,0,\n192.0.2.11,aa,,3600,1000,1,1,1,b.,0");
        let first_end = HEADER.len() + text[HEADER.len()..].find('\n').unwrap() + 1;
        for end in HEADER.len() + 1..=text.len() {
            let leases = Leases::read(&text.as_bytes()[..end], "f").unwrap();
            assert_eq!(leases.all.len(), usize::from(end >= first_end), "{end}");
            assert!(leases.bad_lines.is_empty());
        }
    }

    #[test]
    fn damage_is_counted_and_told() {
        let text =
            format!("{HEADER}nonsense\n192.0.2.1,aa,,3600,1000,1,7,1,a.,0,\n192.0.2.1,aa,,3600,1000,1,1,1,a.,0,\n");
        assert_eq!(Leases::read(text.as_bytes(), "f").unwrap().bad_lines, [2, 3]);
        assert!(Leases::read(b"", "leases.csv").unwrap_err().what().starts_with("leases.csv: "));
        assert!(Leases::read(b"a,b\n", "f").is_err());
    }

    #[test]
    fn newer_and_v6_columns_are_found_by_name() {
        let text = "address,duid,valid_lifetime,expire,subnet_id,pref_lifetime,lease_type,iaid,prefix_len,fqdn_fwd,fqdn_rev,hostname,hwaddr,state,user_context,hwtype,hwaddr_source,pool_id\n\
            2001:db8::1,00:01,4000,2000,1,3000,0,1,128,1,1,six.lan.example.,aa:bb,0,,1,2,0\n";
        let leases = Leases::read(text.as_bytes(), "f").unwrap();
        let lease = leases.active(0).next().unwrap();
        assert_eq!((lease.name.as_ref(), lease.hardware, lease.client), ("six.lan.example.", "aa:bb", "00:01"));
    }
}
