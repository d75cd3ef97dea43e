//! Which kernel a script is compiled for.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use tracewright_compiler::kernel::Description;

use crate::snapshot::{SnapshotError, snapshot};

/// `--kernel bundled|host|FILE`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum KernelSource {
    /// The description that comes with the compiler.
    #[default]
    Bundled,
    /// The kernel that runs here.
    Host,
    /// A description file.
    File(PathBuf),
}

impl FromStr for KernelSource {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            "bundled" => KernelSource::Bundled,
            "host" => KernelSource::Host,
            file => KernelSource::File(file.into()),
        })
    }
}

impl KernelSource {
    /// The description.
    ///
    /// # Errors
    /// When there is none, or it is damaged.
    pub fn load(&self) -> Result<Description, SnapshotError> {
        match self {
            KernelSource::Bundled => Ok(Description::bundled()),
            KernelSource::Host => snapshot(Path::new("/")),
            KernelSource::File(path) => {
                let bytes = std::fs::read(path).map_err(|error| SnapshotError::Read(path.clone(), error))?;
                Description::from_bytes(&bytes).map_err(SnapshotError::Description)
            }
        }
    }
}
