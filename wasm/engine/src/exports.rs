//! What a module exports, looked up once for all of its instances.

use crate::guest::{Host, Running};
use crate::module::letter;
use crate::typed_call::begin_of;
use std::collections::HashMap;
use wasmtime_c_api::wasmtime::{
    self, Error, ExternType, Func, FuncType, Instance, Memory, ModuleExport, Result, Store, ValRaw,
};

/// Begins a call of a function. All that is handed over must live until the call has ended or was abandoned, and the slots
/// must be as many as the function's type says.
pub type Begin =
    unsafe fn(function: Func, store: *mut Store<Host>, arguments: *const ValRaw, results: *mut ValRaw) -> Running;

pub struct FunctionExport {
    place: ModuleExport,
    begin: Begin,
    parameters: usize,
    results: usize,
}

pub struct Exports {
    functions: HashMap<String, FunctionExport>,
    memory: Option<ModuleExport>,
}

pub fn letters_of(kind: &FuncType) -> (String, String) {
    (kind.params().map(|value| letter(&value)).collect(), kind.results().map(|value| letter(&value)).collect())
}

fn function_export(place: ModuleExport, kind: &FuncType) -> FunctionExport {
    let (parameters, results) = letters_of(kind);
    let begin = begin_of(&parameters, &results);
    FunctionExport { place, begin, parameters: parameters.len(), results: results.len() }
}

impl Exports {
    pub fn of(module: &wasmtime::Module) -> Exports {
        let place = |name: &str| module.get_export_index(name);
        let functions = module.exports().filter_map(|export| match export.ty() {
            ExternType::Func(kind) => Some((export.name().to_owned(), function_export(place(export.name())?, &kind))),
            _ => None,
        });
        Exports { functions: functions.collect(), memory: place("memory") }
    }

    pub fn memory_of(&self, instance: Instance, store: &mut Store<Host>) -> Option<Memory> {
        instance.get_module_export(store, self.memory.as_ref()?)?.into_memory()
    }

    /// # Safety
    /// What is handed over must live until the call has ended or was abandoned.
    pub unsafe fn begin(
        &self,
        name: &str,
        instance: Instance,
        store: &mut Store<Host>,
        arguments: &[ValRaw],
        results: &mut [ValRaw],
    ) -> Result<Running> {
        let missing = || Error::msg(format!("the module exports no function '{name}'"));
        let export = self.functions.get(name).ok_or_else(missing)?;
        if export.parameters != arguments.len() || export.results != results.len() {
            return Err(Error::msg("the function has another number of parameters or results"));
        }
        let found = instance.get_module_export(&mut *store, &export.place);
        let function = found.and_then(|export| export.into_func()).ok_or_else(missing)?;
        Ok(unsafe { (export.begin)(function, store, arguments.as_ptr(), results.as_mut_ptr()) })
    }
}
