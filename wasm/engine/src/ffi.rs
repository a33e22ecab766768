//! What crosses the border to C++: slices of bytes, raw values, and panics that must not.

use std::panic::{AssertUnwindSafe, catch_unwind};
use wasmtime_c_api::wasmtime::{Error, Result};

/// Bytes that belong to somebody else. Null is allowed when the size is zero.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Slice {
    pub data: *const u8,
    pub size: usize,
}

impl Slice {
    pub fn of(bytes: &[u8]) -> Slice {
        Slice { data: bytes.as_ptr(), size: bytes.len() }
    }

    /// # Safety
    /// The bytes must stay where they are for as long as the result is used.
    pub unsafe fn bytes<'a>(self) -> &'a [u8] {
        if self.size == 0 {
            return &[];
        }
        unsafe { std::slice::from_raw_parts(self.data, self.size) }
    }

    /// # Safety
    /// As for [`Slice::bytes`].
    pub unsafe fn text<'a>(self) -> Result<&'a str> {
        Ok(std::str::from_utf8(unsafe { self.bytes() })?)
    }
}

/// A pointer of C++ that may travel between threads: the fiber that owns it does.
#[derive(Clone, Copy)]
pub struct Pointer(pub *mut std::ffi::c_void);

unsafe impl Send for Pointer {}
unsafe impl Sync for Pointer {}

/// Bytes made here and given away; `weft_bytes_delete` takes them back.
pub struct Bytes(pub Vec<u8>);

#[unsafe(no_mangle)]
pub extern "C" fn weft_bytes_view(bytes: &Bytes) -> Slice {
    Slice::of(&bytes.0)
}

#[unsafe(no_mangle)]
pub extern "C" fn weft_bytes_delete(_bytes: Box<Bytes>) {}

/// Runs `f`; a panic (a bug of the engine) becomes an error instead of the end of the process.
pub fn guarded<T>(f: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(f)).unwrap_or_else(|panic| {
        let reason = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&'static str>().copied())
            .unwrap_or("no reason given");
        Err(Error::msg(format!("the engine failed inside: {reason}")))
    })
}
