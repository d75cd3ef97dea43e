//! Test cases as files: see [`case`] for what they say, [`run`] for how they are run.

pub mod case;
pub mod machine;
pub mod run;
