//! The statements that a piece of work runs, for tests that compare what is done for different people.

use std::cell::RefCell;
use std::future::Future;

tokio::task_local! {
    static STATEMENTS: RefCell<Vec<String>>;
}

/// Runs the work and returns the texts of its statements, in order; those of tasks that it spawns are not among them.
pub async fn statements_of<T>(work: impl Future<Output = T>) -> (T, Vec<String>) {
    let traced = async {
        let output = work.await;
        (output, STATEMENTS.with(RefCell::take))
    };
    STATEMENTS.scope(RefCell::default(), traced).await
}

/// Notes a statement where somebody traces them.
pub(super) fn note(text: &str) {
    // Outside a trace there is nowhere to note it.
    let _ = STATEMENTS.try_with(|statements| statements.borrow_mut().push(text.to_owned()));
}
