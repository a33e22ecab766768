//! Limits of a guest as a whole: the sum over all its memories and tables, not each for itself.

use std::fmt;
use wasmtime_c_api::wasmtime::{ResourceLimiter, Result};

/// What a guest asked for and did not get; the guest ends with it.
#[derive(Debug)]
pub struct LimitReached {
    pub limit: u64,
    pub wanted: u64,
}

impl fmt::Display for LimitReached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "memory limit of {} bytes reached: {} bytes wanted", self.limit, self.wanted)
    }
}

impl std::error::Error for LimitReached {}

/// Bytes of memory that a guest has; an element of a table counts as a pointer.
pub struct MemoryAccount {
    pub limit: u64,
    pub used: u64,
    pub peak: u64,
}

impl MemoryAccount {
    pub fn new(limit: u64) -> MemoryAccount {
        MemoryAccount { limit, used: 0, peak: 0 }
    }

    fn charge(&mut self, bytes: u64) -> Result<bool> {
        let wanted = self.used.saturating_add(bytes);
        if wanted > self.limit {
            return Err(LimitReached { limit: self.limit, wanted }.into());
        }
        self.used = wanted;
        self.peak = self.peak.max(wanted);
        Ok(true)
    }

    /// A growth that the module's own maximum forbids is the guest's business: it sees the failure and nothing is charged.
    fn grow(&mut self, current: usize, desired: usize, maximum: Option<usize>, unit: u64) -> Result<bool> {
        if maximum.is_some_and(|most| desired > most) {
            return Ok(false);
        }
        self.charge((desired.saturating_sub(current) as u64).saturating_mul(unit))
    }
}

impl ResourceLimiter for MemoryAccount {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        self.grow(current, desired, maximum, 1)
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        self.grow(current, desired, maximum, size_of::<usize>() as u64)
    }
}
