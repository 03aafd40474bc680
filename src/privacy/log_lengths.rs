//! Lengths of the logs of erasures and corrections, now and when the last complete physical erasure began
//! (`journal/erasures.scrubbed`): what was added since is pending.

use std::path::PathBuf;

use super::{correction_log, destruction, erasure_log};
use crate::infra::atomic_file;
use crate::infra::error::Result;
use crate::infra::installation::Installation;

/// Whether contacts were erased, or values corrected, whose bytes may still be stored.
pub fn is_pending(installation: &Installation) -> bool {
    let (recorded, completed) = (LogLengths::recorded(installation), LogLengths::completed(installation));
    completed.erasures < recorded.erasures || completed.corrections < recorded.corrections
}

/// Marks every erasure of the log as pending, because older data was restored.
pub fn mark_all_pending(installation: &Installation) -> Result<()> {
    LogLengths::default().write_completed(installation)
}

/// Lengths of the two logs in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct LogLengths {
    pub(super) erasures: u64,
    pub(super) corrections: u64,
}

impl LogLengths {
    /// The lengths now.
    pub(super) fn recorded(installation: &Installation) -> Self {
        Self { erasures: erasure_log::length(installation), corrections: correction_log::length(installation) }
    }

    /// The lengths up to which nothing is pending.
    pub(super) fn completed(installation: &Installation) -> Self {
        let text = std::fs::read_to_string(path(installation)).unwrap_or_default();
        let mut numbers = text.split_whitespace().map(|number| number.parse().unwrap_or(0));
        let mut next = |recorded| numbers.next().filter(|length| *length <= recorded).unwrap_or(0);
        let recorded = Self::recorded(installation);
        Self { erasures: next(recorded.erasures), corrections: next(recorded.corrections) }
    }

    /// Records that nothing before these lengths is pending, also in the log of destruction when people were erased since.
    pub(super) fn complete(self, installation: &Installation) -> Result<()> {
        let before = Self::completed(installation).erasures;
        self.write_completed(installation)?;
        if self.erasures > before { destruction::record_overwritten(installation) } else { Ok(()) }
    }

    pub(super) fn write_completed(self, installation: &Installation) -> Result<()> {
        atomic_file::replace(&path(installation), &format!("{} {}\n", self.erasures, self.corrections))
    }
}

fn path(installation: &Installation) -> PathBuf {
    installation.config.journal_dir().join("erasures.scrubbed")
}
