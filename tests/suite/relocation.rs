//! An installation is carried to the other database and back: nothing is lost, nothing is changed,
//! people can leave all the while, and whatever is killed goes on.

use std::panic::AssertUnwindSafe;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use futures_util::FutureExt;
use rand::RngExt;
use sendoff::audience::contact::Values;
use sendoff::audience::tombstone::EVERY_LIST;
use sendoff::campaign::cap::Cap;
use sendoff::campaign::delivery::State as Fate;
use sendoff::campaign::state::Campaign;
use sendoff::ground::clock::Clock;
use sendoff::ground::config::Config;
use sendoff::ground::db::Db;
use sendoff::ground::db::index;
use sendoff::ground::db::standing::Errand;
use sendoff::ground::error::{Error, Result};
use sendoff::ground::installation::Installation;
use sendoff::ground::token::{Claim, Door};
use sendoff::mailer::relay::{self, Kind as RelayKind, Relay};
use sendoff::mailer::target::Target as Smtp;
use sendoff::privacy::erasure::{self, Gone, Reason};
use sendoff::relocation::{self, Outcome, Step, wipe};
use sendoff::report::summary;
use sha2::{Digest, Sha256};

use crate::canary;
use crate::erasure::{erase, leave};
use crate::house::{self, House, Kind, NOW, both};

mod living;

/// Where a house moves to: the other kind of database.
struct Way {
    to: String,
    database: Option<String>,
}

impl Way {
    async fn of(house: &House) -> Option<Self> {
        house::server()?;
        Some(match house.kind {
            Kind::Postgres => Self { to: house.home.config.data.display().to_string(), database: None },
            Kind::Sqlite => {
                let (name, to) = house::create().await;
                Self { to, database: Some(name) }
            }
        })
    }

    async fn end(self) {
        if let Some(name) = &self.database {
            house::remove(name).await;
        }
    }
}

async fn carry(house: &House, to: &str, told: &mut dyn FnMut(Step)) -> Result<Outcome> {
    relocation::carry_over(house.home.config.clone(), Clock::fixed(NOW), to, told).await
}

/// The installation as its folder alone says where it is.
async fn found(house: &House) -> Installation {
    let config = Config { data: house.home.config.data.clone(), database: None };
    Installation::open(config, Clock::fixed(NOW)).await.expect("opens where its data are")
}

/// Rows and checksum of every table but those that say where a store stands.
async fn sums(db: &Db) -> Vec<(String, u64, Vec<u8>)> {
    let mut conn = db.read().await.expect("a connection");
    let mut sums = Vec::new();
    for table in db.all_tables().await.expect("tables") {
        if table.name != "standing" && table.name != "carried" {
            let mut sum = Sha256::new();
            let (rows, _) = table.digest(&mut conn, (None, None), None, &mut sum).await.expect("read");
            sums.push((table.name, rows, sum.finalize().to_vec()));
        }
    }
    sums
}

