//! Modules that other modules import from: each is instantiated in the guest, then its exports are there under a name.

use crate::error::{WeftError, report};
use crate::ffi::{Slice, guarded};
use crate::guest::{Guest, Host};
use crate::linker::Linker;
use crate::module::Module;
use std::sync::Arc;
use wasmtime_c_api::wasmtime::{self, Result, Store};

#[repr(C)]
pub struct Preload {
    name: Slice,
    module: *const Module,
}

type Named = (String, wasmtime::Module);

/// Reactors are initialized; of a command every call of an export makes an instance of its own.
async fn instantiate(
    store: &mut Store<Host>,
    mut linker: wasmtime::Linker<Host>,
    preloads: Vec<Named>,
    main: wasmtime::Module,
) -> Result<()> {
    linker.allow_shadowing(true);
    for (name, module) in &preloads {
        linker.module_async(&mut *store, name, module).await?;
    }
    let instance = linker.instantiate_async(&mut *store, &main).await?;
    // Host functions look for the memory of whoever calls them: it need not be the main module's.
    store.data().board().instance.set(Some(instance));
    Ok(())
}

unsafe fn named(preload: &Preload) -> Result<Named> {
    unsafe { Ok((preload.name.text()?.to_owned(), (*preload.module).code.clone())) }
}

/// Begins to make an instance of `main` and of what it imports from.
///
/// # Safety
/// The guest must not move until the call has ended or was abandoned; the rest is needed during this call only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn weft_guest_begin_linked_instantiation(
    guest: *mut Guest,
    linker: &Linker,
    preloads: *const Preload,
    count: usize,
    main: &Module,
    error: &mut Option<Box<WeftError>>,
) -> bool {
    let list = if count == 0 { &[] } else { unsafe { std::slice::from_raw_parts(preloads, count) } };
    let begun = guarded(|| {
        let modules = list.iter().map(|preload| unsafe { named(preload) }).collect::<Result<Vec<_>>>()?;
        let (linker, code) = (linker.0.clone(), main.code.clone());
        unsafe { (*guest).exports = Some(Arc::clone(&main.exports)) };
        unsafe { (*guest).begin(|store| Box::pin(instantiate(store, linker, modules, code))) };
        Ok(())
    });
    report(begun, error).is_some()
}
