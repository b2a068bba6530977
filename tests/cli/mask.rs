//! Takes out of an output what differs from run to run: times, run names, ports, folders, fingerprints.

/// One fixed text and what stands for it in a case.
pub type Known = (String, String);

/// The text with all that is volatile replaced.
pub fn mask(text: &str, known: &[Known]) -> String {
    let mut text = text.to_owned();
    for (found, stands) in known {
        text = text.replace(found.as_str(), stands);
    }
    let mut out = String::new();
    let mut word = String::new();
    for char in text.chars() {
        if char.is_ascii_alphanumeric() || matches!(char, '-' | ':' | '.') {
            word.push(char);
            continue;
        }
        out.push_str(&mask_word(&word));
        word.clear();
        out.push(char);
    }
    out.push_str(&mask_word(&word));
    [" ms", " s", " updates with"].iter().fold(out, |text, unit| counted(&text, unit))
}

/// `#` stands for a digit, `x` for a lower case hex digit, everything else for itself.
fn like(text: &str, pattern: &str) -> bool {
    let fits = |(char, wanted): (char, char)| match wanted {
        '#' => char.is_ascii_digit(),
        'x' => char.is_ascii_digit() || ('a'..='f').contains(&char),
        other => char == other,
    };
    text.len() == pattern.len() && text.chars().zip(pattern.chars()).all(fits)
}

fn mask_word(word: &str) -> String {
    let (bare, tail) = word.split_at(word.trim_end_matches([':', '.']).len());
    let masked = if let Some(run) = run_name(bare) {
        run
    } else if bare.get(..19).is_some_and(|it| like(it, "####-##-##T##:##:##")) {
        "[TIME]".to_owned()
    } else if like(bare, "####-##-##") {
        "[DATE]".to_owned()
    } else if let Some((prefix, letters)) = dated(bare) {
        format!("{prefix}-[DAY]{letters}")
    } else if like(bare, "xxxxxxxxxxxx") || like(bare, &"x".repeat(64)) {
        "[HEX]".to_owned()
    } else if let Some(("127.0.0.1", port)) = bare.split_once(':') {
        let rest = port.trim_start_matches(|it: char| it.is_ascii_digit());
        format!("127.0.0.1:[PORT]{rest}")
    } else {
        bare.to_owned()
    };
    masked + tail
}

/// `ddns-20260314a` is `ddns` and `a`.
fn dated(word: &str) -> Option<(&str, &str)> {
    let (prefix, rest) = word.rsplit_once('-')?;
    let day = rest.get(..8).filter(|it| like(it, "########"))?;
    Some((prefix, &rest[day.len()..]))
}

/// `20260314T021500Z-rotate-1f2e` is `[RUN rotate]`, whatever follows a dot (`.jsonl`) stays.
fn run_name(word: &str) -> Option<String> {
    let rest = word.get(16..).filter(|_| like(&word[..16], "########T######Z"))?;
    let (name, file) = rest.split_once('.').map_or((rest, String::new()), |(name, file)| (name, format!(".{file}")));
    let (task, random) = name.strip_prefix('-')?.rsplit_once('-')?;
    like(random, "xxxx").then(|| format!("[RUN {task}]{file}"))
}

/// True if no word goes on at this place.
fn is_word(end: usize, text: &str) -> bool {
    !text[end..].starts_with(|it: char| it.is_ascii_alphabetic())
}

/// `held for 12 ms` is `held for [N] ms`: how long something took, or how many tries, is no part of what it did.
fn counted(text: &str, unit: &str) -> String {
    let (mut out, mut read) = (String::new(), 0);
    for part in text.split_inclusive(unit) {
        read += part.len();
        let Some(before) = part.strip_suffix(unit) else {
            out.push_str(part);
            continue;
        };
        let number = before.rfind(|it: char| !it.is_ascii_digit() && it != '.').map_or(0, |at| at + 1);
        let kept = if is_word(read, text) { &before[..number] } else { before };
        out.push_str(kept);
        out.push_str(if kept.len() < before.len() { "[N]" } else { "" });
        out.push_str(unit);
    }
    out
}

#[test]
fn what_differs_from_run_to_run_goes_and_the_rest_stays() {
    let known = [("/tmp/x1".to_owned(), "[DIR]".to_owned())];
    let text = "2026-03-14T02:15:00.5Z: /tmp/x1/runs/20260314T021500Z-bypass-end-1f2e.jsonl, key ddns-20260314a. at \
                127.0.0.1:4711/api, 0123456789ab, held for 12 ms, 7 steps in 0.2 s; BADKEY (no such ms) 10.77.10.in-addr.arpa.";
    let masked = "[TIME]: [DIR]/runs/[RUN bypass-end].jsonl, key ddns-[DAY]a. at \
                  127.0.0.1:[PORT]/api, [HEX], held for [N] ms, 7 steps in [N] s; BADKEY (no such ms) 10.77.10.in-addr.arpa.";
    assert_eq!(mask(text, &known), masked);
}
