//! Limits of a guest as a whole: the sum over all its memories and tables, not each for itself. And the end of a guest
//! for another limit, which the other side watches over.

use crate::ffi::Pointer;
use std::fmt;
use wasmtime_c_api::wasmtime::{ResourceLimiter, Result};

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Resource {
    Memory,
    TableElements,
}

/// What a guest asked for and did not get; the guest ends with it.
#[derive(Debug)]
pub struct LimitReached {
    pub resource: Resource,
    pub limit: u64,
    pub wanted: u64,
}

impl fmt::Display for LimitReached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.resource {
            Resource::Memory => {
                write!(f, "memory limit of {} bytes reached: {} bytes wanted", self.limit, self.wanted)
            }
            Resource::TableElements => {
                write!(f, "limit of {} table elements reached: {} wanted", self.limit, self.wanted)
            }
        }
    }
}

impl std::error::Error for LimitReached {}

/// The guest was told to end, see `weft_guest_interrupt`.
#[derive(Debug)]
pub struct Interrupted;

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("interrupted")
    }
}

impl std::error::Error for Interrupted {}

/// Bytes of memory that a guest has, where an element of a table counts as a pointer; and those elements by themselves.
pub struct MemoryAccount {
    pub limit: u64,
    pub used: u64,
    pub peak: u64,
    pub element_limit: u64,
    elements: u64,
    /// Where the guest's memory lies and how large it is, once somebody has looked; only a growth changes either.
    pub place: Option<(Pointer, usize)>,
}

impl MemoryAccount {
    pub fn new(limit: u64) -> MemoryAccount {
        MemoryAccount { limit, used: 0, peak: 0, element_limit: u64::MAX, elements: 0, place: None }
    }

    fn charge(&mut self, bytes: u64) -> Result<bool> {
        let wanted = self.used.saturating_add(bytes);
        if wanted > self.limit {
            return Err(LimitReached { resource: Resource::Memory, limit: self.limit, wanted }.into());
        }
        self.used = wanted;
        self.peak = self.peak.max(wanted);
        Ok(true)
    }

    fn charge_elements(&mut self, count: u64) -> Result<()> {
        let wanted = self.elements.saturating_add(count);
        if wanted > self.element_limit {
            return Err(LimitReached { resource: Resource::TableElements, limit: self.element_limit, wanted }.into());
        }
        self.elements = wanted;
        Ok(())
    }
}

/// A growth that the module's own maximum forbids is the guest's business: it sees the failure and nothing is charged.
fn is_forbidden(desired: usize, maximum: Option<usize>) -> bool {
    maximum.is_some_and(|most| desired > most)
}

impl ResourceLimiter for MemoryAccount {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        self.place = None;
        if is_forbidden(desired, maximum) {
            return Ok(false);
        }
        self.charge(desired.saturating_sub(current) as u64)
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        if is_forbidden(desired, maximum) {
            return Ok(false);
        }
        let more = desired.saturating_sub(current) as u64;
        self.charge_elements(more)?;
        self.charge(more.saturating_mul(size_of::<usize>() as u64))
    }
}
