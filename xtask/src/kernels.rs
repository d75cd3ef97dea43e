//! Kernels to test on: Debian's packages, through the mirror that this machine's apt uses, kept under `target/kernels`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// A kernel series and where Debian has it.
#[derive(Clone, Copy, Debug)]
struct Series {
    name: &'static str,
    suite: &'static str,
    /// Packages: the image, and the modules where they are apart. `*` stands for the newest.
    packages: &'static [(&'static str, &'static str)],
}

const SERIES: [Series; 4] = [
    Series { name: "5.10", suite: "bullseye", packages: &[("linux-image-5.10.", "-amd64")] },
    Series { name: "6.1", suite: "bookworm", packages: &[("linux-image-6.1.", "-amd64")] },
    Series { name: "6.12", suite: "trixie", packages: &[("linux-image-6.12.", "-amd64")] },
    Series { name: "7", suite: "sid", packages: &[("linux-binary-7.", "-amd64"), ("linux-modules-7.", "-amd64")] },
];

/// All series, oldest first.
pub fn names() -> impl Iterator<Item = &'static str> {
    SERIES.iter().map(|series| series.name)
}

/// A kernel that is ready to boot.
#[derive(Clone, Debug)]
pub struct Kernel {
    /// `6.12`
    pub name: String,
    /// `6.12.107+deb13-amd64`
    pub release: String,
    /// The image.
    pub image: PathBuf,
    /// `lib/modules/<release>`
    pub modules: PathBuf,
}

/// Fetches a kernel unless it was fetched before; `root` is the repository.
pub fn fetch(root: &Path, name: &str) -> Result<Kernel> {
    let series = SERIES.iter().find(|series| series.name == name || name.starts_with('7') && series.name == "7");
    let Some(series) = series else {
        bail!("there is no kernel {name}: choose of {}", names().collect::<Vec<_>>().join(", "));
    };
    let directory = root.join("target/kernels").join(series.name);
    let unpacked = directory.join("root");
    if find(series, &unpacked).is_none() {
        eprintln!("fetching kernel {} …", series.name);
        download(series, &directory)?;
    }
    find(series, &unpacked).with_context(|| format!("the packages of kernel {} have no kernel in them", series.name))
}

fn find(series: &Series, unpacked: &Path) -> Option<Kernel> {
    // Where the image lies depends on the age of the packaging.
    let modules = ["lib/modules", "usr/lib/modules"].iter().flat_map(|place| entries(&unpacked.join(place))).next()?;
    let places = [unpacked.join("boot"), modules.clone()];
    let image = places.iter().flat_map(|place| entries(place)).find(|path| file_name(path).starts_with("vmlinuz"))?;
    Some(Kernel { name: series.name.to_owned(), release: file_name(&modules), image, modules })
}

fn download(series: &Series, directory: &Path) -> Result<()> {
    let apt = Apt::new(series.suite, directory)?;
    apt.run("apt-get", &["-qq", "update"], directory)?;
    let known = apt.run("apt-cache", &["pkgnames", "linux-"], directory)?;
    let packages = directory.join("packages");
    fs::create_dir_all(&packages)?;
    for (prefix, suffix) in series.packages {
        let newest = newest(&known, prefix, suffix).with_context(|| format!("{} has no {prefix}*", series.suite))?;
        apt.run("apt-get", &["-qq", "download", newest], &packages)?;
    }
    for package in entries(&packages) {
        let mut unpack = Command::new("dpkg-deb");
        unpack.arg("-x").arg(&package).arg(directory.join("root"));
        output(&mut unpack)?;
    }
    fs::remove_dir_all(&packages)?;
    Ok(())
}

/// The newest of the plain kernels: no `cloud`, `rt` or `unsigned` ones.
fn newest<'a>(known: &'a str, prefix: &str, suffix: &str) -> Option<&'a str> {
    let plain = |name: &&str| {
        let middle = name.strip_prefix(prefix).and_then(|rest| rest.strip_suffix(suffix));
        middle.is_some_and(|version| !version.contains("cloud") && !version.contains("rt"))
    };
    known.lines().filter(plain).max_by_key(|name| numbers(name))
}

fn numbers(text: &str) -> Vec<u32> {
    text.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok()).collect()
}

/// apt with lists and archives of its own.
struct Apt {
    options: Vec<String>,
}

