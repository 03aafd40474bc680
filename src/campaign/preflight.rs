//! Preflight of a campaign: counts the audience and who is excluded, previews messages, and reports every problem before the
//! start. It checks the message of every recipient, so that a missing value is reported with the number of contacts; a
//! message is rendered only when its compiled form cannot answer.

use std::collections::BTreeMap;
use std::net::ToSocketAddrs;
use std::time::Duration;

use url::{Host, Url};

use super::composer::Composer;
use super::delivery::Recipient;
use super::model::Campaign;
use super::{audience, frozen_content, mistakes, purpose_check, recipient_time};
use crate::audience::address::Address;
use crate::audience::segment::Expression;
use crate::audience::subscription;
use crate::content::email::Tracking;
use crate::content::lint;
use crate::content::mime::message::RenderedEmail;
use crate::infra::db::{Cells, Conn, Query};
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;

/// Result of a preflight.
#[derive(Debug, Default)]
pub struct Preflight {
    /// Number of recipients.
    pub recipients: i64,
    /// Contacts on the list that are no recipients, by catalogue key of the reason.
    pub excluded: BTreeMap<&'static str, i64>,
    /// Previews of up to five messages.
    pub samples: Vec<Sample>,
    /// The message with the most HTML, for the checks of the email.
    pub heaviest: Option<RenderedEmail>,
    /// Size of the largest message in bytes.
    pub largest: usize,
    /// Fields that a message prints and contacts lack, with the number of contacts.
    pub missing: BTreeMap<String, i64>,
    /// Number of contacts for which no message can be made, by packed reason.
    pub broken: BTreeMap<Message, i64>,
    /// Number of contacts with an address that no message can be sent to. Only an earlier version accepted these; they
    /// are skipped.
    pub unwritable: i64,
    /// Address of header From.
    pub from: Option<Address>,
    /// Relay that the campaign names.
    pub relay: Option<String>,
    /// What is measured.
    pub tracking: Option<Tracking>,
    /// What should be looked at.
    pub warnings: Vec<Message>,
    /// What must be fixed before the start.
    pub problems: Vec<Message>,
}

/// Preview of one message.
#[derive(Debug)]
pub struct Sample {
    /// Masked address of the recipient.
    pub to: String,
    /// Subject.
    pub subject: String,
    /// Preheader.
    pub preheader: String,
    /// Text part.
    pub text: String,
    /// Size in bytes, all parts and headers.
    pub bytes: usize,
}

const SAMPLES: usize = 5;
/// Recipients per page.
const PAGE: i64 = 2_000;
/// Timeout of a TCP connection to the public URL.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Timeout of name resolution and connection together.
const REACH_TIMEOUT: Duration = Duration::from_secs(4);

/// Checks the message of every recipient. Calls `progress` with the number of checked recipients and their total. With
/// `local`, links to this machine are allowed, as in the demo.
pub async fn check(
    installation: &Installation,
    campaign: &Campaign,
    local: bool,
    mut progress: impl FnMut(i64, i64),
) -> Result<Preflight> {
    let (content, condition) = {
        let mut conn = installation.db.read().await?;
        let content = frozen_content::current(&mut conn, campaign, installation.clock.now()).await?;
        (content, audience::segment_condition(&mut conn, campaign).await?)
    };
    let tracking = content.draft.tracking;
    let composer = Composer::compile(installation, content);
    let condition = condition.as_ref();
    let recipients = count(installation, campaign, condition).await?;
    let mut preflight = Preflight { recipients, tracking: Some(tracking), ..Preflight::default() };
    let composer = match composer {
        Ok(composer) => composer,
        // An email that does not compile any more, as after a field was removed.
        Err(error) if error.is_user_error() => {
            preflight.problems = mistakes::each(error.message());
            return Ok(preflight);
        }
        Err(error) => return Err(error),
    };
    preflight.from = Some(composer.from().clone());
    preflight.relay = composer.relay().map(str::to_owned);
    let now = installation.clock.now();
    {
        let mut conn = installation.db.read().await?;
        preflight.count_excluded(&mut conn, campaign).await?;
        let (content, fields) = (composer.content(), composer.email().fields());
        preflight.problems.extend(purpose_check::problems(&mut conn, campaign, content, fields, condition).await?);
        let times = recipient_time::check(&mut conn, &installation.db, campaign, condition, now).await?;
        preflight.problems.extend(times.problems);
        preflight.warnings.extend(times.warnings);
    }
    preflight.check_public_url(&composer.content().frame.public_url, local).await;
    let mut scratch = Vec::new();
    let (mut done, stride) = (0, (recipients / SAMPLES as i64).max(1));
    let mut page = read_page(installation, campaign, condition, 0).await?;
    while let Some((last, _)) = page.last() {
        let last = *last;
        let check_page = async {
            tokio::task::block_in_place(|| {
                for (_, recipient) in &page {
                    preflight.check_message(&composer, recipient, done % stride == 0, &mut scratch);
                    done += 1;
                }
            });
        };
        // The next page is read meanwhile.
        let (next, ()) = tokio::join!(read_page(installation, campaign, condition, last), check_page);
        progress(done, recipients);
        page = next?;
    }
    preflight.add_findings(campaign, &composer);
    Ok(preflight)
}

