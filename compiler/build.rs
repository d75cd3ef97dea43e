//! Generates the parser from `src/syntax/grammar.lalrpop`.

fn main() {
    println!("cargo::rerun-if-changed=src/syntax/grammar.lalrpop");
    lalrpop::Configuration::new().use_cargo_dir_conventions().process().expect("the grammar is sound");
}
