//! A trace search also reads what lies outside the usual places.

use sendoff::report::export::Kind as ExportKind;
use sendoff::report::export::table_writer::Format;
use sendoff::usecase::export;

use crate::canary;
use crate::fixture::both;

both!(a_trace_search_finds_crash_files_and_exports_elsewhere, |fixture| {
    let installation = &fixture.installation;
    let address = format!("{}@forget.test", canary::word());
    let news = canary::list(fixture, "News").await;
    canary::person(fixture, &news, &address).await;
    let elsewhere = tempfile::tempdir().expect("a folder");
    let wanted = export::Request {
        kind: ExportKind::Subscriptions,
        format: Format::Csv,
        excel: None,
        campaign: None,
        since: None,
        file: Some(elsewhere.path().join("people.csv")),
    };
    export::run(installation, &fixture.actor, &wanted, &mut |_, _| {}).await.expect("exported");
    let data = &installation.config.data;
    std::fs::write(data.join("core.4711"), [b"\0\0stack ", address.as_bytes(), b"\0"].concat()).expect("written");
    std::fs::write(data.join("journal/unsubscribe.aside"), format!("{address}\n")).expect("written");

    let found = canary::search(fixture, &address).await;

    for place in ["core.4711", "unsubscribe.aside", "people.csv"] {
        assert!(found.traces.iter().any(|trace| trace.place.ends_with(place)), "{place}: {found:?}");
    }
});
