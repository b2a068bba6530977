//! What a command says on stderr while it runs: warnings always, more with -v. In one form, that of our errors.

use std::fmt;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;

/// Only our own words: the libraries' may hold what was sent.
pub(super) fn tell(verbose: u8, terminal: bool) {
    let level = match verbose {
        0 => Level::WARN,
        1 => Level::INFO,
        2 => Level::DEBUG,
        _ => Level::TRACE,
    };
    let ours = tracing_subscriber::filter::Targets::new().with_target("pfddns", level);
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).event_format(Lines { terminal });
    // Tests run several commands in one process; the first subscriber stays.
    let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer).with(ours));
}

/// `pfddns: warning: …`
struct Lines {
    terminal: bool,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        if self.terminal {
            // A spinner may be turning on this line; it draws itself again below.
            out.write_str("\r\x1b[K")?;
        }
        let level = match *event.metadata().level() {
            Level::ERROR => "error",
            Level::WARN => "warning",
            Level::INFO => "info",
            _ => "debug",
        };
        write!(out, "pfddns: {level}: ")?;
        context.format_fields(out.by_ref(), event)?;
        writeln!(out)
    }
}
