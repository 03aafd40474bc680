//! Sign-up forms, as the staff makes them: what a form asks for, its address on the web, the code to embed it, and its counts.

use serde::Serialize;

use super::{Action, Actor};
use crate::audience::consent::{Basis, MAILING};
use crate::audience::form::{self, ConsentBox, Definition, Form};
use crate::audience::{field, list, list_rule, mailed_link};
use crate::campaign::sender::Sender;
use crate::content::brand;
use crate::infra::db::Conn;
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::infra::setting::{self, Setting};
use crate::privacy::policy;
use crate::report::list_growth::date_of;

/// The purpose whose box a form cannot be sent without: the processing of personal data, a consent of its own in Russia.
pub const PROCESSING: &str = "process_personal_data";
/// Characters of a text.
const MAX_TEXT_CHARS: usize = 2_000;

/// A form as it is typed.
#[derive(Debug, Clone, Default)]
pub struct FormInput {
    /// The heading; its own name without one.
    pub title: String,
    /// A sentence above the fields.
    pub intro: String,
    /// The language of its pages; that of the installation without one.
    pub language: String,
    /// The sender of its message, as `Name <address>`; that of the newest campaign without one.
    pub from: String,
    /// The relay of its message.
    pub relay: Option<String>,
    /// The lists, each with the text of its box; the usual text where it is blank.
    pub lists: Vec<(String, String)>,
    /// Further purposes, each with the text of its box.
    pub purposes: Vec<(String, String)>,
    /// The fields that can be filled in.
    pub fields: Vec<String>,
}

/// A form with what happened to it.
#[derive(Debug, Clone, Serialize)]
pub struct FormRow {
    /// Its key.
    pub id: Id,
    /// Its name.
    pub form: String,
    /// Its address on the web.
    pub url: String,
    /// The names of its lists.
    pub lists: Vec<String>,
    /// Sign-ups with a valid address.
    pub posted: i64,
    /// Messages that a relay took.
    pub mailed: i64,
    /// Sign-ups that their owners confirmed.
    pub confirmed: i64,
    /// Sign-ups that the owners of the addresses had not made.
    pub refused: i64,
    /// Sign-ups that wait for their owners.
    pub waiting: i64,
}

/// A form with everything that it asks for.
#[derive(Debug, Clone, Serialize)]
pub struct FormDetails {
    /// Its numbers.
    #[serde(flatten)]
    pub row: FormRow,
    /// What it asks for.
    pub definition: Definition,
    /// HTML for a page of another site.
    pub embed: String,
    /// Days, newest first: date, posted, mailed, confirmed, refused.
    pub days: Vec<(String, [i64; 4])>,
}

/// The forms of a workspace.
#[derive(Debug, Serialize)]
pub struct Forms {
    /// The rows, by name.
    pub forms: Vec<FormRow>,
}

/// Adds a form.
///
/// # Errors
/// Invalid for unknown lists or fields, no list, and texts that are too long; `Conflict` for a name that is taken.
pub async fn add(installation: &Installation, actor: &Actor, name: &str, input: &FormInput) -> Result<FormDetails> {
    let permit = actor.permit(installation, Action::ChangeForms).await?;
    let mut tx = installation.db.write().await?;
    let definition = define(&mut tx, permit.workspace, name, input).await?;
    let (id, created_at) = (installation.ids.next()?, installation.clock.now());
    let form = Form { id, workspace: permit.workspace, name: name.trim().to_owned(), definition, created_at };
    form::add(&mut tx, &form).await?;
    let details = details(installation, &mut tx, form).await?;
    tx.commit().await?;
    permit.audit(id).await;
    Ok(details)
}

/// Replaces what a form asks for. Who has signed up agreed to the earlier texts, and their receipts keep these.
///
/// # Errors
/// As for [`add`]; `NotFound` for an unknown form.
pub async fn change(installation: &Installation, actor: &Actor, name: &str, input: &FormInput) -> Result<FormDetails> {
    let permit = actor.permit(installation, Action::ChangeForms).await?;
    let mut tx = installation.db.write().await?;
    let mut form = form::need(&mut tx, permit.workspace, name).await?;
    form.definition = define(&mut tx, permit.workspace, &form.name, input).await?;
    form::change(&mut tx, form.id, &form.definition).await?;
    let id = form.id;
    let details = details(installation, &mut tx, form).await?;
    tx.commit().await?;
    permit.audit(id).await;
    Ok(details)
}

