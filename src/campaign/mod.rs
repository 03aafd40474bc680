//! Campaigns: the campaign file, checks before the start, the frozen audience, deliveries and their states.

pub mod audience;
pub mod composer;
pub mod composer_cache;
pub mod deadline;
pub mod delivery;
pub mod erased_counts;
pub mod file;
pub mod frozen_content;
pub mod headline;
pub mod lane;
pub mod launch;
pub mod lifecycle;
pub mod link;
pub mod model;
pub mod preflight;
pub mod rate_limit;
pub mod recall;
pub mod recipient_time;
pub mod recurrence;
pub mod running;
pub mod schedule;
pub mod series;
pub mod stop_rule;
pub mod test_message;
pub mod uncertain_policy;
pub mod zoned_time;
