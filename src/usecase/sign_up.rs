//! Sign-up by a form, with double opt-in. What is posted waits, encrypted, until the owner of the address presses the button
//! behind a link that is mailed to it. Nothing depends on whether the address is known, has left or waits already: no contact is
//! looked up before the button is pressed, so the answer tells nothing.
//!
//! Against bots and list bombing: a signed token with a least and a greatest age, a trap field, and limits for an address, a
//! network, a form and the installation ([`public_limit`]).

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use super::{Action, Actor};
use crate::audience::address::Address;
use crate::audience::consent::ledger::{self, NO_LIST, NewReceipt};
use crate::audience::consent::{Basis, Evidence, Kind};
use crate::audience::contact::{self, NewContact, Values};
use crate::audience::field::{self, Field};
use crate::audience::form::{self, ConsentBox, Form, FormEvent};
use crate::audience::list::{self, List};
use crate::audience::mailed_link::{self, LinkKind, MailedLink, NewLink};
use crate::audience::public_limit;
use crate::audience::subscription::{self, NewSubscription, State};
use crate::audience::workspace::end;
use crate::audience::{hard_bounce, list_rule};
use crate::content::brand::{self, Brand};
use crate::infra::clock::{DAY, Millis};
use crate::infra::db::{Conn, lock_addresses_exclusive};
use crate::infra::error::{Message, Result};
use crate::infra::hex;
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::infra::secret::Keyring;
use crate::privacy::lifting;

/// How long a sign-up waits for its owner.
pub const LIFETIME: Millis = 72 * HOUR;
const HOUR: Millis = 3_600_000;
/// The least and the greatest age of the token of a page.
const MIN_AGE: Millis = 2_000;
const MAX_AGE: Millis = 2 * HOUR;
/// Messages to one address for one list within 24 hours, and to one address for all lists within a week.
const PER_LIST: i64 = 1;
const PER_ADDRESS: i64 = 3;
/// Posts within an hour: from one network, to one form, and to all forms of the installation.
const PER_NETWORK: i64 = 20;
const PER_FORM: i64 = 2_000;
const PER_INSTALLATION: i64 = 10_000;
/// How long an address gets no message after its owner said that somebody else had typed it.
const BLOCK: Millis = 90 * DAY;

/// A form for its page.
#[derive(Debug)]
pub struct OpenForm {
    /// The form.
    pub form: Form,
    /// Its fields.
    pub fields: Vec<Field>,
    /// The brand of the sender.
    pub brand: Brand,
    /// The token of the page.
    pub token: String,
}

/// What was posted. Has no `Debug`, since it names a person.
pub struct Posted {
    /// The address as typed.
    pub address: String,
    /// Fields and their values as typed.
    pub values: Vec<(String, String)>,
    /// The positions of the ticked boxes.
    pub boxes: Vec<usize>,
    /// The token of the page; empty from a page of another site.
    pub token: String,
    /// The field that people do not see.
    pub trap: String,
    /// Where the request came from.
    pub network: Option<IpAddr>,
}

/// How a sign-up was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignedUp {
    /// The person is told to look into their mailbox, whatever happens.
    Accepted,
    /// The page is shown again with a new token: it was too young or too old, or the form stands on another site.
    Again,
    /// Too many sign-ups came from this network, or to this form.
    Busy,
}

/// What waits for the button.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Waiting {
    pub(super) address: String,
    pub(super) values: Values,
    pub(super) boxes: Vec<ConsentBox>,
    pub(super) title: String,
    pub(super) language: String,
}

/// A sign-up whose link was followed. Has no `Debug`, since it names a person.
pub struct Confirmation {
    /// The address.
    pub address: Address,
    /// The values that will be stored.
    pub values: Values,
    /// The texts that were agreed to.
    pub texts: Vec<String>,
    /// The language of the form.
    pub language: String,
    /// The brand of the sender.
    pub brand: Brand,
}

/// Opens a form; `None` for one that does not exist.
pub async fn open(installation: &Installation, actor: &Actor, id: Id) -> Result<Option<OpenForm>> {
    let permit = actor.permit(installation, Action::SignUp).await?;
    let mut conn = installation.db.read().await?;
    let Some(form) = find_form(installation, &mut conn, id).await? else { return Ok(None) };
    let mut fields = field::all(&mut conn, form.workspace).await?;
    fields.retain(|field| form.definition.fields.contains(&field.name));
    let brand = brand::get(&mut conn, form.workspace).await?;
    permit.skip_audit();
    let token = make_token(&installation.keys, form.id, installation.clock.now());
    Ok(Some(OpenForm { form, fields, brand, token }))
}

