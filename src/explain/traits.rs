//! The traits that dialects go by, for a person: one list of them all, in the configuration's spelling.

use crate::dialect::step_traits::{ProviderKind, StepTraits};

/// The traits of a step that are not the built-in ones, each as a setting. A trait that is not taken apart here does not
/// compile.
pub fn settings(traits: &StepTraits) -> Vec<String> {
    let StepTraits { kind } = traits;
    let kind = match kind {
        ProviderKind::OpenAi => None,
        ProviderKind::Anthropic => Some("kind: anthropic".to_owned()),
    };
    [kind].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::step_traits::PLAIN;

    #[test]
    fn what_is_built_in_is_not_shown() {
        assert!(settings(&PLAIN).is_empty());
    }

    #[test]
    fn traits_are_spelled_as_in_the_file() {
        let anthropic = StepTraits {
            kind: ProviderKind::Anthropic,
        };
        assert_eq!(settings(&anthropic), ["kind: anthropic"]);
    }
}
