//! The rows of an expression as fields of a form: their names, what can be chosen, and the buttons that add and remove rows.

use super::visit::{Params, Visit};
use crate::audience::segment::rows::{Group, Join, Row, Rows};
use crate::usecase::field::FieldRow;

/// Groups of a form, and rows of a group, at most.
const MAX_GROUPS: usize = 50;
const MAX_ROWS: usize = 200;

/// What a row can be about.
pub struct SubjectView {
    /// As in the form.
    pub value: String,
    /// As shown.
    pub name: String,
}

/// The subjects that can be chosen: the address, the fields, the lists and the activities.
pub fn subjects(visit: &Visit, fields: &[FieldRow], lists: &[String]) -> Vec<SubjectView> {
    let subject = |value: String, name: String| SubjectView { value, name };
    let mut subjects = vec![subject("email".to_owned(), visit.tr("desk-address"))];
    subjects.extend(fields.iter().map(|field| subject(format!("field:{}", field.name), field.name.clone())));
    for (word, key) in [("on", "desk-subject-on"), ("joined", "desk-subject-joined")] {
        let named = |list: &String| subject(format!("{word}:{list}"), format!("{}: {list}", visit.tr(key)));
        subjects.extend(lists.iter().map(named));
    }
    for (word, key) in
        [("opened", "desk-subject-opened"), ("clicked", "desk-subject-clicked"), ("received", "desk-subject-received")]
    {
        subjects.push(subject(format!("{word}:"), visit.tr(key)));
    }
    subjects
}

/// The operators with their names.
pub fn operators(visit: &Visit) -> Vec<(&'static str, String)> {
    let signs = [("=", "="), ("!=", "≠"), ("<", "<"), ("<=", "≤"), (">", ">"), (">=", "≥")];
    let signs = signs.into_iter().map(|(operator, sign)| (operator, sign.to_owned()));
    let words = [
        ("contains", "desk-op-contains"),
        ("starts with", "desk-op-starts"),
        ("ends with", "desk-op-ends"),
        ("in", "desk-op-in"),
        ("not in", "desk-op-not-in"),
        ("is set", "desk-op-set"),
        ("is not set", "desk-op-not-set"),
        ("ever", "desk-op-ever"),
        ("within", "desk-op-within"),
    ];
    signs.chain(words.into_iter().map(|(operator, key)| (operator, visit.tr(key)))).collect()
}

/// The rows of a form, after what its button asks for: `add-GROUP`, `drop-GROUP-ROW` or `group`.
pub fn read(params: &Params) -> Rows {
    let whole = |name: &str| params.all(name).next().map(str::to_owned);
    let join = |name: &str| whole(name).and_then(|word| word.parse().ok()).unwrap_or(Join::All);
    let mut groups = Vec::new();
    for group in (0..MAX_GROUPS).filter(|group| whole(&format!("g{group}-join")).is_some()) {
        let mut rows = Vec::new();
        for row in 0..MAX_ROWS {
            let value = |what: &str| whole(&format!("g{group}-{row}-{what}"));
            if params.get("do") == format!("drop-{group}-{row}") {
                continue;
            }
            if let Some(text) = value("text") {
                rows.push(Row::Text(text.replace("\r\n", "\n")));
            } else if let Some(subject) = value("subject") {
                rows.push(Row::Condition {
                    negated: value("not").is_some_and(|not| not == "not"),
                    subject,
                    operator: value("op").unwrap_or_default(),
                    value: value("value").unwrap_or_default(),
                });
            }
        }
        if params.get("do") == format!("add-{group}") {
            rows.push(Row::blank());
        }
        if !rows.is_empty() {
            groups.push(Group { join: join(&format!("g{group}-join")), rows });
        }
    }
    if params.get("do") == "group" || groups.is_empty() {
        groups.push(Group { join: Join::All, rows: vec![Row::blank()] });
    }
    Rows { join: join("join"), groups }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buttons_add_and_remove_rows() {
        let form = "rows=1&join=or&g0-join=and&g0-0-subject=email&g0-0-op=%3D&g0-0-value=+a+&g0-1-text=x&g1-join=or&g1-0-subject=";
        let rows = read(&Params::parse(form));
        assert_eq!((rows.join, rows.groups.len(), rows.groups[0].rows.len()), (Join::Any, 2, 2));
        let Row::Condition { value, .. } = &rows.groups[0].rows[0] else { panic!("a condition") };
        assert_eq!(value, " a ", "blanks around a value belong to it");
        let after = |button: &str| read(&Params::parse(&format!("{form}&do={button}")));
        assert_eq!(after("add-0").groups[0].rows.len(), 3);
        assert_eq!(after("drop-0-0").groups[0].rows, vec![Row::Text("x".to_owned())]);
        assert_eq!(after("drop-1-0").groups.len(), 1);
        assert_eq!(after("group").groups.len(), 3);
    }
}
