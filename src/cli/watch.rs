//! `sendoff campaign show NAME --watch`: how far a campaign is, until it ends. On a terminal the lines
//! are drawn anew in their place; elsewhere one is printed every few seconds, for people or as JSON.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::campaign::{self, bar};
use super::lane;
use super::print::{self, Output, time};
use super::serve::{asked, stop_signal};
use crate::campaign::model::{self, Campaign, State};
use crate::infra::clock::{Millis, format_local};
use crate::infra::error::{Error, Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::installation::Installation;
use crate::report::progress::{self, Progress, RateEstimator};
use crate::usecase::Actor;

/// How often a terminal is drawn anew, and a line is printed elsewhere.
const TICK: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5));

/// Counting a large campaign takes time of the database; it is left alone this many times as long.
const RESPECT: u32 = 10;

/// Watches until the campaign ends or the watcher is asked to stop, which the campaign does not notice.
pub async fn run(installation: &Installation, actor: &Actor, name: &str, lang: Lang, json: bool) -> Result<Output> {
    let stop = stop_signal();
    let mut screen = Screen::new(json, lang);
    let mut pace = RateEstimator::default();
    let mut known = false;
    loop {
        let began = Instant::now();
        match look(installation, actor, name, &mut pace).await {
            Ok((campaign, progress)) if matches!(campaign.state, State::Finished | State::Cancelled) => {
                screen.wipe();
                let ended = campaign::show(installation, actor.workspace, name, lang).await?;
                return Ok(Output { json: value(&campaign, &progress, installation.clock.now(), lang), ..ended });
            }
            Ok((campaign, progress)) => {
                known = true;
                screen.show(&campaign, &progress, installation.clock.now());
            }
            // It was there a moment ago, so it is worth waiting for.
            Err(error @ (Error::Db(_) | Error::Io { .. })) if known => screen.tell(&error.message()),
            Err(error) => return Err(error),
        }
        tokio::select! {
            () = tokio::time::sleep(screen.tick().max(began.elapsed() * RESPECT)) => {}
            () = asked(stop.clone()) => {
                let (json, text) = (json!({ "stopped": true }), lang.tr("watch-left"));
                return Ok(Output { json, text, failed: false });
            }
        }
    }
}

async fn look(
    installation: &Installation,
    actor: &Actor,
    name: &str,
    pace: &mut RateEstimator,
) -> Result<(Campaign, Progress)> {
    let mut conn = installation.db.read().await?;
    let campaign = model::find_by_name(&mut conn, actor.workspace, name).await?;
    let now = installation.clock.now();
    let progress = progress::read(&mut conn, &campaign, now).await?.with_rate(pace, now);
    Ok((campaign, progress))
}

/// Where it is shown.
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

    fn tick(&self) -> Duration {
        if self.terminal { TICK.0 } else { TICK.1 }
    }

    fn show(&mut self, campaign: &Campaign, progress: &Progress, now: Millis) {
        if self.json {
            print::line(&value(campaign, progress, now, self.lang).to_string());
        } else if self.terminal {
            self.draw(&lines(campaign, progress, now, self.lang));
        } else {
            let clock = format_local(now, now);
            print::line(&format!("{clock}  {}", lines(campaign, progress, now, self.lang).join("  ")));
        }
    }

    /// Says on standard error why there is nothing new.
    fn tell(&mut self, message: &Message) {
        self.wipe();
        print::error(message, self.lang, false);
    }

    /// Draws in the place of what was drawn last.
    fn draw(&mut self, lines: &[String]) {
        self.wipe();
        print::line(&lines.join("\n"));
        // A line that is too long goes on in the next.
        let width = print::columns();
        self.drawn = lines.iter().map(|line| line.chars().count().div_ceil(width).max(1)).sum();
    }

    fn wipe(&mut self) {
        if self.drawn > 0 {
            // A terminal that has gone away is no error.
            let _ = write!(std::io::stdout(), "\x1b[{}A\r\x1b[J", self.drawn);
            self.drawn = 0;
        }
    }
}

/// What is told of a campaign, a line each.
fn lines(campaign: &Campaign, progress: &Progress, now: Millis, lang: Lang) -> Vec<String> {
    let numbers = &progress.numbers;
    let mut lines = vec![
        format!("{}  {}", campaign.name, lang.tr(campaign.state.key())),
        format!(
            "[{}] {:>3} %  {}/{}",
            bar(progress.settled, numbers.planned, 30),
            progress.percent(),
            progress.settled,
            numbers.planned
        ),
    ];
    let numbers = Message::new("watch-numbers")
        .with("accepted", numbers.accepted)
        .with("rejected", numbers.rejected)
        .with("sending", numbers.sending)
        .with("deferred", numbers.deferred);
    let sentences = [progress.speed(now), Some(numbers), progress.uncertain_note()].into_iter().flatten();
    lines.extend(sentences.map(|sentence| lang.translate(&sentence)));
    lines.extend(progress.by_lane(now, lang));
    lines.extend(campaign.reason.as_deref().map(|reason| lang.translate_packed(reason)));
    lines
}

fn value(campaign: &Campaign, progress: &Progress, now: Millis, lang: Lang) -> Value {
    let numbers = &progress.numbers;
    json!({
        "at": time(now),
        "name": campaign.name,
        "state": campaign.state.as_str(),
        "reason": campaign.reason.as_deref().map(|reason| lang.translate_packed(reason)),
        "planned": numbers.planned,
        "settled": progress.settled,
        "accepted": numbers.accepted,
        "rejected": numbers.rejected,
        "uncertain": progress.uncertain(),
        "sending": numbers.sending,
        "pending": numbers.pending,
        "deferred": numbers.deferred,
        "suppressed": numbers.suppressed,
        "skipped": numbers.skipped,
        "rate": progress.rate,
        "ends_at": progress.ends_at.map(time),
        "next_at": progress.next_at.map(time),
        "lanes": lane::waiting(&progress.lanes, lang),
    })
}