/// Removes a form. Whoever has not confirmed yet cannot any more; subscribers stay.
///
/// # Errors
/// `NotFound` for an unknown form.
pub async fn remove(installation: &Installation, actor: &Actor, name: &str) -> Result<String> {
    let permit = actor.permit(installation, Action::ChangeForms).await?;
    let mut tx = installation.db.write().await?;
    let form = form::need(&mut tx, permit.workspace, name).await?;
    form::remove(&mut tx, form.id).await?;
    tx.commit().await?;
    permit.audit(form.id).await;
    Ok(form.name)
}

/// Lists the forms.
pub async fn list(installation: &Installation, actor: &Actor) -> Result<Forms> {
    let permit = actor.permit(installation, Action::ListForms).await?;
    let mut conn = installation.db.read().await?;
    let mut forms = Vec::new();
    for form in form::all(&mut conn, permit.workspace).await? {
        forms.push(details(installation, &mut conn, form).await?.row);
    }
    permit.skip_audit();
    Ok(Forms { forms })
}

/// Shows a form, by name or key.
///
/// # Errors
/// `NotFound` for an unknown form.
pub async fn show(installation: &Installation, actor: &Actor, name: &str) -> Result<FormDetails> {
    let permit = actor.permit(installation, Action::ListForms).await?;
    let mut conn = installation.db.read().await?;
    let form = form::need(&mut conn, permit.workspace, name).await?;
    let details = details(installation, &mut conn, form).await?;
    permit.skip_audit();
    Ok(details)
}

/// The texts of the boxes as the definition has them, for filling in a form of the desk: list name or purpose, and text.
pub async fn box_texts(
    installation: &Installation,
    actor: &Actor,
    definition: &Definition,
) -> Result<Vec<(Option<String>, String, String)>> {
    let permit = actor.permit(installation, Action::ListForms).await?;
    let mut conn = installation.db.read().await?;
    let mut found = Vec::new();
    for one in &definition.boxes {
        let name = match one.list {
            Some(id) => list::get(&mut conn, id).await?.map(|list| list.name),
            None => None,
        };
        found.push((name, one.purpose.clone(), one.text.clone()));
    }
    permit.skip_audit();
    Ok(found)
}

async fn define(conn: &mut Conn, workspace: Id, name: &str, input: &FormInput) -> Result<Definition> {
    let usual: Lang = setting::get(conn, Setting::Language).await?.parse().unwrap_or(Lang::EN);
    let lang = match input.language.trim() {
        "" => usual,
        text => {
            text.parse().map_err(|_| Message::new("form-language").with("language", text).invalid_field("language"))?
        }
    };
    let from = match input.from.trim() {
        "" => String::new(),
        text => Sender::parse_setting("from", text).map_err(|message| message.invalid_field("from"))?.to_setting(),
    };
    if input.lists.is_empty() {
        return Err(Message::new("form-no-list").invalid_field("list"));
    }
    let sender = brand::get(conn, workspace).await?.name;
    let policy = policy::current(conn, workspace).await?;
    let (mut boxes, mut ages) = (Vec::new(), Vec::new());
    for (name, text) in &input.lists {
        let list = list::need(conn, workspace, name).await?;
        let rule = list_rule::of_list(conn, list.id).await?;
        let mut purpose = MAILING.to_owned();
        if let Some(rule) = &rule {
            rule.check_basis(&list.name, Basis::Consent)?;
            rule.check_fields(&list.name, input.fields.iter().map(String::as_str))?;
            rule.purpose(&list.name)?.clone_into(&mut purpose);
            ages.extend(rule.age.as_ref().map(|(field, _)| field.clone()));
        }
        let of_policy = policy.as_ref().and_then(|policy| policy.purpose_of_list(&list.name));
        let of_policy = of_policy.map_or("", |purpose| purpose.text(lang.as_str()));
        let typed = if text.trim().is_empty() { of_policy } else { text };
        let text = match (typed.trim(), sender.is_empty()) {
            ("", true) => lang.translate(&Message::new("form-box-list").with("list", &list.name)),
            ("", false) => {
                lang.translate(&Message::new("form-box-list-of").with("list", &list.name).with("sender", &sender))
            }
            (text, _) => checked_text("text", text)?,
        };
        boxes.push(ConsentBox { list: Some(list.id), purpose, text, required: false });
    }
    for (purpose, text) in &input.purposes {
        let is_name = !purpose.is_empty() && purpose.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        if !is_name || purpose == MAILING {
            return Err(Message::new("form-purpose").with("purpose", purpose).invalid_field("purpose"));
        }
        let text = match (text.trim(), purpose.as_str()) {
            ("", PROCESSING) => lang.tr("form-box-processing"),
            ("", _) => return Err(Message::new("form-purpose-text").with("purpose", purpose).invalid_field("purpose")),
            (text, _) => checked_text("purpose", text)?,
        };
        let required = purpose == PROCESSING;
        boxes.push(ConsentBox { list: None, purpose: purpose.clone(), text, required });
    }
    let mut fields = Vec::new();
    // Where the policy has a least age, the form asks for the date of birth.
    for name in input.fields.iter().chain(&ages) {
        if !fields.contains(name) {
            fields.push(field::need(conn, workspace, name).await?.name);
        }
    }
    let title = if input.title.trim().is_empty() { name } else { &input.title };
    Ok(Definition {
        title: checked_text("title", title)?,
        intro: checked_text("intro", &input.intro)?,
        language: lang.to_string(),
        from,
        relay: input.relay.clone().filter(|relay| !relay.trim().is_empty()),
        boxes,
        fields,
    })
}

