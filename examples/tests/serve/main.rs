//! The service of `serve`, over real connections. A binary of its own, because it needs the feature `serve`.

mod answers;
mod batches;
mod bodies;
mod common;
mod mistakes;
mod program;
mod reload;
mod stop;
