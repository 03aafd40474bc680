# Daily commands; `just --list` shows them. All are thin names for tests/run and cargo.

# Type-check everything
check:
    tests/run check

# Unit and suite tests of one module, e.g. `just module campaign`
module name filter="":
    tests/run module {{name}} {{filter}}

# The whole suite on SQLite and PostgreSQL
suite filter="":
    tests/run suite {{filter}}

# Format, clippy, documentation
lints:
    tests/run lints

# Everything that must pass before a change is merged
all:
    tests/run

# A server with demo data, on http://localhost:8080
demo:
    cargo run --release -- demo
