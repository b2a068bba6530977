//! Numbers and lists in a sentence.

use super::ZoneName;
use std::fmt::Display;

/// "1 step", "2 steps"; `noun` makes its plural with an s.
pub fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// The one name, or "3 zones".
pub fn many(zones: &[ZoneName]) -> String {
    match zones {
        [one] => one.to_string(),
        all => format!("{} zones", all.len()),
    }
}

/// "ns1 has", "ns1, ns2 have": who has something.
pub fn have<T: Display>(who: &[T]) -> String {
    let names: Vec<String> = who.iter().map(T::to_string).collect();
    let verb = if names.len() == 1 { "has" } else { "have" };
    format!("{} {verb}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_one_and_none_are_several() {
        assert_eq!([0, 1, 2].map(|it| count(it, "error")), ["0 errors", "1 error", "2 errors"]);
        assert_eq!(have(&["ns1"]), "ns1 has");
        assert_eq!(have(&["ns1", "ns2"]), "ns1, ns2 have");
    }
}
