//! The man page and the completions, from the same definitions as `--help`.

use super::Shown;
use crate::cli::{Cli, Shell};
use crate::error::{Error, Result};
use clap::CommandFactory as _;
use std::io::Write as _;

pub(super) fn completions(shell: &Shell) -> Result<Shown> {
    let mut bytes = Vec::new();
    clap_complete::generate(*shell, &mut Cli::command(), "pfddns", &mut bytes);
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Ok(Shown::text(text))
}

pub(super) fn man() -> Result<Shown> {
    let mut bytes = Vec::new();
    let mut command = Cli::command();
    command.build();
    let failed = |error: std::io::Error| Error::new(format!("the man page: {error}"));
    clap_mangen::Man::new(command.clone()).render(&mut bytes).map_err(failed)?;
    for one in command.get_subcommands().filter(|it| it.get_name() != "help") {
        man_of(one, &mut bytes).map_err(failed)?;
    }
    let mut text = String::from_utf8_lossy(&bytes).into_owned();
    // clap refers to a page per command; here they are sections of this one.
    for name in command.get_subcommands().map(clap::Command::get_name) {
        text = text.replace(&format!("pfddns\\-{name}(1)"), &format!("pfddns {name}"));
    }
    Ok(Shown::text(text))
}

/// Each command, and each command below it, as a section of the one page.
fn man_of(command: &clap::Command, out: &mut Vec<u8>) -> std::io::Result<()> {
    let name = command.get_bin_name().unwrap_or(command.get_name()).to_uppercase();
    writeln!(out, ".SH \"{name}\"")?;
    let page = clap_mangen::Man::new(command.clone());
    page.render_description_section(out)?;
    page.render_synopsis_section(out)?;
    page.render_options_section(out)?;
    page.render_extra_section(out)?;
    for below in command.get_subcommands().filter(|it| it.get_name() != "help") {
        man_of(below, out)?;
    }
    Ok(())
}
