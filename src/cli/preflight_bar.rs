//! The progress bar of a preflight.

use super::print::Bar;
use crate::infra::i18n::Lang;

/// The progress bar of a preflight, drawn once the number of recipients is known.
pub struct PreflightBar {
    lang: Lang,
    bar: Option<Bar>,
}

impl PreflightBar {
    /// A bar that is not drawn yet.
    pub fn new(lang: Lang) -> Self {
        Self { lang, bar: None }
    }

    /// The callback that draws it.
    pub fn progress(&mut self) -> impl FnMut(u64, u64) {
        |done, total| {
            let lang = self.lang;
            self.bar.get_or_insert_with(|| Bar::new(&lang.tr("bar-preflight"), total)).set(done, total);
        }
    }

    /// Clears it.
    pub fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish();
        }
    }
}
