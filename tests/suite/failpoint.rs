//! Fail points exist only in a program built with the feature `failpoints`. `tests/run figures` looks at the released one.

#[test]
fn only_a_build_with_the_feature_has_fail_points() {
    let program = std::fs::read(env!("CARGO_BIN_EXE_sendoff")).expect("the program");
    let holds = |word: &[u8]| program.windows(word.len()).any(|window| window == word);

    assert!(holds(b"SENDOFF_DATABASE"), "variable names are found in the binary");
    assert_eq!(holds(b"SENDOFF_FAILPOINT") || holds(b"SENDOFF_BUG"), cfg!(feature = "failpoints"));
}
