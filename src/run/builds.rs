//! The commands that not every build has: the features `firewall` and `operator` of Cargo.toml. A build without one knows
//! the command all the same, and says where to find it.

use super::Shown;
#[cfg(not(feature = "operator"))]
use crate::cli::Shell;
#[cfg(not(all(feature = "firewall", feature = "operator")))]
use crate::error::Error;
use crate::error::Result;

#[cfg(feature = "operator")]
pub(super) use super::{
    manual::{completions, man},
    schema::schema,
};

#[cfg(not(feature = "operator"))]
pub(super) fn completions(_: &Shell) -> Result<Shown> {
    man()
}

#[cfg(not(feature = "operator"))]
pub(super) fn schema(_: Option<&str>) -> Result<Shown> {
    man()
}

#[cfg(not(feature = "operator"))]
pub(super) fn man() -> Result<Shown> {
    let what = "a firewall's pfddns makes no man page, no completions and no schemas (it was built without `operator`)";
    Err(Error::usage(what).hint("the package installed them below /usr/local/share; pfddns for Linux can print them"))
}

/// The other end of another pfddns. Its answers are written as they come, not at the end.
#[cfg(feature = "firewall")]
pub(super) async fn hands() -> Result<Shown> {
    crate::tasks::hands::serve(std::io::stdin(), std::io::stdout()).await?;
    Ok(Shown::text(""))
}

#[cfg(not(feature = "firewall"))]
pub(super) async fn hands() -> Result<Shown> {
    let what = "this build can't serve a pfddns on another machine (it was built without `firewall`)";
    Err(Error::usage(what).hint("install the firewall package here"))
}

#[cfg(all(test, not(feature = "operator")))]
mod tests {
    use super::super::{Environment, run};
    use crate::error::Exit;

    #[test]
    fn a_firewalls_build_says_where_the_man_page_and_the_completions_are() {
        let environment = Environment { config: None, who: "tester".into(), terminal: false, ssh: Vec::new() };
        for words in [&["pfddns", "man"][..], &["pfddns", "schema"], &["pfddns", "completions", "tcsh"]] {
            let answer = run(words.iter().map(Into::into), &environment, &mut std::io::sink());
            assert_eq!((answer.exit as u8, answer.stdout.as_str()), (Exit::Usage as u8, ""));
            assert!(answer.stderr.contains("built without `operator`"), "{}", answer.stderr);
            assert!(answer.stderr.contains("/usr/local/share"), "{}", answer.stderr);
        }
    }
}
