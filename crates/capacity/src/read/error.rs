//! What is wrong with a file, and where.

/// A line that cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("line {line}: {problem}; expected {expected}; the line is `{snippet}`")]
pub struct ReadError {
    /// Counted from 1; 0 when it is about the file as a whole.
    pub line: usize,
    /// What is wrong.
    pub problem: String,
    /// The line's beginning.
    pub snippet: String,
    /// What would have been right.
    pub expected: &'static str,
}

impl ReadError {
    pub(super) fn at(
        line: usize,
        text: &str,
        problem: impl Into<String>,
        expected: &'static str,
    ) -> Self {
        const SHOWN: usize = 100;
        let mut snippet: String = text.chars().take(SHOWN).collect();
        if snippet.len() < text.len() {
            snippet.push('…');
        }
        Self {
            line,
            problem: problem.into(),
            snippet,
            expected,
        }
    }
}
