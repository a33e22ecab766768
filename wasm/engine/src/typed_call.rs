//! Calls of exported functions that were looked up once, and a guest's memory between calls.
//!
//! A function whose signature is common gets a call compiled for its types; any other goes through the generic form, which
//! converts each value.

use crate::error::{WeftError, report};
use crate::exports::{Begin, letters_of};
use crate::ffi::{Slice, guarded};
use crate::guest::{Guest, Host, Running, call_generic};
use std::marker::PhantomData;
use wasmtime_c_api::wasmtime::{Func, Result, Store, TypedFunc, ValRaw, WasmParams, WasmResults};

/// A number and its slot.
trait Number: Copy + Send + Sync + 'static {
    fn from_slot(slot: &ValRaw) -> Self;
    fn into_slot(self) -> ValRaw;
}

macro_rules! number {
    ($kind:ty, $get:ident, $make:expr) => {
        impl Number for $kind {
            fn from_slot(slot: &ValRaw) -> $kind {
                slot.$get()
            }
            fn into_slot(self) -> ValRaw {
                $make(self)
            }
        }
    };
}

number!(i32, get_i32, ValRaw::i32);
number!(i64, get_i64, ValRaw::i64);

impl Number for f32 {
    fn from_slot(slot: &ValRaw) -> f32 {
        f32::from_bits(slot.get_f32())
    }
    fn into_slot(self) -> ValRaw {
        ValRaw::f32(self.to_bits())
    }
}

impl Number for f64 {
    fn from_slot(slot: &ValRaw) -> f64 {
        f64::from_bits(slot.get_f64())
    }
    fn into_slot(self) -> ValRaw {
        ValRaw::f64(self.to_bits())
    }
}

/// Parameters as they lie in slots.
trait Parameters: WasmParams + Sync + 'static {
    /// # Safety
    /// There must be as many slots as parameters.
    unsafe fn load(slots: *const ValRaw) -> Self;
}

macro_rules! parameters {
    ($($name:ident at $index:expr),*) => {
        impl<$($name: Number + wasmtime_c_api::wasmtime::WasmTy),*> Parameters for ($($name,)*) {
            unsafe fn load(_slots: *const ValRaw) -> Self {
                ($($name::from_slot(unsafe { &*_slots.add($index) }),)*)
            }
        }
    };
}

parameters!();
parameters!(A at 0);
parameters!(A at 0, B at 1);
parameters!(A at 0, B at 1, C at 2);
parameters!(A at 0, B at 1, C at 2, D at 3);

trait Answer: WasmResults + Sync + 'static {
    /// # Safety
    /// There must be a slot, unless there is nothing to store.
    unsafe fn put(self, slots: *mut ValRaw);
}

impl Answer for () {
    unsafe fn put(self, _slots: *mut ValRaw) {}
}

macro_rules! answer {
    ($($kind:ty),*) => {
        $(impl Answer for $kind {
            unsafe fn put(self, slots: *mut ValRaw) {
                unsafe { *slots = self.into_slot() };
            }
        })*
    };
}

answer!(i32, i64, f32, f64);

trait Entry {
    /// # Safety
    /// All that is handed over must live until the call has ended or was abandoned, and so must `self`.
    unsafe fn begin(&self, store: *mut Store<Host>, arguments: *const ValRaw, results: *mut ValRaw) -> Running;
}

struct Typed<P, R>(TypedFunc<P, R>, PhantomData<(P, R)>);

impl<P: Parameters, R: Answer> Entry for Typed<P, R> {
    unsafe fn begin(&self, store: *mut Store<Host>, arguments: *const ValRaw, results: *mut ValRaw) -> Running {
        let function: *const TypedFunc<P, R> = &self.0;
        let parameters = unsafe { P::load(arguments) };
        Box::pin(async move {
            let answer = unsafe { (*function).call_async(&mut *store, parameters).await? };
            unsafe { answer.put(results) };
            Ok(())
        })
    }
}

struct Generic {
    function: Func,
    parameters: usize,
    results: usize,
}

impl Entry for Generic {
    unsafe fn begin(&self, store: *mut Store<Host>, arguments: *const ValRaw, results: *mut ValRaw) -> Running {
        let function = self.function;
        let (arguments, results) = unsafe {
            (
                if self.parameters == 0 { &[] } else { std::slice::from_raw_parts(arguments, self.parameters) },
                if self.results == 0 { &mut [] } else { std::slice::from_raw_parts_mut(results, self.results) },
            )
        };
        Box::pin(call_generic(unsafe { &mut *store }, function, arguments, results))
    }
}

pub struct Function(Box<dyn Entry>);

/// Something that is made for the types of a function, or, if its signature is none of the common ones, for any.
trait ForSignature {
    type Made;
    fn typed<P: Parameters, R: Answer>(self) -> Self::Made;
    fn generic(self) -> Self::Made;
}

