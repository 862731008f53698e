//! What `build.rs` makes of `proto/`. One module for each package, as the generated code expects.

#![allow(
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    non_camel_case_types,
    clippy::allow_attributes,
    reason = "generated; documented in proto/"
)]

pub mod schema {
    include!(concat!(env!("OUT_DIR"), "/falco.schema.rs"));
}

pub mod outputs {
    include!(concat!(env!("OUT_DIR"), "/falco.outputs.rs"));
}

pub mod version {
    include!(concat!(env!("OUT_DIR"), "/falco.version.rs"));
}

#[cfg(feature = "server")]
pub mod server {
    pub mod outputs {
        include!(concat!(env!("OUT_DIR"), "/server/falco.outputs.rs"));
    }

    pub mod version {
        include!(concat!(env!("OUT_DIR"), "/server/falco.version.rs"));
    }
}
