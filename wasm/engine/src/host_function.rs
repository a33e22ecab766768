//! Host functions: C++ behind an import of a guest.
//!
//! A function tries first. If it would have to wait it says so, the guest is suspended, and the fiber that polls the guest
//! waits in its place, on its own stack; then it resumes the guest with the result.

use crate::error::{GuestExit, HostFailure};
use crate::ffi::Pointer;
use crate::guest::{Host, Stop};
use crate::limits::Interrupted;
use std::ffi::c_void;
use std::mem::MaybeUninit;
use wasmtime_c_api::wasmtime::{AsContext, AsContextMut, Caller, Error, Extern, Result, Val, ValRaw, ValType};

/// What a host function says of its call; the numbers are part of the C interface. Any other number: it failed.
const DONE: i32 = 0;
const WAIT: i32 = 1;
const EXIT: i32 = 2;

/// `guest` is the pointer given to `weft_guest_new`; `memory` and `size` are the guest's memory at this moment; `values`
/// holds the arguments and takes the result.
pub type Callback = unsafe extern "C" fn(
    function: *mut c_void,
    guest: *mut c_void,
    memory: *mut u8,
    size: usize,
    values: *mut ValRaw,
) -> i32;

#[derive(Clone, Copy)]
pub struct Target {
    pub callback: Callback,
    pub function: Pointer,
}

/// The exported memory called "memory". To ask the engine where it lies costs more than all the rest of a call, so that is
/// done once after each growth.
fn memory_of(caller: &mut Caller<'_, Host>) -> (*mut u8, usize) {
    match caller.data().account.place {
        Some((base, size)) => (base.0.cast(), size),
        None => locate_memory(caller),
    }
}

#[cold]
fn locate_memory(caller: &mut Caller<'_, Host>) -> (*mut u8, usize) {
    let own = caller.data().memory;
    // Looked up by name only while the instance is still being made, and where others call than the guest's own module.
    let memory = own.or_else(|| match caller.get_export("memory") {
        Some(Extern::Memory(memory)) => Some(memory),
        _ => None,
    });
    let Some(memory) = memory else { return (std::ptr::null_mut(), 0) };
    let (base, size) = (memory.data_ptr(caller.as_context()), memory.data_size(caller.as_context()));
    if own.is_some() {
        caller.data_mut().account.place = Some((Pointer(base.cast()), size));
    }
    (base, size)
}

#[cold]
fn failure(outcome: i32, value: ValRaw) -> Error {
    if outcome == EXIT { Error::new(GuestExit(value.get_i32())) } else { Error::new(HostFailure) }
}

impl Target {
    /// To a function that does not look at the guest's memory none is shown.
    #[inline]
    fn invoke<const USES_MEMORY: bool>(&self, caller: &mut Caller<'_, Host>, values: *mut ValRaw) -> i32 {
        let (memory, size) = if USES_MEMORY { memory_of(caller) } else { (std::ptr::null_mut(), 0) };
        let guest = caller.data().guest.0;
        unsafe { (self.callback)(self.function.0, guest, memory, size, values) }
    }

    /// A call; the slots are as many as the function's type says. Only a function that `WAITS` may say that it has to.
    #[inline]
    pub fn call<const USES_MEMORY: bool, const WAITS: bool>(
        &self,
        mut caller: Caller<'_, Host>,
        values: &mut [MaybeUninit<ValRaw>],
    ) -> Result<()> {
        let mut scratch = [ValRaw::i64(0)];
        // A function with neither parameters nor results has no slots of its own, and exit codes need one.
        let slots = if values.is_empty() { scratch.as_mut_ptr() } else { values.as_mut_ptr().cast::<ValRaw>() };
        let mut outcome = self.invoke::<USES_MEMORY>(&mut caller, slots);
        if WAITS && outcome == WAIT {
            let bits;
            (outcome, bits) = wait(&mut caller)?;
            unsafe { *slots = ValRaw::i64(bits) };
        }
        if outcome == DONE { Ok(()) } else { Err(failure(outcome, unsafe { *slots })) }
    }
}

/// Stops the guest until the fiber has put a result into it.
fn wait(caller: &mut Caller<'_, Host>) -> Result<(i32, i64)> {
    loop {
        caller.data().board().stop.set(Stop::Waiting);
        caller.suspend()?;
        let board = caller.data().board();
        let Some(resumption) = board.resumption.take() else { continue };
        if board.interrupted.get() {
            return Err(Interrupted.into());
        }
        // Others had their turn while the guest waited: its time slice begins anew.
        caller.as_context_mut().set_epoch_deadline(1);
        return Ok(resumption);
    }
}

pub fn raw(value: &Val) -> Result<ValRaw> {
    match value {
        Val::I32(bits) => Ok(ValRaw::i32(*bits)),
        Val::I64(bits) => Ok(ValRaw::i64(*bits)),
        Val::F32(bits) => Ok(ValRaw::f32(*bits)),
        Val::F64(bits) => Ok(ValRaw::f64(*bits)),
        _ => Err(Error::msg("only integers and floating-point numbers can be passed")),
    }
}

pub fn value_of(raw: &ValRaw, kind: &ValType) -> Result<Val> {
    match kind {
        ValType::I32 => Ok(Val::I32(raw.get_i32())),
        ValType::I64 => Ok(Val::I64(raw.get_i64())),
        ValType::F32 => Ok(Val::F32(raw.get_f32())),
        ValType::F64 => Ok(Val::F64(raw.get_f64())),
        _ => Err(Error::msg("only integers and floating-point numbers can be passed")),
    }
}