fn for_results<P: Parameters, F: ForSignature>(results: &str, make: F) -> F::Made {
    match results {
        "" => make.typed::<P, ()>(),
        "i" => make.typed::<P, i32>(),
        "I" => make.typed::<P, i64>(),
        "f" => make.typed::<P, f32>(),
        "F" => make.typed::<P, f64>(),
        _ => make.generic(),
    }
}

fn for_signature<F: ForSignature>(parameters: &str, results: &str, make: F) -> F::Made {
    match parameters {
        "" => for_results::<(), F>(results, make),
        "i" => for_results::<(i32,), F>(results, make),
        "ii" => for_results::<(i32, i32), F>(results, make),
        "iii" => for_results::<(i32, i32, i32), F>(results, make),
        "iiii" => for_results::<(i32, i32, i32, i32), F>(results, make),
        "I" => for_results::<(i64,), F>(results, make),
        "II" => for_results::<(i64, i64), F>(results, make),
        "F" => for_results::<(f64,), F>(results, make),
        "FF" => for_results::<(f64, f64), F>(results, make),
        _ => make.generic(),
    }
}

struct EntryOf<'a> {
    store: &'a Store<Host>,
    function: Func,
}

impl ForSignature for EntryOf<'_> {
    type Made = Result<Box<dyn Entry>>;

    fn typed<P: Parameters, R: Answer>(self) -> Self::Made {
        Ok(Box::new(Typed(self.function.typed::<P, R>(self.store)?, PhantomData)))
    }

    fn generic(self) -> Self::Made {
        let kind = self.function.ty(self.store);
        let (parameters, results) = (kind.params().len(), kind.results().len());
        Ok(Box::new(Generic { function: self.function, parameters, results }))
    }
}

/// Begins one call of a function that is not kept.
///
/// # Safety
/// As for `Begin`, and the function must be of these types.
unsafe fn begin_typed<P: Parameters, R: Answer>(
    function: Func,
    store: *mut Store<Host>,
    arguments: *const ValRaw,
    results: *mut ValRaw,
) -> Running {
    let typed = unsafe { TypedFunc::<P, R>::new_unchecked(&*store, function) };
    let parameters = unsafe { P::load(arguments) };
    Box::pin(async move {
        let answer = unsafe { typed.call_async(&mut *store, parameters).await? };
        unsafe { answer.put(results) };
        Ok(())
    })
}

/// # Safety
/// As for `Begin`.
unsafe fn begin_generic(
    function: Func,
    store: *mut Store<Host>,
    arguments: *const ValRaw,
    results: *mut ValRaw,
) -> Running {
    let kind = function.ty(unsafe { &*store });
    let (parameters, answers) = (kind.params().len(), kind.results().len());
    unsafe { Generic { function, parameters, results: answers }.begin(store, arguments, results) }
}

struct BeginOf;

impl ForSignature for BeginOf {
    type Made = Begin;

    fn typed<P: Parameters, R: Answer>(self) -> Begin {
        begin_typed::<P, R>
    }

    fn generic(self) -> Begin {
        begin_generic
    }
}

pub fn begin_of(parameters: &str, results: &str) -> Begin {
    for_signature(parameters, results, BeginOf)
}

fn entry_of(store: &Store<Host>, function: Func) -> Result<Box<dyn Entry>> {
    let (parameters, results) = letters_of(&function.ty(store));
    for_signature(&parameters, &results, EntryOf { store, function })
}

/// An exported function of the instance; nothing, and no error, if there is none of that name. Not while a call is under way.
#[unsafe(no_mangle)]
pub extern "C" fn weft_guest_function(
    guest: &mut Guest,
    name: Slice,
    error: &mut Option<Box<WeftError>>,
) -> Option<Box<Function>> {
    if guest.call.is_some() {
        return None;
    }
    let name = unsafe { name.text() }.ok()?;
    let instance = guest.board.instance.get()?;
    let store = unsafe { &mut *guest.store };
    let function = instance.get_func(&mut *store, name)?;
    report(guarded(|| entry_of(store, function)), error).map(|entry| Box::new(Function(entry)))
}

#[unsafe(no_mangle)]
pub extern "C" fn weft_function_delete(_function: Box<Function>) {}

/// # Safety
/// The function must be of this guest's instance, the slots as many as its type says; everything must live until the call has
/// ended or was abandoned.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn weft_guest_begin_function(
    guest: *mut Guest,
    function: *const Function,
    arguments: *const ValRaw,
    results: *mut ValRaw,
) {
    unsafe { (*guest).call = Some((*function).0.begin((*guest).store, arguments, results)) };
}

/// The memory that the instance exports as "memory": null if there is none, or a call is under way. Valid until the next
/// call begins.
#[unsafe(no_mangle)]
pub extern "C" fn weft_guest_memory(guest: &mut Guest, size: &mut usize) -> *mut u8 {
    *size = 0;
    if guest.call.is_some() {
        return std::ptr::null_mut();
    }
    let store = unsafe { &mut *guest.store };
    let Some(memory) = store.data().memory else { return std::ptr::null_mut() };
    *size = memory.data_size(&*store);
    memory.data_ptr(&*store)
}
