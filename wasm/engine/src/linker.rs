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
use wasmtime_c_api::wasmtime::{self, Caller, Error, FuncType, InstancePre, Result, ValRaw, ValType};

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
    /// "parameters:results" as `weft_module_imports` writes it; at most one result if the function waits.
    signature: Slice,
    waits: bool,
    uses_memory: bool,
    callback: Callback,
    function: *mut c_void,
}

/// An argument of a typed host function, on its way into a slot.
trait Argument {
    fn into_slot(self) -> ValRaw;
}

impl Argument for i32 {
    fn into_slot(self) -> ValRaw {
        ValRaw::i32(self)
    }
}

impl Argument for i64 {
    fn into_slot(self) -> ValRaw {
        ValRaw::i64(self)
    }
}

/// Defines a waiting function by its Rust type, which spares the conversions of the generic form.
macro_rules! typed {
    ($linker:expr, $module:expr, $name:expr, $target:expr, $($argument:ident: $kind:ty),*) => {{
        let target = $target;
        $linker.func_wrap_async($module, $name, move |caller: Caller<'_, Host>, ($($argument,)*): ($($kind,)*)| {
            let mut values = [$($argument.into_slot(),)* ValRaw::i32(0)];
            target.call_waiting(caller, &mut values, |slots| slots[0].get_i32())
        })?;
    }};
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
    fn define_direct(&mut self, module: &str, name: &str, signature: &str, target: Target) -> Result<()> {
        let (parameters, results) = split(signature)?;
        let kind = FuncType::new(self.0.engine(), parameters, results);
        // The slots are as many as the type says, and the other side was told the same type.
        unsafe {
            if target.uses_memory {
                self.0.func_new_unchecked(module, name, kind, move |from, slots| target.call::<true>(from, slots))?;
            } else {
                self.0.func_new_unchecked(module, name, kind, move |from, slots| target.call::<false>(from, slots))?;
            }
        }
        Ok(())
    }

    fn define_waiting(&mut self, module: &str, name: &str, signature: &str, target: Target) -> Result<()> {
        let linker = &mut self.0;
        match signature {
            ":i" => typed!(linker, module, name, target,),
            "i:i" => typed!(linker, module, name, target, a: i32),
            "iii:i" => typed!(linker, module, name, target, a: i32, b: i32, c: i32),
            "iiii:i" => typed!(linker, module, name, target, a: i32, b: i32, c: i32, d: i32),
            "iiiii:i" => typed!(linker, module, name, target, a: i32, b: i32, c: i32, d: i32, e: i32),
            "iiiiii:i" => typed!(linker, module, name, target, a: i32, b: i32, c: i32, d: i32, e: i32, f: i32),
            "iiiI:i" => typed!(linker, module, name, target, a: i32, b: i32, c: i32, d: i64),
            "iiiiI:i" => typed!(linker, module, name, target, a: i32, b: i32, c: i32, d: i32, e: i64),
            "iiIii:i" => typed!(linker, module, name, target, a: i32, b: i32, c: i64, d: i32, e: i32),
            "iiiiiIIii:i" => typed!(linker, module, name, target,
                a: i32, b: i32, c: i32, d: i32, e: i32, f: i64, g: i64, h: i32, i: i32),
            _ => return self.define_generic(module, name, signature, target),
        }
        Ok(())
    }

    fn define_generic(&mut self, module: &str, name: &str, signature: &str, target: Target) -> Result<()> {
        let (parameters, results) = split(signature)?;
        let kind = FuncType::new(self.0.engine(), parameters, results.clone());
        let kinds: Arc<[ValType]> = results.into();
        self.0.func_new_async(module, name, kind, move |caller, arguments, results| {
            let kinds = Arc::clone(&kinds);
            Box::new(async move { target.call_generic(caller, arguments, results, &kinds).await })
        })?;
        Ok(())
    }

    unsafe fn define(&mut self, definition: &Definition) -> Result<()> {
        let (module, name, signature) =
            unsafe { (definition.module.text()?, definition.name.text()?, definition.signature.text()?) };
        let target = Target {
            callback: definition.callback,
            function: Pointer(definition.function),
            uses_memory: definition.uses_memory,
        };
        if definition.waits {
            self.define_waiting(module, name, signature, target)
        } else {
            self.define_direct(module, name, signature, target)
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
