//! Prints the program that the planner writes: `cargo run -p planner --example plan -- PROMPT [CSV]`.

#![expect(
    clippy::disallowed_methods,
    reason = "an example is a program, with arguments of its own"
)]

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (prompt, path) = match &arguments[..] {
        [prompt] => (prompt, None),
        [prompt, path] => (prompt, Some(std::path::Path::new(path))),
        _ => return Err("give a prompt and, if you like, the path of a CSV file".into()),
    };
    let plan = match path {
        None => planner::plan(prompt, None, None),
        Some(path) => {
            let profile = profile::profile(&std::fs::read(path)?, profile::Options::default())?;
            let file_name = path.file_name().unwrap_or_default().to_string_lossy();
            planner::plan(prompt, None, Some((&profile, &file_name)))
        }
    };
    for assumption in &plan.assumptions {
        eprintln!("assumed: {assumption}");
    }
    print!("{}", planner::render(&plan));
    Ok(())
}
