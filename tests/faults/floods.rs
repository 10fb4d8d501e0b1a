//! More output than anybody wants, and output that is no text.

use std::io::Write as _;

use feature_build::run::Event;

use crate::bench::{Bench, Run, id, wait_until};
use crate::chance::{Chance, is_long};
use crate::family;

/// Supervisor and guard stay below this, whatever a task writes: in KiB.
const MEMORY: i64 = 32 << 10;
/// Half of the standard limit: as much is kept of a flood's head, and of its tail.
const HALF: usize = 32 << 20;

/// Fault 2: a gigabyte from each of four tasks, with and without line ends.
#[test]
fn a_flood_costs_no_memory_and_is_counted_to_the_byte() {
    let mut chance = Chance::new("floods");
    let megabytes = if is_long() { 1024 } else { 100 };
    let sources = ["yes 0123456789", "yes", "cat /dev/zero", "yes \"$(head -c 100000 /dev/zero | tr '\\0' x)\""];
    let mut bench = Bench::new();
    bench.wave("1");
    let mut lengths = Vec::new();
    for (number, source) in sources.iter().enumerate() {
        chance.tried();
        let length = (megabytes << 20) + usize::try_from(chance.below(1000)).unwrap();
        lengths.push(length);
        let end = "echo; echo the end; until [ -e go ]; do sleep 0.02; done";
        bench.task(&format!("T{number}"), &format!("{source} | head -c {length}; {end}"));
    }
    let run = bench.start();
    let paths = bench.paths(&run);
    wait_until("every guard has read to the end", || {
        let records = feature_build::run::read_journal(&paths.journal()).unwrap();
        let at_end = |event: &Event| matches!(event, Event::TaskProgress { text, .. } if text == "the end");
        records.iter().filter(|record| at_end(&record.event)).count() == sources.len()
    });
    let supervisor = family::supervisor(paths.dir()).unwrap();
    let guards = family::guards(supervisor);
    assert_eq!(guards.len(), sources.len());
    for pid in guards.into_iter().chain([supervisor]) {
        let peak = family::peak_memory(pid).unwrap();
        assert!(peak < MEMORY, "process {pid} had {peak} KiB");
    }
    std::fs::write(bench.path("go"), "").unwrap();
    let run = bench.follow(&run);
    assert_eq!(run.exit_code(), 0);
    for (number, length) in lengths.into_iter().enumerate() {
        check_log(&run, &format!("T{number}"), length + "\nthe end\n".len());
    }
}

fn check_log(run: &Run, task: &str, length: usize) {
    const BEGIN: &[u8] = b"\n[feature-build: ";
    const END: &[u8] = b" bytes left out]\n";
    let log = std::fs::read(run.paths.log(&id(task), 1)).unwrap();
    assert!(log[HALF..].starts_with(BEGIN), "{task}: the head is as long as it may be");
    let behind = &log[HALF + BEGIN.len()..];
    let digits = behind.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let left_out: usize = std::str::from_utf8(&behind[..digits]).unwrap().parse().unwrap();
    let tail = behind[digits..].strip_prefix(END).expect("the mark has an end");
    assert_eq!(tail.len(), HALF, "{task}: the tail is as long as it may be");
    assert_eq!(HALF + left_out + tail.len(), length, "{task}: every byte is kept or counted");
    assert!(tail.ends_with(b"\nthe end\n"), "{task}");
}

/// Fault 11: NUL, what is no UTF-8, control sequences; and a line of 100 MB, which the floods above have without end.
#[test]
fn bytes_are_kept_as_they_came_and_shown_safely() {
    let mut chance = Chance::new("bytes");
    let pieces: [&[u8]; 8] = [
        b"\0",
        b"\xff\xfe\xc3",
        b"\x1b[2J\x1b]0;title\x07",
        b"\x1b[31m",
        b"\r",
        b"\n",
        b"plain ",
        "\u{202e}ü".as_bytes(),
    ];
    for _ in 0..if is_long() { 20 } else { 3 } {
        chance.tried();
        let mut bench = Bench::new();
        let mut bytes = Vec::new();
        while bytes.len() < 2_000_000 {
            match chance.below(20) {
                0 => bytes.resize(bytes.len() + usize::try_from(chance.below(100_000)).unwrap(), b'x'),
                _ => bytes.extend_from_slice(chance.pick::<&[u8]>(&pieces)),
            }
        }
        bytes.extend_from_slice(b"\n\x1b[1mlast\x1b[0m\0\xff words\n");
        std::fs::File::create(bench.path("bytes")).unwrap().write_all(&bytes).unwrap();
        bench.wave("1").task("A", "cat bytes; until [ -e go ]; do sleep 0.01; done");
        let run = bench.start();
        let journal = bench.paths(&run).journal();
        let texts = || -> Vec<String> {
            let records = feature_build::run::read_journal(&journal).unwrap();
            let texts = records.into_iter().filter_map(|record| match record.event {
                Event::TaskProgress { text, .. } => Some(text),
                _ => None,
            });
            texts.collect()
        };
        wait_until("the last words were shown", || texts().iter().any(|text| text.starts_with("last")));
        std::fs::write(bench.path("go"), "").unwrap();
        let run = bench.follow(&run);
        assert!(std::fs::read(run.paths.log(&id("A"), 1)).unwrap() == bytes, "the log has the bytes as they came");
        let unsafe_text = |text: &String| text.chars().any(|letter| letter.is_control() || letter == '\u{202e}');
        assert!(!texts().iter().any(unsafe_text), "{:?}", texts());
    }
}