/// A campaign that was sent to 40 people of whom some opened, some bounced and some have left, and
/// as many more events as are asked for.
async fn fill(house: &House, events: i64) -> Campaign {
    let news = canary::list(house, "News").await;
    let people: Vec<_> = (0..40)
        .map(|n| {
            let values = Values::from_iter([("note".to_owned(), format!("a\tb\\N\n«{n}»").into())]);
            (canary::address(&format!("person{n}@example.org")), values)
        })
        .collect();
    canary::join(house, &news, &people).await;
    let (campaign, _) = canary::launch(house, &news, "autumn").await;
    let taken = canary::take(house, &campaign).await;
    let ends: Vec<_> = taken
        .values()
        .enumerate()
        .map(|(n, id)| (*id, if n % 9 == 0 { Fate::Rejected } else { Fate::Accepted }))
        .collect();
    canary::end(house, &campaign, &ends).await;
    for id in taken.values().take(10) {
        canary::react(house, *id).await;
    }
    let mut tx = house.home.db.write().await.expect("a transaction");
    sqlx::query(
        "with recursive s(n) as (select 1 union all select n + 1 from s where n < $1) insert into event \
         select 1000 + s.n, d.workspace_id, d.campaign_id, d.id, d.contact_id, 'open', 0, d.changed_at \
         from s join delivery d on d.id = $2",
    )
    .bind(events)
    .bind(*taken.values().next().expect("a delivery"))
    .execute(&mut *tx)
    .await
    .expect("more events");
    let relay = Relay {
        kind: RelayKind::Smtp(Box::new(
            Smtp::parse("smtp://user:secret@mail.example:587?tls=required").expect("a target"),
        )),
        connections: 3,
        cap: Cap { rate: Some(12.5), ..Cap::default() },
        ..Relay::default()
    };
    relay::set(&house.home, &mut tx, house.workspace.id, &relay).await.expect("a relay");
    // Made while the installation is in use, as those of segments are.
    sendoff::audience::contact::index(&mut tx, "text_1").await.expect("an index");
    tx.commit().await.expect("committed");
    erase(house, "person7@example.org").await;
    leave(house, canary::id(house, "person8@example.org").await.expect("there"), news.id, Some(campaign.id)).await;
    campaign
}

/// The names of all indexes.
async fn indexes(db: &Db) -> Vec<String> {
    let mut conn = db.read().await.expect("a connection");
    let mut names = Vec::new();
    for table in db.table_names().await.expect("asked") {
        names.extend(index::of(&mut conn, &table).await.expect("asked").into_iter().map(|index| index.name));
    }
    names
}

fn key(error: &Error) -> &'static str {
    error.message().key
}

both!(what_was_here_is_there_to_the_byte_and_comes_back_the_same, |house| {
    let Some(way) = Way::of(house).await else { return };
    let campaign = fill(house, 25_000).await;
    let before = sums(&house.home.db).await;
    let delivery = canary::number(house, "select min(id) from delivery").await;
    let claim = Claim { campaign: campaign.id, delivery };
    let token = house.home.signer.stem(claim).token(Door::Unsubscribe);
    let numbers = canary::summary(house, &campaign).await;

    let outcome = carry(house, &way.to, &mut |_| {}).await.expect("carried over");

    let there = found(house).await;
    assert_ne!(there.db.is_shared(), house.home.db.is_shared());
    assert_eq!(sums(&there.db).await, before);
    assert!(indexes(&there.db).await.len() > 10);
    assert_eq!(indexes(&there.db).await, indexes(&house.home.db).await);
    let told: Vec<_> = outcome.tables.iter().map(|sum| (sum.table.clone(), sum.rows)).collect();
    assert_eq!(told, before.iter().map(|(name, rows, _)| (name.clone(), *rows)).collect::<Vec<_>>());
    assert_eq!(there.signer.verify(Door::Unsubscribe, &token), Some(claim));
    let mut conn = there.db.read().await.expect("a connection");
    assert_eq!(summary::of(&mut conn, &campaign).await.expect("counted"), numbers);
    let relay = relay::get(&there, &mut conn, house.workspace.id).await.expect("the seal opens");
    assert!(matches!(&relay.kind, RelayKind::Smtp(target) if target.expose().contains("secret")), "{relay:?}");
    drop(conn);
    there.db.close().await;

    let (place, clean) = wipe::old(&house.home.config.data).await.expect("the old store is removed");
    assert!(!place.contains('@') && (clean || house.kind == Kind::Postgres), "{place}");
    let config = Config { data: house.home.config.data.clone(), database: None };
    let home = house.home.config.database_url().replace("sqlite://", "").replace("/sendoff.db?mode=rwc", "");
    relocation::carry_over(config, Clock::fixed(NOW), &home, &mut |_| {}).await.expect("carried back");
    let back = found(house).await;
    assert_eq!(back.db.is_shared(), house.home.db.is_shared());
    assert_eq!(sums(&back.db).await, before);
    back.db.close().await;
    way.end().await;
});

