//! `sendoff campaign add | preflight | test | schedule | start | pause | resume | recall | cancel |
//! series | show | ls`

use std::io::Read;
use std::path::PathBuf;

use clap::Subcommand;
use serde_json::{Value, json};

use super::print::{Bar, Output, time};
use super::{lane, schedule, series};
use crate::audience::address::Address;
use crate::audience::{list, segment};
use crate::campaign::file::{self, File};
use crate::campaign::model::{self, Campaign, NewCampaign, State};
use crate::campaign::preflight::{self, Preflight};
use crate::campaign::{launch, test_message};
use crate::content::email::Format;
use crate::infra::clock::Millis;
use crate::infra::error::{Error, Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::mailer::{relay, relay_selection, test_send};
use crate::report::lanes;
use crate::report::summary::{self, Summary};
use crate::usecase::Actor;

/// What to do with campaigns.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Read a campaign file (.md or .html); a draft of the same name is replaced
    Add {
        /// The file
        file: PathBuf,
    },
    /// Make every letter without sending it: who, who not, five samples, what would go wrong
    Preflight {
        /// The campaign
        name: String,
    },
    /// Send the letter to one address, with links that measure nothing
    Test {
        /// The campaign
        name: String,
        /// Where to
        #[arg(long, value_name = "ADDRESS")]
        to: String,
        /// Fill the letter with this person's values
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
        /// Leave out the people for whom no letter can be made, and count them as skipped
        #[arg(long)]
        skip_missing: bool,
        /// From then on nothing leaves: 2026-12-01 12:00, in the file's zone
        #[arg(long, value_name = "TIME")]
        until: Option<String>,
    },
    /// Stand still; what is in flight ends
    Pause {
        /// The campaign
        name: String,
    },
    /// Go on
    Resume {
        /// The campaign
        name: String,
        /// Another latest time, or "never"
        #[arg(long, value_name = "TIME")]
        until: Option<String>,
    },
    /// Take back what has not left, with exact numbers
    Recall {
        /// The campaign
        name: String,
    },
    /// Stop for good; what was not sent is skipped
    Cancel {
        /// The campaign
        name: String,
    },
    /// Campaigns that come again and again
    Series {
        /// What to do
        #[command(subcommand)]
        command: series::Command,
    },
    /// Show the numbers
    Show {
        /// The campaign
        name: String,
        /// Keep showing how far it is, until it ends; Ctrl-C ends the showing alone
        #[arg(long)]
        watch: bool,
    },
    /// List all campaigns
    Ls,
}

/// Carries the command out.
pub async fn run(installation: &Installation, actor: &Actor, command: Command, lang: Lang) -> Result<Output> {
    match command {
        Command::Add { file } => add(installation, actor.workspace, &file, lang).await,
        Command::Preflight { name } => {
            let campaign = need(installation, actor.workspace, &name).await?;
            let sheet = check(installation, &campaign, false, lang).await?;
            Ok(Output {
                json: sheet_json(&sheet, lang),
                text: sheet_text(&campaign, &sheet, lang),
                failed: !sheet.problems.is_empty(),
            })
        }
        Command::Test { name, to, persona } => {
            test(installation, actor.workspace, &name, &to, persona.as_deref(), lang).await
        }
        Command::Schedule { name, at, zone } => {
            schedule::set(installation, actor.workspace, &name, at.as_deref(), zone.as_deref(), lang).await
        }
        Command::Start { name, skip_missing, until } => {
            let campaign = need(installation, actor.workspace, &name).await?;
            let until = schedule::until(&campaign, until.as_deref(), installation.clock.now())?;
            start(installation, actor.workspace, &name, &Allowed { skip_missing, until, ..Allowed::default() }, lang)
                .await
        }
        Command::Pause { name } => {
            let campaign = need(installation, actor.workspace, &name).await?;
            let mut tx = installation.db.write().await?;
            model::pause(&mut tx, &campaign, &Message::new("paused-by-hand").pack()).await?;
            tx.commit().await?;
            show(installation, actor.workspace, &name, lang).await
        }
        Command::Resume { name, until } => {
            schedule::resume(installation, actor.workspace, &name, until.as_deref()).await?;
            show(installation, actor.workspace, &name, lang).await
        }
        Command::Recall { name } => schedule::recall(installation, actor.workspace, &name, lang).await,
        Command::Series { command } => series::run(installation, actor, command, lang).await,
        Command::Cancel { name } => {
            let campaign = need(installation, actor.workspace, &name).await?;
            let mut tx = installation.db.write().await?;
            model::cancel(&mut tx, &campaign, installation.clock.now()).await?;
            tx.commit().await?;
            show(installation, actor.workspace, &name, lang).await
        }
        Command::Show { name, .. } => show(installation, actor.workspace, &name, lang).await,
        Command::Ls => ls(installation, actor.workspace, lang).await,
    }
}