/// A form of a workspace that has not ended.
async fn find_form(installation: &Installation, conn: &mut Conn, id: Id) -> Result<Option<Form>> {
    let Some(form) = form::get(conn, id).await? else { return Ok(None) };
    let has_ended = end::is_reached(conn, form.workspace, installation.clock.now()).await?;
    Ok(Some(form).filter(|_| !has_ended))
}

/// Takes a sign-up.
///
/// # Errors
/// Invalid for a wrong address or value, without a list, and without a box that is required; `NotFound` for an unknown form.
pub async fn submit(installation: &Installation, actor: &Actor, id: Id, posted: &Posted) -> Result<SignedUp> {
    let permit = actor.permit(installation, Action::SignUp).await?;
    let (keys, now) = (&installation.keys, installation.clock.now());
    let mut tx = installation.db.write().await?;
    let form =
        find_form(installation, &mut tx, id).await?.ok_or_else(|| Message::new("refusal-unknown").not_found())?;
    let waiting = check(&mut tx, &form, posted, now).await?;
    if !is_token_valid(keys, id, &posted.token, now) {
        return Ok(SignedUp::Again);
    }
    permit.skip_audit();
    if !posted.trap.is_empty() {
        return Ok(SignedUp::Accepted);
    }
    let network = public_limit::network(posted.network);
    let limits = [
        (public_limit::key(keys, "network", &[network.as_bytes()]), PER_NETWORK),
        (public_limit::key(keys, "form", &[&id.to_be_bytes()]), PER_FORM),
        (public_limit::key(keys, "installation", &[]), PER_INSTALLATION),
    ];
    let mut is_within = true;
    for (key, limit) in limits {
        is_within &= public_limit::take(&mut tx, &key, limit, HOUR, now).await?;
    }
    if !is_within {
        tx.commit().await?;
        return Ok(SignedUp::Busy);
    }
    form::count(&mut tx, id, installation.clock.today(), FormEvent::Posted).await?;
    let address =
        Address::parse(&waiting.address).map_err(|fault| Message::new(fault.key()).invalid_field("address"))?;
    let canonical = address.canonical();
    let mut is_mailed = true;
    for list in waiting.boxes.iter().filter_map(|one| one.list) {
        let key = public_limit::key(keys, "address and list", &[canonical.as_bytes(), &list.to_be_bytes()]);
        is_mailed &= public_limit::take(&mut tx, &key, PER_LIST, DAY, now).await?;
    }
    is_mailed = take_message(is_mailed, &mut tx, keys, &canonical, now).await?;
    // The same statements for every address: one that gets no message now has a row that is over at once.
    let content = if is_mailed {
        serde_json::to_string(&waiting).expect("texts and numbers always serialise")
    } else {
        String::new()
    };
    let (kind, workspace, lifetime) = (LinkKind::SignUp, form.workspace, if is_mailed { LIFETIME } else { 0 });
    let new = NewLink { kind, workspace, form: id, address: &address, content, lifetime, is_mailed };
    mailed_link::insert(installation, &mut tx, &new).await?;
    tx.commit().await?;
    Ok(SignedUp::Accepted)
}

/// Counts a message to an address that somebody has typed into a public page, unless other limits keep it back. Returns whether it
/// may be sent.
pub(super) async fn take_message(
    is_wanted: bool,
    conn: &mut Conn,
    keys: &Keyring,
    canonical: &str,
    now: Millis,
) -> Result<bool> {
    public_limit::take_if(is_wanted, conn, &address_key(keys, canonical), PER_ADDRESS, 7 * DAY, now).await
}

fn address_key(keys: &Keyring, canonical: &str) -> String {
    public_limit::key(keys, "address", &[canonical.as_bytes()])
}

