//! Which programs hands run, and what they answer to bad lines.

use super::*;
use crate::world::protocol::read_line;

const PROGRAMS: [Program; 3] = [
    Program { name: "daemon", shapes: &[&["-v"], &["-t", "*"]] },
    Program { name: "*.sh", shapes: &[&["start"]] },
    Program { name: "tool", shapes: &[&["**"], &[]] },
];

#[test]
fn only_listed_programs_in_listed_shapes() {
    let takes = |line: &str| {
        let mut words = line.split(' ').map(str::to_owned);
        let program = words.next().unwrap();
        let arguments: Vec<String> = words.collect();
        PROGRAMS.iter().any(|it| it.takes(Path::new(&program), &arguments))
    };
    for good in ["/a/daemon -v", "/b/daemon -t /x", "/rc.d/any.sh start", "/t/tool", "/t/tool -p 1 reconfig"] {
        assert!(takes(good), "{good}");
    }
    for bad in [
        "/a/daemon",
        "/a/daemon -c /x",
        "/a/daemon -t /x -d",
        "/a/mydaemon -v",
        "/a/daemon/x -v",
        "/rc.d/any.sh restart",
        "/bin/sh -c id",
        "/any.sh/sh start",
        "/t/tools",
    ] {
        assert!(!takes(bad), "{bad}");
    }
}

/// Everything that is said to these lines, as `number: what`.
fn said(lines: &[u8]) -> Vec<String> {
    let mut output = Vec::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(serve(std::io::Cursor::new(lines.to_vec()), &mut output, &PROGRAMS)).unwrap();
    let (mut rest, mut all) = (output.as_slice(), Vec::new());
    while let Line::Whole(line) = read_line(&mut rest, LINE_LIMIT).unwrap() {
        let answer: Answer = serde_json::from_slice(&line).unwrap();
        let what = match answer.said {
            Ok(Said::Hello { protocol, .. }) => format!("hello {protocol}"),
            Ok(Said::Done) => "done".into(),
            Ok(_) => "something".into(),
            Err(error) => error.what().to_owned(),
        };
        all.push(format!("{}: {what}", answer.id));
    }
    all
}

const HELLO: &str = r#"{"id":1,"ask":{"do":"hello","protocol":1,"version":"0"}}"#;

#[test]
fn lines_that_are_none_are_answered_and_end_nothing() {
    let unknown = r#"{"id":2,"ask":{"do":"shell"}}"#;
    let beat = r#"{"id":3,"ask":{"do":"beat"}}"#;
    let lines = [HELLO, unknown, "", "\u{0}\u{1}", "{", beat].join("\n") + "\n";
    let none = "0: a line that is not a request of this protocol";
    assert_eq!(said(lines.as_bytes()), ["1: hello 1", none, none, none, none, "3: done"]);
    assert_eq!(said(format!("{HELLO}\n{}", &beat[..9]).as_bytes()), ["1: hello 1", "0: half a line"]);
    assert_eq!(said(&[HELLO.as_bytes(), b"\n\xff\xfe\n"].concat()), ["1: hello 1", none]);
    assert!(said(b"").is_empty());
}

#[test]
fn nothing_is_done_before_the_greeting_or_after_one_of_another_protocol() {
    let read = r#"{"id":2,"ask":{"do":"read","path":"/etc/hostname"}}"#;
    let ask = r#"{"id":3,"ask":{"do":"exchange","server":"127.0.0.1:1","message":""}}"#;
    let early = "a request before the greeting";
    assert_eq!(said(format!("{read}\n{ask}\n").as_bytes()), [format!("2: {early}"), format!("3: {early}")]);
    let other = HELLO.replace(r#""protocol":1"#, r#""protocol":2"#);
    assert_eq!(said(format!("{other}\n{read}\n").as_bytes()), ["1: hello 1".to_owned(), format!("2: {early}")]);
}

#[test]
fn a_line_without_end_is_passed_over() {
    let mut lines = format!("{HELLO}\n").into_bytes();
    lines.resize(lines.len() + usize::try_from(LINE_LIMIT).unwrap() + 1000, b'a');
    lines.extend_from_slice(b"\n{\"id\":9,\"ask\":{\"do\":\"beat\"}}\n");
    assert_eq!(said(&lines), ["1: hello 1", "0: a line of more than 96 MiB", "9: done"]);
}

/// Signs of life keep it; silence ends it and releases everything. The minutes pass on the test's clock.
#[test]
fn silence_for_a_minute_is_the_end_and_lets_go() {
    let folder = tempfile::tempdir().unwrap();
    let (lock, file) = (folder.path().join("lock"), folder.path().join("file"));
    let requests = [
        HELLO.to_owned(),
        format!(
            r#"{{"id":2,"ask":{{"do":"lock","path":"{}","mode":384,"limit":{{"secs":0,"nanos":0}}}}}}"#,
            lock.display()
        ),
        format!(
            r#"{{"id":3,"ask":{{"do":"stage","path":"{}","bytes":"eA==","replaces":null,"mode":384,"keep-mode":false}}}}"#,
            file.display()
        ),
    ];
    let staged = || std::fs::read_dir(folder.path()).unwrap().count() > 1;
    let free = || Local.lock(&lock, 0o600, Duration::ZERO).unwrap().is_some();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let (sender, receiver) = mpsc::channel(1);
        let mut output = Vec::new();
        let start = tokio::time::Instant::now();
        let other_side = async {
            for request in &requests {
                sender.send(Line::Whole(zeroize::Zeroizing::new(request.clone().into_bytes()))).await.unwrap();
            }
            for _ in 0..3 {
                tokio::time::sleep(SILENCE - Duration::from_secs(1)).await;
                assert!(staged() && !free());
                let beat = br#"{"id":9,"ask":{"do":"beat"}}"#.to_vec();
                sender.send(Line::Whole(zeroize::Zeroizing::new(beat))).await.unwrap();
            }
            std::future::pending::<()>().await;
        };
        let error = tokio::select! {
            ended = answer(receiver, &mut output, &PROGRAMS) => ended.unwrap_err(),
            () = other_side => unreachable!("it waits forever"),
        };
        assert_eq!(error.what(), "nothing was heard for 60 s");
        assert_eq!(start.elapsed().as_secs(), 3 * 59 + 60);
        assert_eq!(String::from_utf8(output).unwrap().lines().count(), requests.len() + 3);
    });
    assert!(!staged() && free());
}
