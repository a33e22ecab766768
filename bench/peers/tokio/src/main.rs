//! The workloads of bench/scheduler and bench/sync with tokio: tasks, locks, join handles and channels, as async Rust uses them.
//!
//! Called as `tokio_bench WORKLOAD WORKERS SIZE`, prints one line of JSON; see bench/harness/harness.hpp.

mod channels;
mod computing;
#[path = "../../rust_common/harness.rs"]
mod harness;
#[path = "../../rust_common/leaf.rs"]
mod leaf;
mod locking;
mod scheduling;
mod serving;
mod timing;

use harness::Workload;

const WORKLOADS: &[Workload] = &[
    Workload { name: "switch", unit: "ns", run: scheduling::switch_two },
    Workload { name: "spawn_join_one", unit: "ns", run: scheduling::spawn_join_one },
    // Awaiting a task that has not run always parks.
    Workload { name: "spawn_join_one_park", unit: "ns", run: scheduling::spawn_join_one },
    Workload { name: "spawn_1000", unit: "ns", run: scheduling::spawn_1000 },
    Workload { name: "skynet", unit: "s", run: scheduling::skynet_by_join },
    Workload { name: "fork_join", unit: "s", run: computing::fork_join },
    Workload { name: "mandelbrot", unit: "s", run: computing::mandelbrot },
    Workload { name: "1m_parked", unit: "s", run: scheduling::parked_on_one_event },
    Workload { name: "100k_sleepers", unit: "s", run: scheduling::sleepers },
    Workload { name: "cancel_tree", unit: "s", run: scheduling::cancel_tree },
    Workload { name: "mutex", unit: "ns", run: locking::mutex_of_16 },
    Workload { name: "ticker_beside_hogs", unit: "ms", run: scheduling::ticker_beside_hogs },
    Workload { name: "skynet_channels", unit: "s", run: channels::skynet_by_channels },
    Workload { name: "channel_unbuffered", unit: "ns", run: channels::channel_unbuffered },
    Workload { name: "channel_buffered", unit: "ns", run: channels::channel_buffered },
    Workload { name: "channel_ping_pong", unit: "ns", run: channels::channel_ping_pong },
    Workload { name: "channel_4p4c", unit: "ns", run: channels::channel_4p4c },
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["serve", "--list"] => return println!("echo"),
        ["serve", "echo", workers] => return serving::serve(workers.parse().expect("a number of workers")),
        _ => {}
    }
    harness::run_program("tokio", include_str!("../Cargo.lock"), WORKLOADS);
}
