//! Whose an alert is.
//!
//! Every process of an action has its token in the environment. An engine that is told to add fields to
//! its alerts says enough: `proc.env[EVENT_GENERATOR_TOKEN]` settles it, `proc.env` and `proc.aenv` do
//! where they are whole, `proc.pid`, `proc.ppid` and `proc.apid[…]` where they reach up to the process
//! that was started, `container.id` where the action had a container of its own.

use std::collections::BTreeMap;

use action::sandbox::TOKEN;

/// What is known of the processes of an action.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Subject {
    /// What is in their environment.
    pub(super) token: String,
    /// The first of them.
    pub(super) pid: u32,
    /// The first 12 digits of the id of their container, if they had one to themselves.
    pub(super) container: Option<String>,
}

/// Whether an alert is about the processes of an action.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Belongs {
    No,
    /// The alert does not say.
    Unknown,
    Yes,
}

impl Subject {
    /// Judges by what an alert says.
    pub(super) fn owns(&self, fields: &BTreeMap<String, String>) -> Belongs {
        let mut verdict = Belongs::Unknown;
        for (name, value) in fields {
            match self.judge(name, value) {
                Belongs::Yes => return Belongs::Yes,
                Belongs::No => verdict = Belongs::No,
                Belongs::Unknown => {}
            }
        }
        verdict
    }

    fn judge(&self, name: &str, value: &str) -> Belongs {
        // Whether silence means that it is somebody else's.
        let (ours, settles) = if name == format!("proc.env[{TOKEN}]") {
            (value == self.token, true)
        } else if name == "proc.env" || name.starts_with("proc.aenv") {
            let told = value.contains(&self.token);
            // Another's token, or an environment without one that may have been cut.
            (told, name == "proc.env" && value.contains(TOKEN))
        } else if name == "container.id" {
            match &self.container {
                // Engines that print the whole id print ours at its beginning.
                Some(id) => (value.starts_with(id.as_str()), true),
                None => (false, false),
            }
        } else if matches!(name, "proc.pid" | "proc.ppid") || name.starts_with("proc.apid") {
            // A farther descendant has neither: other fields may say.
            (value == self.pid.to_string(), false)
        } else {
            return Belongs::Unknown;
        };
        match (ours, settles) {
            (true, _) => Belongs::Yes,
            (false, true) => Belongs::No,
            (false, false) => Belongs::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_tell_whose_an_alert_is() {
        use Belongs::{No, Unknown, Yes};
        let subject = Subject {
            token: "eg-7-a-1x".to_owned(),
            pid: 42,
            container: Some("0123456789ab".to_owned()),
        };
        let host = Subject {
            container: None,
            ..subject.clone()
        };
        let env = "proc.env[EVENT_GENERATOR_TOKEN]";
        for (name, value, in_container, on_host) in [
            (env, "eg-7-a-1x", Yes, Yes),
            (env, "eg-7-a-11x", No, No),
            (env, "<NA>", No, No),
            (
                "proc.env",
                "A=1 EVENT_GENERATOR_TOKEN=eg-7-a-1x B=2",
                Yes,
                Yes,
            ),
            ("proc.env", "EVENT_GENERATOR_TOKEN=eg-7-a-2x", No, No),
            ("proc.env", "A=1", Unknown, Unknown),
            ("proc.aenv[1]", "EVENT_GENERATOR_TOKEN=eg-7-a-1x", Yes, Yes),
            ("proc.aenv[1]", "A=1", Unknown, Unknown),
            ("proc.pid", "42", Yes, Yes),
            ("proc.pid", "43", Unknown, Unknown),
            ("proc.ppid", "42", Yes, Yes),
            ("proc.apid[2]", "42", Yes, Yes),
            ("container.id", "0123456789ab", Yes, Unknown),
            ("container.id", "host", No, Unknown),
            ("proc.name", "42", Unknown, Unknown),
        ] {
            let fields = BTreeMap::from([(name.to_owned(), value.to_owned())]);
            assert_eq!(subject.owns(&fields), in_container, "{name}={value}");
            assert_eq!(host.owns(&fields), on_host, "{name}={value}");
        }
        let fields = [
            ("proc.pid", "43"),
            (env, "eg-7-a-1x"),
            ("container.id", "x"),
        ];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(subject.owns(&BTreeMap::from(fields)), Yes);
        assert_eq!(subject.owns(&BTreeMap::new()), Unknown);
    }
}