async fn count(installation: &Installation, campaign: &Campaign, condition: Option<&Expression>) -> Result<i64> {
    let row = Query::new(
        "select count(*)
           from subscription s
           join contact c on c.id = s.contact_id
          where {is_member}",
    )
    .fragment("is_member", audience::is_member(&installation.db, campaign, condition, installation.clock.now()))
    .fetch_optional(&mut *installation.db.read().await?)
    .await?;
    row.map_or(Ok(0), |row| row.cell(0))
}

/// The next page of recipients with their keys. It is ordered by the contact of the subscription, the order of its index,
/// so that each page begins where the last one ended; PostgreSQL needs to be told so of both tables.
async fn read_page(
    installation: &Installation,
    campaign: &Campaign,
    condition: Option<&Expression>,
    after: Id,
) -> Result<Vec<(Id, Recipient)>> {
    let rows: Vec<(Id, String, String)> = Query::new(
        "select c.id, c.address, c.fields
           from subscription s
           join contact c on c.id = s.contact_id
          where s.contact_id > :after
            and c.id > :after
            and {is_member}
          order by s.contact_id
          limit :page",
    )
    .bind("after", after)
    .fragment("is_member", audience::is_member(&installation.db, campaign, condition, installation.clock.now()))
    .bind("page", PAGE)
    .fetch_json(&mut *installation.db.read().await?, "id, address, fields")
    .await?;
    let recipient = |(id, address, fields)| (id, Recipient { delivery: 0, address, fields, measured: Some(true) });
    Ok(rows.into_iter().map(recipient).collect())
}

impl Preflight {
    /// Checks one message, and renders it when it is a sample or the heaviest so far. Its tokens name no delivery, so that
    /// its links change nothing.
    fn check_message(&mut self, composer: &Composer, recipient: &Recipient, is_sample: bool, scratch: &mut Vec<u8>) {
        let Ok(address) = Address::parse(&recipient.address) else {
            self.unwritable += 1;
            return;
        };
        let is_sample = is_sample && self.samples.len() < SAMPLES;
        let weight = composer.measure(recipient, scratch);
        if let Some(weight) = weight.filter(|weight| !is_sample && !self.is_heaviest(weight.html)) {
            return self.add_missing(weight.missing);
        }
        let rendered = match composer.preview(recipient) {
            Ok(rendered) => rendered,
            Err(reason) => return self.add_broken(&reason),
        };
        self.add_missing(rendered.missing.iter().cloned());
        let bytes = match composer.write(recipient, &address, &rendered, 0) {
            Ok(message) => message.len(),
            Err(reason) => return self.add_broken(&reason),
        };
        if is_sample {
            self.samples.push(Sample {
                to: address.to_string(),
                subject: rendered.subject.to_string(),
                preheader: rendered.preheader.to_string(),
                text: rendered.text.clone(),
                bytes,
            });
        }
        if self.is_heaviest(rendered.html.len()) {
            self.largest = bytes;
            self.heaviest = Some(rendered);
        }
    }

