//! `sendoff campaign add | new | templates | revisions | restore | edit | duplicate | rm | preflight | test | schedule | unschedule | start | pause | resume | recall |
//! cancel | series | show | compare | ls`

use std::path::PathBuf;

use clap::Subcommand;

use super::preflight_bar::PreflightBar;
use super::print::Output;
use super::{campaign_draft, comparison, schedule, series};
use crate::campaign::model::{Campaign, State};
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::installation::Installation;
use crate::report::summary::Summary;
use crate::usecase::Actor;
use crate::usecase::campaign::{self, Added, Source, StartOptions, Started};
use crate::usecase::campaign_view::CampaignView;
use crate::usecase::gallery::{self, GalleryRow, NewDraft};
use crate::usecase::output::utc;
use crate::usecase::preflight::{self, PreflightView};
use crate::usecase::schedule as times;

/// Commands for campaigns.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Read a campaign file (.md, .html or .mjml); one of the same name that has not started is replaced
    Add {
        /// The file
        file: PathBuf,
    },
    /// Begin a draft with a ready email of the gallery
    New {
        /// The campaign
        name: String,
        /// The list that it goes to
        #[arg(long)]
        list: String,
        /// The ready email; `campaign templates` lists them
        #[arg(long)]
        template: String,
        /// The language of the email, such as ru; that of the output by default
        #[arg(long, value_name = "TAG")]
        language: Option<String>,
        /// Name and address of the sender, as in an email; that of the newest campaign by default
        #[arg(long, value_name = "MAILBOX")]
        from: Option<String>,
    },
    /// List the ready emails of the gallery
    Templates,
    /// List the versions of a campaign's file
    Revisions {
        /// The campaign
        name: String,
    },
    /// Make the file of a campaign what it was in one of its versions
    Restore {
        /// The campaign
        name: String,
        /// The number of the version
        revision: i64,
    },
    /// Change the file of a campaign that has not started, in an editor
    Edit {
        /// The campaign
        name: String,
        /// The editor
        #[arg(long, env = "EDITOR", value_name = "COMMAND", default_value = "vi")]
        editor: String,
    },
    /// Copy the file of a campaign to a new draft
    Duplicate {
        /// The campaign
        name: String,
        /// The name of the copy
        new: String,
    },
    /// Remove a campaign that was never launched
    #[command(visible_alias = "remove")]
    Rm {
        /// The campaign
        name: String,
    },
    /// Compose every message without sending it: recipients, exclusions, five samples, problems
    Preflight {
        /// The campaign
        name: String,
    },
    /// Send a test message to one address, with links that measure nothing
    Test {
        /// The campaign
        name: String,
        /// The recipient
        #[arg(long, value_name = "ADDRESS")]
        to: String,
        /// Use the field values of this contact
        #[arg(long = "as", value_name = "ADDRESS")]
        persona: Option<String>,
    },
    /// Start at a given time
    Schedule {
        /// The campaign
        name: String,
        /// 2026-12-01 10:00; the file's own time when left out
        #[arg(long, value_name = "TIME")]
        at: Option<String>,
        /// Time zone of --at, e.g. Europe/Moscow
        #[arg(long, value_name = "ZONE")]
        zone: Option<String>,
    },
    /// Freeze the audience and start now
    Start {
        /// The campaign
        name: String,
        /// Leave out the recipients for whom no message can be made, and count them as skipped
        #[arg(long)]
        skip_missing: bool,
        /// Send nothing from this time on: 2026-12-01 12:00, in the file's zone
        #[arg(long, value_name = "TIME")]
        until: Option<String>,
    },
    /// Make a scheduled campaign a draft again
    Unschedule {
        /// The campaign
        name: String,
    },
    /// Pause; messages in flight are completed, and a scheduled campaign does not start
    Pause {
        /// The campaign
        name: String,
    },
    /// Continue a paused campaign
    Resume {
        /// The campaign
        name: String,
        /// Another deadline, or "never"
        #[arg(long, value_name = "TIME")]
        until: Option<String>,
        /// Send again to those whose message was refused for another reason than a missing mailbox; also for a
        /// finished campaign
        #[arg(long)]
        refused: bool,
    },
    /// Recall the messages that are not sent yet, with exact numbers
    Recall {
        /// The campaign
        name: String,
    },
    /// Stop for good; messages not sent are skipped
    Cancel {
        /// The campaign
        name: String,
    },
    /// Recurring campaigns
    Series {
        /// Commands for series
        #[command(subcommand)]
        command: series::Command,
    },
    /// Show the numbers
    Show {
        /// The campaign
        name: String,
        /// Keep showing the progress until the campaign ends; Ctrl-C ends only the display
        #[arg(long)]
        watch: bool,
    },
    /// Show the numbers and rates of campaigns side by side
    Compare {
        /// The campaigns
        #[arg(required = true, num_args = 2.., value_name = "NAME")]
        names: Vec<String>,
    },
    /// List all campaigns
    #[command(visible_alias = "list")]
    Ls,
}

