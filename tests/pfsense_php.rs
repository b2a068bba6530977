//! The reader model against PHP's own xml extension on generated documents (tests/pfsense/reader.php).
//! Needs php-cli and php-xml; without them the test is skipped with a message, in CI (`CI=true`) it fails.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pfddns::systems::pfsense::{Dialect, Document, Seen};
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde::Deserialize as _;
use serde_json::{Value, json};
use std::io::Write as _;
use std::process::{Command, Stdio};

const DIALECTS: [(&str, Dialect); 3] = [("2.7.2", Dialect::V2_7), ("2.8", Dialect::V2_8), ("master", Dialect::V2_9)];

/// What a document is made of: pieces that are mostly right, often odd, sometimes broken.
fn piece() -> impl proptest::strategy::Strategy<Value = String> {
    let pieces: Vec<String> = [
        "<a>",
        "</a>",
        "<b>",
        "</b>",
        "<a/>",
        "<B/>",
        "<b />",
        "<dnsserver>",
        "</dnsserver>",
        "<dnsserver></dnsserver>",
        "<item>",
        "</item>",
        "<DnsServer>1</DnsServer>",
        "<descr>",
        "</descr>",
        "<descr><![CDATA[x &amp; y]]></descr>",
        "<laggroup>1</laggroup>",
        "<a>x</a>",
        "<c>1</c>",
        "<d>\n</d>",
        "<e> </e>",
        "<f>\t x\t</f>",
        "<g> \t </g>",
        "\n  \n  ",
        "\n\t\t",
        " ",
        "\r\n",
        "\r",
        "\n",
        "x",
        "text",
        "&amp;",
        "&lt;",
        "&#039;",
        "&#x27;",
        "&apos;",
        "&quot;",
        "&eacute;",
        "&#233;",
        "&#10;",
        "&#32;",
        "&#1;",
        "&#xFFFE;",
        "&foo;",
        "&",
        "&amp;amp;",
        "&amp;lt;",
        "amp;",
        "]]",
        "]]>",
        "]",
        "<![CDATA[",
        "]]>",
        "<![CDATA[&amp;&lt;&apos;&#039;&eacute;&nbsp;]]>",
        "<![CDATA[ ]]>",
        "<![CDATA[]]>",
        "<![CDATA[\r\na\r\nb\r\n]]>",
        "<!-- c -->",
        "<!-- -- -->",
        "<!--",
        "-->",
        "<?php x ?>",
        "<?xml x?>",
        "<?p?>",
        "\u{e9}",
        "\u{65e5}\r\n\u{672c}",
        "  \u{e9} ",
        "\u{a0}",
        "\u{85}",
        "\u{feff}",
        "\u{fffe}",
        "\u{1}",
        "<x y=\"1\">",
        "</x>",
        "<x y='1' y='2'/>",
        "<x y='&lt;'/>",
        "<x y='<'/>",
        "<x y=1/>",
        "<1/>",
        "<\u{e9}/>",
        "<p:q/>",
        "<s-t.u/>",
        "</ a>",
        "<a >",
        "</a >",
        "<!DOCTYPE a>",
        "<pfsense>",
        "</pfsense>",
        "0",
        "00",
        "<proxypass>p</proxypass>",
        "<text>t</text>",
        "&#128;",
        "<![CDATA[&#128;&#x41;&#xD800;&#0;&hellip;&there4;&lt&gt;]]>",
        "<![CDATA[]]]]><![CDATA[>]]>",
    ]
    .iter()
    .map(|it| (*it).to_owned())
    .collect();
    proptest::sample::select(pieces)
}

/// Well-formed trees, so that most of them get past the parser.
fn tree(depth: u32) -> proptest::strategy::BoxedStrategy<String> {
    use proptest::prelude::*;
    let name = proptest::sample::select(vec![
        "a",
        "b",
        "c",
        "d",
        "dnsserver",
        "item",
        "descr",
        "description",
        "laggroup",
        "proxyuser",
        "staticmap",
        "E",
        "rule",
    ]);
    let text = prop::collection::vec(
        prop_oneof![
            4 => "[a-z0-9 ]{0,6}",
            2 => "[ \\t\\n]{0,4}",
            1 => proptest::sample::select(vec!["&amp;", "&#039;", "&#10;", "<![CDATA[ &lt;x&gt; &apos; &eacute; ]]>", "<!-- c -->", "\r\n", "\u{e9}", "&#233;", "\u{65e5}\u{672c} \r x"]).prop_map(str::to_owned),
        ],
        0..4,
    )
    .prop_map(|it| it.concat());
    let leaf = (name.clone(), text).prop_map(|(name, text)| format!("<{name}>{text}</{name}>"));
    if depth == 0 {
        return leaf.boxed();
    }
    let gap = proptest::sample::select(vec!["", "\n", "\n\t", "\r\n", "\n  ", " ", "\n  \n  "]);
    let branch =
        (name, prop::collection::vec((gap.clone(), tree(depth - 1)), 0..4), gap).prop_map(|(name, inner, last)| {
            let inner: String = inner.into_iter().map(|(gap, it)| format!("{gap}{it}")).collect();
            format!("<{name}>{inner}{last}</{name}>")
        });
    prop_oneof![leaf, branch].boxed()
}

