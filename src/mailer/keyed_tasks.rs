//! Keyed set of tasks: a `JoinSet` with one task per key.

use std::collections::HashMap;

use tokio::task::{Id as TaskId, JoinSet};

use crate::infra::error::Result;
use crate::infra::panic;

/// Tasks by key. Dropping the set aborts them.
pub struct KeyedTasks<K> {
    tasks: JoinSet<Result<()>>,
    keys: HashMap<TaskId, K>,
}

impl<K> Default for KeyedTasks<K> {
    fn default() -> Self {
        Self { tasks: JoinSet::new(), keys: HashMap::new() }
    }
}

impl<K: PartialEq> KeyedTasks<K> {
    /// True when a task with this key runs.
    pub fn has(&self, key: &K) -> bool {
        self.keys.values().any(|known| known == key)
    }

    /// True when no task runs.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Starts a task.
    pub fn spawn(&mut self, key: K, task: impl Future<Output = Result<()>> + Send + 'static) {
        self.keys.insert(self.tasks.spawn(task).id(), key);
    }

    /// Waits for the next task that ends and returns its key and result; `None` when no task runs. Cancel safe. A task
    /// that panicked has the error of a panic.
    pub async fn join_next(&mut self) -> Option<(K, Result<()>)> {
        let (task, result) = match self.tasks.join_next_with_id().await? {
            Ok(ended) => ended,
            Err(panicked) => (panicked.id(), Err(panic::error())),
        };
        self.keys.remove(&task).map(|key| (key, result))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn join_next_returns_the_key_of_a_task_that_ended_or_panicked() {
        let mut tasks = KeyedTasks::default();
        assert!(tasks.is_empty() && tasks.join_next().await.is_none());

        tasks.spawn("a", async { Ok(()) });
        assert!(tasks.has(&"a") && !tasks.has(&"b"));
        assert!(matches!(tasks.join_next().await, Some(("a", Ok(())))));

        tasks.spawn("b", async { panic!("a bug") });
        assert!(matches!(tasks.join_next().await, Some(("b", Err(error))) if panic::is_panic(&error)));
        assert!(tasks.is_empty());
    }
}
