//! One guest: a store, an instance in it, and the call under way, polled from outside until it ends.

use crate::engine::Engine;
use crate::error::{WeftError, report};
use crate::exports::Exports;
use crate::ffi::{Pointer, Slice, guarded};
use crate::host_function::{raw, value_of};
use crate::limits::{Interrupted, MemoryAccount};
use crate::linker::Prepared;
use crate::profile::Profiler;
use std::cell::Cell;
use std::ffi::c_void;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use wasmtime_c_api::wasmtime::{
    Error, Func, Instance, Memory, Result, Store, StoreContextMut, UpdateDeadline, Val, ValRaw,
};

/// Why a poll came back; the numbers are part of the C interface.
#[repr(C)]
#[derive(Clone, Copy, PartialEq)]
pub enum Stop {
    /// The call has ended; its result or its error is there.
    Ended = 0,
    /// The time slice ran out.
    Slice = 1,
    /// A host function waits to be resumed.
    Waiting = 2,
}

/// What the call under way and whoever polls it tell each other. It lies outside of the store, which belongs to the call
/// alone for as long as there is one.
pub struct Board {
    pub stop: Cell<Stop>,
    /// How the host function that waits is to go on: its outcome and its result.
    pub resumption: Cell<Option<(i32, i64)>>,
    /// The guest is to end at the next place where it can.
    pub interrupted: Cell<bool>,
    pub instance: Cell<Option<Instance>>,
}

#[derive(Clone, Copy)]
pub struct BoardPointer(*const Board);

/// A guest is in the hands of one thread at a time, and its board with it.
unsafe impl Send for BoardPointer {}
unsafe impl Sync for BoardPointer {}

/// What the store carries for us.
pub struct Host {
    pub guest: Pointer,
    pub memory: Option<Memory>,
    pub account: MemoryAccount,
    pub profiler: Option<Profiler>,
    board: BoardPointer,
}

impl Host {
    pub fn board(&self) -> &Board {
        unsafe { &*self.board.0 }
    }
}

pub type Running = Pin<Box<dyn Future<Output = Result<()>>>>;

pub struct Guest {
    pub call: Option<Running>,
    /// Owned; raw because the call holds the only reference to it.
    pub store: *mut Store<Host>,
    pub board: Box<Board>,
    /// Those of the module that the guest is an instance of.
    pub exports: Option<Arc<Exports>>,
}

