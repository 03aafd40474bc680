//! Files of people that the engine writes, so that an import of one changes nothing: the names of their columns, the
//! mark that tells them from files of other programs, and the apostrophe before cells that a spreadsheet would run.
//!
//! A text that begins with a sign of formulas gets an apostrophe in front, and so does one that begins with apostrophes
//! before such a sign; [`rearm`] takes exactly one away. Rows whose column [`SCHEMA_COLUMN`] is filled were written this
//! way. In other files an apostrophe is part of the value.

/// The last column of every file the engine writes: its schema with the version, such as `subscriptions.1`.
pub const SCHEMA_COLUMN: &str = "sendoff_schema";

/// The column of addresses.
pub const ADDRESS_COLUMN: &str = "address";

/// The column that says whether a person may be mailed: `confirmed` or `reachable`, `pending`, `bounced`.
pub const STATE_COLUMN: &str = "state";

/// Put before the name of a field that one of the other columns has.
pub const FIELD_PREFIX: &str = "field_";

/// What files of people say of each, beside the fields. An import stores none of these columns; it asks about
/// people whose state is not that of people who may be mailed.
pub const OWN_COLUMNS: &[&str] = &[
    "list",
    "lists",
    STATE_COLUMN,
    "joined_at",
    "basis",
    "channel",
    "source",
    "proof",
    "given_at",
    "opened",
    "opened_at",
    "clicked",
    "clicked_at",
    "reachable",
    "contact_id",
    "list_id",
    "pending_lists",
    "created_at",
    "updated_at",
    "bounced_at",
];

/// The ASCII and full-width signs that formulas begin with, and the blanks before them that spreadsheets skip.
const FORMULA_SIGNS: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// True for a text that is written with an apostrophe in front.
pub fn needs_apostrophe(text: &str) -> bool {
    text.trim_start_matches('\'').starts_with(FORMULA_SIGNS)
}

/// A cell of a file that the engine wrote, without the apostrophe that disarmed it.
pub fn rearm(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(text) if needs_apostrophe(text) => text,
        _ => cell,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_apostrophe_is_put_and_taken_back() {
        for (text, needs) in [
            ("=1+1", true),
            ("+44 1", true),
            ("-5a", true),
            ("@SUM(A1)", true),
            ("\t=1", true),
            ("＝1", true),
            ("'=1", true),
            ("''-", true),
            ("007", false),
            ("'tis", false),
            ("'", false),
            ("", false),
            ("a=1", false),
        ] {
            assert_eq!(needs_apostrophe(text), needs, "{text}");
            let written = if needs { format!("'{text}") } else { text.to_owned() };
            assert_eq!(rearm(&written), text);
        }
    }
}
