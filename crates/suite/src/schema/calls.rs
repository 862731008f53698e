//! The system calls that a step can make.

use super::names::{
    AT, DUP, FAMILY, MEMFD, MESSAGE, MODULE, MOUNT, NAMESPACE, OPEN, PROTOCOL, PTRACE, RENAME,
    RESOLVE, SIGNAL, SOCKET,
};
use super::{Call, Key, Object, Presence, Shape, Variant};

/// What goes into one register.
#[derive(Debug)]
pub enum Register {
    /// An argument: its number, or where its bytes are. Nothing given is 0.
    Argument(&'static str),
    /// How many bytes an argument has.
    LengthOf(&'static str),
    /// An argument; when it is not given, how many bytes another one has.
    LengthOr(&'static str, &'static str),
    /// Always the same.
    Constant(i64),
}

/// How the effect of a call is taken back when the test ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Undo {
    /// There is nothing to take back.
    Nothing,
    /// The descriptor that was returned is closed.
    Close,
    /// The same, and the file is removed if it was not there before.
    CloseAndRemove {
        /// The argument with the directory, if the path may be relative to one.
        dir: Option<&'static str>,
        /// The argument with the path.
        path: &'static str,
    },
    /// What was made at a path is removed.
    Remove {
        /// The argument with the directory, if the path may be relative to one.
        dir: Option<&'static str>,
        /// The argument with the path.
        path: &'static str,
    },
    /// A file gets its old name again.
    RenameBack {
        /// The arguments with the directories of the old and the new name, if there are any.
        dirs: Option<(&'static str, &'static str)>,
    },
    /// What was mounted is unmounted.
    Unmount {
        /// The argument with the mount point.
        path: &'static str,
    },
}

use Presence::{Default, Optional, Required};
use Register::{Argument, Constant, LengthOf, LengthOr};
use Shape::{Address, Bytes, CString, Choice, Descriptor, Flags, Mode, Number, Strings, Texts};

const fn key(name: &'static str, shape: Shape, presence: Presence, does: &'static str) -> Key {
    Key {
        name,
        shape,
        presence,
        does,
        ours: false,
    }
}

const AT_CWD: Presence = Default("AT_FDCWD");
const ZERO: Presence = Default("0");
const BUFFER_LENGTH: Presence = Optional("the length of the buffer");
const DIR_FD: Key = key(
    "dirFd",
    Descriptor,
    AT_CWD,
    "The directory that a relative path starts from.",
);
const OLD_DIR_FD: Key = key(
    "oldDirFd",
    Descriptor,
    AT_CWD,
    "The directory that a relative old path starts from.",
);
const NEW_DIR_FD: Key = key(
    "newDirFd",
    Descriptor,
    AT_CWD,
    "The directory that a relative new path starts from.",
);
const PATHNAME: Key = key("pathname", CString, Required, "The path.");
const OLD_PATH: Key = key("oldPath", CString, Required, "The path that is there.");
const NEW_PATH: Key = key("newPath", CString, Required, "The path that comes to be.");
const TARGET: Key = key("target", CString, Required, "What the link says.");
const LINK_PATH: Key = key("linkPath", CString, Required, "The path of the link.");
const OPEN_FLAGS: Key = key("flags", Flags(&OPEN), Required, "How to open it.");
const MODE: Key = key(
    "mode",
    Mode,
    ZERO,
    "The permissions of a file that is made.",
);
const NEW_MODE: Key = key("mode", Mode, Required, "The permissions.");
const FD: Key = key("fd", Descriptor, Required, "The descriptor.");
const AT_FLAGS: Key = key("flags", Flags(&AT), ZERO, "How the path is meant.");
const OWNER: Key = key(
    "owner",
    Number,
    Required,
    "The user, a number; -1 keeps it.",
);
const GROUP: Key = key(
    "group",
    Number,
    Required,
    "The group, a number; -1 keeps it.",
);
const PARAMETERS: Key = key(
    "paramValues",
    CString,
    Default(""),
    "Parameters of the module: names with values, blanks between them.",
);

const fn at(dir: &'static str, path: &'static str) -> Undo {
    Undo::Remove {
        dir: Some(dir),
        path,
    }
}

const fn here(path: &'static str) -> Undo {
    Undo::Remove { dir: None, path }
}

macro_rules! call {
    ($name:literal, $ours:literal, $does:literal, [$($key:expr),* $(,)?], [$($register:expr),* $(,)?], $undo:expr, $exposes:expr) => {
        Variant {
            name: $name,
            does: $does,
            ours: $ours,
            object: Object {
                keys: &[
                    Key {
                        name: "args",
                        shape: Shape::Object(&Object { keys: &[$($key),*], variants: None }),
                        presence: Required,
                        does: "The arguments of the call.",
                        ours: false,
                    },
                ],
                variants: None,
            },
            exposes: $exposes,
            call: Some(Call { registers: &[$($register),*], undo: $undo }),
        }
    };
}

/// What opening returns.
const RET: &[&str] = &["ret"];

/// Every system call, in the order in which they are explained.
pub static CALLS: &[Variant] = &[
    call!(
        "write",
        false,
        "Writes to a descriptor.",
        [
            FD,
            key("buffer", Bytes, Required, "What to write."),
            key("len", Number, BUFFER_LENGTH, "How much of it.")
        ],
        [
            Argument("fd"),
            Argument("buffer"),
            LengthOr("len", "buffer")
        ],
        Undo::Nothing,
        RET
    ),
    call!(
        "read",
        false,
        "Reads from a descriptor.",
        [
            FD,
            key(
                "buffer",
                Bytes,
                Optional("as many bytes as `len` says"),
                "Where to read to; only its length matters."
            ),
            key(
                "len",
                Number,
                BUFFER_LENGTH,
                "How much to read; this or `buffer` is needed."
            )
        ],
        [
            Argument("fd"),
            Argument("buffer"),
            LengthOr("len", "buffer")
        ],
        Undo::Nothing,
        RET
    ),
    call!(
        "open",
        false,
        "Opens a file.",
        [PATHNAME, OPEN_FLAGS, MODE],
        [Argument("pathname"), Argument("flags"), Argument("mode")],
        Undo::CloseAndRemove {
            dir: None,
            path: "pathname"
        },
        RET
    ),
    call!(
        "openat",
        false,
        "Opens a file, from a directory.",
        [DIR_FD, PATHNAME, OPEN_FLAGS, MODE],
        [
            Argument("dirFd"),
            Argument("pathname"),
            Argument("flags"),
            Argument("mode")
        ],
        Undo::CloseAndRemove {
            dir: Some("dirFd"),
            path: "pathname"
        },
        RET
    ),
    call!(
        "openat2",
        false,
        "Opens a file, from a directory, with a say in how the path is resolved.",
        [
            DIR_FD,
            PATHNAME,
            key(
                "how",
                Shape::Object(&Object {
                    keys: &[
                        OPEN_FLAGS,
                        MODE,
                        key(
                            "resolve",
                            Flags(&RESOLVE),
                            ZERO,
                            "How the path is resolved."
                        )
                    ],
                    variants: None
                }),
                Required,
                "How to open it."
            )
        ],
        [
            Argument("dirFd"),
            Argument("pathname"),
            Argument("how"),
            LengthOf("how")
        ],
        Undo::CloseAndRemove {
            dir: Some("dirFd"),
            path: "pathname"
        },
        RET
    ),
    call!(
        "symlink",
        false,
        "Makes a symbolic link; it is removed at the end.",
        [TARGET, LINK_PATH],
        [Argument("target"), Argument("linkPath")],
        here("linkPath"),
        &[]
    ),
    call!(
        "symlinkat",
        false,
        "Makes a symbolic link in a directory; it is removed at the end.",
        [TARGET, NEW_DIR_FD, LINK_PATH],
        [
            Argument("target"),
            Argument("newDirFd"),
            Argument("linkPath")
        ],
        at("newDirFd", "linkPath"),
        &[]
    ),
    call!(
        "link",
        false,
        "Gives a file another name, which is removed at the end.",
        [OLD_PATH, NEW_PATH],
        [Argument("oldPath"), Argument("newPath")],
        here("newPath"),
        &[]
    ),
    call!(
        "linkat",
        false,
        "Gives a file another name in a directory; it is removed at the end.",
        [OLD_DIR_FD, OLD_PATH, NEW_DIR_FD, NEW_PATH, AT_FLAGS],
        [
            Argument("oldDirFd"),
            Argument("oldPath"),
            Argument("newDirFd"),
            Argument("newPath"),
            Argument("flags")
        ],
        at("newDirFd", "newPath"),
        &[]
    ),
    call!(
        "init_module",
        false,
        "Loads a kernel module from memory.",
        [
            key("moduleImage", Bytes, Required, "The module."),
            PARAMETERS
        ],
        [
            Argument("moduleImage"),
            LengthOf("moduleImage"),
            Argument("paramValues")
        ],
        Undo::Nothing,
        &[]
    ),
    call!(
        "finit_module",
        false,
        "Loads a kernel module from a file.",
        [
            FD,
            PARAMETERS,
            key("flags", Flags(&MODULE), ZERO, "What not to check.")
        ],
        [Argument("fd"), Argument("paramValues"), Argument("flags")],
        Undo::Nothing,
        &[]
    ),
    call!(
        "dup",
        false,
        "Duplicates a descriptor.",
        [key("oldFd", Descriptor, Required, "The descriptor.")],
        [Argument("oldFd")],
        Undo::Close,
        RET
    ),
    call!(
        "dup2",
        false,
        "Duplicates a descriptor onto another.",
        [
            key("oldFd", Descriptor, Required, "The descriptor."),
            key("newFd", Descriptor, Required, "Its other number.")
        ],
        [Argument("oldFd"), Argument("newFd")],
        Undo::Nothing,
        RET
    ),
    call!(
        "dup3",
        false,
        "Duplicates a descriptor onto another, with flags.",
        [
            key("oldFd", Descriptor, Required, "The descriptor."),
            key("newFd", Descriptor, Required, "Its other number."),
            key(
                "flags",
                Flags(&DUP),
                ZERO,
                "Whether it stays open in programs that are executed."
            )
        ],
        [Argument("oldFd"), Argument("newFd"), Argument("flags")],
        Undo::Nothing,
        RET
    ),
    call!(
        "connect",
        false,
        "Connects a socket.",
        [FD, key("address", Address, Required, "Where to.")],
        [Argument("fd"), Argument("address"), LengthOf("address")],
        Undo::Nothing,
        &[]
    ),
    call!(
        "socket",
        false,
        "Makes a socket.",
        [
            key(
                "domain",
                Choice(&FAMILY),
                Required,
                "Which addresses it has."
            ),
            key("type", Flags(&SOCKET), Required, "How it carries data."),
            key("protocol", Choice(&PROTOCOL), ZERO, "Which protocol.")
        ],
        [Argument("domain"), Argument("type"), Argument("protocol")],
        Undo::Close,
        RET
    ),
    call!(
        "sendto",
        false,
        "Sends from a socket to an address.",
        [
            FD,
            key("buf", Bytes, Required, "What to send."),
            key("len", Number, BUFFER_LENGTH, "How much of it."),
            key("flags", Flags(&MESSAGE), ZERO, "How to send it."),
            key(
                "destAddr",
                Address,
                Optional("where the socket is connected to"),
                "Where to."
            )
        ],
        [
            Argument("fd"),
            Argument("buf"),
            LengthOr("len", "buf"),
            Argument("flags"),
            Argument("destAddr"),
            LengthOf("destAddr")
        ],
        Undo::Nothing,
        &[]
    ),
    call!(
        "kill",
        false,
        "Sends a signal, only to processes of the test: `pid` is a binding; a number is taken with signal 0 alone.",
        [
            key(
                "pid",
                Number,
                Required,
                "The process, usually `${resource.pid}`."
            ),
            key("sig", Choice(&SIGNAL), Required, "The signal.")
        ],
        [Argument("pid"), Argument("sig")],
        Undo::Nothing,
        &[]
    ),
    call!(
        "execve",
        true,
        "Executes a program in a child of the process, and waits for its end; `ret` is its exit code.",
        [
            PATHNAME,
            key(
                "argv",
                Strings,
                Optional("the path alone"),
                "The arguments, the name of the program first."
            ),
            key(
                "env",
                Texts,
                Optional("that of the process"),
                "Variables besides those of the process."
            )
        ],
        [],
        Undo::Nothing,
        RET
    ),
    call!(
        "ptrace",
        true,
        "Observes another process.",
        [
            key("request", Choice(&PTRACE), Required, "What is asked."),
            key("pid", Number, ZERO, "The process."),
            key("addr", Number, ZERO, "An address in it."),
            key("data", Number, ZERO, "A value.")
        ],
        [
            Argument("request"),
            Argument("pid"),
            Argument("addr"),
            Argument("data")
        ],
        Undo::Nothing,
        &[]
    ),
    call!(
        "mount",
        true,
        "Mounts a file system in the private mount namespace of the test.",
        [
            key(
                "source",
                CString,
                Optional("none"),
                "The device or directory."
            ),
            key("target", CString, Required, "Where."),
            key(
                "fsType",
                CString,
                Optional("none"),
                "The kind of file system."
            ),
            key("flags", Flags(&MOUNT), ZERO, "How."),
            key(
                "data",
                CString,
                Optional("none"),
                "Options of the file system."
            )
        ],
        [
            Argument("source"),
            Argument("target"),
            Argument("fsType"),
            Argument("flags"),
            Argument("data")
        ],
        Undo::Unmount { path: "target" },
        &[]
    ),
    call!(
        "unlink",
        true,
        "Removes a name of a file.",
        [PATHNAME],
        [Argument("pathname")],
        Undo::Nothing,
        &[]
    ),
    call!(
        "unlinkat",
        true,
        "Removes a name of a file or an empty directory.",
        [DIR_FD, PATHNAME, AT_FLAGS],
        [Argument("dirFd"), Argument("pathname"), Argument("flags")],
        Undo::Nothing,
        &[]
    ),
    call!(
        "rename",
        true,
        "Renames a file.",
        [OLD_PATH, NEW_PATH],
        [Argument("oldPath"), Argument("newPath")],
        Undo::RenameBack { dirs: None },
        &[]
    ),
    call!(
        "renameat2",
        true,
        "Renames a file, from and to directories.",
        [
            OLD_DIR_FD,
            OLD_PATH,
            NEW_DIR_FD,
            NEW_PATH,
            key(
                "flags",
                Flags(&RENAME),
                ZERO,
                "What if the new name is taken."
            )
        ],
        [
            Argument("oldDirFd"),
            Argument("oldPath"),
            Argument("newDirFd"),
            Argument("newPath"),
            Argument("flags")
        ],
        Undo::RenameBack {
            dirs: Some(("oldDirFd", "newDirFd"))
        },
        &[]
    ),
    call!(
        "chmod",
        true,
        "Changes permissions.",
        [PATHNAME, NEW_MODE],
        [Argument("pathname"), Argument("mode")],
        Undo::Nothing,
        &[]
    ),
    call!(
        "fchmodat",
        true,
        "Changes permissions, from a directory.",
        [DIR_FD, PATHNAME, NEW_MODE],
        [Argument("dirFd"), Argument("pathname"), Argument("mode")],
        Undo::Nothing,
        &[]
    ),
    call!(
        "chown",
        true,
        "Changes the owner.",
        [PATHNAME, OWNER, GROUP],
        [Argument("pathname"), Argument("owner"), Argument("group")],
        Undo::Nothing,
        &[]
    ),
    call!(
        "fchownat",
        true,
        "Changes the owner, from a directory.",
        [DIR_FD, PATHNAME, OWNER, GROUP, AT_FLAGS],
        [
            Argument("dirFd"),
            Argument("pathname"),
            Argument("owner"),
            Argument("group"),
            Argument("flags")
        ],
        Undo::Nothing,
        &[]
    ),
    call!(
        "setuid",
        true,
        "Becomes another user; later steps run as that one.",
        [key("uid", Number, Required, "The user, a number.")],
        [Argument("uid")],
        Undo::Nothing,
        &[]
    ),
    call!(
        "unshare",
        true,
        "Moves the process into namespaces of its own.",
        [key("flags", Flags(&NAMESPACE), Required, "Which.")],
        [Argument("flags")],
        Undo::Nothing,
        &[]
    ),
    call!(
        "setns",
        true,
        "Moves the process into a namespace that is there.",
        [
            FD,
            key(
                "nsType",
                Flags(&NAMESPACE),
                ZERO,
                "Of which kind it has to be."
            )
        ],
        [Argument("fd"), Argument("nsType")],
        Undo::Nothing,
        &[]
    ),
    call!(
        "memfd_create",
        true,
        "Makes a file that has no path.",
        [
            key("fileName", CString, Required, "What it is called."),
            key("flags", Flags(&MEMFD), ZERO, "How.")
        ],
        [Argument("fileName"), Argument("flags")],
        Undo::Close,
        RET
    ),
    call!(
        "mkdir",
        true,
        "Makes a directory; it is removed at the end.",
        [
            PATHNAME,
            key("mode", Mode, Default("0755"), "Its permissions.")
        ],
        [Argument("pathname"), Argument("mode")],
        here("pathname"),
        &[]
    ),
    call!(
        "mkdirat",
        true,
        "Makes a directory in a directory; it is removed at the end.",
        [
            DIR_FD,
            PATHNAME,
            key("mode", Mode, Default("0755"), "Its permissions.")
        ],
        [Argument("dirFd"), Argument("pathname"), Argument("mode")],
        at("dirFd", "pathname"),
        &[]
    ),
    call!(
        "close",
        true,
        "Closes a descriptor.",
        [FD],
        [Argument("fd")],
        Undo::Nothing,
        &[]
    ),
    call!(
        "bind",
        true,
        "Gives a socket an address of its own.",
        [FD, key("address", Address, Required, "The address.")],
        [Argument("fd"), Argument("address"), LengthOf("address")],
        Undo::Nothing,
        &[]
    ),
    call!(
        "listen",
        true,
        "Lets a socket take connections.",
        [
            FD,
            key("backlog", Number, Default("1"), "How many may wait.")
        ],
        [Argument("fd"), Argument("backlog"), Constant(0)],
        Undo::Nothing,
        &[]
    ),
];