/// Texts and sections beyond 300 bytes, of which many lie across the end of one of pfSense's 4096-byte reads.
fn long() -> impl proptest::strategy::Strategy<Value = String> {
    use proptest::prelude::*;
    let letters: Vec<Vec<&str>> = vec![
        vec!["x", "\n"],
        vec!["x", "y", "\n", "\t"],
        vec!["x", "\r\n"],
        vec!["x", "\r"],
        vec!["x", "\u{e9}", "\n"],
        vec!["\u{e9}", "\u{65e5}", "\u{1f600}", "\r\n"],
        vec![" ", "\n"],
        vec![" ", "x", "\n", "\r\n", "\u{e9}"],
        vec!["xxxxxxxxxxxxxxxxxxxx", "\n", "]"],
        vec!["\n"],
        vec!["\r\n"],
    ];
    let between = proptest::sample::select(vec!["", "&amp;", "&#39;", "<!-- c -->"]);
    let in_section = proptest::sample::select(vec!["&amp;", "&#39;&eacute;", "<b>", "]", ">", ""]);
    let length = proptest::sample::select(vec![5usize, 200, 298, 300, 302, 305, 700, 2000, 5000]);
    let run = (proptest::sample::select(letters), length).prop_perturb(|(letters, length), mut rng| {
        let mut text = String::new();
        while text.len() < length {
            text.push_str(letters[rng.random_range(0..letters.len())]);
        }
        text
    });
    let text = (run.clone(), between, run.clone()).prop_map(|(one, between, two)| format!("{one}{between}{two}"));
    let section = prop::collection::vec((run, in_section), 1..4).prop_map(|runs| {
        let text: String = runs.into_iter().map(|(run, other)| format!("{run}{other}")).collect();
        format!("<![CDATA[{}]]>", text.replace("]]>", "x"))
    });
    let gap = proptest::sample::select(vec!["\n\t", "", "\n", "\r\n", "\n\t\t\t\t\t"]);
    prop::collection::vec((gap, prop_oneof![text, section]), 2..12).prop_map(|all| {
        let elements = all.into_iter().enumerate();
        elements.map(|(n, (gap, text))| format!("{gap}<descr{n}>{text}</descr{n}>")).collect()
    })
}

/// What stands before the root: declarations and document types, right and wrong.
const HEADS: [&str; 24] = [
    "<?xml version=\"1.0a\"?>",
    "<?xml version=\"1.5\"?>",
    "<?xml version=\"1.\"?>",
    "<?xml version='1.0' encoding='utf8' ?>",
    "<?xml  version = \"1.0\"\tencoding\n=\n\"UTF-8\"  ?>",
    "<?xml version=\"1.0\" encoding=\"UTF-8\"standalone=\"yes\"?>",
    "<?xml version=\"1.0\" encoding=\"US-ASCII\"standalone=\"yes\"?>",
    "<?xml version=\"1.0\" encoding=\"bogus\"?>",
    "<?xml version=\"1.0\" standalone=\"maybe\"?>",
    "<?xml encoding=\"UTF-8\"?>",
    "<?xml?>",
    "<?p:q x?>",
    "<?xmlx y?>",
    "\n<?xml version=\"1.0\"?>",
    "<!DOCTYPE pfsense>",
    "<!DOCTYPE pfsense SYSTEM \"x&y\">",
    "<!DOCTYPE pfsense PUBLIC \"x\" \"y\" []>",
    "<!DOCTYPE pfsense PUBLIC \"&foo;\" \"y\">",
    "<!DOCTYPE pfsense [<!ENTITY p:q \"x\">]>",
    "<!DOCTYPE pfsense [<!ENTITY foo SYSTEM \"x\">]>",
    "<!DOCTYPE pfsense [<!NOTATION n SYSTEM \"x\"><!-- c --><?p x?>]>",
    "<!DOCTYPE a><!DOCTYPE b>",
    "<!doctype x>",
    "<!DOCTYPE",
];