/// A campaign by name.
pub async fn need(installation: &Installation, workspace: Id, name: &str) -> Result<Campaign> {
    model::find_by_name(&mut *installation.db.read().await?, workspace, name).await
}

/// Reads a campaign file and writes the draft.
pub async fn add(installation: &Installation, workspace: Id, path: &std::path::Path, lang: Lang) -> Result<Output> {
    let format = match path.extension().and_then(|ending| ending.to_str()).map(str::to_lowercase).as_deref() {
        Some("md" | "markdown") => Format::Md,
        Some("html" | "htm") => Format::Html,
        _ => return Err(Message::new("campaign-file-ending").invalid()),
    };
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(path).map_err(Error::io(path.display()))?;
    opened.take(file::LONGEST as u64 + 1).read_to_end(&mut bytes).map_err(Error::io(path.display()))?;
    if bytes.len() > file::LONGEST {
        return Err(Message::new("campaign-file-long").invalid());
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        Message::new("campaign-file-encoding").with("at", error.utf8_error().valid_up_to() + 1).invalid()
    })?;
    let file = File::parse(&text, format)?;
    let mut tx = installation.db.write().await?;
    let list = list::need(&mut tx, workspace, &file.list).await?;
    let segment = match &file.segment {
        Some(name) => Some(segment::need(&mut tx, workspace, name).await?.id),
        None => None,
    };
    let format = if format == Format::Html { "html" } else { "md" };
    let new =
        NewCampaign { id: installation.ids.next(), name: &file.name, format, source: &text, list: list.id, segment };
    let id = model::save_draft(&mut tx, workspace, &new, installation.clock.now()).await?;
    // The letter must compile before the draft is kept.
    let campaign = model::find(&mut tx, id).await?.ok_or_else(|| Message::new("campaign-gone").internal())?;
    let frozen = launch::current_content(&mut tx, &campaign).await?;
    let composer = crate::campaign::composer::Composer::compile(installation, frozen)?;
    tx.commit().await?;
    let at = schedule::begins(&file.schedule, installation.clock.now()).map(time);
    let message = Message::new("campaign-added").with("name", &file.name).with("list", &list.name);
    Ok(Output {
        json: json!({ "name": file.name, "state": "draft", "list": list.name, "segment": file.segment, "at": at,
                      "links": composer.letter().links().len() }),
        text: lang.translate(&message),
        failed: false,
    })
}

/// Makes every letter once, with a bar.
pub async fn check(installation: &Installation, campaign: &Campaign, local: bool, lang: Lang) -> Result<Preflight> {
    let mut bar: Option<Bar> = None;
    let sheet = preflight::check(installation, campaign, local, |done, total| {
        let bar = bar.get_or_insert_with(|| Bar::new(&lang.tr("bar-preflight"), total.unsigned_abs()));
        bar.set(done.unsigned_abs(), total.unsigned_abs());
    })
    .await;
    if let Some(bar) = bar {
        bar.finish();
    }
    sheet
}

