//! The choice of traces that are kept: `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG`.

use opentelemetry_sdk::trace::Sampler;

/// A sampler of the specification.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    share: Share,
    /// The choice of a client's trace holds for its requests.
    heeds_parent: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Share {
    All,
    None,
    /// A share of the traces (0 to 1).
    Of(f64),
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            share: Share::All,
            heeds_parent: true,
        }
    }
}

impl Sampling {
    /// Reads the values of the two variables.
    ///
    /// # Errors
    /// A text that says what is wrong with them.
    pub fn read(sampler: &str, argument: Option<&str>) -> Result<Self, String> {
        let (kind, heeds_parent) = match sampler.strip_prefix("parentbased_") {
            Some(kind) => (kind, true),
            None => (sampler, false),
        };
        let share = match kind {
            "always_on" => Share::All,
            "always_off" => Share::None,
            "traceidratio" => Share::Of(ratio(argument)?),
            _ => {
                return Err(format!(
                    "OTEL_TRACES_SAMPLER: {sampler:?} is unknown; there are always_on, always_off and traceidratio, \
                     each also with parentbased_ before it"
                ));
            }
        };
        Ok(Self {
            share,
            heeds_parent,
        })
    }

    pub(super) fn sampler(self) -> Sampler {
        let root = match self.share {
            Share::All => Sampler::AlwaysOn,
            Share::None => Sampler::AlwaysOff,
            Share::Of(ratio) => Sampler::TraceIdRatioBased(ratio),
        };
        if self.heeds_parent {
            Sampler::ParentBased(Box::new(root))
        } else {
            root
        }
    }
}

fn ratio(argument: Option<&str>) -> Result<f64, String> {
    let Some(argument) = argument else {
        return Ok(1.0);
    };
    argument
        .parse()
        .ok()
        .filter(|ratio| (0.0..=1.0).contains(ratio))
        .ok_or_else(|| "OTEL_TRACES_SAMPLER_ARG is no number from 0 to 1".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_specifications_samplers_are_known() {
        for (sampler, argument, share, heeds_parent) in [
            ("always_on", None, Share::All, false),
            ("always_off", None, Share::None, false),
            ("traceidratio", Some("0.25"), Share::Of(0.25), false),
            ("traceidratio", None, Share::Of(1.0), false),
            ("parentbased_always_on", None, Share::All, true),
            ("parentbased_always_off", None, Share::None, true),
            ("parentbased_traceidratio", Some("0"), Share::Of(0.0), true),
        ] {
            let expected = Sampling {
                share,
                heeds_parent,
            };
            assert_eq!(Sampling::read(sampler, argument), Ok(expected), "{sampler}");
        }
        for (sampler, argument) in [
            ("sometimes", None),
            ("", None),
            ("traceidratio", Some("2")),
            ("traceidratio", Some("NaN")),
        ] {
            assert!(Sampling::read(sampler, argument).is_err(), "{sampler}");
        }
    }
}
