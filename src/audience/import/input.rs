//! The file of people to read, and how to read it.

use std::path::PathBuf;

use super::{Purpose, Reading};
use crate::audience::field::Field;
use crate::audience::list_rule::ListRule;
use crate::infra::i18n::Lang;

/// The file to read, and how to read it.
pub struct Input {
    /// The file.
    pub path: PathBuf,
    /// What becomes of the people.
    pub purpose: Purpose,
    /// The encoding the user named.
    pub encoding: Option<String>,
    /// Columns and the fields they fill.
    pub map: Vec<(String, String)>,
    /// What the user decided about columns.
    pub reading: Reading,
    /// The declared fields.
    pub fields: Vec<Field>,
    /// The list that the people join.
    pub list: String,
    /// What the policy allows on it.
    pub rule: Option<ListRule>,
    /// The field with the date of birth, and the last day on which somebody was born who is old enough.
    pub latest_birth: Option<(String, String)>,
    /// The file for rejected rows.
    pub rejects: Option<PathBuf>,
    /// The folder for sorted runs.
    pub staging: PathBuf,
    /// The year, in which the hundred years of a date of two digits may end.
    pub year: i16,
    /// The language of the explanations in the rejects file.
    pub lang: Lang,
}
