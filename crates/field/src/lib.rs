//! Every field: name, type, documentation and extractor; the output formatter.
