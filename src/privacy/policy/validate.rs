//! Checks a policy for what contradicts itself. Each refusal is one sentence at the place of its key.

use super::model::{FIVE_FACTS, MeasurementMode, Policy, Purpose};
use super::promises::PROMISES;
use super::reader::Reader;
use super::special::special_category;
use crate::audience::consent::Basis;
use crate::infra::error::Message;

/// Records everything in the policy that contradicts itself.
pub fn validate(reader: &mut Reader<'_>, policy: &Policy) {
    editions(reader, policy);
    for (index, purpose) in policy.purposes.iter().enumerate() {
        one_purpose(reader, policy, index, purpose);
    }
    fields(reader, policy);
    terms(reader, policy);
    for (index, id) in policy.promises.iter().enumerate() {
        if !PROMISES.iter().any(|promise| promise.id == id) {
            let known = PROMISES.iter().map(|promise| promise.id).collect::<Vec<_>>().join(", ");
            let message = Message::new("policy-promise").with("id", id).with("known", known);
            reader.refuse(&format!("promises[{}]", index + 1), message);
        }
    }
}

fn editions(reader: &mut Reader<'_>, policy: &Policy) {
    for (index, pair) in policy.editions.windows(2).enumerate() {
        let (before, after) = (&pair[0], &pair[1]);
        let path = format!("edition[{}]", index + 2);
        if after.number <= before.number {
            let message = Message::new("policy-edition-number");
            let message = message.with("number", after.number).with("before", before.number);
            reader.refuse(&format!("{path}.number"), message);
        }
        if after.dated < before.dated {
            let message = Message::new("policy-edition-dated").with("number", after.number).with("dated", after.dated);
            let message = message.with("before", before.number).with("earlier", before.dated);
            reader.refuse(&format!("{path}.dated"), message);
        }
        if after.effective < before.effective {
            let message = Message::new("policy-edition-effective").with("number", after.number);
            let message = message.with("effective", after.effective).with("before", before.number);
            reader.refuse(&format!("{path}.effective"), message.with("earlier", before.effective));
        }
    }
    for (index, edition) in policy.editions.iter().enumerate() {
        if edition.effective < edition.dated {
            let message = Message::new("policy-edition-early").with("number", edition.number);
            let message = message.with("effective", edition.effective).with("dated", edition.dated);
            reader.refuse(&format!("edition[{}].effective", index + 1), message);
        }
    }
}

fn one_purpose(reader: &mut Reader<'_>, policy: &Policy, index: usize, purpose: &Purpose) {
    let path = format!("purpose[{}]", index + 1);
    let earlier = &policy.purposes[..index];
    if earlier.iter().any(|other| other.name == purpose.name) {
        reader.refuse(&format!("{path}.name"), Message::new("policy-purpose-twice").with("name", &purpose.name));
    }
    for (at, list) in purpose.lists.iter().enumerate() {
        let place = format!("{path}.lists[{}]", at + 1);
        if purpose.lists[..at].contains(list) {
            reader.refuse(&place, Message::new("policy-named-twice").with("name", list));
        } else if let Some(other) = earlier.iter().find(|other| other.lists.contains(list)) {
            let message = Message::new("policy-list-twice").with("list", list);
            reader.refuse(&place, message.with("first", &other.name).with("second", &purpose.name));
        }
    }
    for (at, field) in purpose.fields.iter().enumerate() {
        let place = format!("{path}.fields[{}]", at + 1);
        if purpose.fields[..at].contains(field) {
            reader.refuse(&place, Message::new("policy-named-twice").with("name", field));
        }
        refuse_special(reader, &place, field);
    }
    if purpose.basis == Basis::Consent && !purpose.lists.is_empty() && purpose.texts.is_empty() {
        reader.refuse(&format!("{path}.text"), Message::new("policy-purpose-text").with("name", &purpose.name));
    }
    let measured = policy.measurement.mode == MeasurementMode::Individual;
    for (number, processor) in purpose.processors.iter().enumerate() {
        if processor.facts.is_empty() {
            let place = format!("{path}.processor[{}]", number + 1);
            reader.refuse(&place, Message::new("policy-processor-facts").with("name", &processor.name));
        }
        for (at, fact) in processor.facts.iter().enumerate() {
            let place = format!("{path}.processor[{}].facts[{}]", number + 1, at + 1);
            let is_event = ["opened_at", "clicked_at"].contains(&fact.as_str());
            if is_event && !measured {
                let message = Message::new("policy-fact-unmeasured").with("fact", fact);
                reader.refuse(&place, message.with("mode", policy.measurement.mode));
            } else if !FIVE_FACTS.contains(&fact.as_str()) && !purpose.has_field(fact) {
                let message = Message::new("policy-fact").with("fact", fact).with("purpose", &purpose.name);
                reader.refuse(&place, message.with("known", FIVE_FACTS.join(", ")));
            }
        }
    }
}

