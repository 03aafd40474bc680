//! Every list of the desk answers `.csv` and `.json` under its own address, with a link on the page.

use axum::http::StatusCode;

use super::desk_pages::look;
use super::fixture::WebFixture;
use crate::fixture::both;

/// The lists, with the name of their rows in JSON and a column.
const LISTS: &[(&str, &str, &str)] = &[
    ("/people", "contacts", "email"),
    ("/lists", "lists", "list"),
    ("/forms", "forms", ""),
    ("/segments", "segments", ""),
    ("/campaigns", "campaigns", "name"),
    ("/requests", "requests", ""),
    ("/series", "series", ""),
    ("/media", "pictures", ""),
    ("/privacy", "kept_out", ""),
    ("/privacy/audit", "entries", "action"),
    ("/privacy/destruction", "months", ""),
    ("/privacy/retention", "due", ""),
    ("/settings/fields", "fields", "name"),
    ("/settings/relay", "relays", "name"),
    ("/settings/users", "users", ""),
];

both!(every_list_is_a_file_under_its_own_address, |fixture| {
    let site = WebFixture::new(fixture).await;
    for (path, key, column) in LISTS {
        let page = look(&site, path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        let json = look(&site, &format!("{path}.json")).await;
        assert_eq!(json.status, StatusCode::OK, "{path}: {}", json.body);
        assert_eq!(json.header("content-type"), Some("application/json"), "{path}");
        let json: serde_json::Value = serde_json::from_str(&json.body).expect("JSON");
        let rows = json.get(*key).unwrap_or(&json).as_array().unwrap_or_else(|| panic!("{path}: {json}"));
        let csv = look(&site, &format!("{path}.csv")).await;
        assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8"), "{path}");
        if !column.is_empty() {
            assert!(rows[0].get(*column).is_some(), "{path}: {json}");
            let heading = csv.body.lines().next().expect("a heading");
            assert!(heading.split(',').any(|name| name == *column), "{path}: {heading}");
            // The log of looks has the look at it.
            let looks = usize::from(*path == "/privacy/audit");
            assert_eq!(csv.body.lines().count(), rows.len() + 1 + looks, "{path}: {}", csv.body);
        }
        if !rows.is_empty() {
            let name = path.rsplit('/').next().expect("a name");
            assert!(page.body.contains(&format!("{name}.csv")), "{path}: {}", page.body);
            assert!(page.body.contains(&format!("{name}.json")), "{path}");
        }
    }
});