fn checked_text(field: &'static str, text: &str) -> Result<String> {
    if text.chars().count() > MAX_TEXT_CHARS {
        return Err(Message::new("form-text-long").with("limit", MAX_TEXT_CHARS).invalid_field(field));
    }
    Ok(text.trim().to_owned())
}

async fn details(installation: &Installation, conn: &mut Conn, form: Form) -> Result<FormDetails> {
    let public_url = setting::get(conn, Setting::PublicUrl).await?;
    let url = format!("{}/f/{}", public_url.trim_end_matches('/'), form.id);
    let mut lists = Vec::new();
    for id in form.definition.boxes.iter().filter_map(|one| one.list) {
        lists.extend(list::get(conn, id).await?.map(|list| list.name));
    }
    let fields = field::all(conn, form.workspace).await?;
    let counts = form::counts(conn, form.id).await?;
    let sum = |at: usize| counts.iter().map(|(_, of_day)| of_day[at]).sum();
    let row = FormRow {
        id: form.id,
        form: form.name,
        lists,
        posted: sum(0),
        mailed: sum(1),
        confirmed: sum(2),
        refused: sum(3),
        waiting: mailed_link::count_waiting(conn, form.id, installation.clock.now()).await?,
        url,
    };
    let date = |day: i64| date_of(day).map_or_else(String::new, |date| date.to_string());
    let days = counts.into_iter().map(|(day, of_day)| (date(day), of_day)).collect();
    let embed = embed(&row.url, &form.definition, &fields);
    Ok(FormDetails { row, definition: form.definition, embed, days })
}

/// Plain HTML that posts to the form from a page of another site.
fn embed(url: &str, definition: &Definition, fields: &[field::Field]) -> String {
    let lang: Lang = definition.language.parse().unwrap_or(Lang::EN);
    let mut lines = vec![
        format!("<form method=\"post\" action=\"{}\" lang=\"{lang}\">", escape(url)),
        format!("  <p><label>{} <input type=\"email\" name=\"address\" required></label></p>", lang.tr("form-address")),
    ];
    for name in &definition.fields {
        let label = fields.iter().find(|field| field.name == *name).and_then(|field| field.labels.get(lang.as_str()));
        let label = escape(label.unwrap_or(name));
        lines.push(format!("  <p><label>{label} <input name=\"field-{}\"></label></p>", escape(name)));
    }
    for (at, one) in definition.boxes.iter().enumerate() {
        let text = escape(&one.text);
        lines.push(format!("  <p><label><input type=\"checkbox\" name=\"box\" value=\"{at}\"> {text}</label></p>"));
    }
    lines.push("  <p hidden><input name=\"website\" tabindex=\"-1\" autocomplete=\"off\"></p>".to_owned());
    lines.push(format!("  <p><button>{}</button></p>", lang.tr("form-button")));
    lines.push("</form>".to_owned());
    lines.join("\n")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
