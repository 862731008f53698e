//! Is an address in one of many networks?

use std::net::IpAddr;

use hashbrown::HashSet;
use ipnet::IpNet;

/// A set of networks. As many look-ups as there are different prefix lengths, however many
/// networks there are.
#[derive(Debug, Default)]
pub(crate) struct Networks {
    v4: Vec<Length>,
    v6: Vec<Length>,
}

/// The networks with a prefix of one length.
#[derive(Debug)]
struct Length {
    mask: u128,
    networks: HashSet<u128, foldhash::fast::FixedState>,
}

impl Networks {
    pub(crate) fn contain(&self, address: IpAddr) -> bool {
        let (lengths, bits) = match address {
            IpAddr::V4(address) => (&self.v4, address.to_bits().into()),
            IpAddr::V6(address) => (&self.v6, address.to_bits()),
        };
        lengths
            .iter()
            .any(|length| length.networks.contains(&(bits & length.mask)))
    }
}

impl FromIterator<IpNet> for Networks {
    fn from_iter<I: IntoIterator<Item = IpNet>>(networks: I) -> Self {
        let mut set = Self::default();
        for network in networks {
            let (lengths, mask, bits) = match network {
                IpNet::V4(network) => (
                    &mut set.v4,
                    network.netmask().to_bits().into(),
                    network.network().to_bits().into(),
                ),
                IpNet::V6(network) => (
                    &mut set.v6,
                    network.netmask().to_bits(),
                    network.network().to_bits(),
                ),
            };
            match lengths.iter_mut().find(|length| length.mask == mask) {
                Some(length) => {
                    length.networks.insert(bits);
                }
                None => lengths.push(Length {
                    mask,
                    networks: [bits].into_iter().collect(),
                }),
            }
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_do_not_mix() {
        let parse = |text: &&str| text.parse::<IpNet>().unwrap();
        let networks: Networks = ["10.0.0.0/8", "192.168.1.0/24", "fe80::/10", "0.0.0.0/32"]
            .iter()
            .map(parse)
            .collect();
        let contains = |text: &str| networks.contain(text.parse().unwrap());
        assert!(contains("10.255.0.1"));
        assert!(contains("192.168.1.255"));
        assert!(!contains("192.168.2.0"));
        assert!(contains("fe80::1"));
        assert!(!contains("::"));
        assert!(contains("0.0.0.0"));
        let all: Networks = ["0.0.0.0/0"].iter().map(parse).collect();
        assert!(all.contain("1.2.3.4".parse().unwrap()));
        assert!(!all.contain("::1".parse().unwrap()));
    }
}
