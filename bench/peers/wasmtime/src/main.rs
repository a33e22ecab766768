//! The workloads of guests on the wasmtime crate itself, as a program would use it that has no weft: one engine with a
//! pool, epochs that end time slices, a module bound once and instantiated often. Host functions that wait are its own
//! asynchronous ones, which wait for a future that is ready at the second poll.

#[path = "../../rust_common/harness.rs"]
mod harness;
#[allow(dead_code, reason = "of the leaves only the picture is drawn here")]
#[path = "../../rust_common/leaf.rs"]
mod leaf;

use harness::{Workload, run_program};
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, InstancePre, Linker, Module, PoolingAllocationConfig, Store,
    UpdateDeadline,
};

const PICTURE: i32 = 256;

/// Pending once.
struct Turn(bool);

impl Future for Turn {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Polls until it is done: nothing here ever has to sleep, so no executor could be quicker.
fn run<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
}

struct Guests {
    engine: Engine,
    module: InstancePre<()>,
    stop: Arc<AtomicBool>,
}

impl Drop for Guests {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn pool() -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_core_instances(1000).total_memories(1000).total_tables(1000).total_stacks(1000);
    pool.pagemap_scan(Enabled::Auto)
        .linear_memory_keep_resident(64 << 10)
        .table_keep_resident(16 << 10)
        .async_stack_keep_resident(16 << 10);
    pool
}

fn start_ticking(engine: &Engine) -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let (engine, told) = (engine.clone(), stop.clone());
    std::thread::spawn(move || {
        while !told.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(1));
            engine.increment_epoch();
        }
    });
    stop
}

fn guests() -> Guests {
    let file = std::env::var("WEFT_BENCH_GUESTS").expect("WEFT_BENCH_GUESTS names the module of the guests");
    let mut config = Config::new();
    config.epoch_interruption(true).concurrency_support(false).coredump_on_trap(true);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool()));
    let engine = Engine::new(&config).expect("an engine");
    let module = Module::from_file(&engine, file).expect("the module of the guests");
    let mut linker: Linker<()> = Linker::new(&engine);
    linker.func_wrap("host", "at_once", |number: i32| number).expect("a host function");
    linker
        .func_wrap_async("host", "after_a_turn", |_, (number,): (i32,)| {
            Box::new(async move {
                Turn(false).await;
                number
            })
        })
        .expect("a host function");
    let module = linker.instantiate_pre(&module).expect("the module's imports");
    let stop = start_ticking(&engine);
    Guests { engine, module, stop }
}

impl Guests {
    fn store(&self) -> Store<()> {
        let mut store = Store::new(&self.engine, ());
        store.epoch_deadline_callback(|_| Ok(UpdateDeadline::Yield(1)));
        store.set_epoch_deadline(1);
        store
    }

    async fn answer(&self) {
        let mut store = self.store();
        let instance = self.module.instantiate_async(&mut store).await.expect("an instance");
        let function = instance.get_typed_func::<(), i32>(&mut store, "answer").expect("a function");
        assert_eq!(function.call_async(&mut store, ()).await.expect("an answer"), 42);
    }

    async fn call_with_count(&self, name: &str, count: usize) {
        let mut store = self.store();
        let instance = self.module.instantiate_async(&mut store).await.expect("an instance");
        let function = instance.get_typed_func::<i32, i32>(&mut store, name).expect("a function");
        let sum = function.call_async(&mut store, count as i32).await.expect("a sum");
        assert_eq!(sum, (0..count as i32).fold(0_i32, i32::wrapping_add));
    }

    async fn picture(&self, expected: u64) {
        let mut store = self.store();
        let instance = self.module.instantiate_async(&mut store).await.expect("an instance");
        let function = instance.get_typed_func::<i32, i64>(&mut store, "mandelbrot").expect("a function");
        let sum = function.call_async(&mut store, PICTURE).await.expect("a picture");
        assert_eq!(sum as u64, expected);
    }
}

fn nanoseconds_each(count: usize, mut work: impl FnMut(usize)) -> f64 {
    work(count / 10 + 1);
    let begin = Instant::now();
    work(count);
    begin.elapsed().as_secs_f64() * 1e9 / count as f64
}

fn guest_start(_workers: usize, size: usize) -> f64 {
    let guests = guests();
    1e-3 * nanoseconds_each(size, |count| {
        run(async {
            for _ in 0..count {
                guests.answer().await;
            }
        });
    })
}

fn host_call(_workers: usize, size: usize) -> f64 {
    let guests = guests();
    nanoseconds_each(size, |count| run(guests.call_with_count("call_at_once", count)))
}

fn host_call_waiting(_workers: usize, size: usize) -> f64 {
    let guests = guests();
    nanoseconds_each(size, |count| run(guests.call_with_count("call_after_a_turn", count)))
}

/// `total` pieces of work over the threads, which take the next one each.
fn over_threads(workers: usize, total: usize, work: impl Fn() + Sync) {
    let next = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while next.fetch_add(1, Ordering::Relaxed) < total {
                    work();
                }
            });
        }
    });
}

fn compute_guests(workers: usize, size: usize) -> f64 {
    let guests = guests();
    let expected = leaf::mandelbrot_rows(PICTURE as usize, 0, PICTURE as usize) as u64;
    let begin = Instant::now();
    over_threads(workers, size, || run(guests.picture(expected)));
    begin.elapsed().as_secs_f64()
}

fn short_guests(workers: usize, size: usize) -> f64 {
    let guests = guests();
    let begin = Instant::now();
    over_threads(workers, size, || run(guests.answer()));
    begin.elapsed().as_secs_f64()
}

fn main() {
    run_program(
        "wasmtime",
        include_str!("../Cargo.lock"),
        &[
            Workload { name: "guest_start", unit: "us", run: guest_start },
            Workload { name: "host_call", unit: "ns", run: host_call },
            Workload { name: "host_call_waiting", unit: "ns", run: host_call_waiting },
            Workload { name: "compute_guests", unit: "s", run: compute_guests },
            Workload { name: "short_guests", unit: "s", run: short_guests },
        ],
    );
}
