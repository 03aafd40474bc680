//! Launch: what the letters are made from and whom they go to are fixed in one transaction. From
//! then on neither a changed brand nor a changed segment alters the campaign.

use super::composer::{Composer, FrozenContent};
use super::delivery::freeze::Audience;
use super::lane;
use super::link::{self, Link};
use super::model::{self, Campaign, State, deadline, recall};
use super::recipient_time::{Due, RecipientTimes};
use super::schedule::Schedule;
use super::{delivery, series, zoned_time};
use crate::audience::segment::{self, Expression};
use crate::audience::{contact, field, list, workspace};
use crate::content::brand;
use crate::content::email::EmailContext;
use crate::infra::clock::Millis;
use crate::infra::db::Conn;
use crate::infra::error::{Message, Result};
use crate::infra::failpoint;
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::infra::setting::{self, Setting};

/// What a campaign would be made from if it were launched now.
pub async fn current_content(conn: &mut Conn, campaign: &Campaign) -> Result<FrozenContent> {
    let file = campaign.file()?;
    let list = list::get(conn, campaign.list).await?.ok_or_else(|| Message::new("campaign-list-gone").internal())?;
    let language = setting::get(conn, Setting::Language).await?;
    Ok(FrozenContent {
        draft: file.draft,
        frame: EmailContext {
            brand: brand::get(conn, campaign.workspace).await?,
            lang: language.parse()?,
            public_url: setting::get(conn, Setting::PublicUrl).await?,
            fields: field::all(conn, campaign.workspace).await?.into_iter().map(|field| field.name).collect(),
            list_name: list.name,
        },
        from: file.from,
        relay: file.relay,
        reply_to: file.reply_to,
        list: campaign.list,
        workspace: workspace::name_of(conn, campaign.workspace).await?,
        campaign: campaign.id,
        mailbox: setting::get(conn, Setting::UnsubscribeMailbox).await?,
    })
}

/// The condition of the campaign's segment, as it stands now.
pub async fn condition(conn: &mut Conn, campaign: &Campaign) -> Result<Option<Expression>> {
    let Some(id) = campaign.segment else { return Ok(None) };
    let segment = segment::get(conn, id).await?.ok_or_else(|| Message::new("campaign-segment-gone").internal())?;
    Ok(Some(segment::resolve(conn, campaign.workspace, &segment.expression).await?))
}

/// Freezes the audience and lets the campaign run. Returns how many letters are planned; `None`
/// when it was running already.
pub async fn start(installation: &Installation, campaign: &Campaign) -> Result<Option<u64>> {
    let (frozen, condition, most) = {
        let mut conn = installation.db.read().await?;
        let list = list::get(&mut conn, campaign.list).await?;
        if list.is_none_or(|list| list.closed) {
            return Err(Message::new("campaign-list-gone").conflict());
        }
        let most: i64 =
            crate::audience::subscription::count(&mut conn, campaign.list).await?.iter().map(|(_, count)| count).sum();
        (current_content(&mut conn, campaign).await?, condition(&mut conn, campaign).await?, most)
    };
    let text = serde_json::to_string(&frozen)
        .map_err(|_| Message::new("campaign-frozen").with("name", &campaign.name).internal())?;
    let composer = Composer::compile(installation, frozen)?;
    let links: Vec<Link> = composer
        .letter()
        .links()
        .iter()
        .map(|link| Link {
            position: position(link.position),
            destination: link.shown.clone(),
            personal: link.is_personal,
        })
        .collect();
    let now = installation.clock.now();
    let schedule = campaign.file()?.schedule;
    let until = until(campaign, &schedule, now)?;
    // People who join between the count and the statement get ids from this margin.
    let first = installation.ids.reserve(most + 100_000);
    let mut tx = installation.db.write().await?;
    let lanes = lane::list(&mut tx, campaign.workspace).await?;
    if !model::set_running(&mut tx, campaign, &text, now).await? {
        return Ok(None);
    }
    model::set_uncertain_policy(&mut tx, campaign.id, campaign.file()?.fate).await?;
    link::add(&mut tx, campaign.id, &links).await?;
    let db = installation.db.clone();
    let earliest = match hold(&mut tx, campaign, &schedule, now).await? {
        0 => 0,
        hold => now + hold,
    };
    let bounds = deadline::Bounds { until, hold: Some(earliest).filter(|at| *at > 0), zone: schedule.zone() };
    deadline::set(&mut tx, campaign.id, &bounds).await?;
    let mornings = match schedule.local() {
        Some(local) => {
            Some(RecipientTimes::ask(&mut tx, &db, campaign, condition.as_ref(), local, schedule.zone(), now).await?)
        }
        None => None,
    };
    let due = Due { earliest, mornings };
    let audience = Audience { workspace: campaign.workspace, campaign: campaign.id, list: campaign.list, first, now };
    let planned = delivery::freeze(
        &mut tx,
        &audience,
        &lane::domain("c.canonical", db.position()),
        |sql| lane::classify(sql, &lanes, "p.domain", db.position()),
        |sql| due.write(sql),
        |sql| match &condition {
            Some(condition) => condition.compile(sql, &db, now),
            None => sql.end_with("1 = 1"),
        },
    )
    .await?;
    failpoint::hit("before-freeze-commit");
    tx.commit().await?;
    failpoint::hit("after-freeze-commit");
    Ok(Some(planned))
}

