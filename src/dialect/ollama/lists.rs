//! The answers of `/api/tags`, `/api/ps`, `/api/show` and `/api/pull`: routes in the shape of Ollama's models.
//!
//! Clients read what real models have: Home Assistant and LangChain `model`, Open WebUI `name` and `digest`, VS Code
//! `capabilities` and the context length under the name of the architecture.

use std::fmt::Write as _;
use std::time::SystemTime;

use ring::digest::{SHA256, digest};

use super::timestamp;
use crate::json::raw;
use crate::text::push_hex;

/// The tag that clients put behind a name.
pub const TAG: &str = ":latest";

/// The family and the architecture of all models: they are routes.
const ARCHITECTURE: &str = "gateway";

/// The time at which a model that is loaded leaves the memory: never.
const NEVER: &str = "9999-12-31T23:59:59Z";

/// A route as a model.
#[derive(Clone, Debug)]
pub struct Model<'a> {
    /// The name or alias of the route.
    pub name: &'a str,
    pub capabilities: &'a [&'static str],
    /// The context length that is advertised (tokens).
    pub context_length: u64,
    /// The time at which the configuration was read.
    pub modified: SystemTime,
}

/// The list of `/api/tags`.
pub fn tags<'a>(models: impl IntoIterator<Item = Model<'a>>) -> String {
    list(models, |_, _| {})
}

/// The list of `/api/ps`: models that are ready.
pub fn ready<'a>(models: impl IntoIterator<Item = Model<'a>>) -> String {
    list(models, |out, model| {
        // A String takes whatever is written, here and below.
        let _ = write!(
            out,
            r#","expires_at":"{NEVER}","size_vram":0,"context_length":{}"#,
            model.context_length
        );
    })
}

/// The answer of `/api/show`.
pub fn show(model: &Model<'_>) -> String {
    let mut out = String::from(
        r#"{"license":"","modelfile":"","parameters":"","template":"{{ .Prompt }}","details":"#,
    );
    push_details(&mut out);
    let _ = write!(
        out,
        r#","model_info":{{"general.architecture":"{ARCHITECTURE}","general.basename":"#
    );
    raw::push_quoted(&mut out, model.name);
    let _ = write!(
        out,
        r#","{ARCHITECTURE}.context_length":{}}}"#,
        model.context_length
    );
    push_capabilities(&mut out, model);
    push_modified(&mut out, model);
    out.push('}');
    out
}

/// The lines of `/api/pull` for a model that is here, or the one object where no stream is asked for.
pub fn pulled(stream: bool) -> &'static str {
    if stream {
        "{\"status\":\"pulling manifest\"}\n{\"status\":\"success\"}\n"
    } else {
        r#"{"status":"success"}"#
    }
}

/// The name under which a route is listed: clients put a tag behind a name that has none, and look for that.
pub fn listed_name(name: &str) -> String {
    match name.contains(':') {
        true => name.to_owned(),
        false => format!("{name}{}", TAG),
    }
}

fn list<'a>(
    models: impl IntoIterator<Item = Model<'a>>,
    more: impl Fn(&mut String, &Model<'a>),
) -> String {
    let mut out = String::from(r#"{"models":["#);
    for (place, model) in models.into_iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        let name = listed_name(model.name);
        for (before, key) in [("{", "name"), (",", "model")] {
            let _ = write!(out, r#"{before}"{key}":"#);
            raw::push_quoted(&mut out, &name);
        }
        push_modified(&mut out, &model);
        out.push_str(r#","size":0,"digest":""#);
        push_hex(&mut out, digest(&SHA256, model.name.as_bytes()).as_ref());
        out.push_str(r#"","details":"#);
        push_details(&mut out);
        push_capabilities(&mut out, &model);
        more(&mut out, &model);
        out.push('}');
    }
    out.push_str("]}");
    out
}

fn push_details(out: &mut String) {
    let _ = write!(
        out,
        r#"{{"parent_model":"","format":"gguf","family":"{ARCHITECTURE}","families":["{ARCHITECTURE}"],"parameter_size":"","quantization_level":""}}"#
    );
}

fn push_modified(out: &mut String, model: &Model<'_>) {
    out.push_str(r#","modified_at":"#);
    timestamp::push(out, model.modified);
}

fn push_capabilities(out: &mut String, model: &Model<'_>) {
    out.push_str(r#","capabilities":["#);
    for (place, capability) in model.capabilities.iter().enumerate() {
        let comma = if place > 0 { "," } else { "" };
        let _ = write!(out, "{comma}\"{capability}\"");
    }
    out.push(']');
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use serde_json::{Value, json};

    use super::*;

    fn home(name: &str) -> Model<'_> {
        Model {
            name,
            capabilities: &["completion", "tools"],
            context_length: 8192,
            modified: UNIX_EPOCH + Duration::from_secs(1_767_323_045),
        }
    }

    fn value(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_model_of_the_list_has_all_that_clients_look_for() {
        let tags = value(&tags([home("home"), home("dynamic/n8n"), home("qwen:4b")]));
        assert_eq!(
            tags["models"][0],
            json!({
                "name": "home:latest", "model": "home:latest", "modified_at": "2026-01-02T03:04:05.000000Z", "size": 0,
                "digest": "4ea140588150773ce3aace786aeef7f4049ce100fa649c94fbbddb960f1da942",
                "details": {"parent_model": "", "format": "gguf", "family": "gateway", "families": ["gateway"],
                            "parameter_size": "", "quantization_level": ""},
                "capabilities": ["completion", "tools"],
            })
        );
        assert_eq!(tags["models"][1]["model"], "dynamic/n8n:latest");
        assert_eq!(tags["models"][2]["name"], "qwen:4b");
        let ready = value(&ready([home("home")]));
        assert_eq!(ready["models"][0]["size_vram"], 0);
        assert_eq!(ready["models"][0]["context_length"], 8192);
        assert_eq!(value(&super::tags([])), json!({"models": []}));
    }

    #[test]
    fn a_model_tells_its_context_under_the_name_of_its_architecture() {
        let show = value(&show(&home("home")));
        let info = &show["model_info"];
        let architecture = info["general.architecture"].as_str().unwrap();
        assert_eq!(info[format!("{architecture}.context_length")], 8192);
        assert_eq!(info["general.basename"], "home");
        assert_eq!(show["capabilities"], json!(["completion", "tools"]));
    }
}
