//! Which engine it is, and what it must be told so that its alerts and counters can be read.
//!
//! Facts about versions: gRPC outputs were there until 0.43, the statistics file until 0.34, the
//! metrics file from 0.35 on, the limiter of alerts has to be switched off until 0.32.

use std::path::Path;
use std::process::Command;

use clap::ValueEnum;

/// An engine that is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Kind {
    /// Ours.
    Peregrine,
    /// Falco, of any version.
    Falco,
    /// Another one: it is started as it is, and its alerts and counters are where the flags say.
    Other,
}

/// How its alerts come.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Channel {
    /// We call its socket.
    Grpc,
    /// It posts to us.
    Http,
}

/// Which file its counters are in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Counters {
    /// `-s FILE`.
    Statistics,
    /// `metrics.output_file`.
    Metrics,
}

/// An engine of some version.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Engine {
    pub(super) kind: Kind,
    /// Major and minor; `None` when it does not say.
    pub(super) version: Option<(u32, u32)>,
    /// What it says of its version, on one line.
    pub(super) says: Option<String>,
}

/// Milliseconds between two samples of counters.
pub(super) const INTERVAL_MS: u32 = 500;

impl Kind {
    /// The engine that a program's name speaks of.
    pub(super) fn of_program(program: &str) -> Self {
        let name = Path::new(program)
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if name.contains("peregrine") {
            Self::Peregrine
        } else if name.contains("falco") {
            Self::Falco
        } else {
            Self::Other
        }
    }

    /// A name for tables.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Peregrine => "peregrine",
            Self::Falco => "falco",
            Self::Other => "engine",
        }
    }
}

impl Engine {
    /// Asks a program for its version, if it is of a kind that says.
    pub(super) fn ask(kind: Kind, program: &str) -> Self {
        let says = (kind != Kind::Other)
            .then(|| Command::new(program).arg("--version").output().ok())
            .flatten()
            .and_then(|output| {
                let text = String::from_utf8_lossy(&output.stdout).into_owned();
                text.lines().next().map(|line| line.trim().to_owned())
            })
            .filter(|line| !line.is_empty());
        Self {
            kind,
            version: says.as_deref().and_then(version_in),
            says,
        }
    }

    fn is_before(&self, minor: u32) -> bool {
        self.version.is_some_and(|version| version < (0, minor))
    }

    /// How its alerts come.
    pub(super) fn channel(&self) -> Channel {
        match self.kind {
            Kind::Peregrine => Channel::Grpc,
            Kind::Falco if self.is_before(44) => Channel::Grpc,
            Kind::Falco | Kind::Other => Channel::Http,
        }
    }

    /// Where its counters are.
    pub(super) fn counters(&self) -> Counters {
        match self.kind {
            Kind::Peregrine => Counters::Metrics,
            Kind::Falco if !self.is_before(35) => Counters::Metrics,
            Kind::Falco | Kind::Other => Counters::Statistics,
        }
    }

    /// What it must be told: alerts over `channel`, by way of `socket` or to `url`, and counters
    /// into `file`.
    pub(super) fn arguments(
        &self,
        channel: &Channel,
        socket: &Path,
        url: &str,
        file: &Path,
    ) -> Vec<String> {
        if self.kind == Kind::Other {
            return Vec::new();
        }
        let mut arguments = Vec::new();
        let mut option = |text: String| arguments.extend(["-o".to_owned(), text]);
        option("json_output=true".to_owned());
        option("stdout_output.enabled=false".to_owned());
        option("syslog_output.enabled=false".to_owned());
        match channel {
            Channel::Grpc => {
                option("grpc.enabled=true".to_owned());
                option(format!("grpc.bind_address=unix://{}", socket.display()));
                option("grpc_output.enabled=true".to_owned());
            }
            Channel::Http => {
                option("http_output.enabled=true".to_owned());
                option(format!("http_output.url={url}"));
            }
        }
        if self.kind == Kind::Peregrine || self.is_before(33) {
            option("outputs.rate=1000000000".to_owned());
            option("outputs.max_burst=1000000000".to_owned());
        }
        match self.counters() {
            Counters::Metrics => {
                option("metrics.enabled=true".to_owned());
                option(format!("metrics.interval={INTERVAL_MS}ms"));
                option("metrics.output_rule=false".to_owned());
                // Or counters that are 0 would look like counters that cannot be read.
                option("metrics.include_empty_values=true".to_owned());
                option(format!("metrics.output_file={}", file.display()));
            }
            Counters::Statistics => arguments.extend([
                "-s".to_owned(),
                file.display().to_string(),
                "--stats-interval".to_owned(),
                INTERVAL_MS.to_string(),
            ]),
        }
        arguments
    }
}

/// The first `MAJOR.MINOR` of a text.
fn version_in(text: &str) -> Option<(u32, u32)> {
    text.split(|ch: char| !(ch.is_ascii_digit() || ch == '.'))
        .find_map(|word| {
            let mut parts = word.split('.');
            let major = parts.next()?.parse().ok()?;
            Some((major, parts.next()?.parse().ok()?))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn falco(minor: u32) -> Engine {
        Engine {
            kind: Kind::Falco,
            version: Some((0, minor)),
            says: None,
        }
    }

    #[test]
    fn versions_are_found_in_what_engines_say() {
        let cases = [
            ("Falco version: 0.44.1 (x86_64)", Some((0, 44))),
            ("Falco version: 0.26.2", Some((0, 26))),
            ("peregrine 0.1.0", Some((0, 1))),
            ("no number", None),
        ];
        for (text, version) in cases {
            assert_eq!(version_in(text), version, "{text}");
        }
    }

    #[test]
    fn every_version_is_told_what_it_knows() {
        let told = |engine: &Engine| {
            engine
                .arguments(
                    &engine.channel(),
                    Path::new("/run/s"),
                    "http://127.0.0.1:1",
                    Path::new("/run/f"),
                )
                .join(" ")
        };
        let old = told(&falco(26));
        for part in ["-s /run/f", "grpc.enabled", "outputs.rate", "unix:///run/s"] {
            assert!(old.contains(part), "{part}: {old}");
        }
        let middle = told(&falco(38));
        for part in ["metrics.output_file=/run/f", "grpc.enabled"] {
            assert!(middle.contains(part), "{part}: {middle}");
        }
        let new = told(&falco(44));
        assert!(new.contains("http_output.url=http://127.0.0.1:1"), "{new}");
        assert!(
            !new.contains("grpc") && !new.contains("outputs.rate"),
            "{new}"
        );
        let other = Engine {
            kind: Kind::Other,
            version: None,
            says: None,
        };
        assert_eq!(told(&other), "");
    }

    #[test]
    fn programs_are_known_by_name() {
        assert_eq!(Kind::of_program("/usr/bin/falco"), Kind::Falco);
        assert_eq!(
            Kind::of_program("target/release/peregrine"),
            Kind::Peregrine
        );
        assert_eq!(Kind::of_program("/bin/sh"), Kind::Other);
    }
}
