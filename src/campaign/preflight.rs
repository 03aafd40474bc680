//! What a marketer looks at before "start": how many people, who is left out and why, five letters
//! as they will be, and everything that would go wrong. Every letter is looked at, so that a missing
//! value is found with the number of people it concerns; only what its compiled form cannot tell is
//! made and thrown away.

use std::collections::BTreeMap;
use std::net::ToSocketAddrs;
use std::time::Duration;

use sqlx::Row;
use url::{Host, Url};

use super::composer::Composer;
use super::delivery::Recipient;
use super::launch;
use super::model::Campaign;
use super::recipient_time;
use crate::audience::address::Address;
use crate::audience::eligibility;
use crate::audience::segment::Expression;
use crate::audience::subscription;
use crate::content::lint;
use crate::content::mime::message::RenderedEmail;
use crate::infra::db::{Conn, Db, Sql};
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;

/// The sheet.
#[derive(Debug, Default)]
pub struct Preflight {
    /// People who will be written to.
    pub recipients: i64,
    /// People on the list who will not, by catalogue key of the reason.
    pub excluded: BTreeMap<&'static str, i64>,
    /// Up to five letters as they will be.
    pub samples: Vec<Sample>,
    /// The letter with the most HTML, for a closer look.
    pub heaviest: Option<RenderedEmail>,
    /// Bytes of the largest message.
    pub largest: usize,
    /// Fields that some letter prints and some people lack, with the number of people.
    pub missing: BTreeMap<String, i64>,
    /// People for whom no letter can be made, by packed reason.
    pub broken: BTreeMap<String, i64>,
    /// What is worth a look.
    pub warnings: Vec<Message>,
    /// What must be mended first.
    pub problems: Vec<Message>,
}

/// One letter as it will be.
#[derive(Debug)]
pub struct Sample {
    /// To whom, masked.
    pub to: String,
    /// Its subject.
    pub subject: String,
    /// Its preheader.
    pub preheader: String,
    /// Its text part.
    pub text: String,
    /// Its size in bytes, all parts and headers.
    pub bytes: usize,
}

const SAMPLES: usize = 5;
const PAGE: i64 = 2_000;

/// Looks at every letter of the campaign and says what would happen. `progress` hears how many of the
/// recipients are done. With `local`, links to this machine are in order, as in the demo.
pub async fn check(
    installation: &Installation,
    campaign: &Campaign,
    local: bool,
    mut progress: impl FnMut(i64, i64),
) -> Result<Preflight> {
    let (frozen, condition) = {
        let mut conn = installation.db.read().await?;
        (launch::current_content(&mut conn, campaign).await?, launch::condition(&mut conn, campaign).await?)
    };
    let composer = Composer::compile(installation, frozen)?;
    let mut sheet =
        Preflight { recipients: count(installation, campaign, condition.as_ref()).await?, ..Preflight::default() };
    exclusions(&mut *installation.db.read().await?, campaign, &mut sheet).await?;
    let now = installation.clock.now();
    recipient_time::examine(
        &mut *installation.db.read().await?,
        &installation.db,
        campaign,
        condition.as_ref(),
        now,
        &mut sheet,
    )
    .await?;
    reach(&composer.frozen().frame.public_url, local, &mut sheet).await;
    let mut scratch = Vec::new();
    let (mut done, stride) = (0, (sheet.recipients / SAMPLES as i64).max(1));
    let mut people = page(installation, campaign, condition.as_ref(), 0).await?;
    while let Some((last, _)) = people.last() {
        let last = *last;
        let look_at_all = async {
            tokio::task::block_in_place(|| {
                for (_, person) in &people {
                    look(&composer, person, done % stride == 0, &mut scratch, &mut sheet);
                    done += 1;
                }
            });
        };
        // The database looks up the next page meanwhile.
        let (next, ()) = tokio::join!(page(installation, campaign, condition.as_ref(), last), look_at_all);
        progress(done, sheet.recipients);
        people = next?;
    }
    judge(campaign, &composer, &mut sheet);
    Ok(sheet)
}

/// Looks at one letter, and makes it where it is one to show: a sample, or the heaviest so far. Its
/// tokens name no delivery: every door they open is inert.
fn look(composer: &Composer, person: &Recipient, keep: bool, scratch: &mut Vec<u8>, sheet: &mut Preflight) {
    let Ok(address) = Address::parse(&person.address) else {
        return sheet.leave_out(&Message::new("skipped-address"));
    };
    let keep = keep && sheet.samples.len() < SAMPLES;
    let weight = composer.weigh(person, scratch);
    if let Some(weight) = weight.filter(|weight| !keep && !sheet.is_heaviest(weight.html)) {
        return sheet.lack(weight.missing);
    }
    let rendered = match composer.sketch(person) {
        Ok(rendered) => rendered,
        Err(reason) => return sheet.leave_out(&reason),
    };
    sheet.lack(rendered.missing.iter().cloned());
    let bytes = || composer.write(person, &address, &rendered, 0).len();
    if keep {
        sheet.samples.push(Sample {
            to: address.to_string(),
            subject: rendered.subject.to_string(),
            preheader: rendered.preheader.to_string(),
            text: rendered.text.clone(),
            bytes: bytes(),
        });
    }
    if sheet.is_heaviest(rendered.html.len()) {
        sheet.largest = bytes();
        sheet.heaviest = Some(rendered);
    }
}

