//! `sendoff campaign show NAME --watch`: shows the progress of a campaign until it ends. On a terminal the lines are
//! redrawn in place; elsewhere a line is printed every few seconds, for people or as JSON.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use serde_json::json;

use super::campaign::{self as command, bar};
use super::print::{self, Output};
use super::shutdown;
use crate::campaign::model::State;
use crate::infra::clock::format_local;
use crate::infra::error::{Error, Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::installation::Installation;
use crate::report::progress::RateEstimator;
use crate::usecase::campaign_view::ProgressView;
use crate::usecase::localize::to_json;
use crate::usecase::{Actor, campaign};

/// How often a terminal is redrawn.
const REDRAW_INTERVAL: Duration = Duration::from_secs(1);

/// How often a line is printed elsewhere.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// The wait after a reading of the numbers, as a multiple of its duration: counting a large campaign costs the
/// database time.
const READING_COST_FACTOR: u32 = 10;

/// Watches until the campaign ends or the command is stopped; the campaign continues either way.
pub async fn run(installation: &Installation, actor: &Actor, name: &str, lang: Lang, json: bool) -> Result<Output> {
    let stop = shutdown::signal();
    let mut screen = Screen::new(json, lang);
    let mut rate = RateEstimator::default();
    let mut is_found = false;
    loop {
        let began = Instant::now();
        match campaign::progress(installation, actor, name, &mut rate).await {
            Ok(view) if matches!(view.campaign.state, State::Finished | State::Cancelled) => {
                screen.wipe();
                let ended = command::show(installation, actor, name, lang).await?;
                return Ok(Output { json: to_json(&view, lang), ..ended });
            }
            Ok(view) => {
                is_found = true;
                screen.show(&view);
            }
            // The database was there before, so the command waits for it.
            Err(error @ (Error::Db(_) | Error::Io { .. })) if is_found => screen.show_error(&error.message()),
            Err(error) => return Err(error),
        }
        tokio::select! {
            () = tokio::time::sleep(screen.interval().max(began.elapsed() * READING_COST_FACTOR)) => {}
            () = shutdown::requested(stop.clone()) => {
                let (json, text) = (json!({ "stopped": true }), lang.tr("watch-left"));
                return Ok(Output { json, text, failed: false });
            }
        }
    }
}

/// Where the progress is shown.
struct Screen {
    json: bool,
    terminal: bool,
    lang: Lang,
    /// Lines drawn last.
    drawn: usize,
}

impl Screen {
    fn new(json: bool, lang: Lang) -> Self {
        Self { json, terminal: !json && std::io::stdout().is_terminal(), lang, drawn: 0 }
    }

    fn interval(&self) -> Duration {
        if self.terminal { REDRAW_INTERVAL } else { LINE_INTERVAL }
    }

    fn show(&mut self, view: &ProgressView) {
        if self.json {
            print::line(&to_json(view, self.lang).to_string());
        } else if self.terminal {
            self.draw(&lines(view, self.lang));
        } else {
            let clock = format_local(view.at, view.at);
            print::line(&format!("{clock}  {}", lines(view, self.lang).join("  ")));
        }
    }

    /// Shows on standard error why the numbers are not read.
    fn show_error(&mut self, message: &Message) {
        self.wipe();
        print::error(message, self.lang, false);
    }

    /// Draws over what was drawn last.
    fn draw(&mut self, lines: &[String]) {
        self.wipe();
        print::line(&lines.join("\n"));
        // A line that is too long continues in the next row.
        let width = print::columns();
        self.drawn = lines.iter().map(|line| line.chars().count().div_ceil(width).max(1)).sum();
    }

    fn wipe(&mut self) {
        if self.drawn > 0 {
            // A terminal that was closed is no error.
            let _ = write!(std::io::stdout(), "\x1b[{}A\r\x1b[J", self.drawn);
            self.drawn = 0;
        }
    }
}

/// The progress of a campaign, one fact a line.
fn lines(view: &ProgressView, lang: Lang) -> Vec<String> {
    let progress = &view.progress;
    let mut lines = vec![
        format!("{}  {}", view.name, lang.tr(view.campaign.state.key())),
        format!(
            "[{}] {:>3} %  {}/{}",
            bar(view.settled, view.planned, 30),
            progress.percent(),
            view.settled,
            view.planned
        ),
    ];
    let numbers = Message::new("watch-numbers")
        .with("accepted", view.accepted)
        .with("rejected", view.rejected)
        .with("sending", view.sending)
        .with("deferred", view.deferred);
    let messages = [progress.speed(view.at), Some(numbers), progress.uncertain_note()].into_iter().flatten();
    lines.extend(messages.map(|message| lang.translate(&message)));
    lines.extend(progress.by_lane(view.at, lang));
    lines.extend(view.reason.as_ref().map(|reason| reason.translate(lang)));
    lines
}
