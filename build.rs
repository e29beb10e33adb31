//! Tells the program when it was built, and packs the relocations of the static binary where the C library can unpack them.
//!
//! The time of the build is `SOURCE_DATE_EPOCH` where that is set, so that a build can be repeated byte for byte
//! (reproducible-builds.org). A clock before it is wrong, which the program says.
//!
//! A static position-independent binary holds an entry of 24 bytes for each of its pointers; as DT_RELR they take next to
//! nothing (3.81 MB instead of 3.92 MB). Static start-up code applies them since glibc 2.36; before, the binary would
//! crash at its start, so older systems build without.

use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=SOURCE_DATE_EPOCH");
    println!("cargo:rustc-env=BUILD_SECONDS={}", build_seconds());
    if glibc().is_some_and(|version| version >= (2, 36)) {
        println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
    if linker_takes(ONE_OF_EQUALS) {
        println!("cargo:rustc-link-arg-bins={ONE_OF_EQUALS}");
    }
}

/// Functions of the same code are linked once. Rust promises no function an address of its own.
const ONE_OF_EQUALS: &str = "-Wl,--icf=all";

/// Whether the linker of this build knows an argument: lld does, which is the compiler's own, GNU ld does not.
fn linker_takes(argument: &str) -> bool {
    let linked = || {
        let folder = std::env::var("OUT_DIR").ok()?;
        let source = format!("{folder}/probe.rs");
        std::fs::write(&source, "fn main() {}").ok()?;
        let mut compiler = Command::new(std::env::var("RUSTC").ok()?);
        compiler.args([
            "--target",
            &std::env::var("TARGET").ok()?,
            "-o",
            &format!("{folder}/probe"),
        ]);
        if let Ok(linker) = std::env::var("RUSTC_LINKER") {
            compiler.arg(format!("-Clinker={linker}"));
        }
        compiler.arg(format!("-Clink-arg={argument}")).arg(&source);
        Some(compiler.output().ok()?.status.success())
    };
    linked().unwrap_or(false)
}

/// The time of the build (seconds since 1970).
fn build_seconds() -> u64 {
    let told = std::env::var("SOURCE_DATE_EPOCH").ok();
    let told = told.and_then(|seconds| seconds.trim().parse().ok());
    told.unwrap_or_else(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.map_or(0, |since| since.as_secs())
    })
}

/// The version of the C library that is linked; none where it is another one, or another system's.
fn glibc() -> Option<(u32, u32)> {
    let own = std::env::var("HOST").ok()? == std::env::var("TARGET").ok()?;
    let asked = Command::new("getconf").arg("GNU_LIBC_VERSION").output();
    let told = String::from_utf8(asked.ok().filter(|_| own)?.stdout).ok()?;
    let (major, minor) = told.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
