//! The table of a list page: the column it is sorted by, the links of its headings, filters and pages.

use std::cmp::Ordering;

use url::form_urlencoded::Serializer;

use super::visit::Params;
use crate::infra::id::Id;

/// Rows of one page of a list that is sorted in memory.
const PAGE_ROWS: usize = 50;

/// How a table is filtered and sorted, as its address says.
#[derive(Debug, Clone)]
pub struct Table {
    /// The column, with a minus before it for the descending order.
    sort: String,
    /// The order without a choice.
    usual: &'static str,
    /// The filters that are set.
    filters: Vec<(&'static str, String)>,
    /// The last row of the page before; 0 on the first page.
    pub after: Id,
}

impl Table {
    /// The table that an address asks for. `columns` can be sorted by; a descending order has a minus before the column.
    pub fn of(params: &Params, filters: &[&'static str], columns: &[&str], usual: &'static str) -> Self {
        let asked = params.get("sort");
        let is_known = columns.contains(&asked.trim_start_matches('-'));
        let filter =
            |name: &&'static str| Some((*name, params.get(name).to_owned())).filter(|(_, value)| !value.is_empty());
        Self {
            sort: if is_known { asked.to_owned() } else { usual.to_owned() },
            usual,
            filters: filters.iter().filter_map(filter).collect(),
            after: params.get("after").parse().unwrap_or(0),
        }
    }

    /// The column and its direction, such as `-name`.
    pub fn sort(&self) -> &str {
        &self.sort
    }

    /// The column.
    pub fn column(&self) -> &str {
        self.sort.trim_start_matches('-')
    }

    /// Whether the largest comes first.
    pub fn is_descending(&self) -> bool {
        self.sort.starts_with('-')
    }

    /// Whether the table is sorted by this column.
    pub fn is_by(&self, column: &str) -> bool {
        self.column() == column
    }

    /// The query of the heading of a column: the other direction where the table is sorted by it already.
    pub fn heading(&self, column: &str) -> String {
        let minus = if self.is_by(column) && !self.is_descending() { "-" } else { "" };
        self.query(None, &format!("{minus}{column}"), 0)
    }

    /// The query with another value of a filter; none for an empty value.
    pub fn filter(&self, name: &'static str, value: &str) -> String {
        self.query(Some((name, value)), &self.sort, 0)
    }

    /// Whether a filter has this value.
    pub fn is_filtered(&self, name: &str, value: &str) -> bool {
        self.filters.iter().find(|(own, _)| *own == name).map_or("", |(_, own)| own) == value
    }

    /// The query of the page behind this row.
    pub fn next(&self, after: Id) -> String {
        self.query(None, &self.sort, after)
    }

    /// The query of this page, for files.
    pub fn this(&self) -> String {
        self.query(None, &self.sort, self.after)
    }

    fn query(&self, filter: Option<(&'static str, &str)>, sort: &str, after: Id) -> String {
        let mut query = Serializer::new(String::new());
        let kept = self.filters.iter().map(|(name, value)| (*name, value.as_str()));
        let kept = kept.filter(|(name, _)| filter.is_none_or(|(other, _)| other != *name));
        for (name, value) in kept.chain(filter).filter(|(_, value)| !value.is_empty()) {
            query.append_pair(name, value);
        }
        if sort != self.usual {
            query.append_pair("sort", sort);
        }
        if after > 0 {
            query.append_pair("after", &after.to_string());
        }
        query.finish()
    }

    /// Sorts rows; those that are equal by the column stay in the order they have.
    pub fn arrange<T>(&self, rows: &mut [T], compare: impl Fn(&str, &T, &T) -> Ordering) {
        let column = self.column();
        rows.sort_by(|one, other| {
            let order = compare(column, one, other);
            if self.is_descending() { order.reverse() } else { order }
        });
    }

    /// The rows of this page, and the key of the last one where more follow. The page behind a row that is gone is the first.
    pub fn cut<T>(&self, rows: Vec<T>, key: impl Fn(&T) -> Id) -> (Vec<T>, Option<Id>) {
        let behind = rows.iter().position(|row| key(row) == self.after).map_or(0, |at| at + 1);
        let has_more = rows.len() > behind + PAGE_ROWS;
        let page: Vec<T> = rows.into_iter().skip(behind).take(PAGE_ROWS).collect();
        let next = page.last().map(key).filter(|_| has_more);
        (page, next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(query: &str) -> Table {
        Table::of(&Params::parse(query), &["state", "list"], &["name", "size"], "name")
    }

    #[test]
    fn headings_turn_the_order_and_keep_the_filters() {
        assert_eq!(table("state=a%26b").heading("name"), "state=a%26b&sort=-name");
        assert_eq!(table("sort=-name&state=x&after=7").heading("name"), "state=x");
        assert_eq!(table("sort=size").heading("name"), "");
        assert_eq!(table("sort=password").sort(), "name", "only known columns");
    }

    #[test]
    fn filters_keep_the_order_and_begin_at_the_first_page() {
        assert_eq!(table("sort=-size&state=x&list=y&after=9").filter("state", ""), "list=y&sort=-size");
        assert!(table("state=x").is_filtered("state", "x") && table("").is_filtered("state", ""));
    }

    #[test]
    fn pages_follow_one_another_without_gap() {
        let mut table = table("sort=-size");
        let mut rows: Vec<Id> = (1..=120).collect();
        table.arrange(&mut rows, |_, one, other| one.cmp(other));
        let (mut seen, mut pages) = (Vec::new(), 0);
        loop {
            let (page, next) = table.cut(rows.clone(), |row| *row);
            seen.extend(page);
            pages += 1;
            let Some(next) = next else { break };
            table.after = next;
        }
        assert_eq!((seen, pages), (rows, 3));
    }
}
