//! A host for the crate's own tests: it holds one message, counts, and keeps what it was given.
use std::cell::RefCell;
use std::slice;

#[derive(Default)]
pub struct Seen {
    pub message: Option<Vec<u8>>,
    pub closed: Vec<u32>,
    pub limits: Vec<i64>,
    pub arguments: Vec<u8>,
    pub channels: Vec<u32>,
    pub cases: Vec<(u32, u32, usize)>,
    pub cancelled: Vec<u32>,
    pub answer: u32,
}

thread_local! {
    pub static SEEN: RefCell<Seen> = RefCell::default();
}

fn see<R>(what: impl FnOnce(&mut Seen) -> R) -> R {
    SEEN.with(|seen| what(&mut seen.borrow_mut()))
}

pub unsafe fn channel_open(_name: *const u8, length: usize, out: *mut u32) -> u32 {
    *out = length as u32;
    see(|seen| seen.answer)
}

pub unsafe fn channel_create(_capacity: u32, sender: *mut u32, receiver: *mut u32) -> u32 {
    (*sender, *receiver) = (3, 4);
    see(|seen| seen.answer)
}

pub unsafe fn channel_send(_to: u32, data: *const u8, length: usize, timeout: i64) -> u32 {
    see(|seen| {
        seen.message = Some(slice::from_raw_parts(data, length).to_vec());
        seen.limits.push(timeout);
        seen.answer
    })
}

pub unsafe fn channel_receive(_from: u32, buffer: *mut u8, capacity: usize, length: *mut usize, timeout: i64) -> u32 {
    see(|seen| {
        seen.limits.push(timeout);
        let Some(message) = &seen.message else { return seen.answer };
        *length = message.len();
        if message.len() > capacity {
            return super::Error::TOO_LONG.0;
        }
        buffer.copy_from(message.as_ptr(), message.len());
        seen.message = None;
        0
    })
}

pub unsafe fn close(handle: u32) -> u32 {
    see(|seen| seen.closed.push(handle));
    0
}

pub unsafe fn select(cases: *const super::Case, count: usize, timeout: i64, chosen: *mut usize) -> u32 {
    see(|seen| {
        seen.cases = slice::from_raw_parts(cases, count).iter().map(|c| (c.subject, c.kind, c.length)).collect();
        seen.limits.push(timeout);
        *chosen = count - 1;
        seen.answer
    })
}

pub unsafe fn sleep(nanoseconds: i64) -> u32 {
    see(|seen| seen.limits.push(nanoseconds));
    0
}

pub unsafe fn spawn(
    _program: *const u8,
    _length: usize,
    arguments: *const u8,
    arguments_length: usize,
    channels: *const u32,
    channel_count: usize,
    out: *mut u32,
) -> u32 {
    *out = 9;
    see(|seen| {
        seen.arguments = slice::from_raw_parts(arguments, arguments_length).to_vec();
        seen.channels = slice::from_raw_parts(channels, channel_count).to_vec();
        seen.answer
    })
}

pub unsafe fn child_wait(_child: u32, code: *mut i32, timeout: i64) -> u32 {
    *code = 7;
    see(|seen| {
        seen.limits.push(timeout);
        seen.answer
    })
}

pub unsafe fn child_cancel(child: u32) -> u32 {
    see(|seen| {
        seen.cancelled.push(child);
        seen.answer
    })
}
