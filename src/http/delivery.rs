//! How an answer went.

/// What came of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    pub status: u16,
    /// Whether the client's system took all of it.
    pub complete: bool,
    /// Bytes of the body, without framing.
    pub bytes: u64,
}
