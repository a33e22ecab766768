//! random-modules SHAPE SEED COUNT: writes COUNT random modules, all of them valid, to standard output, each after its
//! length as four bytes, the lowest first. They import of what the module in the file SHAPE imports and export what that
//! exports. The n-th module depends on SEED + n and the shape alone, so that each can be had again by itself.

use arbitrary::{Arbitrary, Unstructured};
use std::io::{ErrorKind, Write};
use std::process::ExitCode;
use wasm_smith::{Config, Module};

/// Numbers by the algorithm splitmix64 (Steele, Lea and Flood, 2014).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count.div_ceil(8)).flat_map(|_| self.next().to_le_bytes()).take(count).collect()
    }
}

/// Proposals that the engine has switched off stay out, so that what is made is run and not only refused.
fn within_the_engine(mut config: Config, shape: &[u8]) -> Config {
    config.available_imports = Some(shape.to_vec());
    config.exports = Some(shape.to_vec());
    config.threads_enabled = false;
    config.shared_everything_threads_enabled = false;
    config.custom_descriptors_enabled = false;
    config.custom_page_sizes_enabled = false;
    config.wide_arithmetic_enabled = false;
    config.exceptions_enabled = false;
    config.relaxed_simd_enabled = false;
    config.max_instructions = 400;
    config.max_imports = 30;
    config.allow_invalid_funcs = false;
    config
}

/// What the fast compiler, Winch, does not take stays out too.
fn within_winch(mut config: Config) -> Config {
    config.multi_value_enabled = false;
    config.tail_call_enabled = false;
    config.gc_enabled = false;
    config
}

fn random_module(seed: u64, shape: &[u8]) -> arbitrary::Result<Vec<u8>> {
    let mut numbers = Numbers(seed);
    let size = 512 << (numbers.next() % 6);
    let bytes = numbers.bytes(size);
    let mut source = Unstructured::new(&bytes);
    let config = within_the_engine(Config::arbitrary(&mut source)?, shape);
    let config = if numbers.next() % 2 == 0 { within_winch(config) } else { config };
    Ok(Module::new(config, &mut source)?.to_bytes())
}

fn write_all(shape: &[u8], seed: u64, count: u64) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for n in 0..count {
        let seed = seed.wrapping_add(n);
        let module = random_module(seed, shape).map_err(|e| std::io::Error::other(format!("seed {seed}: {e}")))?;
        out.write_all(&(module.len() as u32).to_le_bytes())?;
        out.write_all(&module)?;
    }
    out.flush()
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [shape, seed, count] = arguments.as_slice() else {
        return Err("usage: random-modules SHAPE SEED COUNT".into());
    };
    match write_all(&std::fs::read(shape)?, seed.parse()?, count.parse()?) {
        // Whoever reads has had enough.
        Err(e) if e.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("random-modules: {e}");
            ExitCode::FAILURE
        }
    }
}