impl Preflight {
    fn leave_out(&mut self, reason: &Message) {
        *self.broken.entry(reason.pack()).or_default() += 1;
    }

    fn lack(&mut self, fields: impl IntoIterator<Item = String>) {
        for field in fields {
            *self.missing.entry(field).or_default() += 1;
        }
    }

    fn is_heaviest(&self, html: usize) -> bool {
        self.heaviest.as_ref().is_none_or(|heaviest| heaviest.html.len() < html)
    }
}

async fn count(installation: &Installation, campaign: &Campaign, condition: Option<&Expression>) -> Result<i64> {
    let mut sql = Sql::new("select count(*) from subscription s join contact c on c.id = s.contact_id where ");
    audience(&mut sql, &installation.db, campaign, condition, installation.clock.now());
    let row = sql.first(&mut *installation.db.read().await?).await?;
    Ok(row.map_or(0, |row| row.get(0)))
}

async fn page(
    installation: &Installation,
    campaign: &Campaign,
    condition: Option<&Expression>,
    after: Id,
) -> Result<Vec<(Id, Recipient)>> {
    // The key of the subscription, by which its index is ordered: each page begins where the last one ended.
    let mut sql = Sql::new(
        "select c.id, c.address, c.fields from subscription s join contact c on c.id = s.contact_id where s.contact_id > ",
    );
    sql.bind(after).push(" and ");
    audience(&mut sql, &installation.db, campaign, condition, installation.clock.now());
    sql.push(" order by s.contact_id limit ").bind(PAGE);
    let rows: Vec<(Id, String, String)> =
        sql.gathered(&mut *installation.db.read().await?, "id, address, fields").await?;
    let person = |(id, address, fields)| (id, Recipient { delivery: 0, address, fields });
    Ok(rows.into_iter().map(person).collect())
}

/// Appends the condition that subscription `s` and contact `c` are of the campaign's audience.
pub fn audience(sql: &mut Sql, db: &Db, campaign: &Campaign, condition: Option<&Expression>, now: i64) {
    sql.push("s.list_id = ")
        .bind(campaign.list)
        .push(" and ")
        .push(&eligibility::mailable("s"))
        .push(" and c.workspace_id = ")
        .bind(campaign.workspace);
    if let Some(condition) = condition {
        sql.push(" and (");
        condition.compile(sql, db, now);
        sql.push(")");
    }
}

async fn exclusions(conn: &mut Conn, campaign: &Campaign, sheet: &mut Preflight) -> Result<()> {
    let mut outside = -sheet.recipients;
    for (state, count) in subscription::count(conn, campaign.list).await? {
        match state {
            subscription::State::Confirmed => outside += count,
            subscription::State::Pending => drop(sheet.excluded.insert("excluded-pending", count)),
            subscription::State::Restricted => drop(sheet.excluded.insert("excluded-restricted", count)),
        }
    }
    if outside > 0 {
        sheet.excluded.insert("excluded-segment", outside);
    }
    Ok(())
}

/// Links must lead somewhere from the recipient's side.
async fn reach(public_url: &str, local: bool, sheet: &mut Preflight) {
    let Ok(url) = Url::parse(public_url) else {
        return sheet.problems.push(Message::new("preflight-url").with("url", public_url));
    };
    if local {
        return;
    }
    match url.host() {
        Some(Host::Domain(name)) if name == "localhost" || name.ends_with(".localhost") => {
            sheet.problems.push(Message::new("preflight-localhost").with("url", public_url));
        }
        Some(Host::Ipv4(ip)) if ip.is_loopback() || ip.is_private() => {
            sheet.warnings.push(Message::new("preflight-private").with("url", public_url));
        }
        Some(Host::Ipv6(ip)) if ip.is_loopback() => {
            sheet.warnings.push(Message::new("preflight-private").with("url", public_url));
        }
        _ => {
            let port = url.port_or_known_default().unwrap_or(443);
            let host = url.host_str().unwrap_or_default().to_owned();
            let connect = tokio::task::spawn_blocking(move || {
                let mut addresses = (host.as_str(), port).to_socket_addrs()?;
                let first = addresses.next().ok_or(std::io::ErrorKind::NotFound)?;
                std::net::TcpStream::connect_timeout(&first, Duration::from_secs(2))
            });
            let answer = tokio::time::timeout(Duration::from_secs(4), connect).await;
            if !matches!(answer, Ok(Ok(Ok(_)))) {
                sheet.warnings.push(Message::new("preflight-unreachable").with("url", public_url));
            }
        }
    }
}

fn judge(campaign: &Campaign, composer: &Composer, sheet: &mut Preflight) {
    if sheet.recipients == 0 {
        sheet.problems.push(Message::new("preflight-empty").with("name", &campaign.name));
    }
    for (field, people) in &sheet.missing {
        sheet.problems.push(Message::new("preflight-missing").with("field", field).with("count", people));
    }
    for (reason, people) in &sheet.broken {
        sheet.problems.push(Message::new("preflight-broken").with("reason", reason).with("count", people));
    }
    if !composer.letter().is_pre_encoded() {
        sheet.warnings.push(Message::new("preflight-irregular"));
    }
    if let Some(heaviest) = &sheet.heaviest {
        sheet.warnings.extend(lint::check(
            &composer.frozen().draft,
            &composer.frozen().frame,
            composer.letter(),
            heaviest,
        ));
    }
}
