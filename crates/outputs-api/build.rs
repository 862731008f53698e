//! Generates the messages and services from `proto/`, without the `protoc` program.
//!
//! Two passes: messages with clients, then servers. The server of the alert stream sends
//! `EncodedAlert`, an alert that is encoded already, where a client receives a `Response`.

use std::error::Error;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    println!("cargo::rerun-if-changed=build.rs");
    let files = protox::compile(["outputs.proto", "version.proto"], ["proto"])?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let server = out.join("server");
    std::fs::create_dir_all(&server)?;

    tonic_prost_build::configure()
        .build_client(feature("CLIENT"))
        .build_server(false)
        .build_transport(false)
        .compile_fds(files.clone())?;
    if !feature("SERVER") {
        return Ok(());
    }
    tonic_prost_build::configure()
        .build_client(false)
        .build_transport(false)
        .extern_path(".falco.outputs.request", "crate::outputs::Request")
        .extern_path(".falco.outputs.response", "crate::EncodedAlert")
        .extern_path(".falco.version", "crate::version")
        .extern_path(".falco.schema", "crate::schema")
        .out_dir(server)
        .compile_fds(files)?;
    Ok(())
}

fn feature(name: &str) -> bool {
    std::env::var_os(format!("CARGO_FEATURE_{name}")).is_some()
}
