//! `soak [--sandboxes 500] [--apps 20] [--rounds 10]`: uses a Conductor hard, and tells what it leaves.
//!
//! It ends with 1 if something is left, and names it.

use std::process::ExitCode;

use e2e::{Conductor, Soak};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut soak = Soak {
        sandboxes: 500,
        apps: 20,
        rounds: 10,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(flag) = arguments.next() {
        let number = arguments.next().and_then(|number| number.parse().ok());
        let field = match flag.as_str() {
            "--sandboxes" => &mut soak.sandboxes,
            "--apps" => &mut soak.apps,
            "--rounds" => &mut soak.rounds,
            _ => return usage(),
        };
        match number {
            Some(number) => *field = number,
            None => return usage(),
        }
    }
    let conductor = Conductor::start().await;
    let outcome = soak.run(&conductor).await;
    print!("{outcome}");
    match outcome.leaks.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

fn usage() -> ExitCode {
    eprintln!("usage: soak [--sandboxes 500] [--apps 20] [--rounds 10]");
    ExitCode::from(2)
}