fn documents(count: usize) -> Vec<Vec<u8>> {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, b"config.xml as pfSense's PHP sees");
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let soup = proptest::collection::vec(piece(), 0..12).prop_map(|it| it.concat());
    let trees = proptest::collection::vec(tree(3), 1..6).prop_map(|it| it.concat());
    let long = long();
    let mut all = Vec::new();
    for n in 0..count / 20 {
        let body = long.new_tree(&mut runner).unwrap().current();
        all.push(format!("{}<pfsense>{body}\n</pfsense>\n", " ".repeat(n % 7 / 6)).into_bytes());
    }
    for head in HEADS {
        all.push(format!("{head}<pfsense><a>1</a><b>&foo;</b></pfsense>").into_bytes());
        all.push(format!("{head}<pfsense><a>1</a></pfsense>").into_bytes());
    }
    for (n, head) in HEADS.iter().chain(&["", "<?xml version=\"1.0\" encoding=\"UTF-16\"?>", "\u{feff}"]).enumerate() {
        let text = format!("{head}<pfsense><a>caf\u{e9} \u{1f600}</a><descr><![CDATA[&eacute;]]></descr></pfsense>");
        let units: Vec<u16> = text.encode_utf16().collect();
        let mark = if n % 2 == 0 { vec![0xfeff] } else { Vec::new() };
        let all_units = || mark.iter().chain(&units);
        all.push(all_units().flat_map(|it| it.to_le_bytes()).collect());
        all.push(all_units().flat_map(|it| it.to_be_bytes()).collect());
    }
    all.push(b"\xff\xfe<\0p\0".to_vec());
    let latin = b"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><pfsense><a>caf\xe9</a><descr><![CDATA[\xe9&#233;\x85]]></descr></pfsense>";
    all.push(latin.to_vec());
    // A whole character beyond ASCII, where ASCII was declared.
    all.push("<?xml version=\"1.0\" encoding=\"US-ASCII\"?><pfsense><a>\u{e9}</a></pfsense>".into());
    for n in 0..count {
        let body = if n % 3 == 0 {
            soup.new_tree(&mut runner).unwrap().current()
        } else {
            trees.new_tree(&mut runner).unwrap().current()
        };
        let document = match n % 11 {
            0 => body,
            1 => format!("\u{feff}<pfsense>{body}</pfsense>"),
            2 => format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<pfsense>{body}</pfsense>\r\n"),
            3 => format!(
                "<!DOCTYPE pfsense [<!ENTITY foo 'f&#38;lt;<b>'><!ENTITY bar '&foo;&foo;'>]><pfsense>{body}</pfsense>"
            ),
            _ => format!("<?xml version=\"1.0\"?>\n<pfsense>{body}</pfsense>\n"),
        };
        let mut bytes = document.into_bytes();
        if n % 29 == 0 && !bytes.is_empty() {
            // Cut somewhere, or break a byte.
            let at = (n * 7919) % bytes.len();
            if n % 2 == 0 { bytes.truncate(at) } else { bytes[at] = 0xe9 }
        }
        all.push(bytes);
    }
    all
}

#[test]
fn generated_documents_are_seen_alike() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pfsense/reader.php");
    let lists = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/pfsense/list-tags.json");
    let have = Command::new("php")
        .args(["-r", "exit(extension_loaded('xml') ? 0 : 1);"])
        .status()
        .is_ok_and(|it| it.success());
    if !have {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "CI needs php-cli and php-xml");
        eprintln!("skipped: php with its xml extension is not installed (Debian: php-cli php-xml)");
        return;
    }
    let mut php =
        Command::new("php").args([script, lists]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut asks = Vec::new();
    for document in documents(6000) {
        for (version, dialect) in DIALECTS {
            asks.push((document.clone(), version, dialect));
        }
    }
    let mut stdin = php.stdin.take().unwrap();
    let lines: Vec<String> = asks
        .iter()
        .map(|(document, version, _)| json!({"dialect": version, "doc": STANDARD.encode(document)}).to_string())
        .collect();
    let feed = std::thread::spawn(move || lines.iter().for_each(|line| writeln!(stdin, "{line}").unwrap()));
    let output = php.wait_with_output().unwrap();
    feed.join().unwrap();
    let answers: Vec<&str> = std::str::from_utf8(&output.stdout).unwrap().lines().collect();
    assert_eq!(answers.len(), asks.len());
    let (mut accepted, mut wrong) = (0, Vec::new());
    for ((document, version, dialect), answer) in asks.iter().zip(answers) {
        let mut deep = serde_json::Deserializer::from_str(answer);
        deep.disable_recursion_limit();
        let answer = Value::deserialize(&mut deep).unwrap();
        let ours = match Document::read_as(document, *dialect) {
            Ok(read) => json!({"accepted": true, "seen": Seen::of(&read, read.root()).to_json()}),
            Err(_) => json!({"accepted": false}),
        };
        accepted += usize::from(answer["accepted"] == true);
        let same = ours["accepted"] == answer["accepted"]
            && ours.get("seen").map(Value::to_string) == answer.get("seen").map(Value::to_string);
        if !same {
            wrong.push(format!("{version} {:?}\n  php  {answer}\n  ours {ours}", String::from_utf8_lossy(document)));
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), asks.len(), wrong[..wrong.len().min(12)].join("\n"));
    eprintln!("{} documents alike, {accepted} of them accepted", asks.len());
    assert!(accepted > asks.len() / 5, "only {accepted} of {} were accepted: the generator is too wild", asks.len());
}
