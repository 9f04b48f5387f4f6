//! Recurrent layers over sequences: LSTM, GRU and the plain (Elman) network.

mod bidirectional;
mod build;
mod cell;
mod layer;
mod net;
mod stacked;

pub use bidirectional::{Bidirectional, BidirectionalDraw};
pub use cell::{Cell, GruCell, LstmCell, RnnCell};
pub use layer::{RecurrentAt, RecurrentDraw, RecurrentLayer, RecurrentState, SequenceLayer};
pub use net::{Gru, GruDraw, Lstm, LstmDraw, RecurrentNet, RecurrentNetDraw, Rnn, RnnDraw};
pub use stacked::{Stacked, StackedDraw};
