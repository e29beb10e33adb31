//! Questions about a request that one provider may answer at once, and the gateway itself where none does.

use super::questions::Dialect;
use super::request::{Incoming, Request, RequestError};
use super::step_traits::StepTraits;

/// A question on the side of a dialect's requests: how many tokens one has. It is put to one step, and costs no cooldown.
pub trait SideQuestion: Sync {
    /// The dialect of its requests, its calls and its refusals.
    fn dialect(&self) -> &'static dyn Dialect;

    /// Reads a request as far as routing needs.
    ///
    /// # Errors
    /// The member at fault, in words for the client.
    fn read<'a>(&self, incoming: Incoming<'a>) -> Result<Request<'a>, RequestError>;

    /// The path of a call, behind a provider's base URL; `None` where the step's provider has no answer.
    fn path(&self, step: &StepTraits) -> Option<&'static str>;

    /// The answer in the body of a provider's; `None` where there is none in it.
    fn answer(&self, body: &str) -> Option<String>;

    /// The gateway's own answer.
    fn estimate(&self, request: &Request<'_>) -> String;

    /// The field that tells an answer of the gateway's own, and its value.
    fn estimate_mark(&self) -> (&'static str, &'static str);
}
