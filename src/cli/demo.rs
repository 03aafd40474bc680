//! `sendoff demo`: an end-to-end demonstration on an installation of its own. It imports contacts from a file, saves a
//! segment, sends a campaign over SMTP, records opens and clicks, unsubscribes and erases one contact, and exports the
//! results. Every number it prints is read from the running system.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use rand::RngExt;
use serde_json::json;
use tokio::sync::watch;
use tokio::time::sleep;

use super::print::{self, Output};
use super::serve::Listeners;
use super::shutdown;
use crate::audience::consent::Basis;
use crate::audience::import::{Reading, Request as Import};
use crate::content::brand::BrandChange;
use crate::content::email::Format as EmailFormat;
use crate::infra::config::Config;
use crate::infra::error::{Error, Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::installation::Installation;
use crate::mailer::scheduler::{self, Mode};
use crate::mailer::transport::eml_store::EmlStore;
use crate::privacy::physical_erasure::BackgroundEraser;
use crate::report::export::{Format, Kind};
use crate::report::summary::Summary;
use crate::usecase::campaign::{self, Source, StartOptions};
use crate::usecase::received_message::ReceivedMessage;
use crate::usecase::{Actor, brand, export, field, import, list, segment, setting, setup, startup, trace_search};
use crate::web::state::WebState;
use crate::web::{client, router};

/// How often and how many times the demo looks whether the bytes of an erased contact are gone: ten seconds in all.
const ERASURE_INTERVAL: Duration = Duration::from_millis(50);
const ERASURE_LOOKS: u32 = 200;

/// How the demo ends.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Args {
    /// End after the last step instead of leaving the desk open
    #[arg(long)]
    once: bool,
}

const CONTACTS: &str = include_str!("../../examples/contacts.csv");
const AUTUMN: &str = include_str!("../../examples/autumn.md");

/// Of every hundred messages, how many are opened, and how many of those have a link clicked.
const OPENS_PERCENT: usize = 40;
const CLICKS_PERCENT: usize = 15;

/// What the demo did, as it is printed with `--json`.
#[derive(Debug, Default, serde::Serialize)]
struct DemoReport {
    imported: i64,
    rejected: i64,
    segment: i64,
    planned: i64,
    accepted: i64,
    opens: i64,
    clicks: i64,
    unsubscribed: i64,
    trace_hits: u64,
    /// The same under its older name.
    residue_hits: u64,
    reimport_refused: i64,
    exported_rows: u64,
    seconds: f64,
    /// The desk that stays open.
    #[serde(skip_serializing_if = "Option::is_none")]
    desk: Option<String>,
    /// The address that opens it signed in, once.
    #[serde(skip_serializing_if = "Option::is_none")]
    login_url: Option<String>,
}

/// Runs the demo. Without a data folder of its own it works in a temporary one, which is removed however the demo ends.
pub async fn run(args: Args, config: Option<Config>, lang: Lang, json: bool) -> Result<Output> {
    let stop = shutdown::signal();
    let files = TemporaryFolder::create()?;
    let open_key = if config.is_some() { "demo-open-kept" } else { "demo-open" };
    let config = config.unwrap_or_else(|| Config { data: files.0.join("data"), database: None });
    let began = Instant::now();
    let installation = startup::create(config).await?;
    let workspace = startup::require_unused(&installation).await?;
    let demo =
        Demo { installation: &installation, files: &files.0, actor: Actor::operator(workspace), lang, quiet: json };
    let listeners = Listeners::bind(([127, 0, 0, 1], 0).into(), ([127, 0, 0, 1], 0).into()).await?;
    let (public, desk) = listeners.addresses()?;
    let (end, ended) = watch::channel(false);
    let eraser = BackgroundEraser::start(installation.clone());
    let web = WebState::open(installation.clone(), eraser.notifier()).await?;
    let served = router::serve(web.clone(), listeners.public, listeners.desk, shutdown::requested(ended));
    let pages = tokio::spawn(served);

    let outcome = tokio::select! {
        outcome = demo.run(&web, public, (!args.once).then_some(desk)) => outcome,
        () = shutdown::requested(stop.clone()) => Err(Message::new("demo-stopped").unavailable()),
    };
    let login_url = outcome.as_ref().ok().and_then(|report| report.login_url.clone()).unwrap_or_default();
    let outcome = outcome.map(|mut report| {
        report.seconds = (began.elapsed().as_secs_f64() * 1_000.0).round() / 1_000.0;
        let text = lang.translate(&Message::new("demo-done").with("seconds", report.seconds));
        Output { json: json!(report), text, failed: report.trace_hits > 0 }
    });
    if let (Ok(output), false) = (&outcome, args.once) {
        print::output(output, json);
        let data = installation.config.data.display();
        demo.say(Message::new(open_key).with("desk", desk).with("url", login_url).with("data", data));
        shutdown::requested(stop).await;
    }
    let _ = end.send(true);
    let _ = pages.await;
    eraser.stop().await;
    installation.db.close().await;
    if args.once { outcome } else { outcome.map(|_| Output::default()) }
}

