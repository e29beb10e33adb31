use std::collections::BTreeSet;
use std::time::SystemTime;

use super::*;
use crate::dialect::provider_error::refusal_of;

fn class_by(status: u16, body: &str) -> Class {
    let refusal = ProviderRefusal {
        status,
        headers: &[],
        said: &refusal_of(body),
    };
    class_of(&refusal, SystemTime::UNIX_EPOCH)
}

#[test]
fn every_status_has_the_class_of_the_table() {
    let table: &[(Class, &[u16])] = &[
        (
            Class::ServerError,
            &[500, 502, 503, 504, 520, 525, 529, 501, 530, 599],
        ),
        (Class::RateLimited, &[429]),
        (Class::QuotaExhausted, &[402]),
        (Class::Unauthorized, &[401]),
        // DESIGN section 5: a 403 says less than a 401. It was unauthorized.
        (Class::Forbidden, &[403]),
        (Class::ModelNotFound, &[404, 410]),
        (Class::Rejected, &[400, 405, 406, 415, 418, 422, 451, 499]),
        (Class::TooLarge, &[413]),
        // DESIGN section 5: 409 and 424 pass; they were rejections.
        (Class::Transient, &[408, 409, 424, 425]),
        (
            Class::BadResponse,
            &[101, 300, 301, 302, 304, 307, 308, 0, 600, 999],
        ),
    ];
    for (class, statuses) in table {
        for status in *statuses {
            assert_eq!(class_by(*status, ""), *class, "{status}");
        }
    }
}

#[test]
fn providers_are_understood_in_their_own_words() {
    for (source, status, body, class) in CASES {
        assert_eq!(class_by(*status, body), *class, "{source}: {status} {body}");
    }
}

#[test]
fn every_word_of_the_table_has_a_case_that_it_decides() {
    let mut missing: BTreeSet<(usize, usize)> = RULES
        .iter()
        .enumerate()
        .flat_map(|(rule, Rule(words, _, _))| {
            let (Words::Code(words)
            | Words::Named(words)
            | Words::NamedAndPassing(words)
            | Words::Said(words)
            | Words::Page(words)) = words;
            (0..words.len()).map(move |word| (rule, word))
        })
        .collect();
    for (_, status, body, _) in CASES {
        let said = refusal_of(body);
        let refusal = ProviderRefusal {
            status: *status,
            headers: &[],
            said: &said,
        };
        let status = effective_status(&refusal);
        if let Some(decisive) = decisive(&refusal, status, SystemTime::UNIX_EPOCH) {
            missing.remove(&decisive);
        }
    }
    let words_of = |(rule, word): &(usize, usize)| match RULES[*rule].0 {
        Words::Code(words)
        | Words::Named(words)
        | Words::NamedAndPassing(words)
        | Words::Said(words)
        | Words::Page(words) => words[*word],
    };
    let missing: Vec<&str> = missing.iter().map(words_of).collect();
    assert_eq!(missing, [""; 0], "without a case");
}

#[test]
fn a_challenge_is_told_by_its_header_whatever_its_status() {
    for (status, class) in [
        (403, Class::Blocked),
        (429, Class::Blocked),
        (503, Class::Blocked),
        // Beside a success it says nothing.
        (200, Class::ServerError),
    ] {
        for name in ["CF-Mitigated", "x-amzn-waf-action", "x-vercel-mitigated"] {
            let refusal = ProviderRefusal {
                status,
                headers: &[(name, "challenge")],
                said: &ProviderError::default(),
            };
            let class_seen = class_of(&refusal, SystemTime::UNIX_EPOCH);
            assert_eq!(class_seen, class, "{status} {name}");
        }
    }
}

