//! The oath of the limits: no day has more letters than it may, no stretch of time more than its rate,
//! and nothing leaves that was not drawn before.

use sqlx::Row;

use crate::duty::LANE;
use crate::observations::{Kept, need};
use crate::world::World;

impl World {
    /// Weighs what was drawn so far. To be asked before the clock moves on.
    pub async fn weigh_limit(&mut self) -> Kept {
        let cap = self.plan.cap;
        if cap.is_unlimited() {
            return Ok(());
        }
        let row = sqlx::query("select day, used from rate_account where lane = $1")
            .bind(LANE)
            .fetch_optional(&mut *self.site.installation.db.read().await?)
            .await?;
        let Some(row) = row else { return Ok(()) };
        let (day, spent): (i64, i64) = (row.get(0), row.get(1));
        need(cap.daily.is_none_or(|most| spent <= most), || format!("{spent} letters of one day, of {:?}", cap.daily))?;
        self.facts.drawn.insert(day, spent);
        let drawn: i64 = self.facts.drawn.values().sum();
        let left = self.facts.left;
        need(left <= drawn, || format!("{left} letters left, {drawn} were drawn"))?;
        self.facts.draws.push((self.uptime, drawn));
        let Some(rate) = cap.rate else { return Ok(()) };
        for (since, before) in &self.facts.draws {
            let time = (self.uptime - since) as f64 / 1_000.0;
            let most = time * rate + rate.max(1.0) + 1.0;
            let count = drawn - before;
            need(count as f64 <= most, || format!("{count} letters drawn in {time} s at {rate} a second"))?;
        }
        Ok(())
    }
}
