use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{watch, Notify};
use tokio::task::{yield_now, JoinSet};

use crate::timing::{nanoseconds_each, on_workers, percentile_99, seconds};

pub fn switch_two(workers: usize, size: usize) -> f64 {
    async fn yields(count: usize) {
        for _ in 0..count {
            yield_now().await;
        }
    }
    on_workers(workers, async move {
        nanoseconds_each(size, |n| async move {
            let first = tokio::spawn(yields(n / 2));
            let second = tokio::spawn(yields(n / 2));
            first.await.unwrap();
            second.await.unwrap();
        })
        .await
    })
}

pub fn spawn_join_one(workers: usize, size: usize) -> f64 {
    on_workers(workers, async move {
        nanoseconds_each(size, |n| async move {
            for _ in 0..n {
                tokio::spawn(async {}).await.unwrap();
            }
        })
        .await
    })
}

pub fn spawn_1000(workers: usize, size: usize) -> f64 {
    on_workers(workers, async move {
        nanoseconds_each(size, |n| async move {
            for _ in 0..n.div_ceil(1000) {
                let tasks: Vec<_> = (0..1000).map(|_| tokio::spawn(async {})).collect();
                for task in tasks {
                    task.await.unwrap();
                }
            }
        })
        .await
    })
}

fn skynet(first: usize, leaves: usize) -> Pin<Box<dyn Future<Output = usize> + Send>> {
    Box::pin(async move {
        if leaves == 1 {
            return first;
        }
        let each = leaves / 10;
        let children: Vec<_> = (0..10).map(|i| tokio::spawn(skynet(first + i * each, each))).collect();
        let mut sum = 0;
        for child in children {
            sum += child.await.unwrap();
        }
        sum
    })
}

pub fn skynet_by_join(workers: usize, size: usize) -> f64 {
    on_workers(workers, async move {
        skynet(0, size / 10).await;
        seconds(async { assert_eq!(skynet(0, size).await, size * (size - 1) / 2) }).await
    })
}

/// Says when the last of a number of tasks has arrived.
struct Arrivals {
    missing: AtomicUsize,
    complete: Notify,
}

impl Arrivals {
    fn of(count: usize) -> Arc<Self> {
        Arc::new(Self { missing: AtomicUsize::new(count), complete: Notify::new() })
    }
    fn arrive(&self) {
        if self.missing.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.complete.notify_one();
        }
    }
}

pub fn parked_on_one_event(workers: usize, size: usize) -> f64 {
    on_workers(workers, async move {
        seconds(async {
            let (event, _) = watch::channel(false);
            let arrivals = Arrivals::of(size);
            let tasks: Vec<_> = (0..size)
                .map(|_| {
                    let (mut event, arrivals) = (event.subscribe(), arrivals.clone());
                    tokio::spawn(async move {
                        arrivals.arrive();
                        event.changed().await.unwrap();
                    })
                })
                .collect();
            arrivals.complete.notified().await;
            event.send(true).unwrap();
            for task in tasks {
                task.await.unwrap();
            }
        })
        .await
    })
}

pub fn sleepers(workers: usize, size: usize) -> f64 {
    on_workers(workers, async move {
        seconds(async {
            let sleep = || tokio::spawn(tokio::time::sleep(Duration::from_secs(1)));
            let tasks: Vec<_> = (0..size).map(|_| sleep()).collect();
            for task in tasks {
                task.await.unwrap();
            }
        })
        .await
            - 1.0
    })
}

/// Arrives when it is dropped: aborting a task does not wait until it is gone, and here that counts.
struct Departure(Arc<Arrivals>);

impl Drop for Departure {
    fn drop(&mut self) {
        self.0.arrive();
    }
}

pub fn cancel_tree(workers: usize, size: usize) -> f64 {
    async fn branch(parked: Arc<Arrivals>, gone: Arc<Arrivals>) {
        let mut children = JoinSet::new();
        for _ in 0..1000 {
            let (parked, departure) = (parked.clone(), Departure(gone.clone()));
            children.spawn(async move {
                let _departure = departure;
                parked.arrive();
                std::future::pending::<()>().await;
            });
        }
        while children.join_next().await.is_some() {}
    }
    on_workers(workers, async move {
        let (parked, gone) = (Arrivals::of(size), Arrivals::of(size));
        let mut root = JoinSet::new();
        for _ in 0..size / 1000 {
            root.spawn(branch(parked.clone(), gone.clone()));
        }
        parked.complete.notified().await;
        seconds(async {
            root.shutdown().await;
            gone.complete.notified().await;
        })
        .await
    })
}

/// Computes without ever awaiting.
fn burn(duration: Duration) {
    let end = Instant::now() + duration;
    while Instant::now() < end {}
}

pub fn ticker_beside_hogs(workers: usize, size: usize) -> f64 {
    on_workers(workers, async move {
        let hogs: Vec<_> = (0..workers)
            .map(|_| {
                tokio::spawn(async move {
                    for _ in 0..5 {
                        burn(Duration::from_millis(size as u64 / 5));
                        yield_now().await;
                    }
                })
            })
            .collect();
        let mut lateness = Vec::with_capacity(size);
        let begin = Instant::now();
        for tick in 1..=size {
            let due = begin + Duration::from_millis(tick as u64);
            if Instant::now() < due {
                tokio::time::sleep_until(due.into()).await; // one that is late already does not wait again
            }
            lateness.push(due.elapsed().as_secs_f64() * 1e3);
        }
        for hog in hogs {
            hog.await.unwrap();
        }
        percentile_99(lateness)
    })
}