#[test]
fn a_bill_for_one_request_is_not_the_key_s() {
    for (body, expected) in [
        (
            r#"{"error":{"code":402,"message":"This request requires more credits, or fewer max_tokens. You requested up to 65536 tokens, but can only afford 2000."}}"#,
            true,
        ),
        (r#"{"error":{"message":"Insufficient credits"}}"#, false),
    ] {
        let said = refusal_of(body);
        assert_eq!(
            concerns_this_request_only(Class::QuotaExhausted, &said),
            expected,
            "{body}"
        );
        assert!(!concerns_this_request_only(Class::RateLimited, &said));
    }
}

#[test]
fn a_star_stands_for_a_sentence_at_most() {
    assert!(speaks("model 'x' not found", "model*not found"));
    assert!(speaks("model model not found", "model*not found"));
    assert!(speaks("modelnot found", "model*not found"));
    assert!(speaks("", ""));
    assert!(speaks("it does not support chat", "not support chat"));
    assert!(!speaks(
        "it does not support chat_template",
        "not support chat"
    ));
    assert!(!speaks("not found model", "model*not found"));
    let far = format!("model {} not found", "x".repeat(LONGEST_GAP));
    assert!(!speaks(&far, "model*not found"));
}

/// Source, status, body, class.
type Case = (&'static str, u16, &'static str, Class);

/// The providers' own words, from their documentation and from reports of their users, shortened; a message `m` stands for
/// any, where the code decides.
const CASES: &[Case] = &[
    // Blocked.
    (
        "Cloudflare's challenge",
        403,
        r#"<!DOCTYPE html><html><head><title>Just a moment...</title></head>"#,
        Class::Blocked,
    ),
    (
        "Cloudflare's older challenge",
        503,
        r#"<html><head><title>Just a moment...</title>"#,
        Class::Blocked,
    ),
    (
        "Cloudflare, a rule of its firewall",
        403,
        r#"<html><head><title>Attention Required! | Cloudflare</title>"#,
        Class::Blocked,
    ),
    (
        "Cloudflare, \"I'm under attack\"",
        503,
        r#"<html><head><title>Checking your browser before accessing</title>"#,
        Class::Blocked,
    ),
    (
        "a security check",
        429,
        r#"<html><head><title>One more step: security check</title>"#,
        Class::Blocked,
    ),
    (
        "Google's sorry page",
        429,
        r#"<html><head><title>Please solve the CAPTCHA</title>"#,
        Class::Blocked,
    ),
    (
        "DDoS-Guard",
        403,
        r#"<!doctype html><html><head><title>DDoS-Guard</title>"#,
        Class::Blocked,
    ),
    (
        "Sucuri",
        500,
        r#"<html><body><h1>You have been blocked</h1>"#,
        Class::Blocked,
    ),
    (
        "Akamai",
        403,
        r#"<HTML><HEAD><TITLE>Access Denied</TITLE></HEAD>"#,
        Class::Blocked,
    ),
    (
        "AWS CloudFront",
        403,
        r#"<!DOCTYPE HTML PUBLIC "x"><HTML><HEAD><TITLE>ERROR: The request could not be satisfied</TITLE>"#,
        Class::Blocked,
    ),
    (
        "Cloudflare 1006, an address",
        403,
        r#"error code: 1006"#,
        Class::Blocked,
    ),
    (
        "Cloudflare 1010, Groq's answer to Python-urllib",
        403,
        r#"error code: 1010"#,
        Class::Blocked,
    ),
    (
        "Cloudflare 1020",
        403,
        r#"error code: 1020"#,
        Class::Blocked,
    ),
    (
        "Cloudflare, the same as a problem of RFC 9457",
        403,
        r#"{"status":403,"title":"Error 1010: Access denied","detail":"banned","error_code":1010,"error_name":"browser_signature_banned"}"#,
        Class::Blocked,
    ),
    (
        "nginx that is down behind it",
        502,
        r#"<html><head><title>502 Bad Gateway</title>"#,
        Class::ServerError,
    ),
    (
        "nginx, limit_req",
        429,
        r#"<html><head><title>429 Too Many Requests</title>"#,
        Class::RateLimited,
    ),
    (
        "Perplexity, a bad key",
        401,
        r#"<html><head><title>401 Authorization Required</title>"#,
        Class::Unauthorized,
    ),
    // Validation errors as 500.
    (
        "llama-cpp-python, a role",
        500,
        r#"{"error":{"message":"1 validation error:\n  {'type': 'literal_error', 'loc': ('body', 'messages', 0, 'role'), 'msg': \"Input should be 'system'\", 'input': 'developer'}","type":"internal_server_error","param":null,"code":null}}"#,
        Class::Rejected,
    ),
    (
        "pydantic, the message first",
        500,
        r#"{"detail":"Input should be a valid string at loc body.prompt"}"#,
        Class::Rejected,
    ),
    (
        "FastAPI, a missing field",
        500,
        r#"{"detail":[{"loc":["body","model"],"msg":"Field required"}]}"#,
        Class::Rejected,
    ),
    (
        "pydantic, by its name",
        500,
        r#"{"error":"ValidationError: 3 validation errors for ChatCompletionRequest"}"#,
        Class::Rejected,
    ),
    (
        "llama-cpp-python, its template",
        500,
        r#"{"error":{"message":"'dict object' has no attribute 'content'","type":"internal_server_error"}}"#,
        Class::Rejected,
    ),
    (
        "llama.cpp, a template of Gemma's",
        500,
        r#"{"error":{"code":500,"message":"Conversation roles must alternate user/assistant/user/assistant/...","type":"server_error"}}"#,
        Class::Rejected,
    ),
    (
        "llama-server, an older one",
        500,
        r#"{"error":{"code":500,"message":"something else","type":"server_error"}}"#,
        Class::ServerError,
    ),
    // Too large.
    (
        "OpenAI",
        400,
        r#"{"error":{"message":"m","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}"#,
        Class::TooLarge,
    ),
    (
        "llama-server",
        400,
        r#"{"error":{"code":400,"message":"x","type":"exceed_context_size_error","n_prompt_tokens":4010,"n_ctx":2048}}"#,
        Class::TooLarge,
    ),
    (
        "LM Studio",
        400,
        r#"{"error":{"code":"context_window_overflow"}}"#,
        Class::TooLarge,
    ),
    (
        "LiteLLM, a class as its type",
        400,
        r#"{"error":{"message":"x","type":"ContextWindowExceededError","code":"400"}}"#,
        Class::TooLarge,
    ),
    (
        "OpenAI, one long text",
        400,
        r#"{"error":{"message":"m","code":"string_above_max_length"}}"#,
        Class::TooLarge,
    ),
    (
        "Anthropic, a large body",
        400,
        r#"{"type":"error","error":{"type":"request_too_large","message":"Request exceeds the maximum size"}}"#,
        Class::TooLarge,
    ),
    (
        "GitHub Models",
        400,
        r#"{"error":{"code":"tokens_limit_reached","message":"Request body too large for gpt-4o model. Max size: 8000 tokens."}}"#,
        Class::TooLarge,
    ),
    (
        "vLLM, SambaNova, DeepSeek, Fireworks",
        400,
        r#"{"object":"error","message":"This model's maximum context length is 8192 tokens. However, you requested 9000","type":"BadRequestError","code":400}"#,
        Class::TooLarge,
    ),
    (
        "llama-server, by its words",
        400,
        r#"{"error":{"message":"request (4010 tokens) exceeds the available context size (2048 tokens), try increasing it"}}"#,
        Class::TooLarge,
    ),
    (
        "Ollama, embeddings",
        400,
        r#"{"error":"the input length exceeds the context length"}"#,
        Class::TooLarge,
    ),
    (
        "LM Studio, tokens to keep",
        400,
        r#"{"error":"The number of tokens to keep from the initial prompt is greater than the context length."}"#,
        Class::TooLarge,
    ),
    (
        "Cloudflare Workers AI",
        400,
        r#"{"errors":[{"message":"AiError: The estimated number of input and maximum output tokens (9000) exceeded this model context window limit (7968).","code":5021}]}"#,
        Class::TooLarge,
    ),
    (
        "MiniMax",
        400,
        r#"{"type":"error","error":{"type":"invalid_request_error","message":"invalid params, context window exceeds limit (2013)"}}"#,
        Class::TooLarge,
    ),
    (
        "LiteLLM, by its words",
        400,
        r#"{"error":{"message":"litellm.ContextWindowExceededError: too long","type":null,"code":"400"}}"#,
        Class::TooLarge,
    ),
    (
        "LM Studio, an older one",
        400,
        r#"{"error":"Trying to keep the first 5000 tokens when context the overflows. However, the model is loaded with context length of only 4096 tokens"}"#,
        Class::TooLarge,
    ),
    (
        "Google AI Studio",
        400,
        r#"[{"error":{"code":400,"message":"The input token count (218152) exceeds the maximum number of tokens allowed (65536).","status":"INVALID_ARGUMENT"}}]"#,
        Class::TooLarge,
    ),
    (
        "Vertex AI",
        400,
        r#"[{"error":{"code":400,"message":"The input token count is 1200000 but model only supports up to 1048576: it exceeds the maximum","status":"INVALID_ARGUMENT"}}]"#,
        Class::TooLarge,
    ),
    (
        "Moonshot",
        400,
        r#"{"error":{"message":"Invalid request: Your request exceeded model token limit: 8192","type":"invalid_request_error"}}"#,
        Class::TooLarge,
    ),
    (
        "Anthropic, the prompt",
        400,
        r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 208310 tokens > 200000 maximum"}}"#,
        Class::TooLarge,
    ),
    (
        "Ollama",
        400,
        r#"{"error":"prompt too long; exceeded max context length by 12 tokens"}"#,
        Class::TooLarge,
    ),
    (
        "z.ai, by its words",
        400,
        r#"{"error":{"code":"x","message":"Prompt exceeds max length"}}"#,
        Class::TooLarge,
    ),
    (
        "z.ai, by its code",
        400,
        r#"{"error":{"code":"1261","message":"x"}}"#,
        Class::TooLarge,
    ),
    (
        "xAI",
        400,
        r#"{"code":"Client specified an invalid argument","error":"This model's maximum prompt length is 131072 but the request contains 537812 tokens."}"#,
        Class::TooLarge,
    ),
    (
        "Bedrock",
        400,
        r#"{"message":"Input is too long for requested model."}"#,
        Class::TooLarge,
    ),
    (
        "DashScope",
        400,
        r#"{"error":{"code":"invalid_parameter_error","message":"<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 30720]","type":"invalid_request_error"}}"#,
        Class::TooLarge,
    ),
    (
        "Cohere",
        400,
        r#"{"message":"too many tokens: total number of tokens in the prompt cannot exceed 4081 - received 4500."}"#,
        Class::TooLarge,
    ),
    (
        "Together, TGI",
        422,
        r#"{"error":"Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000","error_type":"validation"}"#,
        Class::TooLarge,
    ),
    (
        "TGI",
        422,
        r#"{"error":"Input validation error: `inputs` must have less than 1024 tokens. Given: 2000","error_type":"validation"}"#,
        Class::TooLarge,
    ),
    (
        "llama-server, embeddings",
        500,
        r#"{"error":{"code":500,"message":"input (4001 tokens) is too large to process. increase the physical batch size (current batch size: 512)","type":"server_error"}}"#,
        Class::TooLarge,
    ),
    (
        "Groq, Cerebras",
        400,
        r#"{"error":{"message":"Please reduce the length of the messages or completion.","type":"invalid_request_error","param":"messages"}}"#,
        Class::TooLarge,
    ),
    (
        "OpenAI, one request over the limit of a minute",
        429,
        r#"{"error":{"message":"Request too large for gpt-4o in organization o on tokens per min (TPM): Limit 30000, Requested 61000. The input or output tokens must be reduced in order to run successfully.","type":"tokens","code":"rate_limit_exceeded"}}"#,
        Class::TooLarge,
    ),
    (
        "Groq, the same under 413",
        413,
        r#"{"error":{"message":"Request too large for model","type":"tokens","code":"rate_limit_exceeded"}}"#,
        Class::TooLarge,
    ),
    (
        "inside a 200",
        200,
        r#"{"error":{"code":400,"message":"request (4010 tokens) exceeds the available context size (2048 tokens)"}}"#,
        Class::TooLarge,
    ),
    // Money.
    (
        "DashScope, tokens by the minute in OpenAI's words",
        429,
        r#"{"error":{"message":"You exceeded your current quota, please check your plan and billing details. For details, see: https://help.example.com/model-studio/error-code#token-limit","type":"insufficient_quota","code":"insufficient_quota"}}"#,
        Class::RateLimited,
    ),
    (
        "DashScope, requests by the minute",
        429,
        r#"{"error":{"message":"see https://help.example.com/model-studio/error-code#rate-limit","code":"insufficient_quota"}}"#,
        Class::RateLimited,
    ),
    (
        "OpenAI, Perplexity",
        429,
        r#"{"error":{"message":"You exceeded your current quota, please check your plan and billing details.","type":"insufficient_quota","code":"insufficient_quota"}}"#,
        Class::QuotaExhausted,
    ),
    (
        "OpenAI, a hard limit",
        429,
        r#"{"error":{"message":"m","code":"billing_hard_limit_reached"}}"#,
        Class::QuotaExhausted,
    ),
    (
        "Google, billing switched off",
        403,
        r#"{"error":{"code":403,"status":"PERMISSION_DENIED","message":"m","details":[{"reason":"BILLING_DISABLED"}]}}"#,
        Class::QuotaExhausted,
    ),
    (
        "MiniMax, by its type",
        429,
        r#"{"error":{"http_code":"429","message":"m","type":"insufficient_balance_error"}}"#,
        Class::QuotaExhausted,
    ),
    (
        "OpenRouter, by its code",
        402,
        r#"{"error":{"code":"insufficient_credits","message":"m"}}"#,
        Class::QuotaExhausted,
    ),
    (
        "OpenCode Zen",
        401,
        r#"{"type":"error","error":{"type":"CreditsError","message":"m"}}"#,
        Class::QuotaExhausted,
    ),
    (
        "Vercel's gateway",
        402,
        r#"{"error":{"type":"credits_error","message":"m"}}"#,
        Class::QuotaExhausted,
    ),
    (
        "DashScope, arrears",
        400,
        r#"{"error":{"code":"Arrearage","message":"Access denied, please make sure your account is in good standing.","type":"Arrearage"}}"#,
        Class::QuotaExhausted,
    ),
    (
        "LiteLLM, a budget",
        400,
        r#"{"error":{"message":"ExceededBudget","type":"budget_exceeded","param":null,"code":"400"}}"#,
        Class::QuotaExhausted,
    ),
    (
        "x402 and the like",
        400,
        r#"{"error":{"code":"payment_required","message":"m"}}"#,
        Class::QuotaExhausted,
    ),
    (
        "Groq, a limit of one's own",
        400,
        r#"{"error":{"code":"organization_spend_limit_reached","message":"m"}}"#,
        Class::QuotaExhausted,
    ),
    (
        "z.ai, by its code",
        429,
        r#"{"error":{"code":"1113","message":"m"}}"#,
        Class::QuotaExhausted,
    ),
    (
        "MiniMax inside a 200",
        200,
        r#"{"base_resp":{"status_code":1008,"status_msg":"m"}}"#,
        Class::QuotaExhausted,
    ),
    (
        "SiliconFlow, by its code",
        403,
        r#"{"code":30001,"message":"m","data":null}"#,
        Class::QuotaExhausted,
    ),
    (
        "DeepSeek, MiniMax 500",
        500,
        r#"{"type":"error","error":{"type":"api_error","message":"insufficient balance (1008)"}}"#,
        Class::QuotaExhausted,
    ),
    (
        "SiliconFlow, by its words",
        403,
        r#"{"code":3,"message":"Sorry, your account balance is insufficient"}"#,
        Class::QuotaExhausted,
    ),
    (
        "Anthropic",
        400,
        r#"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the Anthropic API."}}"#,
        Class::QuotaExhausted,
    ),
    (
        "Chutes",
        429,
        r#"{"detail":"Quota exceeded and account balance is $0.0, please pay with fiat or send tao"}"#,
        Class::QuotaExhausted,
    ),
    (
        "OpenRouter",
        400,
        r#"{"error":{"message":"Insufficient credits. Add more using https://example.com/credits"}}"#,
        Class::QuotaExhausted,
    ),
    (
        "a reseller",
        500,
        r#"{"error":"insufficient funds"}"#,
        Class::QuotaExhausted,
    ),
    (
        "Vercel's v0",
        403,
        r#"{"error":{"message":"You are out of credits"}}"#,
        Class::QuotaExhausted,
    ),
    (
        "OpenRouter, one dear request",
        402,
        r#"{"error":{"code":402,"message":"This request requires more credits, or fewer max_tokens."}}"#,
        Class::QuotaExhausted,
    ),
    (
        "xAI, a team",
        429,
        r#"{"code":"Some resource has been exhausted","error":"Your team x has either used all available credits or reached its monthly limit."}"#,
        Class::QuotaExhausted,
    ),
    (
        "xAI, a new team",
        403,
        r#"{"code":"The caller does not have permission","error":"Your newly created team doesn't have any credits or licenses yet."}"#,
        Class::QuotaExhausted,
    ),
    (
        "NVIDIA NIM, an account",
        403,
        r#"{"detail":"Account 'x': does not have enough credits. You do not have enough credits for this."}"#,
        Class::QuotaExhausted,
    ),
    (
        "NVIDIA NIM, time",
        403,
        r#"{"status":403,"title":"Forbidden","detail":"Cloud credits expired - Please contact NVIDIA representatives"}"#,
        Class::QuotaExhausted,
    ),
    (
        "Together",
        402,
        r#"{"error":{"message":"Credit limit exceeded, please navigate to billing","type":"credit_limit"}}"#,
        Class::QuotaExhausted,
    ),
    (
        "Hugging Face",
        429,
        r#"{"error":"You have exceeded your monthly included credits for Inference Providers. Subscribe to PRO."}"#,
        Class::QuotaExhausted,
    ),
    (
        "Cloudflare Workers AI, a day",
        429,
        r#"{"errors":[{"message":"AiError: you have used up your daily free allocation of 10,000 neurons","code":4006}],"success":false}"#,
        Class::QuotaExhausted,
    ),
    (
        "DashScope, the free tier",
        403,
        r#"{"error":{"code":"AllocationQuota.FreeTierOnly","message":"The free tier of the model has been exhausted.","type":"x"}}"#,
        Class::QuotaExhausted,
    ),
    (
        "Fireworks, suspended",
        412,
        r#"{"error":"Account x is suspended, possibly due to reaching the monthly spending limit or failure to pay past invoices."}"#,
        Class::QuotaExhausted,
    ),
    (
        "Groq, by its words",
        400,
        r#"{"error":{"message":"Your organization has reached its spend limit","type":"invalid_request_error"}}"#,
        Class::QuotaExhausted,
    ),
    (
        "Anthropic, a limit of one's own",
        400,
        r#"{"type":"error","error":{"type":"invalid_request_error","message":"You have reached your specified API usage limits. You will regain access on 2026-11-01 at 00:00 UTC."}}"#,
        Class::QuotaExhausted,
    ),
    (
        "Ollama's cloud",
        429,
        r#"{"error":"you (x) have reached your weekly usage limit, upgrade for higher limits"}"#,
        Class::QuotaExhausted,
    ),
    (
        "Cohere, a trial key",
        429,
        r#"{"message":"You are using a Trial key, which is limited to 1000 API calls / month."}"#,
        Class::QuotaExhausted,
    ),
    (
        "LiteLLM, by its words",
        429,
        r#"{"error":{"message":"Budget has been exceeded! Current cost: 1.2, Max budget: 1.0","code":"429"}}"#,
        Class::QuotaExhausted,
    ),
    (
        "OpenRouter, the limit of a key",
        403,
        r#"{"error":{"message":"Key limit exceeded (total limit). Manage it using the settings","code":403}}"#,
        Class::QuotaExhausted,
    ),
    (
        "Google, no free tier here",
        400,
        r#"{"error":{"code":400,"message":"Gemini API free tier is not available in your country. Please enable billing on your project.","status":"FAILED_PRECONDITION"}}"#,
        Class::QuotaExhausted,
    ),
    (
        "LiteLLM in front of OpenAI",
        429,
        r#"{"error":{"message":"litellm.RateLimitError: OpenAIException - You exceeded your current quota, please check your plan and billing details.","type":"throttling_error","code":"429"}}"#,
        Class::QuotaExhausted,
    ),
    (
        "Zhipu, in Chinese",
        429,
        r#"{"error":{"code":"x","message":"余额不足或无可用资源包,请充值。"}}"#,
        Class::QuotaExhausted,
    ),
    (
        "Zhipu, arrears",
        429,
        r#"{"error":{"code":"x","message":"您的账户已欠费"}}"#,
        Class::QuotaExhausted,
    ),
    // Capacity.
    (
        "Anthropic",
        529,
        r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
        Class::ServerError,
    ),
    (
        "Moonshot",
        429,
        r#"{"error":{"message":"m","type":"engine_overloaded_error"}}"#,
        Class::ServerError,
    ),
    (
        "Groq, the flex tier",
        498,
        r#"{"error":{"message":"m","type":"flex","code":"capacity_exceeded"}}"#,
        Class::ServerError,
    ),
    (
        "Mistral",
        429,
        r#"{"object":"error","message":"m","type":"service_tier_capacity_exceeded","param":null,"code":"3505"}"#,
        Class::ServerError,
    ),
    (
        "Google, Code Assist",
        429,
        r#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"m","details":[{"reason":"MODEL_CAPACITY_EXHAUSTED"}]}}"#,
        Class::ServerError,
    ),
    (
        "Cerebras",
        429,
        r#"{"message":"We're busy","type":"too_many_requests_error","param":"queue","code":"queue_exceeded"}"#,
        Class::ServerError,
    ),
    (
        "TGI",
        429,
        r#"{"error":"Model is overloaded"}"#,
        Class::ServerError,
    ),
    (
        "OpenAI",
        429,
        r#"{"error":{"message":"That model is currently overloaded with other requests.","type":"x"}}"#,
        Class::ServerError,
    ),
    (
        "Groq",
        400,
        r#"{"error":{"message":"The model is over capacity, try again"}}"#,
        Class::ServerError,
    ),
    (
        "xAI",
        429,
        r#"{"code":"x","error":"Service temporarily unavailable. The model is at capacity and currently cannot serve this request."}"#,
        Class::ServerError,
    ),
    (
        "Mistral, by its words",
        429,
        r#"{"message":"Service tier capacity exceeded for this model."}"#,
        Class::ServerError,
    ),
    (
        "Cloudflare Workers AI",
        429,
        r#"{"errors":[{"code":3040,"message":"Capacity temporarily exceeded, please try again."}]}"#,
        Class::ServerError,
    ),
    (
        "Google, Code Assist, by its words",
        429,
        r#"{"error":{"code":429,"message":"No capacity available for model gemini-3-pro on the server"}}"#,
        Class::ServerError,
    ),
    (
        "AWS",
        429,
        r#"{"message":"Insufficient capacity to serve the model"}"#,
        Class::ServerError,
    ),
    (
        "Chutes",
        429,
        r#"{"detail":"No instances available (yet) for chute"}"#,
        Class::ServerError,
    ),
    (
        "Hugging Face",
        429,
        r#"{"error":"Model too busy, unable to get response in less than 60 second(s)"}"#,
        Class::ServerError,
    ),
    (
        "DeepInfra",
        429,
        r#"{"detail":{"error":"Model busy, retry later"}}"#,
        Class::ServerError,
    ),
    (
        "DeepSeek",
        429,
        r#"{"error":{"message":"The server is busy. Please try again later."}}"#,
        Class::ServerError,
    ),
    (
        "Novita",
        400,
        r#"{"message":"server busy"}"#,
        Class::ServerError,
    ),
    (
        "DashScope",
        429,
        r#"{"code":"x","message":"The system is busy, please try again later."}"#,
        Class::ServerError,
    ),
    (
        "Cerebras, by its words",
        429,
        r#"{"message":"We're experiencing high traffic right now! Please try again soon.","type":"x"}"#,
        Class::ServerError,
    ),
    (
        "Google AI Studio",
        429,
        r#"{"error":{"message":"This model is currently experiencing high demand."}}"#,
        Class::ServerError,
    ),
    // Throttling.
    (
        "DashScope, tokens",
        429,
        r#"{"error":{"message":"Allocated quota exceeded, please increase your quota limit.","type":"Throttling.AllocationQuota","code":"Throttling.AllocationQuota"}}"#,
        Class::RateLimited,
    ),
    (
        "DashScope, requests",
        429,
        r#"{"code":"Throttling.RateQuota","message":"Requests rate limit exceeded, please try again later.","request_id":"r"}"#,
        Class::RateLimited,
    ),
    (
        "Bedrock",
        400,
        r#"{"__type":"ThrottlingException","message":"m"}"#,
        Class::RateLimited,
    ),
    (
        "OpenAI, Groq",
        429,
        r#"{"error":{"message":"m","type":"tokens","code":"rate_limit_exceeded"}}"#,
        Class::RateLimited,
    ),
    (
        "an outage that is none",
        503,
        r#"{"error":{"message":"m","code":"rate_limit_exceeded"}}"#,
        Class::RateLimited,
    ),
    (
        "a code with a hyphen",
        400,
        r#"{"error":{"code":"rate-limit","message":"m"}}"#,
        Class::RateLimited,
    ),
    (
        "GitHub Models",
        429,
        r#"{"error":{"code":"RateLimitReached","message":"m"}}"#,
        Class::RateLimited,
    ),
    (
        "Perplexity",
        400,
        r#"{"error":{"type":"Rate limit","message":"m"}}"#,
        Class::RateLimited,
    ),
    (
        "Google: a rate limit in words of billing",
        429,
        r#"[{"error":{"code":429,"message":"You exceeded your current quota, please check your plan and billing details.","status":"RESOURCE_EXHAUSTED"}}]"#,
        Class::RateLimited,
    ),
    (
        "Cerebras, requests",
        429,
        r#"{"message":"m","type":"too_many_requests_error","param":"quota","code":"request_quota_exceeded"}"#,
        Class::RateLimited,
    ),
    (
        "Azure, .NET",
        400,
        r#"{"error":{"code":"TooManyRequests","message":"m"}}"#,
        Class::RateLimited,
    ),
    (
        "Databricks",
        400,
        r#"{"error_code":"REQUEST_LIMIT_EXCEEDED","message":"m"}"#,
        Class::RateLimited,
    ),
    (
        "MiniMax inside a 200",
        200,
        r#"{"base_resp":{"status_code":1002,"status_msg":"m"}}"#,
        Class::RateLimited,
    ),
    (
        "z.ai, in flight at once",
        200,
        r#"{"error":{"code":"1302","message":"m"}}"#,
        Class::RateLimited,
    ),
    (
        "z.ai, too often",
        200,
        r#"{"error":{"code":"1303","message":"m"}}"#,
        Class::RateLimited,
    ),
    (
        "a proxy",
        500,
        r#"{"error":"Error: rate limit exceeded"}"#,
        Class::RateLimited,
    ),
    (
        "OpenRouter, a day of the free models",
        400,
        r#"{"error":{"message":"Rate limit exceeded: free-models-per-day. Add 10 credits to unlock 1000 free model requests per day"}}"#,
        Class::RateLimited,
    ),
    (
        "Groq, by its words",
        400,
        r#"{"error":{"message":"Rate limit reached for model `x` on tokens per minute"}}"#,
        Class::RateLimited,
    ),
    (
        "GitHub Models, by its words",
        403,
        r#"{"error":{"message":"Rate limit of 10 per 60s exceeded for UserByModelByMinute."}}"#,
        Class::RateLimited,
    ),
    (
        "Anthropic",
        400,
        r#"{"error":{"message":"This request would exceed your organization's rate limits of 30,000 input tokens"}}"#,
        Class::RateLimited,
    ),
    (
        "Copilot",
        403,
        r#"{"message":"You've hit your rate limit. Please wait for your limit to reset in 3 hours 49 minutes."}"#,
        Class::RateLimited,
    ),
    (
        "Together",
        400,
        r#"{"error":{"message":"You have reached the model-specific rate limit"}}"#,
        Class::RateLimited,
    ),
    (
        "OpenRouter",
        400,
        r#"{"error":{"message":"x is temporarily rate limited"}}"#,
        Class::RateLimited,
    ),
    (
        "Copilot, with a hyphen",
        403,
        r#"{"error":{"message":"Sorry, your request was rate-limited."}}"#,
        Class::RateLimited,
    ),
    (
        "LiteLLM",
        400,
        r#"{"error":{"message":"RateLimited by the proxy"}}"#,
        Class::RateLimited,
    ),
    (
        "many",
        400,
        r#"{"error":{"message":"Too many requests"}}"#,
        Class::RateLimited,
    ),
    (
        "NVIDIA NIM",
        400,
        r#"{"detail":"Too many concurrent requests for this function"}"#,
        Class::RateLimited,
    ),
    (
        "Bedrock, tokens",
        400,
        r#"{"message":"Too many tokens, please wait before trying again."}"#,
        Class::RateLimited,
    ),
    (
        "Azure",
        400,
        r#"{"error":{"message":"Your requests are being throttled"}}"#,
        Class::RateLimited,
    ),
    (
        "AWS, by its words",
        400,
        r#"{"message":"Request throttling in effect"}"#,
        Class::RateLimited,
    ),
    (
        "Fireworks",
        400,
        r#"{"error":{"message":"limit of 60 requests per minute"}}"#,
        Class::RateLimited,
    ),
    (
        "SambaNova",
        400,
        r#"{"error":{"message":"over 100000 tokens per minute"}}"#,
        Class::RateLimited,
    ),
    (
        "Moonshot",
        400,
        r#"{"error":{"message":"Your account x request reached max request: 3, please try again after 1 seconds"}}"#,
        Class::RateLimited,
    ),
    (
        "Zhipu, in Chinese",
        400,
        r#"{"error":{"code":"x","message":"您的账户并发数过高"}}"#,
        Class::RateLimited,
    ),
    (
        "Moonshot, a plan",
        429,
        r#"{"error":{"message":"Your account is suspended, please check your plan","type":"exceeded_current_quota_error"}}"#,
        Class::QuotaExhausted,
    ),
    (
        "Cerebras, a window is named",
        429,
        r#"{"message":"Tokens per day limit exceeded","type":"x","param":"quota","code":"token_quota_exceeded"}"#,
        Class::RateLimited,
    ),
    (
        "Google's Antigravity, its end is named",
        429,
        r#"{"error":{"code":429,"message":"You have exhausted your capacity on this model. Your quota will reset after 2m5s.","details":[{"reason":"QUOTA_EXHAUSTED"}]}}"#,
        Class::RateLimited,
    ),
    // Unsupported.
    (
        "llama-server, infill",
        501,
        r#"{"error":{"code":501,"message":"Infill is missing here","type":"not_supported_error"}}"#,
        Class::Unsupported,
    ),
    (
        "llama-server, images",
        500,
        r#"{"error":{"code":500,"message":"image input is not supported - hint: if this is unexpected, you may need to provide the mmproj","type":"server_error"}}"#,
        Class::Unsupported,
    ),
    (
        "llama-server, audio",
        500,
        r#"{"error":{"code":500,"message":"audio input is not supported - hint: if this is unexpected, you may need to provide the mmproj","type":"server_error"}}"#,
        Class::Unsupported,
    ),
    (
        "Moonshot",
        400,
        r#"{"error":{"message":"Image input not supported, current model: moonshot-v1-8k"}}"#,
        Class::Unsupported,
    ),
    (
        "OpenAI",
        400,
        r#"{"error":{"message":"Invalid content type. image_url is only supported by certain models."}}"#,
        Class::Unsupported,
    ),
    (
        "Cerebras",
        400,
        r#"{"message":"Content type 'image_url' is not supported"}"#,
        Class::Unsupported,
    ),
    (
        "DeepSeek",
        400,
        r#"{"error":{"message":"Failed to deserialize the JSON body into the target type: messages[0]: unknown variant `image_url`, expected `text`"}}"#,
        Class::Unsupported,
    ),
    (
        "LM Studio",
        400,
        r#"{"error":"Model does not support images. Please use a model that does."}"#,
        Class::Unsupported,
    ),
    (
        "Mistral",
        400,
        r#"{"message":"This model does not support vision"}"#,
        Class::Unsupported,
    ),
    (
        "OpenAI, audio",
        400,
        r#"{"error":{"message":"This model does not support audio input"}}"#,
        Class::Unsupported,
    ),
    (
        "Groq",
        400,
        r#"{"error":{"message":"the model does not support video"}}"#,
        Class::Unsupported,
    ),
    (
        "SambaNova, an image",
        400,
        r#"{"error":{"message":"x does not support image_url"}}"#,
        Class::Unsupported,
    ),
    (
        "Mistral, tools",
        400,
        r#"{"message":"This model does not support tool use"}"#,
        Class::Unsupported,
    ),
    (
        "DeepSeek, a member that can be left out",
        400,
        r#"{"error":{"message":"deepseek-reasoner does not support tool_choice"}}"#,
        Class::Rejected,
    ),
    (
        "Azure",
        400,
        r#"{"error":{"message":"The model does not support file inputs"}}"#,
        Class::Unsupported,
    ),
    (
        "Together",
        400,
        r#"{"error":{"message":"x does not support multimodal input"}}"#,
        Class::Unsupported,
    ),
    (
        "llama-server, embeddings",
        501,
        r#"{"error":{"code":501,"message":"This server does not support embeddings. Start it with `--embeddings`"}}"#,
        Class::Unsupported,
    ),
    (
        "llama-server, reranking",
        501,
        r#"{"error":{"code":501,"message":"This server does not support reranking. Start it with `--reranking`"}}"#,
        Class::Unsupported,
    ),
    (
        "llama-server, infill, by its words",
        501,
        r#"{"error":{"code":501,"message":"This server does not support infill."}}"#,
        Class::Unsupported,
    ),
    (
        "Ollama, an embedding model",
        400,
        r#"{"error":"\"nomic-embed-text\" does not support chat"}"#,
        Class::Unsupported,
    ),
    (
        "Ollama, tools",
        400,
        r#"{"error":"registry.example/library/gemma:latest does not support tools"}"#,
        Class::Unsupported,
    ),
    (
        "SambaNova",
        400,
        r#"{"error":{"message":"Model does not support tool calling"}}"#,
        Class::Unsupported,
    ),
    (
        "Fireworks",
        400,
        r#"{"error":{"message":"The model does not support function calling"}}"#,
        Class::Unsupported,
    ),
    (
        "OpenRouter, images",
        404,
        r#"{"error":{"message":"No endpoints found that support image input","code":404}}"#,
        Class::Unsupported,
    ),
    (
        "OpenRouter, tools",
        404,
        r#"{"error":{"message":"No endpoints found that support tool use.","code":404}}"#,
        Class::Unsupported,
    ),
    (
        "vLLM",
        400,
        r#"{"object":"error","message":"x is not a multimodal model","code":400}"#,
        Class::Unsupported,
    ),
    (
        "vLLM, images",
        400,
        r#"{"object":"error","message":"At most 0 image(s) may be provided in one prompt.","code":400}"#,
        Class::Unsupported,
    ),
    (
        "llama-cpp-python",
        500,
        r#"{"error":{"message":"Llama model must be created with embedding=True to call this method","type":"internal_server_error"}}"#,
        Class::Unsupported,
    ),
    (
        "TEI",
        422,
        r#"{"error":"this path requires the model to be a reranker"}"#,
        Class::Unsupported,
    ),
    (
        "vLLM, tools",
        400,
        r#"{"object":"error","message":"\"auto\" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set","code":400}"#,
        Class::Unsupported,
    ),
    // The model.
    (
        "OpenAI",
        400,
        r#"{"error":{"message":"m","code":"model_not_found"}}"#,
        Class::ModelNotFound,
    ),
    (
        "a reseller without a channel",
        503,
        r#"{"error":{"code":"model_not_found","message":"no available channel"}}"#,
        Class::ModelNotFound,
    ),
    (
        "OpenAI, a project without access",
        403,
        r#"{"error":{"code":"model_not_found","message":"Project x does not have access to model y"}}"#,
        Class::ModelNotFound,
    ),
    (
        "DashScope",
        400,
        r#"{"code":"ModelNotFound","message":"m"}"#,
        Class::ModelNotFound,
    ),
    (
        "Volcengine",
        400,
        r#"{"error":{"code":"model_not_exist","message":"m"}}"#,
        Class::ModelNotFound,
    ),
    (
        "Groq, gone",
        400,
        r#"{"error":{"code":"model_decommissioned","message":"m"}}"#,
        Class::ModelNotFound,
    ),
    (
        "Groq, resting",
        400,
        r#"{"error":{"code":"model_not_active","message":"m"}}"#,
        Class::ModelNotFound,
    ),
    (
        "Together",
        400,
        r#"{"error":{"code":"model_not_available","message":"Unable to access non-serverless model"}}"#,
        Class::ModelNotFound,
    ),
    (
        "Hugging Face, by its code",
        400,
        r#"{"error":{"message":"m","type":"invalid_request_error","code":"model_not_supported"}}"#,
        Class::ModelNotFound,
    ),
    (
        "Mistral, Perplexity",
        400,
        r#"{"object":"error","message":"m","type":"invalid_model","code":"1500"}"#,
        Class::ModelNotFound,
    ),
    (
        "GitHub Models",
        400,
        r#"{"error":{"code":"unknown_model","message":"Unknown: x"}}"#,
        Class::ModelNotFound,
    ),
    (
        "Azure",
        400,
        r#"{"error":{"code":"DeploymentNotFound","message":"m"}}"#,
        Class::ModelNotFound,
    ),
    (
        "z.ai, by its code",
        400,
        r#"{"error":{"code":"1211","message":"m"}}"#,
        Class::ModelNotFound,
    ),
    (
        "Cloudflare Workers AI",
        400,
        r#"{"errors":[{"code":5007,"message":"m"}]}"#,
        Class::ModelNotFound,
    ),
    (
        "OpenRouter",
        400,
        r#"{"error":{"message":"foo/bar is not a valid model ID","code":400}}"#,
        Class::ModelNotFound,
    ),
    (
        "LiteLLM",
        400,
        r#"{"error":{"message":"/chat/completions: Invalid model name passed in model=nope. Call `/v1/models` to view available models.","code":"400"}}"#,
        Class::ModelNotFound,
    ),
    (
        "z.ai",
        400,
        r#"{"error":{"code":"x","message":"Unknown Model, please check the model code."}}"#,
        Class::ModelNotFound,
    ),
    (
        "Cloudflare, by its words",
        400,
        r#"{"errors":[{"code":7,"message":"No such model @cf/x or task"}]}"#,
        Class::ModelNotFound,
    ),
    (
        "DeepSeek",
        400,
        r#"{"error":{"message":"Model Not Exist","type":"invalid_request_error"}}"#,
        Class::ModelNotFound,
    ),
    (
        "vLLM inside a 200 (runpod)",
        200,
        r#"{"object":"error","message":"The model `m1` does not exist.","type":"x","param":null,"code":400}"#,
        Class::ModelNotFound,
    ),
    (
        "llama-server, its router",
        400,
        r#"{"error":{"code":400,"message":"model 'nope' not found","type":"invalid_request_error"}}"#,
        Class::ModelNotFound,
    ),
    (
        "Groq, by its words",
        400,
        r#"{"error":{"message":"The model `x` has been decommissioned and is no longer supported."}}"#,
        Class::ModelNotFound,
    ),
    (
        "Hugging Face",
        400,
        r#"{"error":{"message":"The requested model 'x' is not supported by any provider you have enabled."}}"#,
        Class::ModelNotFound,
    ),
    (
        "transformers serve",
        400,
        r#"{"detail":"Server is pinned to 'SmolLM2-135M'; requested 'no-such-model'."}"#,
        Class::ModelNotFound,
    ),
    (
        "Ollama",
        404,
        r#"{"error":"model \"x\" not found, try pulling it first"}"#,
        Class::ModelNotFound,
    ),
    // The key.
    (
        "OpenAI, Groq",
        400,
        r#"{"error":{"code":"invalid_api_key","message":"m"}}"#,
        Class::Unauthorized,
    ),
    (
        "Google, expired",
        400,
        r#"[{"error":{"code":400,"message":"m","status":"INVALID_ARGUMENT","details":[{"@type":"type.example/google.rpc.ErrorInfo","reason":"API_KEY_INVALID"}]}}]"#,
        Class::Unauthorized,
    ),
    (
        "DashScope",
        400,
        r#"{"code":"InvalidApiKey","message":"m"}"#,
        Class::Unauthorized,
    ),
    (
        "Anthropic",
        403,
        r#"{"type":"error","error":{"type":"authentication_error","message":"m"}}"#,
        Class::Unauthorized,
    ),
    (
        "LiteLLM, a class as its type",
        400,
        r#"{"error":{"message":"m","type":"AuthenticationError"}}"#,
        Class::Unauthorized,
    ),
    (
        "Google, a token",
        403,
        r#"{"error":{"code":403,"message":"m","status":"UNAUTHENTICATED"}}"#,
        Class::Unauthorized,
    ),
    (
        "Moonshot, by its type",
        403,
        r#"{"error":{"message":"m","type":"invalid_authentication_error"}}"#,
        Class::Unauthorized,
    ),
    (
        "Moonshot, by its code",
        403,
        r#"{"error":{"message":"m","type":"invalid_authentication"}}"#,
        Class::Unauthorized,
    ),
    (
        "OAuth",
        400,
        r#"{"error":"invalid_token","error_description":"m"}"#,
        Class::Unauthorized,
    ),
    (
        "LiteLLM, a wrong key without a database",
        400,
        r#"{"error":{"message":"No connected db.","type":"no_db_connection","param":null,"code":"400"}}"#,
        Class::Unauthorized,
    ),
    (
        "Google, a suspended project",
        403,
        r#"{"error":{"code":403,"message":"m","status":"PERMISSION_DENIED","details":[{"reason":"CONSUMER_SUSPENDED"}]}}"#,
        Class::Unauthorized,
    ),
    (
        "ChatGPT's backend",
        403,
        r#"{"error":{"code":"token_expired","message":"m"}}"#,
        Class::Unauthorized,
    ),
    (
        "z.ai 1000",
        400,
        r#"{"error":{"code":"1000","message":"m"}}"#,
        Class::Unauthorized,
    ),
    (
        "z.ai 1001",
        400,
        r#"{"error":{"code":"1001","message":"m"}}"#,
        Class::Unauthorized,
    ),
    (
        "z.ai 1003",
        400,
        r#"{"error":{"code":"1003","message":"m"}}"#,
        Class::Unauthorized,
    ),
    (
        "MiniMax, no key: 1000 is anything",
        200,
        r#"{"base_resp":{"status_code":1000,"status_msg":"unknown error"}}"#,
        Class::ServerError,
    ),
    (
        "MiniMax, an unsafe prompt",
        200,
        r#"{"base_resp":{"status_code":1026,"status_msg":"m"}}"#,
        Class::Rejected,
    ),
    (
        "MiniMax, an unsafe answer",
        200,
        r#"{"base_resp":{"status_code":1027,"status_msg":"m"}}"#,
        Class::Rejected,
    ),
    (
        "MiniMax, parameters",
        200,
        r#"{"base_resp":{"status_code":2013,"status_msg":"m"}}"#,
        Class::Rejected,
    ),
    (
        "MiniMax, tokens",
        200,
        r#"{"base_resp":{"status_code":1039,"status_msg":"m"}}"#,
        Class::TooLarge,
    ),
    (
        "z.ai, a day",
        429,
        r#"{"error":{"code":"1304","message":"m"}}"#,
        Class::QuotaExhausted,
    ),
    (
        "z.ai, five hours of a plan",
        429,
        r#"{"error":{"code":"1308","message":"Usage limit reached for 5 hour. Your limit will reset at 2026-10-20 21:14:30"}}"#,
        Class::QuotaExhausted,
    ),
    (
        "z.ai, a week",
        429,
        r#"{"error":{"code":"1310","message":"m"}}"#,
        Class::QuotaExhausted,
    ),
    (
        "MiniMax inside a 200",
        200,
        r#"{"base_resp":{"status_code":1004,"status_msg":"m"}}"#,
        Class::Unauthorized,
    ),
    (
        "MiniMax, another",
        200,
        r#"{"base_resp":{"status_code":2049,"status_msg":"m"}}"#,
        Class::Unauthorized,
    ),
    (
        "Cloudflare",
        403,
        r#"{"errors":[{"code":10000,"message":"m"}]}"#,
        Class::Unauthorized,
    ),
    (
        "Cloudflare, a token",
        403,
        r#"{"errors":[{"code":9109,"message":"m"}]}"#,
        Class::Unauthorized,
    ),
    (
        "Google AI Studio",
        400,
        r#"[{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT"}}]"#,
        Class::Unauthorized,
    ),
    (
        "Google AI Studio, another",
        400,
        r#"{"error":{"code":400,"message":"API Key not found. Please pass a valid API key.","status":"INVALID_ARGUMENT"}}"#,
        Class::Unauthorized,
    ),
    (
        "Google AI Studio, expired",
        400,
        r#"{"error":{"code":400,"message":"API key expired. Please renew the API key.","status":"INVALID_ARGUMENT"}}"#,
        Class::Unauthorized,
    ),
    (
        "Fireworks",
        403,
        r#"{"error":{"message":"The API key you provided is invalid"}}"#,
        Class::Unauthorized,
    ),
    (
        "Google, leaked",
        403,
        r#"{"error":{"code":403,"message":"Your API key was reported as leaked. Please use another API key.","status":"PERMISSION_DENIED"}}"#,
        Class::Unauthorized,
    ),
    (
        "OpenAI, revoked",
        403,
        r#"{"error":{"message":"This API key has been revoked"}}"#,
        Class::Unauthorized,
    ),
    (
        "Mistral",
        403,
        r#"{"message":"Your API key is disabled"}"#,
        Class::Unauthorized,
    ),
    (
        "Novita",
        403,
        r#"{"message":"api key has been suspended"}"#,
        Class::Unauthorized,
    ),
    (
        "Together",
        400,
        r#"{"error":{"message":"Invalid API key provided."}}"#,
        Class::Unauthorized,
    ),
    (
        "xAI",
        400,
        r#"{"code":"Client specified an invalid argument","error":"Incorrect API key provided: k1***k1. You can obtain an API key from the console."}"#,
        Class::Unauthorized,
    ),
    (
        "DashScope, by its words",
        400,
        r#"{"error":{"message":"Invalid API-key provided."}}"#,
        Class::Unauthorized,
    ),
    (
        "Cohere",
        400,
        r#"{"message":"invalid api token"}"#,
        Class::Unauthorized,
    ),
    (
        "Cerebras",
        400,
        r#"{"message":"Wrong API Key"}"#,
        Class::Unauthorized,
    ),
    (
        "Cohere, none",
        400,
        r#"{"message":"no api key supplied"}"#,
        Class::Unauthorized,
    ),
    (
        "a gateway",
        400,
        r#"{"message":"missing api key"}"#,
        Class::Unauthorized,
    ),
    (
        "Google, none",
        403,
        r#"{"error":{"code":403,"message":"Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other form of API consumer identity","status":"PERMISSION_DENIED"}}"#,
        Class::Unauthorized,
    ),
    (
        "Anthropic, by its words",
        400,
        r#"{"error":{"message":"invalid x-api-key"}}"#,
        Class::Unauthorized,
    ),
    (
        "LiteLLM, a key that is none",
        400,
        r#"{"error":{"message":"Authentication Error, Invalid proxy server token passed"}}"#,
        Class::Unauthorized,
    ),
    (
        "Moonshot",
        400,
        r#"{"error":{"message":"Invalid Authentication"}}"#,
        Class::Unauthorized,
    ),
    (
        "Cloudflare, by its words",
        400,
        r#"{"errors":[{"code":7,"message":"Invalid access token"}]}"#,
        Class::Unauthorized,
    ),
    (
        "SiliconFlow",
        400,
        r#"{"message":"Invalid token"}"#,
        Class::Unauthorized,
    ),
    (
        "DeepSeek",
        400,
        r#"{"error":{"message":"Authentication Fails (no such user)"}}"#,
        Class::Unauthorized,
    ),
    (
        "NVIDIA NIM",
        403,
        r#"{"status":403,"title":"Forbidden","detail":"Authorization failed"}"#,
        Class::Unauthorized,
    ),
    (
        "Hugging Face, a token without the permission",
        403,
        r#"{"error":"This authentication method does not have sufficient permissions to call Inference Providers on behalf of user x"}"#,
        Class::Unauthorized,
    ),
    (
        "GitHub Models, by its words",
        403,
        r#"{"error":{"message":"Bad credentials"}}"#,
        Class::Unauthorized,
    ),
    (
        "Google, by its words",
        403,
        r#"{"error":{"code":403,"message":"Permission denied: Consumer 'projects/1' has been suspended."}}"#,
        Class::Unauthorized,
    ),
    (
        "any 401",
        401,
        r#"{"error":{"message":"m"}}"#,
        Class::Unauthorized,
    ),
    // The provider's own state under 400.
    (
        "OpenAI",
        400,
        r#"{"error":{"code":"unsupported_country_region_territory","message":"m"}}"#,
        Class::ServerError,
    ),
    (
        "NVIDIA NIM",
        400,
        r#"{"status":400,"title":"Bad Request","detail":"Function id 'f1': DEGRADED function cannot be invoked"}"#,
        Class::ServerError,
    ),
    (
        "Google AI Studio",
        400,
        r#"[{"error":{"code":400,"message":"User location is not supported for the API use.","status":"FAILED_PRECONDITION"}}]"#,
        Class::ServerError,
    ),
    (
        "Azure",
        400,
        r#"{"error":{"message":"The region of this deployment is not supported"}}"#,
        Class::ServerError,
    ),
    (
        "a reseller",
        400,
        r#"{"error":{"message":"Your country or territory is not supported"}}"#,
        Class::ServerError,
    ),
    (
        "Ray Serve",
        400,
        r#"{"error":{"message":"The worker was lost"}}"#,
        Class::ServerError,
    ),
    (
        "vLLM's engine",
        400,
        r#"{"error":{"message":"worker process died"}}"#,
        Class::ServerError,
    ),
    (
        "NVIDIA NIM, its worker",
        400,
        r#"{"detail":"Worker has been terminated unexpectedly"}"#,
        Class::ServerError,
    ),
    (
        "LM Studio",
        400,
        r#"{"error":"The model has crashed without additional information. (Exit code: 18446744072635812000)"}"#,
        Class::ServerError,
    ),
    (
        "LM Studio, unloaded",
        400,
        r#"{"error":"Model unloaded."}"#,
        Class::ServerError,
    ),
    (
        "LM Studio, memory",
        400,
        r#"{"error":{"message":"Failed to load model \"x\". Error: insufficient system resources"}}"#,
        Class::ServerError,
    ),
    (
        "vLLM",
        400,
        r#"{"object":"error","message":"CUDA error: device-side assert triggered","code":400}"#,
        Class::ServerError,
    ),
    (
        "llama.cpp",
        400,
        r#"{"error":{"message":"ggml: out of memory"}}"#,
        Class::ServerError,
    ),
    (
        "NVIDIA NIM, another",
        400,
        r#"{"detail":"Internal server error"}"#,
        Class::ServerError,
    ),
    (
        "xAI",
        400,
        r#"{"error":"The service is temporarily unavailable"}"#,
        Class::ServerError,
    ),
    (
        "Envoy",
        400,
        r#"upstream connect error or disconnect/reset before headers"#,
        Class::ServerError,
    ),
    (
        "LiteLLM",
        400,
        r#"{"error":{"message":"litellm.APIConnectionError: Connection refused","code":"400"}}"#,
        Class::ServerError,
    ),
    // 403.
    (
        "OpenRouter",
        403,
        r#"{"error":{"code":"moderation","message":"m"}}"#,
        Class::Rejected,
    ),
    (
        "OpenAI",
        403,
        r#"{"error":{"code":"content_policy_violation","message":"m"}}"#,
        Class::Rejected,
    ),
    (
        "Azure",
        403,
        r#"{"error":{"code":"content_filter","message":"m"}}"#,
        Class::Rejected,
    ),
    (
        "Azure, deeper",
        403,
        r#"{"error":{"code":"x","message":"m","innererror":{"code":"ResponsibleAIPolicyViolation"}}}"#,
        Class::Rejected,
    ),
    (
        "OpenRouter, by its words",
        403,
        r#"{"error":{"code":403,"message":"Your input was flagged"}}"#,
        Class::Rejected,
    ),
    (
        "OpenRouter, another",
        403,
        r#"{"error":{"code":403,"message":"model requires moderation on the way in"}}"#,
        Class::Rejected,
    ),
    (
        "OpenAI, a country",
        403,
        r#"{"error":{"code":"unsupported_country_region_territory","message":"Country, region, or territory not supported"}}"#,
        Class::Forbidden,
    ),
    (
        "Google, a switched off API",
        403,
        r#"{"error":{"code":403,"status":"PERMISSION_DENIED","message":"Generative Language API has not been used in project 1 before or it is disabled.","details":[{"reason":"SERVICE_DISABLED"}]}}"#,
        Class::Forbidden,
    ),
    ("an empty one", 403, r#""#, Class::Forbidden),
    // Inside a 200.
    (
        "OpenAI",
        200,
        r#"{"error":{"type":"server_error","message":"m"}}"#,
        Class::ServerError,
    ),
    (
        "Google",
        200,
        r#"{"error":{"status":"INTERNAL","message":"m"}}"#,
        Class::ServerError,
    ),
    (
        "Google, another",
        200,
        r#"{"error":{"status":"UNAVAILABLE","message":"m"}}"#,
        Class::ServerError,
    ),
    (
        "OpenAI, a bad request",
        200,
        r#"{"error":{"type":"invalid_request_error","message":"m"}}"#,
        Class::Rejected,
    ),
    (
        "OpenAI, Responses",
        200,
        r#"{"error":{"code":"invalid_prompt","message":"m"}}"#,
        Class::Rejected,
    ),
    (
        "Anthropic, a key without leave",
        200,
        r#"{"type":"error","error":{"type":"permission_error","message":"m"}}"#,
        Class::Forbidden,
    ),
    (
        "Anthropic, the server",
        200,
        r#"{"type":"error","error":{"type":"api_error","message":"m"}}"#,
        Class::ServerError,
    ),
    (
        "Anthropic, its time",
        200,
        r#"{"type":"error","error":{"type":"timeout_error","message":"m"}}"#,
        Class::ServerError,
    ),
    (
        "Anthropic, no room",
        200,
        r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#,
        Class::ServerError,
    ),
    (
        "Anthropic, the bill",
        200,
        r#"{"type":"error","error":{"type":"billing_error","message":"m"}}"#,
        Class::QuotaExhausted,
    ),
    (
        "Anthropic, the size",
        200,
        r#"{"type":"error","error":{"type":"request_too_large","message":"m"}}"#,
        Class::TooLarge,
    ),
    (
        "Anthropic, a name",
        200,
        r#"{"error":{"type":"not_found_error","message":"m"}}"#,
        Class::ModelNotFound,
    ),
    (
        "OpenRouter, a status",
        200,
        r#"{"error":{"code":429,"message":"Rate limited upstream"}}"#,
        Class::RateLimited,
    ),
    (
        "OpenRouter, another",
        200,
        r#"{"error":{"code":502,"message":"Provider returned error"}}"#,
        Class::ServerError,
    ),
    (
        "OpenRouter, a third",
        200,
        r#"{"error":{"code":402,"message":"m"}}"#,
        Class::QuotaExhausted,
    ),
    (
        "vLLM on runpod",
        200,
        r#"{"code":404,"message":"The thing `m1` is gone.","object":"error","type":"NotFoundError"}"#,
        Class::ModelNotFound,
    ),
    (
        "a number that is no status",
        200,
        r#"{"error":{"code":99999999,"message":"m"}}"#,
        Class::ServerError,
    ),
    // What only the status tells.
    (
        "TGI, a model that is loading",
        409,
        r#"{"error":"model is loading","error_type":"loading"}"#,
        Class::Transient,
    ),
    (
        "TGI, its engine",
        424,
        r#"{"error":"CUDA out of memory","error_type":"generation"}"#,
        Class::Transient,
    ),
    (
        "vLLM",
        400,
        r#"{"object":"error","message":"[{'type': 'extra_forbidden'}]","type":"BadRequestError","code":400}"#,
        Class::Rejected,
    ),
    (
        "transformers serve",
        422,
        r#"{"detail":"Unexpected fields in the request: {'foo'}"}"#,
        Class::Rejected,
    ),
    (
        "z.ai, content",
        400,
        r#"{"error":{"code":"1301","message":"unsafe content"}}"#,
        Class::Rejected,
    ),
    (
        "llama-server, loading",
        503,
        r#"{"error":{"message":"Loading model","type":"unavailable_error","code":503}}"#,
        Class::ServerError,
    ),
];
