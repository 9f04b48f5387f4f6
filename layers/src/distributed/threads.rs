//! Ranks that are threads of one process, for tests.

use std::any::Any;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};

use super::Exchange;

type Message = Box<dyn Any + Send>;

/// For each sender and each receiver, a channel.
type Channels = Vec<Vec<(Sender<Message>, Mutex<Receiver<Message>>)>>;

struct Threads<'a> {
    rank: usize,
    channels: &'a Channels,
}

/// Runs `work` on so many ranks at the same time.
pub(crate) fn on_ranks(size: usize, work: impl Fn(&dyn Exchange) + Sync) {
    let pair = || {
        let (sender, receiver) = channel();
        (sender, Mutex::new(receiver))
    };
    let channels: Channels = (0..size).map(|_| (0..size).map(|_| pair()).collect()).collect();
    let (channels, work) = (&channels, &work);
    std::thread::scope(|scope| (0..size).for_each(|rank| drop(scope.spawn(move || work(&Threads { rank, channels })))));
}

impl std::fmt::Debug for Threads<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "rank {} of {}", self.rank, self.size())
    }
}

fn copy<E: Clone + Send + 'static>(elements: &dyn Any) -> Option<Message> {
    elements.downcast_ref::<Vec<E>>().map(|elements| Box::new(elements.clone()) as Message)
}

/// Replaces the elements if they are of this type. As in MPI, the receiver knows the length.
fn replace<E: 'static>(elements: &mut dyn Any, received: &mut Message) -> bool {
    let (Some(elements), Some(received)) = (elements.downcast_mut::<Vec<E>>(), received.downcast_mut::<Vec<E>>())
    else {
        return false;
    };
    assert!(elements.is_empty() || elements.len() == received.len(), "a message of another length");
    std::mem::swap(elements, received);
    true
}

impl Exchange for Threads<'_> {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.channels.len()
    }

    fn send(&self, to: usize, elements: &dyn Any) {
        let message = copy::<u8>(elements).or_else(|| copy::<f32>(elements)).or_else(|| copy::<f64>(elements));
        self.channels[self.rank][to].0.send(message.expect("bytes or numbers")).unwrap();
    }

    fn receive(&self, from: usize, elements: &mut dyn Any) {
        let mut received = self.channels[from][self.rank].1.lock().unwrap().recv().unwrap();
        let is_known = replace::<u8>(elements, &mut received)
            || replace::<f32>(elements, &mut received)
            || replace::<f64>(elements, &mut received);
        assert!(is_known, "a message of another type");
    }
}
