//! Rules files to a ruleset: validation, index by event type, matching.
