//! From arguments to an answer: reads the configuration, asks a task for a plan, shows or applies it.

mod builds;
mod document;
#[cfg(feature = "operator")]
mod manual;
mod pfsense;
mod runs;
#[cfg(feature = "operator")]
mod schema;
mod service;
mod tell;

use crate::cli::{Bypass, Cli, Command, Go, Kea, Look, Tsig};
use crate::config::{Config, DEFAULT_PATH, SshConfig};
use crate::error::{Error, Exit, Result, plain};
use crate::model::{Destination, HostName};
use crate::plan::{self, Plan};
use crate::report;
use crate::tasks;
use crate::world::local::Local;
use crate::world::{Host, Remote, Ssh, World};
use clap::Parser;
use document::Document;
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};

/// A commented configuration with every option.
pub const TEMPLATE: &str = include_str!("../templates/pfddns.toml");

/// What `main` knows of the process's surroundings.
pub struct Environment {
    /// `PFDDNS_CONFIG`
    pub config: Option<PathBuf>,
    /// Who is at the keyboard, for journals.
    pub who: String,
    /// True if stderr is a terminal.
    pub terminal: bool,
    /// The variables that ssh needs, and no others.
    pub ssh: Vec<(&'static str, OsString)>,
}

/// What `main` prints, and the exit code.
pub struct Answer {
    /// For stdout.
    pub stdout: String,
    /// For stderr, after everything printed on the way.
    pub stderr: String,
    /// The exit code.
    pub exit: Exit,
}

/// Text for people and the same as data.
struct Shown {
    text: String,
    document: Document,
    exit: Exit,
}

impl Shown {
    fn new(text: impl Into<String>, document: Document) -> Self {
        Self { text: text.into(), document, exit: Exit::Done }
    }

    /// Text that does not answer a question about the site.
    fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        Self::new(text.clone(), Document::Text { text })
    }
}

/// One command under way.
struct Session<'a> {
    config: Config,
    world: World,
    environment: &'a Environment,
    stderr: &'a mut dyn Write,
}

/// The whole program. `stderr` gets progress while it happens.
pub fn run(args: impl IntoIterator<Item = OsString>, environment: &Environment, stderr: &mut dyn Write) -> Answer {
    let args: Vec<OsString> = args.into_iter().collect();
    let cli = match Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() => return misspelt(&error, args.iter().any(|it| it == "--json")),
        Err(help) => return Answer { stdout: help.render().to_string(), stderr: String::new(), exit: Exit::Done },
    };
    // Hands have a language of their own.
    let json = cli.json && !matches!(cli.command, Command::Hands);
    tell::tell(cli.verbose, environment.terminal);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let shown = match runtime {
        Ok(runtime) => runtime.block_on(command(cli, environment, stderr)),
        Err(error) => Err(Error::new(format!("this machine gives no event loop: {error}"))),
    };
    let printed = shown.and_then(|it| Ok((if json { it.document.print()? } else { it.text }, it.exit)));
    match printed {
        Ok((stdout, exit)) => Answer { stdout, stderr: String::new(), exit },
        Err(error) => failed(&error, report::error_text(&error), json),
    }
}

/// A bad command line. With `--json` it is reported like every other error.
fn misspelt(error: &clap::Error, json: bool) -> Answer {
    let stderr = error.render().to_string();
    let said = stderr.split("\n\n").next().unwrap_or_default().trim_start_matches("error: ");
    let what = match error.kind() {
        clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => "a command is missing".to_owned(),
        _ => said.split_whitespace().collect::<Vec<_>>().join(" "),
    };
    let error = Error::usage(what).hint("add --help to any command to see its options");
    failed(&error, stderr, json)
}

fn failed(error: &Error, stderr: String, json: bool) -> Answer {
    let stdout = if json { Document::from(error).print().unwrap_or_default() } else { String::new() };
    Answer { stdout, stderr, exit: error.exit() }
}

async fn command(cli: Cli, environment: &Environment, stderr: &mut dyn Write) -> Result<Shown> {
    match &cli.command {
        Command::Config { template: true } => return Ok(Shown::text(TEMPLATE)),
        Command::Completions { shell } => return builds::completions(shell),
        Command::Man => return builds::man(),
        Command::Schema { name } => return builds::schema(name.as_deref()),
        Command::Hands => return builds::hands().await,
        _ => {}
    }
    let path = cli.config.clone().or_else(|| environment.config.clone()).unwrap_or_else(|| DEFAULT_PATH.into());
    if let Some(shown) = without_config(&cli.command, &path).await? {
        return Ok(shown);
    }
    let config = read_config(&path, &cli.hosts)?;
    let mut world = world(&config, environment)?;
    if let Some(file) = &config.ca_file {
        world = world.trusting(file)?;
    }
    let mut session = Session { config, world, environment, stderr };
    session.end_expired_bypass(&cli.command).await;
    session.obey(cli.command).await
}

