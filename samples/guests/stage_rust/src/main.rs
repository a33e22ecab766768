//! A stage of the sample guest_pipeline, in Rust: leaves out words of fewer than four letters. docs/guests.md tells how to
//! build it.
use weft_guest::{Limit, Receiver, Sender};

fn main() {
    let (input, output) = (Receiver::numbered(0), Sender::numbered(1));
    while let Ok(word) = input.receive(Limit::Forever) {
        if word.len() >= 4 && output.send(&word, Limit::Forever).is_err() {
            return;
        }
    }
}
