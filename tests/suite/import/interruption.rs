//! Imports that are killed, overtaken, or lose their list.

use std::path::PathBuf;
use std::sync::Arc;

use sendoff::audience::import::{self, Phase, Progress, Request};
use sendoff::audience::{list, workspace};
use sendoff::ground::text::Lang;
use tokio::sync::Notify;

use super::stage::{count, counts, file, furnish, import, import_into, key, people, request};
use crate::house::{House, NOW, both};

/// A file of `count` people in an order that is not that of their addresses.
fn crowd(house: &House, count: u64) -> PathBuf {
    let mut text = "email,имя,возраст\n".to_owned();
    for index in 0..count {
        let number = index * 7919 % count;
        text += &format!("person{number}@example.org,Человек {number},{}\n", 18 + number % 60);
    }
    file(house, "crowd.csv", text)
}

both!(an_import_killed_half_way_and_run_again_ends_as_one_clean_run, |house| {
    furnish(house, house.workspace.id).await;
    let request = request(crowd(house, 20_000));
    for stop in [Phase::Reading, Phase::Merging] {
        let reached = Arc::new(Notify::new());
        let mut watch = {
            let (reached, mut seen) = (reached.clone(), 0);
            move |progress: Progress| {
                seen += u32::from(progress.phase == stop);
                if seen == 2 || (stop == Phase::Reading && seen == 1) {
                    reached.notify_one();
                }
            }
        };
        tokio::select! {
            biased;
            () = reached.notified() => {}
            done = import::run(&house.home, house.workspace.id, &request, Lang::En, &mut watch) => {
                panic!("not killed: {done:?}");
            }
        }
    }
    let half = count(house, "select count(*) from contact").await;
    assert!((8_000..20_000).contains(&half), "{half}");

    let outcome = import(house, &request).await.expect("imported");

    assert_eq!(outcome.new + outcome.unchanged, 20_000);
    assert!(outcome.unchanged >= half);
    let twin = workspace::ensure(&house.home, "twin").await.expect("a workspace").id;
    furnish(house, twin).await;
    assert_eq!(counts(&import_into(house, twin, &request).await.expect("imported")), [20_000, 0, 0, 0, 0, 0]);
    let people = people(house).await;
    let (main, twin) = people.split_at(20_000);
    let nameless = |all: &[String]| all.iter().map(|one| one.split_once('|').expect("cells").1.to_owned()).collect();
    let (main, twin): (Vec<String>, Vec<String>) = (nameless(main), nameless(twin));
    assert_eq!(main, twin);
    let staged = std::fs::read_dir(house.home.config.staging()).expect("a folder");
    let folders = staged.filter(|entry| entry.as_ref().is_ok_and(|entry| entry.path().is_dir())).count();
    assert_eq!(folders, 0);
});

both!(a_list_closed_meanwhile_takes_nobody_more, |house| {
    furnish(house, house.workspace.id).await;
    let news = list::add(&house.home, house.workspace.id, "Новости").await.expect("the list").id;
    let (home, runtime) = (house.home.clone(), tokio::runtime::Handle::current());
    let mut closed = false;
    let mut watch = move |progress: Progress| {
        if progress.phase == Phase::Merging && !closed {
            closed = true;
            tokio::task::block_in_place(|| {
                runtime.block_on(async {
                    let mut tx = home.db.write().await.expect("a transaction");
                    list::close(&mut tx, news, NOW).await.expect("closed");
                    tx.commit().await.expect("committed");
                });
            });
        }
    };

    let request = request(crowd(house, 20_000));
    let outcome = import::run(&house.home, house.workspace.id, &request, Lang::En, &mut watch).await;

    // A server may have begun with the second slice by then.
    assert_eq!(key(outcome), "list-closed");
    let joined = count(house, "select count(*) from subscription").await;
    assert!(joined == 8_000 || house.home.db.is_shared() && joined == 16_000, "{joined} joined");
});

both!(two_imports_at_once_end_as_one_after_the_other, |house| {
    furnish(house, house.workspace.id).await;
    list::add(&house.home, house.workspace.id, "Акции").await.expect("a list");
    let one = request(crowd(house, 6_000));
    let two = Request { list: "Акции".to_owned(), ..one.clone() };

    let (first, second, third) = tokio::join!(import(house, &one), import(house, &one), import(house, &two));

    let (first, second, third) = (first.expect("one"), second.expect("two"), third.expect("three"));
    assert_eq!(first.new + second.new + third.new, 6_000);
    assert_eq!(first.new + first.updated + second.new + second.updated, 6_000);
    assert_eq!(count(house, "select count(*) from contact").await, 6_000);
    assert_eq!(count(house, "select count(*) from subscription").await, 12_000);
    assert_eq!(count(house, "select count(*) from consent").await, 12_000);
});
