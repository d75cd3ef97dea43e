//! Stable codes of diagnostics: `E01xx` syntax, `E02xx` expansion, `E03xx` names and types, `E04xx` calls,
//! `E05xx` probes, `E06xx` limits and safety; `W` likewise.
