//! What is sent to whom and when: the campaign file, its checks, the frozen audience.

pub mod composer;
pub mod delivery;
pub mod erased_counts;
pub mod file;
pub mod lane;
pub mod launch;
pub mod link;
pub mod model;
pub mod preflight;
pub mod rate_limit;
pub mod recipient_time;
pub mod recurrence;
pub mod schedule;
pub mod series;
pub mod stop_rule;
pub mod test_message;
pub mod zoned_time;
