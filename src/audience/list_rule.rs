//! What the privacy policy of a workspace allows on a list: which purpose it serves, on which basis, with which fields, and from
//! which age. Stored with the list (`list.rule`), so that import, segments and campaigns can ask without the policy.

use serde::{Deserialize, Serialize};

use super::consent::Basis;
use super::list;
use crate::infra::clock::Millis;
use crate::infra::db::{Cells, Conn, Query};
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;

/// What the policy allows on a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListRule {
    /// The purpose and its basis; `None` for a list that no purpose names: nothing is allowed there.
    pub purpose: Option<(String, Basis)>,
    /// The fields of the purpose.
    pub fields: Vec<String>,
    /// The field with the date of birth and the least age in years.
    pub age: Option<(String, u32)>,
}

/// The rule of a list; `None` without a policy.
pub async fn of_list(conn: &mut Conn, list: Id) -> Result<Option<ListRule>> {
    let row = Query::new("select rule from list where id = :list").bind("list", list).fetch_optional(conn).await?;
    row.map(|row| read(row.cell(0)?)).transpose().map(Option::flatten)
}

/// The rules of the lists that a contact is on; those without a rule are `None`.
pub async fn of_contact(conn: &mut Conn, contact: Id) -> Result<Vec<Option<ListRule>>> {
    let query = Query::new(
        "select l.rule
           from subscription s
           join list l on l.id = s.list_id
          where s.contact_id = :contact",
    );
    let rows = query.bind("contact", contact).fetch_all(conn).await?;
    rows.iter().map(|row| read(row.cell(0)?)).collect()
}

/// Stores the rule of a list.
pub async fn set(conn: &mut Conn, list: Id, rule: Option<&ListRule>) -> Result<()> {
    let purpose = rule.and_then(|rule| rule.purpose.as_ref()).map(|(name, _)| name.as_str());
    let text = rule.map(|rule| serde_json::to_string(rule).expect("texts always serialise"));
    list::set_rule(conn, list, purpose, text).await
}

fn read(text: Option<String>) -> Result<Option<ListRule>> {
    let broken = |_| Message::new("row-broken").with("table", "list").with("column", "rule").with("id", 0).internal();
    text.map(|text| serde_json::from_str(&text).map_err(broken)).transpose()
}

impl ListRule {
    /// The name of the purpose.
    ///
    /// # Errors
    /// Conflict for a list that no purpose names.
    pub fn purpose(&self, list: &str) -> Result<&str> {
        let name = self.purpose.as_ref().map(|(name, _)| name.as_str());
        name.ok_or_else(|| Message::new("policy-list-without-purpose").with("list", list).conflict())
    }

    /// Refuses another basis than that of the purpose.
    pub fn check_basis(&self, list: &str, basis: Basis) -> Result<()> {
        let purpose = self.purpose(list)?;
        match &self.purpose {
            Some((_, own)) if *own != basis => Err(Message::new("policy-other-basis")
                .with("list", list)
                .with("purpose", purpose)
                .with("own", own)
                .with("basis", basis)
                .invalid_field("basis")),
            _ => Ok(()),
        }
    }

    /// Refuses fields that the purpose does not name; the first is the field of the error.
    pub fn check_fields<'f>(&self, list: &str, fields: impl IntoIterator<Item = &'f str>) -> Result<()> {
        let purpose = self.purpose(list)?;
        let others = self.others(fields);
        let Some(first) = others.first().cloned() else { return Ok(()) };
        let message = Message::new("policy-other-field").with("fields", others.join(", ")).with("count", others.len());
        Err(message.with("list", list).with("purpose", purpose).invalid_field(first))
    }

    /// Those of these fields that the purpose does not name.
    pub fn others<'f>(&self, fields: impl IntoIterator<Item = &'f str>) -> Vec<String> {
        let is_other = |field: &&str| *field != "email" && !self.fields.iter().any(|own| own == field);
        fields.into_iter().filter(is_other).map(str::to_owned).collect()
    }

    /// The field with the date of birth, and the last day on which somebody was born who is old enough at this time.
    pub fn latest_birth(&self, now: Millis) -> Option<(String, String)> {
        let (field, years) = self.age.clone()?;
        let now = jiff::Timestamp::from_millisecond(now).ok()?;
        let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
        let latest = today.checked_sub(jiff::Span::new().years(i64::from(years))).ok()?;
        Some((field, latest.to_string()))
    }

    /// Refuses a date of birth of somebody who is too young.
    pub fn check_age(&self, field: &str, value: &str, now: Millis) -> Result<()> {
        match (self.latest_birth(now), &self.age) {
            (Some((own, latest)), Some((_, years))) if own == field && value > latest.as_str() => {
                Err(Message::new("policy-too-young").with("years", years).invalid_field(field))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_refuses_other_fields_another_basis_and_the_young() {
        let rule = ListRule {
            purpose: Some(("marketing".to_owned(), Basis::Consent)),
            fields: vec!["first_name".to_owned(), "birth_date".to_owned()],
            age: Some(("birth_date".to_owned(), 18)),
        };
        assert!(rule.check_fields("News", ["email", "first_name"]).is_ok());
        let refused = rule.check_fields("News", ["phone"]).expect_err("another field");
        assert_eq!((refused.message().text("purpose"), refused.field()), ("marketing", Some("phone")));
        assert!(rule.check_basis("News", Basis::Contract).is_err());
        let now = 1_795_255_200_000; // 2026-11-21
        assert_eq!(rule.latest_birth(now), Some(("birth_date".to_owned(), "2008-11-21".to_owned())));
        assert!(rule.check_age("birth_date", "2008-11-21", now).is_ok());
        assert!(rule.check_age("birth_date", "2008-11-22", now).is_err());
        let unnamed = ListRule { purpose: None, ..rule };
        assert_eq!(
            unnamed.check_fields("Other", []).expect_err("no purpose").message().key,
            "policy-list-without-purpose"
        );
    }
}
