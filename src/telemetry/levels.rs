//! Levels of the records that are written: `LOG_LEVEL`, in the manner of `RUST_LOG`.

use log::{LevelFilter, Metadata};

/// The crate whose records the directives are about.
const OWN: &str = "ai_gateway";

/// Records of libraries are written from this level on, whatever `LOG_LEVEL` says: at trace level ureq-proto prints
/// every byte that it writes and reads, keys included.
const LIBRARIES: LevelFilter = LevelFilter::Warn;

/// A level for everything and levels for single modules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Levels {
    general: LevelFilter,
    /// Module path and level, the longest path first.
    modules: Vec<(String, LevelFilter)>,
}

impl Default for Levels {
    fn default() -> Self {
        Self {
            general: LevelFilter::Info,
            modules: Vec::new(),
        }
    }
}

impl Levels {
    /// Reads `info`, `warn,http=debug` or `ai_gateway::http=debug`.
    ///
    /// # Errors
    /// The directive that cannot be read.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut levels = Self::default();
        for directive in text.split(',').map(str::trim).filter(|one| !one.is_empty()) {
            let (module, level) = match directive.split_once('=') {
                Some((module, level)) => (Some(module.trim()), level.trim()),
                None => (None, directive),
            };
            let level = level
                .parse::<LevelFilter>()
                .map_err(|_| directive.to_owned())?;
            match module {
                None | Some(OWN) => levels.general = level,
                Some(module) if module.starts_with(OWN) => levels.add(module.to_owned(), level),
                Some(module) => levels.add(format!("{OWN}::{module}"), level),
            }
        }
        Ok(levels)
    }

    /// Adds a module where its turn is: the longest names come first.
    fn add(&mut self, module: String, level: LevelFilter) {
        let longer = |(other, _): &(String, _)| other.len() >= module.len();
        let place = self.modules.partition_point(longer);
        self.modules.insert(place, (module, level));
    }

    /// The most talkative level of all.
    pub fn most(&self) -> LevelFilter {
        let modules = self.modules.iter().map(|(_, level)| *level);
        modules.fold(self.general, std::cmp::Ord::max)
    }

    pub fn admit(&self, record: &Metadata<'_>) -> bool {
        record.level() <= self.level_of(record.target())
    }

    fn level_of(&self, target: &str) -> LevelFilter {
        if !is_within(target, OWN) {
            return self.general.min(LIBRARIES);
        }
        self.modules
            .iter()
            .find(|(module, _)| is_within(target, module))
            .map_or(self.general, |(_, level)| *level)
    }
}

fn is_within(target: &str, module: &str) -> bool {
    target
        .strip_prefix(module)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_directive_counts() {
        let levels = Levels::parse("warn, http=debug,ai_gateway::http::front=off").unwrap();
        for (target, level) in [
            ("ai_gateway", LevelFilter::Warn),
            ("ai_gateway::gateway::chat", LevelFilter::Warn),
            ("ai_gateway::http::head", LevelFilter::Debug),
            ("ai_gateway::http::front", LevelFilter::Off),
            ("ai_gateway::httpx", LevelFilter::Warn),
        ] {
            assert_eq!(levels.level_of(target), level, "{target}");
        }
        assert_eq!(levels.most(), LevelFilter::Debug);
    }

    #[test]
    fn libraries_that_print_headers_stay_quiet() {
        let levels = Levels::parse("trace,ureq=trace").unwrap();
        assert_eq!(levels.level_of("ureq::run"), LevelFilter::Warn);
        assert_eq!(
            Levels::parse("error").unwrap().level_of("ureq"),
            LevelFilter::Error
        );
    }

    #[test]
    fn a_typo_is_named() {
        assert_eq!(Levels::parse("info,http=loud"), Err("http=loud".to_owned()));
        assert_eq!(Levels::parse(""), Ok(Levels::default()));
    }
}
