//! The lab: a whole site on loopback, one rotation from nothing to proof, told step by step. Development only.
//! `--keep` leaves it running, so that a newcomer can type commands at it. A signal ends it as Enter does: its D2 and its
//! folder with keys go with it.

#[path = "../../tests/doubles/mod.rs"]
mod doubles;

use doubles::site::{Plan, Site};
use doubles::{d2, dns, firewall};
use std::io::{IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

const HELP: &str = "pfddns-lab: a whole site on loopback, and one rotation from nothing to proof

usage: pfddns-lab [--keep] [--d2 PROGRAM | --no-d2]

  --keep         leave it running; type pfddns commands at it in another terminal
  --d2 PROGRAM   kea-dhcp-ddns to use (default: the installed one, if any)
  --no-d2        do without";

/// Leases per second while the key is rotated.
const PACE: u32 = 50;

struct Options {
    keep: bool,
    d2: Option<PathBuf>,
}

/// What the last line counts.
#[derive(Default)]
struct Counts {
    accepted: u64,
    refused: u64,
    lost: usize,
    leases: usize,
}

fn main() -> ExitCode {
    let options = match options() {
        Ok(Some(options)) => options,
        Ok(None) => {
            say(HELP);
            return ExitCode::SUCCESS;
        }
        Err(what) => {
            say(&format!("pfddns-lab: error: {what}\n{HELP}"));
            return ExitCode::from(2);
        }
    };
    match lab(&options, &mpsc::channel()) {
        Ok(last) => {
            say(&last);
            ExitCode::SUCCESS
        }
        Err(error) => {
            say(&format!("pfddns-lab: error: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn options() -> Result<Option<Options>, String> {
    let mut options = Options { keep: false, d2: d2::installed() };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--keep" => options.keep = true,
            "--no-d2" => options.d2 = None,
            "--d2" => options.d2 = Some(args.next().ok_or("--d2 needs a program")?.into()),
            "--help" | "-h" => return Ok(None),
            other => return Err(format!("`{other}` is not an option")),
        }
    }
    Ok(Some(options))
}

fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Its end, as it is told and as it is heard.
type End = (Sender<()>, Receiver<()>);

fn lab(options: &Options, end: &End) -> std::io::Result<String> {
    signals(end.0.clone())?;
    let folder = tempfile::Builder::new().prefix("pfddns-lab-").tempdir()?;
    say(&format!("# A site on loopback, in {}", folder.path().display()));
    let mut plan = Plan::new(folder.path());
    plan.d2 = options.d2.clone();
    let site = Site::start(&plan)?;
    let files = firewall::fill(&folder.path().join("firewall"), &folder.path().join("kea4-ctrl-socket"))?;
    std::fs::OpenOptions::new().append(true).open(site.config())?.write_all(files.as_bytes())?;
    introduce(&site, &plan)?;
    let mut counts = Counts::default();

    say("\n# Turn dynamic updates on: a first key, on every server, granted in every zone, used by D2");
    run(&site, &["apply"], end, &mut counts)?;
    say("\n# Planning again: there must be nothing left to do");
    run(&site, &["plan"], end, &mut counts)?;

    say("\n# Replace the key");
    if site.d2.is_some() {
        say(&format!("  (meanwhile {PACE} leases a second go through D2)"));
        site.dhcp4.lease(PACE, plan.zones[0]);
    }
    let confirm: &[&str] = if site.d2.is_some() { &[] } else { &["--confirm", "other-clients"] };
    run(&site, &[&["tsig", "rotate"], confirm].concat(), end, &mut counts)?;
    let leases = site.dhcp4.leases();
    counts.leases = leases.len();
    counts.lost = dns::missing(site.servers[0].dns(), &leases, Duration::from_secs(10))?;

    say("\n# Prove it: signed is accepted; unsigned, wrong, unknown and retired keys are refused");
    run(&site, &["verify"], end, &mut counts)?;
    say("");
    run(&site, &["tsig", "status"], end, &mut counts)?;
    if options.keep {
        keep(&site, end);
    }
    summary(&site, &counts)
}

fn introduce(site: &Site, plan: &Plan) -> std::io::Result<()> {
    for (number, (server, version)) in site.servers.iter().zip(&plan.versions).enumerate() {
        say(&format!(
            "  ns{}: a double of Technitium {}, {} and DNS at {}",
            number + 1,
            version.name(),
            server.base_url(),
            server.dns()
        ));
    }
    let delay = plan.save_delay.as_millis();
    say(&format!(
        "  The doubles save {delay} ms after a change; real servers take 5 s (13.6: 10 s), and pfddns waits that long."
    ));
    match &site.d2 {
        Some(it) => say(&format!(
            "  D2: real kea-dhcp-ddns {}, fed by a stand-in for kea-dhcp4 that sends names to it",
            d2::version(&it.program)?
        )),
        None => {
            say("  D2: kea-dhcp-ddns is not installed (apt-get install kea-dhcp-ddns-server), so its part is left out.")
        }
    }
    say("  A firewall's folder: config.xml as pfSense 2.8 writes it; without pfSense's PHP, a change waits there");
    say("  Secrets: the local sealed file store");
    Ok(())
}

/// From now on a signal is told to `end` and does nothing else: a process that died of it would leave its D2 and its keys.
fn signals(end: Sender<()>) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let inside = runtime.enter();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    drop(inside);
    let wait = async move {
        tokio::select! { _ = terminate.recv() => (), _ = interrupt.recv() => (), _ = hangup.recv() => () }
        let _ = end.send(());
        // A second signal is as patient: the handlers must stay.
        std::future::pending::<()>().await;
    };
    std::thread::spawn(move || runtime.block_on(wait));
    Ok(())
}

/// Runs one pfddns command as its user would, and adds up what it proved. None is begun once the end is told.
fn run(site: &Site, words: &[&str], end: &End, counts: &mut Counts) -> std::io::Result<()> {
    if end.1.try_recv().is_ok() {
        return Err(std::io::Error::other("ended by a signal"));
    }
    say(&format!("$ pfddns {}", words.join(" ")));
    let environment = pfddns::Environment {
        config: Some(site.config()),
        who: "lab".into(),
        terminal: std::io::stdout().is_terminal(),
        ssh: Vec::new(),
    };
    let args = |json: bool| {
        std::iter::once("pfddns").chain(json.then_some("--json")).chain(words.iter().copied()).map(Into::into)
    };
    let proves = !matches!(words, ["plan"] | ["tsig", "status"]);
    let answer = pfddns::run(args(proves), &environment, &mut std::io::stdout());
    if answer.exit != pfddns::error::Exit::Done {
        return Err(std::io::Error::other(format!(
            "pfddns {} ended with {}: {}",
            words.join(" "),
            answer.exit as u8,
            answer.stderr
        )));
    }
    if !proves {
        say(answer.stdout.trim_end());
        return Ok(());
    }
    let report: serde_json::Value = serde_json::from_str(&answer.stdout)?;
    let count = |name: &str| report.get(name).and_then(serde_json::Value::as_u64).unwrap_or(0);
    counts.accepted += count("accepted");
    counts.refused += count("refused");
    Ok(())
}

fn keep(site: &Site, (told, heard): &End) {
    let program = std::env::current_exe().ok().and_then(|lab| lab.parent().map(|it| it.join("pfddns")));
    let program = program.as_deref().unwrap_or(Path::new("pfddns")).display().to_string();
    say(&format!(
        "\n# It goes on running. In another terminal:\n  export PFDDNS_CONFIG={}\n  {program} tsig status\n  {program} tsig rotate --dry-run\n  \
         {program} kea render --dry-run\n  {program} bypass enable --for 10m --reason trying\n  {program} undo\n  {program} dhcp show\n  \
         {program} dhcp dns-servers lan 10.77.10.1 10.77.10.53\n\n# Enter (or the end of input, Ctrl-C, a signal) stops it.",
        site.config().display()
    ));
    let told = told.clone();
    std::thread::spawn(move || {
        let _ = std::io::stdin().read(&mut [0u8; 1]);
        told.send(())
    });
    let _ = heard.recv();
}

fn summary(site: &Site, counts: &Counts) -> std::io::Result<String> {
    let last = format!(
        "servers {}, zones {}, probes accepted {}, probes refused {}, leases {}, updates lost {}",
        site.servers.len(),
        site.zones.len(),
        counts.accepted,
        counts.refused,
        counts.leases,
        counts.lost
    );
    let proven = counts.accepted > 0 && counts.refused > 0 && counts.lost == 0;
    let fed = site.d2.is_none() || counts.leases > 0;
    if proven && fed { Ok(last) } else { Err(std::io::Error::other(last)) }
}
