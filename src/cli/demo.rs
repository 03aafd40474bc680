//! `sendoff demo`: the whole river on an installation of its own. People come in from a file, a
//! segment is cut, a campaign goes out over SMTP, opens and clicks come back, one person leaves and
//! is gone, and the numbers are exported. Everything it reports is read from the running system.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use rand::RngExt;
use serde_json::json;
use tokio::sync::watch;

use super::campaign;
use super::print::{self, Output};
use super::serve::{Doors, asked, stop_signal};
use crate::audience::address::Address;
use crate::audience::consent::Basis;
use crate::audience::field::{self, Field};
use crate::audience::import;
use crate::audience::workspace::Workspace;
use crate::audience::{list, segment, workspace};
use crate::campaign::model;
use crate::content::brand;
use crate::infra::clock::Clock;
use crate::infra::config::Config;
use crate::infra::error::{Error, Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::installation::Installation;
use crate::infra::setting::{self, Setting};
use crate::mailer::scheduler::{self, Mode};
use crate::mailer::transport::eml_store::EmlStore;
use crate::privacy::physical_erasure::{self, BackgroundEraser};
use crate::privacy::trace_search;
use crate::report::export::{self, Export};
use crate::report::summary;
use crate::usecase::received_message::ReceivedMessage;
use crate::web::state::WebState;
use crate::web::{client, router};

/// How the demo ends.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Args {
    /// End after the last step instead of leaving the desk open
    #[arg(long)]
    once: bool,
}

const CONTACTS: &str = include_str!("../../examples/contacts.csv");
const AUTUMN: &str = include_str!("../../examples/autumn.md");

/// People who open, and of those the ones who click, among every hundred letters.
const OPENERS: usize = 40;
const CLICKERS: usize = 15;

/// What the demo did, as it is printed with `--json`.
#[derive(Debug, Default, serde::Serialize)]
struct Story {
    imported: i64,
    rejected: i64,
    segment: i64,
    planned: i64,
    accepted: i64,
    opens: i64,
    clicks: i64,
    unsubscribed: i64,
    residue_hits: u64,
    reimport_refused: i64,
    exported_rows: u64,
    seconds: f64,
}

/// Carries the command out. Without a data folder of its own it works in a temporary one, which goes
/// however the demo ends.
pub async fn run(args: Args, config: Option<Config>, lang: Lang, json: bool) -> Result<Output> {
    let stop = stop_signal();
    let files = Temporary::make()?;
    let open = if config.is_some() { "demo-open-kept" } else { "demo-open" };
    let config = config.unwrap_or_else(|| Config { data: files.0.join("data"), database: None });
    let began = Instant::now();
    let installation = Installation::open(config, Clock::system()).await?;
    if list::is_any(&mut *installation.db.read().await?).await? {
        return Err(Message::new("demo-used").with("data", installation.config.data.display()).conflict());
    }
    let workspace = workspace::ensure(&installation, "main").await?;
    let guide = Guide { installation: &installation, files: &files.0, workspace, lang, quiet: json };
    let doors = Doors::open(([127, 0, 0, 1], 0).into(), ([127, 0, 0, 1], 0).into()).await?;
    let (public, desk) = doors.addresses()?;
    let (halt, halted) = watch::channel(false);
    let eraser = BackgroundEraser::start(installation.clone());
    let app = WebState::open(installation.clone(), eraser.notifier()).await?;
    let pages = tokio::spawn(router::serve(app.clone(), doors.public, doors.desk, asked(halted)));

    let told = tokio::select! {
        told = guide.tell(&app, public) => told,
        () = asked(stop.clone()) => Err(Message::new("demo-stopped").unavailable()),
    };
    let told = told.map(|mut story| {
        story.seconds = (began.elapsed().as_secs_f64() * 1_000.0).round() / 1_000.0;
        Output { json: json!(story), text: guide.ending(&story), failed: story.residue_hits > 0 }
    });
    if let (Ok(report), false) = (&told, args.once) {
        print::output(report, json);
        guide.say(Message::new(open).with("desk", desk).with("data", installation.config.data.display()));
        asked(stop).await;
    }
    let _ = halt.send(true);
    let _ = pages.await;
    drop(eraser);
    installation.db.close().await;
    if args.once { told } else { told.map(|_| Output::default()) }
}