/// Checks what was posted, without a look at the people who are stored.
async fn check(conn: &mut Conn, form: &Form, posted: &Posted, now: Millis) -> Result<Waiting> {
    let address = Address::parse(&posted.address).map_err(|fault| {
        Message::new("form-address-wrong").with_message("why", Message::new(fault.key())).invalid_field("address")
    })?;
    let declared = field::all(conn, form.workspace).await?;
    let mut values = Values::new();
    for (name, value) in posted.values.iter().filter(|(name, _)| form.definition.fields.contains(name)) {
        if let Some(value) = super::contact::read_value(&declared, name, value)? {
            values.insert(name.clone(), value);
        }
    }
    let is_ticked = |at: usize| posted.boxes.contains(&at);
    let boxes = || form.definition.boxes.iter().enumerate();
    if boxes().any(|(at, one)| one.required && !is_ticked(at)) {
        return Err(Message::new("form-box-required").invalid_field("box"));
    }
    let ticked: Vec<ConsentBox> = boxes().filter(|(at, _)| is_ticked(*at)).map(|(_, one)| one.clone()).collect();
    if ticked.iter().all(|one| one.list.is_none()) {
        return Err(Message::new("form-box-none").invalid_field("box"));
    }
    for list in ticked.iter().filter_map(|one| one.list) {
        let Some(rule) = list_rule::of_list(conn, list).await? else { continue };
        let Some((birth, _)) = &rule.age else { continue };
        match values.get(birth).and_then(serde_json::Value::as_str) {
            Some(day) => rule.check_age(birth, day, now)?,
            None => return Err(Message::new("form-age-needed").invalid_field(birth.clone())),
        }
    }
    let (title, language) = (form.definition.title.clone(), form.definition.language.clone());
    Ok(Waiting { address: address.expose(), values, boxes: ticked, title, language })
}

/// The sign-up behind a link; `None` for a forged, used or expired one.
pub async fn find(installation: &Installation, actor: &Actor, token: &str) -> Result<Option<Confirmation>> {
    let permit = actor.permit(installation, Action::SignUp).await?;
    let mut conn = installation.db.read().await?;
    permit.skip_audit();
    let Some((link, waiting, address)) = read(installation, &mut conn, token).await? else { return Ok(None) };
    let brand = brand::get(&mut conn, link.workspace).await?;
    let texts = waiting.boxes.into_iter().map(|one| one.text).collect();
    Ok(Some(Confirmation { address, values: waiting.values, texts, language: waiting.language, brand }))
}

async fn read(
    installation: &Installation,
    conn: &mut Conn,
    token: &str,
) -> Result<Option<(MailedLink, Waiting, Address)>> {
    let link = mailed_link::open(installation, conn, LinkKind::SignUp, token).await?;
    let found = link.and_then(|link| {
        let waiting: Waiting = serde_json::from_str(&link.content).ok()?;
        let address = Address::parse(&waiting.address).ok()?;
        Some((link, waiting, address))
    });
    match found {
        Some(found) if find_form(installation, conn, found.0.form).await?.is_some() => Ok(Some(found)),
        _ => Ok(None),
    }
}

/// The owner of the address pressed the button: they are subscribed to the lists that they chose, their consent is recorded
/// with the texts they saw, and the tombstones that their erasure had left are lifted. Returns the names of the lists; `None`
/// when the link is not valid any more.
pub async fn confirm(installation: &Installation, actor: &Actor, token: &str) -> Result<Option<Vec<String>>> {
    let permit = actor.permit(installation, Action::SignUp).await?;
    let now = installation.clock.now();
    let mut tx = installation.db.write().await?;
    lock_addresses_exclusive(&mut tx).await?;
    let Some((link, waiting, address)) = read(installation, &mut tx, token).await? else { return Ok(None) };
    let permit = permit.begin(installation).await?;
    let workspace = link.workspace;
    // One of two presses at the same moment removes it.
    if !mailed_link::remove(&mut tx, link.id).await? {
        return Ok(None);
    }
    let mut lists: Vec<List> = Vec::new();
    for id in waiting.boxes.iter().filter_map(|one| one.list) {
        let Some(list) = list::get(&mut tx, id).await?.filter(|list| !list.closed) else { continue };
        let list = list::need_open(&mut tx, workspace, &list.name).await?;
        if !lifting::lift(installation, &mut tx, workspace, list.id, &address, link.created_at / DAY).await? {
            return Ok(None);
        }
        lists.push(list);
    }
    if lists.is_empty() {
        return Ok(None);
    }
    let contact = store(installation, &mut tx, workspace, &address, waiting.values).await?;
    for list in &lists {
        let joining = NewSubscription { id: installation.ids.next()?, contact, state: State::Confirmed };
        subscription::join(&mut tx, workspace, list.id, &[joining], now).await?;
        subscription::confirm(&mut tx, list.id, contact).await?;
    }
    // Who follows the link has a mailbox.
    hard_bounce::lift(&mut tx, contact).await?;
    let edition = super::policy::edition_in_force(&mut tx, workspace, now).await?;
    for one in &waiting.boxes {
        if one.list.is_some_and(|list| lists.iter().all(|open| open.id != list)) {
            continue;
        }
        let evidence = Evidence {
            basis: Basis::Consent,
            channel: "form".to_owned(),
            source: format!("{} (/f/{})", waiting.title, link.form),
            wording: one.text.clone(),
            proof: format!(
                "box ticked at {}; confirmed by the button behind the link {} that was mailed to the address",
                super::output::utc(link.created_at),
                link.id
            ),
            given_at: now,
        };
        let (list, purpose) = (one.list.unwrap_or(NO_LIST), one.purpose.as_str());
        let new =
            NewReceipt { workspace, contact, list, purpose, kind: Kind::Given, edition: &edition, evidence: &evidence };
        ledger::append(&mut tx, installation, &new, now).await?;
    }
    form::count(&mut tx, link.form, installation.clock.today(), FormEvent::Confirmed).await?;
    tx.commit().await?;
    permit.audit(contact).await;
    Ok(Some(lists.into_iter().map(|list| list.name).collect()))
}