both!(who_leaves_while_rows_are_carried_leaves_both_sides, |house| {
    let Some(way) = Way::of(house).await else { return };
    let campaign = fill(house, 25_000).await;
    let list = canary::number(house, "select id from list").await;
    let leaver = canary::id(house, "person1@example.org").await.expect("there");
    let mut refused = Vec::new();
    let mut goodbyes = |step: &Step| {
        let (home, workspace) = (&house.home, house.workspace.id);
        let say = async {
            refused.push(home.db.write().await.map(drop).expect_err("nothing else is written").message().key);
            let left = match refused.len() {
                1 => erasure::leave(home, workspace, leaver, list, Reason::Left, Some(campaign.id)).await,
                2 => {
                    erasure::erase(home, workspace, &canary::address("person2@example.org"), Reason::Erased, None).await
                }
                3 => {
                    erasure::erase(home, workspace, &canary::address("nobody@example.org"), Reason::Erased, None).await
                }
                _ => return,
            };
            assert_ne!(left.expect("left").eq(&Gone::Nothing), refused.len() != 3, "{step:?}");
        };
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(say));
    };

    let mut told = |step| {
        if matches!(&step, Step::Comparing { .. } | Step::Carrying { .. }) {
            goodbyes(&step);
        }
    };
    let outcome = carry(house, &way.to, &mut told).await.expect("carried over");

    assert_eq!(outcome.left, 3);
    assert!(refused.len() > 3 && refused.iter().all(|key| *key == "store-moving"), "{refused:?}");
    let there = found(house).await;
    assert_eq!(sums(&there.db).await, sums(&house.home.db).await);
    let mut conn = there.db.read().await.expect("a connection");
    let numbers = summary::of(&mut conn, &campaign).await.expect("counted");
    assert_eq!((numbers.planned, numbers.unsubscribed), (40, 2));
    let mark =
        |text| sendoff::audience::tombstone::mark(&there.keys.tombstone, house.workspace.id, &canary::address(text));
    let graves = [mark("person2@example.org"), mark("nobody@example.org")];
    let kept = sendoff::audience::tombstone::standing(&mut conn, house.workspace.id, EVERY_LIST, &graves).await;
    assert_eq!(kept.expect("asked").len(), 2);
    drop(conn);
    there.db.close().await;
    let late = house.home.db.write_for(Errand::Goodbye).await.map(drop).expect_err("never written again");
    assert!(matches!(&late, Error::Closed(message) if message.key == "store-moved"), "{late:?}");
    way.end().await;
});

both!(a_move_cut_off_at_any_step_goes_on, |house| {
    let Some(way) = Way::of(house).await else { return };
    fill(house, 25_000).await;
    let before = sums(&house.home.db).await;

    let mut cuts = 0;
    let outcome = loop {
        let (config, to) = (house.home.config.clone(), way.to.clone());
        // One step further each time, until none is left to be cut off at.
        let mut left = cuts;
        let mut cut = move |_| {
            left -= 1;
            assert!(left >= 0, "cut off");
        };
        let run = relocation::carry_over(config, Clock::fixed(NOW), &to, &mut cut);
        match AssertUnwindSafe(run).catch_unwind().await {
            Ok(Ok(outcome)) => break outcome,
            // The server has not noticed yet that the last one is gone.
            Ok(Err(error)) if key(&error) == "move-twice" => tokio::time::sleep(Duration::from_millis(20)).await,
            Ok(Err(error)) => panic!("{error:?}"),
            Err(_) => cuts += 1,
        }
    };

    assert!(cuts > 10, "{cuts}");
    assert!(!outcome.tables.is_empty());
    let there = found(house).await;
    assert_eq!(indexes(&there.db).await, indexes(&house.home.db).await);
    assert_eq!(sums(&there.db).await, before);
    there.db.close().await;
    way.end().await;
});

