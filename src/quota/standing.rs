//! The standing of a line, and of all that concerns a call: whether it may be made, and in which pass.

use std::time::Instant;

/// The standing of a line; the worse, the later in this list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Open,
    /// Open to one call, which finds out.
    Probe,
    /// Nothing is known of a limit, and many calls are out.
    Slow,
    /// A guess says no: the last resort, one call at a time, and not before `from`.
    Soft {
        from: Instant,
        until: Instant,
    },
    /// A call that finds out is out. One that is full is waited for, not called.
    Held {
        is_full: bool,
    },
    /// The provider's word, or a number that is certain, says no.
    Firm {
        until: Instant,
    },
    /// There is no place.
    Closed,
    /// The portion of this replica is spent; there may be more in a moment.
    Dry,
}

impl Standing {
    /// Whether the first pass of a walk takes it.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Open | Self::Probe)
    }

    /// The worse of two, by which a call has to go; of two of the same, the later.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (
                Self::Soft { from, until },
                Self::Soft {
                    from: other_from,
                    until: other_until,
                },
            ) => Self::Soft {
                from: from.max(other_from),
                until: until.max(other_until),
            },
            (Self::Held { is_full }, Self::Held { is_full: other }) => Self::Held {
                is_full: is_full || other,
            },
            (Self::Firm { until }, Self::Firm { until: other }) => Self::Firm {
                until: until.max(other),
            },
            (one, other) if other.rank() > one.rank() => other,
            (one, _) => one,
        }
    }

    fn rank(self) -> u8 {
        match self {
            Self::Open => 0,
            Self::Probe => 1,
            Self::Slow => 2,
            Self::Soft { .. } => 3,
            Self::Held { .. } => 4,
            Self::Firm { .. } => 5,
            Self::Dry => 6,
            Self::Closed => 7,
        }
    }

    /// The word of diagnostics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Probe => "probe",
            Self::Slow => "slow",
            Self::Soft { .. } => "soft",
            Self::Held { .. } => "held",
            Self::Firm { .. } => "full",
            Self::Closed => "closed",
            Self::Dry => "dry",
        }
    }
}
