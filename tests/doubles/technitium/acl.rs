//! Network access lists: `[!]address[/prefix]`, first match decides, no match denies.

use super::names;
use std::fmt;
use std::net::IpAddr;

/// One entry, host bits cleared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    deny: bool,
    network: IpAddr,
    prefix: u8,
}

impl Entry {
    /// Reads `!10.1.2.3/24` as `!10.1.2.0/24`.
    pub fn parse(text: &str) -> Option<Self> {
        let (deny, rest) = text.strip_prefix('!').map_or((false, text), |rest| (true, rest));
        let (address, prefix) = rest.split_once('/').map_or((rest, None), |(a, p)| (a, Some(p)));
        let address = names::address(address)?;
        let full = if address.is_ipv4() { 32 } else { 128 };
        let prefix: u8 = prefix.map_or(Some(full), |p| p.trim().parse().ok())?;
        (prefix <= full).then(|| Self { deny, network: clear(address, prefix), prefix })
    }

    fn covers(&self, address: IpAddr) -> bool {
        self.network.is_ipv4() == address.is_ipv4() && clear(address, self.prefix) == self.network
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let full = if self.network.is_ipv4() { 32 } else { 128 };
        f.write_str(if self.deny { "!" } else { "" })?;
        write!(f, "{}", self.network)?;
        if self.prefix < full { write!(f, "/{}", self.prefix) } else { Ok(()) }
    }
}

fn clear(address: IpAddr, prefix: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(u32::from(32 - prefix.min(32))).unwrap_or(0);
            IpAddr::V4((v4.to_bits() & mask).into())
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(u32::from(128 - prefix.min(128))).unwrap_or(0);
            IpAddr::V6((v6.to_bits() & mask).into())
        }
    }
}

/// Does the list let this source in? IPv4-mapped sources count as IPv4.
pub fn allows(list: &[Entry], source: IpAddr) -> bool {
    let source = source.to_canonical();
    list.iter().find(|entry| entry.covers(source)).is_some_and(|entry| !entry.deny)
}
