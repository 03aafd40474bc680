//! Schemas of the exports: names, order and types of the columns. `docs/exports.md` says what each column means; a test
//! holds both together. A column that changes its meaning or goes raises the version; a new one does not.

use super::table_writer::{Cell, key_text};
use crate::audience::field;
use crate::audience::people_file::SCHEMA_COLUMN;

crate::text_enum! {
    /// Rows of an export.
    Kind {
        /// One row per delivery with its result.
        Deliveries = "deliveries",
        /// One row per open, click or bounce.
        Events = "events",
        /// One row per link of a campaign with its clicks.
        Links = "links",
        /// One row per subscription with its consent and last activity.
        Subscriptions = "subscriptions",
        /// One row per subscription with the five facts that a mailing processor gets and reports, and nothing else.
        Processor = "processor",
        /// One row per contact with its lists and fields.
        People = "people",
        /// One row per campaign with its numbers.
        Summary = "summary",
        /// One row per campaign, kind and name with a count of its audience at launch.
        Audience = "audience",
        /// One row per day, list, campaign and kind: joins, departures and bounces without identity.
        Changes = "changes",
        /// One row per list and day with its size.
        Lists = "lists",
    }
}

/// Type of a column, as `docs/exports.md` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// UTF-8 text.
    Text,
    /// A whole number.
    Whole,
    /// A decimal number.
    Number,
    /// A time in UTC.
    Time,
    /// A date; of contact fields.
    Date,
    /// Yes or no; of contact fields.
    Flag,
    /// An id: the prefix of its kind and 13 digits.
    Id(char),
}

impl ColumnType {
    /// The word in the documentation.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Whole => "whole number",
            Self::Number => "number",
            Self::Time => "time",
            Self::Date => "date",
            Self::Flag => "flag",
            Self::Id(_) => "id",
        }
    }
}

impl From<field::Kind> for ColumnType {
    fn from(kind: field::Kind) -> Self {
        match kind {
            field::Kind::Text | field::Kind::Choice => Self::Text,
            field::Kind::Number => Self::Number,
            field::Kind::Date => Self::Date,
            field::Kind::Flag => Self::Flag,
        }
    }
}

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub kind: ColumnType,
}

const fn text(name: &'static str) -> Column {
    Column { name, kind: ColumnType::Text }
}

const fn whole(name: &'static str) -> Column {
    Column { name, kind: ColumnType::Whole }
}

const fn number(name: &'static str) -> Column {
    Column { name, kind: ColumnType::Number }
}

const fn time(name: &'static str) -> Column {
    Column { name, kind: ColumnType::Time }
}

const fn id(name: &'static str, prefix: char) -> Column {
    Column { name, kind: ColumnType::Id(prefix) }
}

/// The prefix of a campaign's id.
pub const CAMPAIGN: char = 'c';
/// The prefix of a delivery's id.
pub const DELIVERY: char = 'd';
/// The prefix of a contact's id.
pub const CONTACT: char = 'p';
/// The prefix of an event's id.
pub const EVENT: char = 'e';
/// The prefix of a list's id.
pub const LIST: char = 'l';

const DELIVERIES: &[Column] = &[
    text("campaign"),
    text("address"),
    text("state"),
    text("reason"),
    whole("code"),
    text("reply"),
    whole("attempts"),
    time("dated_at"),
    time("changed_at"),
    id("campaign_id", CAMPAIGN),
    id("delivery_id", DELIVERY),
    id("contact_id", CONTACT),
    text("domain"),
    text("lane"),
    text("relay"),
    text("message_id"),
    whole("opens"),
    time("opened_at"),
    whole("clicks"),
    time("clicked_at"),
    text("remainder"),
    whole("count"),
];

const EVENTS: &[Column] = &[
    text("campaign"),
    text("address"),
    text("kind"),
    whole("position"),
    text("destination"),
    time("at"),
    whole("code"),
    text("reply"),
    id("campaign_id", CAMPAIGN),
    id("event_id", EVENT),
    id("delivery_id", DELIVERY),
    id("contact_id", CONTACT),
    text("link_id"),
    text("remainder"),
    whole("count"),
];

const LINKS: &[Column] = &[
    text("campaign"),
    whole("position"),
    text("destination"),
    whole("clicks"),
    id("campaign_id", CAMPAIGN),
    text("link_id"),
    whole("clicks_total"),
    number("clicks_per_accepted"),
];

const SUBSCRIPTIONS: &[Column] = &[
    text("list"),
    text("address"),
    text("state"),
    time("joined_at"),
    text("basis"),
    text("channel"),
    text("source"),
    text("proof"),
    time("given_at"),
    whole("opened"),
    time("opened_at"),
    whole("clicked"),
    time("clicked_at"),
    text("reachable"),
    id("list_id", LIST),
    id("contact_id", CONTACT),
];

const PROCESSOR: &[Column] =
    &[text("address"), time("subscribed_at"), time("opened_at"), time("clicked_at"), text("reachable")];

const PEOPLE: &[Column] = &[
    text("address"),
    text("lists"),
    text("pending_lists"),
    text("state"),
    time("created_at"),
    time("updated_at"),
    time("opened_at"),
    time("clicked_at"),
    time("bounced_at"),
    id("contact_id", CONTACT),
];

