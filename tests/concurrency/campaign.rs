//! What the pieces know of campaigns.

pub mod rate_limit {
    /// So many letters a day, or as many as one likes.
    #[derive(Debug, Clone, Copy, PartialEq, Default)]
    pub struct RateLimit(pub Option<i64>);

    impl RateLimit {
        pub fn is_open(&self) -> bool {
            self.0.is_none()
        }
    }
}

#[path = "../../src/campaign/delivery/in_flight.rs"]
pub mod in_flight;

pub mod delivery {
    use crate::infra::id::Id;

    pub mod claim {
        pub use crate::campaign::in_flight::InFlight;
    }

    #[derive(Clone, Copy)]
    pub struct Mark {
        pub id: Id,
    }

    /// What the message of a delivery is made from: its number.
    pub struct Marked(pub Id);

    pub struct DeliveryResult {
        pub id: Id,
    }
}
