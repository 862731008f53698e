//! Versions of the engine and of plugins, and what rules files require of them.

use std::fmt;

/// A version of three numbers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Version {
    /// Changes that break.
    pub major: u32,
    /// Changes that add.
    pub minor: u32,
    /// Changes that repair.
    pub patch: u32,
}

impl Version {
    /// What the engine here understands: everything that a rules file can ask of engine 0.62.0,
    /// the one of Falco 0.44.1.
    pub const ENGINE: Self = Self::new(0, 62, 0);

    /// The version of the container fields that are built in here, which stand in for the plugin
    /// of that name.
    pub const CONTAINER: Self = Self::new(0, 7, 0);

    /// A version from its numbers.
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self {
            major,
            minor,
            patch,
        }
    }

    /// Reads `1.2.3`; a suffix such as `-rc1` or `+build` is left out.
    pub fn parse(text: &str) -> Option<Self> {
        let core = text.trim().split(['-', '+']).next()?;
        let mut parts = core.split('.');
        let mut number = || {
            let part = parts.next()?;
            let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| part.parse().ok()).flatten()
        };
        let version = Self::new(number()?, number()?, number()?);
        parts.next().is_none().then_some(version)
    }

    /// Reads the version of an engine: a full version, or the minor number alone.
    pub fn parse_engine(text: &str) -> Option<Self> {
        match text.trim().parse::<u32>() {
            Ok(minor) => Some(Self::new(0, minor, 0)),
            Err(_) => Self::parse(text),
        }
    }

    /// Whether this version does for somebody who requires `required`: the same major number, and
    /// not older.
    pub fn satisfies(self, required: Self) -> bool {
        self.major == required.major && self >= required
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// A plugin that rules may require.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PluginVersion {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: Version,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_required_version_needs_the_same_major_number() {
        let of = |text| Version::parse_engine(text);
        assert_eq!(of("26"), Some(Version::new(0, 26, 0)));
        assert_eq!(of("0.57.0"), Some(Version::new(0, 57, 0)));
        assert_eq!(of("0.4.0-rc1"), Some(Version::new(0, 4, 0)));
        assert_eq!(of("1.2"), None);
        assert_eq!(of("1.2.x"), None);
        assert!(Version::ENGINE.satisfies(Version::new(0, 57, 3)));
        assert!(Version::ENGINE.satisfies(Version::ENGINE));
        assert!(!Version::ENGINE.satisfies(Version::new(0, 63, 0)));
        assert!(!Version::ENGINE.satisfies(Version::new(1, 0, 0)));
    }
}