    fn add_broken(&mut self, reason: &Message) {
        *self.broken.entry(reason.clone()).or_default() += 1;
    }

    fn add_missing(&mut self, fields: impl IntoIterator<Item = String>) {
        for field in fields {
            *self.missing.entry(field).or_default() += 1;
        }
    }

    fn is_heaviest(&self, html: usize) -> bool {
        self.heaviest.as_ref().is_none_or(|heaviest| heaviest.html.len() < html)
    }

    async fn count_excluded(&mut self, conn: &mut Conn, campaign: &Campaign) -> Result<()> {
        let mut outside = -self.recipients;
        for (state, count) in subscription::count(conn, campaign.list).await? {
            match state {
                subscription::State::Confirmed => outside += count,
                subscription::State::Pending => drop(self.excluded.insert("excluded-pending", count)),
                subscription::State::Bounced => drop(self.excluded.insert("excluded-bounced", count)),
                subscription::State::Restricted => drop(self.excluded.insert("excluded-restricted", count)),
            }
        }
        if outside > 0 {
            self.excluded.insert("excluded-segment", outside);
        }
        Ok(())
    }

    /// Checks that recipients can reach the public URL.
    async fn check_public_url(&mut self, public_url: &str, local: bool) {
        let Ok(url) = Url::parse(public_url) else {
            return self.problems.push(Message::new("preflight-url").with("url", public_url));
        };
        if local {
            return;
        }
        match url.host() {
            Some(Host::Domain(name)) if name == "localhost" || name.ends_with(".localhost") => {
                self.problems.push(Message::new("preflight-localhost").with("url", public_url));
            }
            Some(Host::Ipv4(ip)) if ip.is_loopback() || ip.is_private() => {
                self.warnings.push(Message::new("preflight-private").with("url", public_url));
            }
            Some(Host::Ipv6(ip)) if ip.is_loopback() => {
                self.warnings.push(Message::new("preflight-private").with("url", public_url));
            }
            _ if !is_reachable(&url).await => {
                self.warnings.push(Message::new("preflight-unreachable").with("url", public_url));
            }
            _ => {}
        }
    }

    fn add_findings(&mut self, campaign: &Campaign, composer: &Composer) {
        if self.recipients == 0 {
            self.problems.push(Message::new("preflight-empty").with("name", &campaign.name));
        }
        for (field, count) in &self.missing {
            self.problems.push(Message::new("preflight-missing").with("field", field).with("count", count));
        }
        for (reason, count) in &self.broken {
            self.problems
                .push(Message::new("preflight-broken").with_message("reason", reason.clone()).with("count", count));
        }
        if self.unwritable > 0 {
            self.warnings.push(Message::new("preflight-unwritable").with("count", self.unwritable));
        }
        if !composer.email().is_pre_encoded() {
            self.warnings.push(Message::new("preflight-irregular"));
        }
        if let Some(heaviest) = &self.heaviest {
            let content = composer.content();
            self.warnings.extend(lint::check(&content.draft, &content.frame, composer.email(), heaviest));
        }
    }
}

/// True when a TCP connection to the host of a URL can be opened.
async fn is_reachable(url: &Url) -> bool {
    let port = url.port_or_known_default().unwrap_or(443);
    let host = url.host_str().unwrap_or_default().to_owned();
    let connect = tokio::task::spawn_blocking(move || {
        let mut addresses = (host.as_str(), port).to_socket_addrs()?;
        let first = addresses.next().ok_or(std::io::ErrorKind::NotFound)?;
        std::net::TcpStream::connect_timeout(&first, CONNECT_TIMEOUT)
    });
    matches!(tokio::time::timeout(REACH_TIMEOUT, connect).await, Ok(Ok(Ok(_))))
}
