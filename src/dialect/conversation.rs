//! The `messages` of a request, as far as routing needs to know them.

use super::request::RequestError;
use crate::json::reader::{EntryCursor, Invalid, Reader};

/// Reads `messages`, and checks that it is an array of objects with a role.
///
/// # Errors
/// The text is no JSON; inside, the first message that is none.
pub fn check_messages(messages: &mut Reader<'_>) -> Result<Result<(), RequestError>, Invalid> {
    let (mut count, mut problem) = (0, None);
    if messages.peek() == Some(b'[') {
        let mut array = EntryCursor::default();
        while messages.item(&mut array)? {
            if problem.is_none() {
                problem = message_problem(messages, count)?;
            } else {
                messages.skip()?;
            }
            count += 1;
        }
    } else {
        messages.skip()?;
    }
    Ok(match problem {
        Some(problem) => Err(problem),
        None if count > 0 => Ok(()),
        None => Err(RequestError::invalid(
            "messages",
            "an array that is not empty",
        )),
    })
}

fn message_problem(
    message: &mut Reader<'_>,
    index: usize,
) -> Result<Option<RequestError>, Invalid> {
    if message.peek() != Some(b'{') {
        message.skip()?;
        let param = format!("messages[{index}]");
        return Ok(Some(RequestError::invalid(&param, "an object")));
    }
    let mut role = None;
    let mut object = EntryCursor::default();
    while let Some(key) = message.key(&mut object)? {
        match key.text().as_deref() {
            Some("role") => role = Some(message.value()?),
            _ => message.skip()?,
        }
    }
    let param = || format!("messages[{index}].role");
    Ok(match role {
        None => Some(RequestError::missing(&param())),
        Some(role) if !role.starts_with('"') => Some(RequestError::invalid(&param(), "a string")),
        Some(_) => None,
    })
}
