//! Marks as replicas tell them each other: places that mean the same everywhere, and times of the server's clock.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use ring::digest::{SHA256, digest};

use crate::config::{Config, Provider};
use crate::dialect::class::Class;
use crate::dialect::waits::LONGEST;
use crate::quota::server_clock::{ServerClock, ServerMs};
use crate::text::push_hex;

use super::ledger::Ledger;
use super::ledger_store::Coverage;
use super::mark::Mark;

/// A difference of times that is none: two readings of a clock differ.
const SLACK_MS: u64 = 100;
const SLACK: Duration = Duration::from_millis(SLACK_MS);

/// A mark of any replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SharedMark {
    pub until: ServerMs,
    pub class: Class,
    /// The deadline is the provider's word.
    pub stated: bool,
    pub strikes: u32,
    /// The time at which it was set; a success of a call that began later refutes it.
    pub set_at: ServerMs,
}

/// The marks by place: `provider|key|model`, empty where all of them are meant.
pub type SharedMarks = BTreeMap<String, SharedMark>;

impl SharedMark {
    /// A mark from its spelling; `None` where it is not understood, as of a later version.
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let mut word = || words.next();
        Some(Self {
            until: word()?.parse().ok()?,
            class: Class::from_label(word()?)?,
            stated: word()? == "1",
            strikes: word()?.parse().ok()?,
            set_at: word()?.parse().ok()?,
        })
    }

    pub fn spelled(&self) -> String {
        let Self {
            until,
            class,
            stated,
            strikes,
            set_at,
        } = self;
        let stated = u8::from(*stated);
        format!("{until} {} {stated} {strikes} {set_at}", class.label())
    }
}

/// The names of providers, keys and models between replicas. Keys are told apart by a hash that is of no use without the key.
#[derive(Clone, Debug)]
pub struct Places {
    providers: Vec<(String, Vec<String>)>,
}

impl Places {
    /// The names for a configuration. Those of other prefixes have other hashes.
    pub fn new(config: &Config, prefix: &str) -> Self {
        let of_provider = |provider: &std::sync::Arc<Provider>| {
            let keys = provider.keys.iter().map(|key| hash(prefix, key.expose()));
            let mut keys: Vec<String> = keys.collect();
            if keys.is_empty() {
                keys.push(hash(prefix, ""));
            }
            (escaped(&provider.name), keys)
        };
        Self {
            providers: config.providers.iter().map(of_provider).collect(),
        }
    }

    /// The name of a provider, of one of its keys, of a model; `None` where there is no such provider or key.
    pub fn name(&self, provider: usize, key: Option<usize>, model: Option<&str>) -> Option<String> {
        let (provider, keys) = self.providers.get(provider)?;
        let key = match key {
            Some(key) => keys.get(key)?,
            None => "",
        };
        let model = model.map(escaped).unwrap_or_default();
        Some(format!("{provider}|{key}|{model}"))
    }

    /// The provider, key and model of a name; `None` for what is not configured here.
    fn coverage<'a>(&self, name: &str, config: &'a Config) -> Option<Coverage<'a>> {
        let mut parts = name.splitn(3, '|');
        let (provider, key, model) = (parts.next()?, parts.next()?, parts.next()?);
        let index = self
            .providers
            .iter()
            .position(|(known, _)| known == provider)?;
        let (_, keys) = self.providers.get(index)?;
        let key = match key {
            "" => None,
            key => Some(keys.iter().position(|known| known == key)?),
        };
        let model = match model {
            "" => None,
            model => {
                let steps = config.routes.iter().flat_map(|route| &route.steps);
                let mut steps = steps.filter(|step| step.provider.index == index);
                Some(
                    steps
                        .find(|step| escaped(&step.model) == model)?
                        .model
                        .as_str(),
                )
            }
        };
        Some(Coverage {
            provider: index,
            key,
            model,
        })
    }
}

/// The marks of this replica that hold at `now`.
pub fn told(ledger: &Ledger, places: &Places, clock: &ServerClock, now: Instant) -> SharedMarks {
    let marks = ledger.marks().filter_map(|(coverage, mark)| {
        let cooling = mark.cooling(now).filter(|cooling| cooling.until > now)?;
        let place = places.name(coverage.provider, coverage.key, coverage.model)?;
        let shared = SharedMark {
            until: clock.ms_at(cooling.until),
            class: mark.class,
            stated: cooling.stated,
            strikes: mark.strikes,
            set_at: clock.ms_at(mark.set_at),
        };
        Some((place, shared))
    });
    marks.collect()
}

/// Takes over marks of others, of which the later deadline holds. What is not configured here is left out.
pub fn merge(
    ledger: &mut Ledger,
    marks: &SharedMarks,
    config: &Config,
    places: &Places,
    clock: &ServerClock,
    now: Instant,
) {
    for (place, shared) in marks {
        let Some(coverage) = places.coverage(place, config) else {
            continue;
        };
        let until = clock.instant_of(shared.until).filter(|until| *until > now);
        let Some(until) = until.map(|until| until.min(now + LONGEST)) else {
            continue;
        };
        let known = ledger.mark(coverage).and_then(|mark| mark.cooling(now));
        if known.is_some_and(|known| known.until + SLACK >= until) {
            continue;
        }
        let set_at = clock.instant_of(shared.set_at).unwrap_or(now).min(now);
        let mut mark = Mark::new(shared.class, shared.strikes, set_at);
        if shared.stated {
            mark.stated_until = Some(until);
        } else {
            mark.guessed_until = Some(until);
        }
        ledger.restore(coverage, mark);
    }
}

/// Drops marks that another replica has refuted, unless they were set here since.
pub fn refute(
    ledger: &mut Ledger,
    refuted: &SharedMarks,
    config: &Config,
    places: &Places,
    clock: &ServerClock,
) {
    for (place, shared) in refuted {
        if let Some(coverage) = places.coverage(place, config)
            && let Some(mark) = ledger.mark(coverage)
            && clock.ms_at(mark.set_at) <= shared.set_at.saturating_add(SLACK_MS)
        {
            ledger.forget(coverage);
        }
    }
}

/// The first 16 hexadecimal digits of SHA-256 of the prefix, a zero byte and the key.
fn hash(prefix: &str, key: &str) -> String {
    let text = [prefix.as_bytes(), &[0], key.as_bytes()].concat();
    let digest = digest(&SHA256, &text);
    let mut hex = String::with_capacity(16);
    push_hex(&mut hex, digest.as_ref().get(..8).unwrap_or_default());
    hex
}

/// A name without the character that separates names.
fn escaped(name: &str) -> String {
    name.replace('%', "%25").replace('|', "%7C")
}
