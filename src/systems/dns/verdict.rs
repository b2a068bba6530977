//! What an answer to an update means, and whether it is proven. TSIG errors are told apart: they need different fixes.

use crate::error::{Error, Result};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::TSigVerifier;
use hickory_proto::rr::rdata::tsig::TsigError;
use std::fmt;
use std::net::SocketAddr;

/// What the server said to an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Taken. If the request was signed, so was the answer, and its signature is right.
    Accepted,
    /// Not taken.
    Refused(Refusal),
}

/// Why an update was not taken (RFC 2136 §2.2, RFC 8945 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The server does not know the key, or knows it with another algorithm.
    BadKey,
    /// The server has another secret under this name.
    BadSig,
    /// The clocks differ by more than five minutes.
    BadTime,
    /// The server wants a longer signature.
    BadTrunc,
    /// Address, key, name or type is not allowed.
    Refused {
        /// The answer's signature proves that the server knows the key.
        signed: bool,
    },
    /// The server does not serve the zone.
    NotAuth,
    /// A name is in another zone.
    NotZone,
    /// The server did not understand the message.
    Format,
    /// The name must not be in use, and is.
    YxDomain,
    /// A record set must not exist, and does.
    YxRrset,
    /// The name must be in use, and is not.
    NxDomain,
    /// A record set must exist, and does not.
    NxRrset,
    /// The server could not do it.
    ServFail,
    /// The server does not do updates.
    NotImp,
    /// Any other RCODE.
    Other(u16),
}

impl Refusal {
    /// True if the server refused because of who asked: the only answers that prove that a key is worthless there.
    pub fn is_about_the_right(self) -> bool {
        matches!(self, Self::BadKey | Self::BadSig | Self::BadTrunc | Self::Refused { .. })
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::BadKey => "the server does not know this key, or has another algorithm for it (BADKEY)",
            Self::BadSig => "the server has another secret for this key (BADSIG)",
            Self::BadTime => "the clocks differ by more than five minutes (BADTIME)",
            Self::BadTrunc => "the server wants a longer signature (BADTRUNC)",
            Self::Refused { signed: true } => {
                "the server knows the key, but the address, key, name or type is not allowed (REFUSED)"
            }
            Self::Refused { signed: false } => "the update is not allowed (REFUSED)",
            Self::NotAuth => "the server does not serve this zone, or it is disabled there (NOTAUTH)",
            Self::NotZone => "a name is in another zone (NOTZONE)",
            Self::Format => "the server did not understand the update (FORMERR)",
            Self::YxDomain => "the name is in use (YXDOMAIN)",
            Self::YxRrset => "such records exist (YXRRSET)",
            Self::NxDomain => "the name is not in use (NXDOMAIN)",
            Self::NxRrset => "there are no such records (NXRRSET)",
            Self::ServFail => "the server could not do it (SERVFAIL)",
            Self::NotImp => "the server does not take updates (NOTIMP)",
            Self::Other(rcode) => return write!(f, "the server answered with RCODE {rcode}"),
        };
        f.write_str(text)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted => f.write_str("accepted"),
            Self::Refused(refusal) => refusal.fmt(f),
        }
    }
}

/// Judges an answer. One to a signed request that says yes without a right signature is an error: anyone could have
/// sent it, and Technitium's rate limiter sends such ones.
pub(super) fn judge(
    server: SocketAddr,
    bytes: &[u8],
    answer: &Message,
    verifier: Option<TSigVerifier>,
) -> Result<Verdict> {
    let rcode = answer.metadata.response_code;
    let Some(mut verifier) = verifier else { return Ok(plain(rcode, false)) };
    let Some(signature) = answer.signature() else {
        return match plain(rcode, false) {
            // Without a TSIG record a NOTAUTH says nothing about the zone: a server that knows no TSIG may send it.
            Verdict::Refused(Refusal::NotAuth) => Ok(Verdict::Refused(Refusal::Other(rcode.into()))),
            Verdict::Refused(refusal) => Ok(Verdict::Refused(refusal)),
            Verdict::Accepted => Err(Error::new(format!(
                "{server} accepted a signed update without signing its answer"
            ))
            .hint("a rate limit or a device between here and the server answers instead; try again in five minutes")),
        };
    };
    if signature.data.mac.is_empty() {
        return match signature.data.error {
            Some(TsigError::BadKey) => Ok(Verdict::Refused(Refusal::BadKey)),
            Some(TsigError::BadSig) => Ok(Verdict::Refused(Refusal::BadSig)),
            _ => Err(unproven(server)),
        };
    }
    // BADTIME and BADTRUNC are signed with the key (RFC 8945 §5.2.3), so they are checked like any other answer.
    verifier.verify(bytes).map_err(|_| unproven(server))?;
    Ok(match signature.data.error {
        None => plain(rcode, true),
        Some(TsigError::BadTime) => Verdict::Refused(Refusal::BadTime),
        Some(TsigError::BadTrunc) => Verdict::Refused(Refusal::BadTrunc),
        Some(TsigError::BadKey) => Verdict::Refused(Refusal::BadKey),
        Some(TsigError::BadSig) => Verdict::Refused(Refusal::BadSig),
        Some(TsigError::Unknown(code)) => Verdict::Refused(Refusal::Other(code)),
    })
}

fn unproven(server: SocketAddr) -> Error {
    Error::new(format!("the answer of {server} has a wrong signature"))
        .hint("two servers share one address, or a device changes packets; `pfddns verify` asks each server")
}

fn plain(rcode: ResponseCode, signed: bool) -> Verdict {
    Verdict::Refused(match rcode {
        ResponseCode::NoError => return Verdict::Accepted,
        ResponseCode::Refused => Refusal::Refused { signed },
        ResponseCode::NotAuth => Refusal::NotAuth,
        ResponseCode::NotZone => Refusal::NotZone,
        ResponseCode::FormErr => Refusal::Format,
        ResponseCode::YXDomain => Refusal::YxDomain,
        ResponseCode::YXRRSet => Refusal::YxRrset,
        ResponseCode::NXDomain => Refusal::NxDomain,
        ResponseCode::NXRRSet => Refusal::NxRrset,
        ResponseCode::ServFail => Refusal::ServFail,
        ResponseCode::NotImp => Refusal::NotImp,
        other => Refusal::Other(other.into()),
    })
}
