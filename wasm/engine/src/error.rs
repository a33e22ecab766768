//! Errors taken apart: what kind, in which words, with what code, and where in the guest.

use crate::ffi::Slice;
use crate::limits::{Interrupted, LimitReached, Resource};
use std::fmt;
use wasmtime_c_api::wasmtime::{
    Error, FrameInfo, PoolConcurrencyLimitError, Result, ThrownException, Trap, WasmBacktrace, WasmCoreDump,
};

/// The guest called for its own end.
#[derive(Debug)]
pub struct GuestExit(pub i32);

impl fmt::Display for GuestExit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit with code {}", self.0)
    }
}

impl std::error::Error for GuestExit {}

/// A host function failed; the reason waits on the other side.
#[derive(Debug)]
pub struct HostFailure;

impl fmt::Display for HostFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a host function failed")
    }
}

impl std::error::Error for HostFailure {}

#[repr(C)]
#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    Other = 0,
    Trap = 1,
    Exit = 2,
    MemoryLimit = 3,
    HostFailure = 4,
    PoolFull = 5,
    TableLimit = 6,
    Interrupted = 7,
}

/// The traps that callers tell apart; the numbers are part of the C interface.
#[repr(C)]
#[derive(Clone, Copy)]
pub enum TrapCode {
    Other = 0,
    Unreachable = 1,
    MemoryOutOfBounds = 2,
    TableOutOfBounds = 3,
    NullReference = 4,
    WrongSignature = 5,
    IntegerOverflow = 6,
    DivisionByZero = 7,
    BadConversion = 8,
    StackExhausted = 9,
    UncaughtException = 10,
}

struct Frame {
    module: String,
    function: String,
    file: String,
    function_index: u32,
    line: u32,
    column: u32,
    offset: u64,
}

pub struct WeftError {
    kind: Kind,
    trap: TrapCode,
    exit_code: i32,
    limit: u64,
    message: String,
    frames: Vec<Frame>,
    /// What the guest looked like; only where it ended by a fault.
    pub dump: Option<WasmCoreDump>,
}

fn kind_of(error: &Error) -> Kind {
    if error.is::<GuestExit>() {
        Kind::Exit
    } else if let Some(reached) = error.downcast_ref::<LimitReached>() {
        if reached.resource == Resource::Memory { Kind::MemoryLimit } else { Kind::TableLimit }
    } else if error.is::<Interrupted>() {
        Kind::Interrupted
    } else if error.is::<HostFailure>() {
        Kind::HostFailure
    } else if error.is::<PoolConcurrencyLimitError>() {
        Kind::PoolFull
    } else if error.is::<Trap>() || error.is::<ThrownException>() {
        Kind::Trap
    } else {
        Kind::Other
    }
}

fn trap_code_of(error: &Error) -> TrapCode {
    if error.is::<ThrownException>() {
        return TrapCode::UncaughtException;
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::UnreachableCodeReached) => TrapCode::Unreachable,
        Some(Trap::MemoryOutOfBounds) => TrapCode::MemoryOutOfBounds,
        Some(Trap::TableOutOfBounds) => TrapCode::TableOutOfBounds,
        Some(Trap::IndirectCallToNull | Trap::NullReference) => TrapCode::NullReference,
        Some(Trap::BadSignature) => TrapCode::WrongSignature,
        Some(Trap::IntegerOverflow) => TrapCode::IntegerOverflow,
        Some(Trap::IntegerDivisionByZero) => TrapCode::DivisionByZero,
        Some(Trap::BadConversionToInteger) => TrapCode::BadConversion,
        Some(Trap::StackOverflow) => TrapCode::StackExhausted,
        _ => TrapCode::Other,
    }
}

/// All that the error's chain says, in one line; the backtrace is kept apart. A trap's own words come first, other errors
/// are told from the outside in.
fn message_of(error: &Error, kind: Kind) -> String {
    let backtrace = error.downcast_ref::<WasmBacktrace>().map(|trace| trace.to_string());
    let dump = error.downcast_ref::<WasmCoreDump>().map(|dump| dump.to_string());
    let mut parts: Vec<String> = Vec::new();
    for cause in error.chain() {
        let text = cause.to_string();
        if text.is_empty() || [&backtrace, &dump].into_iter().any(|known| known.as_ref() == Some(&text)) {
            continue;
        }
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if !parts.iter().any(|part| part.contains(&line)) {
            parts.push(line);
        }
    }
    if kind == Kind::Trap
        && let Some(reason) = parts.pop()
    {
        let reason = reason.strip_prefix("wasm trap: ").unwrap_or(&reason).to_owned();
        return if parts.is_empty() { reason } else { format!("{reason} ({})", parts.join(", ")) };
    }
    parts.join(": ")
}

