//! The tokens of letters that were never opened: what a load on the doors needs. A line a delivery,
//! with the tokens for the pixel, the links and leaving.
//!
//! ```text
//! cargo bench --bench tokens -- FOLDER [COUNT]
//! ```

use std::path::PathBuf;

use sendoff::infra::clock::Clock;
use sendoff::infra::config::Config;
use sendoff::infra::error::Result;
use sendoff::infra::installation::Installation;
use sendoff::infra::token::{DeliveryRef, TokenPurpose};
use sqlx::Row;

#[tokio::main]
async fn main() -> Result<()> {
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    let data = PathBuf::from(args.next().expect("the data folder is named"));
    let count: i64 = args.next().and_then(|text| text.parse().ok()).unwrap_or(i64::MAX);
    let installation = Installation::open(Config { data, database: None }, Clock::system()).await?;
    let rows = sqlx::query("select campaign_id, id from delivery order by id limit $1")
        .bind(count)
        .fetch_all(&mut *installation.db.read().await?)
        .await?;
    for row in rows {
        let stem = installation.signer.message_secret(DeliveryRef { campaign: row.get(0), delivery: row.get(1) });
        let [open, click, leave] =
            [TokenPurpose::Open, TokenPurpose::Click, TokenPurpose::Unsubscribe].map(|door| stem.token(door));
        println!("{open} {click} {leave}");
    }
    installation.db.close().await;
    Ok(())
}
