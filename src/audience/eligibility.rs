//! Eligibility: may this contact be mailed on this list now? The predicate is written here once, as SQL
//! over a row of `subscription`, and every statement that asks the question contains it:
//!
//! - `delivery::freeze` and `preflight`: which subscriptions of the list become deliveries;
//! - `delivery::mark` and `delivery::may_send`: the final eligibility check before a message leaves;
//! - `delivery::release`: whether a released delivery is `pending` again or `suppressed`;
//! - segments: `on(…)`, `joined(…)`, and every count, through the column `contact.reachable`.
//!
//! Add further conditions (a purpose that the consent must cover, a suppression list) to [`mailable`], and to
//! nothing else. A condition that depends on more than `subscription.state` must also recompute
//! `contact.reachable` where it changes ([`super::contact::recompute_reachable`]), and a migration must
//! recompute it once.
//!
//! A restriction covers every list of a contact, and so does a hard bounce: `subscription::join`,
//! `subscription::restrict` and `subscription::set_bounced` see to it. So a confirmed subscription implies that the
//! contact is neither restricted nor suppressed.

/// Condition over a row `subscription` (an alias or the table name) of table `subscription`: its contact may be
/// mailed on its list now.
pub fn mailable(subscription: &str) -> String {
    format!("{subscription}.state = 'confirmed'")
}

/// Condition that the contact with key `contact` (an SQL expression) may be mailed now on the list with key `list`
/// (an SQL expression).
///
/// It compares a scalar subquery instead of using `exists`: without statistics PostgreSQL would turn
/// `exists` into a join over the whole list.
pub fn mailable_on(contact: &str, list: &str) -> String {
    let mailable = mailable("s");
    format!("1 = (select 1 from subscription s where s.contact_id = {contact} and {mailable} and s.list_id = {list})")
}

/// Condition that the contact with key `contact` (an SQL expression) may be mailed now on at least one list. The column
/// `contact.reachable` stores its value.
pub fn mailable_anywhere(contact: &str) -> String {
    let mailable = mailable("s");
    format!("exists (select 1 from subscription s where s.contact_id = {contact} and {mailable})")
}

/// Condition that processing of the contact with key `contact` (an SQL expression) is restricted.
pub fn restricted(contact: &str) -> String {
    format!("exists (select 1 from subscription s where s.contact_id = {contact} and s.state = 'restricted')")
}
