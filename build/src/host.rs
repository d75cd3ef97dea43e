//! What scripts need from the machine that compiles.

use tracewright_compiler::kernel::{CError, CRequest, CTypes, Host, UserFunction};

/// Files, clang and binaries of this machine.
#[derive(Clone, Debug, Default)]
pub struct HostEnv {}

impl Host for HostEnv {
    fn c_types(&self, _request: &CRequest) -> Result<CTypes, Vec<CError>> {
        Err(vec![CError { line: 0, column: 0, message: "C definitions cannot be read yet".to_owned() }])
    }

    fn read(&self, path: &str) -> Result<String, String> {
        std::fs::read_to_string(path).map_err(|error| error.to_string())
    }

    fn list(&self, _path: &str) -> Result<Option<Vec<String>>, String> {
        Ok(None)
    }

    fn user_function(&self, _path: &str, _symbol: &str) -> Option<UserFunction> {
        None
    }

    fn user_symbols(&self, _path: &str, _pattern: &str) -> Vec<String> {
        Vec::new()
    }
}
