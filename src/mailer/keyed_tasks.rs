//! Tasks that each work for something with a name, one for each.

use std::collections::HashMap;

use tokio::task::{Id as TaskId, JoinSet};

use crate::infra::error::{Error, Result};

/// Tasks by what they work for. Dropped, it ends them.
pub struct KeyedTasks<K> {
    tasks: JoinSet<Result<()>>,
    names: HashMap<TaskId, K>,
}

impl<K> Default for KeyedTasks<K> {
    fn default() -> Self {
        Self { tasks: JoinSet::new(), names: HashMap::new() }
    }
}

impl<K: PartialEq> KeyedTasks<K> {
    /// True when one works for it.
    pub fn has(&self, name: &K) -> bool {
        self.names.values().any(|known| known == name)
    }

    /// True when none works.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Sets one to work.
    pub fn start(&mut self, name: K, work: impl Future<Output = Result<()>> + Send + 'static) {
        self.names.insert(self.tasks.spawn(work).id(), name);
    }

    /// Waits for the next that ends and returns what it worked for; `None` when there is none. Nothing is
    /// lost when the wait is given up.
    pub async fn ended(&mut self) -> Option<(K, Result<()>)> {
        let (task, told) = match self.tasks.join_next_with_id().await? {
            Ok(ended) => ended,
            Err(crashed) => (crashed.id(), Err(Error::Db(sqlx::Error::WorkerCrashed))),
        };
        self.names.remove(&task).map(|name| (name, told))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_ends_or_breaks_down_is_named() {
        let mut crew = KeyedTasks::default();
        assert!(crew.is_empty() && crew.ended().await.is_none());

        crew.start("a", async { Ok(()) });
        assert!(crew.has(&"a") && !crew.has(&"b"));
        assert!(matches!(crew.ended().await, Some(("a", Ok(())))));

        crew.start("b", async { panic!("a bug") });
        assert!(matches!(crew.ended().await, Some(("b", Err(_)))));
        assert!(crew.is_empty());
    }
}
