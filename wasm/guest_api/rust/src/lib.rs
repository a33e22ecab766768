//! What guests in Rust get from weft beside WASI: channels, waiting for several things, children. Needs `alloc` only.
//!
//! A call that waits parks the guest and holds no thread of the host.
#![cfg_attr(not(test), no_std)]

extern crate alloc;

use alloc::vec::Vec;

#[cfg(test)]
mod host_in_tests;
#[cfg(test)]
use host_in_tests as host;

#[cfg(not(test))]
mod host {
    #[link(wasm_import_module = "weft")]
    unsafe extern "C" {
        pub fn channel_open(name: *const u8, length: usize, out: *mut u32) -> u32;
        pub fn channel_create(capacity: u32, sender: *mut u32, receiver: *mut u32) -> u32;
        pub fn channel_send(to: u32, data: *const u8, length: usize, timeout: i64) -> u32;
        pub fn channel_receive(from: u32, buffer: *mut u8, capacity: usize, length: *mut usize, timeout: i64) -> u32;
        pub fn close(handle: u32) -> u32;
        pub fn select(cases: *const super::Case, count: usize, timeout: i64, chosen: *mut usize) -> u32;
        pub fn sleep(nanoseconds: i64) -> u32;
        pub fn spawn(
            program: *const u8,
            length: usize,
            arguments: *const u8,
            arguments_length: usize,
            channels: *const u32,
            channel_count: usize,
            out: *mut u32,
        ) -> u32;
        pub fn child_wait(child: u32, code: *mut i32, timeout: i64) -> u32;
        pub fn child_cancel(child: u32) -> u32;
    }
}

/// How long a call may wait.
#[derive(Clone, Copy)]
pub enum Limit {
    AtOnce,
    Nanoseconds(i64),
    Forever,
}

impl Limit {
    fn number(self) -> i64 {
        match self {
            Limit::AtOnce => 0,
            Limit::Nanoseconds(n) => n.max(0),
            Limit::Forever => -1,
        }
    }
}

/// An error number of WASI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error(pub u32);

impl Error {
    pub const AGAIN: Error = Error(6);
    /// The child was cancelled.
    pub const CANCELLED: Error = Error(11);
    pub const NOT_FOUND: Error = Error(44);
    /// The message does not fit into the buffer; it is kept.
    pub const TOO_LONG: Error = Error(61);
    /// The channel is closed, and all was received; of a send: nobody will receive.
    pub const END: Error = Error(64);
    pub const TIMED_OUT: Error = Error(73);
}

fn check(code: u32) -> Result<(), Error> {
    if code == 0 { Ok(()) } else { Err(Error(code)) }
}

/// The end where messages go in. Dropping it gives it up; when the last is gone, the channel closes.
pub struct Sender(u32);

/// The end where messages come out.
pub struct Receiver(u32);

/// A channel with room for so many messages.
pub fn channel(capacity: u32) -> Result<(Sender, Receiver), Error> {
    let (mut sender, mut receiver) = (0, 0);
    check(unsafe { host::channel_create(capacity, &mut sender, &mut receiver) })?;
    Ok((Sender(sender), Receiver(receiver)))
}

fn open(name: &str) -> Result<u32, Error> {
    let mut handle = 0;
    check(unsafe { host::channel_open(name.as_ptr(), name.len(), &mut handle) })?;
    Ok(handle)
}

impl Sender {
    /// The one granted under this name.
    pub fn open(name: &str) -> Result<Sender, Error> {
        open(name).map(Sender)
    }

    /// By its number, as a parent or the host's list has given it.
    pub fn numbered(handle: u32) -> Sender {
        Sender(handle)
    }

    pub fn send(&self, message: &[u8], limit: Limit) -> Result<(), Error> {
        check(unsafe { host::channel_send(self.0, message.as_ptr(), message.len(), limit.number()) })
    }

    pub fn number(&self) -> u32 {
        self.0
    }
}

