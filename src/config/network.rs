//! Ranges of IP addresses: `10.0.0.0/8`, `::1`.

use std::net::IpAddr;
use std::str::FromStr;

use super::section::Setting;

/// A range of addresses that share their first bits; a single address shares all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    is_ipv4: bool,
    /// The bits of the address, cleared beyond the mask.
    bits: u128,
    mask: u128,
}

impl Network {
    /// Whether an address lies in the range. An IPv4 address is in no range of IPv6, mapped or not.
    pub fn contains(&self, address: IpAddr) -> bool {
        address.is_ipv4() == self.is_ipv4 && bits(address) & self.mask == self.bits
    }

    pub fn is_ipv4(&self) -> bool {
        self.is_ipv4
    }

    /// The number of the first bits that all its addresses share.
    pub fn prefix(&self) -> u32 {
        let width = if self.is_ipv4 { 32_u32 } else { 128 };
        width.saturating_sub(self.mask.trailing_zeros())
    }

    /// Whether all addresses of another range lie in this one.
    pub fn holds(&self, other: &Self) -> bool {
        self.is_ipv4 == other.is_ipv4
            && self.prefix() <= other.prefix()
            && other.bits & self.mask == self.bits
    }

    fn read(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let prefix: u32 = match prefix {
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().ok().filter(|prefix| *prefix <= width)?
            }
            Some(_) => return None,
            None => width,
        };
        // Shifting out all bits of a number is no shift: an empty prefix has an empty mask.
        let mask = u128::MAX.checked_shl(width - prefix).unwrap_or_default();
        Some(Self {
            is_ipv4: address.is_ipv4(),
            bits: bits(address) & mask,
            mask,
        })
    }
}

/// A range from its text, for code that builds a configuration itself.
impl FromStr for Network {
    type Err = NoNetwork;

    fn from_str(text: &str) -> Result<Self, NoNetwork> {
        Self::read(text).ok_or(NoNetwork)
    }
}

/// The text is no address or range of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoNetwork;

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// The ranges of a setting, a list or a single one.
pub(super) fn networks(value: &Setting) -> Vec<Network> {
    let listed = if value.is_list() {
        value.list().unwrap_or_default()
    } else {
        vec![value.clone()]
    };
    listed.iter().filter_map(network).collect()
}

fn network(value: &Setting) -> Option<Network> {
    let text = value.filled()?;
    let network = Network::read(&text.content);
    if network.is_none() {
        value.report(format!(
            "{} is no address or range such as 127.0.0.1, 10.0.0.0/8 or fd00::/8",
            text.quoted()
        ));
    }
    network
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_in_the_ranges_that_share_their_first_bits() {
        for (network, address, expected) in [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.1.2.3/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("192.168.4.128/25", "192.168.4.127", false),
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "127.0.0.2", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "::1", false),
            ("::/0", "203.0.113.9", false),
            ("::/0", "2001:db8::1", true),
            ("fd00::/8", "fdff::1", true),
            ("fd00::/8", "fe80::1", false),
            ("::1", "::1", true),
        ] {
            let parsed: Network = network.parse().unwrap();
            assert_eq!(
                parsed.contains(address.parse().unwrap()),
                expected,
                "{address} in {network}"
            );
        }
    }

    #[test]
    fn a_range_is_as_large_as_its_prefix_is_short() {
        for (network, prefix, held) in [
            ("10.0.0.0/8", 8, true),
            ("10.1.2.3", 32, true),
            ("0.0.0.0/0", 0, false),
            ("10.0.0.0/7", 7, false),
            ("192.168.0.0/16", 16, false),
            ("::/0", 0, false),
            ("::1", 128, false),
            ("fc00::/7", 7, false),
        ] {
            let parsed: Network = network.parse().unwrap();
            assert_eq!(parsed.prefix(), prefix, "{network}");
            let house: Network = "10.0.0.0/8".parse().unwrap();
            assert_eq!(house.holds(&parsed), held, "{network}");
        }
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for text in [
            "",
            "localhost",
            "10.0.0.0/33",
            "10.0.0.0/",
            "10/8",
            "::1/129",
            "10.0.0.0/+8",
            "1.2.3.4:80",
        ] {
            assert_eq!(Network::read(text), None, "{text}");
        }
    }
}
