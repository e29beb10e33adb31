//! The questions of `init`, asked on a terminal.

use std::io::{self, BufRead, Read, StdinLock, Write};

use rustix::termios::{self, LocalModes, OptionalActions, Termios};

use super::catalogue::CATALOGUE;
use super::chosen_provider::Variable;
use super::key;
use super::plan::Plan;
use super::wishes::Unwritten;
use crate::app;

/// The longest line that is read (bytes).
const LONGEST: u64 = 16 * 1024;

/// A dialogue: questions go out, and answers come in.
pub struct Questions<R, W> {
    answers: R,
    questions: W,
    /// Echo can be switched off for keys.
    is_terminal: bool,
}

impl Questions<StdinLock<'static>, io::Stderr> {
    /// The dialogue with whoever sits at the terminal. The questions go to standard error: standard output holds what came
    /// of them.
    pub fn on_terminal() -> Self {
        Self {
            answers: io::stdin().lock(),
            questions: io::stderr(),
            is_terminal: true,
        }
    }
}

impl<R: BufRead, W: Write> Questions<R, W> {
    /// Asks for all that the plan lacks. The environment answers for keys.
    ///
    /// # Errors
    /// The answers have ended, or cannot be read.
    pub fn complete(
        &mut self,
        plan: &mut Plan,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<(), Unwritten> {
        if plan.choices.is_empty() {
            self.ask_providers(plan)?;
            if plan.route.is_none() {
                let proposed = plan.route().to_owned();
                let question =
                    format!("Name of the route, which clients put into `model` [{proposed}]: ");
                self.until(&question, &mut |answer| {
                    plan.name_route(or(answer, &proposed))
                })?;
            }
        }
        for index in 0..plan.choices.len() {
            let missing = plan
                .choices
                .get(index)
                .is_some_and(|choice| choice.model.is_empty());
            if missing {
                self.ask_model(plan, index)?;
            }
        }
        plan.take_keys(variable);
        if !plan.keys_later {
            self.ask_variables(plan)?;
        }
        Ok(())
    }

    fn ask_providers(&mut self, plan: &mut Plan) -> Result<(), Unwritten> {
        self.tell("Providers, in the order in which they are to be tried; the local ones best come last.\n\n")?;
        for (index, offer) in CATALOGUE.iter().enumerate() {
            self.tell(&format!(
                "  {:2}  {:11} {}\n",
                index + 1,
                offer.name,
                offer.title
            ))?;
        }
        self.tell("\n")?;
        loop {
            let question = match plan.choices.len() {
                0 => "First provider, by number, name or URL: ",
                _ => "And if it cannot answer (Enter: nothing more): ",
            };
            let mut added = false;
            self.until(question, &mut |answer| {
                if answer.is_empty() && !plan.choices.is_empty() {
                    return Ok(());
                }
                let number = answer
                    .parse::<usize>()
                    .ok()
                    .and_then(|number| number.checked_sub(1));
                let offer = number.and_then(|index| CATALOGUE.get(index));
                plan.add(offer.map_or(answer, |offer| offer.name))?;
                added = true;
                Ok(())
            })?;
            if !added {
                return Ok(());
            }
            self.ask_model(plan, plan.choices.len().saturating_sub(1))?;
        }
    }

    fn ask_model(&mut self, plan: &mut Plan, index: usize) -> Result<(), Unwritten> {
        let Some(choice) = plan.choices.get(index) else {
            return Ok(());
        };
        let (name, proposed) = (&choice.name, choice.model.clone());
        let question = match proposed.as_str() {
            "" => format!("  Model at {name}: "),
            model => format!("  Model at {name} [{model}]: "),
        };
        self.until(&question, &mut |answer| {
            plan.take_model(index, or(answer, &proposed))
        })
    }

    fn ask_variables(&mut self, plan: &mut Plan) -> Result<(), Unwritten> {
        for choice in &mut plan.choices {
            let page = choice
                .offer
                .map(|offer| format!(", from {}", offer.key_page));
            let missing = choice.variables.iter_mut();
            for variable in missing.filter(|variable| variable.value.is_empty()) {
                self.ask_variable(variable, page.as_deref().unwrap_or_default())?;
                // What was left out is for .env.
                plan.keys_later |= variable.value.is_empty();
            }
        }
        Ok(())
    }

    fn ask_variable(&mut self, variable: &mut Variable, page: &str) -> Result<(), Unwritten> {
        let page = if variable.is_key { page } else { "" };
        let question = format!("{}{page} (Enter: later): ", variable.name);
        // Restored when it goes.
        let hidden = (self.is_terminal && variable.is_key).then(Hidden::new);
        let asked = self.until(&question, &mut |answer| {
            variable.value = key::cleaned(answer)?;
            Ok(())
        });
        if hidden.is_some() {
            self.tell("\n")?;
        }
        asked
    }

    /// Asks until the answer is taken; says why if it is not.
    fn until(
        &mut self,
        question: &str,
        take: &mut dyn FnMut(&str) -> Result<(), String>,
    ) -> Result<(), Unwritten> {
        loop {
            self.tell(question)?;
            let mut line = String::new();
            let read = self.answers.by_ref().take(LONGEST).read_line(&mut line);
            let read =
                read.map_err(|error| Unwritten::Other(format!("cannot read the answer: {error}")))?;
            if read == 0 {
                return Err(Unwritten::Other("nothing was written".to_owned()));
            }
            match take(line.trim()) {
                Ok(()) => return Ok(()),
                Err(problem) => self.tell(&format!("  {problem}\n"))?,
            }
        }
    }

    fn tell(&mut self, text: &str) -> Result<(), Unwritten> {
        let told = self.questions.write_all(text.as_bytes());
        let told = told.and_then(|()| self.questions.flush());
        told.map_err(|error| Unwritten::Other(format!("cannot ask: {error}")))
    }
}

fn or<'a>(answer: &'a str, proposed: &'a str) -> &'a str {
    if answer.is_empty() { proposed } else { answer }
}

/// A terminal that does not show what is typed, until this is dropped. One that cannot hide it shows it.
struct Hidden(Option<Termios>);

impl Hidden {
    fn new() -> Self {
        let Ok(shown) = termios::tcgetattr(io::stdin()) else {
            return Self(None);
        };
        let mut hidden = shown.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        // Ctrl-C must not leave the shell with a terminal that shows nothing.
        let before = shown.clone();
        let caught = app::on_stop(move || {
            restore(&before);
            let _ = io::stderr().write_all(b"\n");
            std::process::exit(130);
        });
        if caught.is_err() {
            return Self(None);
        }
        let set = termios::tcsetattr(io::stdin(), OptionalActions::Flush, &hidden);
        Self(set.is_ok().then_some(shown))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        if let Some(shown) = &self.0 {
            restore(shown);
        }
    }
}

fn restore(shown: &Termios) {
    let _ = termios::tcsetattr(io::stdin(), OptionalActions::Now, shown);
}

#[cfg(test)]
mod tests {
    use super::super::plan;
    use super::super::wishes::Wishes;
    use super::*;

