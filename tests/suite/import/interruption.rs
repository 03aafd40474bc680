//! Imports that are killed, run concurrently, meet an erasure, or whose list is closed or field removed.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sendoff::audience::import::{self, ImportProgress, Phase, Request};
use sendoff::audience::{consent, list, workspace};
use sendoff::infra::i18n::Lang;
use sendoff::privacy::erasure::Erased;
use sendoff::usecase::field_change::{self, Confirmation};
use tokio::sync::Notify;

use super::fixture::{count, counts, file, find, import, import_into, key, people, request, set_up};
use crate::erasure::erase;
use crate::fixture::{Fixture, NOW, both};

/// A file of `count` people, not in order of addresses.
fn many_people(fixture: &Fixture, count: u64) -> PathBuf {
    let mut text = "email,имя,возраст\n".to_owned();
    for index in 0..count {
        let number = index * 7919 % count;
        text += &format!("person{number}@example.org,Человек {number},{}\n", 18 + number % 60);
    }
    file(fixture, "crowd.csv", text)
}

both!(an_import_killed_half_way_and_run_again_equals_one_complete_run, |fixture| {
    set_up(fixture, fixture.workspace.id).await;
    let request = request(many_people(fixture, 20_000));
    for stop in [Phase::Reading, Phase::Merging] {
        let reached = Arc::new(Notify::new());
        let mut watch = {
            let (reached, mut seen) = (reached.clone(), 0);
            move |progress: ImportProgress| {
                seen += u32::from(progress.phase == stop);
                if seen == 2 || (stop == Phase::Reading && seen == 1) {
                    reached.notify_one();
                }
            }
        };
        tokio::select! {
            biased;
            () = reached.notified() => {}
            done = import::run(&fixture.installation, fixture.workspace.id, &request, Lang::EN, &mut watch) => {
                panic!("not killed: {done:?}");
            }
        }
    }
    let half = count(fixture, "select count(*) from contact").await;
    // On PostgreSQL slices are merged at the same time, and all may be committed by then.
    assert!((8_000..=20_000).contains(&half), "{half}");

    let outcome = import(fixture, &request).await.expect("imported");

    assert_eq!(outcome.new + outcome.unchanged, 20_000);
    assert!(outcome.unchanged >= half);
    let twin = workspace::ensure(&fixture.installation, "twin").await.expect("a workspace").id;
    set_up(fixture, twin).await;
    assert_eq!(counts(&import_into(fixture, twin, &request).await.expect("imported")), [20_000, 0, 0, 0, 0, 0]);
    let people = people(fixture).await;
    let (main, twin) = people.split_at(20_000);
    let nameless = |all: &[String]| all.iter().map(|one| one.split_once('|').expect("cells").1.to_owned()).collect();
    let (main, twin): (Vec<String>, Vec<String>) = (nameless(main), nameless(twin));
    assert_eq!(main, twin);
    let staged = std::fs::read_dir(fixture.installation.config.staging_dir()).expect("a folder");
    let folders = staged.filter(|entry| entry.as_ref().is_ok_and(|entry| entry.path().is_dir())).count();
    assert_eq!(folders, 0);
});

both!(an_import_stops_when_its_list_is_closed, |fixture| {
    set_up(fixture, fixture.workspace.id).await;
    let news = list::add(&fixture.installation, fixture.workspace.id, "Новости").await.expect("the list").id;
    let (installation, runtime) = (fixture.installation.clone(), tokio::runtime::Handle::current());
    let mut closed = false;
    let mut watch = move |progress: ImportProgress| {
        if progress.phase == Phase::Merging && !closed {
            closed = true;
            tokio::task::block_in_place(|| {
                runtime.block_on(async {
                    let mut tx = installation.db.write().await.expect("a transaction");
                    list::close(&mut tx, news, NOW).await.expect("closed");
                    tx.commit().await.expect("committed");
                });
            });
        }
    };

    let request = request(many_people(fixture, 20_000));
    let outcome = import::run(&fixture.installation, fixture.workspace.id, &request, Lang::EN, &mut watch).await;

    // PostgreSQL may have started the second slice by then.
    assert_eq!(key(outcome), "list-closed");
    let joined = count(fixture, "select count(*) from subscription").await;
    assert!(joined == 8_000 || fixture.installation.db.is_shared() && joined == 16_000, "{joined} joined");
});

