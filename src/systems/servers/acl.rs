//! Entries of an address list, `[!]address[/prefix]`, in the form that servers return.

use crate::error::{Error, Result};
use ipnet::IpNet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

/// One entry: host bits cleared, no prefix for a single address (as Technitium 13.6 to 15.2 store it).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    deny: bool,
    net: IpNet,
}

impl Entry {
    /// Reads an entry; anything but an address or a prefix is an error.
    pub fn parse(text: &str) -> Result<Self> {
        let trimmed = text.trim();
        let (deny, rest) = trimmed.strip_prefix('!').map_or((false, trimmed), |rest| (true, rest));
        let net = rest.parse::<IpAddr>().map(IpNet::from).or_else(|_| rest.parse::<IpNet>());
        let net = net.map_err(|_| Error::usage(format!("`{text}` is neither an address nor a subnet")))?;
        Ok(Self { deny, net: net.trunc() })
    }

    /// True if it allows so many addresses that it does not restrict: shorter than /8, or /16 for IPv6. IPv4 written as
    /// IPv6 (RFC 4291 §2.5.5.2) counts as IPv4.
    pub fn is_nearly_everybody(self) -> bool {
        let wide = match self.net {
            IpNet::V4(net) => net.prefix_len() < 8,
            IpNet::V6(net) => {
                let mapped =
                    net.addr().to_ipv4_mapped().is_some() || net.contains(&Ipv4Addr::LOCALHOST.to_ipv6_mapped());
                net.prefix_len() < if mapped { 104 } else { 16 }
            }
        };
        wide && !self.deny
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.deny {
            f.write_str("!")?;
        }
        if self.net.prefix_len() == self.net.max_prefix_len() { self.net.addr().fmt(f) } else { self.net.fmt(f) }
    }
}

/// The list as a server returns it. Entries that it would refuse stay as they are; `check` finds them.
pub fn normalise(list: &[String]) -> Vec<String> {
    list.iter().map(|it| Entry::parse(it).map_or_else(|_| it.clone(), |entry| entry.to_string())).collect()
}

/// Refuses a list the server would refuse, halfway through (Technitium: at most 255 entries).
pub fn check(list: &[String]) -> Result<()> {
    if list.len() > 255 {
        return Err(Error::usage(format!("an address list has at most 255 entries, this one has {}", list.len())));
    }
    list.iter().try_for_each(|it| Entry::parse(it).map(|_| ()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_spelt_as_technitium_gives_them_back() {
        // fixtures: "options: network ACL", answers of 13.6, 14.3 and 15.2
        for (given, back) in [
            ("10.1.2.3/24", "10.1.2.0/24"),
            ("192.0.2.1/32", "192.0.2.1"),
            ("!10.0.0.0/8", "!10.0.0.0/8"),
            (" 2001:db8::1/64", "2001:db8::/64"),
            ("!192.0.2.1", "!192.0.2.1"),
            ("::ffff:10.0.0.1", "::ffff:10.0.0.1"),
            ("0.0.0.0/0", "0.0.0.0/0"),
        ] {
            assert_eq!(Entry::parse(given).unwrap().to_string(), back);
        }
        for bad in ["10.0.0.0/33", "example", "", "!", "10.0.0"] {
            assert!(Entry::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn everybody_is_recognised_in_any_spelling() {
        for open in ["0.0.0.0/0", "10.0.0.1/0", "::/0", "128.0.0.0/1", "2000::/3", "::ffff:0:0/96", "::/80"] {
            assert!(Entry::parse(open).unwrap().is_nearly_everybody(), "{open}");
        }
        for fine in ["10.0.0.0/8", "!0.0.0.0/0", "2001:db8::/32", "10.0.0.1", "::ffff:10.0.0.1"] {
            assert!(!Entry::parse(fine).unwrap().is_nearly_everybody(), "{fine}");
        }
    }
}