/// `kea lint` and `kea explain` can read named files without a pfddns.toml.
async fn without_config(command: &Command, path: &Path) -> Result<Option<Shown>> {
    if path.exists() {
        return Ok(None);
    }
    match command {
        Command::Kea(Kea::Lint { files, kea }) if !files.is_empty() => {
            let world = World::here(HostName::new("here")?)?;
            lint(None, &world, files, kea.as_deref()).await.map(Some)
        }
        Command::Kea(Kea::Explain { asked, files, running: false }) if !files.is_empty() => {
            let world = World::here(HostName::new("here")?)?;
            explain(None, &world, asked, files, false).map(Some)
        }
        _ => Ok(None),
    }
}

async fn lint(config: Option<&Config>, world: &World, files: &[PathBuf], kea: Option<&str>) -> Result<Shown> {
    let linted = tasks::kea::lint(config, world, files, kea).await?;
    let exit = if tasks::kea::has_errors(&linted) { Exit::Failed } else { Exit::Done };
    Ok(Shown { text: report::kea::lint_text(&linted), document: Document::Lint(linted), exit })
}

fn explain(
    config: Option<&Config>,
    world: &World,
    asked: &[String],
    files: &[PathBuf],
    running: bool,
) -> Result<Shown> {
    let all = tasks::kea::explain(config, world, asked, files, running)?;
    Ok(Shown::new(report::kea::explain_text(&all), Document::Explain { explained: all }))
}

/// The world of a configuration. Firewalls elsewhere are reached when they are first asked for something.
fn world(config: &Config, environment: &Environment) -> Result<World> {
    let SshConfig { program, config: file, hands } = config.ssh.clone();
    let ssh = Ssh { program, config: file, hands, environment: environment.ssh.clone() };
    let host = |ssh_to: &Option<Destination>| match ssh_to {
        None => Host::Local(Local),
        Some(destination) => Host::Remote(Remote::new(ssh.to(destination))),
    };
    World::with(config.firewalls().map(|it| (it.name.clone(), host(&it.ssh))).collect())
}

fn read_config(path: &Path, hosts: &[Destination]) -> Result<Config> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Error::usage(format!("{}: the configuration can't be read: {}", path.display(), plain(&error)))
            .hint("`pfddns config --template > pfddns.toml` makes one; --config names it")
    })?;
    Config::parse_for(path, &text, hosts)
}

