use std::sync::Arc;

use tokio::sync::Mutex;
use tokio::task::JoinSet;

use crate::timing::{nanoseconds_each, on_workers};

const TASKS: usize = 16;

pub fn mutex_of_16(workers: usize, size: usize) -> f64 {
    on_workers(workers, async move {
        nanoseconds_each(size, |n| async move {
            let counter = Arc::new(Mutex::new(0));
            let mut tasks = JoinSet::new();
            for t in 0..TASKS {
                let counter = counter.clone();
                tasks.spawn(async move {
                    for _ in (t..n).step_by(TASKS) {
                        *counter.lock().await += 1;
                    }
                });
            }
            while tasks.join_next().await.is_some() {}
            assert_eq!(*counter.lock().await, n, "the count under the mutex");
        })
        .await
    })
}