/// Whether the campaign waited for this moment: nobody stands by who said "send" just now.
fn has_waited(campaign: &Campaign, now: Millis) -> bool {
    campaign.state == State::Scheduled && campaign.starts_at.is_some_and(|at| at <= now)
}

/// From when on nothing may leave. Who starts a campaign too late by hand is told at once; one that
/// waited and is late stands still and asks.
fn until(campaign: &Campaign, schedule: &Schedule, now: Millis) -> Result<Option<Millis>> {
    if campaign.series.is_none() && schedule.recurrence().is_some() {
        return Err(Message::new("series-start").with("name", &campaign.name).conflict());
    }
    let until = campaign.until_at.or(schedule.until());
    match until.filter(|until| *until <= now && !has_waited(campaign, now)) {
        Some(passed) => Err(Message::new("campaign-until-past")
            .with("until", zoned_time::format_in_zone(passed, schedule.zone()))
            .with("name", &campaign.name)
            .invalid_field("until")),
        None => Ok(until),
    }
}

/// Milliseconds between "send" and the first letter.
async fn hold(conn: &mut Conn, campaign: &Campaign, schedule: &Schedule, now: Millis) -> Result<Millis> {
    if has_waited(campaign, now) {
        return Ok(0);
    }
    let seconds = match schedule.hold {
        Some(seconds) => seconds,
        None => setting::get(conn, Setting::Hold).await?.parse().unwrap_or(0),
    };
    Ok(Millis::from(seconds) * 1_000)
}

fn position(of: usize) -> i32 {
    i32::try_from(of).expect("a letter of 1 MiB has fewer links")
}

/// Does what the clock asks for: makes the campaigns of series, launches those whose time has come,
/// stops those that are late, and ends what came back to a recalled one.
pub async fn run_due(installation: &Installation) -> Result<()> {
    series::run_due(installation).await?;
    begin(installation).await?;
    deadline::stop_late(installation).await?;
    recall::end_returned(installation).await
}

/// Launches the scheduled campaigns whose time has come. One that cannot be launched becomes a
/// draft again with its reason, so that it does not stand in the way of others.
async fn begin(installation: &Installation) -> Result<()> {
    let waiting = model::list_in_state(&mut *installation.db.read().await?, State::Scheduled).await?;
    for campaign in
        waiting.into_iter().filter(|campaign| campaign.starts_at.is_some_and(|at| at <= installation.clock.now()))
    {
        match start(installation, &campaign).await {
            Ok(planned) => tracing::info!(campaign.id = campaign.id, planned, "a scheduled campaign began"),
            Err(error) if error.is_outage() => return Err(error),
            Err(error) => {
                let mut tx = installation.db.write().await?;
                match model::return_to_draft(&mut tx, &campaign, &error.message().pack()).await {
                    Ok(()) => tx.commit().await?,
                    // Someone has cancelled it meanwhile.
                    Err(error) if error.is_user_error() => continue,
                    Err(error) => return Err(error),
                }
                tracing::warn!(
                    campaign.id = campaign.id,
                    why = error.message().key,
                    "a scheduled campaign could not begin"
                );
            }
        }
    }
    Ok(())
}

/// The letter of a delivery as HTML, for reading in a browser; `None` when the person is gone.
pub async fn view_in_browser(installation: &Installation, campaign: Id, delivery: Id) -> Result<Option<String>> {
    let mut conn = installation.db.read().await?;
    let Some((person, of)) = delivery::contact_of(&mut conn, delivery).await? else { return Ok(None) };
    let (Some(person), Some(campaign)) =
        (contact::get(&mut conn, person).await?, model::find(&mut conn, campaign).await?)
    else {
        return Ok(None);
    };
    if of != campaign.id {
        return Ok(None);
    }
    let fields = serde_json::to_string(&person.values).map_err(|_| Message::new("skipped-fields").internal())?;
    let recipient = delivery::Recipient { delivery, address: person.address.expose(), fields };
    match Composer::open(installation, &campaign) {
        Ok(composer) => Ok(composer.render(&recipient).ok().map(|rendered| rendered.html)),
        Err(error) => {
            tracing::error!(
                campaign.id = of,
                why = error.message().key,
                "the letters of a campaign cannot be made again"
            );
            Ok(None)
        }
    }
}
