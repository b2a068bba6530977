//! D2 documents for `differential`: good ones, each changed in one to three ways that people and programs get wrong.
//! The same seed gives the same documents.

/// A stream of numbers (splitmix64), so that a seed is all there is to know of a document.
pub struct Random(pub u64);

impl Random {
    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % end.max(1) as u64) as usize
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn pick<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len())]
    }

    fn word<'a>(&mut self, all: &'a str) -> &'a str {
        self.pick(&all.split_whitespace().collect::<Vec<_>>())
    }
}

/// Good documents for the version of this series; `RUN` and `DIR` stand for folders.
fn bases(series: &str) -> Vec<&'static str> {
    let mut all = vec![
        r#"{ "DhcpDdns" : { "ip-address" : "127.0.0.1" , "port" : 53001 , "dns-server-timeout" : 1000 , "ncr-protocol" : "UDP" , "ncr-format" : "JSON" ,
        "control-socket" : { "socket-type" : "unix" , "socket-name" : "RUN/d2" } ,
        "tsig-keys" : [ { "name" : "k1" , "algorithm" : "HMAC-SHA256" , "secret" : "LSWXnfkKZjdPJI5QxlpnfQ==" } ,
                        { "name" : "k2.example." , "algorithm" : "hmac-sha512" , "digest-bits" : 256 , "secret" : "QUJDREVGR0g=" , "comment" : "two" } ] ,
        "forward-ddns" : { "ddns-domains" : [ { "name" : "lan.example." , "key-name" : "k1" , "comment" : "f" ,
            "dns-servers" : [ { "hostname" : "" , "ip-address" : "192.0.2.53" , "port" : 53 } , { "ip-address" : "2001:db8::53" , "key-name" : "k2.example." , "user-context" : { "x" : 1 } } ] } ] } ,
        "reverse-ddns" : { "ddns-domains" : [ { "name" : "2.0.192.in-addr.arpa." , "dns-servers" : [ { "ip-address" : "192.0.2.53" } ] } ] } ,
        "loggers" : [ { "name" : "kea-dhcp-ddns" , "severity" : "DEBUG" , "debuglevel" : 50 , "output_options" : [ { "output" : "stdout" , "flush" : true , "maxsize" : 204800 , "maxver" : 4 , "pattern" : "%m\n" } ] } ] ,
        "user-context" : { "a" : [ 1 , 2.5 , null , { "b" : "c" } ] } , "comment" : "whole" } }"#,
        r#"{ "DhcpDdns" : { "port" : 53001 , "forward-ddns" : { } , "reverse-ddns" : { "ddns-domains" : [ ] } , "tsig-keys" : [ ] , "hooks-libraries" : [ ] } }"#,
        r#"{ "DhcpDdns" : { "hooks-libraries" : [ { "library" : "x.so" , "parameters" : { "a" : 1 } } , { "library" : "/nonexistent/x.so" } ] } }"#,
        r#"{ "DhcpDdns" : { "tsig-keys" : [ { "name" : "k1" , "algorithm" : "HMAC-MD5" , "digest-bits" : 80 , "secret" : "QQ==" } ] ,
        "forward-ddns" : { "ddns-domains" : [ { "name" : "*" , "dns-servers" : [ { "ip-address" : "::1" , "key-name" : "k1" } ] } , { "name" : "b.example." , "key-name" : "" , "dns-servers" : [ { "ip-address" : "::1" } ] } ] } } }"#,
        r#"{ <?include "DIR/member.json"?> , "DhcpDdns" : { "port" : 1 } }"#,
        r#"{ "DhcpDdns" : { <?include "DIR/member.json"?> , "tsig-keys" : [ <?include "DIR/item.json"?> , { "name" : "k1" , "algorithm" : "HMAC-SHA1" , "secret" : "QQ==" } ] } }"#,
    ];
    if series != "2.2" {
        all.push(r#"{ "DhcpDdns" : { "tsig-keys" : [ { "name" : "k1" , "algorithm" : "HMAC-SHA384" , "secret-file" : "DIR/secret" } ] , "loggers" : [ { "name" : "kea-dhcp-ddns" , "output-options" : [ { "output" : "d2.log" } ] } ] } }"#);
    }
    if series == "3.0" {
        all.push(r#"{ "DhcpDdns" : { "control-sockets" : [ { "socket-type" : "unix" , "socket-name" : "RUN/d2" } , { "socket-type" : "http" , "socket-address" : "127.0.0.1" , "socket-port" : 53080 ,
            "authentication" : { "type" : "basic" , "realm" : "r" , "clients" : [ { "user" : "u" , "password" : "p" } ] } } ] } }"#);
    }
    all
}

