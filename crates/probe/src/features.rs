//! What is decided before the programs are loaded, so that the verifier knows it.

#![expect(unsafe_code, reason = "the layout is shared with the kernel programs")]

use libbpf_rs::OpenObject;

use crate::facts::KNOWN;
use crate::iterators::TASKS;
use crate::kernel::has_tracepoint;
use crate::options::Options;

/// `struct features` of `bpf/maps.h`.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Features {
    /// Arguments are noted where calls begin.
    pub(crate) notes: u32,
    dynamic_snaplen: u32,
    full_port_first: u32,
    full_port_last: u32,
    statsd_port: u32,
    /// What comes through io_uring is told of.
    pub(crate) uring: u32,
    /// What is there at the start is listed.
    pub(crate) iterators: u32,
}

/// The section that the programs have it in.
const MAP: &str = ".rodata.features";

impl Features {
    /// What the user wants.
    pub(crate) fn wanted(options: &Options) -> Self {
        let mut features = Self {
            notes: options.toctou_protection.into(),
            dynamic_snaplen: 0,
            full_port_first: 1,
            full_port_last: 0,
            statsd_port: 0,
            uring: options.io_uring.into(),
            iterators: options.iterators.into(),
        };
        if let Some(dynamic) = &options.dynamic_snaplen {
            features.dynamic_snaplen = 1;
            features.full_port_first = (*dynamic.full_ports.start()).into();
            features.full_port_last = (*dynamic.full_ports.end()).into();
            features.statsd_port = dynamic.statsd_port.into();
        }
        features
    }

    /// The same, without what only newer kernels have.
    pub(crate) fn least(self) -> Self {
        Self {
            notes: 0,
            uring: 0,
            iterators: 0,
            ..self
        }
    }

    /// Without what this kernel visibly lacks.
    pub(crate) fn fit(self) -> Self {
        let uring = self.uring != 0 && has_tracepoint("io_uring_submit_req");
        Self {
            uring: uring.into(),
            ..self
        }
    }

    /// Whether a program has anything to do.
    pub(crate) fn need(&self, program: &str) -> bool {
        match program {
            "sys_enter" => self.notes != 0,
            "iter_files" | KNOWN => self.iterators != 0,
            // It comes and goes by itself.
            TASKS => false,
            _ if program.starts_with("enter_") => self.notes != 0,
            _ if program.starts_with("uring_") => self.uring != 0,
            _ => true,
        }
    }

    /// Whether a map is used. An older kernel may not know its kind.
    fn need_map(&self, name: &str) -> bool {
        match name {
            "notes" => self.notes != 0,
            "long_notes" => self.notes != 0 || self.uring != 0,
            "requests" => self.uring != 0,
            "open_file_scratches" | "known_threads" => self.iterators != 0,
            _ => true,
        }
    }

    /// Tells the programs, and leaves out the maps that only unwanted features need.
    pub(crate) fn apply(&self, object: &mut OpenObject) -> libbpf_rs::Result<()> {
        for mut map in object.maps_mut() {
            let name = map.name().to_string_lossy().into_owned();
            if name == MAP {
                let bytes = bytes(self);
                if let Some(value) = map.initial_value_mut()
                    && let Some(value) = value.get_mut(..bytes.len())
                {
                    value.copy_from_slice(bytes);
                }
            }
            if !self.need_map(&name) {
                map.set_autocreate(false)?;
            }
        }
        Ok(())
    }
}

fn bytes(features: &Features) -> &[u8] {
    // SAFETY: the structure consists of `u32`s only, so it has no padding, and any byte of it can
    // be read for as long as it is borrowed.
    unsafe {
        std::slice::from_raw_parts(
            std::ptr::from_ref(features).cast::<u8>(),
            size_of::<Features>(),
        )
    }
}
