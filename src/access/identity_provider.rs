//! Table `identity_provider`: where the staff may sign in instead of with a password (OpenID Connect); one row at most.

use url::Url;

use crate::infra::clock::Millis;
use crate::infra::db::{Cells, Conn, Query};
use crate::infra::error::{Message, Result};
use crate::infra::http_client;
use crate::infra::id::Id;
use crate::infra::installation::Installation;

/// The only row.
const ONLY: Id = 1;
/// Characters that a value may have.
const MAX_CHARS: usize = 300;
/// Characters that the label of the button may have.
const MAX_LABEL_CHARS: usize = 60;

/// An identity provider. Has no `Debug`, since it holds a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct IdentityProvider {
    /// The issuer, exactly as its tokens name it.
    pub issuer: String,
    /// How the provider calls this installation.
    pub client_id: String,
    /// The secret that the provider gave; none for a public client.
    pub secret: Option<String>,
    /// What the button on the sign-in page calls it.
    pub label: String,
}

impl IdentityProvider {
    /// Checks the values that somebody typed.
    ///
    /// # Errors
    ///
    /// `Invalid` for the field `issuer`, `client-id`, `secret` or `label`.
    pub fn check(&self) -> Result<()> {
        let is_text = |text: &str, most| {
            !text.trim().is_empty() && text.chars().count() <= most && !text.chars().any(char::is_control)
        };
        let url = Url::parse(&self.issuer).ok().filter(http_client::is_allowed);
        let is_issuer = url.is_some_and(|url| {
            url.query().is_none() && url.fragment().is_none() && url.username().is_empty() && url.password().is_none()
        });
        if !is_issuer || !is_text(&self.issuer, MAX_CHARS) {
            return Err(Message::new("provider-issuer-wrong").invalid_field("issuer"));
        }
        let wrong =
            |field: &'static str| Message::new("provider-value-wrong").with("field", field).invalid_field(field);
        if !is_text(&self.client_id, MAX_CHARS) {
            return Err(wrong("client-id"));
        }
        if self.secret.as_ref().is_some_and(|secret| !is_text(secret, MAX_CHARS)) {
            return Err(wrong("secret"));
        }
        if is_text(&self.label, MAX_LABEL_CHARS) { Ok(()) } else { Err(wrong("label")) }
    }
}

/// The provider, where one is set.
pub async fn get(installation: &Installation, conn: &mut Conn) -> Result<Option<IdentityProvider>> {
    let query = Query::new("select issuer, client_id, secret, label from identity_provider where id = :id");
    let Some(row) = query.bind("id", ONLY).fetch_optional(conn).await? else { return Ok(None) };
    let sealed: Option<Vec<u8>> = row.cell(2)?;
    let damaged = || Message::new("provider-damaged").internal();
    let secret = sealed.map(|sealed| installation.keys.open(&sealed).ok_or_else(damaged)).transpose()?;
    Ok(Some(IdentityProvider { issuer: row.cell(0)?, client_id: row.cell(1)?, secret, label: row.cell(3)? }))
}

/// Sets the provider.
pub async fn set(installation: &Installation, conn: &mut Conn, new: &IdentityProvider, now: Millis) -> Result<()> {
    Query::new(
        "insert into identity_provider (id, issuer, client_id, secret, label, changed_at)
         values (:id, :issuer, :client, :secret, :label, :now)
             on conflict (id) do update
            set issuer = excluded.issuer, client_id = excluded.client_id, secret = excluded.secret,
                label = excluded.label, changed_at = excluded.changed_at",
    )
    .bind("id", ONLY)
    .bind("issuer", new.issuer.as_str())
    .bind("client", new.client_id.as_str())
    .bind("secret", new.secret.as_ref().map(|secret| installation.keys.seal(secret)))
    .bind("label", new.label.trim())
    .bind("now", now)
    .execute(conn)
    .await
    .map(drop)
}

/// Removes the provider. Returns whether there was one.
pub async fn remove(conn: &mut Conn) -> Result<bool> {
    let removed = Query::new("delete from identity_provider where id = :id").bind("id", ONLY).execute(conn).await?;
    Ok(removed > 0)
}
