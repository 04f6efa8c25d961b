//! Names close to one that was mistyped, for error messages.

/// At most three of `names` that are close to `query`, the closest first; upper and lower case count as the same.
pub fn near<'a>(query: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let query = query.to_lowercase();
    let mut scored: Vec<(f64, &str)> = names
        .into_iter()
        .map(|name| {
            let lower = name.to_lowercase();
            let contained = query.len() > 2 && lower.contains(&query);
            (strsim::jaro_winkler(&query, &lower) + if contained { 1.0 } else { 0.0 }, name)
        })
        .filter(|(score, _)| *score > 0.75)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    scored.dedup_by(|a, b| a.1 == b.1);
    scored.into_iter().take(3).map(|(_, name)| name.to_owned()).collect()
}

/// `; did you mean a, b or c?`, or nothing where no name is close.
pub fn suggestion(close: &[String]) -> String {
    match close {
        [] => String::new(),
        [only] => format!("; did you mean {only}?"),
        [first @ .., last] => format!("; did you mean {} or {last}?", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_typos_and_parts_but_not_strangers() {
        let names = ["zebra", "giant panda", "school bus"];
        assert_eq!(near("zbera", names), ["zebra"]);
        assert_eq!(near("PANDA", names), ["giant panda"]);
        assert!(near("qqqq", names).is_empty());
        assert_eq!(suggestion(&["a".into(), "b".into()]), "; did you mean a or b?");
    }
}
