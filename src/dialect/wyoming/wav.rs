//! Sound as WAV: the head that is put before PCM, and the one that is taken off it.

/// The form of PCM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PcmFormat {
    /// Samples a second.
    pub rate: u32,
    /// Bytes of a sample.
    pub width: u16,
    pub channels: u16,
}

/// The bounds of a form that makes sense.
const RATES: std::ops::RangeInclusive<u32> = 4_000..=192_000;

/// The longest head of a WAV: more is no head (bytes).
pub const LONGEST_HEAD: usize = 4096;

impl PcmFormat {
    /// The form by its numbers; `None` where no sound has them.
    pub fn new(rate: u64, width: u64, channels: u64) -> Option<Self> {
        let rate = u32::try_from(rate)
            .ok()
            .filter(|rate| RATES.contains(rate))?;
        let is_known = (1..=4).contains(&width) && (1..=8).contains(&channels);
        is_known.then_some(Self {
            rate,
            width: width as u16,
            channels: channels as u16,
        })
    }

    /// The bytes of a sample of all channels.
    pub fn block(self) -> usize {
        usize::from(self.width) * usize::from(self.channels)
    }

    /// The bytes of a second.
    pub fn second(self) -> usize {
        self.block().saturating_mul(self.rate as usize)
    }

    /// The head of a WAV with so many bytes of PCM behind it (44 bytes).
    pub fn head(self, length: usize) -> Vec<u8> {
        let length = u32::try_from(length).unwrap_or(u32::MAX - 36);
        let block = self.block() as u16;
        let mut head = Vec::with_capacity(44);
        head.extend_from_slice(b"RIFF");
        head.extend_from_slice(&length.saturating_add(36).to_le_bytes());
        head.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0");
        head.extend_from_slice(&self.channels.to_le_bytes());
        head.extend_from_slice(&self.rate.to_le_bytes());
        head.extend_from_slice(&(self.rate.saturating_mul(u32::from(block))).to_le_bytes());
        head.extend_from_slice(&block.to_le_bytes());
        head.extend_from_slice(&(self.width * 8).to_le_bytes());
        head.extend_from_slice(b"data");
        head.extend_from_slice(&length.to_le_bytes());
        head
    }
}

/// The beginning of a sound.
#[derive(Debug, PartialEq, Eq)]
pub enum Beginning {
    /// More has to come before it is known.
    Unknown,
    /// PCM without a head.
    Bare,
    /// A WAV whose PCM begins at this place.
    Wav(PcmFormat, usize),
    /// A compressed sound, or a WAV of another kind.
    Other,
}

/// The bytes of sound behind the head of a WAV that begins at `at`; where the head does not know, as many as come.
pub fn data_length(bytes: &[u8], at: usize) -> usize {
    let length = at.checked_sub(4).and_then(|from| bytes.get(from..at));
    let length = length.map_or(0, number);
    // Servers that stream write nothing, or all ones, and some the largest signed number.
    match length {
        0 | 0x7fff_0000.. => usize::MAX,
        length => length as usize,
    }
}

/// The sample rate that a media type names, as `audio/pcm;rate=22050` does; `None` where it names none.
pub fn rate_in(content_type: &str) -> Option<u32> {
    let mut parameters = content_type.split(';').skip(1);
    let rate = parameters.find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let is_rate = name.trim().eq_ignore_ascii_case("rate");
        is_rate.then(|| value.trim().trim_matches('"').parse().ok())?
    })?;
    RATES.contains(&rate).then_some(rate)
}

/// Whether a recording that begins so is compressed, or a WAV of another kind than PCM: nothing to be played as PCM. Some
/// servers call everything MP3, so that the type alone tells nothing.
pub fn is_no_pcm(media_type: &str, bytes: &[u8]) -> bool {
    let has_sync = |mask: u8| matches!(bytes, [0xff, second, ..] if second & mask == mask);
    let is_named = |names: &[&str]| {
        let subtype = media_type.strip_prefix("audio/").unwrap_or_default();
        names.iter().any(|name| subtype.eq_ignore_ascii_case(name))
    };
    beginning(bytes) == Beginning::Other
        || bytes.get(4..8) == Some(b"ftyp")
        || is_named(&["mpeg", "mp3", "mpeg3", "x-mpeg"]) && has_sync(0xe0)
        || is_named(&["aac", "aacp", "x-aac"]) && has_sync(0xf0)
}

