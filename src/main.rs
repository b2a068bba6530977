//! Entry point of the program.
fn main() {}
