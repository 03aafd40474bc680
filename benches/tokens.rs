//! Prints the tokens of deliveries for a load test of the public pages: one line per delivery with the tokens of the
//! pixel, the links and the unsubscribe page.
//!
//! ```text
//! cargo bench --bench tokens -- FOLDER [COUNT]
//! ```

use std::path::PathBuf;

use sendoff::infra::clock::Clock;
use sendoff::infra::config::Config;
use sendoff::infra::db::query::Query;
use sendoff::infra::error::Result;
use sendoff::infra::installation::Installation;
use sendoff::infra::token::{DeliveryRef, TokenPurpose};
use sqlx::Row;

#[tokio::main]
async fn main() -> Result<()> {
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    let data = PathBuf::from(args.next().expect("the data folder as the first argument"));
    let count: i64 = args.next().and_then(|text| text.parse().ok()).unwrap_or(i64::MAX);
    let installation = Installation::open(Config { data, database: None }, Clock::system()).await?;
    let rows = Query::new("select campaign_id, id from delivery order by id limit :count")
        .bind("count", count)
        .fetch_all(&mut *installation.db.read().await?)
        .await?;
    for row in rows {
        let secret = installation.signer.message_secret(DeliveryRef { campaign: row.get(0), delivery: row.get(1) });
        let [open, click, unsubscribe] =
            [TokenPurpose::Open, TokenPurpose::Click, TokenPurpose::Unsubscribe].map(|purpose| secret.token(purpose));
        println!("{open} {click} {unsubscribe}");
    }
    installation.db.close().await;
    Ok(())
}