fn fields(reader: &mut Reader<'_>, policy: &Policy) {
    for (index, field) in policy.fields.iter().enumerate() {
        let path = format!("field[{}]", index + 1);
        if policy.fields[..index].iter().any(|other| other.name == field.name) {
            reader.refuse(&format!("{path}.name"), Message::new("policy-named-twice").with("name", &field.name));
        }
        refuse_special(reader, &format!("{path}.name"), &field.name);
        refuse_special(reader, &format!("{path}.category"), &field.category);
        if !policy.purposes.iter().any(|purpose| purpose.has_field(&field.name)) {
            reader.refuse(&format!("{path}.name"), Message::new("policy-field-unused").with("name", &field.name));
        }
    }
    if let Some(age) = &policy.age
        && !policy.purposes.iter().any(|purpose| purpose.has_field(&age.field))
    {
        reader.refuse("age.field", Message::new("policy-field-unused").with("name", &age.field));
    }
}

fn refuse_special(reader: &mut Reader<'_>, path: &str, name: &str) {
    if let Some(category) = special_category(name) {
        let message = Message::new("policy-special").with("name", name).with("category", category.as_str());
        reader.refuse(path, message);
    }
}

fn terms(reader: &mut Reader<'_>, policy: &Policy) {
    let (retention, needed) = (&policy.retention, policy.measurement.days);
    let short = |days: u32| Message::new("policy-retention-short").with("days", days).with("needed", needed);
    if policy.measurement.mode == MeasurementMode::Individual
        && let Some(days) = retention.events.filter(|days| *days < needed)
    {
        reader.refuse("retention.events", short(days));
    }
    if policy.measurement.mode != MeasurementMode::None
        && let Some(days) = retention.deliveries.filter(|days| *days < needed)
    {
        reader.refuse("retention.deliveries", short(days));
    }
    if let (Some(events), Some(deliveries)) = (retention.events, retention.deliveries)
        && events > deliveries
    {
        let message = Message::new("policy-events-longer").with("events", events).with("deliveries", deliveries);
        reader.refuse("retention.events", message);
    }
    for (index, purpose) in policy.purposes.iter().enumerate() {
        if let Some(days) = purpose.retention.filter(|days| *days < needed && !purpose.lists.is_empty())
            && policy.measurement.mode == MeasurementMode::Individual
        {
            reader.refuse(&format!("purpose[{}].retention", index + 1), short(days));
        }
    }
    if let Some(contract) = &policy.contract {
        if contract.backups_expire_after_days < contract.erase_after_days {
            let message = Message::new("policy-contract-backups").with("backups", contract.backups_expire_after_days);
            reader.refuse("contract.backups_expire_after_days", message.with("erase", contract.erase_after_days));
        }
        if let Some(first) = policy.editions.first().filter(|first| contract.ends < first.dated) {
            let message = Message::new("policy-contract-early").with("ends", contract.ends).with("dated", first.dated);
            reader.refuse("contract.ends", message);
        }
    }
}