impl Receiver {
    pub fn open(name: &str) -> Result<Receiver, Error> {
        open(name).map(Receiver)
    }

    pub fn numbered(handle: u32) -> Receiver {
        Receiver(handle)
    }

    /// Into a buffer; the length of the message.
    pub fn receive_into(&self, buffer: &mut [u8], limit: Limit) -> Result<usize, Error> {
        let mut length = 0;
        let code = unsafe {
            host::channel_receive(self.0, buffer.as_mut_ptr(), buffer.len(), &mut length, limit.number())
        };
        check(code)?;
        Ok(length)
    }

    pub fn receive(&self, limit: Limit) -> Result<Vec<u8>, Error> {
        let mut buffer = Vec::new();
        buffer.resize(4096, 0);
        loop {
            let mut length = 0;
            let code = unsafe {
                host::channel_receive(self.0, buffer.as_mut_ptr(), buffer.len(), &mut length, limit.number())
            };
            if Error(code) != Error::TOO_LONG {
                check(code)?;
                buffer.truncate(length);
                return Ok(buffer);
            }
            buffer.resize(length, 0);
        }
    }

    pub fn number(&self) -> u32 {
        self.0
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        unsafe { host::close(self.0) };
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        unsafe { host::close(self.0) };
    }
}

/// One of the things that [`select`] waits for.
#[repr(C)]
pub struct Case {
    subject: u32,
    kind: u32,
    data: *const u8,
    length: usize,
}

impl Case {
    /// A message, or the end, is there to be received.
    pub fn receive(from: &Receiver) -> Case {
        Case { subject: from.0, kind: 0, data: core::ptr::null(), length: 0 }
    }

    /// The message was sent. It must live until `select` has returned.
    pub fn send(to: &Sender, message: &[u8]) -> Case {
        Case { subject: to.0, kind: 1, data: message.as_ptr(), length: message.len() }
    }

    /// The child has ended.
    pub fn end(child: &Child) -> Case {
        Case { subject: child.0, kind: 2, data: core::ptr::null(), length: 0 }
    }
}

/// Waits for one of the cases: its index, and `Err(Error::END)` beside it if its channel has ended.
pub fn select(cases: &[Case], limit: Limit) -> (usize, Result<(), Error>) {
    let mut chosen = usize::MAX;
    let code = unsafe { host::select(cases.as_ptr(), cases.len(), limit.number(), &mut chosen) };
    (chosen, check(code))
}

pub fn sleep(nanoseconds: i64) {
    unsafe { host::sleep(nanoseconds) };
}

/// A guest that this one has started. Dropping it gives its number up, if it has ended; a child that runs keeps it.
pub struct Child(u32);

impl Drop for Child {
    fn drop(&mut self) {
        unsafe { host::close(self.0) };
    }
}

/// Starts a granted program; the channels, by their numbers, become its 0, 1, and so on.
pub fn spawn(program: &str, arguments: &[&str], channels: &[u32]) -> Result<Child, Error> {
    let mut texts = Vec::new();
    for argument in arguments {
        texts.extend_from_slice(argument.as_bytes());
        texts.push(0);
    }
    let mut child = 0;
    check(unsafe {
        host::spawn(
            program.as_ptr(),
            program.len(),
            texts.as_ptr(),
            texts.len(),
            channels.as_ptr(),
            channels.len(),
            &mut child,
        )
    })?;
    Ok(Child(child))
}

impl Child {
    pub fn wait(&self, limit: Limit) -> Result<i32, Error> {
        let mut code = 0;
        check(unsafe { host::child_wait(self.0, &mut code, limit.number()) })?;
        Ok(code)
    }

    /// Ends it, within moments; does not wait for that. `wait` then gives `Error::CANCELLED`, unless it was faster.
    pub fn cancel(&self) -> Result<(), Error> {
        check(unsafe { host::child_cancel(self.0) })
    }
}

#[cfg(test)]
mod tests;
