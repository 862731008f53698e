//! "Did you mean".

/// The candidate that is nearest to `text`, if one is near enough to be what was meant.
pub(crate) fn nearest<'a>(
    text: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    let limit = (text.len() / 4).clamp(1, 4);
    candidates
        .filter(|candidate| candidate.len().abs_diff(text.len()) <= limit)
        .map(|candidate| (distance(text, candidate), candidate))
        .filter(|&(distance, _)| distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

/// How many bytes must be inserted, removed, replaced or swapped with their neighbour to turn one
/// text into the other (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut before: Vec<usize> = Vec::new();
    let mut previous: Vec<usize> = (0..=b.len()).collect();
    for (i, &x) in a.iter().enumerate() {
        let mut current = Vec::with_capacity(b.len() + 1);
        current.push(i + 1);
        for (j, &y) in b.iter().enumerate() {
            let replaced = previous[j] + usize::from(x != y);
            let mut cost = replaced.min(previous[j + 1] + 1).min(current[j] + 1);
            if i > 0 && j > 0 && x == b[j - 1] && a[i - 1] == y {
                cost = cost.min(before[j - 1] + 1);
            }
            current.push(cost);
        }
        before = std::mem::replace(&mut previous, current);
    }
    previous[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (a, b, expected) in [
            ("", "", 0),
            ("abc", "", 3),
            ("proc.nmae", "proc.name", 1),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(a, b), expected, "{a} {b}");
            assert_eq!(distance(b, a), expected, "{b} {a}");
        }
    }

    #[test]
    fn only_near_names_are_suggested() {
        let names = ["proc.name", "proc.pname", "fd.name"];
        assert_eq!(nearest("proc.nam", names.into_iter()), Some("proc.name"));
        assert_eq!(nearest("process.executable", names.into_iter()), None);
        assert_eq!(nearest("fd.nane", names.into_iter()), Some("fd.name"));
    }
}
