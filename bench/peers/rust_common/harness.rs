//! What the Rust peers share: arguments in, one line of JSON out.

use std::process::exit;

pub struct Workload {
    pub name: &'static str,
    pub unit: &'static str,
    pub run: fn(workers: usize, size: usize) -> f64,
}

pub fn run_program(library: &str, lock_file: &str, workloads: &[Workload]) {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["--version"] => println!("{}", locked_version(library, lock_file)),
        ["--list"] => workloads.iter().for_each(|w| println!("{}", w.name)),
        [name, workers, size] => measure(workloads, name, number(workers), number(size)),
        _ => fail("usage: WORKLOAD WORKERS SIZE | --list | --version"),
    }
}

fn measure(workloads: &[Workload], name: &str, workers: usize, size: usize) {
    let Some(w) = workloads.iter().find(|w| w.name == name) else {
        fail(&format!("no workload '{name}'; see --list"));
    };
    let value = (w.run)(workers, size);
    println!(
        r#"{{"workload": "{}", "unit": "{}", "value": {value}, "peak_rss_mb": {:.1}}}"#,
        w.name,
        w.unit,
        peak_rss_mb()
    );
}

fn number(text: &str) -> usize {
    text.parse().unwrap_or_else(|_| fail(&format!("'{text}' is not a number")))
}

fn fail(message: &str) -> ! {
    eprintln!("{message}");
    exit(2)
}

fn locked_version<'a>(library: &str, lock_file: &'a str) -> &'a str {
    let name = format!("name = \"{library}\"");
    let mut lines = lock_file.lines().skip_while(|line| *line != name);
    lines.nth(1).and_then(|line| line.split('"').nth(1)).unwrap_or("unknown")
}

fn peak_rss_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kb = peak.and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok());
    kb.unwrap_or(0.0) / 1024.0
}
