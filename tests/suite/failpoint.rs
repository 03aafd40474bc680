//! Fail points are for the harness alone.

#[test]
fn a_program_built_as_it_is_shipped_has_no_fail_points() {
    let program = std::fs::read(env!("CARGO_BIN_EXE_sendoff")).expect("the program");
    let holds = |word: &[u8]| program.windows(word.len()).any(|window| window == word);

    assert!(holds(b"SENDOFF_DATABASE"), "the names of variables can be found in it");
    assert_eq!(holds(b"SENDOFF_FAILPOINT") || holds(b"SENDOFF_BUG"), cfg!(feature = "failpoints"));
}
