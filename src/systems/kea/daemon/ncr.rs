//! Name change requests as kea-dhcp4 sends them: 2-byte length, then JSON, one per UDP datagram, no answer.
//! Used for our own requests (healing a lost name) and to probe D2's port.

use crate::error::{Error, Result};
use crate::model::DomainName;
use crate::systems::kea::Version;
use crate::world::Host;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::net::{IpAddr, SocketAddr};

/// Counted by D2 as `ncr-invalid` and otherwise without effect: shows whether its port is open.
pub const KNOCK: [u8; 4] = [0, 2, b'{', b'}'];

/// The kind of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// Add the name with the address.
    Add,
    /// Remove it.
    Remove,
}

/// A request for one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ncr {
    /// Add or remove.
    pub what: What,
    /// Ask for the A or AAAA record.
    pub forward: bool,
    /// Ask for the PTR record.
    pub reverse: bool,
    /// The client's full name.
    pub name: DomainName,
    /// The leased address.
    pub address: IpAddr,
    /// RFC 4701 identity in hex.
    pub dhcid: String,
    /// End of the lease, seconds since 1970.
    pub expires: i64,
    /// Length of the lease in seconds; D2 makes the TTL from it.
    pub lease_seconds: u32,
    /// `ddns-conflict-resolution-mode` of the scope the lease is in.
    pub mode: Mode,
}

/// When D2 may overwrite a name that exists.
pub use crate::model::rules::ConflictMode as Mode;

impl Ncr {
    /// The datagram: 2.2 and 2.4 know `use-conflict-resolution`, newer ones `conflict-resolution-mode`.
    /// Errors: a lease end outside the calendar.
    pub fn datagram(&self, version: Version) -> Result<Vec<u8>> {
        let expires = jiff::Timestamp::from_second(self.expires)
            .map_err(|_| Error::new(format!("{}: a lease can't end at second {}", self.name, self.expires)))?;
        let mut body = json!({
            "change-type": i32::from(self.what == What::Remove),
            "forward-change": self.forward,
            "reverse-change": self.reverse,
            "fqdn": self.name.as_str(),
            "ip-address": self.address.to_string(),
            "dhcid": self.dhcid,
            "lease-expires-on": expires.strftime("%Y%m%d%H%M%S").to_string(),
            "lease-length": self.lease_seconds,
        });
        if let Some(map) = body.as_object_mut() {
            if version < Version(2, 5, 0) {
                map.insert("use-conflict-resolution".into(), self.mode.checks().into());
            } else {
                map.insert("conflict-resolution-mode".into(), self.mode.name().into());
            }
        }
        let body = body.to_string();
        let length = u16::try_from(body.len()).map_err(|_| Error::new(format!("{}: request too long", self.name)))?;
        Ok([&length.to_be_bytes(), body.as_bytes()].concat())
    }
}

/// Sends a request to D2. Only D2's counter `ncr-received` tells whether it arrived.
pub fn send(host: &mut Host, listen: SocketAddr, ncr: &Ncr, version: Version) -> Result<()> {
    host.datagram(listen, &ncr.datagram(version)?)
}

/// The DHCID of a client (RFC 4701 §3.3): 2 bytes identifier type, 1 byte digest type (SHA-256), then the digest over
/// identifier and name in wire form. `kind` 0: hardware address (type byte, address); 1: client identifier; 2: DUID.
pub fn dhcid(kind: u16, identifier: &[u8], name: &DomainName) -> String {
    let mut hash = Sha256::new();
    hash.update(identifier);
    for label in name.without_dot().split('.') {
        // Labels have at most 63 bytes: the type guarantees it.
        hash.update([u8::try_from(label.len()).unwrap_or(63)]);
        hash.update(label.as_bytes());
    }
    hash.update([0]);
    let digest: String = hash.finalize().iter().map(|byte| format!("{byte:02X}")).collect();
    format!("{kind:04X}01{digest}")
}

#[cfg(test)]
mod tests {
    use super::Version;
    use super::*;

    /// RFC 4701 §3.6.1 to 3.6.3: the three worked examples.
    #[test]
    fn the_examples_of_the_rfc() {
        let base64 = |text: &str| {
            use base64::Engine as _;
            let bytes = base64::engine::general_purpose::STANDARD.decode(text).unwrap();
            bytes.iter().map(|byte| format!("{byte:02X}")).collect::<String>()
        };
        let duid = [0, 1, 0, 6, 0x41, 0x2d, 0xf1, 0x66, 1, 2, 3, 4, 5, 6];
        assert_eq!(
            dhcid(2, &duid, &DomainName::new("chi6.example.com").unwrap()),
            base64("AAIBY2/AuCccgoJbsaxcQc9TUapptP69lOjxfNuVAA2kjEA=")
        );
        let client = [1, 7, 8, 9, 0xa, 0xb, 0xc];
        assert_eq!(
            dhcid(1, &client, &DomainName::new("chi.example.com").unwrap()),
            base64("AAEBOSD+XR3Os/0LozeXVqcNc7FwCfQdWL3b/NaiUDlW2No=")
        );
        let hardware = [1, 1, 2, 3, 4, 5, 6];
        assert_eq!(
            dhcid(0, &hardware, &DomainName::new("client.example.com").unwrap()),
            base64("AAABxLmlskllE0MVjd57zHcWmEH3pCQ6VytcKD//7es/deY=")
        );
    }

    #[test]
    fn a_datagram_is_length_and_json_in_the_versions_own_words() {
        let ncr = Ncr {
            what: What::Add,
            forward: true,
            reverse: false,
            name: DomainName::new("h1.lan.example").unwrap(),
            address: "192.0.2.1".parse().unwrap(),
            dhcid: "000001AA".into(),
            expires: 1_893_456_000,
            lease_seconds: 3600,
            mode: Mode::CheckExistsWithDhcid,
        };
        let new = ncr.datagram(Version(2, 6, 3)).unwrap();
        assert_eq!(usize::from(u16::from_be_bytes([new[0], new[1]])), new.len() - 2);
        let body: serde_json::Value = serde_json::from_slice(&new[2..]).unwrap();
        assert_eq!(body["lease-expires-on"], "20300101000000");
        assert_eq!(body["conflict-resolution-mode"], "check-exists-with-dhcid");
        let old = ncr.datagram(Version(2, 2, 0)).unwrap();
        let body: serde_json::Value = serde_json::from_slice(&old[2..]).unwrap();
        assert_eq!((&body["use-conflict-resolution"], body.get("conflict-resolution-mode")), (&true.into(), None));
    }
}
