//! The frames of streams whose events are objects that name their `type`: errors, end marks and signs of life are alike in
//! all of them.

use super::annotation::Annotation;
use super::provider_error::{error_in, error_of};
use super::signals::signal_of;
use super::stream::{DONE, FrameKind};
use crate::json::ObjectError;
use crate::sse::Event;

/// A frame as far as all such streams have it alike.
pub enum ObjectFrame {
    /// An object without an error, and where the gateway writes into it.
    Object(Annotation),
    Other(FrameKind),
}

/// Reads a frame.
pub fn read_frame(frame: &Event<'_>) -> ObjectFrame {
    // The names of such events repeat their types.
    if let Some(signal) = signal_of(frame) {
        return ObjectFrame::Other(signal);
    }
    let data = &*frame.data;
    if data.trim_ascii() == DONE {
        return ObjectFrame::Other(FrameKind::End);
    }
    let (mut error, mut has_type) = (None, false);
    let read = Annotation::read(data, &mut |key, value| match key {
        "error" => error = error_in(value),
        "type" => has_type = value != r#""error""#,
        _ => {}
    });
    ObjectFrame::Other(match read {
        Ok(annotation) => {
            let error = error.or_else(|| (!has_type).then(|| error_of(data)).flatten());
            match error {
                None => return ObjectFrame::Object(annotation),
                Some(error) => FrameKind::Error(error),
            }
        }
        Err(problem @ ObjectError::NotAnObject) => {
            error_of(data).map_or_else(|| FrameKind::Broken(problem.to_string()), FrameKind::Error)
        }
        Err(problem) => FrameKind::Broken(problem.to_string()),
    })
}
