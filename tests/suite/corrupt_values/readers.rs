//! What reads rows: use cases, exports and what a mailer does by the clock, each called with panics caught.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use sendoff::campaign::{launch, preflight, recall, series};
use sendoff::infra::db::statement_trace::statements_of;
use sendoff::infra::id::Id;
use sendoff::infra::token::DeliveryRef;
use sendoff::report::export::table_writer::Format;
use sendoff::report::export::{self, Export, Kind};
use sendoff::report::slow_counts::SlowCounts;
use sendoff::report::stats;
use sendoff::usecase::session::{Attempt, Entered};
use sendoff::usecase::{
    Actor, account, brand, campaign as campaigns, campaign_preview, campaign_report, comparison, contact,
    contact_search, contact_view, desk, field, field_change, lane, list, machine, recipient, relay, segment,
    segment_preview, session, set_aside, setting, setup, team, uncertain, user, web_cache, workspace,
};

use crate::access::fixture::{ANNA, NO_BROWSER, PASSWORD};
use crate::fixture::Fixture;

/// Tables of the staff; other readers do not read them.
pub const STAFF_TABLES: [&str; 6] =
    ["known_client", "membership", "session", "setup_link", "staff_invitation", "staff_user"];

/// The rows that the readers ask for.
pub struct Rows {
    pub campaign: Id,
    pub contact: Id,
    /// The browser of Anna, who is signed in.
    pub anna: Entered,
    /// The link of an invitation to the workspace.
    pub invitation: String,
    /// The link by which a user chooses a password.
    pub password_link: String,
    pub statements: Statements,
}

/// The statements of each reader when it first ran, on rows that are not corrupt.
#[derive(Default)]
pub struct Statements(RefCell<BTreeMap<&'static str, String>>);

impl Statements {
    /// False when the reader is known not to name the table, so that no value of it can reach the reader.
    fn may_read(&self, reader: &str, table: &str) -> bool {
        self.0.borrow().get(reader).is_none_or(|texts| texts.is_empty() || texts.contains(table))
    }

    /// Runs a reader, and keeps its statements if this is the first time. True when it panics.
    async fn panics(&self, reader: &'static str, work: impl Future<Output = ()>) -> bool {
        let (output, statements) = statements_of(AssertUnwindSafe(work).catch_unwind()).await;
        self.0.borrow_mut().entry(reader).or_insert_with(|| statements.concat());
        output.is_err()
    }
}

macro_rules! read {
    ($statements:expr, $table:expr, $($name:expr => $reader:expr),+ $(,)?) => {
        $(if $statements.may_read($name, $table)
            && $statements.panics($name, async { drop($reader.await) }).await {
            return Some($name);
        })+
    };
}

impl Rows {
    /// Runs the readers of a table. Returns the first that panics.
    pub async fn first_panic(&self, fixture: &Fixture, table: &str) -> Option<&'static str> {
        match STAFF_TABLES.contains(&table) {
            true => Box::pin(self.staff(fixture, table)).await,
            false => Box::pin(self.people(fixture, table)).await,
        }
    }

    async fn people(&self, fixture: &Fixture, table: &str) -> Option<&'static str> {
        let (installation, actor, id) = (&fixture.installation, &fixture.actor, fixture.workspace.id);
        let (contact, campaign) = (self.contact, self.campaign);
        let delivery = DeliveryRef { campaign, delivery: 0 };
        let counts = SlowCounts::default();
        read!(
            self.statements,
            table,
            "overview" => desk::overview(installation, &Actor::desk(), &counts),
            "report" => campaign_report::read(installation, &Actor::desk(), campaign, None),
            "campaign list" => campaigns::list(installation, actor),
            "campaign show" => campaigns::show(installation, actor, "autumn"),
            "campaign file" => campaigns::show(installation, actor, "winter"),
            "campaign preview" => campaign_preview::read(installation, actor, campaign, Some(0)),
            "comparison" => comparison::compare(installation, actor, &["autumn".to_owned()]),
            "preflight" => preflight_of(fixture),
            "contact show" => contact::show(installation, actor, "person0@example.org"),
            "contact view" => contact_view::read(installation, actor, contact),
            "contact find" => contact_search::find(installation, actor, "person", 10),
            "stored data" => recipient::stored_data(installation, &Actor::recipient(), contact, delivery),
            "fields" => field::list(installation, actor),
            "field" => field_change::usage(installation, actor, "city"),
            "lists" => list::list(installation, actor),
            "lanes" => lane::list(installation, actor),
            "relays" => relay::list(installation, actor),
            "machines" => machine::list(installation, actor),
            "segments" => segment::list(installation, actor),
            "count" => segment::count(installation, actor, "all"),
            "preview" => segment_preview::preview(installation, actor, "reachable and city = \"Perm\""),
            "members" => segment_preview::members(installation, actor, "all", 0, 10),
            "explain" => segment::explain(installation, actor, "all", "person0@example.org"),
            "set aside" => set_aside::list(installation, actor),
            "settings" => setting::list(installation, actor),
            "uncertain" => uncertain::list(installation, actor, None),
            "brand" => brand::show(installation, actor),
            "workspaces" => workspace::list(installation, actor),
            "page settings" => web_cache::read_settings(installation),
            "launched" => web_cache::list_launched(installation),
            "running" => web_cache::list_new_running(installation, |_| false),
            "due" => launch::run_due(installation),
            "recall" => recall::skip_returned(installation),
            "health" => async { stats::read(&mut *installation.db.read().await?, installation).await },
            "series" => async { series::list(&mut *installation.db.read().await?, id).await },
        );
        for kind in Kind::ALL.iter().copied() {
            read!(self.statements, table, kind.as_str() => export(fixture, kind));
        }
        None
    }

    async fn staff(&self, fixture: &Fixture, table: &str) -> Option<&'static str> {
        let (installation, actor) = (&fixture.installation, &fixture.actor);
        let (visitor, at_account) = (Actor::visitor(), Actor::at_account(self.anna.user));
        let browser = sendoff::usecase::session::Browser { client: Some(self.anna.client.expose()), ..NO_BROWSER };
        let attempt = Attempt { email: ANNA, password: PASSWORD, code: "123456", browser };
        read!(
            self.statements,
            table,
            "users" => user::list(installation, actor),
            "sessions of a user" => user::sessions(installation, actor, ANNA),
            "team" => team::list(installation, actor),
            "invitation" => team::open_invitation(installation, &visitor, &self.invitation),
            "session" => session::find(installation, self.anna.session.expose()),
            "sessions" => session::list(installation, &at_account),
            "sign in" => session::sign_in(installation, &visitor, &attempt),
            "second factor" => account::begin_second_factor(installation, &at_account),
            "password link" => account::find_by_link(installation, &visitor, &self.password_link),
            "setup" => setup::is_done(installation),
            "setup link" => setup::is_valid(installation, &visitor, &self.password_link),
        );
        None
    }
}

async fn preflight_of(fixture: &Fixture) -> sendoff::infra::error::Result<()> {
    let mut conn = fixture.installation.db.read().await?;
    let draft = sendoff::campaign::model::find_by_name(&mut conn, fixture.workspace.id, "winter").await?;
    drop(conn);
    preflight::check(&fixture.installation, &draft, true, |_, _| {}).await.map(drop)
}

async fn export(fixture: &Fixture, kind: Kind) -> sendoff::infra::error::Result<()> {
    let path = fixture.installation.config.export_dir().join(kind.as_str());
    let wanted = Export::new(kind, Format::Ndjson, fixture.workspace.id);
    export::to_file(&fixture.installation, &wanted, &path, &mut |_, _| {}).await.map(drop)
}
