use super::*;
use crate::config;

const HOUR: Duration = Duration::from_secs(3600);

fn config(provider: &str) -> Config {
    let text = format!(
        "api_key: k\nproviders:\n  - {{name: p, base_url: http://p/v1{provider}}}\nroutes:\n  - {{name: r, steps: [{{provider: p, model: m}}, {{provider: p, model: n}}]}}\n"
    );
    let environment = std::collections::BTreeMap::<String, String>::new();
    config::parse(&text, &environment).unwrap()
}

fn drop_of(member: &str) -> Lesson {
    Lesson::Drop {
        member: member.to_owned(),
    }
}

fn pass_over() -> Lesson {
    Lesson::PassOver {
        member: "tools".to_owned(),
        more_than: None,
    }
}

#[test]
fn lessons_hold_for_their_step_and_time() {
    let config = config("");
    let [m, n] = &config.routes[0].steps[..] else {
        panic!("two steps")
    };
    let now = Instant::now();
    let mut learned = Learned::default();
    assert!(learned.learn(m, drop_of("seed"), now));
    assert!(!learned.learn(m, drop_of("seed"), now));
    assert!(learned.learn(m, pass_over(), now));
    assert_eq!(learned.of(m, now), [drop_of("seed"), pass_over()]);
    assert!(learned.of(n, now).is_empty());
    assert_eq!(learned.of(m, now + HOUR), [drop_of("seed")]);
    assert!(learned.of(m, now + 24 * HOUR).is_empty());
    // Two words about one member: the later one counts.
    let rename = Lesson::Rename {
        member: "seed".to_owned(),
        to: "random_seed".to_owned(),
    };
    assert!(learned.learn(m, rename.clone(), now));
    assert_eq!(learned.of(m, now), [pass_over(), rename]);
}

#[test]
fn the_memory_is_bounded() {
    let config = config("");
    let step = &config.routes[0].steps[0];
    let now = Instant::now();
    let mut learned = Learned::default();
    for number in 0..MOST + 5 {
        learned.learn(step, drop_of(&format!("x{number}")), now);
    }
    let lessons = learned.of(step, now);
    assert_eq!(lessons.len(), MOST);
    assert_eq!(lessons[0], drop_of("x5"));
}

#[test]
fn a_state_file_brings_it_back_for_the_same_provider() {
    let same = config("");
    let step = &same.routes[0].steps[0];
    let (now, wall) = (Instant::now(), SystemTime::now());
    let mut learned = Learned::default();
    let all = [
        drop_of("messages[*].name"),
        pass_over(),
        Lesson::Shape {
            shape: crate::adapt::shapes::Shape::Ids9,
        },
        Lesson::ContextLength { tokens: 2048 },
        Lesson::NoSchemas,
    ];
    for lesson in all.clone() {
        learned.learn(step, lesson, now);
    }
    let mut values = learned.to_values(now, wall);
    values.push(serde_json::json!({"provider": "p", "do": "something new"}));
    values.push(serde_json::json!(7));
    assert_eq!(
        Learned::restore(&values, &same, now, wall).of(step, now),
        all
    );
    // A clock that was set back makes nothing longer.
    let back = wall - 100 * HOUR;
    let restored = Learned::restore(&values, &same, now, back);
    assert!(restored.of(step, now + 24 * HOUR).is_empty());
    let later = wall + 2 * HOUR;
    assert_eq!(
        Learned::restore(&values, &same, now, later)
            .of(step, now)
            .len(),
        3
    );
    for other in [", headers: {X-A: b}", ", profile: none", ", heal: false"] {
        assert!(
            Learned::restore(&values, &config(other), now, wall)
                .of(step, now)
                .is_empty()
        );
    }
    let renamed = serde_json::to_string(&values)
        .unwrap()
        .replace("\"p\"", "\"q\"");
    let renamed: Vec<Value> = serde_json::from_str(&renamed).unwrap();
    assert!(
        Learned::restore(&renamed, &same, now, wall)
            .of(step, now)
            .is_empty()
    );
}
