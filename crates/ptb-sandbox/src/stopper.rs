//! Ending a sandbox from anywhere in the program.

use std::sync::Arc;

use rustix::event::{EventfdFlags, eventfd};
use rustix::fd::OwnedFd;
use rustix::io;

const CANCEL: u64 = 1;
const KILL: u64 = 1 << 32;

/// Ends one sandbox; can be cloned and sent to other threads. It does nothing once the sandbox has ended.
#[derive(Debug, Clone)]
pub struct Stopper(Arc<OwnedFd>);

/// What the caller wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Cancel,
    Kill,
}

impl Stopper {
    /// A stopper, and the descriptor at which its orders arrive.
    pub(crate) fn new() -> io::Result<(Self, OwnedFd)> {
        let orders = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let receiver = io::fcntl_dupfd_cloexec(&orders, 0)?;
        Ok((Self(Arc::new(orders)), receiver))
    }

    /// Asks every process to end, and kills what is left after the grace period.
    pub fn terminate(&self) {
        self.add(CANCEL);
    }

    /// Kills every process at once.
    pub fn kill(&self) {
        self.add(KILL);
    }

    /// Only an overflow could fail, and then an order is waiting already.
    fn add(&self, order: u64) {
        let _ = io::write(&*self.0, &order.to_ne_bytes());
    }
}

/// The strongest order since the last look.
pub(crate) fn take(orders: &OwnedFd) -> Option<Order> {
    let mut sum = [0; 8];
    io::read(orders, &mut sum).ok()?;
    let sum = u64::from_ne_bytes(sum);
    if sum >= KILL { Some(Order::Kill) } else { Some(Order::Cancel) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strongest_order_wins_and_is_taken_once() {
        let (stopper, orders) = Stopper::new().expect("a stopper");
        assert_eq!(take(&orders), None);
        stopper.terminate();
        stopper.terminate();
        assert_eq!(take(&orders), Some(Order::Cancel));
        stopper.terminate();
        stopper.clone().kill();
        assert_eq!(take(&orders), Some(Order::Kill));
        assert_eq!(take(&orders), None);
    }
}
