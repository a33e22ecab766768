//! The sequential work at the leaves of parallel workloads.

pub const FIBONACCI_CUTOFF: usize = 12;

pub fn fibonacci_by_calls(n: usize) -> usize {
    if n < 2 { n } else { fibonacci_by_calls(n - 1) + fibonacci_by_calls(n - 2) }
}

pub fn fibonacci(n: usize) -> usize {
    (0..n).fold((0, 1), |(a, b), _| (b, a + b)).0
}

fn mandelbrot_point(cx: f64, cy: f64) -> u64 {
    let (mut x, mut y) = (0.0, 0.0);
    let mut iterations = 0;
    while iterations < 256 && x * x + y * y <= 4.0 {
        (x, y) = (x * x - y * y + cx, 2.0 * x * y + cy);
        iterations += 1;
    }
    iterations
}

pub fn mandelbrot_rows(size: usize, first: usize, last: usize) -> u64 {
    let mut sum = 0;
    for row in first..last {
        let cy = 2.0 * row as f64 / size as f64 - 1.0;
        for column in 0..size {
            sum += mandelbrot_point(3.0 * column as f64 / size as f64 - 2.0, cy);
        }
    }
    sum
}
