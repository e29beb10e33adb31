//! Two ledgers that count together, with a server that is a table of counters.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::setup::{World, config, provider, route, stated, step};
use crate::config::{Config, Provider, Route};
use crate::dialect::class::Class;
use crate::limits::{Limit, Rate, Unit, Window};
use crate::quota::SharedMoment;
use crate::quota::portions::Sharing;
use crate::quota::server_clock::ServerClock;
use crate::routing::Move;
use crate::routing::shared_marks::{self, Places, SharedMarks};

struct Pair {
    worlds: [World; 2],
    clock: ServerClock,
    places: Places,
    config: Config,
    route: Arc<Route>,
    /// The same with another provider behind, which has no limits.
    longer_route: Arc<Route>,
    counters: HashMap<(String, u64), u64>,
}

/// Two replicas of a provider with ten requests a minute.
fn pair() -> Pair {
    let mut limited = provider(0, "p", &["sk-secret-key"]);
    let rate = Rate {
        amount: 10,
        window: Window::Sliding(Duration::from_secs(60)),
    };
    let limit = Limit {
        unit: Unit::Requests,
        rate,
    };
    Arc::<Provider>::get_mut(&mut limited)
        .unwrap()
        .quotas
        .limits = vec![limit];
    let other = provider(1, "other", &[]);
    let longer_route = route(vec![step(&limited, "m|x"), step(&other, "m")]);
    let route = route(vec![step(&limited, "m|x")]);
    let providers = vec![limited, other];
    let mut worlds = [World::new(&providers), World::new(&providers)];
    worlds[1].now = worlds[0].now;
    let now = worlds[0].now;
    let config = config(providers, vec![Arc::clone(&route)]);
    Pair {
        worlds,
        clock: ServerClock::new(now, now, 1_800_000_000_000_000),
        places: Places::new(&config, "test"),
        config,
        route,
        longer_route,
        counters: HashMap::new(),
    }
}

impl Pair {
    fn share(&mut self, sharing: Sharing) {
        let clock = self.clock;
        for world in &mut self.worlds {
            world.ledger.share(SharedMoment { clock, sharing });
        }
    }

    /// An exchange of one of them.
    fn exchange(&mut self, who: usize) {
        let World { ledger, now } = &mut self.worlds[who];
        let news = ledger.line_news(&self.places, &Default::default(), 400, *now);
        for (line, draw) in news.draws {
            let key = (line.clone(), draw.span.start);
            let counter = self.counters.entry(key).or_default();
            *counter += draw.amount();
            let answer = [(line.as_str(), &draw, *counter)];
            let in_vain = ledger.lines_drawn(&self.places, &answer).unwrap();
            *counter -= in_vain.iter().map(|(_, back)| back.amount()).sum::<u64>();
        }
    }

    /// A request to one of them, whose pauses end with an exchange; true if it was sent.
    fn request(&mut self, who: usize) -> bool {
        let route = Arc::clone(&self.route);
        self.sent(who, &route).is_some()
    }

    /// The step that a request is sent to; `None` if it is not.
    fn sent(&mut self, who: usize, route: &Arc<Route>) -> Option<usize> {
        let world = &self.worlds[who];
        let mut walk = world.walk(route);
        loop {
            let World { ledger, now } = &mut self.worlds[who];
            match walk.next(ledger, *now) {
                Move::Try(attempt) => return Some(attempt.step_index),
                Move::Pause { .. } => self.exchange(who),
                Move::Finished(_) => return None,
            }
        }
    }
}

#[test]
fn together_they_send_no_more_than_the_limit() {
    let mut pair = pair();
    pair.share(Sharing::Granted { replicas: 2 });
    let sent = (0..40).filter(|number| pair.request(number % 2)).count();
    assert_eq!(sent, 10);
    // Names tell nothing of the key, and a name with the separator in it is one.
    let (name, _) = pair.counters.keys().next().unwrap();
    assert!(
        name.starts_with("p|") && name.ends_with("||requests|min"),
        "{name}"
    );
    assert!(!name.contains("secret"));
    // The next window has as much again.
    for world in &mut pair.worlds {
        world.pass(61_000);
    }
    let sent = (0..40).filter(|number| pair.request(number % 2)).count();
    assert_eq!(sent, 10);
}

