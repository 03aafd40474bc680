//! The data stored about a recipient, as text for the preferences page. The address is masked, since messages are
//! forwarded; everything else is shown as it is stored.

use jiff::civil::Date;
use serde_json::Value;

use crate::audience::consent::Basis;
use crate::audience::contact::Values;
use crate::audience::field::{Field, Kind};
use crate::audience::subscription::State;
use crate::feedback::event::EventKind;
use crate::infra::error::Message;
use crate::infra::id::Id;
use crate::privacy::subject_access::{ConsentData, SubjectData};
use crate::web::page::{Frame, day, long_date};

/// The data of one recipient.
pub struct StoredDataView {
    /// The masked address.
    pub address: String,
    /// The day the contact was added.
    pub since: String,
    /// Names and values of the fields.
    pub fields: Vec<(String, String)>,
    /// The lists it is subscribed to.
    pub lists: Vec<SubscriptionView>,
    /// How many emails, opens and clicks are stored.
    pub counts: String,
}

/// A subscription with its consent receipts.
pub struct SubscriptionView {
    /// The list.
    pub id: Id,
    /// Its name.
    pub name: String,
    /// Since when, and whether messages are sent.
    pub state: String,
    /// Labels and texts of each receipt.
    pub receipts: Vec<Vec<(String, String)>>,
}

impl StoredDataView {
    /// The text in the language of the page.
    pub fn new(frame: Frame, declared: &[Field], data: &SubjectData) -> Self {
        let lists = data.subscriptions.iter().map(|subscription| SubscriptionView {
            id: subscription.list_id,
            name: subscription.list.clone(),
            state: state(frame, subscription.state, &day(frame.lang, subscription.joined_at)),
            receipts: data
                .consents
                .iter()
                .filter(|consent| consent.list_id == subscription.list_id)
                .map(|consent| receipt(frame, consent))
                .collect(),
        });
        Self {
            address: data.address.to_string(),
            since: day(frame.lang, data.created_at),
            fields: fields(frame, declared, &data.fields),
            lists: lists.collect(),
            counts: counts(frame, data),
        }
    }
}

fn counts(frame: Frame, data: &SubjectData) -> String {
    let count = |kind: EventKind| data.events.iter().filter(|event| event.kind == kind.as_str()).count();
    let (opens, clicks) = (count(EventKind::Open), count(EventKind::Click));
    // Where nothing is stored, a number of opens would claim that they are measured.
    let key = if opens + clicks == 0 { "data-counts-unread" } else { "data-counts" };
    let message = Message::new(key).with("emails", data.deliveries.len()).with("opens", opens).with("clicks", clicks);
    frame.lang.translate(&message)
}

/// The declared fields in their order, then values of fields that are not declared any more.
fn fields(frame: Frame, declared: &[Field], values: &Values) -> Vec<(String, String)> {
    let shown = |kind: Kind, value: &Value| match (kind, value) {
        (Kind::Flag, value) => frame.tr(if value.as_i64() == Some(0) { "data-no" } else { "data-yes" }),
        (Kind::Date, Value::String(text)) => {
            text.parse::<Date>().map_or_else(|_| text.clone(), |date| long_date(frame.lang, date))
        }
        (_, Value::String(text)) => text.clone(),
        (_, other) => other.to_string(),
    };
    let known =
        declared.iter().filter_map(|field| Some((label_of(frame, field), shown(field.kind, values.get(&field.name)?))));
    let undeclared = values.iter().filter(|(name, _)| !declared.iter().any(|field| field.name == **name));
    known.chain(undeclared.map(|(name, value)| (label(frame, name), shown(Kind::Text, value)))).collect()
}

/// Values by the names of their fields, for a page.
pub(super) fn shown_values(frame: Frame, values: &Values) -> Vec<(String, String)> {
    fields(frame, &[], values)
}

/// The usual names of fields, without signs, and what they are called on pages.
const LABELS: &[(&[&str], &str)] = &[
    (&["firstname", "fname", "givenname", "имя", "name"], "field-first-name"),
    (&["lastname", "lname", "surname", "familyname", "фамилия"], "field-last-name"),
    (&["middlename", "patronymic", "отчество"], "field-middle-name"),
    (&["fullname", "фио"], "field-full-name"),
    (&["phone", "phonenumber", "mobile", "телефон"], "field-phone"),
    (&["city", "town", "город"], "field-city"),
    (&["region", "state", "регион", "область"], "field-region"),
    (&["country", "страна"], "field-country"),
    (&["address", "street", "адрес"], "field-address"),
    (&["zip", "zipcode", "postcode", "postalcode", "индекс"], "field-postcode"),
    (&["birthday", "birthdate", "dateofbirth", "dob", "born", "деньрождения", "датарождения"], "field-birthday"),
    (&["age", "возраст"], "field-age"),
    (&["gender", "sex", "пол"], "field-gender"),
    (&["company", "organization", "компания", "организация"], "field-company"),
    (&["jobtitle", "position", "должность"], "field-job"),
    (&["language", "lang", "locale", "язык"], "field-language"),
    (&["zone", "timezone", "tz", "часовойпояс"], "field-zone"),
];

/// What a field is called on a page: the label that was set for the reader's language; without one, [`label`].
pub(super) fn label_of(frame: Frame, field: &Field) -> String {
    field.labels.get(frame.lang.as_str()).cloned().unwrap_or_else(|| label(frame, &field.name))
}

/// What a field without a label is called: in the reader's language where its name is a usual one, else its name in words.
fn label(frame: Frame, name: &str) -> String {
    let plain: String = name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    if let Some((_, key)) = LABELS.iter().find(|(names, _)| names.contains(&plain.as_str())) {
        return frame.tr(key);
    }
    let words = name.replace(['_', '-'], " ");
    let mut chars = words.trim().chars();
    chars.next().map_or_else(|| name.to_owned(), |first| first.to_uppercase().chain(chars).collect())
}

fn receipt(frame: Frame, consent: &ConsentData) -> Vec<(String, String)> {
    let basis = match consent.basis {
        Basis::Consent => "data-basis-consent",
        Basis::Contract => "data-basis-contract",
        Basis::Interest => "data-basis-interest",
        Basis::LegalDuty => "data-basis-legal-duty",
    };
    [
        ("data-basis", frame.tr(basis)),
        ("data-given", day(frame.lang, consent.given_at)),
        ("data-source", consent.source.clone()),
        ("data-wording", consent.wording.clone()),
        ("data-proof", consent.proof.clone()),
    ]
    .into_iter()
    .filter(|(_, text)| !text.is_empty())
    .map(|(key, text)| (frame.tr(key), text))
    .collect()
}

fn state(frame: Frame, state: State, day: &str) -> String {
    let key = match state {
        State::Pending => "data-pending",
        State::Confirmed => "data-confirmed",
        State::Bounced => "data-bounced",
        State::Restricted => "data-restricted",
    };
    frame.lang.translate(&Message::new(key).with("day", day))
}
