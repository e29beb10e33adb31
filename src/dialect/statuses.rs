//! The statuses under which the words of a refusal count.

use super::rule::Statuses;

/// Any status.
pub const ANY: Statuses = &[0..=u16::MAX];
/// A 5xx that mentions the words is still a fault of the server.
pub const BELOW_500: Statuses = &[0..=499];
/// An error inside a success.
pub const ERROR_IN_200: Statuses = &[200..=200];
/// Statuses under which a request is refused, or an error inside a 200.
pub const REFUSED: Statuses = &[200..=200, 400..=400, 404..=404, 422..=422];
/// Statuses under which a key is refused.
pub const KEY_REFUSED: Statuses = &[200..=200, 400..=403];
/// Statuses of servers that lack a thing; some of them take it for a fault of their own.
pub const LACKING: Statuses = &[
    200..=200,
    400..=400,
    403..=406,
    415..=415,
    422..=422,
    500..=501,
];