fn program(house: &House, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sendoff"));
    command.args(["--data", &house.home.config.data.display().to_string(), "--lang", "en", "--json"]).args(words);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn with_database(house: &House, mut command: Command) -> Command {
    if let Some(url) = &house.home.config.database {
        command.env("SENDOFF_DATABASE", url);
    }
    command
}

both!(a_move_that_is_killed_at_any_moment_goes_on, |house| {
    let Some(way) = Way::of(house).await else { return };
    fill(house, 25_000).await;
    let before = sums(&house.home.db).await;

    let mut killed = 0;
    for _ in 0..12 {
        let mut child = with_database(house, program(house, &["move", "--to", &way.to])).spawn().expect("runs");
        tokio::time::sleep(Duration::from_millis(rand::rng().random_range(50..1_500))).await;
        child.kill().expect("killed or gone");
        killed += u32::from(!child.wait().expect("ended").success());
    }
    // The folder knows by now, or the variable still names the store that the data are in.
    let mut ended = with_database(house, program(house, &["move", "--to", &way.to])).output().expect("runs");
    for _ in 0..50 {
        let said = String::from_utf8_lossy(&ended.stdout).into_owned();
        if !said.contains("\"move-twice\"") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        ended = with_database(house, program(house, &["move", "--to", &way.to])).output().expect("runs");
    }
    let said = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success() || said.contains("\"store-elsewhere\""), "{said}");

    assert!(killed > 0);
    let there = found(house).await;
    assert_eq!(indexes(&there.db).await, indexes(&house.home.db).await);
    assert_ne!(there.db.is_shared(), house.home.db.is_shared());
    assert_eq!(sums(&there.db).await, before);
    there.db.close().await;
    way.end().await;
});

both!(a_place_that_is_not_fit_is_refused_and_nothing_changes, |house| {
    let Some(way) = Way::of(house).await else { return };
    fill(house, 0).await;
    let before = sums(&house.home.db).await;
    let base = house::server().expect("a server");
    let (base, _) = base.rsplit_once('/').expect("a name");
    let (foreign_name, foreign) = house::create().await;
    let mut other = <sqlx::AnyConnection as sqlx::Connection>::connect(&foreign).await.expect("connects");
    sqlx::raw_sql("create table guest (name text)").execute(&mut other).await.expect("a table of others");
    let full = House::new(house.kind).await;
    let full_place = match &full.home.config.database {
        Some(url) => url.clone(),
        None => full.home.config.data.display().to_string(),
    };

    for (to, expected) in [
        (foreign.as_str(), "move-occupied"),
        (&full_place, "move-occupied"),
        ("postgres://postgres@127.0.0.1:1/none", "move-target-away"),
        (&format!("{base}/there_is_none_of_this_name"), "move-target-missing"),
        ("mysql://host/name", "move-to"),
    ] {
        let error = carry(house, to, &mut |_| {}).await.expect_err(to);
        assert_eq!(key(&error), expected, "{to}");
        assert_eq!(house.home.db.standing().await.expect("asked"), None, "{to}");
    }

    drop(house.home.db.write().await.expect("in use as before"));
    assert_eq!(sums(&house.home.db).await, before);
    drop(other);
    full.leave().await;
    house::remove(&foreign_name).await;
    way.end().await;
});

both!(tables_that_a_killed_program_had_begun_to_make_are_in_nobodys_way, |house| {
    let Some(way) = Way::of(house).await else { return };
    fill(house, 0).await;
    let url = match &way.database {
        Some(_) => way.to.clone(),
        None => format!("sqlite://{}?mode=rwc", house.home.config.data.join("sendoff.db").display()),
    };
    let db = Db::reach(&url).await.expect("reached");
    db.migrate().await.expect("tables");
    let mut tx = db.write().await.expect("a transaction");
    // As it is when the last step was not taken.
    sqlx::raw_sql("drop table standing; drop table carried; delete from _sqlx_migrations where version = 10")
        .execute(&mut *tx)
        .await
        .expect("one step back");
    tx.commit().await.expect("committed");
    db.close().await;

    carry(house, &way.to, &mut |_| {}).await.expect("carried over");
    way.end().await;
});

