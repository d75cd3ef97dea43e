//! The machine behind [`Host`]: clang, files, binaries.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tracewright_compiler::kernel::{CError, CRequest, CTypes, Host, UserFunction};

use crate::c_types;

/// This machine.
#[derive(Clone, Debug, Default)]
pub struct HostEnv {
    _private: (),
}

impl Host for HostEnv {
    fn c_types(&self, request: &CRequest) -> Result<CTypes, Vec<CError>> {
        let mut request = request.clone();
        for directory in &mut request.include_dirs {
            *directory = c_types::absolute(directory).to_string_lossy().into_owned();
        }
        for file in &mut request.includes {
            if Path::new(file.as_str()).exists() {
                *file = c_types::absolute(file).to_string_lossy().into_owned();
            }
        }
        c_types::compile(&request)
    }

    fn read(&self, path: &str) -> Result<String, String> {
        let bytes = fs::read(path).map_err(|error| format!("{path}: {error}"))?;
        String::from_utf8(bytes).map_err(|_| format!("{path}: not UTF-8"))
    }

    fn list(&self, path: &str) -> Result<Option<Vec<String>>, String> {
        let about = match fs::metadata(path) {
            Ok(about) if about.is_dir() => about,
            _ => return Ok(None),
        };
        // Anybody could put code there that then runs with the privileges of whoever builds.
        if about.permissions().mode() & 0o002 != 0 {
            return Err(format!("{path}: world-writable"));
        }
        let entries = fs::read_dir(path).map_err(|error| format!("{path}: {error}"))?;
        let mut names: Vec<String> =
            entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        Ok(Some(names))
    }

    fn user_function(&self, path: &str, symbol: &str) -> Option<UserFunction> {
        crate::dwarf::function(Path::new(path), symbol)
    }

    fn user_symbols(&self, path: &str, pattern: &str) -> Vec<String> {
        crate::dwarf::symbols(Path::new(path), pattern)
    }

    fn user_symbol_size(&self, path: &str, symbol: &str) -> Option<u64> {
        crate::dwarf::symbol_size(Path::new(path), symbol)
    }
}
