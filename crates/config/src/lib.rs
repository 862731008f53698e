//! The configuration, in two stages: as written, then resolved.
//!
//! What is written is a tree of YAML nodes in which every node knows its file, line and column
//! ([`Node`]). Several files are merged key by key, environment variables are expanded, and the
//! overrides of the command line (`-o key=value`) are put on top. Only then is the tree read into
//! [`Config`], whose fields have their final types and defaults, so that no other room looks at
//! YAML or asks whether a key was given.
//!
//! Reading collects every problem instead of stopping at the first. Keys and semantics are those
//! of `falco.yaml` (0.44), with the keys that later versions removed but that benchmarks and older
//! charts still use: `grpc`, `grpc_output`, `outputs.rate`, `outputs.max_burst`.

mod error;
mod expand;
mod load;
mod model;
mod node;
mod overrides;
mod read;
mod resolve;

pub use error::{ConfigError, Problem};
pub use load::{Environment, Source, load};
pub use model::{
    AppendOutput, CaptureConfig, CaptureMode, Config, DeduplicateConfig, DropAction,
    DynamicSnaplenConfig, EngineConfig, EngineKind, ExtraField, FileOutput, GrpcConfig, HttpOutput,
    MetricsConfig, OutputsConfig, PluginEntry, ProgramOutput, RuleMatching, RuleSelection,
    RuleSelector, SyscallDrops, TOP_SOCKET, WebserverConfig,
};
pub use node::{Node, Place, Value};
pub use overrides::Override;
