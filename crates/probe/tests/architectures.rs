//! The kernel programs compile for both architectures, whichever this one is.

use std::path::Path;
use std::process::Command;

#[test]
fn the_programs_compile_for_both_architectures() {
    let clang = std::env::var("CLANG").unwrap_or_else(|_| "clang".into());
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("bpf");
    let out = Path::new(env!("OUT_DIR"));
    for (arch, target) in [("x86_64", "x86"), ("aarch64", "arm64")] {
        let status = Command::new(&clang)
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
            .arg("-I")
            .arg(&source)
            .arg("-I")
            .arg(out.join(arch))
            .args([
                "-idirafter",
                env!("PROBE_LIBBPF_HEADERS"),
                "-c",
                "-o",
                "/dev/null",
            ])
            .arg(source.join("probe.bpf.c"))
            .status()
            .unwrap_or_else(|err| panic!("failed to run `{clang}`: {err}"));
        assert!(status.success(), "{arch}");
    }
}
