//! The use of a field by campaigns: which ones name it, and their files and frozen contents with another name for it.

use serde::Deserialize;
use toml::{Spanned, Value};

use super::file::CampaignFile;
use super::frozen_content;
use super::model::{self, Campaign, State, content};
use crate::content::email::EmailSource;
use crate::content::field_tag;
use crate::infra::db::Conn;
use crate::infra::error::Result;
use crate::infra::id::Id;

/// The campaigns of a workspace that use a field.
#[derive(Debug, Default)]
pub struct FieldUse {
    /// Those that were not launched, drafts of series too.
    pub open: Vec<Campaign>,
    /// Those that send.
    pub sending: Vec<Campaign>,
    /// Those that were launched and have ended. Their messages can be looked at in the browser.
    pub ended: Vec<Campaign>,
}

/// The names of campaigns.
pub fn names(campaigns: &[Campaign]) -> Vec<String> {
    campaigns.iter().map(|campaign| campaign.name.clone()).collect()
}

/// Finds the campaigns that use a field, oldest first.
pub async fn find(conn: &mut Conn, workspace: Id, field: &str) -> Result<FieldUse> {
    let mut found = FieldUse::default();
    for campaign in model::list(conn, workspace).await?.into_iter().rev() {
        let is_used = match campaign.is_launched() {
            // Its messages are made from the frozen content; one that cannot be read makes none.
            true => frozen_content::read(conn, &campaign).await.is_ok_and(|frozen| email_uses(&frozen.draft, field)),
            // A file that cannot be read any more cannot be launched.
            false => content::read_file(conn, campaign.id).await.is_ok_and(|file| uses(&file, field)),
        };
        if !is_used {
            continue;
        }
        match campaign.state {
            State::Finished | State::Cancelled if campaign.is_launched() => found.ended.push(campaign),
            State::Finished | State::Cancelled => {}
            _ if campaign.is_launched() => found.sending.push(campaign),
            _ => found.open.push(campaign),
        }
    }
    Ok(found)
}

fn uses(file: &CampaignFile, field: &str) -> bool {
    file.schedule.local().is_some_and(|local| local.field == field) || email_uses(&file.draft, field)
}

fn email_uses(email: &EmailSource, field: &str) -> bool {
    [&email.subject, &email.preheader, &email.body].iter().any(|text| field_tag::uses(text, field))
}

/// Writes the new name of a field into the file of a campaign that was not launched. Returns false, and changes nothing,
/// when the file writes the name in a way that must be changed by hand.
pub async fn rename_in_file(conn: &mut Conn, campaign: &Campaign, field: &str, new: &str) -> Result<bool> {
    let source = content::read_source(conn, campaign.id).await?;
    let (Some(text), before) = (renamed(&source.text, field, new), source.parse()?) else { return Ok(false) };
    let changed = content::CampaignSource { text, ..source };
    let Ok(after) = changed.parse() else { return Ok(false) };
    if uses(&after, field) || after.draft != rename_in_email(before.draft, field, new) {
        return Ok(false);
    }
    content::save_source(conn, campaign.id, &changed.text).await?;
    Ok(true)
}

/// Writes the new name of a field into the frozen content of a campaign that has ended, so that its messages can still be
/// looked at. They show the same as before.
pub async fn rename_in_frozen(conn: &mut Conn, campaign: &Campaign, field: &str, new: &str) -> Result<()> {
    let mut frozen = frozen_content::read(conn, campaign).await?;
    frozen.draft = rename_in_email(frozen.draft, field, new);
    frozen.frame.fields.iter_mut().filter(|known| *known == field).for_each(|known| new.clone_into(known));
    content::save_frozen(conn, campaign.id, &frozen.to_json(campaign)?).await
}

fn rename_in_email(mut email: EmailSource, field: &str, new: &str) -> EmailSource {
    for text in [&mut email.subject, &mut email.preheader, &mut email.body] {
        *text = field_tag::rename(text, field, new);
    }
    email
}

#[derive(Deserialize)]
struct ZoneField {
    #[serde(rename = "zone-field")]
    zone_field: Option<Spanned<String>>,
}

/// The text of a file with another name for a field, in tags and in `zone-field`.
fn renamed(text: &str, field: &str, new: &str) -> Option<String> {
    let start = text.find("+++")? + "+++".len();
    let length = text[start..].find("\n+++").or_else(|| text[start..].find("\r+++"))?;
    let settings: ZoneField = toml::from_str(&text[start..start + length]).ok()?;
    let mut text = text.to_owned();
    if let Some(zone) = settings.zone_field.filter(|zone| zone.get_ref() == field) {
        let span = zone.span();
        text.replace_range(start + span.start..start + span.end, &Value::String(new.to_owned()).to_string());
    }
    Some(field_tag::rename(&text, field, new))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_keeps_all_but_the_name_of_the_field() {
        let file = "+++\r\nname = \"city\"\nsubject = 'Hi {{ city | d(\"x\") }}' # city\nzone-field = \"city\"\n+++\n{{ city }} city\n";
        let expected = "+++\r\nname = \"city\"\nsubject = 'Hi {{ town | d(\"x\") }}' # city\nzone-field = \"town\"\n+++\n{{ town }} city\n";
        assert_eq!(renamed(file, "city", "town").as_deref(), Some(expected));
        assert_eq!(renamed("no settings {{ city }}", "city", "town"), None);
    }
}
