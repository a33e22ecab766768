use std::future::Future;
use std::pin::Pin;

use crate::leaf::{fibonacci, fibonacci_by_calls, mandelbrot_rows, FIBONACCI_CUTOFF};
use crate::timing::{on_workers, seconds};

fn fibonacci_forked(n: usize) -> Pin<Box<dyn Future<Output = usize> + Send>> {
    Box::pin(async move {
        if n <= FIBONACCI_CUTOFF {
            return fibonacci_by_calls(n);
        }
        let a = tokio::spawn(fibonacci_forked(n - 1));
        let b = fibonacci_forked(n - 2).await;
        a.await.unwrap() + b
    })
}

pub fn fork_join(workers: usize, size: usize) -> f64 {
    on_workers(workers, async move {
        fibonacci_forked(size - 5).await;
        seconds(async { assert_eq!(fibonacci_forked(size).await, fibonacci(size)) }).await
    })
}

pub fn mandelbrot(workers: usize, size: usize) -> f64 {
    on_workers(workers, async move {
        let expected = mandelbrot_rows(size, 0, size);
        seconds(async {
            let chunk = |i| async move { mandelbrot_rows(size, size * i / 64, size * (i + 1) / 64) };
            let tasks: Vec<_> = (0..64).map(|i| tokio::spawn(chunk(i))).collect();
            let mut sum = 0;
            for task in tasks {
                sum += task.await.unwrap();
            }
            assert_eq!(sum, expected);
        })
        .await
    })
}