/// Runs the command.
pub async fn run(installation: &Installation, actor: &Actor, command: Command, lang: Lang) -> Result<Output> {
    match command {
        Command::Add { file } => Ok(added(&campaign::add(installation, actor, &Source::read(&file)?).await?, lang)),
        Command::New { name, list, template, language, from } => {
            let language = language.as_deref().map(str::parse).transpose()?.unwrap_or(lang);
            let (name, list, template, from) = (&*name, &*list, &*template, from.as_deref());
            let new = NewDraft { name, list, from, template, lang: language };
            Ok(added(&gallery::begin(installation, actor, &new).await?, lang))
        }
        Command::Templates => {
            let rows = gallery::list(installation, actor, lang).await?;
            let line = |row: &GalleryRow| format!("{:<14} {}", row.template, row.subject);
            Ok(Output::new(&rows, lang, rows.iter().map(line).collect::<Vec<_>>().join("\n")))
        }
        Command::Revisions { name } => campaign_draft::revisions(installation, actor, &name, lang).await,
        Command::Restore { name, revision } => {
            campaign_draft::restore(installation, actor, &name, revision, lang).await
        }
        Command::Edit { name, editor } => campaign_draft::edit(installation, actor, &name, &editor, lang).await,
        Command::Duplicate { name, new } => campaign_draft::duplicate(installation, actor, &name, &new, lang).await,
        Command::Rm { name } => campaign_draft::remove(installation, actor, &name, lang).await,
        Command::Compare { names } => comparison::run(installation, actor, &names, lang).await,
        Command::Preflight { name } => {
            let mut bar = PreflightBar::new(lang);
            let found = preflight::preflight(installation, actor, &name, bar.progress()).await;
            bar.finish();
            let found = found?;
            Ok(Output { failed: !found.ready, ..Output::new(&found, lang, preflight_text(&found, lang)) })
        }
        Command::Test { name, to, persona } => {
            let sent = campaign::test(installation, actor, &name, &to, persona.as_deref()).await?;
            let message = Message::new("test-sent").with("to", &sent.to).with("answer", &sent.answer);
            Ok(Output::new(&sent, lang, lang.translate(&message)))
        }
        Command::Schedule { name, at, zone } => {
            schedule::set(installation, actor, &name, at.as_deref(), zone.as_deref(), lang).await
        }
        Command::Start { name, skip_missing, until } => {
            let options = StartOptions { skip_missing, until, ..StartOptions::default() };
            let mut bar = PreflightBar::new(lang);
            let started = campaign::start(installation, actor, &name, &options, bar.progress()).await;
            bar.finish();
            let started = started?;
            Ok(Output::new(&started, lang, started_text(&started, lang)))
        }
        Command::Unschedule { name } => Ok(view(&times::unschedule(installation, actor, &name).await?, lang)),
        Command::Pause { name } => Ok(view(&campaign::pause(installation, actor, &name).await?, lang)),
        Command::Resume { name, until, refused } => {
            Ok(view(&campaign::resume(installation, actor, &name, until.as_deref(), refused).await?, lang))
        }
        Command::Recall { name } => schedule::recall(installation, actor, &name, lang).await,
        Command::Series { command } => series::run(installation, actor, command, lang).await,
        Command::Cancel { name } => Ok(view(&campaign::cancel(installation, actor, &name).await?, lang)),
        Command::Show { name, .. } => show(installation, actor, &name, lang).await,
        Command::Ls => {
            let rows = campaign::list(installation, actor).await?;
            let lines: Vec<_> = rows.iter().map(|row| line(&row.campaign, &row.summary, lang)).collect();
            let text = if lines.is_empty() { lang.tr("campaign-none") } else { lines.join("\n") };
            Ok(Output::new(&rows, lang, text))
        }
    }
}

/// A draft that was added or replaced.
fn added(added: &Added, lang: Lang) -> Output {
    let key = if added.state == State::Draft.as_str() { "campaign-added" } else { "campaign-replaced" };
    let message = Message::new(key).with("name", &added.name).with("list", &added.list);
    let message = message.with("at", added.at.map_or_else(|| "none".to_owned(), utc));
    let warnings = added.warnings.iter().map(|warning| format!("  ! {}", lang.translate(warning)));
    let lines: Vec<_> = warnings.chain([lang.translate(&message)]).collect();
    Output::new(added, lang, lines.join("\n"))
}

/// Shows the numbers, times and lanes of a campaign.
pub async fn show(installation: &Installation, actor: &Actor, name: &str, lang: Lang) -> Result<Output> {
    Ok(view(&campaign::show(installation, actor, name).await?, lang))
}

