//! The traits of a step that a dialect goes by: what its provider speaks, and what the configuration says of it.

/// The traits of a step, as the configuration tells them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepTraits {
    pub kind: ProviderKind,
    /// The provider's base URL ends in the version of its API (`/v1`).
    pub base_has_version: bool,
    /// The provider speaks Responses.
    pub speaks_responses: bool,
    /// Requests that need nothing but a tool of the provider's own (`web_search_*`) are worth a call.
    pub has_server_tools: bool,
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
    /// Whether requests of a dialect, by its name, may be for the step: those that it passes over whatever they hold are
    /// not. Which other endpoints a provider of OpenAI's kind has is not known.
    pub fn may_serve(&self, dialect: &str) -> bool {
        match (self.kind, dialect) {
            (ProviderKind::Anthropic, dialect) => dialect == "messages",
            (ProviderKind::OpenAi, "messages") => false,
            (ProviderKind::OpenAi, "responses") => self.speaks_responses,
            (ProviderKind::OpenAi, _) => true,
        }
    }
}

/// A step that nothing is known of.
pub static PLAIN: StepTraits = StepTraits {
    kind: ProviderKind::OpenAi,
    base_has_version: false,
    speaks_responses: false,
    has_server_tools: false,
};

impl Default for StepTraits {
    fn default() -> Self {
        PLAIN.clone()
    }
}
