//! The data stored about a recipient, as text for the preferences page. The address is masked, since messages are
//! forwarded; everything else is shown as it is stored.

use serde_json::Value;

use crate::audience::consent::Basis;
use crate::audience::contact::Values;
use crate::audience::field::{Field, Kind};
use crate::audience::subscription::State;
use crate::feedback::event::EventKind;
use crate::infra::error::Message;
use crate::infra::id::Id;
use crate::privacy::subject_access::{ConsentData, SubjectData};
use crate::usecase::recipient::StoredData;
use crate::web::page::{Frame, day};

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
    pub fn new(frame: Frame, stored: &StoredData) -> Self {
        let data = &stored.data;
        let lists = data.subscriptions.iter().map(|subscription| SubscriptionView {
            id: subscription.list_id,
            name: subscription.list.clone(),
            state: state(frame, subscription.state, &day(subscription.joined_at)),
            receipts: data
                .consents
                .iter()
                .filter(|consent| consent.list_id == subscription.list_id)
                .map(|consent| receipt(frame, consent))
                .collect(),
        });
        Self {
            address: data.address.to_string(),
            since: day(data.created_at),
            fields: fields(frame, &stored.fields, &data.fields),
            lists: lists.collect(),
            counts: counts(frame, data),
        }
    }
}

fn counts(frame: Frame, data: &SubjectData) -> String {
    let count = |kind: EventKind| data.events.iter().filter(|event| event.kind == kind.as_str()).count();
    let message = Message::new("data-counts")
        .with("emails", data.deliveries.len())
        .with("opens", count(EventKind::Open))
        .with("clicks", count(EventKind::Click));
    frame.lang.translate(&message)
}

/// The declared fields in their order, then values of fields that are not declared any more.
fn fields(frame: Frame, declared: &[Field], values: &Values) -> Vec<(String, String)> {
    let shown = |kind: Kind, value: &Value| match (kind, value) {
        (Kind::Flag, value) => frame.tr(if value.as_i64() == Some(0) { "data-no" } else { "data-yes" }),
        (_, Value::String(text)) => text.clone(),
        (_, other) => other.to_string(),
    };
    let known =
        declared.iter().filter_map(|field| Some((field.name.clone(), shown(field.kind, values.get(&field.name)?))));
    let undeclared = values.iter().filter(|(name, _)| !declared.iter().any(|field| field.name == **name));
    known.chain(undeclared.map(|(name, value)| (name.clone(), shown(Kind::Text, value)))).collect()
}

fn receipt(frame: Frame, consent: &ConsentData) -> Vec<(String, String)> {
    let basis = match consent.basis {
        Basis::Consent => "data-basis-consent",
        Basis::Contract => "data-basis-contract",
        Basis::Interest => "data-basis-interest",
    };
    [
        ("data-basis", frame.tr(basis)),
        ("data-given", day(consent.given_at)),
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
