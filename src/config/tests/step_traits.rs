use super::{accept, refuse};
use crate::dialect::step_traits::{FillInTheMiddle, StepTraits, ThinkingBudget};

fn file(url: &str, lines: &str) -> String {
    format!(
        "api_key: k\nproviders:\n  - {{name: p, base_url: {url}}}\nroutes:\n  - {{name: r, steps: [{{provider: p, model: m{lines}}}]}}\n"
    )
}

fn traits(url: &str, lines: &str) -> StepTraits {
    accept(&file(url, lines)).routes[0].steps[0].traits.clone()
}

#[test]
fn a_step_tells_where_it_completes() {
    let plain = traits("https://p.example/v1", "");
    assert_eq!((plain.fim, plain.completions_by_chat), (None, false));
    let mistral = traits("https://p.example/v1", ", fim: mistral");
    assert_eq!(mistral.fim, Some(FillInTheMiddle::Mistral));
    let llama = traits("https://p.example/v1", ", fim: llamacpp, completions: chat");
    assert_eq!(llama.fim, Some(FillInTheMiddle::LlamaCpp));
    assert!(llama.completions_by_chat);
    let message = refuse(&file("https://p.example/v1", ", fim: codestral"));
    assert!(message.contains("routes[0].steps[0].fim"), "{message}");
    let message = refuse(&file("https://p.example/v1", ", completions: messages"));
    assert!(
        message.contains("routes[0].steps[0].completions"),
        "{message}"
    );
}

#[test]
fn token_ids_are_for_models_with_the_vocabulary_of_openai() {
    for (url, lines, expected) in [
        ("https://api.openai.com/v1", "", true),
        ("https://API.OpenAI.com/v1", "", true),
        ("https://mine.openai.azure.com/openai/v1", "", true),
        ("https://api.openai.com.evil.example/v1", "", false),
        ("https://notapi.openai.com/v1", "", false),
        ("https://p.example/v1", "", false),
        ("https://p.example/v1", ", token_ids: true", true),
        ("https://api.openai.com/v1", ", token_ids: false", false),
    ] {
        assert_eq!(traits(url, lines).token_ids, expected, "{url}{lines}");
    }
}

#[test]
fn a_step_bounds_the_answers_and_the_thinking_of_translated_requests() {
    for (lines, max_tokens, thinking) in [
        ("", None, ThinkingBudget::None),
        (", max_tokens: 4096", Some(4096), ThinkingBudget::None),
        (
            ", thinking_budget: adaptive",
            None,
            ThinkingBudget::Adaptive,
        ),
        (
            ", thinking_budget: 2048",
            None,
            ThinkingBudget::Tokens(2048),
        ),
    ] {
        let translation = traits("https://p.example/v1", lines).translation;
        assert_eq!(
            (translation.max_tokens, translation.thinking),
            (max_tokens, thinking),
            "{lines}"
        );
    }
    for lines in [
        ", max_tokens: 0",
        ", thinking_budget: 1000",
        ", thinking_budget: much",
    ] {
        let message = refuse(&file("https://p.example/v1", lines));
        assert!(message.contains("routes[0].steps[0]."), "{message}");
    }
}
