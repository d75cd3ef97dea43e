//! Kinds of probes and their names.

/// What kind of event a probe waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names are the script's words")]
pub(crate) enum Provider {
    Begin,
    End,
    SelfSignal,
    Test,
    Bench,
    Kprobe,
    Kretprobe,
    Fentry,
    Fexit,
    Uprobe,
    Uretprobe,
    Usdt,
    Tracepoint,
    RawTracepoint,
    Profile,
    Interval,
    Software,
    Hardware,
    Watchpoint,
    Iter,
}

/// Provider, long name, short and old names.
const PROVIDERS: [(Provider, &str, &[&str]); 20] = [
    (Provider::Begin, "begin", &[]),
    (Provider::End, "end", &[]),
    (Provider::SelfSignal, "self", &[]),
    (Provider::Test, "test", &[]),
    (Provider::Bench, "bench", &[]),
    (Provider::Kprobe, "kprobe", &["k"]),
    (Provider::Kretprobe, "kretprobe", &["kr"]),
    (Provider::Fentry, "fentry", &["f", "kfunc"]),
    (Provider::Fexit, "fexit", &["fr", "kretfunc"]),
    (Provider::Uprobe, "uprobe", &["u"]),
    (Provider::Uretprobe, "uretprobe", &["ur"]),
    (Provider::Usdt, "usdt", &["U"]),
    (Provider::Tracepoint, "tracepoint", &["t"]),
    (Provider::RawTracepoint, "rawtracepoint", &["rt"]),
    (Provider::Profile, "profile", &["p"]),
    (Provider::Interval, "interval", &["i"]),
    (Provider::Software, "software", &["s"]),
    (Provider::Hardware, "hardware", &["h"]),
    (Provider::Watchpoint, "watchpoint", &["w"]),
    (Provider::Iter, "iter", &["it"]),
];

impl Provider {
    /// The provider of that long, short or old name; long names in capitals, too.
    pub fn by_name(name: &str) -> Option<Provider> {
        PROVIDERS
            .iter()
            .find(|(_, long, others)| long.eq_ignore_ascii_case(name) || others.contains(&name))
            .map(|(provider, ..)| *provider)
    }

    /// Those that a pattern of probe types may stand for.
    pub fn listed() -> impl Iterator<Item = Provider> {
        use Provider::{Fentry, Hardware, Kprobe, RawTracepoint, Software, Tracepoint, Uprobe, Usdt};
        [Kprobe, Uprobe, Usdt, Tracepoint, Software, Hardware, RawTracepoint, Fentry].into_iter()
    }

    /// The long name.
    pub fn name(self) -> &'static str {
        PROVIDERS.iter().find(|(provider, ..)| *provider == self).map_or("", |(_, long, _)| long)
    }

    /// All long names.
    pub fn names() -> impl Iterator<Item = &'static str> {
        PROVIDERS.iter().map(|(_, long, _)| *long)
    }

    /// What `probetype` says.
    pub fn type_name(self) -> &'static str {
        match self {
            Provider::Begin | Provider::End | Provider::SelfSignal => "special",
            other => other.name(),
        }
    }

    /// Run by hand rather than by an event.
    pub fn is_manual(self) -> bool {
        matches!(self, Provider::Begin | Provider::End | Provider::SelfSignal | Provider::Test | Provider::Bench)
    }

    /// In user space's address space.
    pub fn is_user(self) -> bool {
        matches!(self, Provider::Uprobe | Provider::Uretprobe | Provider::Usdt)
    }
}
