//! A transcript as a file: sections of input, which a person wrote, and sections of output, which a run has recorded.

use super::notation::TITLE;

/// The input of a transcript.
#[derive(Debug, Default)]
pub struct Transcript {
    /// The words before the first section: what breaks for whom when the outputs change.
    pub purpose: String,
    /// A configuration file; `<name>` in it is the address of the provider that is scripted under this name.
    pub configuration: String,
    /// Lines of `NAME=value`.
    pub environment: Option<String>,
    pub exchanges: Vec<Exchange>,
}

/// A request and what the providers answer to the calls that it leads to.
#[derive(Debug)]
pub struct Exchange {
    pub request: String,
    pub departure: Option<Departure>,
    /// In the order of the calls.
    pub answers: Vec<Answer>,
}

/// The moment at which a client hangs up without waiting for the end of its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Departure {
    BeforeAnswer,
    WithinAnswer,
}

/// The bytes that a provider answers one call with.
#[derive(Debug)]
pub struct Answer {
    pub provider: String,
    pub text: String,
    pub ending: Option<Ending>,
}

/// The end of a provider's answer where it does not leave the connection open for the next call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    Close,
    Reset,
    Silence,
}

/// The output of an exchange.
pub struct Recorded {
    /// The provider's name and the bytes it got, in the order of arrival.
    pub calls: Vec<(String, String)>,
    /// The connection's fate, as it stands in the title, and the bytes.
    pub answer: (&'static str, String),
    pub log: String,
    pub spans: String,
    pub metrics: String,
}

const DEPARTURES: [(Departure, &str); 2] = [
    (Departure::BeforeAnswer, "then leaves before the answer"),
    (Departure::WithinAnswer, "then leaves within the answer"),
];

const ENDINGS: [(Ending, &str); 3] = [
    (Ending::Close, "then closes"),
    (Ending::Reset, "then resets"),
    (Ending::Silence, "then is silent"),
];

impl Transcript {
    /// Reads the input; recorded output is passed over.
    ///
    /// # Errors
    /// The section that cannot be there, or is missing.
    pub fn parse(file: &str) -> Result<Self, String> {
        let mut transcript = Self::default();
        let (purpose, sections) = sections(file);
        transcript.purpose = purpose;
        for (title, text) in sections {
            transcript
                .take(title, text)
                .map_err(|why| format!("section {title:?}: {why}"))?;
        }
        if transcript.exchanges.is_empty() {
            return Err("there is no section \"client in\"".to_owned());
        }
        Ok(transcript)
    }

    fn take(&mut self, title: &str, text: String) -> Result<(), String> {
        let (name, rest) = title.split_once(", ").unwrap_or((title, ""));
        match name {
            "configuration" => self.configuration = text,
            "environment" => self.environment = Some(text),
            "client in" => self.exchanges.push(Exchange {
                request: text,
                departure: read(&DEPARTURES, rest)?,
                answers: Vec::new(),
            }),
            "client out" | "log" | "spans" | "metrics" => {}
            _ if name.starts_with("provider out ") => {}
            _ => {
                let provider = name.strip_prefix("provider in ").ok_or("is unknown")?;
                let exchange = self.exchanges.last_mut().ok_or("before \"client in\"")?;
                exchange.answers.push(Answer {
                    provider: provider.to_owned(),
                    text,
                    ending: read(&ENDINGS, rest)?,
                });
            }
        }
        Ok(())
    }

    /// The variables of the section `environment`.
    pub fn variables(&self) -> impl Iterator<Item = (String, String)> {
        let lines = self.environment.as_deref().unwrap_or_default().lines();
        lines.map(|line| {
            let (name, value) = line.split_once('=').unwrap_or((line, ""));
            (name.to_owned(), value.to_owned())
        })
    }

    /// The whole file, with this output.
    pub fn with(&self, recorded: &[Recorded]) -> String {
        let mut file = self.purpose.clone();
        put(&mut file, "configuration", "", &self.configuration);
        if let Some(environment) = &self.environment {
            put(&mut file, "environment", "", environment);
        }
        for (exchange, recorded) in self.exchanges.iter().zip(recorded) {
            exchange.put(&mut file, recorded);
        }
        file
    }
}

impl Exchange {
    fn put(&self, file: &mut String, recorded: &Recorded) {
        let departure = written(&DEPARTURES, self.departure);
        put(file, "client in", departure, &self.request);
        let mut left: Vec<&Answer> = self.answers.iter().collect();
        for (provider, call) in &recorded.calls {
            put(file, &format!("provider out {provider}"), "", call);
            let place = left.iter().position(|answer| answer.provider == *provider);
            if let Some(answer) = place.map(|place| left.remove(place)) {
                let ending = written(&ENDINGS, answer.ending);
                put(
                    file,
                    &format!("provider in {provider}"),
                    ending,
                    &answer.text,
                );
            }
        }
        let (fate, answer) = &recorded.answer;
        put(file, "client out", fate, answer);
        put(file, "log", "", &recorded.log);
        put(file, "spans", "", &recorded.spans);
        put(file, "metrics", "", &recorded.metrics);
    }
}

/// The words before the first title, and the titles with the text below each.
fn sections(file: &str) -> (String, Vec<(&str, String)>) {
    let mut purpose = String::new();
    let mut sections: Vec<(&str, String)> = Vec::new();
    for line in file.split_inclusive('\n') {
        if let Some(title) = line.strip_prefix(TITLE) {
            sections.push((title.trim_end(), String::new()));
        } else {
            let text = sections.last_mut().map(|(_, text)| text);
            text.unwrap_or(&mut purpose).push_str(line);
        }
    }
    for (_, text) in &mut sections {
        if text.ends_with('\n') {
            text.pop();
        }
    }
    (purpose, sections)
}

fn put(file: &mut String, title: &str, rest: &str, text: &str) {
    file.push_str(TITLE);
    file.push_str(title);
    if !rest.is_empty() {
        file.push_str(", ");
        file.push_str(rest);
    }
    file.push('\n');
    file.push_str(text);
    if !text.is_empty() {
        file.push('\n');
    }
}

fn read<T: Copy>(known: &[(T, &str)], words: &str) -> Result<Option<T>, String> {
    if words.is_empty() {
        return Ok(None);
    }
    let found = known.iter().find(|(_, name)| *name == words);
    let (found, _) = found.ok_or_else(|| format!("{words:?} is unknown"))?;
    Ok(Some(*found))
}

fn written<T: PartialEq>(known: &[(T, &'static str)], value: Option<T>) -> &'static str {
    let found = known.iter().find(|(one, _)| Some(one) == value.as_ref());
    found.map_or("", |(_, name)| *name)
}
