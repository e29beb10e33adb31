//! `/etc/hosts`: the names that need no name server (hosts(5)).

use std::io::{BufRead, Read};
use std::net::IpAddr;

/// The longest file that is read to its end (16 MiB; lists that block advertisements have some), and the longest line
/// (bytes).
const MAX_FILE: u64 = 16 * 1024 * 1024;
const MAX_LINE: u64 = 64 * 1024;

/// The bound of addresses found for a name (64).
const MAX_ADDRESSES: usize = 64;

/// The addresses of a name: those of all lines that have it, as a first name or as an alias, in any case of its letters.
/// A dot at its end does not count. Empty where the file does not have it or breaks off.
///
/// Addresses with an interface (`fe80::1%eth0`) are passed over.
pub(super) fn addresses(file: impl BufRead, name: &str) -> Vec<IpAddr> {
    let name = name.trim_end_matches('.');
    let mut file = file.take(MAX_FILE);
    let (mut found, mut line) = (Vec::new(), Vec::new());
    while found.len() < MAX_ADDRESSES {
        line.clear();
        match file.by_ref().take(MAX_LINE).read_until(b'\n', &mut line) {
            Ok(read) if read > 0 => found.extend(address_for(&line, name)),
            Ok(_) | Err(_) => break,
        }
    }
    found
}

/// The address of a line, if the line has the name.
fn address_for(line: &[u8], name: &str) -> Option<IpAddr> {
    let text = line.split(|byte| *byte == b'#').next()?;
    let mut words = text
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty());
    let address = words.next()?;
    let has_name = words.any(|word| word.eq_ignore_ascii_case(name.as_bytes()));
    // The address is the dearer thing to read, and most lines of a long file have other names.
    has_name.then(|| std::str::from_utf8(address).ok()?.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufReader;

    #[test]
    fn names_and_aliases_are_found_on_every_line_that_has_them() {
        let file = b"127.0.0.1 localhost\n\
                    192.168.1.5\tNAS.lan  nas # not.this\r\n\
                    # 9.9.9.9 nas\n\
                    fd00::5 nas.lan nas\n\
                    fe80::1%eth0 nas\n\
                    not-an-address nas\n\
                    \xff\xfe nas\n\n   \n\
                    10.0.0.7  llama_cpp";
        for (name, expected) in [
            ("nas", "192.168.1.5 fd00::5"),
            ("Nas.Lan", "192.168.1.5 fd00::5"),
            ("nas.lan.", "192.168.1.5 fd00::5"),
            ("llama_cpp", "10.0.0.7"),
            ("not.this", ""),
            ("as", ""),
            ("192.168.1.5", ""),
        ] {
            let expected: Vec<IpAddr> = expected
                .split_whitespace()
                .map(|address| address.parse().unwrap())
                .collect();
            assert_eq!(addresses(&file[..], name), expected, "{name}");
        }
        assert!(addresses(&b""[..], "nas").is_empty());
    }

    /// A file without an end, as a device or a mistake makes it, takes neither memory nor time for ever.
    #[test]
    fn a_file_of_any_length_is_read_within_bounds() {
        let endless = std::io::repeat(b'x');
        assert!(addresses(BufReader::new(endless), "nas").is_empty());
        let same = b"1.2.3.4 nas\n".repeat(1000);
        assert_eq!(addresses(&same[..], "nas").len(), MAX_ADDRESSES);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read(line in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = addresses(&line[..], "nas");
        }
    }
}
