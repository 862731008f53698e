//! The probe as a source of events.

use event::SyscallCode;
use probe::{Options, Probe, Reader};

use crate::harness::{Harness, Source};

/// The probe and its reader.
pub(crate) struct OfProbe {
    probe: Probe,
    reader: Reader,
}

/// A harness of a probe of its own.
pub(crate) fn harness(options: &Options) -> Harness {
    Harness::new(OfProbe::new(options).unwrap_or_else(|err| panic!("{err}")))
}

impl OfProbe {
    pub(crate) fn new(options: &Options) -> Result<Self, probe::Error> {
        let mut probe = Probe::load(options)?;
        assert_eq!(probe.reduced(), None, "this kernel has everything");
        let reader = probe.reader()?;
        probe.attach()?;
        Ok(Self { probe, reader })
    }

    /// Which calls have a program of their own.
    pub(crate) fn fillers(&self) -> impl Fn(SyscallCode) -> bool + use<> {
        let filled: Vec<SyscallCode> = event::Syscall::all()
            .iter()
            .map(|call| call.code)
            .filter(|code| self.probe.has_filler(*code))
            .collect();
        move |code| filled.contains(&code)
    }
}

impl Source for OfProbe {
    fn select(&mut self, codes: &[SyscallCode]) {
        self.probe
            .set_syscalls(codes.iter().copied())
            .expect("the selection changes");
    }

    fn drain(&mut self, each: &mut dyn FnMut(&[u8])) {
        self.reader.drain(|_, record| each(record));
    }

    fn has_data(&self) -> bool {
        self.reader.has_data()
    }

    fn knows_the_kernel(&self) -> bool {
        true
    }

    fn keep_up(&mut self) {
        self.probe
            .keep_up(&mut self.reader)
            .expect("nothing stands in the way");
    }
}
