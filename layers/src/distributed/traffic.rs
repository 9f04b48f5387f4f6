//! `Traffic`: what a rank has sent and received.

use std::fmt;

/// What a rank has sent and received, and how long that took.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Traffic {
    /// Bytes sent to other ranks.
    pub bytes_sent: u64,
    /// Bytes received from other ranks.
    pub bytes_received: u64,
    /// Seconds until messages that others had yet to send began to arrive: other ranks were slower.
    pub seconds_of_waiting: f64,
    /// Seconds in which messages were sent and received.
    pub seconds_of_transfer: f64,
}

impl fmt::Display for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [sent, received] = [self.bytes_sent, self.bytes_received].map(|bytes| bytes as f64 / 1e6);
        let Traffic { seconds_of_waiting, seconds_of_transfer, .. } = self;
        write!(
            f,
            "sent {sent:.1} MB, received {received:.1} MB; {seconds_of_waiting:.2} s of waiting, {seconds_of_transfer:.2} s of \
             transfer"
        )
    }
}