both!(an_import_stops_when_a_field_is_removed, |fixture| {
    set_up(fixture, fixture.workspace.id).await;
    let (installation, actor) = (fixture.installation.clone(), fixture.actor);
    let runtime = tokio::runtime::Handle::current();
    let mut removed = false;
    let mut watch = move |progress: ImportProgress| {
        if progress.phase == Phase::Merging && !removed {
            removed = true;
            tokio::task::block_in_place(|| {
                runtime.block_on(async {
                    // On PostgreSQL another slice adds people meanwhile, and their number is asked for again.
                    for _ in 0..10 {
                        let people = field_change::usage(&installation, &actor, "имя").await.expect("used").people;
                        let confirmed = Confirmation { people: Some(people), used: false };
                        match field_change::remove(&installation, &actor, "имя", confirmed, |_, _| {}).await {
                            Err(error) => assert_eq!(error.message().key, "field-remove-other-number"),
                            Ok(_) => return,
                        }
                    }
                    panic!("not removed");
                });
            });
        }
    };

    let request = request(many_people(fixture, 40_000));
    let outcome = import::run(&fixture.installation, fixture.workspace.id, &request, Lang::EN, &mut watch).await;

    assert_eq!(key(outcome), "import-field-gone");
    let holders = "select count(*) from contact where json(fields) ->> 'имя' is not null";
    assert_eq!(count(fixture, holders).await, 0);
});

both!(concurrent_imports_equal_consecutive_ones, |fixture| {
    set_up(fixture, fixture.workspace.id).await;
    list::add(&fixture.installation, fixture.workspace.id, "Акции").await.expect("a list");
    let one = request(many_people(fixture, 6_000));
    let two = Request { list: "Акции".to_owned(), ..one.clone() };

    let (first, second, third) = tokio::join!(import(fixture, &one), import(fixture, &one), import(fixture, &two));

    let (first, second, third) = (first.expect("one"), second.expect("two"), third.expect("three"));
    assert_eq!(first.new + second.new + third.new, 6_000);
    assert_eq!(first.new + first.updated + second.new + second.updated, 6_000);
    assert_eq!(count(fixture, "select count(*) from contact").await, 6_000);
    assert_eq!(count(fixture, "select count(*) from subscription").await, 12_000);
    assert_eq!(count(fixture, "select count(*) from consent").await, 12_000);
});

both!(an_address_erased_during_an_import_is_not_imported, |fixture| {
    set_up(fixture, fixture.workspace.id).await;
    let request = request(many_people(fixture, 16_000));
    let erased: Vec<String> = (0..16_000).step_by(160).map(|n| format!("person{n}@example.org")).collect();
    let (read, workspace) = (Notify::new(), fixture.workspace.id);
    let mut watch = |progress: ImportProgress| {
        if progress.rows == 16_000 {
            read.notify_one();
        }
    };
    let erasures = async {
        read.notified().await;
        for address in &erased {
            erase(fixture, address).await;
        }
    };

    let (outcome, ()) =
        tokio::join!(import::run(&fixture.installation, workspace, &request, Lang::EN, &mut watch), erasures);

    let outcome = outcome.expect("imported");
    assert_eq!(outcome.new + outcome.tombstoned, 16_000, "{outcome:?}");
    for address in &erased {
        assert!(find(fixture, address).await.is_none(), "{address} was imported");
    }
    assert_eq!(count(fixture, "select count(*) from contact").await, 16_000 - erased.len() as i64);
});

both!(evidence_is_kept_while_a_new_receipt_refers_to_it, |fixture| {
    if !fixture.installation.db.is_shared() {
        return;
    }
    let (installation, workspace) = (&fixture.installation, fixture.workspace.id);
    set_up(fixture, workspace).await;
    let news = list::add(installation, workspace, "Новости").await.expect("the list").id;
    import(fixture, &request(file(fixture, "one.csv", "email\nanna@example.org\n"))).await.expect("imported");
    let anna = find(fixture, "anna@example.org").await.expect("known");
    let evidence = {
        let mut conn = installation.db.read().await.expect("a connection");
        consent::of_contact(&mut conn, anna.id).await.expect("receipts").remove(0).evidence
    };

    let mut tx = installation.db.write().await.expect("a transaction");
    let key = consent::ensure_evidence(&mut tx, installation, workspace, &evidence).await.expect("known");
    let erased = tokio::time::timeout(Duration::from_secs(20), erase(fixture, "anna@example.org")).await;
    assert_eq!(erased, Ok(Erased::Contact), "an erasure does not wait for a receipt");
    consent::record(
        &mut tx,
        &installation.ids,
        workspace,
        &[installation.ids.next().expect("an id")],
        key,
        &consent::Terms::mailing(news),
        NOW,
    )
    .await
    .expect("written");
    tx.commit().await.expect("committed");

    assert_eq!(count(fixture, "select count(*) from contact").await, 0);
    assert_eq!(count(fixture, "select count(*) from evidence").await, 1);
});