both!(one_move_at_a_time_and_one_place_until_it_is_given_up, |house| {
    let Some(way) = Way::of(house).await else { return };
    fill(house, 0).await;
    let elsewhere = house.folder.path().join("elsewhere").display().to_string();
    let mut second = None;
    let mut told = |step| {
        if matches!(step, Step::Counted { .. }) {
            let run = async { carry(house, &way.to, &mut |_| {}).await.map(drop) };
            second = Some(tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(run)));
            panic!("cut off");
        }
    };
    let config = house.home.config.clone();
    let cut = AssertUnwindSafe(relocation::carry_over(config, Clock::fixed(NOW), &way.to, &mut told));
    assert!(cut.catch_unwind().await.is_err());
    assert_eq!(key(&second.expect("tried").expect_err("refused")), "move-twice");

    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(key(&carry(house, &elsewhere, &mut |_| {}).await.expect_err("another place")), "move-elsewhere");
    assert_eq!(key(&house.home.db.write().await.map(drop).expect_err("moving")), "store-moving");
    let half = Config { data: house.folder.path().join("third"), database: Some(way.to.clone()) };
    if way.database.is_some() {
        assert_eq!(
            key(&Installation::open(half, Clock::fixed(NOW)).await.map(drop).expect_err("half")),
            "store-arriving"
        );
    }

    relocation::give_up(house.home.config.clone(), Clock::fixed(NOW), Some(&way.to)).await.expect("given up");

    drop(house.home.db.write().await.expect("in use again"));
    carry(house, &way.to, &mut |_| {}).await.expect("nothing is left of the half");
    way.end().await;
});

fn serve(house: &House) -> Child {
    with_database(house, program(house, &["serve", "--listen", "127.0.0.1:0"])).spawn().expect("runs")
}

both!(a_program_on_the_old_store_ends_with_a_sentence_and_nobody_reopens_it, |house| {
    let Some(way) = Way::of(house).await else { return };
    fill(house, 0).await;
    let serving = serve(house);
    tokio::time::sleep(Duration::from_secs(2)).await;

    let moved = with_database(house, program(house, &["move", "--to", &way.to])).output().expect("runs");
    assert!(moved.status.success(), "{}", String::from_utf8_lossy(&moved.stderr));

    let ended = tokio::task::spawn_blocking(|| serving.wait_with_output().expect("ends")).await.expect("ends");
    assert_eq!(ended.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&ended.stdout).contains("store-moved"), "{ended:?}");
    let named = match &house.home.config.database {
        Some(url) => url.clone(),
        None => format!("sqlite://{}", house.home.config.data.join("sendoff.db").display()),
    };
    let old = program(house, &["--database", &named, "list", "ls"]).output().expect("runs");
    assert_eq!(old.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&old.stdout).contains("store-elsewhere"), "{old:?}");
    let other = house.folder.path().join("other").display().to_string();
    let by_another_folder = Command::new(env!("CARGO_BIN_EXE_sendoff"))
        .args(["--data", &other, "--database", &named, "--lang", "en", "list", "ls"])
        .output()
        .expect("runs");
    let sentence = String::from_utf8_lossy(&by_another_folder.stderr).into_owned();
    assert!(sentence.contains("The data that were here are now in"), "{sentence}");

    let wiped = program(house, &["move", "--old", "wipe"]).output().expect("runs");
    assert!(wiped.status.success(), "{}", String::from_utf8_lossy(&wiped.stderr));
    match &house.home.config.database {
        Some(url) => {
            let db = Db::reach(url).await.expect("reached");
            assert_eq!(db.table_names().await.expect("asked"), Vec::<String>::new());
            db.close().await;
        }
        None => {
            let left = ["", "-wal", "-shm"].map(|ending| house.home.config.data.join(format!("sendoff.db{ending}")));
            assert!(left.iter().all(|file| !file.exists()));
        }
    }
    let lists = program(house, &["list", "ls"]).output().expect("runs");
    assert!(lists.status.success(), "{}", String::from_utf8_lossy(&lists.stderr));
    way.end().await;
});
