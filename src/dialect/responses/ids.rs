//! Ids that the gateway makes. No provider can know what stands behind them.

use crate::json::raw;

/// The beginning of the ids of responses.
const RESPONSE: &str = "resp_agw";

/// The beginning of the ids of reasoning.
const REASONING: &str = "rs_agw";

/// The beginning of what stands in place of encrypted reasoning.
const CIPHER: &str = "agw1_";

/// The mark behind the prefix of every id.
const MARK: &str = "_agw";

/// Whether a raw value is the id of a response of ours.
pub fn is_response(id: &str) -> bool {
    raw::text(id).is_some_and(|id| id.starts_with(RESPONSE))
}

/// Whether a raw value is an id of reasoning of ours.
pub fn is_reasoning(id: &str) -> bool {
    raw::text(id).is_some_and(|id| id.starts_with(REASONING))
}

/// Whether a raw value stands in place of encrypted reasoning.
pub fn is_cipher(content: &str) -> bool {
    raw::text(content).is_some_and(|content| content.starts_with(CIPHER))
}

/// Whether a raw value is an id of any item of ours.
pub fn is_item(id: &str) -> bool {
    raw::text(id).is_some_and(|id| {
        let prefix = id.split(MARK).next().unwrap_or_default();
        id.contains(MARK)
            && prefix.len() <= 4
            && prefix.bytes().all(|byte| byte.is_ascii_lowercase())
    })
}
