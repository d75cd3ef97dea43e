//! `setup`: installs what compiling tools needs.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};
use clap::Args;

use crate::shell::{exists, is_root, line, run};

/// Arguments of `setup`.
#[derive(Debug, Default, Args)]
pub struct SetupArgs {
    /// Also what the tests on other kernels and of the packages need: QEMU, a static busybox, debootstrap…
    #[arg(long)]
    pub vm: bool,
    /// Only say what is missing; the exit status is 1 if something is
    #[arg(long)]
    pub check: bool,
}

/// Something that must be there.
struct Need {
    what: &'static str,
    present: fn() -> bool,
    /// Packages for apt, dnf, pacman, apk; several separated by blanks.
    packages: [&'static str; 4],
}

const NEEDS: &[Need] = &[
    Need { what: "clang", present: || exists("clang"), packages: ["clang", "clang", "clang", "clang"] },
    Need {
        what: "a C compiler for the host",
        present: || exists("cc"),
        packages: ["gcc libc6-dev", "gcc glibc-devel glibc-static", "gcc", "gcc musl-dev linux-headers"],
    },
    Need { what: "make", present: || exists("make"), packages: ["make", "make", "make", "make"] },
    Need {
        what: "pkg-config",
        present: || exists("pkg-config"),
        packages: ["pkg-config", "pkgconf-pkg-config", "pkgconf", "pkgconf"],
    },
    Need {
        what: "libelf with headers, static",
        present: || header("libelf.h") && static_library("libelf.a").is_some(),
        packages: [
            "libelf-dev",
            "elfutils-libelf-devel elfutils-libelf-devel-static",
            "libelf",
            "elfutils-dev libelf-static",
        ],
    },
    Need {
        what: "zlib with headers, static",
        present: || header("zlib.h") && static_library("libz.a").is_some(),
        packages: ["zlib1g-dev", "zlib-devel zlib-static", "zlib", "zlib-dev zlib-static"],
    },
    Need {
        what: "libzstd, static, which this libelf uses",
        present: || !libelf_uses_zstd() || static_library("libzstd.a").is_some(),
        packages: ["libzstd-dev", "libzstd-devel libzstd-static", "zstd", "zstd-dev zstd-static"],
    },
    Need {
        what: "the C library, static",
        present: || static_library("libc.a").is_some(),
        packages: ["libc6-dev", "glibc-static", "glibc", "musl-dev"],
    },
];

const VM_NEEDS: &[Need] = &[
    Need {
        what: "QEMU",
        present: || exists("qemu-system-x86_64"),
        packages: ["qemu-system-x86", "qemu-system-x86-core", "qemu-system-x86", "qemu-system-x86_64"],
    },
    Need {
        what: "busybox, static",
        present: || exists("busybox"),
        packages: ["busybox-static", "busybox", "busybox", "busybox-static"],
    },
    // Modules of newer kernels are packed.
    Need { what: "xz", present: || exists("xz"), packages: ["xz-utils", "xz", "xz", "xz"] },
    // What the cases bring into the guests.
    Need {
        what: "mkfs.ext4",
        present: || exists_for_root("mkfs.ext4"),
        packages: ["e2fsprogs", "e2fsprogs", "e2fsprogs", "e2fsprogs"],
    },
    Need {
        what: "mkfs.xfs",
        present: || exists_for_root("mkfs.xfs"),
        packages: ["xfsprogs", "xfsprogs", "xfsprogs", "xfsprogs"],
    },
    Need { what: "openssl", present: || exists("openssl"), packages: ["openssl", "openssl", "openssl", "openssl"] },
    // The packages are installed into a Debian root.
    Need {
        what: "debootstrap",
        present: || exists_for_root("debootstrap"),
        packages: ["debootstrap", "debootstrap", "debootstrap", "debootstrap"],
    },
];

/// A package manager: its program, how it installs, and how it learns what there is.
struct Manager {
    program: &'static str,
    install: &'static [&'static str],
    refresh: &'static [&'static str],
}

