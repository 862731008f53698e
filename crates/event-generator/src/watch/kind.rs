//! What engines differ in, seen from outside.

use std::fs;

/// An engine that is known by name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum EngineKind {
    /// Falco, of any version.
    Falco,
    /// Ours.
    Peregrine,
}

impl EngineKind {
    /// The name of its program.
    pub fn program(self) -> &'static str {
        match self {
            Self::Falco => "falco",
            Self::Peregrine => "peregrine",
        }
    }

    /// Which of its settings let alerts and counters out.
    pub fn advice(self) -> &'static str {
        match self {
            Self::Falco => {
                "Falco to 0.43: grpc.enabled, grpc.bind_address and grpc_output.enabled; any: \
                 json_output, http_output.enabled, http_output.url. Its limit of alerts must be out \
                 of the way: outputs.rate to 0.36. Counters: -s FILE to 0.35, then \
                 metrics.output_file, or webserver.prometheus_metrics_enabled"
            }
            Self::Peregrine => {
                "peregrine: grpc.enabled, grpc.bind_address and grpc_output.enabled; or json_output, \
                 http_output.enabled, http_output.url. Counters: -s FILE, metrics.output_file, or \
                 webserver.prometheus_metrics_enabled"
            }
        }
    }

    /// Its process, if exactly one runs; else how many do.
    ///
    /// # Errors
    /// The number of processes, when it is not one.
    pub fn find(self) -> Result<u32, usize> {
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let Some(pid) = entry
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok())
            else {
                continue;
            };
            // One that ends meanwhile is none.
            let name = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
            if name.trim_end() == self.program() {
                found.push(pid);
            }
        }
        match found[..] {
            [pid] => Ok(pid),
            _ => Err(found.len()),
        }
    }
}
