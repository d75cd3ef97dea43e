//! What `bt!` says about mistakes.

#[test]
fn mistakes_are_shown_at_their_place() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("ui/*.rs");
}
