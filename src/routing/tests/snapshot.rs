use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::setup::{World, chain_of, config, failure, provider, route, stated, step, window};
use crate::config::Config;
use crate::dialect::class::Class;
use crate::dialect::rate_limits::RemainingLimits;
use crate::limits::Unit;
use crate::routing::Snapshot;

const SALT: u64 = 0x5eed;

fn wall() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_790_000_000)
}

fn two_providers(keys: &[&str]) -> Config {
    let (first, second) = (
        provider(0, "first", keys),
        provider(1, "second", &["sk-second"]),
    );
    let route = route(vec![step(&first, "m"), step(&second, "m")]);
    config(vec![first, second], vec![route])
}

/// A world in which the first provider's first key is limited for 60 s and the second provider is down.
fn troubled(config: &Config) -> World {
    let mut world = World::new(&config.providers);
    let mut walk = world.walk(&config.routes[0]);
    let attempt = world.attempt(&mut walk);
    world.fail(&mut walk, attempt, stated(Class::RateLimited, 60));
    let mut walk = world.walk(&route(vec![config.routes[0].steps[1].clone()]));
    let attempt = world.attempt(&mut walk);
    world.fail(&mut walk, attempt, failure(Class::Unreachable));
    world
}

/// Provider, key, model, whether it is stated, and the seconds left.
type Seen = (usize, Option<usize>, Option<String>, bool, u64);

fn cooling(world: &World) -> Vec<Seen> {
    let entries = world.ledger.cooling(world.now);
    let entry = |entry: crate::routing::CoolingEntry<'_>| {
        let left = entry.cooling.until - world.now;
        let model = entry.model.map(str::to_owned);
        (
            entry.provider,
            entry.key,
            model,
            entry.cooling.stated,
            left.as_secs(),
        )
    };
    let mut seen: Vec<Seen> = entries.map(entry).collect();
    seen.sort();
    seen
}

fn restarted(snapshot: &Snapshot, config: &Config, seconds: u64) -> World {
    let mut world = World::new(&config.providers);
    world.ledger = snapshot.restore(config, world.now, wall() + Duration::from_secs(seconds));
    world
}

#[test]
fn cooldowns_survive_a_restart_with_what_is_left_of_them() {
    let config = two_providers(&["sk-a", "sk-b"]);
    let world = troubled(&config);
    let snapshot = Snapshot::take(&world.ledger, &config, world.now, wall(), SALT);
    let text = snapshot.to_json();
    let read = Snapshot::parse(&text).unwrap();
    assert!(read.has_the_marks_of(&snapshot));
    let model = Some("m".to_owned());
    assert_eq!(
        cooling(&restarted(&read, &config, 2)),
        [
            (0, Some(0), model.clone(), true, 58),
            (1, None, None, false, 3)
        ]
    );
    assert_eq!(
        cooling(&restarted(&read, &config, 10)),
        [(0, Some(0), model, true, 50)]
    );
    assert_eq!(cooling(&restarted(&read, &config, 60)), []);
}

#[test]
fn no_key_is_in_the_file() {
    let config = two_providers(&["sk-a-very-long-secret", "sk-b"]);
    let world = troubled(&config);
    let text = Snapshot::take(&world.ledger, &config, world.now, wall(), SALT).to_json();
    assert!(text.contains("first"));
    for key in ["sk-a", "sk-b", "sk-second"] {
        assert!(!text.contains(key), "{text}");
    }
}

#[test]
fn a_changed_list_of_keys_does_not_inherit() {
    let config = two_providers(&["sk-a", "sk-b"]);
    let world = troubled(&config);
    let snapshot = Snapshot::take(&world.ledger, &config, world.now, wall(), SALT);
    for keys in [&["sk-b", "sk-a"][..], &["sk-new"], &[]] {
        let left = cooling(&restarted(&snapshot, &two_providers(keys), 0));
        assert_eq!(left.len(), 1, "{keys:?}");
        assert_eq!(left[0].0, 1, "the provider's own mark stays");
    }
}

#[test]
fn providers_are_known_by_name_and_models_must_be_configured() {
    let config = two_providers(&["sk-a"]);
    let world = troubled(&config);
    let snapshot = Snapshot::take(&world.ledger, &config, world.now, wall(), SALT);
    // Now in another order, and the limited model is not used any more.
    let (second, first) = (
        provider(0, "second", &["sk-second"]),
        provider(1, "first", &["sk-a"]),
    );
    let other = route(vec![step(&second, "m"), step(&first, "n")]);
    let changed = crate::routing::tests::setup::config(vec![second, first], vec![other]);
    let left = cooling(&restarted(&snapshot, &changed, 0));
    assert_eq!(left, [(0, None, None, false, 5)]);
}

#[test]
fn a_restored_guess_goes_on_doubling() {
    let (route, mut world) = chain_of(&[1, 1], |_| {});
    let providers = route
        .steps
        .iter()
        .map(|step| step.provider.clone())
        .collect();
    let config = config(providers, vec![route.clone()]);
    world
        .request(&route, &[(0, failure(Class::Unreachable))])
        .unwrap();
    let snapshot = Snapshot::take(&world.ledger, &config, world.now, wall(), SALT);
    let mut world = restarted(&snapshot, &config, 1);
    world.pass(4_000);
    world
        .request(&route, &[(0, failure(Class::Unreachable))])
        .unwrap();
    let cooling = world.ledger.cooling_of(&route.steps[0], world.now).unwrap();
    assert_eq!(cooling.until - world.now, Duration::from_secs(10));
}

