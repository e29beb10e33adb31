//! From a finding to lessons: comfort is dropped, a spelling renamed, a limit kept, and a meaning is a reason to pass the
//! step over.

use crate::adapt::lesson::Lesson;
use crate::adapt::meaning::{AUDIO, FILES, IMAGES, is_carried, is_concerned, may_matter};
use crate::adapt::members;
use crate::adapt::operations::is_above;
use crate::json::{Object, path};

use super::finding::Finding;

/// Two names of one limit.
const TWINS: [(&str, &str); 2] = [
    ("max_tokens", "max_completion_tokens"),
    ("max_completion_tokens", "max_tokens"),
];

/// Members of a message without which it is another one.
const OF_MESSAGE: [&str; 4] = ["role", "content", "tool_calls", "tool_call_id"];

/// Members below these that cannot go: a part, a tool or a format without them is none.
const OF_PART: [&str; 2] = ["type", "text"];
const OF_TOOL: [&str; 4] = ["type", "function", "name", "parameters"];

/// The lessons of a finding about a request that was sent like this; none if it is not about this request.
pub fn remedies(finding: &Finding, sent: &Object<'_>) -> Vec<Lesson> {
    let lesson = match finding {
        Finding::Refused(place) => of_refused(place, sent),
        Finding::RefusedAnywhere(name) => {
            let places = [
                format!("tools[*].function.{name}"),
                format!("messages[*].{name}"),
                name.clone(),
            ];
            let place = places.iter().find(|place| members::is_met(sent, place));
            place.and_then(|place| of_refused(place, sent))
        }
        Finding::Instead(place, name) => {
            let (parent, _) = path::parent_and_name(place);
            let taken = members::is_met(sent, &format!("{parent}{name}"));
            members::is_met(sent, place).then(|| {
                if taken {
                    drop_of(place)
                } else {
                    Lesson::Rename {
                        member: place.clone(),
                        to: name.clone(),
                    }
                }
            })
        }
        Finding::AtMost(member, most) => {
            let twin = TWINS.iter().find(|(name, _)| name == member);
            let members = [Some(member.as_str()), twin.map(|(_, twin)| *twin)];
            let above = members
                .into_iter()
                .flatten()
                .filter(|member| sent.get(member).is_some_and(|value| is_above(value, most)));
            return above
                .map(|member| Lesson::AtMost {
                    member: member.to_owned(),
                    most: most.clone(),
                })
                .collect();
        }
        Finding::TooMany(member, most) => Some(Lesson::PassOver {
            member: member.clone(),
            more_than: Some(*most),
        })
        .filter(|lesson| lesson.passes_over(sent)),
        Finding::Unsupported(member) => pass_over(member, sent),
        Finding::WithoutStream(member, value) => Some(Lesson::WithoutStream {
            member: (*member).to_owned(),
            value: (*value).to_owned(),
        })
        .filter(|_| sent.get("stream") != Some("true")),
        Finding::Shape(shape) => Some(Lesson::Shape { shape: *shape }),
        Finding::RelaxToolChoice => Some(Lesson::RelaxToolChoice),
        Finding::EqualStrict => Some(Lesson::EqualStrict),
        Finding::FormatYields => Some(Lesson::FormatYields),
        Finding::NoSchemas => is_carried(sent, "response_format").then_some(Lesson::NoSchemas),
        Finding::ContextLength(tokens) => Some(Lesson::ContextLength { tokens: *tokens }),
    };
    lesson.into_iter().collect()
}

fn drop_of(place: &str) -> Lesson {
    Lesson::Drop {
        member: place.to_owned(),
    }
}

fn pass_over(member: &str, sent: &Object<'_>) -> Option<Lesson> {
    is_concerned(sent, member).then(|| Lesson::PassOver {
        member: member.to_owned(),
        more_than: None,
    })
}

/// The lesson of a member that was refused. A member that was not sent is no lesson.
fn of_refused(place: &str, sent: &Object<'_>) -> Option<Lesson> {
    if !members::is_met(sent, place) {
        return None;
    }
    let names: Vec<&str> = path::segments(place).map(|segment| segment.key).collect();
    match names.as_slice() {
        [member] if may_matter(member) => {
            if is_carried(sent, member) {
                pass_over(member, sent)
            } else {
                Some(drop_of(place))
            }
        }
        [member] => {
            let twin = TWINS.iter().find(|(name, _)| name == member);
            match twin {
                // A limit on the answer is not dropped: it is somebody's bill.
                Some((_, twin)) => sent.get(twin).is_none().then(|| Lesson::Rename {
                    member: place.to_owned(),
                    to: (*twin).to_owned(),
                }),
                None => Some(drop_of(place)),
            }
        }
        ["messages", member] => (!OF_MESSAGE.contains(member)).then(|| drop_of(place)),
        ["messages", "content", member, ..] => match *member {
            "image_url" => pass_over(IMAGES, sent),
            "input_audio" => pass_over(AUDIO, sent),
            "file" => pass_over(FILES, sent),
            _ if OF_PART.contains(member) => None,
            _ => Some(drop_of(place)),
        },
        ["tools", member] | ["tools", "function", member] => {
            (!OF_TOOL.contains(member)).then(|| drop_of(place))
        }
        // What lies in a function's parameters is the client's, name by name.
        ["tools", ..] | ["messages", "tool_calls", ..] => None,
        ["response_format", .., "strict"] => Some(drop_of(place)),
        ["response_format", ..] => pass_over("response_format", sent),
        _ => Some(drop_of(place)),
    }
}
