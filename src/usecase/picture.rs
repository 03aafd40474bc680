//! Pictures of emails: add, list, describe, remove; and serve one to a recipient.

use serde::Serialize;
use tokio::sync::Semaphore;

use super::output::time;
use super::{Action, Actor};
use crate::campaign::model::content;
use crate::content::picture::prepare::{Kind, prepare};
use crate::content::picture::{self, Picture};
use crate::infra::clock::Millis;
use crate::infra::error::{Error, Message, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::infra::setting::{self, Setting};

/// The folder of pictures at the public address.
pub const FOLDER: &str = "m";
/// The width of the text of an email, which a picture fills.
const TEXT_WIDTH: i64 = 520;

/// Decoding takes memory: one picture at a time.
static DECODING: Semaphore = Semaphore::const_new(1);

/// A picture of the list.
#[derive(Debug, Serialize)]
pub struct PictureRow {
    /// Its key.
    pub picture: Id,
    /// The name of the file.
    pub name: String,
    /// The alternative text; null until it is described, empty for a decorative one.
    pub alt: Option<String>,
    /// Its public address.
    pub url: String,
    /// png, jpg or gif.
    pub kind: &'static str,
    /// Pixels.
    pub width: i64,
    /// Pixels.
    pub height: i64,
    /// Bytes.
    pub size: i64,
    /// When it was added.
    #[serde(serialize_with = "time")]
    pub added: Millis,
}

impl PictureRow {
    fn new(picture: Picture, public_url: &str) -> Self {
        Self {
            picture: picture.id,
            url: format!("{}/{FOLDER}/{}", public_url.trim_end_matches('/'), picture.path),
            name: picture.name,
            alt: picture.alt,
            kind: picture.kind.as_str(),
            width: picture.width,
            height: picture.height,
            size: picture.size,
            added: picture.added_at,
        }
    }

    /// The width in an email: that of the text, and no more than the picture has; a picture for dense screens is shown at half its
    /// width.
    pub fn shown_width(&self) -> i64 {
        if self.width > 2 * TEXT_WIDTH { TEXT_WIDTH } else { self.width.min(TEXT_WIDTH) }
    }

    /// The picture in Markdown; `None` until it is described.
    pub fn markdown(&self) -> Option<String> {
        let alt = self.alt.as_ref()?.replace(['[', ']', '\\', '{', '}'], "");
        Some(format!("![{alt}]({}){{width={}}}", self.url, self.shown_width()))
    }

    /// The alternative text as an attribute.
    fn attribute(&self) -> Option<String> {
        let alt = self.alt.as_ref()?.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
        Some(alt.replace(['{', '}'], ""))
    }

    /// The picture in MJML; `None` until it is described.
    pub fn mjml(&self) -> Option<String> {
        let (url, alt, width) = (&self.url, self.attribute()?, self.shown_width());
        Some(format!("<mj-image src=\"{url}\" alt=\"{alt}\" width=\"{width}px\" />"))
    }

    /// The picture in HTML; `None` until it is described.
    pub fn html(&self) -> Option<String> {
        let alt = self.attribute()?;
        let (url, width) = (&self.url, self.shown_width());
        Some(format!(
            "<img src=\"{url}\" alt=\"{alt}\" width=\"{width}\" style=\"max-width:100%;height:auto;border:0\">"
        ))
    }
}

/// Lists the pictures of the workspace.
pub async fn list(installation: &Installation, actor: &Actor) -> Result<Vec<PictureRow>> {
    let permit = actor.permit(installation, Action::ListPictures).await?;
    let mut conn = installation.db.read().await?;
    let public_url = setting::get(&mut conn, Setting::PublicUrl).await?;
    let pictures = picture::list(&mut conn, permit.workspace).await?;
    permit.skip_audit();
    Ok(pictures.into_iter().map(|picture| PictureRow::new(picture, &public_url)).collect())
}

/// Adds a picture; one with the same content is not added twice. Without `alt` it has to be described before it can be used.
///
/// # Errors
/// Invalid field `file` for what is no picture, too large, or SVG.
pub async fn add(
    installation: &Installation,
    actor: &Actor,
    name: &str,
    alt: Option<&str>,
    bytes: Vec<u8>,
) -> Result<Id> {
    let permit = actor.permit(installation, Action::ChangePictures).await?;
    let _turn = DECODING.acquire().await;
    let prepared = tokio::task::spawn_blocking(move || prepare(&bytes)).await;
    let prepared = prepared.map_err(|error| Error::io("picture")(std::io::Error::other(error)))??;
    let now = installation.clock.now();
    let mut tx = installation.db.write().await?;
    let id = installation.ids.next()?;
    let id = picture::add(&mut tx, permit.workspace, id, name, alt, &prepared, now).await?;
    tx.commit().await?;
    permit.audit(id).await;
    Ok(id)
}

/// Sets the alternative text of a picture; empty for a decorative one.
///
/// # Errors
/// `NotFound` for a picture of another workspace.
pub async fn describe(installation: &Installation, actor: &Actor, id: Id, alt: &str) -> Result<()> {
    let permit = actor.permit(installation, Action::ChangePictures).await?;
    let mut tx = installation.db.write().await?;
    picture::find(&mut tx, permit.workspace, id).await?.ok_or_else(gone)?;
    picture::describe(&mut tx, permit.workspace, id, alt).await?;
    tx.commit().await?;
    permit.audit(id).await;
    Ok(())
}

/// Removes a picture. For one that campaigns use, `confirmed` is needed: it disappears from messages that were sent, too.
///
/// # Errors
/// `NotFound` for a picture of another workspace; `Conflict` with the campaigns that use it.
pub async fn remove(installation: &Installation, actor: &Actor, id: Id, confirmed: bool) -> Result<()> {
    let permit = actor.permit(installation, Action::ChangePictures).await?;
    let mut tx = installation.db.write().await?;
    let found = picture::find(&mut tx, permit.workspace, id).await?.ok_or_else(gone)?;
    let users = content::campaigns_with(&mut tx, permit.workspace, &found.path).await?;
    if !users.is_empty() && !confirmed {
        let message = Message::new("picture-used").with("count", users.len()).with("campaigns", users.join(", "));
        return Err(message.conflict());
    }
    picture::remove(&mut tx, permit.workspace, id).await?;
    tx.commit().await?;
    permit.audit(id).await;
    Ok(())
}

/// The format and bytes of a picture for a recipient's mail program, which has no token: the path cannot be guessed.
///
/// # Errors
/// `NotFound` for an unknown path.
pub async fn read(installation: &Installation, path: &str) -> Result<(Kind, Vec<u8>)> {
    picture::read(&mut *installation.db.read().await?, path).await?.ok_or_else(gone)
}

/// The bytes of a picture of the workspace, for the desk.
///
/// # Errors
/// `NotFound` for a picture of another workspace.
pub async fn read_own(installation: &Installation, actor: &Actor, id: Id) -> Result<(Kind, Vec<u8>)> {
    let permit = actor.permit(installation, Action::ListPictures).await?;
    let mut conn = installation.db.read().await?;
    let found = picture::find(&mut conn, permit.workspace, id).await?.ok_or_else(gone)?;
    permit.skip_audit();
    picture::read(&mut conn, &found.path).await?.ok_or_else(gone)
}

fn gone() -> Error {
    Message::new("picture-gone").not_found()
}