/// In the order of [`Need::packages`].
const MANAGERS: [Manager; 4] = [
    Manager { program: "apt-get", install: &["install", "-y", "--no-install-recommends"], refresh: &["update"] },
    Manager { program: "dnf", install: &["install", "-y"], refresh: &["makecache"] },
    Manager { program: "pacman", install: &["-S", "--needed", "--noconfirm"], refresh: &["-Sy"] },
    Manager { program: "apk", install: &["add"], refresh: &["update"] },
];

/// Installs what is missing.
///
/// # Errors
/// When it cannot; the message has the command to run by hand.
pub fn setup(args: &SetupArgs) -> Result<()> {
    // Which libraries libelf itself needs is known once it is there: hence a second look.
    for _ in 0..2 {
        let missing = missing(args.vm);
        if missing.is_empty() {
            break;
        }
        for need in &missing {
            println!("missing: {}", need.what);
        }
        if args.check {
            bail!("`cargo xtask setup` installs what is missing");
        }
        install(&missing)?;
    }
    let still_missing: Vec<&str> = missing(args.vm).iter().map(|need| need.what).collect();
    if !still_missing.is_empty() {
        bail!("still missing after installing: {}", still_missing.join(", "));
    }
    println!("setup: everything needed is installed");
    Ok(())
}

/// What must be installed, in words.
pub fn missing_names(vm: bool) -> Vec<&'static str> {
    missing(vm).iter().map(|need| need.what).collect()
}

fn missing(vm: bool) -> Vec<&'static Need> {
    let vm_needs = if vm { VM_NEEDS } else { &[] };
    NEEDS.iter().chain(vm_needs).filter(|need| !(need.present)()).collect()
}

fn install(needs: &[&Need]) -> Result<()> {
    let Some(index) = MANAGERS.iter().position(|manager| exists(manager.program)) else {
        bail!("no apt-get, dnf, pacman or apk here: please install the above by hand");
    };
    let manager = &MANAGERS[index];
    let mut packages: Vec<&str> = needs.iter().flat_map(|need| need.packages[index].split(' ')).collect();
    packages.sort_unstable();
    packages.dedup();

    let mut by_hand = Command::new("sudo");
    by_hand.arg(manager.program).args(manager.install).args(&packages);
    if !is_root() && !exists("sudo") {
        bail!("not root, and there is no sudo. As root, run:\n    {}", line(&by_hand).trim_start_matches("sudo "));
    }
    let privileged = |args: &[&str]| {
        let mut command = if is_root() {
            Command::new(manager.program)
        } else {
            let mut command = Command::new("sudo");
            command.arg(manager.program);
            command
        };
        command.args(args).env("DEBIAN_FRONTEND", "noninteractive");
        println!("$ {}", line(&command));
        run(&mut command)
    };
    let install_args: Vec<&str> = manager.install.iter().copied().chain(packages.iter().copied()).collect();
    // Fresh images come without package lists: refresh once when the first try fails.
    if privileged(&install_args).is_ok() {
        return Ok(());
    }
    let again = privileged(manager.refresh).and_then(|()| privileged(&install_args));
    if let Err(error) = again {
        bail!("{error}\nTo do it by hand, run:\n    {}", line(&by_hand));
    }
    Ok(())
}

/// Where root looks too; the user who asks may not.
fn exists_for_root(program: &str) -> bool {
    exists(program) || ["/usr/sbin", "/sbin"].iter().any(|dir| Path::new(dir).join(program).exists())
}

fn header(name: &str) -> bool {
    ["/usr/include", "/usr/local/include", "/usr/include/libelf"].iter().any(|dir| Path::new(dir).join(name).exists())
}

fn static_library(name: &str) -> Option<PathBuf> {
    let dirs = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib", "/usr/local/lib"];
    dirs.iter().map(|dir| Path::new(dir).join(name)).find(|path| path.exists())
}

fn libelf_uses_zstd() -> bool {
    let Some(libelf) = static_library("libelf.a") else { return false };
    std::fs::read(libelf).is_ok_and(|bytes| bytes.windows(15).any(|window| window == b"ZSTD_decompress"))
}
