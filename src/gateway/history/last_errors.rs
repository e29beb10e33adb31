//! The last failure of each step: why a page shows it red.

use std::sync::Mutex;
use std::time::SystemTime;

use crate::config::Config;
use crate::dialect::class::Class;
use crate::routing::StepReport;
use crate::sync::lock;
use crate::text::for_people;

/// A failure of a step, in the provider's words; keys are masked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastError {
    pub text: String,
    pub class: Class,
    pub status: Option<u16>,
    pub at: SystemTime,
}

/// The last failures, by the names of route, provider and model. The names are those of configurations, so there are few.
#[derive(Debug, Default)]
pub struct LastErrors(Mutex<Vec<(StepName, LastError)>>);

#[derive(Debug, PartialEq, Eq)]
struct StepName {
    route: String,
    provider: String,
    model: String,
}

impl LastErrors {
    /// Takes a failure of a route's step; `text` is masked already.
    pub fn note(&self, route: &str, report: &StepReport, class: Class, text: &str) {
        let (text, status, at) = (for_people(text), report.status, SystemTime::now());
        let mut errors = lock(&self.0);
        let found = errors
            .iter_mut()
            .find(|(name, _)| name.is(route, report.provider(), report.model()));
        match found {
            Some((_, last)) => {
                (last.class, last.status, last.at) = (class, status, at);
                text.clone_into(&mut last.text);
            }
            None => {
                let name = StepName {
                    route: route.to_owned(),
                    provider: report.provider().to_owned(),
                    model: report.model().to_owned(),
                };
                let error = LastError {
                    text: text.to_owned(),
                    class,
                    status,
                    at,
                };
                errors.push((name, error));
            }
        }
    }

    /// The last failure of a step; `None` where it never failed.
    pub fn of(&self, route: &str, provider: &str, model: &str) -> Option<LastError> {
        let errors = lock(&self.0);
        let mut errors = errors.iter();
        let (_, error) = errors.find(|(name, _)| name.is(route, provider, model))?;
        Some(error.clone())
    }

    /// Forgets the steps that a configuration does not have.
    pub fn keep(&self, config: &Config) {
        lock(&self.0).retain(|(name, _)| {
            let route = config.routes.iter().find(|route| route.name == name.route);
            let mut steps = route.into_iter().flat_map(|route| &route.steps);
            steps.any(|step| name.provider == step.provider.name && name.model == step.model)
        });
    }
}

impl StepName {
    fn is(&self, route: &str, provider: &str, model: &str) -> bool {
        self.route == route && self.provider == provider && self.model == model
    }
}
