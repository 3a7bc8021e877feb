//! The planner from the outside: prompts and files in, programs out, and the programs run by a real
//! Python.
//!
//! The Python is that of the project (`.venv/`), or the environment that `CONDUCTOR_VENV` names.
//! Without one these tests fail: a planner whose programs nobody ran is not tested.

mod dashboards;
mod data;
mod forms;
mod literals;
mod python;
