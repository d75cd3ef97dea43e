//! Scripts of the test cases, mutated: whatever a script says, it is compiled or refused, and nothing panics.

#![allow(clippy::disallowed_methods, reason = "the scripts are files")]

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use tracewright_compiler::kernel::{Description, NoHost};
use tracewright_compiler::{Options, check, emit};

const ROUNDS: usize = 1500;

/// A fixed stream of numbers (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }
}

#[test]
fn nothing_panics() {
    let mut corpus = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/cases"), &mut corpus);
    corpus.sort();
    let corpus: Vec<Vec<String>> =
        corpus.iter().filter_map(|path| fs::read_to_string(path).ok()).map(|text| words(&text)).collect();
    assert!(!corpus.is_empty(), "there are no test cases");
    let kernel = Description::bundled();
    let options = Options { name: "x".to_string(), ..Options::default() };
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for _ in 0..ROUNDS {
        let text = mutated(&corpus, &mut random);
        let compile = || {
            let compilation = check("x.bt", &text, &options, &kernel, &NoHost);
            compilation.program.map(|program| emit::emit(&program));
        };
        assert!(catch_unwind(AssertUnwindSafe(compile)).is_ok(), "this script makes the compiler panic:\n{text}");
    }
}

/// A script of the corpus with a few words removed, doubled, swapped or taken from another.
fn mutated(corpus: &[Vec<String>], random: &mut Random) -> String {
    const EXTREMES: [&str; 10] =
        ["0", "18446744073709551615", "9223372036854775808", "4294967296", "256", "100000", "$1", "\"\"", "()", "-"];
    let mut script = corpus[random.below(corpus.len())].clone();
    for _ in 0..=random.below(3) {
        if script.is_empty() {
            break;
        }
        let at = random.below(script.len());
        let other = &corpus[random.below(corpus.len())];
        match random.below(5) {
            0 => drop(script.remove(at)),
            1 => script.insert(at, script[at].clone()),
            2 => {
                let with = random.below(script.len());
                script.swap(at, with);
            }
            3 if !other.is_empty() => {
                let from = random.below(other.len());
                let to = (from + 1 + random.below(8)).min(other.len());
                script.splice(at..at, other[from..to].iter().cloned());
            }
            _ => script[at] = EXTREMES[random.below(EXTREMES.len())].to_string(),
        }
    }
    script.concat()
}

/// Splits a text into words, strings and single characters.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let (mut quoted, mut joined) = (false, false);
    for c in text.chars() {
        let joins = quoted || (joined && (c.is_alphanumeric() || c == '_'));
        match words.last_mut() {
            Some(word) if joins => word.push(c),
            _ => words.push(c.to_string()),
        }
        quoted ^= c == '"';
        joined = !quoted && (c.is_alphanumeric() || matches!(c, '_' | '$' | '@'));
    }
    words
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "bt") {
            files.push(path);
        }
    }
}
