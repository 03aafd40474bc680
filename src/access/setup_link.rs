//! Table `setup_link`: links that work once and for a while: to make the first administrator, to choose a password, to sign
//! in to a demo; and sign-ins at an identity provider that have begun.

use super::SecretToken;
use crate::infra::clock::{DAY, Millis};
use crate::infra::db::{Cells, Conn, Query};
use crate::infra::error::Result;
use crate::infra::id::Id;

crate::text_enum! {
    /// What a link is for.
    LinkPurpose {
        /// To make the first administrator.
        Setup = "setup",
        /// To choose a password.
        Password = "password",
        /// To sign in to a demo.
        SignIn = "sign_in",
        /// To come back from the identity provider.
        Provider = "provider",
        /// To type the code of the second factor after the identity provider.
        ProviderCode = "provider_code",
    }
}

impl LinkPurpose {
    /// How long a link is valid.
    pub const fn term(self) -> Millis {
        match self {
            Self::Setup => 7 * DAY,
            Self::Password => 3 * DAY,
            Self::SignIn => DAY,
            Self::Provider | Self::ProviderCode => 15 * 60 * 1_000,
        }
    }
}

/// Makes a link, for a user unless it is for setup.
pub async fn add(conn: &mut Conn, purpose: LinkPurpose, user: Option<Id>, now: Millis) -> Result<SecretToken> {
    Query::new("delete from setup_link where expires_at <= :now").bind("now", now).execute(&mut *conn).await?;
    let token = SecretToken::generate();
    Query::new(
        "insert into setup_link (digest, purpose, user_id, expires_at)
         values (:digest, :purpose, :user, :expires)",
    )
    .bind("digest", token.digest())
    .bind("purpose", purpose.as_str())
    .bind("user", user)
    .bind("expires", now + purpose.term())
    .execute(conn)
    .await?;
    Ok(token)
}

/// The user of a valid link, 0 for setup; `None` for a link that is not valid.
pub async fn find(conn: &mut Conn, purpose: LinkPurpose, token: &SecretToken, now: Millis) -> Result<Option<Id>> {
    let query = Query::new(
        "select coalesce(user_id, 0)
           from setup_link
          where digest = :digest and purpose = :purpose and expires_at > :now",
    );
    let query = query.bind("digest", token.digest()).bind("purpose", purpose.as_str()).bind("now", now);
    query.fetch_optional(conn).await?.map(|row| row.cell(0)).transpose()
}

/// [`find`], and uses the link up.
pub async fn spend(conn: &mut Conn, purpose: LinkPurpose, token: &SecretToken, now: Millis) -> Result<Option<Id>> {
    let query = Query::new(
        "delete from setup_link
          where digest = :digest and purpose = :purpose and expires_at > :now
         returning coalesce(user_id, 0)",
    );
    let query = query.bind("digest", token.digest()).bind("purpose", purpose.as_str()).bind("now", now);
    query.fetch_optional(conn).await?.map(|row| row.cell(0)).transpose()
}

/// Deletes all links for setup.
pub async fn end_setup(conn: &mut Conn) -> Result<()> {
    Query::new("delete from setup_link where purpose = 'setup'").execute(conn).await.map(drop)
}

/// Deletes the links of a user.
pub async fn forget(conn: &mut Conn, user: Id) -> Result<()> {
    Query::new("delete from setup_link where user_id = :user").bind("user", user).execute(conn).await.map(drop)
}
