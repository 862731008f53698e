//! Compiles the kernel programs.
//!
//! First the `event` crate's tables become a C header, so that event codes, record sizes and system
//! call numbers are written down once; then clang compiles `bpf/probe.bpf.c` for the target.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use event::{EventInfo, Syscall};

/// The events of each drop counter, by event name; what is in none of them counts as "other".
const CATEGORIES: [(&str, &[&str]); 7] = [
    ("CLONE_FORK", &["clone", "clone3", "fork", "vfork"]),
    ("EXECVE", &["execve", "execveat"]),
    (
        "OPEN",
        &["open", "openat", "openat2", "creat", "open_by_handle_at"],
    ),
    ("CONNECT", &["connect"]),
    ("CLOSE", &["close"]),
    ("PROC", &["procexit"]),
    (
        "DIR_FILE",
        &[
            "access",
            "chdir",
            "chmod",
            "chown",
            "chroot",
            "dup",
            "dup2",
            "dup3",
            "fchdir",
            "fchmod",
            "fchmodat",
            "fchown",
            "fchownat",
            "fcntl",
            "flock",
            "fstat",
            "getcwd",
            "getdents",
            "getdents64",
            "lchown",
            "link",
            "linkat",
            "lseek",
            "lstat",
            "mkdir",
            "mkdirat",
            "mknod",
            "mknodat",
            "mount",
            "newfstatat",
            "rename",
            "renameat",
            "renameat2",
            "rmdir",
            "stat",
            "symlink",
            "symlinkat",
            "umount",
            "umount2",
            "unlink",
            "unlinkat",
        ],
    ),
];

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    // Both architectures' headers, so that a test can compile the programs for the other one, too.
    for arch in ["x86_64", "aarch64"] {
        let folder = out.join(arch);
        fs::create_dir_all(&folder).expect("the output folder can be written");
        fs::write(folder.join("events.h"), header(arch)).expect("the output folder can be written");
    }
    compile(
        &out,
        &env::var("CARGO_CFG_TARGET_ARCH").expect("cargo sets it"),
    );
}

fn header(arch: &str) -> String {
    let mut text = String::from("// Generated from the event table.\n#pragma once\n\n");
    for event in event::events().iter().filter(|event| !event.is_unused()) {
        let EventInfo { ident, name, .. } = event;
        let category = CATEGORIES
            .iter()
            .find(|(_, names)| names.contains(name))
            .map_or("OTHER", |(category, _)| category);
        text += &format!("#define EVENT_{ident} {}\n", event.event_type.0);
        text += &format!("#define PARAMS_{ident} {}\n", event.params.len());
        text += &format!("#define CATEGORY_OF_{ident} CATEGORY_{category}\n");
        let sizes: Option<Vec<usize>> = event
            .params
            .iter()
            .map(|param| param.ty.wire_size())
            .collect();
        if let Some(sizes) = sizes {
            let lengths = 2 * sizes.len();
            let size = event::HEADER_LEN + lengths + sizes.iter().sum::<usize>();
            text += &format!("#define SIZE_{ident} {size}\n");
        }
    }
    for (name, value) in event::constants() {
        text += &format!("#define {name} {value}LL\n");
    }
    let native = |syscall: &Syscall| match arch {
        "aarch64" => syscall.aarch64,
        _ => syscall.x86_64,
    };
    let mut codes = String::new();
    let mut ia32 = [u16::MAX; 512];
    for syscall in Syscall::all() {
        let upper = syscall.name.to_uppercase();
        text += &format!("#define SC_{upper} {}\n", syscall.code.0);
        let Some(number) = native(syscall) else {
            continue;
        };
        text += &format!("#define NR_{upper} {number}\n");
        codes += &format!("[{number}] = {}, ", syscall.code.0);
        for &old in syscall.ia32 {
            ia32[usize::from(old)] = number;
        }
    }
    text += &format!("\nTABLE u16 sc_of_native[512] = {{{codes}}};\n");
    if arch == "x86_64" {
        let numbers: Vec<String> = ia32.iter().map(u16::to_string).collect();
        let numbers = numbers.join(", ");
        text += "// 65535: there is no such call on x86-64.\n";
        text += &format!("TABLE u16 native_of_ia32[512] = {{{numbers}}};\n");
    }
    text
}

fn compile(out: &Path, arch: &str) {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=bpf");
    println!("cargo::rerun-if-env-changed=CLANG");
    println!("cargo::rerun-if-env-changed=LLVM_STRIP");
    let target = match arch {
        "x86_64" => "x86",
        "aarch64" => "arm64",
        other => panic!("the probe is written for x86_64 and aarch64, not for {other}"),
    };
    let headers = env::var("DEP_BPF_INCLUDE").expect("libbpf-sys says where its headers are");
    println!("cargo::rustc-env=PROBE_LIBBPF_HEADERS={headers}");
    let clang = env::var("CLANG").unwrap_or_else(|_| "clang".into());
    let object = out.join("probe.bpf.o");
    let mut command = Command::new(&clang);
    command
        .args([
            "-target",
            "bpf",
            "-mcpu=v3",
            "-O2",
            "-g",
            "-std=gnu11",
            "-nostdinc",
        ])
        .args([
            "-Wall",
            "-Wextra",
            "-Werror",
            "-Wno-unused-parameter",
            "-Wno-sign-compare",
        ])
        .arg(format!("-D__TARGET_ARCH_{target}"))
        .args(["-I", "bpf"])
        .arg("-I")
        .arg(out.join(arch))
        .args(["-idirafter", &headers])
        .args(["-c", "bpf/probe.bpf.c", "-o"])
        .arg(&object);
    if env::var_os("CARGO_FEATURE_PROBE_READS").is_some() {
        command.arg("-DPROBE_READS");
    }
    let status = command.status().unwrap_or_else(|err| {
        panic!("failed to run `{clang}`, which compiles the kernel programs: {err}")
    });
    assert!(status.success(), "clang could not compile bpf/probe.bpf.c");
    // What is left after this, BTF, is a tenth of it. Without the tool the program is just larger.
    let strip = env::var("LLVM_STRIP").unwrap_or_else(|_| "llvm-strip".into());
    let _ = Command::new(strip).arg("-g").arg(&object).status();
}
