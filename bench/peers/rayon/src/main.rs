//! The fork-join workloads of bench/scheduler with rayon. Its tasks wait for nothing but each other, so what parks
//! or sleeps has no counterpart here.
//!
//! Called as `rayon_bench WORKLOAD WORKERS SIZE`, prints one line of JSON; see bench/harness/harness.hpp.

#[path = "../../rust_common/harness.rs"]
mod harness;
#[path = "../../rust_common/leaf.rs"]
mod leaf;

use std::time::Instant;

use rayon::prelude::*;

use harness::Workload;
use leaf::{fibonacci, fibonacci_by_calls, mandelbrot_rows, FIBONACCI_CUTOFF};

const WORKLOADS: &[Workload] = &[
    Workload { name: "spawn_join_one", unit: "ns", run: spawn_join_one },
    Workload { name: "spawn_1000", unit: "ns", run: spawn_1000 },
    Workload { name: "skynet", unit: "s", run: skynet_by_join },
    Workload { name: "fork_join", unit: "s", run: fork_join },
    Workload { name: "mandelbrot", unit: "s", run: mandelbrot },
    Workload { name: "parallel_sort", unit: "s", run: parallel_sort },
    Workload { name: "parallel_reduce", unit: "s", run: parallel_reduce },
];

fn main() {
    harness::run_program("rayon", include_str!("../Cargo.lock"), WORKLOADS);
}

fn on_workers(workers: usize, f: impl FnOnce() -> f64 + Send) -> f64 {
    rayon::ThreadPoolBuilder::new().num_threads(workers).build().expect("a pool").install(f)
}

fn seconds(f: impl FnOnce()) -> f64 {
    let begin = Instant::now();
    f();
    begin.elapsed().as_secs_f64()
}

fn nanoseconds_each(count: usize, f: impl Fn(usize)) -> f64 {
    f(count / 10 + 1);
    seconds(|| f(count)) * 1e9 / count as f64
}

fn spawn_join_one(workers: usize, size: usize) -> f64 {
    on_workers(workers, || nanoseconds_each(size, |n| (0..n).for_each(|_| rayon::scope(|s| s.spawn(|_| {})))))
}

fn spawn_1000(workers: usize, size: usize) -> f64 {
    let thousand = |_| rayon::scope(|s| (0..1000).for_each(|_| s.spawn(|_| {})));
    on_workers(workers, || nanoseconds_each(size, |n| (0..n.div_ceil(1000)).for_each(thousand)))
}

fn skynet(first: usize, leaves: usize) -> usize {
    if leaves == 1 {
        return first;
    }
    let each = leaves / 10;
    let mut sums = [0; 10];
    rayon::scope(|s| {
        for (i, sum) in sums.iter_mut().enumerate() {
            s.spawn(move |_| *sum = skynet(first + i * each, each));
        }
    });
    sums.iter().sum()
}

fn skynet_by_join(workers: usize, size: usize) -> f64 {
    on_workers(workers, || {
        skynet(0, size / 10);
        seconds(|| assert_eq!(skynet(0, size), size * (size - 1) / 2))
    })
}

fn fibonacci_forked(n: usize) -> usize {
    if n <= FIBONACCI_CUTOFF {
        return fibonacci_by_calls(n);
    }
    let (a, b) = rayon::join(|| fibonacci_forked(n - 1), || fibonacci_forked(n - 2));
    a + b
}

fn fork_join(workers: usize, size: usize) -> f64 {
    on_workers(workers, || {
        fibonacci_forked(size - 5);
        seconds(|| assert_eq!(fibonacci_forked(size), fibonacci(size)))
    })
}

fn mandelbrot(workers: usize, size: usize) -> f64 {
    on_workers(workers, || {
        let expected = mandelbrot_rows(size, 0, size);
        let chunk = |i: usize| mandelbrot_rows(size, size * i / 64, size * (i + 1) / 64);
        seconds(|| assert_eq!((0..64).into_par_iter().with_max_len(1).map(chunk).sum::<u64>(), expected))
    })
}

/// The same numbers as bench::shuffled_numbers.
fn shuffled_numbers(count: usize) -> Vec<i32> {
    let mut state = 1u32;
    let mut next = || {
        state ^= state << 13; // Marsaglia's xorshift
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 1) as i32
    };
    (0..count).map(|_| next()).collect()
}

fn parallel_sort(workers: usize, size: usize) -> f64 {
    let mut warm_up = shuffled_numbers(size / 10);
    let mut numbers = shuffled_numbers(size);
    let time = on_workers(workers, || {
        warm_up.par_sort_unstable();
        seconds(|| numbers.par_sort_unstable())
    });
    assert!(numbers.is_sorted());
    time
}

fn parallel_reduce(workers: usize, size: usize) -> f64 {
    let numbers: Vec<f64> = (0..size).map(|i| (i % 1000) as f64).collect();
    let expected: f64 = numbers.iter().sum();
    on_workers(workers, || seconds(|| assert_eq!(numbers.par_iter().sum::<f64>(), expected)))
}
