//! Which host function stands behind which import, and modules bound to them once, ready to be instantiated often.

use crate::engine::Engine;
use crate::error::{WeftError, report};
use crate::exports::Exports;
use crate::ffi::{Pointer, Slice, guarded};
use crate::guest::Host;
use crate::host_function::{Callback, Target};
use crate::module::Module;
use std::ffi::c_void;
use std::sync::Arc;
use wasmtime_c_api::wasmtime::{self, Error, FuncType, InstancePre, Result, ValType};

pub struct Linker(pub wasmtime::Linker<Host>);

/// A module whose imports are bound.
pub struct Prepared {
    pub code: InstancePre<Host>,
    pub exports: Arc<Exports>,
}

#[repr(C)]
pub struct Definition {
    module: Slice,
    name: Slice,
    /// "parameters:results" as `weft_module_imports` writes it.
    signature: Slice,
    waits: bool,
    uses_memory: bool,
    callback: Callback,
    function: *mut c_void,
}

fn type_of(letter: char) -> Result<ValType> {
    match letter {
        'i' => Ok(ValType::I32),
        'I' => Ok(ValType::I64),
        'f' => Ok(ValType::F32),
        'F' => Ok(ValType::F64),
        _ => Err(Error::msg(format!("a host function cannot take or return '{letter}'"))),
    }
}

fn types_of(letters: &str) -> Result<Vec<ValType>> {
    letters.chars().map(type_of).collect()
}

fn split(signature: &str) -> Result<(Vec<ValType>, Vec<ValType>)> {
    let (parameters, results) =
        signature.split_once(':').ok_or_else(|| Error::msg(format!("'{signature}' is no signature")))?;
    Ok((types_of(parameters)?, types_of(results)?))
}

impl Linker {
    fn define_target<const USES_MEMORY: bool, const WAITS: bool>(
        &mut self,
        module: &str,
        name: &str,
        kind: FuncType,
        target: Target,
    ) -> Result<()> {
        // The slots are as many as the type says, and the other side was told the same type.
        unsafe {
            self.0.func_new_unchecked(module, name, kind, move |caller, slots| {
                target.call::<USES_MEMORY, WAITS>(caller, slots)
            })?;
        }
        Ok(())
    }

    unsafe fn define(&mut self, definition: &Definition) -> Result<()> {
        let (module, name, signature) =
            unsafe { (definition.module.text()?, definition.name.text()?, definition.signature.text()?) };
        let target = Target { callback: definition.callback, function: Pointer(definition.function) };
        let (parameters, results) = split(signature)?;
        let kind = FuncType::new(self.0.engine(), parameters, results);
        match (definition.uses_memory, definition.waits) {
            (false, false) => self.define_target::<false, false>(module, name, kind, target),
            (false, true) => self.define_target::<false, true>(module, name, kind, target),
            (true, false) => self.define_target::<true, false>(module, name, kind, target),
            (true, true) => self.define_target::<true, true>(module, name, kind, target),
        }
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn weft_linker_new(engine: &Engine) -> Box<Linker> {
    Box::new(Linker(wasmtime::Linker::new(&engine.0)))
}

#[unsafe(no_mangle)]
pub extern "C" fn weft_linker_delete(_linker: Box<Linker>) {}

/// # Safety
/// `definition.function` must live as long as the linker and everything prepared by it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn weft_linker_define(
    linker: &mut Linker,
    definition: &Definition,
    error: &mut Option<Box<WeftError>>,
) -> bool {
    report(unsafe { linker.define(definition) }, error).is_some()
}

#[unsafe(no_mangle)]
pub extern "C" fn weft_linker_prepare(
    linker: &Linker,
    module: &Module,
    error: &mut Option<Box<WeftError>>,
) -> Option<Box<Prepared>> {
    let bound = guarded(|| linker.0.instantiate_pre(&module.code));
    report(bound.map(|code| Box::new(Prepared { code, exports: Arc::clone(&module.exports) })), error)
}

#[unsafe(no_mangle)]
pub extern "C" fn weft_prepared_delete(_prepared: Box<Prepared>) {}
