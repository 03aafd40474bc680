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
