//! Tests of copying: every row arrives, and erasures meanwhile happen in both stores.

use sendoff::audience::tombstone::EVERY_LIST;
use sendoff::infra::clock::Clock;
use sendoff::infra::config::Config;
use sendoff::infra::db::store_status::WritePurpose;
use sendoff::infra::error::Error;
use sendoff::infra::token::{DeliveryRef, TokenPurpose};
use sendoff::mailer::relay::{self, RelayKind};
use sendoff::privacy::erasure::{self, Erased, Reason};
use sendoff::report::summary;
use sendoff::store_migration::{self, Step, wipe};

use super::fixture::{Target, fill, found, indexes, migrate, sums};
use crate::canary;
use crate::fixture::{Kind, NOW, both};

both!(migration_and_return_keep_every_byte, |fixture| {
    let Some(target) = Target::of(fixture).await else { return };
    let campaign = fill(fixture, 25_000).await;
    let before = sums(&fixture.installation.db).await;
    let delivery = canary::number(fixture, "select min(id) from delivery").await;
    let claim = DeliveryRef { campaign: campaign.id, delivery };
    let token = fixture.installation.signer.message_secret(claim).token(TokenPurpose::Unsubscribe);
    let numbers = canary::summary(fixture, &campaign).await;

    let outcome = migrate(fixture, &target.to, &mut |_| {}).await.expect("migrated");

    let there = found(fixture).await;
    assert_ne!(there.db.is_shared(), fixture.installation.db.is_shared());
    assert_eq!(sums(&there.db).await, before);
    assert!(indexes(&there.db).await.len() > 10);
    assert_eq!(indexes(&there.db).await, indexes(&fixture.installation.db).await);
    let report = outcome.tables.iter().filter(|sum| sum.table != "id_node");
    let report: Vec<_> = report.map(|sum| (sum.table.clone(), sum.rows)).collect();
    assert_eq!(report, before.iter().map(|(name, rows, _)| (name.clone(), *rows)).collect::<Vec<_>>());
    assert_eq!(there.signer.verify(TokenPurpose::Unsubscribe, &token), Some(claim));
    let mut conn = there.db.read().await.expect("a connection");
    assert_eq!(summary::read(&mut conn, &campaign).await.expect("counted"), numbers);
    let relay = relay::main(&there, &mut conn, fixture.workspace.id).await.expect("the password can be decrypted");
    assert!(matches!(&relay.kind, RelayKind::Smtp(target) if target.expose().contains("secret")), "{relay:?}");
    drop(conn);
    there.db.close().await;

    let (place, clean) =
        wipe::previous_stores(&fixture.installation.config.data).await.expect("the old store is removed");
    assert!(!place.contains('@') && (clean || fixture.kind == Kind::Postgres), "{place}");
    let config = Config { data: fixture.installation.config.data.clone(), database: None };
    let installation =
        fixture.installation.config.database_url().replace("sqlite://", "").replace("/sendoff.db?mode=rwc", "");
    store_migration::migrate(config, Clock::fixed(NOW), &installation, &mut |_| {}).await.expect("migrated back");
    let back = found(fixture).await;
    assert_eq!(back.db.is_shared(), fixture.installation.db.is_shared());
    assert_eq!(sums(&back.db).await, before);
    back.db.close().await;
    target.end().await;
});

both!(erasures_during_copying_happen_in_both_stores, |fixture| {
    let Some(target) = Target::of(fixture).await else { return };
    let campaign = fill(fixture, 25_000).await;
    let list = canary::number(fixture, "select id from list").await;
    let contact = canary::id(fixture, "person1@example.org").await.expect("there");
    let mut refused = Vec::new();
    let mut erasures = |step: &Step| {
        let (installation, workspace) = (&fixture.installation, fixture.workspace.id);
        let say = async {
            refused.push(installation.db.write().await.map(drop).expect_err("nothing else is written").message().key);
            let left = match refused.len() {
                1 => {
                    erasure::unsubscribe(
                        installation,
                        workspace,
                        contact,
                        list,
                        Reason::Unsubscribed,
                        Some(campaign.id),
                    )
                    .await
                }
                2 => {
                    erasure::erase(
                        installation,
                        workspace,
                        &canary::address("person2@example.org"),
                        Reason::Erased,
                        None,
                    )
                    .await
                }
                3 => {
                    erasure::erase(
                        installation,
                        workspace,
                        &canary::address("nobody@example.org"),
                        Reason::Erased,
                        None,
                    )
                    .await
                }
                _ => return,
            };
            assert_ne!(left.expect("left").eq(&Erased::Nothing), refused.len() != 3, "{step:?}");
        };
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(say));
    };

    let mut report = |step| {
        if matches!(&step, Step::Comparing { .. } | Step::Copying { .. }) {
            erasures(&step);
        }
    };
    let outcome = migrate(fixture, &target.to, &mut report).await.expect("migrated");

    assert_eq!(outcome.erasures, 3);
    assert!(refused.len() > 3 && refused.iter().all(|key| *key == "store-moving"), "{refused:?}");
    let there = found(fixture).await;
    assert_eq!(sums(&there.db).await, sums(&fixture.installation.db).await);
    let mut conn = there.db.read().await.expect("a connection");
    let numbers = summary::read(&mut conn, &campaign).await.expect("counted");
    assert_eq!((numbers.planned, numbers.unsubscribed), (40, 2));
    let mark = |text| {
        sendoff::audience::tombstone::digest(&there.keys.tombstone, fixture.workspace.id, &canary::address(text))
    };
    let digests = [mark("person2@example.org"), mark("nobody@example.org")];
    let kept = sendoff::audience::tombstone::find_blocking(&mut conn, fixture.workspace.id, EVERY_LIST, &digests).await;
    assert_eq!(kept.expect("asked").len(), 2);
    drop(conn);
    there.db.close().await;
    let late =
        fixture.installation.db.write_for(WritePurpose::Removal).await.map(drop).expect_err("never written again");
    assert!(matches!(&late, Error::StoreClosed(message) if message.key == "store-moved"), "{late:?}");
    target.end().await;
});