impl Apt {
    fn new(suite: &str, directory: &Path) -> Result<Apt> {
        let state = directory.join("apt");
        for place in ["state/lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(state.join(place))?;
        }
        let list = state.join("sources.list");
        fs::write(&list, format!("deb {} {suite} main\n", mirror()?))?;
        let path = |name: &str| state.join(name).display().to_string();
        let options = vec![
            format!("Dir::State={}", path("state")),
            "Dir::State::status=/dev/null".to_owned(),
            format!("Dir::Cache={}", path("cache")),
            format!("Dir::Etc::sourcelist={}", list.display()),
            "Dir::Etc::sourceparts=/dev/null".to_owned(),
            "Acquire::Languages=none".to_owned(),
        ];
        Ok(Apt { options })
    }

    fn run(&self, program: &str, arguments: &[&str], directory: &Path) -> Result<String> {
        let mut command = Command::new(program);
        for option in &self.options {
            command.args(["-o", option]);
        }
        output(command.args(arguments).current_dir(directory))
    }
}

/// The Debian archive that this machine installs from.
fn mirror() -> Result<String> {
    let targets = output(Command::new("apt-get").args(["indextargets", "--format", "$(REPO_URI) $(LABEL)"]))?;
    let archive = targets.lines().find_map(|line| line.strip_suffix(" Debian"));
    let archive = archive.or_else(|| {
        let mut uris = targets.lines().filter_map(|line| line.split(' ').next());
        uris.find(|uri| uri.trim_end_matches('/').ends_with("/debian"))
    });
    Ok(archive.context("this machine's apt knows no Debian archive: kernels to test on come from there")?.to_owned())
}

/// Runs a command; its output.
pub fn output(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let done = command.output().with_context(|| format!("cannot run {program}"))?;
    if !done.status.success() {
        bail!("{program} failed: {}", String::from_utf8_lossy(&done.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}

impl Kernel {
    /// The named modules and what they need, uncompressed, in the order to load them. Built-in ones are passed over.
    pub fn modules(&self, names: &[&str]) -> Result<Vec<(String, Vec<u8>)>> {
        let files: Vec<PathBuf> = walk(&self.modules);
        let mut loaded = Vec::new();
        let mut seen = BTreeSet::new();
        for name in names {
            add_module(name, &files, &mut seen, &mut loaded)?;
        }
        Ok(loaded)
    }
}

fn add_module(
    name: &str,
    files: &[PathBuf],
    seen: &mut BTreeSet<String>,
    loaded: &mut Vec<(String, Vec<u8>)>,
) -> Result<()> {
    if !seen.insert(name.replace('-', "_")) {
        return Ok(());
    }
    let is_it = |path: &&PathBuf| {
        let file = file_name(path);
        file.split_once(".ko").is_some_and(|(stem, _)| stem.replace('-', "_") == name.replace('-', "_"))
    };
    let Some(path) = files.iter().find(is_it) else { return Ok(()) };
    let data = match path.extension().and_then(|e| e.to_str()) {
        Some("xz") => decompressed("xz", path)?,
        Some("zst") => decompressed("zstd", path)?,
        _ => fs::read(path)?,
    };
    for needed in dependencies(&data) {
        add_module(&needed, files, seen, loaded)?;
    }
    loaded.push((name.replace('-', "_"), data));
    Ok(())
}

fn decompressed(program: &str, path: &Path) -> Result<Vec<u8>> {
    let done = Command::new(program).arg("-dc").arg(path).output().with_context(|| format!("cannot run {program}"))?;
    if !done.status.success() {
        bail!("{program} cannot read {}", path.display());
    }
    Ok(done.stdout)
}

/// `depends=` of a module's `.modinfo`.
fn dependencies(module: &[u8]) -> Vec<String> {
    let key = b"\0depends=";
    let Some(at) = module.windows(key.len()).position(|window| window == key) else { return Vec::new() };
    let list = &module[at + key.len()..];
    let list = &list[..list.iter().position(|&b| b == 0).unwrap_or(0)];
    String::from_utf8_lossy(list).split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

fn walk(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for path in entries(directory) {
        if path.is_dir() && !path.is_symlink() {
            files.extend(walk(&path));
        } else {
            files.push(path);
        }
    }
    files
}
