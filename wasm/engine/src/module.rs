//! Modules: compiled to bytes, made runnable from bytes, and asked what they import and export.

use crate::engine::Engine;
use crate::error::{WeftError, report};
use crate::exports::{Exports, letters_of};
use crate::ffi::{Bytes, Slice, guarded};
use std::ffi::c_void;
use std::fs::File;
use std::os::fd::{BorrowedFd, RawFd};
use std::sync::Arc;
use wasmtime_c_api::wasmtime::{self, ExternType, Result, ValType};

pub struct Module {
    pub code: wasmtime::Module,
    pub exports: Arc<Exports>,
}

impl Module {
    fn of(code: wasmtime::Module) -> Box<Module> {
        let exports = Arc::new(Exports::of(&code));
        Box::new(Module { code, exports })
    }
}

/// Compiles the bytes of a module on all cores. Needs a stack of a few megabytes.
///
/// # Safety
/// `wasm` must be readable during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn weft_engine_compile(
    engine: &Engine,
    wasm: Slice,
    error: &mut Option<Box<WeftError>>,
) -> Option<Box<Bytes>> {
    let bytes = unsafe { wasm.bytes() };
    let compiled = guarded(|| engine.0.precompile_module(bytes));
    report(compiled.map(|code| Box::new(Bytes(code))), error)
}

/// Makes a module of what `weft_engine_compile` gave.
///
/// # Safety
/// The bytes must come from `weft_engine_compile`, unchanged: they are native code.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn weft_module_load(
    engine: &Engine,
    code: Slice,
    error: &mut Option<Box<WeftError>>,
) -> Option<Box<Module>> {
    let loaded = guarded(|| unsafe { wasmtime::Module::deserialize(&engine.0, code.bytes()) });
    report(loaded.map(Module::of), error)
}

fn load_file(engine: &Engine, descriptor: RawFd) -> Result<wasmtime::Module> {
    let borrowed = unsafe { BorrowedFd::borrow_raw(descriptor) };
    let file = File::from(borrowed.try_clone_to_owned()?);
    unsafe { wasmtime::Module::deserialize_open_file(&engine.0, file) }
}

/// As `weft_module_load`, from a file which is mapped, not read; the descriptor stays the caller's.
///
/// # Safety
/// As for `weft_module_load`, and nobody may change the file as long as the module lives.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn weft_module_load_file(
    engine: &Engine,
    descriptor: RawFd,
    error: &mut Option<Box<WeftError>>,
) -> Option<Box<Module>> {
    report(guarded(|| load_file(engine, descriptor)).map(Module::of), error)
}

#[unsafe(no_mangle)]
pub extern "C" fn weft_module_code(module: &Module, error: &mut Option<Box<WeftError>>) -> Option<Box<Bytes>> {
    report(guarded(|| module.code.serialize()).map(|code| Box::new(Bytes(code))), error)
}

#[unsafe(no_mangle)]
pub extern "C" fn weft_module_delete(_module: Box<Module>) {}

/// The module's name by its name section; empty if it has none.
#[unsafe(no_mangle)]
pub extern "C" fn weft_module_name(module: &Module) -> Slice {
    Slice::of(module.code.name().unwrap_or_default().as_bytes())
}

pub fn letter(value: &ValType) -> char {
    match value {
        ValType::I32 => 'i',
        ValType::I64 => 'I',
        ValType::F32 => 'f',
        ValType::F64 => 'F',
        _ => '?',
    }
}

/// A function as "parameters:results", a letter each (i I f F as i32 i64 f32 f64, ? for the rest); what is no function by
/// the name of its kind.
fn description(kind: &ExternType) -> String {
    match kind {
        ExternType::Func(function) => {
            let (parameters, results) = letters_of(function);
            format!("{parameters}:{results}")
        }
        ExternType::Global(_) => "global".to_owned(),
        ExternType::Table(_) => "table".to_owned(),
        ExternType::Memory(_) => "memory".to_owned(),
        ExternType::Tag(_) => "tag".to_owned(),
    }
}

type Visitor = extern "C" fn(context: *mut c_void, module: Slice, name: Slice, kind: Slice);

#[unsafe(no_mangle)]
pub extern "C" fn weft_module_imports(module: &Module, context: *mut c_void, visit: Visitor) {
    for import in module.code.imports() {
        let kind = description(&import.ty());
        visit(
            context,
            Slice::of(import.module().as_bytes()),
            Slice::of(import.name().as_bytes()),
            Slice::of(kind.as_bytes()),
        );
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn weft_module_exports(module: &Module, context: *mut c_void, visit: Visitor) {
    for export in module.code.exports() {
        let kind = description(&export.ty());
        visit(context, Slice::of(b""), Slice::of(export.name().as_bytes()), Slice::of(kind.as_bytes()));
    }
}