/// The contact of the address, with the values that were typed.
async fn store(
    installation: &Installation,
    conn: &mut Conn,
    workspace: Id,
    address: &Address,
    values: Values,
) -> Result<Id> {
    let now = installation.clock.now();
    let declared = field::all_locked(conn, workspace).await?;
    let values: Values =
        values.into_iter().filter(|(name, _)| declared.iter().any(|field| field.name == *name)).collect();
    match contact::find(conn, workspace, address).await? {
        Some(known) => {
            contact::lock_existing(conn, &[known.id]).await?;
            if !values.is_empty() {
                let mut merged = known.values;
                merged.extend(values);
                contact::update_values(conn, workspace, &[(known.id, merged)], now).await?;
            }
            Ok(known.id)
        }
        None => {
            let id = installation.ids.next()?;
            contact::insert(conn, workspace, &[NewContact { id, address: address.clone(), values }], now).await?;
            Ok(id)
        }
    }
}

/// The owner of the address did not sign up: what was typed is deleted, and the address gets no message of a form for a while.
/// Returns false when the link is not valid any more.
pub async fn refuse(installation: &Installation, actor: &Actor, token: &str) -> Result<bool> {
    let permit = actor.permit(installation, Action::SignUp).await?;
    let now = installation.clock.now();
    let mut tx = installation.db.write().await?;
    permit.skip_audit();
    let Some((link, _, address)) = read(installation, &mut tx, token).await? else { return Ok(false) };
    let key = address_key(&installation.keys, &address.canonical());
    public_limit::block(&mut tx, &key, BLOCK, now).await?;
    form::count(&mut tx, link.form, installation.clock.today(), FormEvent::Refused).await?;
    let removed = mailed_link::remove(&mut tx, link.id).await?;
    tx.commit().await?;
    Ok(removed)
}

/// The token of a page of a form: the time at which it was shown, signed.
fn make_token(keys: &Keyring, form: Id, now: Millis) -> String {
    let (_, key) = keys.token.last().expect("a key file holds at least one key");
    format!("{now}-{}", hex::encode(&key.mac(&[b"form page", &form.to_be_bytes(), &now.to_be_bytes()])))
}

fn is_token_valid(keys: &Keyring, form: Id, token: &str, now: Millis) -> bool {
    let Some((shown, _)) = token.split_once('-') else { return false };
    let Ok(shown) = shown.parse::<Millis>() else { return false };
    let expected = make_token(keys, form, shown);
    bool::from(expected.as_bytes().ct_eq(token.as_bytes())) && (MIN_AGE..=MAX_AGE).contains(&(now - shown))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_neither_too_young_nor_too_old_nor_of_another_form() {
        let keys = Keyring::ephemeral();
        let now = 1_795_255_200_000;
        let token = make_token(&keys, 7, now);
        let valid = |form, token: &str, age| is_token_valid(&keys, form, token, now + age);
        assert!(valid(7, &token, MIN_AGE) && valid(7, &token, MAX_AGE));
        assert!(!valid(7, &token, MIN_AGE - 1) && !valid(7, &token, MAX_AGE + 1));
        assert!(!valid(8, &token, 60_000) && !valid(7, "", 60_000) && !valid(7, &token[..20], 60_000));
        assert!(!is_token_valid(&Keyring::ephemeral(), 7, &token, now + 60_000));
        let later = token.replacen(&now.to_string(), &(now + 1).to_string(), 1);
        assert!(!valid(7, &later, 60_000));
    }
}