const NUMBERS: &str = "0 -0 1 007 00 -1 -08 53 65535 65536 65791 65792 2147483647 2147483648 4294967295 4294967296 4294967376 \
    9223372036854775807 9223372036854775808 -9223372036854775808 -9223372036854775809 1e3 1E3 1.0 .5 5. +5 \
    +.5e-3 1e e5 1e999 - + . 0x10 1_000 80 88 120 128 256 512 99 100";
#[rustfmt::skip]
const WORDS: [&str; 12] = [
    "true", "false", "null", "TRUE", "False", "NULL", "nul", "trueish", "@", "/", "*", "'a'",
];
const KEYWORDS: &str = "DhcpDdns Dhcp4 dhcpddns ip-address port dns-server-timeout ncr-protocol ncr-format forward-ddns reverse-ddns \
    ddns-domains tsig-keys name algorithm digest-bits secret secret-file key-name dns-servers hostname \
    control-socket control-sockets socket-type socket-name socket-address socket-port authentication \
    trust-anchor cert-file key-file cert-required http-headers hooks-libraries library parameters loggers \
    output_options output-options output flush maxsize maxver pattern debuglevel severity user-context comment \
    socket-user type realm directory clients user password user-file value x";
/// Strings as they stand in the text, quotes and all.
#[rustfmt::skip]
const STRINGS: [&str; 115] = [
    "\"\"", "\" \"", "\"x\"", "\"127.0.0.1\"", "\"0.0.0.0\"", "\"::\"", "\"::1\"", "\"127.1\"", "\"127.0.0.01\"",
    "\"1.2.3.256\"", "\" 127.0.0.1\"", "\"127.0.0.1 \"", "\"fe80::1%lo\"", "\"::1%1\"", "\"::ffff:127.0.0.1\"",
    "\"localhost\"", "\"255.255.255.255\"", "\"224.0.0.1\"", "\"[::1]\"", "\"1.2.3.4/32\"", "\"0:0:0:0:0:0:0:0\"",
    "\"1::2::3\"", "\"HMAC-SHA256\"", "\"hmac-md5\"", "\"Hmac-Sha1\"", "\"HMAC-SHA224\"", "\"HMAC-SHA384\"",
    "\"HMAC-SHA512\"", "\"SHA256\"", "\"HMAC_SHA256\"", "\"hmac-sha256.\"", "\"HMAC-MD5.SIG-ALG.REG.INT\"",
    "\"HMAC-SHA256 \"", "\"QQ==\"", "\"QQ=\"", "\"Q\"", "\"QQ\"", "\"QQ==\\n\"", "\"Q Q = =\"", "\"QUJD\"",
    "\"QUJDRA==\"", "\"QR==\"", "\"====\"", "\"QQ==QQ==\"", "\"Q\\u0051==\"", "\"QQ=\\u003d\"", "\"-_-_\"",
    "\"A===\"", "\"AA==\"", "\"AAA=\"", "\" QQ==\"", "\"QQ== \"", "\"QUI=\"", "\"QUJ=\"", "\"QUJ\\tD\"", "\"k1\"",
    "\"K1\"", "\"k1.\"", "\"k2.example.\"", "\"K2.example\"", "\"nope\"", "\"a b\"", "\"a..b\"", "\".\"", "\".a\"",
    "\"a.\"", "\"..\"", "\"*\"", "\"*.a.\"", "\"a\\\\.b\"", "\"a\\\\300b\"", "\"a\\\\100b\"", "\"a\\\\\"", "\"a:b\"",
    "\"@\"", "\"$\"", "\"\\\"q\\\"\"", "\"(a)\"",
    "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.x\"", "\"é\"", "\"日本\"", "\"\\u00e9\"",
    "\"\\u0000\"", "\"\\u20ac\"", "\"\\u12\"", "\"\\u\"", "\"\\uzzzz\"", "\"\\q\"", "\"a\\/b\"", "\"raw\ttab\"",
    "\"raw\nline\"", "\"open", "\"open\\\"", "\"\\\"", "\"UDP\"", "\"udp\"", "\"Tcp\"", "\"\\u0055DP\"", "\"json\"",
    "\"XML\"", "\"unix\"", "\"UNIX\"", "\"http\"", "\"https\"", "\"WARN\"", "\"stdout\"", "\"RUN/other\"",
    "\"/tmp/other\"", "\"DIR/secret\"", "\"DIR/nothing\"", "\"DIR/garbage\"", "\"DIR/blank\"", "\"DIR\"", "\"DIR/two\"", "\"secret\"",
];
#[rustfmt::skip]
const VALUES: [&str; 25] = [
    "{ }", "[ ]", "{ , }", "[ , ]", "[ null ]", "[ { } ]", "[ [ ] ]", "{ \"a\" : 1 }", "{ \"a\" : 1 , }", "[ 1 , ]",
    "[ 1 , , 2 ]", "{ \"a\" : 1 , \"a\" : 2 }", "{ \"comment\" : \"c\" }", "{ \"a\" : { \"b\" : 1 , \"b\" : 2 } }",
    "[ \"x\" ]", "[ { \"name\" : \"x\" } ]", "[ { \"ip-address\" : \"::1\" } ]", "[ { \"output\" : \"stderr\" } ]",
    "[ { \"library\" : \"x.so\" } ]", "[ { \"library\" : \"\" } ]", "[ { \"parameters\" : { } } ]", "[ { \"x\" : 1 } ]", "[ { \"parameters\" : { } , \"x\" : 1 } ]", "{ \"socket-type\" : \"unix\" }",
    "{ \"socket-name\" : \"x\" }",
];
#[rustfmt::skip]
const MARKS: [&str; 18] = [
    "{", "}", "[", "]", ",", ":", ", ,", "<?include \"DIR/member.json\"?>", "<? include \"DIR/member.json\" ?>",
    "<?include \"DIR/nothing\"?>", "<?include \"DIR/item.json\" x?>", "<?foo \"x\"?>", "<? foo?>", "<?include",
    "<?include \"DIR/loop.json\"?>", "<?include \"\"?>", "<?include \"DIR/bad.json\"?>", "/* open",
];
#[rustfmt::skip]
const GAPS: [&str; 14] = [
    "", "", " ", " ", "\n", "\t", "\r\n", "/* c */", "/*c*/", " // c\n", "#c d\n", "/* a\n b */", "/**/ ", "/* a b*/",
];

