//! Misuse in safe code: operations that break their contracts, and kernels with sizes and slices that do not fit. A binary of
//! its own, because `.ci/sanitize` builds it again under AddressSanitizer.

#[path = "../suite/common/mod.rs"]
mod common;
mod hostile_kernels;
mod memory_is_its_own;
