//! The other end of a connection: which clauses its port and its address leave possible.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::clause::{ADDRESS, Clause, PORT};
use crate::formula::{Atom, Formula, PeerAtom};
use crate::table::mask;

/// How many ports are told apart per system call.
pub const PORTS: usize = 64;
/// How many networks are told apart per system call.
pub const NETWORKS: usize = 32;

/// The tables of the other end of a connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PeerTable {
    /// Ports in ascending order, each with the clauses that a connection to it may pass.
    pub ports: Vec<(u16, u64)>,
    /// Clauses that connections to all other ports may pass.
    pub other_ports: u64,
    /// Networks, smaller ones first, each with the clauses that a connection into it may pass. The
    /// first that has the address counts.
    pub networks: Vec<(IpNet, u64)>,
    /// Clauses that connections to all other addresses may pass.
    pub other_addresses: u64,
}

impl PeerTable {
    /// The tables of what clauses ask of the other end; `None` when they ask nothing. What there is
    /// no room for is taken out of the clauses.
    pub(crate) fn new(clauses: &mut [Clause]) -> Option<Self> {
        let (mut ports, mut networks) = (BTreeSet::new(), BTreeSet::new());
        for clause in clauses.iter() {
            clause.of[PORT].for_each_atom(&mut |atom| {
                if let Atom::Peer(PeerAtom::Port(port)) = atom {
                    ports.insert(*port);
                }
            });
            clause.of[ADDRESS].for_each_atom(&mut |atom| {
                if let Atom::Peer(PeerAtom::Network(network)) = atom {
                    networks.insert(network.trunc());
                }
            });
        }
        for (table, has_room) in [
            (PORT, ports.len() <= PORTS),
            (ADDRESS, networks.len() <= NETWORKS),
        ] {
            if !has_room {
                for clause in clauses.iter_mut() {
                    clause.of[table] = Formula::True;
                }
            }
        }
        let asks = |table: usize| {
            clauses
                .iter()
                .any(|clause| clause.of[table] != Formula::True)
        };
        let (asks_port, asks_address) = (asks(PORT), asks(ADDRESS));
        if !asks_port && !asks_address {
            return None;
        }
        let of_port = |port: Option<u16>| {
            mask(clauses.iter(), |clause| {
                clause.of[PORT].may_hold(&|atom| match atom {
                    Atom::Peer(PeerAtom::Port(other)) => Some(port == Some(*other)),
                    _ => None,
                })
            })
        };
        let of_network = |network: Option<IpNet>| {
            mask(clauses.iter(), |clause| {
                clause.of[ADDRESS].may_hold(&|atom| match atom {
                    // A network within this one stands before it, and would have been found.
                    Atom::Peer(PeerAtom::Network(other)) => {
                        Some(network.is_some_and(|network| other.contains(&network)))
                    }
                    _ => None,
                })
            })
        };
        let mut networks: Vec<IpNet> = networks.into_iter().filter(|_| asks_address).collect();
        networks.sort_by_key(|network| std::cmp::Reverse(network.prefix_len()));
        Some(Self {
            ports: ports
                .into_iter()
                .filter(|_| asks_port)
                .map(|port| (port, of_port(Some(port))))
                .collect(),
            other_ports: of_port(None),
            networks: networks
                .into_iter()
                .map(|network| (network, of_network(Some(network))))
                .collect(),
            other_addresses: of_network(None),
        })
    }

    /// The clauses that a connection to this end may pass. The engine puts an address of its own in
    /// the place of one that is not specified, so that nothing is known of such a one.
    pub fn mask(&self, address: IpAddr, port: u16) -> u64 {
        let by_port = self
            .ports
            .iter()
            .find(|(known, _)| *known == port)
            .map_or(self.other_ports, |(_, clauses)| *clauses);
        let address = address.to_canonical();
        if address.is_unspecified() {
            return by_port;
        }
        let by_address = self
            .networks
            .iter()
            .find(|(network, _)| network.contains(&address))
            .map_or(self.other_addresses, |(_, clauses)| *clauses);
        by_port & by_address
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clause::clauses;

    fn port(port: u16) -> Formula {
        Formula::Is(Atom::Peer(PeerAtom::Port(port)))
    }

    fn network(text: &str) -> Formula {
        Formula::Is(Atom::Peer(PeerAtom::Network(text.parse().unwrap())))
    }

    fn table(formula: &Formula) -> Option<PeerTable> {
        PeerTable::new(&mut clauses(formula))
    }

    #[test]
    fn the_smallest_network_decides() {
        let formula = Formula::and([
            network("10.0.0.0/8"),
            network("10.1.0.0/16").opposite(),
            Formula::or([port(80), port(443)]),
        ]);
        let table = table(&formula).unwrap();
        let passes = |ip: &str, port| table.mask(ip.parse().unwrap(), port) != 0;
        assert!(passes("10.2.0.1", 80));
        assert!(passes("::ffff:10.2.0.1", 443));
        assert!(!passes("10.2.0.1", 81));
        assert!(!passes("10.1.0.1", 80));
        assert!(!passes("11.0.0.1", 80));
        assert!(!passes("a02::1", 80));
        assert!(passes("0.0.0.0", 80), "another one takes its place");
        assert!(!passes("0.0.0.0", 81));
    }

    #[test]
    fn families_are_kept_apart() {
        let table = table(&network("::/0")).unwrap();
        assert_eq!(table.mask("1.2.3.4".parse().unwrap(), 1), 0);
        assert_eq!(table.mask("1::".parse().unwrap(), 1), 1);
    }

    #[test]
    fn what_there_is_no_room_for_is_not_asked() {
        let many = Formula::or((0..=PORTS as u16).map(port));
        assert_eq!(table(&many), None);
        let both = Formula::and([many, network("10.0.0.0/8")]);
        let table = table(&both).unwrap();
        assert_eq!(table.mask("10.0.0.1".parse().unwrap(), 9999), 1);
        assert_eq!(table.mask("11.0.0.1".parse().unwrap(), 1), 0);
    }
}
