//! A request of Messages, written from the canonical form for a provider of the kind.

mod turns;

#[cfg(test)]
mod tests;

use crate::dialect::canonical::{Choice, Escaped, Format, Part, Request, Thinking, Tool};
use crate::dialect::request::Unfit;
use crate::dialect::step_traits::{ThinkingBudget, TranslationTraits};
use crate::json::raw;

/// The most tokens of an answer where nobody says it: providers insist on a number, and every model takes this one.
const MAX_TOKENS: u64 = 8192;

/// The instruction that stands for a format of which Messages has no word.
const JSON_ONLY: &str = "Answer with one JSON object, and nothing before or behind it.";

/// The schema of a function without parameters: one has to be there.
const NO_PARAMETERS: &str = r#"{"type":"object","properties":{}}"#;

/// Writes a request; its `model` is still to be set. Members that Messages cannot say are noted as dropped.
///
/// # Errors
/// The conversation holds something that has no equivalent.
pub fn write(request: &mut Request<'_>, step: &TranslationTraits) -> Result<String, Unfit> {
    if request.sampling.logprobs {
        return Err(Unfit::at(
            "logprobs",
            "Messages has no log probabilities".to_owned(),
        ));
    }
    let thinks = thinks(request, step);
    note_dropped(request, thinks);
    let mut out = String::from(r#"{"model":"-""#);
    push_member(&mut out, "max_tokens", &max_tokens(request, step, thinks));
    push_system(&mut out, request);
    out.push_str(r#","messages":["#);
    turns::push(&mut out, &request.turns)?;
    out.push(']');
    if !request.tools.is_empty() {
        push_tools(&mut out, request);
    }
    push_sampling(&mut out, request, thinks);
    push_thinking(&mut out, request, thinks);
    if let Some(user) = &request.user {
        out.push_str(r#","metadata":{"user_id":"#);
        user.push_quoted(&mut out);
        out.push('}');
    }
    if request.stream {
        push_member(&mut out, "stream", "true");
    }
    out.push('}');
    Ok(out)
}

fn push_member(out: &mut String, key: &str, value: &str) {
    out.push_str(",\"");
    out.push_str(key);
    out.push_str("\":");
    out.push_str(value);
}

/// Whether, and how far, the step is to think about a request. A turn that calls tools would have to go on with the
/// thinking before the calls, signed as it was; and a model that thinks cannot be forced to call one.
fn thinks(request: &Request<'_>, step: &TranslationTraits) -> ThinkingBudget {
    let is_asked_for = match request.thinking {
        Thinking::Off => false,
        Thinking::On(_) => true,
        Thinking::Unsaid => effort(request).is_some(),
    };
    let mut parts = request.turns.iter().flat_map(|turn| &turn.parts);
    let has_calls = parts.any(|part| matches!(part, Part::Call(_)));
    let is_forced = matches!(request.choice, Choice::Required | Choice::Tool(_));
    if !is_asked_for || has_calls || is_forced {
        return ThinkingBudget::None;
    }
    let said = request.max_tokens.and_then(raw::whole_number);
    match (step.thinking, said.or(step.max_tokens)) {
        // The answer has to have room behind it.
        (ThinkingBudget::Tokens(budget), Some(most)) if most <= budget => ThinkingBudget::None,
        (thinking, _) => thinking,
    }
}

/// The effort that a request asks for, in a spelling of Messages; `None` where it asks for none.
fn effort<'r>(request: &'r Request<'_>) -> Option<&'r str> {
    match request.effort.as_ref()?.inside() {
        "none" | "" => None,
        "minimal" => Some("low"),
        effort => Some(effort),
    }
}

fn note_dropped(request: &mut Request<'_>, thinks: ThinkingBudget) {
    let sampling = &request.sampling;
    let has_thought = thinks != ThinkingBudget::None;
    let pair = sampling.temperature.is_some() && sampling.top_p.is_some();
    let lost = [
        ("min_p", sampling.min_p.is_some()),
        ("typical_p", sampling.typical_p.is_some()),
        ("repetition_penalty", sampling.repetition_penalty.is_some()),
        ("presence_penalty", sampling.presence_penalty.is_some()),
        ("frequency_penalty", sampling.frequency_penalty.is_some()),
        ("seed", sampling.seed.is_some()),
        ("temperature", has_thought && sampling.temperature.is_some()),
        ("top_p", pair || has_thought && sampling.top_p.is_some()),
        ("top_k", has_thought && sampling.top_k.is_some()),
        (
            "reasoning_effort",
            !has_thought && effort(request).is_some(),
        ),
    ];
    for (member, is_lost) in lost {
        if is_lost {
            request.drop_member(member);
        }
    }
}

fn max_tokens(request: &Request<'_>, step: &TranslationTraits, thinks: ThinkingBudget) -> String {
    if let Some(said) = request.max_tokens {
        return said.to_owned();
    }
    let budget = match thinks {
        ThinkingBudget::Tokens(budget) => budget,
        ThinkingBudget::None | ThinkingBudget::Adaptive => 0,
    };
    let built_in = MAX_TOKENS.saturating_add(budget);
    step.max_tokens.unwrap_or(built_in).to_string()
}

/// Blank texts are refused, here as in messages.
fn push_system(out: &mut String, request: &Request<'_>) {
    let texts = request.system.iter().filter(|text| !text.is_blank());
    let line = matches!(request.format, Format::Json).then(|| Escaped::plain(JSON_ONLY));
    let mut is_first = true;
    for text in texts.chain(&line) {
        out.push_str(if is_first { r#","system":["# } else { "," });
        is_first = false;
        turns::push_text(out, text);
    }
    if !is_first {
        out.push(']');
    }
}

fn push_tools(out: &mut String, request: &Request<'_>) {
    out.push_str(r#","tools":["#);
    for (index, tool) in request.tools.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        push_tool(out, tool);
    }
    out.push(']');
    let is_alone = request.parallel_calls == Some(false);
    let kind = match &request.choice {
        Choice::Auto if !is_alone => return,
        Choice::Auto => "auto",
        Choice::None => "none",
        Choice::Required => "any",
        Choice::Tool(_) => "tool",
    };
    out.push_str(r#","tool_choice":{"type":""#);
    out.push_str(kind);
    out.push('"');
    if let Choice::Tool(name) = &request.choice {
        out.push_str(r#","name":"#);
        name.push_quoted(out);
    }
    if is_alone && request.choice != Choice::None {
        push_member(out, "disable_parallel_tool_use", "true");
    }
    out.push('}');
}

fn push_tool(out: &mut String, tool: &Tool<'_>) {
    out.push_str(r#"{"name":"#);
    tool.name.push_quoted(out);
    if let Some(description) = &tool.description {
        out.push_str(r#","description":"#);
        description.push_quoted(out);
    }
    let schema = tool.parameters.as_deref().unwrap_or_default().trim_ascii();
    out.push_str(r#","input_schema":"#);
    match schema.strip_prefix('{').map(str::trim_ascii_start) {
        None | Some("}") => out.push_str(NO_PARAMETERS),
        Some(rest) if raw::member(schema, "type").is_none() => {
            out.push_str(r#"{"type":"object","#);
            out.push_str(rest);
        }
        Some(_) => out.push_str(schema),
    }
    if let Some(strict) = tool.strict {
        push_member(out, "strict", if strict { "true" } else { "false" });
    }
    out.push('}');
}

/// Thinking allows no word on how tokens are drawn, and newer models refuse temperature and `top_p` beside each other.
fn push_sampling(out: &mut String, request: &Request<'_>, thinks: ThinkingBudget) {
    let sampling = &request.sampling;
    if thinks == ThinkingBudget::None {
        if let Some(temperature) = sampling.temperature {
            let is_too_hot = temperature.parse::<f64>().is_ok_and(|number| number > 1.0);
            push_member(
                out,
                "temperature",
                if is_too_hot { "1" } else { temperature },
            );
        } else if let Some(top_p) = sampling.top_p {
            push_member(out, "top_p", top_p);
        }
        if let Some(top_k) = sampling.top_k {
            push_member(out, "top_k", top_k);
        }
    }
    let mut is_first = true;
    for stop in sampling.stop.iter().filter(|stop| !stop.is_blank()) {
        out.push_str(if is_first {
            r#","stop_sequences":["#
        } else {
            ","
        });
        is_first = false;
        stop.push_quoted(out);
    }
    if !is_first {
        out.push(']');
    }
}

/// The thinking, and the configuration of the output: its effort and its format.
fn push_thinking(out: &mut String, request: &Request<'_>, thinks: ThinkingBudget) {
    let mut config = Vec::new();
    match thinks {
        ThinkingBudget::None => {}
        ThinkingBudget::Adaptive => {
            push_member(out, "thinking", r#"{"type":"adaptive"}"#);
            let effort = effort(request);
            config.extend(effort.map(|effort| format!(r#""effort":"{effort}""#)));
        }
        ThinkingBudget::Tokens(budget) => {
            let thinking = format!(r#"{{"type":"enabled","budget_tokens":{budget}}}"#);
            push_member(out, "thinking", &thinking);
        }
    }
    if let Format::Schema(schema) = &request.format {
        let schema = schema.schema;
        config.push(format!(
            r#""format":{{"type":"json_schema","schema":{schema}}}"#
        ));
    }
    if !config.is_empty() {
        push_member(
            out,
            "output_config",
            &["{", &config.join(","), "}"].concat(),
        );
    }
}