/// Files that the documents include or name, by name in `DIR`.
pub const FILES: [(&str, &str); 8] = [
    ("member.json", "\"port\" : 53002"),
    ("item.json", "/* an item */ { \"name\" : \"inc\" ,\n \"algorithm\" : \"HMAC-SHA256\" , \"secret\" : \"QQ==\" }"),
    ("bad.json", "\n \"port\" : 70000 , \"x\" : 1"),
    ("loop.json", "<?include \"DIR/loop.json\"?>"),
    ("secret", "LSWXnfkKZjdPJI5QxlpnfQ==\n"),
    ("garbage", "not base64!\n"),
    ("blank", " \n"),
    ("two", "\n QQ== QQ==\n"),
];

/// The document of a seed, for the version of this series.
pub fn document(seed: u64, series: &str) -> String {
    let mut random = Random(seed);
    let bases = bases(series);
    let mut words = words(bases[random.below(bases.len())]);
    for _ in 0..1 + random.below(10) / 5 + random.below(10) / 9 {
        change(&mut random, &mut words);
    }
    let gaps = random.chance(40);
    let tight = random.chance(30);
    let mut text = String::new();
    for word in &words {
        text.push_str(word);
        text.push_str(if gaps {
            random.pick(&GAPS)
        } else if tight {
            ""
        } else {
            " "
        });
    }
    text
}

