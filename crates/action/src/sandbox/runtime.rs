//! A container of a real runtime: containerd, through its tool `ctr`.
//!
//! There is no image: the root directory is an empty one into which the runtime mounts an overlay over
//! each directory of the machine's, with upper halves beside it. What is written lies there and goes
//! with it; the runtime's own traces are removed by `ctr run --rm`, by us, or by the janitor.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::cgroup::new_id;
use crate::failure::Failure;
use crate::temp::TempDir;

/// The namespace of containerd in which our containers are.
const NAMESPACE: &str = "event-generator";

/// What a container has of its own.
const OWN: &[&str] = &["dev", "lost+found", "mnt", "proc", "run", "sys", "tmp"];

/// containerd, as it can be asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Containerd {
    /// The tool.
    pub ctr: PathBuf,
    /// The socket of the daemon.
    pub socket: PathBuf,
}

/// A container that is to be made, and is removed when this is dropped.
#[derive(Debug)]
pub(super) struct Container {
    id: String,
    containerd: Containerd,
    mounts: Vec<OsString>,
    // After the container, which uses it.
    dir: TempDir,
}

impl Container {
    /// Makes its root directory.
    pub(super) fn prepare(containerd: &Containerd) -> Result<Self, Failure> {
        let step = "lay out a root directory";
        let dir = TempDir::new()?;
        let root = dir.join("root");
        fs::create_dir(&root).map_err(Failure::at(step))?;
        let mut mounts = Vec::new();
        for entry in fs::read_dir("/").map_err(Failure::at(step))? {
            let entry = entry.map_err(Failure::at(step))?;
            let (name, kind) = (
                entry.file_name(),
                entry.file_type().map_err(Failure::at(step))?,
            );
            let at = root.join(&name);
            if kind.is_symlink() {
                let target = fs::read_link(entry.path()).map_err(Failure::at(step))?;
                std::os::unix::fs::symlink(target, at).map_err(Failure::at(step))?;
            } else if kind.is_dir() {
                fs::create_dir(at).map_err(Failure::at(step))?;
                if name.to_str().is_some_and(|name| !OWN.contains(&name)) {
                    mounts.push(overlay(&entry.path(), &name, dir.path())?);
                }
            }
        }
        let all = fs::Permissions::from_mode(0o1777);
        fs::set_permissions(root.join("tmp"), all).map_err(Failure::at(step))?;
        Ok(Self {
            id: new_id(),
            containerd: containerd.clone(),
            mounts,
            dir,
        })
    }

    /// What a janitor must know to remove it.
    pub(super) fn remains(&self) -> (String, PathBuf) {
        (self.id.clone(), self.dir.path().to_owned())
    }

    /// The first 12 digits of its id, which is what engines print.
    pub(super) fn short_id(&self) -> String {
        self.id.chars().take(12).collect()
    }

    /// Runs `program` in it, with these variables in its environment.
    pub(super) fn command(
        &self,
        privileged: bool,
        variables: &[(&str, OsString)],
        program: &[&std::ffi::OsStr],
    ) -> Command {
        let mut command = tool(&self.containerd);
        command.args(["run", "--rm", "--rootfs"]);
        // Without a parent of the namespace's, which the runtime would leave behind.
        command.arg("--cgroup").arg(format!("/{}", self.id));
        if privileged {
            command.arg("--privileged");
        } else {
            // For the addresses of its own that it contacts.
            command.args(["--cap-add", "CAP_NET_ADMIN"]);
        }
        for (name, value) in variables {
            let mut variable = OsString::from(name);
            variable.push("=");
            variable.push(value);
            command.arg("--env").arg(variable);
        }
        for mount in &self.mounts {
            command.arg("--mount").arg(mount);
        }
        command
            .arg(self.dir.join("root"))
            .arg(&self.id)
            .args(program);
        command
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        remove(&self.containerd, &self.id);
    }
}

/// Ends and removes a container, if it is there.
pub(super) fn remove(containerd: &Containerd, id: &str) {
    for arguments in [
        &["tasks", "rm", "--force", id][..],
        &["containers", "rm", id],
    ] {
        // It is mostly gone already, and then these fail.
        let _ = tool(containerd)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
    }
}

fn tool(containerd: &Containerd) -> Command {
    let mut command = Command::new(&containerd.ctr);
    command.arg("--address").arg(&containerd.socket);
    command.args(["--namespace", NAMESPACE]);
    command
}

/// The mount of an overlay over a directory of the machine's, as `ctr` takes it. Its options are
/// separated by colons.
fn overlay(lower: &Path, name: &std::ffi::OsStr, dir: &Path) -> Result<OsString, Failure> {
    let mut halves = Vec::new();
    for half in ["upper", "work"] {
        let path = dir.join(half).join(name);
        fs::create_dir_all(&path).map_err(Failure::at("lay out a root directory"))?;
        halves.push(path);
    }
    let mut text = OsString::from("type=overlay,src=overlay,dst=");
    for part in [
        lower.as_os_str(),
        ",options=lowerdir=".as_ref(),
        lower.as_os_str(),
        ":upperdir=".as_ref(),
        halves[0].as_os_str(),
        ":workdir=".as_ref(),
        halves[1].as_os_str(),
    ] {
        text.push(part);
    }
    Ok(text)
}
