//! Freed memory, as glibc has it: each thread keeps up to seven freed pieces of each size for itself (its tcache), and gives
//! the larger ones to all. A thousand workers that wait for their providers keep what they freed behind their last answers.
//!
//! Two rules follow, by which a thousand workers take 26 MB in their eighth wave of requests, and not 34:
//!
//! * A piece that one thread allocates and another one frees goes back to the first: see the edge's handoff.
//! * A buffer that is filled and sent behind a wait is of a size that goes to all.

/// The largest piece that a thread keeps (bytes; the tunable `glibc.malloc.tcache_max`).
pub const MOST_KEPT: usize = 1032;

/// The least room of a buffer that goes to all threads when it is freed (bytes). It takes some 200 instructions more.
pub const LEAST_SHARED: usize = MOST_KEPT + 1;
