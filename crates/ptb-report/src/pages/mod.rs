//! Pages.
/// Error.
#[derive(Debug)] pub enum PageError {}
/// x
pub fn build_pages(){}
