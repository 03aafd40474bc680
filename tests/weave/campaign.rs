//! What the pieces know of campaigns.

pub mod cap {
    /// So many letters a day, or as many as one likes.
    #[derive(Debug, Clone, Copy, PartialEq, Default)]
    pub struct Cap(pub Option<i64>);

    impl Cap {
        pub fn is_open(&self) -> bool {
            self.0.is_none()
        }
    }
}

#[path = "../../src/campaign/delivery/hand.rs"]
pub mod hand;

pub mod delivery {
    use std::collections::HashMap;

    use crate::disk::{Tx, travel};
    use crate::ground::clock::Millis;
    use crate::ground::error::Result;
    use crate::ground::id::Id;

    pub mod claim {
        pub use crate::campaign::hand::Hand;
    }

    #[derive(Clone, Copy)]
    pub struct Mark {
        pub id: Id,
    }

    /// What the message of a delivery is made from: its number.
    pub struct Marked(pub Id);

    pub struct Outcome {
        pub id: Id,
    }

    pub async fn mark(tx: &mut Tx, _: Id, marks: &[Mark], _: Millis) -> Result<HashMap<Id, Marked>> {
        travel().await;
        let asked = marks.iter().map(|mark| mark.id).collect();
        Ok(tx.mark(asked).into_iter().map(|id| (id, Marked(id))).collect())
    }

    pub async fn release(tx: &mut Tx, _: Id, ids: &[Id], _: Millis) -> Result<()> {
        tx.releases.extend(ids);
        Ok(())
    }

    pub async fn record(tx: &mut Tx, _: Id, results: &[Outcome], _: Millis) -> Result<()> {
        tx.results.extend(results.iter().map(|outcome| outcome.id));
        Ok(())
    }
}