fn sheet_json(sheet: &Preflight, lang: Lang) -> Value {
    let say = |messages: &[Message]| messages.iter().map(|message| lang.translate(message)).collect::<Vec<_>>();
    let samples = sheet.samples.iter().map(|sample| {
        json!({ "to": sample.to, "subject": sample.subject, "preheader": sample.preheader, "text": sample.text, "bytes": sample.bytes })
    });
    json!({
        "recipients": sheet.recipients,
        "excluded": sheet.excluded,
        "missing": sheet.missing,
        "largest_bytes": sheet.largest,
        "samples": samples.collect::<Vec<_>>(),
        "warnings": say(&sheet.warnings),
        "problems": say(&sheet.problems),
        "ready": sheet.problems.is_empty(),
    })
}

fn sheet_text(campaign: &Campaign, sheet: &Preflight, lang: Lang) -> String {
    let mut lines =
        vec![lang.translate(
            &Message::new("preflight-recipients").with("name", &campaign.name).with("count", sheet.recipients),
        )];
    for (reason, count) in &sheet.excluded {
        lines.push(format!("  − {count}: {}", lang.tr(reason)));
    }
    for sample in &sheet.samples {
        lines.push(format!("\n  → {}  ({} B)\n    {}", sample.to, sample.bytes, sample.subject));
        lines.extend(
            sample.text.lines().filter(|line| !line.trim().is_empty()).take(4).map(|line| format!("    │ {line}")),
        );
    }
    lines.push(String::new());
    lines.extend(sheet.warnings.iter().map(|message| format!("  ! {}", lang.translate(message))));
    lines.extend(sheet.problems.iter().map(|message| format!("  ✗ {}", lang.translate(message))));
    let verdict = if sheet.problems.is_empty() { "preflight-ready" } else { "preflight-not-ready" };
    lines.push(lang.translate(&Message::new(verdict).with("name", &campaign.name)));
    lines.join("\n")
}

async fn test(
    installation: &Installation,
    workspace: Id,
    name: &str,
    to: &str,
    persona: Option<&str>,
    lang: Lang,
) -> Result<Output> {
    let address = |text: &str| {
        Address::parse(text)
            .map_err(|fault| Message::new("address-wrong").with("why", lang.tr(fault.key())).invalid_field("to"))
    };
    let (to, persona) = (address(to)?, persona.map(address).transpose()?);
    let campaign = need(installation, workspace, name).await?;
    let letter = test_message::compose(installation, &campaign, &to, persona.as_ref()).await?;
    let relays = relay::list(installation, &mut *installation.db.read().await?, workspace).await?;
    let carriers = relay_selection::eligible_relays(&relays, letter.relay.as_deref(), &letter.from);
    let relay = carriers.first().map(|at| &relays[*at]).ok_or_else(|| Message::new("relay-for-others").conflict())?;
    let answer = test_send::send(installation, relay, &letter.sender, &to, &letter.bytes).await?;
    Ok(Output {
        json: json!({ "to": to.to_string(), "subject": letter.subject, "bytes": letter.bytes.len(), "answer": answer }),
        text: lang.translate(&Message::new("test-sent").with("to", &to).with("answer", answer)),
        failed: false,
    })
}

/// What a start may overlook, and until when it may last.
#[derive(Default)]
pub struct Allowed {
    /// Links that lead to this machine, as in the demo.
    pub local: bool,
    /// People for whom no letter can be made.
    pub skip_missing: bool,
    /// From then on nothing leaves; the file's own time without it.
    pub until: Option<Millis>,
}

/// Checks, freezes the audience and lets the campaign run.
pub async fn start(
    installation: &Installation,
    workspace: Id,
    name: &str,
    allowed: &Allowed,
    lang: Lang,
) -> Result<Output> {
    let mut campaign = need(installation, workspace, name).await?;
    campaign.until_at = allowed.until.or(campaign.until_at);
    if matches!(campaign.state, State::Draft | State::Scheduled) {
        refuse(&check(installation, &campaign, allowed.local, lang).await?, allowed, lang)?;
    }
    let Some(planned) = launch::start(installation, &campaign).await? else {
        return show(installation, workspace, name, lang).await;
    };
    let campaign = need(installation, workspace, name).await?;
    let summary = summary::read(&mut *installation.db.read().await?, &campaign).await?;
    let started = lang.translate(&Message::new("campaign-started").with("name", name).with("count", planned));
    let lines: Vec<_> =
        [started].into_iter().chain(schedule::held(&campaign, installation.clock.now(), lang)).collect();
    Ok(Output { json: facts(installation, &campaign, &summary, lang), text: lines.join("\n"), failed: false })
}

