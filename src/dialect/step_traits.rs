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
    /// The endpoint that completes between a prompt and a suffix; `None` where the usual one takes both.
    pub fim: Option<FillInTheMiddle>,
    /// Whether the provider has chat alone, so that a completion is asked of it as a message.
    pub completions_by_chat: bool,
    /// Whether the model's vocabulary is the one whose token ids clients send, which is OpenAI's.
    pub token_ids: bool,
    pub vectors: VectorTraits,
    pub rerank: RerankForm,
    pub translation: TranslationTraits,
}

/// The traits of a step that requests of other dialects are translated for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TranslationTraits {
    /// A hash of the provider and the model: reasoning goes back to the step that it came from, and to no other.
    pub tag: u16,
    /// The member of chat with the most tokens of an answer.
    pub output_limit: OutputLimit,
    /// A stream is not asked for its usage: the provider refuses `stream_options`.
    pub hides_usage: bool,
    /// Requests with tools that a provider of Responses would have of its own pass the step over. Else such tools are dropped.
    pub refuses_builtin_tools: bool,
    /// Calls in the history need a signature of thoughts, which those that began elsewhere do not have: Google, whose
    /// documentation has a value for them.
    pub needs_signatures: bool,
    /// The most tokens of an answer where a request does not bound it and the provider wants a bound.
    pub max_tokens: Option<u64>,
    pub thinking: ThinkingBudget,
}

/// The thinking that a provider of Messages is asked for where a request of another dialect asks for effort.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ThinkingBudget {
    /// None: a turn that thinks has to go on with signed thinking, which clients of most other dialects cannot give back.
    #[default]
    None,
    /// As much as the model sees fit, by the effort asked for.
    Adaptive,
    /// So many tokens at most.
    Tokens(u64),
}

/// The member of chat that bounds an answer (tokens).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OutputLimit {
    /// `max_tokens`: Mistral, Ollama and DeepSeek know no other.
    #[default]
    MaxTokens,
    /// `max_completion_tokens`: newer models of OpenAI refuse the other.
    MaxCompletionTokens,
}

/// The traits of the vectors that a step makes of texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VectorTraits {
    /// The space that they lie in: those of two spaces cannot be compared.
    pub space: String,
    /// The space of the step's route; `None` where the route mixes spaces.
    pub space_of_route: Option<String>,
    /// The length that the route declares; `None` where it says nothing.
    pub dimensions: Option<u64>,
    /// The most inputs of one call; `None` without a bound (at least 1).
    pub max_inputs: Option<usize>,
}

/// The form in which a provider takes documents to rank.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RerankForm {
    /// The one of Cohere and Jina, in which clients ask.
    #[default]
    Cohere,
    /// Text Embeddings Inference: `texts`, and an array for an answer.
    Tei,
    /// Voyage: `top_k`, and an answer with `data`.
    Voyage,
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
    /// not. Conversations are translated; which other endpoints a provider of OpenAI's kind has is not known.
    pub fn may_serve(&self, dialect: &str) -> bool {
        const TRANSLATED: [&str; 4] = ["chat", "responses", "messages", "ollama"];
        self.kind == ProviderKind::OpenAi || TRANSLATED.contains(&dialect)
    }
}

/// An endpoint of its own for what stands between a prompt and a suffix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FillInTheMiddle {
    /// `/fim/completions`, of Mistral and Codestral. Its answers have the shape of chat.
    Mistral,
    /// `/infill`, of llama-server: its `/v1/completions` takes a suffix and ignores it.
    LlamaCpp,
}

/// A step that nothing is known of.
pub static PLAIN: StepTraits = StepTraits {
    kind: ProviderKind::OpenAi,
    base_has_version: false,
    speaks_responses: false,
    has_server_tools: false,
    fim: None,
    completions_by_chat: false,
    token_ids: false,
    vectors: VectorTraits {
        space: String::new(),
        space_of_route: None,
        dimensions: None,
        max_inputs: None,
    },
    rerank: RerankForm::Cohere,
    translation: TranslationTraits {
        tag: 0,
        output_limit: OutputLimit::MaxTokens,
        hides_usage: false,
        refuses_builtin_tools: false,
        needs_signatures: false,
        max_tokens: None,
        thinking: ThinkingBudget::None,
    },
};

impl Default for StepTraits {
    fn default() -> Self {
        PLAIN.clone()
    }
}
