//! Properties of accounts, whatever requests do.

use proptest::prelude::*;

use super::setup::*;
use crate::limits::{Limit, Unit, Window};
use crate::quota::accounts::*;

#[derive(Clone, Debug)]
enum Step {
    Ask {
        input: u64,
        max_output: u64,
    },
    Answer {
        which: usize,
        input: u64,
        output: u64,
    },
    Leave {
        which: usize,
    },
    Pass(u64),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..50_u64, 1..100_u64).prop_map(|(input, max_output)| Step::Ask { input, max_output }),
        3 => (any::<usize>(), 0..50_u64, 0..100_u64)
            .prop_map(|(which, input, output)| Step::Answer { which, input, output }),
        1 => any::<usize>().prop_map(|which| Step::Leave { which }),
        2 => prop_oneof![0..100_u64, 0..2 * MINUTE, 0..13 * HOUR].prop_map(Step::Pass),
        1 => Just(Step::Restart),
    ]
}

proptest! {
    /// Whatever requests do: no more is admitted than the limits say, what is reserved is given back to the last token, and
    /// a restart knows all that was settled.
    #[test]
    fn no_window_is_exceeded(steps in prop::collection::vec(step(), 1..200)) {
        let limits = [
            requests(5, A_MINUTE),
            requests(20, Window::Day),
            limit(Unit::OutputTokens, 1000, Window::Day),
            Limit::concurrent(4),
        ];
        let (mut accounts, mut index, mut clock) = accounts(&limits, false);
        let mut open: Vec<(Booking, u64)> = Vec::new();
        for step in steps {
            match step {
                Step::Ask { input, max_output } => {
                    let wanted = Wanted { input, max_output: Some(max_output), has_output: true, prices: &[], locally: false };
                    if let Ok(booking) = accounts.admit(index, &wanted, clock.now()) {
                        open.push((booking, max_output));
                    }
                }
                Step::Answer { which, input, output } if !open.is_empty() => {
                    let (booking, most) = open.swap_remove(which % open.len());
                    let output = output.min(most);
                    accounts.settle(booking, &spent(input, output, 0), clock.now().now);
                }
                Step::Leave { which } if !open.is_empty() => {
                    let (booking, _) = open.swap_remove(which % open.len());
                    accounts.settle(booking, &Spent::default(), clock.now().now);
                }
                Step::Pass(ms) => clock.pass(ms),
                Step::Restart if open.is_empty() => {
                    accounts = journal(&mut accounts, clock.wall);
                    index = configure(&mut accounts, &limits, false);
                }
                _ => {}
            }
            let report = accounts.report(index, clock.now()).unwrap();
            for limit in &report.limits {
                prop_assert!(limit.used + limit.reserved <= limit.limit.rate.amount, "{limit:?}");
            }
        }
        for (booking, _) in open.drain(..) {
            accounts.settle(booking, &Spent::default(), clock.now().now);
        }
        let report = accounts.report(index, clock.now()).unwrap();
        prop_assert!(report.limits.iter().all(|limit| limit.reserved == 0));
    }
}
