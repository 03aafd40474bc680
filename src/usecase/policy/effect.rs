//! What the engine does under a policy, in sentences: what it refuses, allows and deletes, and when.

use serde::Serialize;

use crate::infra::error::Message;
use crate::privacy::policy::{MeasurementConsent, MeasurementMode, Policy, Purpose};

/// What the engine refuses, allows and deletes.
#[derive(Debug, Default, Serialize)]
pub struct Effect {
    /// What is refused at import, form, desk, send, measurement and export.
    pub refuses: Vec<Message>,
    /// What is allowed, by purpose.
    pub allows: Vec<Message>,
    /// What is deleted, and when.
    pub deletes: Vec<Message>,
}

impl Effect {
    /// The effect of a policy.
    pub fn of(policy: &Policy) -> Self {
        let mut effect = Self::default();
        effect.allows.extend(policy.purposes.iter().map(allowed));
        for purpose in &policy.purposes {
            let facts = |facts: &[String]| facts.join(", ");
            effect.allows.extend(purpose.processors.iter().map(|processor| {
                let message = Message::new("policy-allows-processor").with("name", &processor.name);
                message.with("facts", facts(&processor.facts)).with("purpose", &purpose.name)
            }));
            if !purpose.lists.is_empty() {
                let message = Message::new("policy-refuses-fields").with("purpose", &purpose.name);
                effect.refuses.push(message.with("basis", purpose.basis).with("lists", purpose.lists.join(", ")));
            }
        }
        effect.refuses.push(Message::new("policy-refuses-lists"));
        effect.refuses.push(Message::new("policy-refuses-crossing"));
        effect.refuses.push(Message::new("policy-refuses-special"));
        if let Some(age) = &policy.age {
            let message = Message::new("policy-refuses-age").with("years", age.minimum);
            effect.refuses.push(message.with("field", &age.field));
        }
        measurement(policy, &mut effect);
        deletions(policy, &mut effect);
        effect
    }
}

fn allowed(purpose: &Purpose) -> Message {
    let or_none = |names: &[String]| if names.is_empty() { "—".to_owned() } else { names.join(", ") };
    Message::new("policy-allows-purpose")
        .with("purpose", &purpose.name)
        .with("basis", purpose.basis)
        .with("lists", or_none(&purpose.lists))
        .with("fields", or_none(&purpose.fields))
}

fn measurement(policy: &Policy, effect: &mut Effect) {
    let measurement = policy.measurement;
    match (measurement.mode, measurement.consent) {
        (MeasurementMode::None, _) => effect.refuses.push(Message::new("policy-measures-nothing")),
        (MeasurementMode::Campaign, _) => {
            effect.allows.push(Message::new("policy-measures-campaign"));
            effect.refuses.push(Message::new("policy-measures-nobody"));
        }
        (MeasurementMode::Individual, MeasurementConsent::OptIn) => {
            effect.allows.push(Message::new("policy-measures-opt-in"));
        }
        (MeasurementMode::Individual, MeasurementConsent::OptOut) => {
            effect.allows.push(Message::new("policy-measures-opt-out"));
        }
    }
}

fn deletions(policy: &Policy, effect: &mut Effect) {
    effect.deletes.push(Message::new("policy-deletes-leaving"));
    let retention = &policy.retention;
    let terms = [
        (retention.events, Message::new("policy-deletes-events")),
        (retention.deliveries, Message::new("policy-deletes-deliveries")),
        (retention.contacts_without_activity, Message::new("policy-deletes-idle")),
        (retention.consents, Message::new("policy-deletes-receipts")),
        (retention.exports, Message::new("policy-deletes-exports")),
    ];
    effect.deletes.extend(terms.into_iter().filter_map(|(days, message)| Some(message.with("days", days?))));
    for purpose in &policy.purposes {
        if let Some(days) = purpose.retention {
            let message = Message::new("policy-deletes-purpose").with("purpose", &purpose.name);
            effect.deletes.push(message.with("days", days));
        }
    }
    if let Some(contract) = &policy.contract {
        let message = Message::new("policy-deletes-contract").with("ends", contract.ends);
        let message = message.with("erase", contract.erase_after_days);
        effect.deletes.push(message.with("backups", contract.backups_expire_after_days));
    }
}