/// Runs the steps of the demo and prints what each did.
struct Demo<'a> {
    installation: &'a Installation,
    /// Holds the example files while the demo runs.
    files: &'a Path,
    actor: Actor,
    lang: Lang,
    quiet: bool,
}

impl Demo<'_> {
    async fn run(&self, web: &WebState, public: SocketAddr, desk: Option<SocketAddr>) -> Result<DemoReport> {
        let mut report = DemoReport::default();
        let contacts = self.files.join("contacts.csv");
        fs::write(&contacts, CONTACTS).map_err(Error::io(contacts.display()))?;
        self.prepare(&format!("http://{public}")).await?;
        self.import(&contacts, &mut report).await?;
        self.save_segment(&mut report).await?;
        self.send(&mut report).await?;
        let message = self.open_and_click(web).await?;
        self.unsubscribe(&message, &contacts, &mut report).await?;
        self.export(&mut report).await?;
        if let Some(desk) = desk {
            let token = setup::demo_link(self.installation, &self.actor, Some(self.lang)).await?;
            report.login_url = Some(format!("http://{desk}/enter/{}", token.expose()));
            report.desk = Some(format!("http://{desk}"));
        }
        Ok(report)
    }

    async fn prepare(&self, public_url: &str) -> Result<()> {
        let (installation, actor) = (self.installation, &self.actor);
        for (name, kind) in [
            ("first_name", "text"),
            ("last_name", "text"),
            ("city", "text"),
            ("age", "number"),
            ("birthday", "date"),
            ("vip", "flag"),
        ] {
            field::add(installation, actor, name, kind).await?;
        }
        list::add(installation, actor, "News").await?;
        setting::set(installation, actor, "public-url", public_url).await?;
        setting::set(installation, actor, "language", Lang::RU.as_str()).await?;
        let change = BrandChange {
            name: Some("Магазин «Осень»".to_owned()),
            address: Some("420111, Казань, ул. Баумана, 1".to_owned()),
            color: Some("#b4532a".to_owned()),
            logo: None,
        };
        brand::set(installation, actor, &change).await.map(drop)
    }

    async fn import(&self, file: &Path, report: &mut DemoReport) -> Result<()> {
        let imported = import::run(self.installation, &self.actor, &request(file), self.lang, &mut |_| {}).await?.0;
        report.imported = imported.new + imported.updated;
        report.rejected = imported.duplicates + imported.invalid_total();
        self.say(Message::new("demo-imported").with("count", report.imported).with("rejected", report.rejected));
        Ok(())
    }

    async fn save_segment(&self, report: &mut DemoReport) -> Result<()> {
        let expression = r#"age >= 18 and city in ("Москва", "Казань", "Санкт-Петербург") and on("News")"#;
        segment::save(self.installation, &self.actor, "adults", expression, false, |_, _| {}).await?;
        report.segment = segment::count(self.installation, &self.actor, "adults").await?.count;
        self.say(Message::new("demo-segment").with("expression", expression).with("count", report.segment));
        Ok(())
    }

    async fn send(&self, report: &mut DemoReport) -> Result<()> {
        let source = Source { text: AUTUMN.to_owned(), format: EmailFormat::Md };
        campaign::add(self.installation, &self.actor, &source).await?;
        let options = StartOptions { local: true, ..StartOptions::default() };
        campaign::start(self.installation, &self.actor, "autumn", &options, |_, _| {}).await?;
        let (_keep, stop) = watch::channel(false);
        scheduler::run(self.installation, Mode::UntilIdle, Arc::new(|| true), stop).await?;
        let summary = self.summary().await?;
        (report.planned, report.accepted) = (summary.planned, summary.accepted);
        self.say(Message::new("demo-sent").with("planned", report.planned).with("accepted", report.accepted));
        Ok(())
    }

    /// Loads the pixel of some messages and follows a link of some of those. Returns the first message.
    async fn open_and_click(&self, web: &WebState) -> Result<ReceivedMessage> {
        let store = EmlStore::of_capture(self.installation);
        let mut first = None;
        for (index, entry) in store.list(usize::MAX)?.iter().enumerate() {
            let message = ReceivedMessage::parse(&store.read(&entry.file)?).ok_or_else(malformed)?;
            let percent = index % 100;
            if percent < OPENS_PERCENT {
                client::get(&message.pixel().ok_or_else(malformed)?).await?;
            }
            if percent < CLICKS_PERCENT {
                client::get(message.links().first().ok_or_else(malformed)?).await?;
            }
            first.get_or_insert(message);
        }
        web.recorder.flush().await;
        let summary = self.summary().await?;
        self.say(Message::new("demo-answered").with("opens", summary.opens).with("clicks", summary.clicks));
        first.ok_or_else(malformed)
    }

    /// Unsubscribes the recipient as a mail client would (RFC 8058), searches for traces, and shows that the same file
    /// does not bring the address back.
    async fn unsubscribe(&self, message: &ReceivedMessage, file: &Path, report: &mut DemoReport) -> Result<()> {
        client::post(&message.one_click().ok_or_else(malformed)?, client::ONE_CLICK).await?;
        // The eraser of the demo works in the background.
        for _ in 0..ERASURE_LOOKS {
            if trace_search::clean(self.installation, &self.actor).await?.is_none() {
                break;
            }
            sleep(ERASURE_INTERVAL).await;
        }
        let searched = trace_search::search(self.installation, &self.actor, &message.to, |_, _| {}).await?;
        (report.trace_hits, report.residue_hits) = (searched.report.hits, searched.report.hits);
        self.say(Message::new("demo-left").with("address", &searched.address).with("hits", report.trace_hits));
        let again = import::run(self.installation, &self.actor, &request(file), self.lang, &mut |_| {}).await?.0;
        report.reimport_refused = again.tombstoned;
        self.say(Message::new("demo-refused").with("count", report.reimport_refused));
        Ok(())
    }

    async fn export(&self, report: &mut DemoReport) -> Result<()> {
        let summary = self.summary().await?;
        (report.opens, report.clicks, report.unsubscribed) = (summary.opens, summary.clicks, summary.unsubscribed);
        let file = self.installation.config.export_dir().join("deliveries.csv");
        let request = export::Request {
            kind: Kind::Deliveries,
            format: Format::Csv,
            excel: None,
            campaign: None,
            since: None,
            file: Some(file.clone()),
        };
        report.exported_rows = export::run(self.installation, &self.actor, &request, &mut |_, _| {}).await?.rows;
        self.say(Message::new("demo-exported").with("rows", report.exported_rows).with("file", file.display()));
        Ok(())
    }

    async fn summary(&self) -> Result<Summary> {
        Ok(campaign::show(self.installation, &self.actor, "autumn").await?.summary)
    }

    fn say(&self, message: Message) {
        if !self.quiet {
            print::line(&self.lang.translate(&message));
        }
    }
}

fn request(file: &Path) -> Import {
    Import {
        id: None,
        path: file.to_owned(),
        list: "News".to_owned(),
        source: "checkout form of shop.example".to_owned(),
        basis: Basis::Consent,
        proof: "export of form answers, file 17".to_owned(),
        date: "2026-10-01".to_owned(),
        map: Vec::new(),
        encoding: None,
        reading: Reading::default(),
        dry_run: false,
        rejects: None,
    }
}

fn malformed() -> Error {
    Message::new("demo-message").internal()
}

/// A folder that is removed when the demo ends.
struct TemporaryFolder(PathBuf);

impl TemporaryFolder {
    fn create() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("sendoff-demo-{:016x}", rand::rng().random::<u64>()));
        fs::create_dir(&path).map_err(Error::io(path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
