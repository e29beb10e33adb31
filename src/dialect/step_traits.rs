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

impl StepTraits {
    /// Whether the step's provider may have the endpoint of a dialect, by its name. Anthropic's have no others than those
    /// of text; of OpenAI's kind nothing is known.
    pub fn may_serve(&self, dialect: &str) -> bool {
        match self.kind {
            ProviderKind::OpenAi => true,
            ProviderKind::Anthropic => ["chat", "responses", "messages"].contains(&dialect),
        }
    }
}

/// A step that nothing is known of.
pub static PLAIN: StepTraits = StepTraits {
    kind: ProviderKind::OpenAi,
};
