//! Table `staff_user`: the people of the staff. An address belongs to one user, however it is spelled.

use sqlx::any::AnyRow;

use super::totp::TotpSecret;
use crate::audience::address::{Address, is_hidden};
use crate::infra::clock::Millis;
use crate::infra::db::{Cells, Conn, Query, is_unique_violation};
use crate::infra::error::{Error, Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::id::Id;
use crate::infra::installation::Installation;

/// Characters that a name may have.
const MAX_NAME_CHARS: usize = 100;
/// Codes of the second factor that unknown clients may try with the right password within [`CODE_WINDOW`]: too few to find one
/// of three valid codes in a million.
const CODE_ATTEMPTS: i64 = 10;
/// The time in which codes are counted.
pub const CODE_WINDOW: Millis = 60 * 60 * 1_000;

/// A user. Has no `Debug`, since it holds secrets.
#[derive(Clone)]
pub struct User {
    /// Primary key.
    pub id: Id,
    /// The address; prints masked.
    pub email: Address,
    /// The name that colleagues see.
    pub name: String,
    /// The hash of the password; empty until one is chosen.
    pub password: String,
    /// True for an administrator of the installation.
    pub administrator: bool,
    /// The language of their pages, where they chose one.
    pub lang: Option<Lang>,
    /// The second factor, where it is set up.
    pub second_factor: Option<SecondFactor>,
    /// When the user was added.
    pub created_at: Millis,
    /// When the user last used the desk.
    pub last_seen_at: Option<Millis>,
}

/// The second factor of a user.
#[derive(Clone)]
pub struct SecondFactor {
    /// What the authenticator program has.
    pub secret: TotpSecret,
    /// The step of the last accepted code.
    pub step: i64,
    /// The digests of the recovery codes that are not spent.
    pub recovery_codes: Vec<String>,
}

/// A user to be added.
pub struct NewUser<'a> {
    /// Primary key.
    pub id: Id,
    /// The address.
    pub email: &'a Address,
    /// The name, checked by [`check_name`].
    pub name: &'a str,
    /// The hash of the password; empty when it is chosen later.
    pub password: &'a str,
    /// True for an administrator of the installation.
    pub administrator: bool,
    /// The language of their pages.
    pub lang: Option<Lang>,
}

const COLUMNS: &str = "id, email, name, password, administrator, language, totp_secret, totp_step, recovery_codes, \
                       created_at, last_seen_at";

/// A name without the blanks around it.
///
/// # Errors
///
/// `Invalid` for the field `name` when it is empty, too long, or has invisible characters.
pub fn check_name(name: &str) -> Result<&str> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > MAX_NAME_CHARS || name.chars().any(is_hidden) {
        return Err(Message::new("user-name").with("most", MAX_NAME_CHARS).invalid_field("name"));
    }
    Ok(name)
}

/// Parses the address of a user.
///
/// # Errors
///
/// `Invalid` for the field `email`.
pub fn parse_email(text: &str) -> Result<Address> {
    Address::parse(text).map_err(|fault| {
        Message::new("user-email").with_message("why", Message::new(fault.key())).invalid_field("email")
    })
}

/// Adds a user.
///
/// # Errors
///
/// `Invalid` for the field `email` when the address belongs to another user.
pub async fn insert(conn: &mut Conn, new: &NewUser<'_>, now: Millis) -> Result<()> {
    let taken = || Message::new("user-exists").with("address", new.email).invalid_field("email");
    // Asked first: a failed statement ends the transaction on PostgreSQL.
    if find_id(conn, new.email).await?.is_some() {
        return Err(taken());
    }
    let inserted = Query::new(
        "insert into staff_user (id, email, canonical, name, password, administrator, language, totp_step,
                                 recovery_codes, code_attempts, code_attempted_at, created_at)
         values (:id, :email, :canonical, :name, :password, :administrator, :language, 0, '[]', 0, 0, :now)",
    )
    .bind("id", new.id)
    .bind("email", new.email.expose())
    .bind("canonical", new.email.canonical())
    .bind("name", new.name)
    .bind("password", new.password)
    .bind("administrator", i64::from(new.administrator))
    .bind("language", new.lang.map(Lang::as_str))
    .bind("now", now)
    .execute(conn)
    .await;
    match inserted {
        Err(Error::Db(error)) if is_unique_violation(&error) => Err(taken()),
        inserted => inserted.map(drop),
    }
}

/// The key of the user with this address.
pub async fn find_id(conn: &mut Conn, email: &Address) -> Result<Option<Id>> {
    let query = Query::new("select id from staff_user where canonical = :canonical");
    query.bind("canonical", email.canonical()).fetch_optional(conn).await?.map(|row| row.cell(0)).transpose()
}

/// The user with this address in canonical form.
pub async fn find_by_email(installation: &Installation, conn: &mut Conn, canonical: &str) -> Result<Option<User>> {
    let query = Query::new("select {columns} from staff_user where canonical = :canonical");
    let row = query.fragment("columns", COLUMNS).bind("canonical", canonical).fetch_optional(conn).await?;
    row.map(|row| read(installation, &row)).transpose()
}

/// A user by key.
pub async fn find(installation: &Installation, conn: &mut Conn, id: Id) -> Result<Option<User>> {
    let query = Query::new("select {columns} from staff_user where id = :id");
    let row = query.fragment("columns", COLUMNS).bind("id", id).fetch_optional(conn).await?;
    row.map(|row| read(installation, &row)).transpose()
}

