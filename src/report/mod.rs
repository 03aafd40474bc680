//! Reports: summary, progress and lanes of a campaign, stats of the installation, exports. Their numbers stay the same when
//! contacts are erased.

pub mod export;
pub mod lanes;
pub mod list_growth;
pub mod period_summary;
pub mod progress;
pub mod rates;
pub mod slow_counts;
pub mod stats;
pub mod summary;
