//! Arguments in, exit code out. The only place that reads the environment, prints and exits.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    let who = ["SUDO_USER", "USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
    let environment = pfddns::Environment {
        config: std::env::var_os("PFDDNS_CONFIG").map(Into::into),
        who: who.unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw())),
        terminal: std::io::stderr().is_terminal(),
        ssh: ["HOME", "SSH_AUTH_SOCK"].iter().filter_map(|name| Some((*name, std::env::var_os(name)?))).collect(),
    };
    let answer = pfddns::run(std::env::args_os(), &environment, &mut std::io::stderr());
    // A reader that is gone (`pfddns plan | head`) is not our failure.
    let _ = std::io::stdout().write_all(answer.stdout.as_bytes());
    let _ = std::io::stderr().write_all(answer.stderr.as_bytes());
    ExitCode::from(answer.exit as u8)
}
