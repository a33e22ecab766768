use super::host_in_tests::{Seen, SEEN};
use super::*;

fn look<R>(at: impl FnOnce(&Seen) -> R) -> R {
    SEEN.with(|seen| at(&seen.borrow()))
}

fn answer(code: u32) {
    SEEN.with(|seen| seen.borrow_mut().answer = code);
}

#[test]
fn a_long_message_is_fetched_whole() {
    let (sender, receiver) = channel(1).unwrap();
    let long: Vec<u8> = (0..100_000u32).map(|n| n as u8).collect();
    sender.send(&long, Limit::Forever).unwrap();
    assert_eq!(receiver.receive(Limit::Nanoseconds(5)), Ok(long));
    assert_eq!(look(|seen| seen.limits.clone()), [-1, 5, 5]);
}

#[test]
fn a_message_that_does_not_fit_is_kept() {
    let (sender, receiver) = channel(1).unwrap();
    sender.send(b"hello", Limit::AtOnce).unwrap();
    assert_eq!(receiver.receive_into(&mut [0; 3], Limit::AtOnce), Err(Error::TOO_LONG));
    let mut buffer = [0; 8];
    assert_eq!(receiver.receive_into(&mut buffer, Limit::AtOnce), Ok(5));
    assert_eq!(&buffer[..5], b"hello");
    answer(Error::END.0);
    assert_eq!(receiver.receive(Limit::AtOnce), Err(Error::END));
}

#[test]
fn limits_below_nothing_are_none_at_all() {
    assert_eq!(Limit::Nanoseconds(-3).number(), 0);
    assert_eq!(Limit::AtOnce.number(), 0);
    assert_eq!(Limit::Forever.number(), -1);
}

#[test]
fn ends_and_children_give_their_numbers_up() {
    drop(channel(1).unwrap());
    drop(spawn("stage", &[], &[]).unwrap());
    assert_eq!(look(|seen| seen.closed.clone()), [3, 4, 9]);
    answer(Error::NOT_FOUND.0);
    assert_eq!(Sender::open("jobs").err(), Some(Error::NOT_FOUND));
    assert_eq!(look(|seen| seen.closed.len()), 3);
}

#[test]
fn a_child_gets_its_arguments_is_cancelled_and_tells_it() {
    let child = spawn("stage", &["sleep", "", "10"], &[3, 4]).unwrap();
    assert_eq!(look(|seen| seen.arguments.clone()), b"sleep\0\x0010\0");
    assert_eq!(look(|seen| seen.channels.clone()), [3, 4]);
    assert_eq!(child.wait(Limit::Forever), Ok(7));
    assert_eq!(child.cancel(), Ok(()));
    assert_eq!(look(|seen| seen.cancelled.clone()), [9]);
    answer(Error::CANCELLED.0);
    assert_eq!(child.wait(Limit::Forever), Err(Error::CANCELLED));
}

#[test]
fn cases_lie_as_the_host_reads_them() {
    assert_eq!(core::mem::offset_of!(Case, kind), 4);
    assert_eq!(core::mem::offset_of!(Case, data), 8);
    let (sender, receiver) = channel(1).unwrap();
    let child = spawn("stage", &[], &[]).unwrap();
    let cases = [Case::receive(&receiver), Case::send(&sender, b"abc"), Case::end(&child)];
    answer(Error::END.0);
    assert_eq!(select(&cases, Limit::AtOnce), (2, Err(Error::END)));
    assert_eq!(look(|seen| seen.cases.clone()), [(4, 0, 0), (3, 1, 3), (9, 2, 0)]);
}
