//! Running and timing futures.

use std::future::Future;
use std::time::Instant;

/// Runs the future as a task on so many workers; the thread that calls only waits.
pub fn on_workers<F>(workers: usize, future: F) -> F::Output
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_time().build().expect("a runtime");
    runtime.block_on(async { tokio::spawn(future).await.expect("no panic") })
}

pub async fn seconds<F: Future>(future: F) -> f64 {
    let begin = Instant::now();
    future.await;
    begin.elapsed().as_secs_f64()
}

/// Nanoseconds an operation, after a warm-up of a tenth.
pub async fn nanoseconds_each<F: Future>(count: usize, f: impl Fn(usize) -> F) -> f64 {
    f(count / 10 + 1).await;
    seconds(f(count)).await * 1e9 / count as f64
}

pub fn percentile_99(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[(samples.len() * 99).div_ceil(100) - 1]
}