impl Guest {
    /// # Safety
    /// The guest must not move until the call has ended or was abandoned.
    pub unsafe fn begin(&mut self, call: impl FnOnce(&'static mut Store<Host>) -> Running) {
        self.call = Some(call(unsafe { &mut *self.store }));
    }

    /// A call that could not be begun ends by the reason at its first poll.
    unsafe fn begin_export(&self, name: &str, arguments: &[ValRaw], results: &mut [ValRaw]) -> Running {
        let store = unsafe { &mut *self.store };
        let begun = match (&self.exports, self.board.instance.get()) {
            (Some(exports), Some(instance)) => unsafe { exports.begin(name, instance, store, arguments, results) },
            _ => Err(Error::msg("the guest has not been instantiated")),
        };
        begun.unwrap_or_else(|error| Box::pin(std::future::ready(Err(error))))
    }

    /// Ends a call under way, wherever it is.
    pub fn abandon_call(&mut self) {
        self.call = None;
    }

    /// Nothing while a call is under way.
    pub fn store(&mut self) -> Option<&mut Store<Host>> {
        if self.call.is_some() { None } else { Some(unsafe { &mut *self.store }) }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.call = None;
        drop(unsafe { Box::from_raw(self.store) });
    }
}

fn end_of_slice(mut store: StoreContextMut<'_, Host>) -> Result<UpdateDeadline> {
    if store.data().board().interrupted.get() {
        return Err(Interrupted.into());
    }
    if let Some(mut profiler) = store.data_mut().profiler.take() {
        profiler.sample(&store);
        store.data_mut().profiler = Some(profiler);
    }
    store.data().board().stop.set(Stop::Slice);
    Ok(UpdateDeadline::Yield(1))
}

#[unsafe(no_mangle)]
pub extern "C" fn weft_guest_new(engine: &Engine, guest: *mut c_void, memory_limit: u64) -> Box<Guest> {
    let board = Box::new(Board {
        stop: Cell::new(Stop::Ended),
        resumption: Cell::new(None),
        interrupted: Cell::new(false),
        instance: Cell::new(None),
    });
    let host = Host {
        guest: Pointer(guest),
        memory: None,
        board: BoardPointer(&*board),
        account: MemoryAccount::new(memory_limit),
        profiler: None,
    };
    let mut store = Box::new(Store::new(&engine.0, host));
    store.limiter(|host| &mut host.account);
    store.epoch_deadline_callback(end_of_slice);
    store.set_epoch_deadline(1);
    Box::new(Guest { call: None, store: Box::into_raw(store), board, exports: None })
}

/// Ends a call under way, wherever it is, and frees all that the guest had.
#[unsafe(no_mangle)]
pub extern "C" fn weft_guest_delete(_guest: Box<Guest>) {}

async fn instantiate(store: &mut Store<Host>, prepared: &Prepared) -> Result<()> {
    let instance = prepared.code.instantiate_async(&mut *store).await?;
    let memory = prepared.exports.memory_of(instance, store);
    let host = store.data_mut();
    host.memory = memory;
    host.board().instance.set(Some(instance));
    Ok(())
}

pub async fn call_generic(
    store: &mut Store<Host>,
    function: Func,
    arguments: &[ValRaw],
    out: &mut [ValRaw],
) -> Result<()> {
    let kind = function.ty(&*store);
    if kind.params().len() != arguments.len() || kind.results().len() != out.len() {
        return Err(Error::msg("the function has another number of parameters or results"));
    }
    let parameters: Vec<Val> =
        arguments.iter().zip(kind.params()).map(|(slot, kind)| value_of(slot, &kind)).collect::<Result<_>>()?;
    let mut results: Vec<Val> = kind.results().map(|kind| value_of(&ValRaw::i64(0), &kind)).collect::<Result<_>>()?;
    function.call_async(&mut *store, &parameters, &mut results).await?;
    for (slot, result) in out.iter_mut().zip(&results) {
        *slot = raw(result)?;
    }
    Ok(())
}

/// # Safety
/// `prepared` must live until the call has ended or was abandoned; so must the guest, which must not move.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn weft_guest_begin_instantiation(guest: *mut Guest, prepared: *const Prepared) {
    unsafe {
        (*guest).exports = Some(Arc::clone(&(*prepared).exports));
        (*guest).call = Some(Box::pin(instantiate(&mut *(*guest).store, &*prepared)));
    }
}

/// # Safety
/// As for `weft_guest_begin_instantiation`, for everything that is handed over.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn weft_guest_begin_call(
    guest: *mut Guest,
    name: Slice,
    arguments: *const ValRaw,
    argument_count: usize,
    results: *mut ValRaw,
    result_count: usize,
) -> bool {
    let Ok(name) = (unsafe { name.text() }) else { return false };
    let (arguments, results) = unsafe {
        (
            if argument_count == 0 { &[] } else { std::slice::from_raw_parts(arguments, argument_count) },
            if result_count == 0 { &mut [] } else { std::slice::from_raw_parts_mut(results, result_count) },
        )
    };
    unsafe { (*guest).call = Some((*guest).begin_export(name, arguments, results)) };
    true
}

/// Runs the call until it ends or stops. `error` is set if it ended by one. One thread at a time; not from within a host
/// function of the same guest.
#[unsafe(no_mangle)]
pub extern "C" fn weft_guest_poll(guest: &mut Guest, error: &mut Option<Box<WeftError>>) -> Stop {
    let Some(running) = guest.call.as_mut() else { return Stop::Ended };
    // Wasmtime also gives way on its own account, when it collects garbage. That is like the end of a time slice.
    guest.board.stop.set(Stop::Slice);
    let result = match guarded(|| Ok(running.as_mut().poll(&mut Context::from_waker(Waker::noop())))) {
        Ok(Poll::Pending) => return guest.board.stop.get(),
        Ok(Poll::Ready(result)) => result,
        Err(panic) => Err(panic),
    };
    guest.call = None;
    report(result, error);
    Stop::Ended
}

/// Lets the host function that waits return the value of these bits, or end the guest as its outcome says, at the next poll.
#[unsafe(no_mangle)]
pub extern "C" fn weft_guest_resume(guest: &Guest, outcome: i32, bits: i64) {
    guest.board.resumption.set(Some((outcome, bits)));
}

/// Largest sum of memories and tables the guest has had, bytes. Not while a call is under way.
#[unsafe(no_mangle)]
pub extern "C" fn weft_guest_peak_memory(guest: &Guest) -> u64 {
    if guest.call.is_some() {
        return 0;
    }
    unsafe { (*guest.store).data().account.peak }
}
