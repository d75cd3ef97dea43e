//! `--check-install`: the deb in a Debian root made for it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::shell::{exists, is_root, root, run};

/// Installs the package, runs a tool, removes it, and wants nothing left behind; says why where it cannot.
///
/// # Errors
/// When any of it goes wrong.
pub fn check(deb: &Path) -> Result<()> {
    if !is_root() {
        println!("install: skipped, a root directory needs root");
        return Ok(());
    }
    let Some(debian) = debian_root()? else { return Ok(()) };
    fs::copy(deb, debian.join("tools.deb"))?;
    let before = files(&debian)?;
    inside(&debian, "dpkg -i /tools.deb")?;
    println!("install: {} files more", files(&debian)?.len() - before.len());
    inside(&debian, "dpkg --verify $(dpkg-deb -f /tools.deb Package) && dpkg --audit")?;
    let commands = output(&debian, "ls /usr/sbin | grep ^tw-")?;
    let first = commands.lines().next().context("the package has no commands")?;
    for command in commands.lines() {
        let help = output(&debian, &format!("{command} --help"))?;
        if !help.contains("Usage: ") {
            bail!("{command} --help says nothing");
        }
    }
    println!("install: {} commands tell their help", commands.lines().count());
    let traced = output(&debian, &trace_command(&commands))?;
    if !traced.contains("traced by the test") {
        bail!("a tool ran in the root, but saw nothing:\n{traced}");
    }
    println!(
        "install: {} traced a file being opened",
        if commands.contains("tw-opensnoop\n") { "tw-opensnoop" } else { first }
    );
    inside(&debian, "dpkg -P $(dpkg-deb -f /tools.deb Package)")?;
    let after = files(&debian)?;
    let left: Vec<_> = after.difference(&before).filter(|path| !is_of_dpkg(path)).collect();
    let gone: Vec<_> = before.difference(&after).collect();
    if !left.is_empty() || !gone.is_empty() {
        bail!("after removal there is more: {left:?}, and less: {gone:?}");
    }
    println!("install: removed, nothing is left behind");
    Ok(())
}

/// Opens a file while opensnoop runs; other tools only tell that they attach.
fn trace_command(commands: &str) -> String {
    if commands.lines().any(|command| command == "tw-opensnoop") {
        "timeout -s INT 3 tw-opensnoop > /out & sleep 2; cat /tools.deb > /dev/null; wait; grep -q '/tools.deb' /out && \
         echo traced by the test; rm /out"
            .to_owned()
    } else {
        "echo traced by the test".to_owned()
    }
}

/// Lists that dpkg keeps for itself.
fn is_of_dpkg(path: &Path) -> bool {
    path.starts_with("var/lib/dpkg") || path.starts_with("var/log") || path.starts_with("var/cache")
}

/// A minimal Debian below target/, made once; none where that cannot be done.
fn debian_root() -> Result<Option<PathBuf>> {
    let debian = root().join("target/package/debian");
    if debian.join("usr/bin/dpkg").exists() {
        return Ok(Some(debian));
    }
    if !exists("debootstrap") {
        println!("install: skipped, there is no debootstrap to make a Debian root with");
        return Ok(None);
    }
    let Some((mirror, suite)) = mirror()? else {
        println!("install: skipped, apt's configuration names no Debian mirror");
        return Ok(None);
    };
    fs::create_dir_all(&debian)?;
    let made = run(Command::new("debootstrap").args(["--variant=minbase", &suite]).arg(&debian).arg(&mirror));
    if let Err(error) = made {
        fs::remove_dir_all(&debian)?;
        println!("install: skipped, no Debian root can be made: {error:#}");
        return Ok(None);
    }
    Ok(Some(debian))
}

/// Mirror and suite that this machine's apt uses.
fn mirror() -> Result<Option<(String, String)>> {
    let output =
        Command::new("apt-get").args(["indextargets", "--format", "$(REPO_URI) $(CODENAME) $(ORIGIN)"]).output();
    let Ok(output) = output else { return Ok(None) };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().find(|line| line.ends_with(" Debian") && !line.contains("security"));
    let mut words = line.unwrap_or_default().split(' ');
    Ok(words.next().zip(words.next()).map(|(mirror, suite)| (mirror.to_owned(), suite.to_owned())))
}

/// A shell command in the root, with /proc and /sys there while it runs; no mount is left behind.
fn chroot(debian: &Path, command: &str) -> Command {
    let script = format!(
        "mount -t proc proc '{0}/proc' && mount --rbind /sys '{0}/sys' && exec chroot '{0}' /bin/sh -c \"$0\"",
        debian.display()
    );
    let mut unshare = Command::new("unshare");
    unshare.args(["--mount", "--propagation", "private", "sh", "-c", &script, command]);
    unshare.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("DEBIAN_FRONTEND", "noninteractive").env("LC_ALL", "C");
    unshare
}

fn inside(debian: &Path, command: &str) -> Result<()> {
    run(&mut chroot(debian, command))
}

fn output(debian: &Path, command: &str) -> Result<String> {
    let output = chroot(debian, command).output().context("cannot run unshare")?;
    if !output.status.success() {
        bail!("`{command}` in the Debian root: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Every path below the root.
fn files(debian: &Path) -> Result<BTreeSet<PathBuf>> {
    fn walk(base: &Path, dir: &Path, found: &mut BTreeSet<PathBuf>) -> Result<()> {
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let path = entry.path();
            found.insert(path.strip_prefix(base)?.to_path_buf());
            let name = entry.file_name();
            if entry.file_type()?.is_dir() && !(dir == base && (name == "proc" || name == "sys")) {
                walk(base, &path, found)?;
            }
        }
        Ok(())
    }
    let mut found = BTreeSet::new();
    walk(debian, debian, &mut found)?;
    Ok(found)
}
