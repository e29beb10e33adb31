//! Requests that are stated anew in another dialect, where answers are not made of deltas: vectors.

use super::answer::Flaw;
use super::questions::Dialect;
use super::request::Request;

/// A dialect whose requests are put as those of another one, which routes, judges and heals them as its own. The answer,
/// which is whole, is spelled in the client's dialect at the end.
pub trait Restatement: Sync {
    /// The dialect in which the request is put.
    fn dialect(&self) -> &'static dyn Dialect;

    /// The body of the request there.
    fn body(&self, request: &Request<'_>, model: &str) -> String;

    /// The answer to the client; `model` is the name that it asked for, `elapsed` the time that it took (nanoseconds).
    ///
    /// # Errors
    /// The answer cannot be said in the client's dialect.
    fn answer(&self, answer: &str, model: &str, elapsed: u64) -> Result<String, Flaw>;
}