fn preflight_text(found: &PreflightView, lang: Lang) -> String {
    let recipients = Message::new("preflight-recipients").with("name", &found.name).with("count", found.recipients);
    let mut lines = vec![lang.translate(&recipients)];
    for (reason, count) in &found.excluded {
        lines.push(format!("  − {count}: {}", lang.tr(reason)));
    }
    for sample in &found.samples {
        lines.push(format!("\n  → {}  ({} B)\n    {}", sample.to, sample.bytes, sample.subject));
        let text = sample.text.lines().filter(|line| !line.trim().is_empty()).take(4);
        lines.extend(text.map(|line| format!("    │ {line}")));
    }
    lines.push(String::new());
    lines.push(format!("  {}", lang.translate(&Message::new("preflight-tracking").with("tracking", found.tracking))));
    lines.extend(found.warnings.iter().map(|message| format!("  ! {}", lang.translate(message))));
    lines.extend(found.problems.iter().map(|message| format!("  ✗ {}", lang.translate(message))));
    let verdict = if found.ready { "preflight-ready" } else { "preflight-not-ready" };
    lines.push(lang.translate(&Message::new(verdict).with("name", &found.name)));
    lines.join("\n")
}

fn started_text(started: &Started, lang: Lang) -> String {
    let campaign = &started.campaign;
    let Some(launched) = started.launched else { return view_text(campaign, lang) };
    let message = Message::new("campaign-started").with("name", &campaign.summary.name).with("count", launched);
    let lines: Vec<_> = [lang.translate(&message)].into_iter().chain(schedule::hold_line(campaign, lang)).collect();
    lines.join("\n")
}

fn view(campaign: &CampaignView, lang: Lang) -> Output {
    Output::new(campaign, lang, view_text(campaign, lang))
}

fn view_text(view: &CampaignView, lang: Lang) -> String {
    let mut lines = vec![line(&view.campaign, &view.summary, lang)];
    lines.extend(schedule::lines(view, lang));
    lines.push(numbers(view, lang));
    if !view.awaited.is_empty() {
        let message = Message::new("restore-awaited").with("machines", view.awaited.join(", "));
        lines.push(format!("  {}", lang.translate(&message)));
    }
    for (reason, count) in &view.skip_reasons {
        let message = Message::new("count-skip-reason").with("count", count);
        lines.push(format!("  {} {}", lang.translate(&message), lang.tr(reason)));
    }
    lines.extend(view.lane_status.iter().map(|lane| lane.line(view.now, lang)));
    lines.join("\n")
}

/// The numbers of a campaign, one a line, and its links.
fn numbers(view: &CampaignView, lang: Lang) -> String {
    let summary = &view.summary;
    let counts = [
        ("count-planned", summary.planned),
        ("count-accepted", summary.accepted),
        ("count-rejected", summary.rejected),
        ("count-uncertain", summary.uncertain),
        ("count-suppressed", summary.suppressed),
        ("count-skipped", summary.skipped),
        ("count-pending", summary.pending - summary.sending),
        ("count-sending", summary.sending),
    ];
    let measured = [
        ("count-opens", summary.opens),
        ("count-opens-total", summary.opens_total),
        ("count-clicks", summary.clicks),
        ("count-clicks-total", summary.clicks_total),
    ];
    let line = |(key, count): &(&'static str, i64)| format!("  {count:>10}  {}", lang.tr(key));
    let mut lines: Vec<String> = counts.iter().map(line).collect();
    match view.measured {
        true => lines.extend(measured.iter().map(line)),
        // What was not measured is not 0.
        false => lines.push(format!("  {:>10}  {}", "—", lang.tr("count-unmeasured"))),
    }
    lines.push(line(&("count-unsubscribed", summary.unsubscribed)));
    if summary.planned > 0 {
        lines.extend(view.rates.iter().filter(|rate| rate.known).map(|rate| format!("  {}", rate.line(lang))));
    }
    lines.extend(summary.notes().iter().map(|note| format!("  ! {}", lang.translate(note))));
    lines.extend(summary.links.iter().map(|link| format!("  {:>10}  → {}", link.clicks, link.destination)));
    lines.join("\n")
}

/// A campaign in one line: name, state with its reason, bar, numbers.
pub fn line(campaign: &Campaign, summary: &Summary, lang: Lang) -> String {
    let done = summary.planned - summary.pending;
    let bar = bar(done, summary.planned, 20);
    let reason =
        campaign.reason.as_deref().map(|reason| format!("\n  {}", lang.translate_packed(reason))).unwrap_or_default();
    let state = lang.tr(campaign.state.key());
    format!("{:<24} {state:<14} [{bar}] {done}/{}{reason}", campaign.name, summary.planned)
}

/// A progress bar as text.
pub fn bar(done: i64, all: i64, cells: usize) -> String {
    let share = if all == 0 { 0.0 } else { (done as f64 / all as f64).clamp(0.0, 1.0) };
    let filled = (share * cells as f64) as usize;
    format!("{}{}", "█".repeat(filled), "·".repeat(cells - filled))
}
