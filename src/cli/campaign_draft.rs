//! `sendoff campaign rm | duplicate | edit | revisions | restore`: drafts.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::print::Output;
use crate::campaign::model::State;
use crate::infra::error::{Error, Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::infra::private_file;
use crate::usecase::campaign_draft::{self, StoredFile};
use crate::usecase::campaign_revision::{self, RevisionRow};
use crate::usecase::output::utc;
use crate::usecase::{Actor, campaign};

/// Removes a campaign that was never launched.
pub async fn remove(installation: &Installation, actor: &Actor, name: &str, lang: Lang) -> Result<Output> {
    let removed = campaign_draft::remove(installation, actor, name).await?;
    let message = Message::new("campaign-removed").with("name", &removed.removed);
    Ok(Output::new(&removed, lang, lang.translate(&message)))
}

/// Copies a campaign.
pub async fn duplicate(
    installation: &Installation,
    actor: &Actor,
    name: &str,
    new: &str,
    lang: Lang,
) -> Result<Output> {
    let added = campaign_draft::duplicate(installation, actor, name, new).await?;
    let message = Message::new("campaign-duplicated").with("name", name).with("new", &added.name);
    Ok(Output::new(&added, lang, lang.translate(&message)))
}

/// Lists the versions of a campaign's file.
pub async fn revisions(installation: &Installation, actor: &Actor, name: &str, lang: Lang) -> Result<Output> {
    let id = campaign_draft::read_file(installation, actor, name).await?.id;
    let found = campaign_revision::list(installation, actor, id).await?;
    let line = |row: &RevisionRow| {
        let mark = if row.current { "*" } else { " " };
        format!("{mark} {}  {}  {}", row.revision, utc(row.saved), row.by.as_deref().unwrap_or("—"))
    };
    let lines: Vec<_> = found.revisions.iter().map(line).collect();
    let text = if lines.is_empty() { lang.tr("revisions-none") } else { lines.join("\n") };
    Ok(Output::new(&found, lang, text))
}

/// Makes the file of a campaign what it was in one of its versions.
pub async fn restore(
    installation: &Installation,
    actor: &Actor,
    name: &str,
    revision: Id,
    lang: Lang,
) -> Result<Output> {
    let id = campaign_draft::read_file(installation, actor, name).await?.id;
    let added = campaign_revision::restore(installation, actor, id, revision).await?;
    let message = Message::new("campaign-restored").with("name", name);
    Ok(Output::new(&added, lang, lang.translate(&message)))
}

/// Opens the file of a campaign in an editor and adds it again. When it cannot be added, the edited text is kept.
pub async fn edit(installation: &Installation, actor: &Actor, name: &str, editor: &str, lang: Lang) -> Result<Output> {
    let stored = campaign_draft::read_file(installation, actor, name).await?;
    if !stored.editable {
        return Err(Message::new("campaign-edit-started").with("name", name).conflict());
    }
    let path = installation.config.data.join(format!("edit-{:x}.{}", stored.id, stored.format));
    if path.is_file() {
        return Err(Message::new("campaign-edit-left").with("file", path.display()).with("name", name).conflict());
    }
    write(&path, &stored.text)?;
    let edited = run_editor(editor, &path).and_then(|()| fs::read_to_string(&path).map_err(Error::io(path.display())));
    let edited = match edited {
        Ok(text) if text == stored.text => {
            remove_file(&path);
            let message = Message::new("campaign-unchanged").with("name", name);
            return Ok(Output::new(&stored, lang, lang.translate(&message)));
        }
        edited => edited?,
    };
    let added = add(installation, actor, &stored, edited).await.map_err(|error| {
        let message = Message::new("campaign-edit-refused").with("file", path.display());
        message.with_message("why", error.message()).invalid()
    })?;
    remove_file(&path);
    let message = Message::new("campaign-replaced").with("name", &added.name).with("list", &added.list);
    let starts = added.at.filter(|_| added.state != State::Draft.as_str());
    let message = message.with("at", starts.map_or_else(|| "none".to_owned(), utc));
    Ok(Output::new(&added, lang, lang.translate(&message)))
}

async fn add(installation: &Installation, actor: &Actor, stored: &StoredFile, text: String) -> Result<campaign::Added> {
    let source = stored.source(text);
    let name = crate::campaign::file::CampaignFile::parse(&source.text, source.format)?.name;
    if name != stored.name {
        return Err(Message::new("campaign-edit-name").with("name", &stored.name).with("new", name).conflict());
    }
    campaign::add(installation, actor, &source).await
}

fn write(path: &Path, text: &str) -> Result<()> {
    let mut file =
        private_file::options().write(true).create_new(true).open(path).map_err(Error::io(path.display()))?;
    file.write_all(text.as_bytes()).map_err(Error::io(path.display()))
}

/// Runs the editor, which may be a command with options, on a file.
fn run_editor(editor: &str, path: &PathBuf) -> Result<()> {
    let status = Command::new("sh").args(["-c", &format!("{editor} \"$1\""), "sh"]).arg(path).status();
    match status.map_err(Error::io(editor))? {
        status if status.success() => Ok(()),
        _ => Err(Message::new("campaign-editor").with("editor", editor).with("file", path.display()).invalid()),
    }
}

/// A file that cannot be removed only stays where it is.
fn remove_file(path: &Path) {
    let _ = fs::remove_file(path);
}
