//! The order of a route's steps: which of them a request is given first.
//!
//! The order is drawn once, at the beginning of a walk, as a [`Sequence`] of all steps; the walk then goes its usual way:
//! what is cooling is passed over at first, and every step is tried before the route fails. Nothing here makes a request
//! slower: the knowledge comes from requests that were made anyway, and a probe of a slower step is an ordinary request.
//!
//! * `spread` draws lots, by weight times what is left of limits. It remembers nothing, so that several gateways spread
//!   alike without a word between them.
//! * `fastest` goes by a mean of the times to first content ([`StepOrders`]), and has another step asked now and then.
//! * `sticky` remembers the step that answered a conversation last, as a number that stands for its first messages.

mod conversation;
mod measured_time;
mod outlook;
mod route_times;
mod sequence;
mod step_orders;
mod sticking;
mod stored_times;

pub use conversation::Conversation;
pub use measured_time::Manner;
pub use outlook::{StepOutlook, outlook};
pub use sequence::Sequence;
pub(super) use step_orders::lots;
pub use step_orders::{Asked, StepOrders};