/// Would break at the turn of windows that no provider has told: those of the provider turn at another time, and what was sent
/// just before would be sent again.
#[test]
fn at_a_turn_that_nobody_told_the_calls_of_all_still_count() {
    for sharing in [
        Sharing::Granted { replicas: 2 },
        Sharing::Split { replicas: 2 },
    ] {
        let mut pair = pair();
        pair.share(sharing);
        let route = Arc::clone(&pair.longer_route);
        let pass = |pair: &mut Pair, ms| pair.worlds.iter_mut().for_each(|world| world.pass(ms));
        pass(&mut pair, 50_000);
        let sent = (0..20).filter(|number| pair.request(number % 2)).count();
        assert_eq!(sent, 10);
        pass(&mut pair, 15_000);
        for who in [0, 1, 0, 1] {
            pair.exchange(who);
            assert_eq!(pair.sent(who, &route), Some(1), "{who} {sharing:?}");
        }
        // A minute after they were sent they count no more.
        pass(&mut pair, 46_000);
        for who in [0, 1] {
            pair.exchange(who);
            assert_eq!(pair.sent(who, &route), Some(0), "{who} {sharing:?}");
        }
    }
}

/// Where the provider has told the turn, all that is new is used at once.
#[test]
fn a_turn_that_was_told_frees_the_whole_limit() {
    let mut pair = pair();
    pair.share(Sharing::Granted { replicas: 2 });
    let pass = |pair: &mut Pair, ms| pair.worlds.iter_mut().for_each(|world| world.pass(ms));
    pass(&mut pair, 50_000);
    let sent = (0..20).filter(|number| pair.request(number % 2)).count();
    assert_eq!(sent, 10);
    let (name, _) = pair.counters.keys().next().unwrap().clone();
    let lessons = [(name, "0 0 60000 1 1".to_owned())].into();
    for world in &mut pair.worlds {
        let World { ledger, now } = world;
        ledger.take_lessons(&lessons, &pair.places, *now);
    }
    pass(&mut pair, 15_000);
    let sent = (0..20).filter(|number| pair.request(number % 2)).count();
    assert_eq!(sent, 10);
}

#[test]
fn without_the_server_each_sends_its_share() {
    let mut pair = pair();
    pair.share(Sharing::Split { replicas: 2 });
    let sent = |pair: &mut Pair, who| (0..20).filter(|_| pair.request(who)).count();
    assert_eq!((sent(&mut pair, 0), sent(&mut pair, 1)), (5, 5));
    // Once the server is back, what was used is counted before anything is drawn.
    pair.exchange(0);
    pair.exchange(1);
    pair.share(Sharing::Granted { replicas: 2 });
    assert_eq!(pair.counters.values().copied().collect::<Vec<_>>(), [10]);
    assert_eq!((sent(&mut pair, 0), sent(&mut pair, 1)), (0, 0));
}

#[test]
fn a_mark_of_one_is_a_mark_of_the_other_until_a_success() {
    let mut pair = pair();
    let (clock, route) = (pair.clock, Arc::clone(&pair.route));
    let now = pair.worlds[0].now;
    let mut walk = pair.worlds[0].walk(&route);
    let attempt = pair.worlds[0].attempt(&mut walk);
    let refused = stated(Class::ServerError, 30);
    pair.worlds[0].fail(&mut walk, attempt, refused);
    let told = shared_marks::told(&pair.worlds[0].ledger, &pair.places, &clock, now);
    assert_eq!(told.len(), 1);
    let spelled: SharedMarks = told
        .iter()
        .map(|(place, mark)| {
            let read = shared_marks::SharedMark::parse(&mark.spelled());
            (place.clone(), read.unwrap())
        })
        .collect();
    assert_eq!(spelled, told);
    let Pair {
        worlds: [_, other],
        config,
        places,
        ..
    } = &mut pair;
    shared_marks::merge(&mut other.ledger, &told, config, places, &clock, now);
    let cooling = other.ledger.cooling_of(&route.steps[0], now).unwrap();
    assert_eq!((cooling.class, cooling.stated), (Class::ServerError, true));
    assert!(cooling.until > now + Duration::from_secs(29));
    shared_marks::refute(&mut other.ledger, &told, config, places, &clock);
    assert_eq!(other.ledger.cooling_of(&route.steps[0], now), None);
    // What is not configured here is nobody's.
    let strange = told
        .values()
        .map(|mark| ("q||".to_owned(), *mark))
        .collect();
    shared_marks::merge(&mut other.ledger, &strange, config, places, &clock, now);
    assert_eq!(other.ledger.cooling(now).count(), 0);
}
