//! A filter over the names of an object's members: most of the names that it is asked for are not there.

/// The names of some members, as far as one word tells them: a bit for each, which some share (Bloom, "Space/time
/// trade-offs in hash coding with allowable errors", 1970).
#[derive(Clone, Copy, Debug, Default)]
pub struct NameFilter(u64);

impl NameFilter {
    /// The filter over these names.
    pub const fn of(names: &[&str]) -> Self {
        let (mut bits, mut rest) = (0, names);
        while let [name, others @ ..] = rest {
            bits |= bit(name);
            rest = others;
        }
        Self(bits)
    }

    /// Adds a name, and tells whether it may have been there before.
    pub(super) fn add(&mut self, name: &str) -> bool {
        let may_be_repeated = self.may_have(name);
        self.0 |= bit(name);
        may_be_repeated
    }

    /// Whether the name may be one of those that were added; where it may not, it is none.
    pub(super) fn may_have(self, name: &str) -> bool {
        self.0 & bit(name) != 0
    }

    /// Whether the two may have a name in common.
    pub(super) fn may_share(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// The bit of a name. The usual members of a chat request have a bit each.
const fn bit(name: &str) -> u64 {
    1 << ((byte(name, 0) + 2 * name.len() + 4 * byte(name, name.len() / 2)) % 64)
}

const fn byte(name: &str, at: usize) -> usize {
    match name.as_bytes().split_at_checked(at) {
        Some((_, [byte, ..])) => *byte as usize,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_was_added_is_found() {
        let names = ["", "a", "é", "model", "temperature", "tool_choice"];
        let mut filter = NameFilter::default();
        for name in names {
            assert!(!filter.add(name), "{name}");
            assert!(filter.add(name), "{name}");
        }
        assert!(names.into_iter().all(|name| filter.may_have(name)));
        assert!(!filter.may_have("tools") && !filter.may_have("stop"));
        assert!(filter.may_share(NameFilter::of(&["stop", "model"])));
        assert!(!filter.may_share(NameFilter::of(&["stop", "tools"])));
    }

    /// Requests with a name more than once are looked at again, name by name: the usual ones are not.
    #[test]
    fn the_usual_members_of_a_request_have_a_bit_each() {
        let mut filter = NameFilter::default();
        for name in [
            "model",
            "messages",
            "stream",
            "temperature",
            "top_p",
            "max_tokens",
            "max_completion_tokens",
            "tools",
            "tool_choice",
            "parallel_tool_calls",
            "stop",
            "response_format",
            "user",
            "n",
            "seed",
            "stream_options",
            "frequency_penalty",
            "presence_penalty",
            "logit_bias",
            "reasoning_effort",
        ] {
            assert!(!filter.add(name), "{name}");
        }
    }
}