/// [`find`], and keeps others from changing the user until the transaction ends.
pub async fn find_locked(installation: &Installation, conn: &mut Conn, id: Id) -> Result<Option<User>> {
    let query = Query::new("select {columns} from staff_user where id = :id{for_update}");
    let row = query.fragment("columns", COLUMNS).bind("id", id).fetch_optional(conn).await?;
    row.map(|row| read(installation, &row)).transpose()
}

/// All users, by name.
pub async fn all(installation: &Installation, conn: &mut Conn) -> Result<Vec<User>> {
    let query = Query::new("select {columns} from staff_user order by name{bytewise}, id");
    let rows = query.fragment("columns", COLUMNS).fetch_all(conn).await?;
    rows.iter().map(|row| read(installation, row)).collect()
}

/// How many administrators there are who have chosen a password.
pub async fn count_administrators(conn: &mut Conn) -> Result<i64> {
    let query = Query::new("select count(*) from staff_user where administrator = 1 and password <> ''");
    query.fetch_optional(conn).await?.map_or(Ok(0), |row| row.cell(0))
}

/// Changes name and language.
pub async fn set_profile(conn: &mut Conn, id: Id, name: &str, lang: Option<Lang>) -> Result<()> {
    let query = Query::new("update staff_user set name = :name, language = :language where id = :id");
    query.bind("name", name).bind("language", lang.map(Lang::as_str)).bind("id", id).execute(conn).await.map(drop)
}

/// Changes the hash of the password. The caller ends the sessions.
pub async fn set_password(conn: &mut Conn, id: Id, hash: &str) -> Result<()> {
    let query = Query::new("update staff_user set password = :hash where id = :id");
    query.bind("hash", hash).bind("id", id).execute(conn).await.map(drop)
}

/// Makes a user an administrator, or no longer.
pub async fn set_administrator(conn: &mut Conn, id: Id, administrator: bool) -> Result<()> {
    let query = Query::new("update staff_user set administrator = :administrator where id = :id");
    query.bind("administrator", i64::from(administrator)).bind("id", id).execute(conn).await.map(drop)
}

/// Sets up the second factor, changes its step or its recovery codes, or removes it.
pub async fn set_second_factor(
    installation: &Installation,
    conn: &mut Conn,
    id: Id,
    factor: Option<&SecondFactor>,
) -> Result<()> {
    let codes = factor.map_or(&[][..], |factor| &factor.recovery_codes);
    Query::new(
        "update staff_user
            set totp_secret = :secret, totp_step = :step, recovery_codes = :codes
          where id = :id",
    )
    .bind("secret", factor.map(|factor| installation.keys.seal(&factor.secret.to_hex())))
    .bind("step", factor.map_or(0, |factor| factor.step))
    .bind("codes", serde_json::to_string(codes).expect("texts always serialise"))
    .bind("id", id)
    .execute(conn)
    .await
    .map(drop)
}

/// Counts a code of the second factor that an unknown client tries with the right password. Returns false when there were too
/// many.
pub async fn begin_code_attempt(conn: &mut Conn, id: Id, now: Millis) -> Result<bool> {
    let counted = Query::new(
        "update staff_user
            set code_attempts = case when code_attempted_at < :since then 1 else code_attempts + 1 end,
                code_attempted_at = case when code_attempted_at < :since then :now else code_attempted_at end
          where id = :id and (code_attempts < :limit or code_attempted_at < :since)",
    )
    .bind("since", now - CODE_WINDOW)
    .bind("now", now)
    .bind("limit", CODE_ATTEMPTS)
    .bind("id", id)
    .execute(conn)
    .await?;
    Ok(counted > 0)
}

/// Takes a counted code back, because it was right.
pub async fn end_code_attempt(conn: &mut Conn, id: Id) -> Result<()> {
    let query =
        Query::new("update staff_user set code_attempts = code_attempts - 1 where id = :id and code_attempts > 0");
    query.bind("id", id).execute(conn).await.map(drop)
}

/// Records that the user used the desk.
pub async fn touch(conn: &mut Conn, id: Id, now: Millis) -> Result<()> {
    let query = Query::new("update staff_user set last_seen_at = :now where id = :id");
    query.bind("now", now).bind("id", id).execute(conn).await.map(drop)
}

/// Deletes a user. The caller deletes what belongs to them.
pub async fn delete(conn: &mut Conn, id: Id) -> Result<()> {
    Query::new("delete from staff_user where id = :id").bind("id", id).execute(conn).await.map(drop)
}

fn read(installation: &Installation, row: &AnyRow) -> Result<User> {
    let damaged = || Message::new("user-damaged").internal();
    let sealed: Option<Vec<u8>> = row.cell(6)?;
    let second_factor = match sealed {
        None => None,
        Some(sealed) => Some(SecondFactor {
            secret: installation.keys.open(&sealed).and_then(|hex| TotpSecret::from_hex(&hex)).ok_or_else(damaged)?,
            step: row.cell(7)?,
            recovery_codes: serde_json::from_str(row.cell(8)?).map_err(|_| damaged())?,
        }),
    };
    Ok(User {
        id: row.cell(0)?,
        email: Address::parse_stored(row.cell(1)?),
        name: row.cell(2)?,
        password: row.cell(3)?,
        administrator: row.cell::<i64>(4)? != 0,
        lang: row.cell::<Option<String>>(5)?.and_then(|tag| tag.parse().ok()),
        second_factor,
        created_at: row.cell(9)?,
        last_seen_at: row.cell(10)?,
    })
}