impl Session<'_> {
    async fn obey(&mut self, command: Command) -> Result<Shown> {
        match command {
            Command::Config { .. } => self.show_config(),
            Command::Status | Command::Tsig(Tsig::Status) => self.status().await,
            Command::Plan { task, out } => self.plan(task, out.as_deref()).await,
            Command::Apply { file: None, how } => {
                let plan = tasks::ddns::converge(&self.config, &self.world).await?;
                self.reload(plan, &how).await
            }
            Command::Apply { file: Some(file), how } => {
                let bytes = runs::read_plan(&file)?;
                self.reload(Plan::load(&file.display().to_string(), &bytes)?, &how).await
            }
            Command::Runs => self.runs(),
            Command::Resume(look) => self.resume(&look).await,
            Command::Undo { run, look } => self.undo(run.as_deref(), &look).await,
            Command::Tsig(Tsig::Generate(go)) => {
                let plan = tasks::ddns::generate(&self.config, &self.world).await?;
                self.go(plan, &go).await
            }
            Command::Tsig(Tsig::Rotate(how)) => {
                self.nothing_unfinished()?;
                let plan = tasks::rotate::rotate(&self.config, &self.world).await?;
                self.reload(plan, &how).await
            }
            Command::Kea(Kea::Render(how)) => {
                let plan = tasks::ddns::render(&self.config, &self.world).await?;
                self.reload(plan, &how).await
            }
            Command::Kea(Kea::Lint { files, kea }) => {
                lint(Some(&self.config), &self.world, &files, kea.as_deref()).await
            }
            Command::Kea(Kea::Explain { asked, files, running }) => {
                explain(Some(&self.config), &self.world, &asked, &files, running)
            }
            Command::Kea(Kea::Service(it)) => self.service(it).await,
            Command::Kea(Kea::Heal { leases, max_percent, go }) => {
                let plan = tasks::heal::heal(&self.config, &self.world, leases, max_percent).await?;
                self.go(plan, &go).await
            }
            Command::Verify(look) => {
                let plan = tasks::verify::verify(&self.config, &self.world).await?;
                self.go(plan, &Go { only_plan: look.only_plan, ..Go::default() }).await
            }
            Command::Bypass(Bypass::Enable { time, reason, without, mut go }) => {
                let plan = tasks::bypass::enable(&self.config, &self.world, time, &reason, &without).await?;
                // Typing the command, its end and its reason is the confirmation.
                go.confirm.push("bypass".into());
                let shown = self.go(plan, &go).await?;
                self.opened(shown)
            }
            Command::Bypass(Bypass::Status) => self.bypass_status(),
            Command::Bypass(Bypass::Disable(go)) => self.close(&go).await,
            Command::Dhcp(it) => self.dhcp(it).await,
            Command::Unbound(it) => self.unbound(it).await,
            Command::Backup(it) => self.backup(it).await,
            Command::Completions { shell } => builds::completions(&shell),
            Command::Man => builds::man(),
            Command::Schema { name } => builds::schema(name.as_deref()),
            Command::Hands => builds::hands().await,
        }
    }

    fn show_config(&self) -> Result<Shown> {
        let document = Document::Config(Box::new(self.config.clone()));
        Ok(Shown::new(document.print()?, document))
    }

    async fn status(&self) -> Result<Shown> {
        let status = tasks::status::status(&self.config, &self.world).await?;
        let exit = if status.problems.is_empty() { Exit::Done } else { Exit::Failed };
        Ok(Shown { text: report::status_text(&status), document: Document::Status(Box::new(status)), exit })
    }

    fn bypass_status(&self) -> Result<Shown> {
        let state = tasks::bypass::state(&self.config, &self.world)?;
        let text = match &state {
            None => "no bypass\n".to_owned(),
            Some(it) => report::bypass_text(it),
        };
        Ok(Shown::new(text, Document::Bypass { bypass: state }))
    }

    /// Tells the operator until when the bypass is active, and how to end it.
    fn opened(&self, mut shown: Shown) -> Result<Shown> {
        if let (Exit::Done, Some(state)) = (shown.exit, tasks::bypass::state(&self.config, &self.world)?) {
            shown.text.push_str(&report::bypass_text(&state));
            if let Document::Run { until, .. } = &mut shown.document {
                *until = Some(state.until);
            }
        }
        Ok(shown)
    }

    /// Ends the bypass. If its start was cut off, that run is undone; if its end was cut off, that run is resumed.
    async fn close(&mut self, go: &Go) -> Result<Shown> {
        // The note of the bypass is enough to close it; the journals only say whether to continue or to undo a run.
        let runs = plan::journal::all(&self.world, &self.config.primary.state).unwrap_or_else(|error| {
            tracing::warn!("{}", error.what());
            Vec::new()
        });
        let opened = tasks::bypass::state(&self.config, &self.world)?.map(|it| it.run);
        let look = Look { only_plan: go.only_plan };
        match runs.into_iter().rfind(plan::RunRecord::unfinished).map(|it| it.plan) {
            Some(plan) if plan.closes() => self.resume(&look).await,
            Some(plan) if Some(&plan.id) == opened.as_ref() => self.undo(Some(&plan.id), &look).await,
            _ => {
                let plan = tasks::bypass::disable(&self.config, &self.world).await?;
                self.go(plan, go).await
            }
        }
    }

    /// The first command after a bypass's time ends it before anything else. If that fails, the error is printed and the
    /// command continues: looking must still be possible, and no task depends on a bypass.
    async fn end_expired_bypass(&mut self, command: &Command) {
        if matches!(command, Command::Bypass(Bypass::Disable(_)) | Command::Undo { .. } | Command::Resume(_)) {
            return;
        }
        let now = self.world.clock.now();
        let state = match tasks::bypass::state(&self.config, &self.world) {
            Ok(Some(state)) if state.until <= now => state,
            _ => return,
        };
        let _ = writeln!(self.stderr, "the bypass ended at {:.0}: restoring the old rules", state.until);
        if let Err(error) = self.close(&Go::default()).await {
            let _ = write!(self.stderr, "{}", report::error_text(&error.while_doing("ending the bypass")));
        }
    }
}
