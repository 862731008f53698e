//! Actions of our own, for rules that the original has no action for. They run with `--all`.

use crate::action::{Action, How, Maturity, Need, Spawn, Suitability};
use crate::acts::{kernel, puppets};
use crate::context::Capability;

pub(super) const ACTIONS: &[Action] = &[
    Action {
        name: "syscall.ContactK8SAPIServerFromContainer",
        rule: Some("Contact K8S API Server From Container"),
        maturity: Maturity::Stable,
        enabled: false,
        does: "Connects to the address that Kubernetes gives to the API server, which is its own, in a network nobody else is in.",
        needs: &[Need::Container, Need::PrivateNetwork],
        writes: &["/tmp"],
        contacts: Some("10.96.0.1:443"),
        suitability: Suitability::OnRequest,
        mitre: &["mitre_discovery", "T1565"],
        spawns: Some(Spawn {
            name: "event-generator",
            role: "connect-kubernetes",
        }),
        addition: true,
        how: How::By(puppets::kubernetes),
    },
    Action {
        name: "syscall.LinuxKernelModuleInjectionDetected",
        rule: Some("Linux Kernel Module Injection Detected"),
        maturity: Maturity::Stable,
        enabled: false,
        does: "Asks the kernel to load an empty file as a module, which is refused.",
        needs: &[
            Need::Container,
            Need::Root,
            Need::Capability(Capability::SysModule),
        ],
        writes: &[],
        contacts: None,
        suitability: Suitability::InProcess,
        mitre: &["mitre_persistence", "TA0003"],
        spawns: None,
        addition: true,
        how: How::By(kernel::load_module),
    },
    Action {
        name: "syscall.RedirectSTDOUTSTDINToNetworkConnectionInContainer",
        rule: Some("Redirect STDOUT/STDIN to Network Connection in Container"),
        maturity: Maturity::Stable,
        enabled: false,
        does: "Connects to an address of its own, in a network nobody else is in, and puts the connection in the place of its standard error.",
        needs: &[Need::Container, Need::PrivateNetwork],
        writes: &["/tmp"],
        contacts: Some("203.0.113.1:443"),
        suitability: Suitability::OnRequest,
        mitre: &["mitre_execution", "T1059"],
        spawns: Some(Spawn {
            name: "event-generator",
            role: "redirect",
        }),
        addition: true,
        how: How::By(puppets::redirect),
    },
    Action {
        name: "syscall.TerminalShellInContainer",
        rule: Some("Terminal shell in container"),
        maturity: Maturity::Stable,
        enabled: false,
        does: "A stand-in called runc makes a terminal of its own and starts a shell in it that runs ls.",
        needs: &[Need::Container, Need::Tool("sh")],
        writes: &["/tmp"],
        contacts: None,
        suitability: Suitability::Process,
        mitre: &["mitre_execution", "T1059"],
        spawns: Some(Spawn {
            name: "runc",
            role: "terminal-shell",
        }),
        addition: true,
        how: How::By(puppets::terminal_shell),
    },
];
