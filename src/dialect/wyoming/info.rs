//! The description that a gateway gives of itself: Home Assistant reads `asr[0]` and `tts[0]`, and each member of them.

use crate::json::raw;

/// The services that are told of.
pub struct Services<'a> {
    pub name: &'a str,
    pub version: &'a str,
    /// The routes of speech to text, and of text to speech.
    pub stt: Option<&'a str>,
    pub tts: Option<&'a str>,
    pub languages: &'a [String],
    pub voices: &'a [String],
}

impl Services<'_> {
    /// The data of the event `info`.
    pub fn info(&self) -> String {
        let asr = self.stt.map(|route| {
            format!(
                "{{{},\"models\":[{}],\"supports_transcript_streaming\":false}}",
                self.artifact(self.name),
                self.with_languages(route)
            )
        });
        let tts = self.tts.map(|_| {
            let voices = self.voices.iter().map(|voice| self.with_languages(voice));
            let voices: Vec<String> = voices.collect();
            format!(
                "{{{},\"voices\":[{}],\"supports_synthesize_streaming\":true}}",
                self.artifact(self.name),
                voices.join(",")
            )
        });
        format!(
            "{{\"asr\":[{}],\"tts\":[{}],\"handle\":[],\"intent\":[],\"wake\":[],\"mic\":[],\"snd\":[]}}",
            asr.unwrap_or_default(),
            tts.unwrap_or_default()
        )
    }

    fn with_languages(&self, name: &str) -> String {
        let languages: Vec<String> = self.languages.iter().map(|it| raw::quoted(it)).collect();
        format!(
            "{{{},\"languages\":[{}]}}",
            self.artifact(name),
            languages.join(",")
        )
    }

    fn artifact(&self, name: &str) -> String {
        let (name, version) = (raw::quoted(name), raw::quoted(self.version));
        format!(
            "\"name\":{name},\"description\":{name},\"attribution\":{{\"name\":\"ai-gateway\",\"url\":\"\"}},\"installed\":true,\
             \"version\":{version}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_that_is_not_there_is_not_told_of() {
        let (languages, voices) = (["en".to_owned()], ["alloy".to_owned(), "\"x\"".to_owned()]);
        let services = Services {
            name: "AI gateway",
            version: "0.2.0",
            stt: None,
            tts: Some("voice"),
            languages: &languages,
            voices: &voices,
        };
        let info: serde_json::Value = serde_json::from_str(&services.info()).unwrap();
        assert_eq!(info["asr"], serde_json::json!([]));
        let program = &info["tts"][0];
        assert_eq!(program["installed"], true);
        assert_eq!(program["voices"][1]["name"], "\"x\"");
        assert_eq!(program["voices"][0]["languages"][0], "en");
    }
}