/// Leads through the river and says what happens.
struct Guide<'a> {
    installation: &'a Installation,
    /// Where the example files are put for as long as the demo runs.
    files: &'a Path,
    workspace: Workspace,
    lang: Lang,
    quiet: bool,
}

impl Guide<'_> {
    async fn tell(&self, app: &WebState, public: SocketAddr) -> Result<Story> {
        let mut story = Story::default();
        let file = self.files.join("contacts.csv");
        fs::write(&file, CONTACTS).map_err(Error::io(file.display()))?;
        self.prepare(&url(public)).await?;
        self.import(&file, &mut story).await?;
        self.cut(&mut story).await?;
        self.send(&mut story).await?;
        let leaver = self.answer(app).await?;
        self.leave(&leaver, &file, &mut story).await?;
        self.count(&mut story).await?;
        Ok(story)
    }

    async fn prepare(&self, public: &str) -> Result<()> {
        for (name, kind) in [
            ("first_name", "text"),
            ("last_name", "text"),
            ("city", "text"),
            ("age", "number"),
            ("birthday", "date"),
            ("vip", "flag"),
        ] {
            field::add(self.installation, self.workspace.id, &Field::declare(name, kind)?).await?;
        }
        list::add(self.installation, self.workspace.id, "News").await?;
        let mut tx = self.installation.db.write().await?;
        setting::set(&mut tx, Setting::PublicUrl, public).await?;
        setting::set(&mut tx, Setting::Language, "ru").await?;
        let change = brand::BrandChange {
            name: Some("Магазин «Осень»".to_owned()),
            address: Some("420111, Казань, ул. Баумана, 1".to_owned()),
            color: Some("#b4532a".to_owned()),
            logo: None,
        };
        brand::set(&mut tx, self.workspace.id, &change).await?;
        tx.commit().await
    }

    async fn import(&self, file: &Path, story: &mut Story) -> Result<()> {
        let outcome =
            import::run(self.installation, self.workspace.id, &self.request(file), self.lang, &mut |_| {}).await?;
        story.imported = outcome.new + outcome.updated;
        story.rejected = outcome.duplicates + outcome.invalid.values().sum::<i64>();
        self.say(Message::new("demo-imported").with("count", story.imported).with("rejected", story.rejected));
        Ok(())
    }

    fn request(&self, file: &Path) -> import::Request {
        import::Request {
            path: file.to_owned(),
            list: "News".to_owned(),
            source: "checkout form of shop.example".to_owned(),
            basis: Basis::Consent,
            proof: "export of form answers, file 17".to_owned(),
            date: "2026-10-01".to_owned(),
            map: Vec::new(),
            encoding: None,
            dry_run: false,
            rejects: None,
        }
    }

    async fn cut(&self, story: &mut Story) -> Result<()> {
        let expression = r#"age >= 18 and city in ("Москва", "Казань", "Санкт-Петербург") and on("News")"#;
        segment::save(self.installation, self.workspace.id, "adults", expression).await?;
        story.segment = segment::count(self.installation, self.workspace.id, "adults").await?;
        self.say(Message::new("demo-segment").with("expression", expression).with("count", story.segment));
        Ok(())
    }

    async fn send(&self, story: &mut Story) -> Result<()> {
        let file = self.files.join("autumn.md");
        fs::write(&file, AUTUMN).map_err(Error::io(file.display()))?;
        campaign::add(self.installation, self.workspace.id, &file, self.lang).await?;
        let allowed = campaign::Allowed { local: true, ..campaign::Allowed::default() };
        campaign::start(self.installation, self.workspace.id, "autumn", &allowed, self.lang).await?;
        let (_keep, stop) = watch::channel(false);
        scheduler::run(self.installation, Mode::UntilIdle, Arc::new(|| true), stop).await?;
        let summary = self.summary().await?;
        (story.planned, story.accepted) = (summary.planned, summary.accepted);
        self.say(Message::new("demo-sent").with("planned", story.planned).with("accepted", story.accepted));
        Ok(())
    }

    /// Some recipients load the pixel, some of them follow a link. Returns the letter of one who is
    /// about to leave.
    async fn answer(&self, app: &WebState) -> Result<ReceivedMessage> {
        let folder = EmlStore::of_capture(self.installation);
        let mut leaver = None;
        for (index, entry) in folder.list(usize::MAX)?.iter().enumerate() {
            let letter = ReceivedMessage::parse(&folder.read(&entry.file)?).ok_or_else(odd)?;
            let turn = index % 100;
            if turn < OPENERS {
                client::get(&letter.pixel().ok_or_else(odd)?).await?;
            }
            if turn < CLICKERS {
                client::get(letter.links().first().ok_or_else(odd)?).await?;
            }
            leaver.get_or_insert(letter);
        }
        app.recorder.flush().await;
        let summary = self.summary().await?;
        self.say(Message::new("demo-answered").with("opens", summary.opens).with("clicks", summary.clicks));
        leaver.ok_or_else(odd)
    }

    /// One person leaves as their mail program would, and is gone; the same file does not bring them back.
    async fn leave(&self, leaver: &ReceivedMessage, file: &Path, story: &mut Story) -> Result<()> {
        let address = Address::parse(&leaver.to).map_err(|_| odd())?;
        client::post(&leaver.one_click().ok_or_else(odd)?, client::ONE_CLICK).await?;
        physical_erasure::run(self.installation).await?;
        story.residue_hits = trace_search::search(self.installation, &leaver.to, &address, |_, _| {}).await?.hits;
        self.say(Message::new("demo-left").with("address", &address).with("hits", story.residue_hits));
        let again =
            import::run(self.installation, self.workspace.id, &self.request(file), self.lang, &mut |_| {}).await?;
        story.reimport_refused = again.tombstoned;
        self.say(Message::new("demo-refused").with("count", story.reimport_refused));
        Ok(())
    }

    async fn count(&self, story: &mut Story) -> Result<()> {
        let summary = self.summary().await?;
        (story.opens, story.clicks, story.unsubscribed) = (summary.opens, summary.clicks, summary.unsubscribed);
        let out = self.installation.config.export_dir().join("deliveries.csv");
        let order = Export {
            kind: export::Kind::Deliveries,
            format: export::Format::Csv,
            workspace: self.workspace.id,
            campaign: None,
        };
        story.exported_rows = export::to_file(&self.installation.db, &order, &out, &mut |_, _| {}).await?;
        self.say(Message::new("demo-exported").with("rows", story.exported_rows).with("file", out.display()));
        Ok(())
    }

    async fn summary(&self) -> Result<summary::Summary> {
        let mut conn = self.installation.db.read().await?;
        let campaign = model::find_by_name(&mut conn, self.workspace.id, "autumn").await?;
        summary::read(&mut conn, &campaign).await
    }

    fn say(&self, message: Message) {
        if !self.quiet {
            print::line(&self.lang.translate(&message));
        }
    }

    fn ending(&self, story: &Story) -> String {
        self.lang.translate(&Message::new("demo-done").with("seconds", story.seconds))
    }
}

fn url(address: SocketAddr) -> String {
    format!("http://{address}")
}

fn odd() -> Error {
    Message::new("demo-letter").internal()
}

/// A folder that goes when the demo ends.
struct Temporary(PathBuf);

impl Temporary {
    fn make() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("sendoff-demo-{:016x}", rand::rng().random::<u64>()));
        fs::create_dir(&path).map_err(Error::io(path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
