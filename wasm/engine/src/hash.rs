//! Keys of the cache: of a module's content, and of everything in the engine that compiled code depends on.

use crate::engine::Engine;
use crate::ffi::Slice;
use std::hash::{Hash, Hasher};

/// What is changed of the compiler is a part of what its code depends on.
const PATCHES: [&str; 2] =
    [include_str!("../patches/wasmtime.patch"), include_str!("../patches/wasmtime-internal-cranelift.patch")];

/// Feeds whatever is hashed, byte by byte, to BLAKE3, so that the key is the same in every process.
struct Collector(blake3::Hasher);

impl Hasher for Collector {
    fn finish(&self) -> u64 {
        u64::from_le_bytes(self.0.finalize().as_bytes()[..8].try_into().expect("eight bytes"))
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
}

/// # Safety
/// `out` must have room for 32 bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn weft_hash(bytes: Slice, out: *mut u8) {
    let digest = blake3::hash(unsafe { bytes.bytes() });
    unsafe { std::ptr::copy_nonoverlapping(digest.as_bytes().as_ptr(), out, 32) };
}

/// # Safety
/// `out` must have room for 32 bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn weft_engine_compatibility(engine: &Engine, out: *mut u8) {
    let mut collector = Collector(blake3::Hasher::new());
    engine.0.precompile_compatibility_hash().hash(&mut collector);
    PATCHES.hash(&mut collector);
    let digest = collector.0.finalize();
    unsafe { std::ptr::copy_nonoverlapping(digest.as_bytes().as_ptr(), out, 32) };
}
