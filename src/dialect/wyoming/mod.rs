//! Wyoming, the protocol of Home Assistant's voices: events of a line of JSON, more JSON, and a payload; sound as PCM.

pub mod event;
pub mod info;
pub mod resampler;
pub mod sentences;
pub mod wav;