#[test]
fn damaged_files_are_refused_and_damaged_entries_left_out() {
    for text in [
        "",
        "{",
        "[]",
        "null",
        "{}",
        r#"{"version":2,"salt":1,"marks":[]}"#,
        r#"{"version":1,"salt":-1,"marks":[]}"#,
    ] {
        assert!(Snapshot::parse(text).is_err(), "{text}");
    }
    let config = two_providers(&["sk-a"]);
    let far = u64::MAX;
    let text = format!(
        r#"{{"version":1,"salt":1,"marks":[
            7, null, {{}}, {{"provider":"first"}},
            {{"provider":"nobody","class":"timeout","stated_until_ms":{far},"strikes":1}},
            {{"provider":"first","class":"sleepy","stated_until_ms":{far},"strikes":1}},
            {{"provider":"first","class":"timeout","stated_until_ms":"soon","strikes":1}},
            {{"provider":"first","class":"timeout","strikes":1}},
            {{"provider":"first","class":"timeout","stated_until_ms":5,"strikes":1}},
            {{"provider":"first","model":"m","class":"timeout","stated_until_ms":{far},"strikes":1}},
            {{"provider":"first","key":{{"index":0,"hash":1}},"class":"timeout","stated_until_ms":{far},"strikes":1}},
            {{"provider":"second","class":"timeout","stated_until_ms":1790000100000,"strikes":4294967295}},
            {{"provider":"first","class":"timeout","stated_until_ms":1890000000000,"strikes":1}}
        ]}}"#
    );
    let world = restarted(&Snapshot::parse(&text).unwrap(), &config, 0);
    assert_eq!(
        cooling(&world),
        [
            (0, None, None, true, 86_400),
            // A mark on a model with all keys. There were none of these, and it counted as damaged.
            (0, None, Some("m".to_owned()), true, 86_400),
            (1, None, None, true, 100)
        ]
    );
}

#[test]
fn a_clock_that_went_back_makes_no_mark_longer() {
    let config = two_providers(&["sk-a"]);
    let world = troubled(&config);
    let text = Snapshot::take(&world.ledger, &config, world.now, wall(), SALT).to_json();
    assert!(text.contains(r#""written_ms":1790000000000"#), "{text}");
    let snapshot = Snapshot::parse(&text).unwrap();
    let ten_years = Duration::from_secs(10 * 365 * 86_400);
    let mut later = World::new(&config.providers);
    later.ledger = snapshot.restore(&config, later.now, wall() - ten_years);
    let left: Vec<u64> = cooling(&later).iter().map(|seen| seen.4).collect();
    assert_eq!(left, [60, 5]);
}

#[test]
fn a_state_file_of_an_older_version_is_read_and_bounded_by_a_day() {
    let text = r#"{"version":1,"salt":1,"marks":[{"provider":"second","class":"timeout","stated_until_ms":1790000100000,"strikes":1}]}"#;
    let config = two_providers(&["sk-a"]);
    let snapshot = Snapshot::parse(text).unwrap();
    assert_eq!(cooling(&restarted(&snapshot, &config, 0))[0].4, 100);
    let mut world = World::new(&config.providers);
    world.ledger = snapshot.restore(&config, world.now, UNIX_EPOCH);
    assert_eq!(cooling(&world)[0].4, 86_400);
}

#[test]
fn a_model_s_mark_survives_a_restart_and_the_time_of_writing_is_no_change() {
    let config = two_providers(&["sk-a", "sk-b"]);
    let mut world = World::new(&config.providers);
    let mut walk = world.walk(&config.routes[0]);
    let attempt = world.attempt(&mut walk);
    world.fail(&mut walk, attempt, stated(Class::ServerError, 60));
    let take = |at| Snapshot::take(&world.ledger, &config, world.now + at, wall() + at, SALT);
    let first = take(Duration::ZERO);
    let second = take(Duration::from_secs(1));
    assert_ne!(first.to_json(), second.to_json());
    assert!(first.has_the_marks_of(&second));
    let restored = restarted(&first, &config, 10);
    let model = Some("m".to_owned());
    assert_eq!(cooling(&restored), [(0, None, model, true, 50)]);
    assert!(
        !Snapshot::take(&Default::default(), &config, world.now, wall(), SALT)
            .has_the_marks_of(&first)
    );
}

#[test]
fn what_is_left_survives_a_reload_where_provider_key_and_model_are_the_same() {
    let old = two_providers(&["sk-a", "sk-b"]);
    let mut world = World::new(&old.providers);
    let mut walk = world.walk(&old.routes[0]);
    let attempt = world.attempt(&mut walk);
    let told = RemainingLimits {
        windows: vec![
            window(Unit::Requests, 40, Some(50), 30),
            window(Unit::Tokens, 9_000, None, 60),
        ],
    };
    world.succeed(walk, attempt, &told);
    // A call that is out takes one away.
    let mut walk = world.walk(&route(vec![step(&old.providers[0], "m")]));
    let _first_key_or_second = world.attempt(&mut walk);
    let before: Vec<_> = world.ledger.quotas(world.now).collect();
    let snapshot = Snapshot::take(&world.ledger, &old, world.now, wall(), SALT);

    let same = snapshot.restore(&two_providers(&["sk-a", "sk-b", "sk-c"]), world.now, wall());
    assert_eq!(same.quotas(world.now).collect::<Vec<_>>(), before);
    assert_eq!(
        (before[0].requests, before[0].tokens),
        (Some(40), Some(9_000))
    );
    let later = world.now + Duration::from_secs(31);
    let later: Vec<_> = same.quotas(later).map(|quota| quota.requests).collect();
    assert_eq!(later, [None], "the window is over");

    let other_key = snapshot.restore(&two_providers(&["sk-new"]), world.now, wall());
    assert_eq!(other_key.quotas(world.now).count(), 0);
}
