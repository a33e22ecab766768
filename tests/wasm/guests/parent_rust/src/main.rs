// A parent in Rust that ends its children. languages_children_test.cpp says what it prints.
use weft_guest::{select, spawn, Case, Child, Error, Limit};

fn told(child: &Child) -> String {
    match child.wait(Limit::Forever) {
        Ok(code) => format!("exit code {code}"),
        Err(Error::CANCELLED) => "cancelled".to_string(),
        Err(error) => panic!("{error:?}"),
    }
}

fn end(arguments: &[&str]) {
    let child = spawn("stage", arguments, &[]).unwrap();
    child.cancel().unwrap();
    let (chosen, status) = select(&[Case::end(&child)], Limit::Forever);
    status.unwrap();
    println!("{}: {chosen} {} and {}", arguments[0], told(&child), told(&child));
}

fn main() {
    end(&["sleep", "3600000000000"]);
    end(&["spin"]);
    let child = spawn("stage", &["exit", "7"], &[]).unwrap();
    let before = told(&child);
    child.cancel().unwrap();
    println!("exit: {before} and {}", told(&child));
}
