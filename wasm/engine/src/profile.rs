//! Profiles of a guest by itself: where it was at the end of each time slice.

use crate::engine::Engine;
use crate::ffi::{Bytes, Slice, guarded};
use crate::guest::{Guest, Host};
use crate::module::Module;
use std::time::{Duration, Instant};
use wasmtime_c_api::wasmtime::{GuestProfiler, StoreContextMut};

pub struct Profiler {
    samples: GuestProfiler,
    last: Instant,
}

impl Profiler {
    pub fn sample(&mut self, store: &StoreContextMut<'_, Host>) {
        let now = Instant::now();
        self.samples.sample(store, now - self.last);
        self.last = now;
    }
}

/// Notes where the guest is at the end of each of its time slices. Before its first call; `interval` is their length in
/// nanoseconds.
///
/// # Safety
/// `name` must be readable during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn weft_guest_profile(
    guest: &mut Guest,
    engine: &Engine,
    module: &Module,
    name: Slice,
    interval: u64,
) -> bool {
    let name = String::from_utf8_lossy(unsafe { name.bytes() }).into_owned();
    let modules = [(name.clone(), module.code.clone())];
    let Ok(samples) = guarded(|| GuestProfiler::new(&engine.0, &name, Duration::from_nanos(interval), modules)) else {
        return false;
    };
    let Some(store) = guest.store() else { return false };
    store.data_mut().profiler = Some(Profiler { samples, last: Instant::now() });
    true
}

/// Ends a call under way, and gives the profile in the processed format of Firefox's profiler (JSON).
#[unsafe(no_mangle)]
pub extern "C" fn weft_guest_take_profile(guest: &mut Guest) -> Option<Box<Bytes>> {
    guest.abandon_call();
    let profiler = guest.store()?.data_mut().profiler.take()?;
    let mut text = Vec::new();
    guarded(|| profiler.samples.finish(&mut text)).ok()?;
    Some(Box::new(Bytes(text)))
}