/// The kind of sound that an answer begins as.
pub fn beginning(bytes: &[u8]) -> Beginning {
    const COMPRESSED: [&[u8]; 4] = [b"ID3", b"OggS", b"fLaC", b"\x1aE\xdf\xa3"];
    if bytes.len() < 12 && b"RIFF".starts_with(bytes.get(..bytes.len().min(4)).unwrap_or_default())
    {
        return Beginning::Unknown;
    }
    if COMPRESSED.iter().any(|mark| bytes.starts_with(mark)) {
        return Beginning::Other;
    }
    if !bytes.starts_with(b"RIFF") {
        return Beginning::Bare;
    }
    if bytes.get(8..12) != Some(b"WAVE") {
        return Beginning::Other;
    }
    let (mut at, mut format) = (12, None);
    while let Some(chunk) = bytes.get(at..at + 8) {
        let (name, length) = chunk.split_at(4);
        let length = number(length) as usize;
        let body = at + 8;
        match (name, format) {
            (b"data", Some(format)) => return Beginning::Wav(format, body),
            (b"data", None) => return Beginning::Other,
            (b"fmt ", _) => {
                let Some(fields) = bytes.get(body..body + 16) else {
                    break;
                };
                format = format_of(fields);
                if format.is_none() {
                    return Beginning::Other;
                }
            }
            _ => {}
        }
        // Chunks have an even length.
        at = match body
            .checked_add(length)
            .and_then(|end| end.checked_add(length & 1))
        {
            Some(next) if next <= LONGEST_HEAD => next,
            _ => return Beginning::Other,
        };
    }
    if bytes.len() >= LONGEST_HEAD {
        return Beginning::Other;
    }
    Beginning::Unknown
}

/// The form in the chunk `fmt`; `None` where it is not PCM.
fn format_of(fields: &[u8]) -> Option<PcmFormat> {
    let part = |range| fields.get(range).map_or(0, number);
    let (kind, channels, rate, bits) = (part(0..2), part(2..4), part(4..8), part(14..16));
    // 0xfffe is the extensible form, whose first bits say PCM in every speech server.
    matches!(kind, 1 | 0xfffe)
        .then(|| PcmFormat::new(rate, bits / 8, channels))
        .flatten()
}

/// A number, its lowest byte first.
fn number(bytes: &[u8]) -> u64 {
    let bytes = bytes.iter().rev();
    bytes.fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPOKEN: PcmFormat = PcmFormat {
        rate: 22_050,
        width: 2,
        channels: 1,
    };

    #[test]
    fn a_head_is_taken_off_as_it_was_put_on() {
        let head = SPOKEN.head(1000);
        assert_eq!(head.len(), 44);
        for end in 0..44 {
            assert_eq!(beginning(&head[..end]), Beginning::Unknown, "{end}");
        }
        assert_eq!(beginning(&head), Beginning::Wav(SPOKEN, 44));
    }

    /// Some encoders write their name before the sound.
    #[test]
    fn other_chunks_are_passed_over() {
        let head = SPOKEN.head(1000);
        let with_list = [&head[..36], b"LIST\x05\0\0\0abcde\0", &head[36..]].concat();
        assert_eq!(beginning(&with_list), Beginning::Wav(SPOKEN, 58));
    }

    #[test]
    fn what_is_no_pcm_is_told_apart() {
        let mut compressed = SPOKEN.head(10);
        compressed[20] = 0x55;
        for (bytes, expected) in [
            (&b"ID3\x04more of it"[..], Beginning::Other),
            (b"OggS and so on", Beginning::Other),
            (b"RIFF\0\0\0\0AVI LIST", Beginning::Other),
            (
                b"\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c",
                Beginning::Bare,
            ),
            (b"RIFF\0\0\0\0WAVEx\0\0\0\xff\xff\xff\xff", Beginning::Other),
            (&compressed, Beginning::Other),
            (b"", Beginning::Unknown),
        ] {
            assert_eq!(beginning(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn compressed_sound_is_told_by_its_bytes_and_not_by_its_type_alone() {
        let wav = SPOKEN.head(1000);
        for (kind, bytes, expected) in [
            ("audio/mpeg", &b"\xff\xfb\x90\xc4"[..], true),
            ("audio/pcm", b"\xff\xfb\x90\xc4", false),
            ("audio/mpeg", b"\x01\x00\x02\x00", false),
            ("audio/mpeg", &wav, false),
            ("audio/pcm", b"ID3\x04", true),
            ("audio/aac", b"\xff\xf1\x50", true),
            ("audio/mp4", b"\0\0\0\x20ftypM4A ", true),
            ("audio/ogg", b"OggS", true),
            ("", b"", false),
        ] {
            assert_eq!(is_no_pcm(kind, bytes), expected, "{kind} {bytes:?}");
        }
    }

    #[test]
    fn what_a_server_says_of_its_sound_is_read() {
        for (kind, expected) in [
            ("audio/pcm", None),
            ("audio/L16; rate=16000; channels=1", Some(16_000)),
            ("audio/pcm;Rate=\"22050\"", Some(22_050)),
            ("audio/pcm;rate=1", None),
            ("audio/pcm;rate=x", None),
        ] {
            assert_eq!(rate_in(kind), expected, "{kind}");
        }
        for (length, expected) in [(1000, 1000), (0, usize::MAX), (usize::MAX, usize::MAX)] {
            assert_eq!(data_length(&SPOKEN.head(length), 44), expected);
        }
    }

    #[test]
    fn nobody_sends_a_sound_that_none_is() {
        for (rate, width, channels) in [
            (0, 2, 1),
            (16_000, 0, 1),
            (16_000, 2, 0),
            (1 << 40, 2, 1),
            (16_000, 9, 1),
        ] {
            assert_eq!(PcmFormat::new(rate, width, channels), None);
        }
    }
}
