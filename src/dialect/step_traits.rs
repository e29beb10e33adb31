//! The traits of a step that a dialect goes by: what its provider speaks, and what the configuration says of it.

/// The traits of a step, as the configuration tells them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepTraits {
    pub kind: ProviderKind,
}

/// The API that a provider speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProviderKind {
    /// OpenAI's, or one that follows it.
    #[default]
    OpenAi,
    /// Anthropic's Messages.
    Anthropic,
}

/// A step that nothing is known of.
pub static PLAIN: StepTraits = StepTraits {
    kind: ProviderKind::OpenAi,
};