const SUMMARY: &[Column] = &[
    text("campaign"),
    text("state"),
    whole("planned"),
    whole("accepted"),
    whole("rejected"),
    whole("uncertain"),
    whole("suppressed"),
    whole("skipped"),
    whole("pending"),
    whole("sending"),
    whole("deferred"),
    whole("opens"),
    whole("clicks"),
    whole("unsubscribed"),
    whole("lost"),
    time("launched_at"),
    time("finished_at"),
    id("campaign_id", CAMPAIGN),
    text("list"),
    text("segment"),
    text("subject"),
    text("sender"),
    whole("opens_total"),
    whole("clicks_total"),
    text("measured"),
    number("accepted_per_planned"),
    number("rejected_per_answered"),
    number("opens_per_accepted"),
    number("clicks_per_accepted"),
    number("clicks_per_open"),
    number("unsubscribed_per_accepted"),
];

const AUDIENCE: &[Column] =
    &[text("campaign"), time("launched_at"), text("kind"), text("name"), whole("count"), id("campaign_id", CAMPAIGN)];

const CHANGES: &[Column] = &[
    text("day"),
    text("kind"),
    text("list"),
    text("campaign"),
    whole("count"),
    id("list_id", LIST),
    id("campaign_id", CAMPAIGN),
];

const LISTS: &[Column] = &[
    text("list"),
    text("day"),
    whole("joined"),
    whole("unsubscribed"),
    whole("erased"),
    whole("closed"),
    whole("size"),
    id("list_id", LIST),
];

impl Kind {
    /// The columns in their order. The fields of the workspace follow where [`Kind::has_fields`], then
    /// [`SCHEMA_COLUMN`].
    pub const fn columns(self) -> &'static [Column] {
        match self {
            Self::Deliveries => DELIVERIES,
            Self::Events => EVENTS,
            Self::Links => LINKS,
            Self::Subscriptions => SUBSCRIPTIONS,
            Self::Processor => PROCESSOR,
            Self::People => PEOPLE,
            Self::Summary => SUMMARY,
            Self::Audience => AUDIENCE,
            Self::Changes => CHANGES,
            Self::Lists => LISTS,
        }
    }

    /// True when the columns are followed by the fields of contacts.
    pub const fn has_fields(self) -> bool {
        matches!(self, Self::Subscriptions | Self::People)
    }

    /// True when rows name people by address or field, and not by numbers alone.
    pub fn names_people(self) -> bool {
        self.has_fields() || self.columns().iter().any(|column| column.name == "address")
    }

    /// Name and version of the schema, the value of [`SCHEMA_COLUMN`] in every row.
    pub const fn schema(self) -> &'static str {
        match self {
            Self::Deliveries => "deliveries.1",
            Self::Events => "events.1",
            Self::Links => "links.1",
            Self::Subscriptions => "subscriptions.1",
            Self::Processor => "processor.1",
            Self::People => "people.1",
            Self::Summary => "summary.1",
            Self::Audience => "audience.1",
            Self::Changes => "changes.1",
            Self::Lists => "lists.1",
        }
    }

    /// True for a name that a field may not have as a column of this export.
    pub fn has_column(self, name: &str) -> bool {
        name == SCHEMA_COLUMN || self.columns().iter().any(|column| column.name == name)
    }

    /// Gives the cells of a row, in the order of the columns, their types: whole numbers become times and ids.
    pub fn convert(self, cells: &mut [Cell<'_>]) {
        for (cell, column) in cells.iter_mut().zip(self.columns()) {
            match column.kind {
                ColumnType::Time => cell.convert_to_time(),
                ColumnType::Id(prefix) => cell.convert_to_key(prefix),
                ColumnType::Text | ColumnType::Whole | ColumnType::Number | ColumnType::Date | ColumnType::Flag => {}
            }
        }
    }

    /// The index of a column.
    pub fn place(self, name: &str) -> usize {
        self.columns().iter().position(|column| column.name == name).expect("a column of the schema")
    }
}

/// The id of a link: that of its campaign and its position.
pub fn link_id(campaign: i64, position: i64) -> Cell<'static> {
    Cell::Text(format!("{}-{position}", key_text(CAMPAIGN, campaign)).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audience::people_file::{ADDRESS_COLUMN, OWN_COLUMNS};

    #[test]
    fn an_import_knows_the_columns_of_people() {
        for kind in [Kind::Subscriptions, Kind::People] {
            for column in kind.columns().iter().filter(|column| column.name != ADDRESS_COLUMN) {
                assert!(OWN_COLUMNS.contains(&column.name), "{kind}: {}", column.name);
            }
        }
    }

    /// The rows of the table below a heading of `docs/exports.md`: name and type.
    fn documented(kind: Kind) -> Vec<(String, String)> {
        let page = include_str!("../../../docs/exports.md");
        let chapter = page.split("\n## ").find(|text| text.starts_with(kind.as_str())).unwrap_or_else(|| {
            panic!("docs/exports.md has no chapter {kind}");
        });
        assert!(chapter.contains(&format!("`{}`", kind.schema())), "{kind}: the version");
        let rows = chapter.lines().filter(|line| line.starts_with("| `"));
        let cells = rows.map(|row| row.split('|').map(|cell| cell.trim().trim_matches('`').to_owned()));
        cells.map(|mut cells| (cells.nth(1).unwrap_or_default(), cells.next().unwrap_or_default())).collect()
    }

    #[test]
    fn every_column_is_documented_in_its_order() {
        for kind in Kind::ALL {
            let columns = kind.columns().iter().map(|column| (column.name.to_owned(), column.kind.as_str().to_owned()));
            assert_eq!(documented(*kind), columns.collect::<Vec<_>>(), "{kind}");
        }
    }
}
