//! Runs one Technitium double in the foreground, for tools outside of this project:
//! `technitium-double VERSION HTTP-ADDRESS DNS-ADDRESS TOKEN`. Ends with its standard input.

#[path = "mod.rs"]
mod doubles;

use doubles::technitium::{Options, Technitium, Version};
use std::io::{Read as _, Write as _};
use std::process::ExitCode;

fn options() -> Option<Options> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [version, http, dns, token] = arguments.as_slice() else { return None };
    let (http, dns) = (http.parse().ok()?, dns.parse().ok()?);
    Some(Options { http, dns, token: token.clone(), ..Options::new(Version::parse(version)?) })
}

fn main() -> ExitCode {
    let mut err = std::io::stderr();
    let Some(options) = options() else {
        let _ = writeln!(err, "usage: technitium-double VERSION HTTP-ADDRESS DNS-ADDRESS TOKEN");
        return ExitCode::from(2);
    };
    match Technitium::start(options) {
        Ok(handle) => {
            let _ =
                writeln!(err, "serving {} and DNS at {}; ends with standard input", handle.base_url(), handle.dns());
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _ = writeln!(err, "technitium-double: error: {error}");
            ExitCode::FAILURE
        }
    }
}
