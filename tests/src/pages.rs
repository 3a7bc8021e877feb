//! What a person sees and does on a page, by what it is called there.

mod gradio;
mod home;
mod streamlit;

pub use gradio::GradioApp;
pub use home::HomePage;
pub use streamlit::StreamlitApp;
