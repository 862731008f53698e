//! Capabilities in the text form of `cap_from_text(3)`.

use serde::{Deserialize, Serialize};

/// Names without `cap_`, by number in the kernel's headers.
const NAMES: [&str; 41] = [
    "chown",
    "dac_override",
    "dac_read_search",
    "fowner",
    "fsetid",
    "kill",
    "setgid",
    "setuid",
    "setpcap",
    "linux_immutable",
    "net_bind_service",
    "net_broadcast",
    "net_admin",
    "net_raw",
    "ipc_lock",
    "ipc_owner",
    "sys_module",
    "sys_rawio",
    "sys_chroot",
    "sys_ptrace",
    "sys_pacct",
    "sys_admin",
    "sys_boot",
    "sys_nice",
    "sys_resource",
    "sys_time",
    "sys_tty_config",
    "mknod",
    "lease",
    "audit_write",
    "audit_control",
    "setfcap",
    "mac_override",
    "mac_admin",
    "syslog",
    "wake_alarm",
    "block_suspend",
    "audit_read",
    "perfmon",
    "bpf",
    "checkpoint_restore",
];

/// The three sets of a process, a bit for each capability.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Capabilities {
    /// What it may use now.
    pub effective: u64,
    /// What it may make effective.
    pub permitted: u64,
    /// What it may hand on.
    pub inheritable: u64,
}

/// The name of a capability by its number, as `cap_chown`; its number when it has no name.
pub fn name(number: u32) -> String {
    match NAMES.get(number as usize) {
        Some(name) => format!("cap_{name}"),
        None => format!("cap_{number}"),
    }
}

impl Capabilities {
    /// Reads clauses such as `cap_net_admin,cap_chown=ep` or `all=iep cap_bpf-e`.
    ///
    /// # Errors
    /// What is wrong, as a fragment.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut sets = Self::default();
        let mut any = false;
        for clause in text.split_whitespace() {
            any = true;
            let at = clause.find(['=', '+', '-']).ok_or_else(|| {
                format!("`{clause}` has no `=`, `+` or `-` with sets (e, i, p) behind it")
            })?;
            let mask = mask(&clause[..at])?;
            let mut operator = '=';
            let mut letters = String::new();
            let mut actions = Vec::new();
            for c in clause[at..].chars() {
                match c {
                    '=' | '+' | '-' => {
                        if !actions.is_empty() || !letters.is_empty() {
                            actions.push((operator, std::mem::take(&mut letters)));
                        }
                        operator = c;
                    }
                    'e' | 'i' | 'p' => letters.push(c),
                    other => {
                        return Err(format!("`{other}` is no set; the sets are e, i and p"));
                    }
                }
            }
            actions.push((operator, letters));
            for (operator, letters) in actions {
                sets.apply(mask, operator, &letters);
            }
        }
        if any {
            Ok(sets)
        } else {
            Err("no capability is named".to_owned())
        }
    }

    fn apply(&mut self, mask: u64, operator: char, letters: &str) {
        for (letter, set) in [
            ('e', &mut self.effective),
            ('p', &mut self.permitted),
            ('i', &mut self.inheritable),
        ] {
            let named = letters.contains(letter);
            match operator {
                '=' => *set = *set & !mask | if named { mask } else { 0 },
                '+' if named => *set |= mask,
                '-' if named => *set &= !mask,
                _ => {}
            }
        }
    }
}

/// The bits of `all`, of nothing (which means all), or of names with commas between them.
fn mask(names: &str) -> Result<u64, String> {
    let all = (1 << NAMES.len()) - 1;
    if names.is_empty() || names.eq_ignore_ascii_case("all") {
        return Ok(all);
    }
    names.split(',').try_fold(0, |mask, name| {
        let lower = name.trim().to_ascii_lowercase();
        let bare = lower.strip_prefix("cap_").unwrap_or(&lower);
        match NAMES.iter().position(|known| *known == bare) {
            Some(number) => Ok(mask | 1 << number),
            None => Err(match suggest::nearest(bare, NAMES) {
                Some(near) => format!("`{name}` is no capability; did you mean `cap_{near}`?"),
                None => format!("`{name}` is no capability"),
            }),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clauses_are_read_from_left_to_right() {
        let sets = Capabilities::parse("cap_net_admin,cap_chown=ep").unwrap();
        assert_eq!(sets.effective, 1 << 12 | 1);
        assert_eq!(sets.permitted, sets.effective);
        assert_eq!(sets.inheritable, 0);
        let all = Capabilities::parse("all=iep").unwrap();
        assert_eq!(all.effective, (1 << 41) - 1);
        assert_eq!(all, Capabilities::parse("=eip").unwrap());
        let less = Capabilities::parse("all=ep cap_bpf-e").unwrap();
        assert_eq!(less.effective, all.effective & !(1 << 39));
        assert_eq!(less.permitted, all.permitted);
        assert_eq!(
            Capabilities::parse("all=").unwrap(),
            Capabilities::default()
        );
    }

    #[test]
    fn errors_say_what_is_wrong() {
        let error = |text| Capabilities::parse(text).unwrap_err();
        assert!(error("cap_chwon=ep").contains("did you mean `cap_chown`"));
        assert!(error("cap_chown").contains("no `=`"));
        assert!(error("all=x").contains("no set"));
        assert!(error("").contains("no capability"));
    }
}
