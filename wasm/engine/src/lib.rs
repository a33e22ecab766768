//! The WebAssembly engine of weft: Wasmtime behind the C interface of `wasm/detail/engine_shims.h`.
//!
//! Wasmtime's own C interface is part of the library as well (`pub use`), for what it does well. The functions named
//! `weft_*` are there because it lacks them or is slower: polling a call from a fiber and telling why it stopped, host
//! functions that try first and wait outside of the guest, one memory limit for all of a guest's memories, errors whose
//! parts (reason, exit code, frames) can be had one by one, and the keys of the cache of compiled code.
//!
//! Nothing here blocks, sleeps or starts a thread of its own, except that compiling uses all cores.

mod control;
mod engine;
mod error;
mod exports;
mod ffi;
mod guest;
mod hash;
mod host_function;
mod inspect;
mod limits;
mod linker;
mod module;
mod preload;
mod profile;
mod typed_call;

pub use wasmtime_c_api::*;
