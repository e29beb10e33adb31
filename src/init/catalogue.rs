//! The providers that `init` knows by name. The models are those of their free tiers; docs/providers.md tells more.

/// A row of the catalogue.
#[derive(Debug, PartialEq, Eq)]
pub struct Offer {
    pub name: &'static str,
    pub title: &'static str,
    pub base_url: &'static str,
    /// The variable of the key, and the page where keys come from; empty for a server that needs none.
    pub key: &'static str,
    pub key_page: &'static str,
    /// Another variable, in the URL; empty where there is none.
    pub account: &'static str,
    /// The model that is proposed; empty where none can be.
    pub model: &'static str,
    /// The profile (of [`crate::config::PROFILES`]); empty where the host tells it.
    pub profile: &'static str,
}

/// A row for a provider with a key, found by its host.
const NET: Offer = Offer {
    name: "",
    title: "",
    base_url: "",
    key: "",
    key_page: "",
    account: "",
    model: "",
    profile: "",
};

pub const CATALOGUE: [Offer; 9] = [
    Offer {
        name: "groq",
        title: "Groq",
        base_url: "https://api.groq.com/openai/v1",
        key: "GROQ_API_KEY",
        key_page: "https://console.groq.com/keys",
        model: "openai/gpt-oss-120b",
        ..NET
    },
    Offer {
        name: "cerebras",
        title: "Cerebras",
        base_url: "https://api.cerebras.ai/v1",
        key: "CEREBRAS_API_KEY",
        key_page: "https://cloud.cerebras.ai",
        model: "gpt-oss-120b",
        ..NET
    },
    Offer {
        name: "openrouter",
        title: "OpenRouter",
        base_url: "https://openrouter.ai/api/v1",
        key: "OPENROUTER_API_KEY",
        key_page: "https://openrouter.ai/keys",
        model: "nvidia/nemotron-3-nano-30b-a3b:free",
        ..NET
    },
    Offer {
        name: "google",
        title: "Google AI Studio",
        base_url: "https://generativelanguage.googleapis.com/v1beta/openai",
        key: "GEMINI_API_KEY",
        key_page: "https://aistudio.google.com/apikey",
        model: "gemini-2.5-flash",
        ..NET
    },
    Offer {
        name: "mistral",
        title: "Mistral",
        base_url: "https://api.mistral.ai/v1",
        key: "MISTRAL_API_KEY",
        key_page: "https://console.mistral.ai/api-keys",
        model: "mistral-small-latest",
        ..NET
    },
    Offer {
        name: "nvidia",
        title: "NVIDIA",
        base_url: "https://integrate.api.nvidia.com/v1",
        key: "NVIDIA_API_KEY",
        key_page: "https://build.nvidia.com/settings/api-keys",
        model: "openai/gpt-oss-120b",
        ..NET
    },
    Offer {
        name: "cloudflare",
        title: "Cloudflare Workers AI",
        base_url: "https://api.cloudflare.com/client/v4/accounts/${CLOUDFLARE_ACCOUNT_ID}/ai/v1",
        key: "CLOUDFLARE_API_TOKEN",
        key_page: "https://dash.cloudflare.com/profile/api-tokens",
        account: "CLOUDFLARE_ACCOUNT_ID",
        model: "@cf/meta/llama-3.3-70b-instruct-fp8-fast",
        ..NET
    },
    Offer {
        name: "ollama",
        title: "Ollama on this machine",
        base_url: "http://127.0.0.1:11434/v1",
        model: "llama3.2",
        profile: "ollama",
        ..NET
    },
    Offer {
        name: "llamacpp",
        title: "llama.cpp on this machine (llama-server --port 8081)",
        base_url: "http://127.0.0.1:8081/v1",
        model: "default",
        profile: "llamacpp",
        ..NET
    },
];

/// The row of a name.
pub fn named(name: &str) -> Option<&'static Offer> {
    CATALOGUE.iter().find(|offer| offer.name == name)
}
