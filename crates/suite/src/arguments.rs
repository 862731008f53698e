//! A command line in one string.

/// Splits at blanks; what stands in single or double quotes stays together, without the quotes.
///
/// # Errors
/// The quote that is never closed.
pub fn split(line: &str) -> Result<Vec<String>, char> {
    let mut arguments = Vec::new();
    let mut current: Option<String> = None;
    let mut quote = None;
    for c in line.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => current.get_or_insert_default().push(c),
            None if c == '"' || c == '\'' => {
                quote = Some(c);
                current.get_or_insert_default();
            }
            None if c.is_whitespace() => arguments.extend(current.take()),
            None => current.get_or_insert_default().push(c),
        }
    }
    arguments.extend(current);
    match quote {
        Some(open) => Err(open),
        None => Ok(arguments),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_group() {
        assert_eq!(
            split("-c  'a b' \"\" x\"y z\"").unwrap(),
            ["-c", "a b", "", "xy z"]
        );
        assert!(split("").unwrap().is_empty());
        assert_eq!(split("a 'b"), Err('\''));
    }
}
