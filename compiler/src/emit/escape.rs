//! The one place where text from a script becomes C or Rust text.
