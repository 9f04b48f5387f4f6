//! All integration tests of the engine that can share a process, in one binary.

mod common;

mod affine_is_its_definition;
mod clipping;
mod convolutions_are_their_definition;
mod convolutions_in_registers;
mod derivative_products;
mod draws;
mod errors;
mod every_op_is_checked;
#[cfg(all(feature = "files", feature = "gzip"))]
mod files_of_numpy;
mod looking_at_a_tape;
mod losses_at_their_limits;
mod networks_have_the_same_bits;
mod noise;
mod padded_sequences;
mod recompute;
mod reference;
mod same_bits_for_any_thread_count;
mod tape;
mod unsafe_is_listed;
mod zero_adjoints;
