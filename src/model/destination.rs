//! Where ssh connects to: a host, perhaps with a user, or an ssh:// address. Never an option, never anything for a shell.

use super::HostName;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fmt;

/// `fw`, `admin@10.0.10.2`, `ssh://admin@fw.example:2222`. The host may be an alias of ~/.ssh/config.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "operator", derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub struct Destination(String);

impl Destination {
    /// Reads one. Bad ones are a usage error.
    pub fn new(text: &str) -> Result<Self> {
        Self::try_from(text.to_owned()).map_err(Error::usage)
    }

    /// The host's part as a firewall's name, if it is one.
    pub fn host(&self) -> Result<HostName> {
        let rest = self.0.strip_prefix("ssh://").unwrap_or(&self.0);
        let host = rest.rsplit('@').next().unwrap_or(rest);
        let host = if self.0.starts_with("ssh://") { host.split([':', '/']).next().unwrap_or(host) } else { host };
        HostName::new(&host.replace([':', '%'], "-"))
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Destination {
    type Error = String;
    fn try_from(text: String) -> std::result::Result<Self, String> {
        let rest = text.strip_prefix("ssh://").unwrap_or(&text);
        let (user, host) = rest.rsplit_once('@').map_or((None, rest), |(user, host)| (Some(user), host));
        let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:%".contains(&byte);
        // A host or user that begins with `-` would be an option to ssh or to a jump host's ssh.
        let fits =
            |part: &str| !part.is_empty() && part.len() <= 253 && !part.starts_with('-') && part.bytes().all(good);
        if fits(host) && user.is_none_or(fits) {
            return Ok(Self(text));
        }
        Err(format!(
            "`{}` is not an ssh destination: use HOST or USER@HOST, with letters, digits, `-._:%`",
            text.escape_debug()
        ))
    }
}

impl From<Destination> for String {
    fn from(it: Destination) -> Self {
        it.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_the_names_they_give() {
        for (text, name) in [
            ("fw", "fw"),
            ("admin@10.0.10.2", "10.0.10.2"),
            ("ssh://admin@fw.example:2222", "fw.example"),
            ("admin@fe80::1%em0", "fe80--1-em0"),
        ] {
            let place = Destination::new(text).unwrap();
            assert_eq!((place.to_string().as_str(), place.host().unwrap().as_str()), (text, name));
        }
    }

    #[test]
    fn what_could_be_an_option_or_a_shells_is_refused() {
        for text in [
            "",
            "-oProxyCommand=touch x",
            "-v",
            "fw -v",
            "fw;id",
            "fw\nid",
            "$(id)",
            "`id`",
            "'fw'",
            "fw\"",
            "admin@",
            "@fw",
            "admin@-v",
            "-l@fw",
            "a b@fw",
            "ssh://-v",
            "ssh://",
            "fw\\x",
            "fw*",
            "käse",
            "fw/../x",
            "fw\t",
            "fw=1",
        ] {
            let error = Destination::new(text).unwrap_err();
            assert!(error.what().contains("not an ssh destination") && !error.what().contains('\n'), "{text}: {error}");
            assert_eq!(error.exit(), crate::error::Exit::Usage);
        }
    }
}
