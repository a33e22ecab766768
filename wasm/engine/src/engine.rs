//! The engine: compiler, allocator of guests, and the epoch that ends time slices.

use crate::error::{WeftError, report};
use crate::ffi::guarded;
use std::num::NonZeroUsize;
use wasmtime_c_api::wasmtime::{
    self, Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig, ProfilingStrategy, Result, Strategy,
    WasmBacktraceDetails,
};

/// How modules become something that runs; the numbers are part of the C interface.
#[repr(C)]
#[derive(Clone, Copy)]
#[expect(dead_code, reason = "chosen on the other side of the C interface")]
pub enum Compiler {
    /// Optimises.
    Cranelift = 0,
    /// One pass over the code: compiles many times faster, and what comes out is slower.
    Winch = 1,
    /// Byte code for an interpreter, for machines where no page may be both written and executed.
    Pulley = 2,
}

/// Must stay one word that holds Wasmtime's engine: Wasmtime's C interface knows the same object as `wasm_engine_t`.
#[repr(C)]
pub struct Engine(pub wasmtime::Engine);

#[repr(C)]
pub struct EngineOptions {
    /// Guests whose memory, tables and stacks are reserved beforehand; 0 allocates them on demand.
    pool_guests: u32,
    /// Address space of one memory, bytes. A memory larger than it may move when it grows.
    memory_reservation: u64,
    memory_guard: u64,
    /// Elements of one table of a pooled guest.
    pool_table_elements: usize,
    /// Bytes that WebAssembly code may use of a guest's stack, and the stack as a whole, host functions included.
    wasm_stack: usize,
    guest_stack: usize,
    backtrace_frames: usize,
    compiler: Compiler,
    /// Tells perf(1) the names of compiled functions, in /tmp/perf-PID.map.
    perf_map: bool,
}

fn pool(options: &EngineOptions) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_core_instances(options.pool_guests)
        .total_memories(options.pool_guests)
        .total_tables(options.pool_guests)
        .total_stacks(options.pool_guests)
        // A heap for the garbage collector costs as much address space as a memory, and few guests have one.
        .total_gc_heaps(options.pool_guests.div_ceil(8))
        .table_elements(options.pool_table_elements)
        .max_memory_size(options.memory_reservation as usize)
        // Clearing a little by hand is cheaper than asking the kernel to take the pages back; where it tells which pages have
        // been written to (Linux 6.7), only those.
        .pagemap_scan(Enabled::Auto)
        .linear_memory_keep_resident(64 << 10)
        .table_keep_resident(16 << 10)
        .async_stack_keep_resident(16 << 10);
    pool
}

fn choose_compiler(config: &mut Config, compiler: Compiler) -> Result<()> {
    match compiler {
        Compiler::Cranelift => config.strategy(Strategy::Cranelift),
        // Without functions and blocks of several values: code that Winch makes of some of them writes over the frame
        // it returns through.
        Compiler::Winch => config.strategy(Strategy::Winch).wasm_multi_value(false),
        Compiler::Pulley => config.target("pulley64")?,
    };
    Ok(())
}

fn configure(options: &EngineOptions) -> Result<Config> {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .concurrency_support(false)
        .wasm_threads(false)
        .max_wasm_stack(options.wasm_stack)
        .async_stack_size(options.guest_stack)
        .memory_reservation(options.memory_reservation)
        .memory_guard_size(options.memory_guard)
        .wasm_backtrace_details(WasmBacktraceDetails::Enable)
        .wasm_backtrace_max_frames(NonZeroUsize::new(options.backtrace_frames))
        // Costs nothing until a guest traps, and then little: what is to be dumped is only listed.
        .coredump_on_trap(true);
    if options.perf_map {
        config.profiler(ProfilingStrategy::PerfMap);
    }
    choose_compiler(&mut config, options.compiler)?;
    if options.pool_guests > 0 {
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(options)));
    }
    Ok(config)
}

fn make(options: &EngineOptions) -> Result<Box<Engine>> {
    Ok(Box::new(Engine(wasmtime::Engine::new(&configure(options)?)?)))
}

#[unsafe(no_mangle)]
pub extern "C" fn weft_engine_new(options: &EngineOptions, error: &mut Option<Box<WeftError>>) -> Option<Box<Engine>> {
    report(guarded(|| make(options)), error)
}

#[unsafe(no_mangle)]
pub extern "C" fn weft_engine_delete(_engine: Box<Engine>) {}

/// Ends the time slice of every guest of the engine. Any thread; also safe in a signal handler.
#[unsafe(no_mangle)]
pub extern "C" fn weft_engine_tick(engine: &Engine) {
    engine.0.increment_epoch();
}