/// The problems of a sheet as one refusal.
pub fn refuse(sheet: &Preflight, allowed: &Allowed, lang: Lang) -> Result<()> {
    let overlooked = ["preflight-missing", "preflight-broken"];
    let problems: Vec<String> = sheet
        .problems
        .iter()
        .filter(|problem| !(allowed.skip_missing && overlooked.contains(&problem.key)))
        .map(|problem| lang.translate(problem))
        .collect();
    if problems.is_empty() {
        return Ok(());
    }
    Err(Message::new("preflight-refused").with("problems", problems.join(" ")).conflict())
}

/// The numbers of a campaign and its times.
pub async fn show(installation: &Installation, workspace: Id, name: &str, lang: Lang) -> Result<Output> {
    let mut conn = installation.db.read().await?;
    let campaign = model::find_by_name(&mut conn, workspace, name).await?;
    let summary = summary::read(&mut conn, &campaign).await?;
    let now = installation.clock.now();
    let waiting = lanes::waiting(&mut conn, &campaign, now).await?;
    let mut json = facts(installation, &campaign, &summary, lang);
    json["lanes"] = lane::waiting(&waiting, lang);
    let mut lines = vec![line(&campaign, &summary, lang)];
    lines.extend(schedule::lines(&campaign, now, lang));
    lines.push(numbers(&summary, lang));
    lines.extend(waiting.iter().map(|waiting| waiting.line(now, lang)));
    Ok(Output { json, text: lines.join("\n"), failed: false })
}

/// The numbers of a campaign and its times, for programs.
fn facts(installation: &Installation, campaign: &Campaign, summary: &Summary, lang: Lang) -> Value {
    let mut facts = schedule::json(campaign, installation.clock.now());
    facts.insert("reason".to_owned(), campaign.reason.as_deref().map(|reason| lang.translate_packed(reason)).into());
    facts.insert("launched_at".to_owned(), campaign.launched_at.map(time).into());
    facts.insert("finished_at".to_owned(), campaign.finished_at.map(time).into());
    facts.extend(json!(summary).as_object().cloned().unwrap_or_default());
    facts.into()
}

async fn ls(installation: &Installation, workspace: Id, lang: Lang) -> Result<Output> {
    let mut conn = installation.db.read().await?;
    let (mut rows, mut lines) = (Vec::new(), Vec::new());
    for campaign in model::list(&mut conn, workspace).await? {
        let summary = summary::read(&mut conn, &campaign).await?;
        rows.push(json!({ "name": campaign.name, "state": campaign.state.as_str(), "planned": summary.planned, "accepted": summary.accepted }));
        lines.push(line(&campaign, &summary, lang));
    }
    let text = if lines.is_empty() { lang.tr("campaign-none") } else { lines.join("\n") };
    Ok(Output { json: rows.into(), text, failed: false })
}

/// The numbers of a campaign, one a line, and its links.
fn numbers(summary: &Summary, lang: Lang) -> String {
    let counts = [
        ("count-planned", summary.planned),
        ("count-accepted", summary.accepted),
        ("count-rejected", summary.rejected),
        ("count-uncertain", summary.uncertain),
        ("count-suppressed", summary.suppressed),
        ("count-skipped", summary.skipped),
        ("count-pending", summary.pending),
        ("count-opens", summary.opens),
        ("count-clicks", summary.clicks),
        ("count-unsubscribed", summary.unsubscribed),
    ];
    let mut lines: Vec<String> = counts.iter().map(|(key, count)| format!("  {count:>10}  {}", lang.tr(key))).collect();
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

/// A bar of so many cells.
pub fn bar(done: i64, all: i64, cells: usize) -> String {
    let share = if all == 0 { 0.0 } else { (done as f64 / all as f64).clamp(0.0, 1.0) };
    let filled = (share * cells as f64) as usize;
    format!("{}{}", "█".repeat(filled), "·".repeat(cells - filled))
}