/// A base at its blanks; strings with blanks in them do not occur there, includes do.
fn words(text: &str) -> Vec<String> {
    text.replace("<?include ", "<?include\u{1}").split_whitespace().map(|it| it.replace('\u{1}', " ")).collect()
}

fn change(random: &mut Random, words: &mut Vec<String>) {
    if words.is_empty() {
        return;
    }
    let at = random.below(words.len());
    match random.below(18) {
        0 => drop(words.remove(at)),
        1 => words.insert(at, words[at].clone()),
        2 => words.insert(at, random.pick(&MARKS).into()),
        3 => words.insert(at, ",".into()),
        4 => {
            let next = (at + 1).min(words.len() - 1);
            words.swap(at, next);
        }
        5 if random.chance(30) => words.truncate(at),
        6 => words[at] = random.pick(&MARKS).into(),
        7 => words[at] = [random.pick(&WORDS), random.word(NUMBERS), random.pick(&STRINGS)][random.below(3)].into(),
        8 => {
            if let Some(at) = some(random, words, is_name) {
                words[at] = name(random, &words[at]);
            }
        }
        9 => {
            if let (Some(from), Some(to)) = (some(random, words, is_name), some(random, words, is_name)) {
                let mut member = words[from..value_end(words, from + 2)].to_vec();
                member.push(",".into());
                words.splice(to..to, member);
            }
        }
        10 => {
            if let Some(at) = some(random, words, is_name) {
                let end = value_end(words, at + 2);
                let comma = usize::from(words.get(end).is_some_and(|it| it == ","));
                words.drain(at..end + comma);
            }
        }
        11 => {
            if let Some(at) = some(random, words, is_name) {
                let new = format!("\"{}\" : {} ,", random.word(KEYWORDS), scalar(random));
                words.splice(at..at, self::words(&new));
            }
        }
        12 | 13 => {
            if let Some(at) = some(random, words, is_name) {
                let end = value_end(words, at + 2);
                words.splice(at + 2..end, self::words(random.pick(&VALUES)));
            }
        }
        _ => {
            if let Some(at) =
                some(random, words, |words, it| it > 0 && words[it - 1] == ":" && value_end(words, it) == it + 1)
            {
                words[at] = scalar(random);
            }
        }
    }
}

fn scalar(random: &mut Random) -> String {
    match random.below(10) {
        0 => random.pick(&WORDS).into(),
        1..=3 => random.word(NUMBERS).into(),
        _ => random.pick(&STRINGS).into(),
    }
}

fn name(random: &mut Random, old: &str) -> String {
    match random.below(4) {
        0 => old.to_uppercase(),
        1 if old.len() > 2 => format!("\"\\u00{:02x}{}", old.as_bytes()[1], &old[2..]),
        2 => format!("\"{} \"", old.trim_matches('"')),
        _ => format!("\"{}\"", random.word(KEYWORDS)),
    }
}

fn some(random: &mut Random, words: &[String], fits: impl Fn(&[String], usize) -> bool) -> Option<usize> {
    let all: Vec<usize> = (0..words.len()).filter(|it| fits(words, *it)).collect();
    (!all.is_empty()).then(|| all[random.below(all.len())])
}

fn is_name(words: &[String], at: usize) -> bool {
    words[at].starts_with('"') && words.get(at + 1).is_some_and(|it| it == ":") && at + 2 < words.len()
}

/// One after the value that starts at a word.
fn value_end(words: &[String], start: usize) -> usize {
    let mut depth = 0;
    for (at, word) in words.iter().enumerate().skip(start) {
        match word.as_str() {
            "{" | "[" => depth += 1,
            "}" | "]" => depth -= 1,
            _ => {}
        }
        if depth <= 0 {
            return at + 1;
        }
    }
    words.len()
}