pub fn demangled(name: &str) -> String {
    if let Ok(rust) = rustc_demangle::try_demangle(name) {
        return format!("{rust:#}");
    }
    if name.starts_with("_Z")
        && let Ok(symbol) = cpp_demangle::Symbol::new(name)
        && let Ok(text) = symbol.demangle()
    {
        return text;
    }
    name.to_owned()
}

/// One frame of the machine may be several of the source, when functions were inlined.
fn frames_of(info: &FrameInfo) -> Vec<Frame> {
    let plain = |function: Option<&str>| Frame {
        module: info.module().name().unwrap_or_default().to_owned(),
        function: function.map(demangled).unwrap_or_default(),
        file: String::new(),
        function_index: info.func_index(),
        line: 0,
        column: 0,
        offset: info.module_offset().unwrap_or_default() as u64,
    };
    if info.symbols().is_empty() {
        return vec![plain(info.func_name())];
    }
    let with_source = |symbol: &wasmtime_c_api::wasmtime::FrameSymbol| Frame {
        file: symbol.file().unwrap_or_default().to_owned(),
        line: symbol.line().unwrap_or_default(),
        column: symbol.column().unwrap_or_default(),
        ..plain(symbol.name().or(info.func_name()))
    };
    info.symbols().iter().map(with_source).collect()
}

/// The frames of a trap come by themselves, or with the dump.
fn backtrace_of(error: &Error) -> Vec<Frame> {
    let frames = match (error.downcast_ref::<WasmBacktrace>(), error.downcast_ref::<WasmCoreDump>()) {
        (Some(trace), _) => trace.frames(),
        (None, Some(dump)) => dump.frames(),
        (None, None) => &[],
    };
    frames.iter().flat_map(frames_of).collect()
}

impl From<Error> for WeftError {
    fn from(error: Error) -> WeftError {
        let kind = kind_of(&error);
        WeftError {
            kind,
            trap: trap_code_of(&error),
            exit_code: error.downcast_ref::<GuestExit>().map_or(0, |exit| exit.0),
            limit: error.downcast_ref::<LimitReached>().map_or(0, |reached| reached.limit),
            message: message_of(&error, kind),
            frames: backtrace_of(&error),
            dump: error.downcast::<WasmCoreDump>().ok(),
        }
    }
}

/// The value, or nothing and the error in its place.
pub fn report<T>(result: Result<T>, out: &mut Option<Box<WeftError>>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error) => {
            *out = Some(Box::new(error.into()));
            None
        }
    }
}

#[repr(C)]
pub struct FrameView {
    module: Slice,
    function: Slice,
    file: Slice,
    function_index: u32,
    line: u32,
    column: u32,
    offset: u64,
}

#[unsafe(no_mangle)]
pub extern "C" fn weft_error_delete(_error: Box<WeftError>) {}

#[unsafe(no_mangle)]
pub extern "C" fn weft_error_kind(error: &WeftError) -> Kind {
    error.kind
}

#[unsafe(no_mangle)]
pub extern "C" fn weft_error_trap_code(error: &WeftError) -> TrapCode {
    error.trap
}

#[unsafe(no_mangle)]
pub extern "C" fn weft_error_exit_code(error: &WeftError) -> i32 {
    error.exit_code
}

#[unsafe(no_mangle)]
pub extern "C" fn weft_error_limit(error: &WeftError) -> u64 {
    error.limit
}

#[unsafe(no_mangle)]
pub extern "C" fn weft_error_message(error: &WeftError) -> Slice {
    Slice::of(error.message.as_bytes())
}

#[unsafe(no_mangle)]
pub extern "C" fn weft_error_frame_count(error: &WeftError) -> usize {
    error.frames.len()
}

#[unsafe(no_mangle)]
pub extern "C" fn weft_error_frame(error: &WeftError, index: usize) -> FrameView {
    let frame = &error.frames[index];
    FrameView {
        module: Slice::of(frame.module.as_bytes()),
        function: Slice::of(frame.function.as_bytes()),
        file: Slice::of(frame.file.as_bytes()),
        function_index: frame.function_index,
        line: frame.line,
        column: frame.column,
        offset: frame.offset,
    }
}
