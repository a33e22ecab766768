//! What the other side may do to a guest beside calling it: bound it further, end it, and take its picture after a fault.

use crate::error::WeftError;
use crate::ffi::{Bytes, Slice, guarded};
use crate::guest::Guest;

/// Elements that all tables of the guest may have together. Before its first call.
#[unsafe(no_mangle)]
pub extern "C" fn weft_guest_limit_table_elements(guest: &mut Guest, limit: u64) {
    if let Some(store) = guest.store() {
        store.data_mut().account.element_limit = limit;
    }
}

/// Ends the guest with an error of the kind `Interrupted` and a backtrace, at the end of the time slice that the next
/// poll begins, or where a host function has waited.
#[unsafe(no_mangle)]
pub extern "C" fn weft_guest_interrupt(guest: &Guest) {
    guest.board.interrupted.set(true);
}

/// What the guest looked like when it ended by a fault, as a core dump in the format of WebAssembly's tool conventions;
/// nothing if it did not end so. `name` is the module's, for the reader.
///
/// # Safety
/// `name` must be readable during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn weft_guest_core_dump(guest: &mut Guest, error: &WeftError, name: Slice) -> Option<Box<Bytes>> {
    let (store, dump) = (guest.store()?, error.dump.as_ref()?);
    let name = String::from_utf8_lossy(unsafe { name.bytes() }).into_owned();
    guarded(|| Ok(Box::new(Bytes(dump.serialize(store, &name))))).ok()
}
