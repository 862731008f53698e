//! The eBPF probe: programs, loader, rings and kernel counters.
