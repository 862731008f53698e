//! A network in which nothing is real: the loopback device has the addresses that a test talks to.

use std::net::{IpAddr, SocketAddr};

use suite::{Argument, ResourceKind, StepKind, Test};

/// The addresses of a test that are not this machine's loopback anyway.
pub(super) fn addresses(test: &Test) -> Vec<IpAddr> {
    let of_resources = test
        .resources
        .iter()
        .filter_map(|resource| match &resource.kind {
            ResourceKind::ClientServer { address, .. } => address.as_deref(),
            _ => None,
        });
    let of_steps = test.steps.iter().flat_map(|step| match &step.kind {
        StepKind::Http(request) => vec![request.address.as_str()],
        StepKind::Call { arguments, .. } => arguments
            .iter()
            .filter_map(|(_, argument)| match argument {
                Argument::Address(address) => Some(address.as_str()),
                _ => None,
            })
            .collect(),
    });
    let mut addresses: Vec<IpAddr> = of_resources
        .chain(of_steps)
        .filter_map(|address| address.parse::<SocketAddr>().ok())
        .map(|address| address.ip())
        .filter(|ip| !ip.is_loopback() && !ip.is_unspecified())
        .collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}