    fn asked(wishes: &Wishes, answers: &str) -> (Result<Plan, Unwritten>, String) {
        let mut questions = Questions {
            answers: answers.as_bytes(),
            questions: Vec::new(),
            is_terminal: false,
        };
        let mut plan = plan::of_flags(wishes).unwrap();
        let environment =
            |name: &str| (name == "MISTRAL_API_KEY").then(|| "of-the-shell".to_owned());
        let completed = questions.complete(&mut plan, &environment);
        let said = String::from_utf8(questions.questions).unwrap();
        (completed.map(|()| plan), said)
    }

    #[test]
    fn answers_make_the_plan_and_wrong_ones_are_asked_again() {
        let answers = "grok\n1\n\nmistral\nmedium\nhttp://10.0.0.7:1/v1\n\nqwen3\n\ntwo words\nhome\ngsk abc\nBearer gsk-1\n";
        let (plan, said) = asked(&Wishes::default(), answers);
        let mut plan = plan.unwrap();
        let steps: Vec<(&str, &str)> = plan
            .choices
            .iter()
            .map(|choice| (&*choice.name, &*choice.model))
            .collect();
        assert_eq!(
            steps,
            [
                ("groq", "openai/gpt-oss-120b"),
                ("mistral", "medium"),
                ("local", "qwen3")
            ]
        );
        assert_eq!(plan.route(), "home");
        let values: Vec<String> = plan
            .choices
            .iter()
            .flat_map(|choice| &choice.variables)
            .map(|variable| variable.value.clone())
            .collect();
        assert_eq!(values, ["gsk-1", "of-the-shell"]);
        assert!(plan.refuse_gaps().is_ok());
        for words in [
            "did you mean \"groq\"?",
            "no name of a model",
            "no name for a route",
            "a key has no blanks",
        ] {
            assert!(said.contains(words), "{words}: {said}");
        }
        assert!(!said.contains("gsk"), "{said}");
    }

    #[test]
    fn what_the_flags_say_is_not_asked() {
        let providers = ["groq", "mistral", "http://10.0.0.7:1/v1"];
        let wishes = Wishes {
            providers: providers.map(str::to_owned).to_vec(),
            ..Wishes::default()
        };
        let (plan, said) = asked(&wishes, "qwen3\n\n");
        assert!(plan.unwrap().refuse_gaps().is_ok(), "{said}");
        assert!(
            said.starts_with("  Model at local: GROQ_API_KEY, from "),
            "{said}"
        );
        assert_eq!(said.matches("(Enter: later)").count(), 1, "{said}");
    }

    #[test]
    fn the_end_of_the_answers_is_the_end() {
        let (plan, _) = asked(&Wishes::default(), "1\n");
        assert_eq!(plan.unwrap_err().to_string(), "nothing was written");
    }
}
